// SPDX-License-Identifier: BSD-2-Clause
//! `bblog plot`: pages in a real browser, and the numbers in them beside those of `bblog csv`.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bblog_tests::chromium::Chromium;
use bblog_tests::fixtures::{STACKS, fixture};
use bblog_tests::programs;
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

fn bblog(args: &[&str], log: &Path) -> Output {
    let mut command = Command::new(programs::program("bblog"));
    command.args(args).arg(log);
    if log.extension().is_some_and(|extension| extension == "tcplog") {
        command.args(["--stack", STACKS, "--kernel", "13"]);
    }
    command.output().expect("bblog runs")
}

fn page_of(log: &Path, folder: &TempDir) -> PathBuf {
    let page = folder.path().join("page.html");
    let plotted = bblog(&["plot", "--overwrite", "-o", page.to_str().expect("UTF-8")], log);
    assert!(plotted.status.success(), "{}", String::from_utf8_lossy(&plotted.stderr));
    page
}

#[test]
fn pages_draw_zoom_and_answer_in_a_browser() {
    if !Chromium::is_here() {
        return;
    }
    let folder = TempDir::new().unwrap();
    for log in LOGS {
        let page = page_of(&fixture(log), &folder);
        let mut browser = Chromium::open(&page, (1300, 1250));
        browser.wait_until("document.documentElement?.dataset.state === 'drawn'");
        assert_ne!(browser.evaluate("document.getElementById('verdict').textContent"), "", "{log}");
        // Something was drawn: not all pixels of the first panel's canvas are alike.
        let colours = "new Set(new Uint32Array((() => { const c = document.querySelector('canvas'); \
                       return c.getContext('2d').getImageData(0, 0, c.width, c.height).data.buffer; })())).size";
        assert!(browser.evaluate(colours).as_u64().unwrap_or_default() > 10, "{log}: the canvas is blank");

        let whole = browser.evaluate("document.getElementById('span').textContent");
        let from = browser.place(".u-over", (0.2, 0.5));
        let to = browser.place(".u-over", (0.5, 0.5));
        browser.drag(from, to);
        browser.wait_until(&format!("document.getElementById('span').textContent !== {whole}"));
        browser.key("0");
        browser.wait_until(&format!("document.getElementById('span').textContent === {whole}"));

        let place = browser.place("#panel-events .u-over", (0.5, 0.5));
        browser.point(place);
        let bands = browser.place("#panel-bands .u-over", (0.5, 0.1));
        browser.point(bands);
        browser.wait_until("document.getElementById('tooltip').textContent.startsWith('limited by: ')");

        browser.key("5");
        browser.wait_until("document.getElementById('panel-bands') === null");
        browser.key("s");
        browser.wait_until("document.getElementById('message').textContent.includes('bblog show')");
        assert!(browser.complaints().is_empty(), "{log}: {:?}", browser.complaints());
    }
}

/// The JSON object of a page, and the bytes of its first blob.
fn data_of(page: &Path) -> (Value, Vec<u8>) {
    let page = std::fs::read_to_string(page).unwrap();
    let between = |start: &str| {
        let (_, rest) = page.split_once(start).expect("the page has it");
        rest.split_once("</script>").expect("an end").0.to_owned()
    };
    let data = serde_json::from_str(&between("id=\"data\">")).expect("JSON");
    (data, decoded(&between("id=\"blob-0\">")))
}

fn decoded(base64: &str) -> Vec<u8> {
    let digit = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let digits: Vec<u8> = base64.bytes().filter(|byte| *byte != b'=').collect();
    let bits = |four: &[u8]| four.iter().fold(0_u32, |bits, byte| bits << 6 | u32::from(digit(*byte)));
    let bytes = |four: &[u8]| {
        let bits = bits(four) << (6 * (4 - four.len()));
        bits.to_be_bytes()[1..four.len()].to_vec()
    };
    digits.chunks(4).flat_map(bytes).collect()
}

fn column(column: &Value, blob: &[u8]) -> Vec<f64> {
    let number = |at: usize| column[at].as_u64().expect("a number") as usize;
    let (offset, length) = (number(1), number(2));
    let at = |size: usize| blob[offset..offset + size * length].chunks(size);
    match column[0].as_str() {
        Some("u32") => at(4).map(|bytes| f64::from(u32::from_le_bytes(bytes.try_into().unwrap()))).collect(),
        Some("f64") => at(8).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap())).collect(),
        other => panic!("{other:?}: no such type"),
    }
}

#[test]
fn a_page_holds_the_numbers_that_csv_prints() {
    let folder = TempDir::new().unwrap();
    for log in ["rack_tailloss_rto.tcplog", "bbr_120.tcplog", "default_v4mapped.tcplog"] {
        let log = fixture(log);
        let (data, blob) = data_of(&page_of(&log, &folder));
        let csv = bblog(&["csv", "--fields", "relative,bblog.state,bblog.snd_cwnd"], &log);
        let csv = String::from_utf8(csv.stdout).unwrap();
        let mut expected: Vec<(f64, f64)> = Vec::new();
        for row in csv.lines().skip(1) {
            let cells: Vec<&str> = row.split(',').collect();
            let [time, state, cwnd] = cells[..] else { panic!("{row}: three columns") };
            // Before the connection is established its window is not set.
            if ["0", "1", "2", "3"].contains(&state) && expected.is_empty() || cwnd.is_empty() {
                continue;
            }
            let point = ((time.parse::<f64>().unwrap() * 1e6).round(), cwnd.parse().unwrap());
            if expected.last().is_none_or(|last| last.1 != point.1) {
                expected.push(point);
            }
        }
        let lines = data["connections"][0]["lines"].as_array().unwrap();
        let cwnd = lines.iter().find(|line| line["id"] == "cwnd").expect("a line");
        let level = &cwnd["levels"][0];
        let mut drawn: Vec<(f64, f64)> =
            column(&level["x"], &blob).into_iter().zip(column(&level["y"], &blob)).collect();
        // The SYN of the peer opens a connection one record before a record says so.
        let drawn = drawn.split_off(drawn.len() - expected.len().min(drawn.len()));
        assert_eq!(drawn, expected, "{}", log.display());
    }
}

#[test]
fn what_cannot_be_plotted_leaves_no_file() {
    let folder = TempDir::new().unwrap();
    let place = folder.path().join("out.svg");
    let out = place.to_str().unwrap();
    let log = fixture("rack_tailloss_rto.tcplog");
    let nothing = bblog(&["plot", "-o", out, "--filter", "bblog.snd_cwnd == 1"], &log);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("nothing to plot"));
    let small = bblog(&["plot", "-o", out, "--size", "200x200"], &log);
    assert_eq!(small.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&small.stderr).contains("too small"));
    let several = bblog(&["plot", "-o", out], &fixture("small-plain.elog"));
    assert_eq!(several.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&several.stderr).contains("5 connections"), "{several:?}");
    assert!(!place.exists());
    std::fs::write(&place, "mine").unwrap();
    assert_eq!(bblog(&["plot", "-o", out], &log).status.code(), Some(1));
    assert_eq!(std::fs::read(&place).unwrap(), b"mine");
}
