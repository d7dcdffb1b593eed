// SPDX-License-Identifier: BSD-2-Clause
//! Pages of `bblog plot` in a real browser: they draw, zoom, answer, and what they copy selects the events in view.
//!
//! With `BBLOG_SCREENSHOTS=update` the pictures in docs/plots are made anew.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use bblog_tests::chromium::Chromium;
use bblog_tests::fixtures::{STACKS, fixture};
use bblog_tests::page::Page;
use bblog_tests::programs;
use bblog_tests::repeat::repeated;
use bblog_tests::tshark::Tshark;
use serde_json::Value;
use tempfile::TempDir;

/// Logs of three stacks and of eventlog.
const LOGS: [&str; 5] = [
    "rack_tailloss_rto.tcplog",
    "bbr_120.tcplog",
    "default_v4mapped.tcplog",
    "rack_reqresp.tcplog",
    "small-plain.elog",
];
const WINDOW: (u32, u32) = (1300, 1500);
const DRAWN: &str = "document.documentElement?.dataset.state === 'drawn'";

fn page_of(log: &Path, folder: &TempDir) -> PathBuf {
    let page = folder.path().join("page.html");
    let mut command = Command::new(programs::program("bblog"));
    command.args(["plot", "--overwrite", "-o"]).arg(&page).arg(log);
    if log.extension().is_some_and(|extension| extension == "tcplog") {
        command.args(["--stack", STACKS, "--kernel", "13"]);
    }
    let plotted = command.output().expect("bblog runs");
    assert!(plotted.status.success(), "{}", String::from_utf8_lossy(&plotted.stderr));
    page
}

fn open(page: &Path) -> Chromium {
    let mut browser = Chromium::open(page, WINDOW);
    browser.wait_until(DRAWN);
    browser
}

fn text_of(browser: &mut Chromium, id: &str) -> String {
    let text = browser.evaluate(&format!("document.getElementById('{id}').textContent"));
    text.as_str().expect("a text").to_owned()
}

#[test]
fn pages_draw_zoom_and_answer() {
    if !Chromium::is_here() {
        return;
    }
    let folder = TempDir::new().unwrap();
    for log in LOGS {
        let mut browser = open(&page_of(&fixture(log), &folder));
        assert_ne!(text_of(&mut browser, "verdict"), "", "{log}");
        // Something was drawn: not all pixels of the first panel's canvas are alike.
        let colours = "new Set(new Uint32Array((() => { const c = document.querySelector('canvas'); \
                       return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer; })())).size";
        assert!(browser.evaluate(colours).as_u64().unwrap_or_default() > 10, "{log}: the canvas is blank");
        zooms(&mut browser);
        answers(&mut browser);
        hides_panels(&mut browser);
        assert!(browser.complaints().is_empty(), "{log}: {:?}", browser.complaints());
    }
}

/// A drag, the wheel and keys change the span in view; a double click shows all.
fn zooms(browser: &mut Chromium) {
    let whole = text_of(browser, "span");
    let is = |span: &str| format!("document.getElementById('span').textContent === {}", Value::from(span));
    let (from, to) = (browser.place(".u-over", (0.2, 0.5)), browser.place(".u-over", (0.5, 0.5)));
    browser.drag(from, to);
    browser.wait_until(&format!("!({})", is(&whole)));
    let zoomed = text_of(browser, "span");
    browser.key("ArrowRight");
    browser.wait_until(&format!("!({})", is(&zoomed)));
    browser.key("ArrowLeft");
    browser.wait_until(&is(&zoomed));
    browser.key("+");
    browser.wait_until(&format!("!({})", is(&zoomed)));
    let place = browser.place(".u-over", (0.5, 0.5));
    let wheel =
        serde_json::json!({ "type": "mouseWheel", "x": place.0, "y": place.1, "deltaX": 0, "deltaY": 100 });
    let before = text_of(browser, "span");
    browser.call("Input.dispatchMouseEvent", wheel);
    browser.wait_until(&format!("!({})", is(&before)));
    browser.double_click(place);
    browser.wait_until(&is(&whole));
}

/// The pointer over an event shows its number and its sentence, over a state its name.
fn answers(browser: &mut Chromium) {
    let tooltip = "document.getElementById('tooltip')";
    let first = browser.place("#panel-events .u-over", (0.0, 0.02));
    browser.point((first.0 + 1.0, first.1 + 4.0));
    browser.wait_until(&format!("/^event \\d+  .*\\n.+/.test({tooltip}.textContent)"));
    let bands = browser.place("#panel-bands .u-over", (0.5, 0.04));
    browser.point(bands);
    browser.wait_until(&format!("{tooltip}.textContent.startsWith('limited by: ')"));
    browser.key("?");
    browser.wait_until("document.getElementById('help').open");
    browser.key("?");
    browser.wait_until("!document.getElementById('help').open");
}

fn hides_panels(browser: &mut Chromium) {
    browser.key("6");
    browser.wait_until("document.getElementById('panel-bands') === null");
    browser.evaluate("document.getElementById('toggle-bands').click()");
    browser.wait_until("document.querySelector('#panel-bands canvas') !== null");
}

/// Colours follow the system's; paper is light.
#[test]
fn dark_light_and_paper() {
    if !Chromium::is_here() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let mut browser = open(&page_of(&fixture("rack_tailloss_rto.tcplog"), &folder));
    let background = "getComputedStyle(document.body).backgroundColor";
    for (scheme, expected) in [("dark", "rgb(20, 23, 28)"), ("light", "rgb(255, 255, 255)")] {
        browser.emulate("screen", scheme);
        browser.wait_until(&format!("{background} === '{expected}'"));
    }
    browser.emulate("print", "dark");
    browser.evaluate("dispatchEvent(new Event('beforeprint'))");
    browser.wait_until(&format!("{background} === 'rgb(255, 255, 255)'"));
    let shown = "getComputedStyle(document.getElementById('toggles')).display";
    assert_eq!(browser.evaluate(shown), "none", "buttons are not printed");
    let pdf = browser.call("Page.printToPDF", serde_json::json!({ "printBackground": true }));
    assert!(pdf["data"].as_str().is_some_and(|data| data.len() > 50_000), "a page on paper");
    assert!(browser.complaints().is_empty(), "{:?}", browser.complaints());
}

/// What the page copies runs, and selects the events in view.
#[test]
fn copied_commands_select_the_events_in_view() {
    if !Chromium::is_here() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let tshark = Tshark::with_plugin();
    for log in ["rack_tailloss_rto.tcplog", "default_v4mapped.tcplog", "small-plain.elog"] {
        let log = fixture(log);
        let page = page_of(&log, &folder);
        let mut browser = open(&page);
        browser.evaluate(
            "Object.defineProperty(navigator, 'clipboard', { value: { writeText: async (text) => { window.copied = text; } } })",
        );
        let (from, to) = (browser.place(".u-over", (0.3, 0.5)), browser.place(".u-over", (0.7, 0.5)));
        let whole = text_of(&mut browser, "span");
        browser.drag(from, to);
        browser
            .wait_until(&format!("document.getElementById('span').textContent !== {}", Value::from(whole)));
        let expected = events_in_view(&page, &text_of(&mut browser, "span"));
        let copied = |browser: &mut Chromium, button: &str| {
            browser.evaluate(&format!("window.copied = ''; document.getElementById('{button}').click()"));
            browser.wait_until("window.copied !== ''");
            browser.evaluate("window.copied").as_str().expect("a text").to_owned()
        };
        let show = copied(&mut browser, "copy-show");
        let words = shlex::split(&show).expect("words of a shell");
        assert_eq!(words[0], "bblog");
        let shown = Command::new(programs::program("bblog")).args(&words[1..]).args(["-n", "-e"]).output();
        let shown = shown.expect("bblog runs");
        assert!(shown.status.success(), "{show}: {}", String::from_utf8_lossy(&shown.stderr));
        let json: Vec<String> =
            words[1..].iter().map(|word| if word == "show" { "json".into() } else { word.clone() }).collect();
        let json = Command::new(programs::program("bblog")).args(json).output().expect("bblog runs");
        let events = json.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let names: Vec<String> = events
            .map(|line| {
                serde_json::from_slice::<Value>(line).expect("JSON")["event"]
                    .as_str()
                    .expect("a name")
                    .to_owned()
            })
            .collect();
        assert_eq!(names, expected, "{show}");

        let filter = copied(&mut browser, "copy-filter");
        let capture = programs::convert(&log);
        let listed = tshark.text(&["-r", "-", "-Y", &filter, "-T", "fields", "-e", "frame.number"], &capture);
        assert_eq!(listed.lines().count(), expected.len(), "{filter}\n{listed}");
    }
}

/// The names of the first connection's events in the span that the page says it shows.
fn events_in_view(page: &Path, span: &str) -> Vec<String> {
    let page = Page::read(page);
    let (from, to) = span.split_once(" to ").expect("a span");
    let microseconds =
        |text: &str| (text.trim_end_matches(" s").parse::<f64>().expect("a time") * 1e6).round();
    let ticks = &page.data["connections"][0]["ticks"];
    let numbers = page.numbers(0);
    let names = ticks["codes"].as_array().expect("names");
    let codes = numbers.column(&ticks["code"]);
    let events = numbers.column(&ticks["t"]).into_iter().zip(codes);
    events
        .filter(|(time, _)| (microseconds(from)..=microseconds(to)).contains(time))
        .map(|(_, code)| names[code as usize]["name"].as_str().expect("a name").to_owned())
        .collect()
}

/// A long log is drawn at once, and moves without lag. `BBLOG_PLOT_RECORDS` makes it longer: docs/performance.md has
/// the times of a million.
#[test]
fn a_long_log_is_drawn_at_once() {
    if !Chromium::is_here() {
        return;
    }
    let count = std::env::var("BBLOG_PLOT_RECORDS").map_or(100_000, |count| count.parse().expect("a number"));
    let folder = TempDir::new().unwrap();
    for log in ["rack_tailloss_rto.tcplog", "bbr_120.tcplog"] {
        let stream = repeated(&std::fs::read(fixture(log)).unwrap(), count);
        let long = folder.path().join(log);
        std::fs::write(&long, stream).unwrap();
        let begun = Instant::now();
        let page = page_of(&long, &folder);
        let plotted = begun.elapsed();
        let bytes = std::fs::metadata(&page).unwrap().len();
        assert!(bytes <= 25_000_000 * count as u64 / 1_000_000 + 1_000_000, "{log}: {bytes} bytes");
        let data = Page::read(&page);
        let ticks = &data.data["connections"][0]["ticks"];
        assert!(ticks["t"][2].as_u64().unwrap() >= count as u64, "{log}: every event is in the page");
        // Retransmissions are marks: all of them are there, however far the view is.
        let bars = data.data["connections"][0]["bars"].as_array().unwrap();
        assert!(
            bars.iter()
                .filter(|bars| bars["is_mark"] == true)
                .all(|bars| bars["coarser"] == serde_json::json!([]))
        );

        let mut browser = Chromium::open(&page, WINDOW);
        browser.wait_until(DRAWN);
        let drawn = browser.evaluate("performance.now()").as_f64().expect("a time");
        let frames = "(async () => { const times = []; for (let at = 0; at < 20; at++) { const start = performance.now(); \
                      document.body.dispatchEvent(new KeyboardEvent('keydown', { key: at % 2 ? 'ArrowLeft' : 'ArrowRight', bubbles: true })); \
                      await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0))); times.push(performance.now() - start); } \
                      return times.sort((a, b) => a - b)[10]; })()";
        browser.key("+");
        let half = browser.evaluate(frames).as_f64().expect("a time");
        for _ in 0..6 {
            browser.key("+");
        }
        let near = browser.evaluate(frames).as_f64().expect("a time");
        eprintln!(
            "{log}: {count} records, page {bytes} bytes in {plotted:?}, drawn in {drawn:.0} ms, a frame {half:.0} ms of the half, {near:.0} ms of 1/128"
        );
        // A machine that does other things besides takes its time; a page that does not scale takes many times this.
        assert!(drawn < 20_000.0 && half < 3_000.0, "{log}: {drawn} ms, {half} ms");
        assert!(browser.complaints().is_empty(), "{log}: {:?}", browser.complaints());
    }
}

/// The pictures in docs/plots are what pages look like: the same size, and as many pixels of each state's colour.
#[test]
fn the_pictures_of_the_manual_are_like_the_pages() {
    if !Chromium::is_here() {
        return;
    }
    let folder = TempDir::new().unwrap();
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/plots");
    for log in LOGS {
        let mut browser = open(&page_of(&fixture(log), &folder));
        let colours = "Array.from(document.querySelectorAll('#shares > span'), (part) => getComputedStyle(part).backgroundColor)";
        let colours = browser.evaluate(colours);
        let screenshot = browser.screenshot();
        let kept = pictures.join(log).with_extension("png");
        if std::env::var("BBLOG_SCREENSHOTS").is_ok_and(|wanted| wanted == "update") {
            std::fs::create_dir_all(&pictures).unwrap();
            std::fs::write(&kept, &screenshot).unwrap();
        }
        let (size, pixels) = decoded(&screenshot);
        let (kept_size, kept_pixels) = decoded(&std::fs::read(&kept).unwrap());
        assert_eq!(size, kept_size, "{}", kept.display());
        for colour in
            colours.as_array().expect("colours").iter().map(|colour| rgb(colour.as_str().expect("a colour")))
        {
            let [here, there] =
                [&pixels, &kept_pixels].map(|pixels| pixels.get(&colour).copied().unwrap_or_default());
            assert!(
                here.abs_diff(there) <= 300 + there / 4,
                "{}: {colour:?}: {here}, {there}",
                kept.display()
            );
        }
    }
}

/// The size of a PNG, and how many pixels it has of each colour.
fn decoded(png: &[u8]) -> ((u32, u32), HashMap<[u8; 3], u64>) {
    let mut reader = png::Decoder::new(std::io::Cursor::new(png)).read_info().expect("PNG");
    let mut bytes = vec![0; reader.output_buffer_size().expect("a size")];
    let info = reader.next_frame(&mut bytes).expect("pixels");
    let mut pixels = HashMap::new();
    for pixel in bytes[..info.buffer_size()].chunks(info.color_type.samples()) {
        *pixels.entry([pixel[0], pixel[1], pixel[2]]).or_default() += 1;
    }
    ((info.width, info.height), pixels)
}

/// `rgb(20, 23, 28)` as numbers.
fn rgb(colour: &str) -> [u8; 3] {
    let numbers = colour.trim_start_matches("rgb(").trim_end_matches(')').split(", ");
    let numbers: Vec<u8> = numbers.map(|number| number.parse().expect("a number")).collect();
    numbers.try_into().expect("three numbers")
}
