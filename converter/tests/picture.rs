// SPDX-License-Identifier: BSD-2-Clause
//! Pictures of a made-up connection in every form. What a log says is text in them, never markup.

use bblog_converter::picture::model::{
    BandRow, BarRole, Bars, ConnectionPicture, Panel, Range, SentenceList, Series, SeriesStyle, StallBand,
    Ticks,
};
use bblog_converter::picture::svg::{self, StillSize};
use bblog_converter::picture::{html, perfetto, png, xpl};

/// A name that a hostile program chose for its log id.
const HOSTILE: &str = "<script>alert(1)</script> ]]> \u{1b}[31m & \"quoted\"\nline";

fn picture() -> ConnectionPicture {
    let mut cwnd = Series::new(Panel::Window, "cwnd", "cwnd", SeriesStyle::Step);
    let mut una = Series::new(Panel::Sequence, "acked", "snd_una", SeriesStyle::Step);
    let mut rtt = Series::new(Panel::Rtt, "sample", "RTT sample", SeriesStyle::Dots);
    for at in 0..200_u64 {
        cwnd.push(at * 1000, (14480 + at % 50 * 1448) as f64);
        una.push(at * 1000, (at * 1448) as f64);
        rtt.push(at * 1000, (20_000 + at * 7919 % 5000) as f64);
    }
    let range =
        |at: u64| Range { time: at * 1000, low: at * 1448 + 1, high: at * 1448 + 1449, number: at + 1 };
    let late = |at: u64| Range { time: at * 1000 + 90_000, number: at + 100, ..range(at) };
    let bars = |kind, label, role, ranges| Bars { panel: Panel::Sequence, kind, label, role, ranges };
    let mut texts = SentenceList::default();
    texts.push(7, |text| text.push_str(HOSTILE));
    ConnectionPicture {
        title: format!("192.0.2.1:80 \u{2013} 192.0.2.2:5000 {HOSTILE}"),
        host: "192.0.2.1".to_owned(),
        lost_us: 120_000,
        minor: None,
        details: "stack rack".to_owned(),
        verdict: "60 % of the time was lost to a timeout.".to_owned(),
        origin_us: 1_700_000_000_000_001,
        utc: true,
        duration_us: 200_000,
        filter: "bblog.stream == 0".to_owned(),
        show: "bblog show".to_owned(),
        files: vec!["a.tcplog".to_owned()],
        shares: vec![("timeout", 120_000), ("application", 80_000)],
        stalls: vec![StallBand { start_us: 50_000, duration_us: 40_000, text: HOSTILE.to_owned() }],
        lines: vec![cwnd, una, rtt],
        bars: vec![
            bars("sent", "sent", BarRole::Plain, (0..200).map(range).collect()),
            bars("tlp", "TLP retransmission", BarRole::Retransmission, (50..53).map(late).collect()),
        ],
        bands: vec![BandRow {
            row: "limit",
            label: "limit",
            spans: vec![(0, 80_000, "application"), (80_000, 200_000, "timeout")],
        }],
        ticks: Ticks {
            times: (0..200).map(|at| at * 1000).collect(),
            numbers: (1..=200).collect(),
            codes_of: (0..200).map(|at| at % 2).collect(),
            codes: vec![("OUT".to_owned(), "packet"), ("TIMERSTAR".to_owned(), "timer")],
            texts,
        },
    }
}

#[test]
fn a_page_holds_its_data_and_no_markup_of_the_log() {
    let mut page = Vec::new();
    html::write(&[picture()], &mut page).unwrap();
    let page = String::from_utf8(page).unwrap();
    assert!(!page.contains("<script>alert"), "markup of the log");
    assert!(page.contains("\\u003cscript\\u003ealert"), "the text is there all the same");
    assert!(!page.contains("{{"), "a place of the frame was not filled");
    assert!(!page.contains("http://") || !page.contains("src=\"http"), "nothing is loaded");
}

#[test]
fn a_still_has_all_panels_and_no_markup_of_the_log() {
    let svg = svg::draw(&picture(), StillSize { width: 1000, height: 900 }).unwrap();
    assert!(!svg.contains("<script>"), "{svg}");
    for text in ["Sequence numbers", "Windows and flight", "Round-trip time", "States", "Events"] {
        assert!(svg.contains(text), "{text} is missing");
    }
    let png = png::render(&svg).unwrap();
    assert_eq!(png[..8], *b"\x89PNG\r\n\x1a\n");
    assert_eq!(png[16..24], [0, 0, 3, 232, 0, 0, 3, 132]);
    // Letters are drawn: the heading is not blank.
    let without = png::render(&svg.replace("<text", "<desc").replace("</text", "</desc")).unwrap();
    assert!(png.len() > without.len() + 1000, "no letters");
    if let Some(folder) = std::env::var_os("BBLOG_PICTURES") {
        std::fs::write(std::path::Path::new(&folder).join("still.png"), png).unwrap();
    }
}

#[test]
fn xplot_gets_one_command_a_line() {
    let mut plot = Vec::new();
    xpl::write(&picture(), &mut plot).unwrap();
    let plot = String::from_utf8(plot).unwrap();
    let mut lines = plot.lines();
    assert_eq!(lines.next(), Some("timeval unsigned"));
    assert_eq!(lines.next(), Some("title"));
    assert!(lines.next().is_some_and(|title| title.ends_with("\"quoted\" line")));
    assert_eq!(plot.lines().last(), Some("go"));
    assert!(plot.contains("magenta\nline 1700000000.140001 72401 1700000000.140001 73849"));
}

#[test]
fn a_trace_has_a_flow_from_a_segment_to_its_retransmission() {
    let mut trace = Vec::new();
    perfetto::write(&[picture()], &mut trace).unwrap();
    let flow = |id: u8| [0xf9, 0x02, id, 0, 0, 0, 0, 0, 0, 0];
    for id in 2..5 {
        let found = trace.windows(10).filter(|bytes| **bytes == flow(id)).count();
        assert_eq!(found, 2, "flow {id}");
    }
}
