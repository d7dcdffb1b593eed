// SPDX-License-Identifier: BSD-2-Clause
//! Every row of every table through the real tshark: exactly the row's value, under exactly its
//! filter name, in the frame that holds it.

use std::collections::HashMap;
use std::sync::LazyLock;

use bblog_dissector::catalog::Catalog;
use bblog_dissector::event::{self, RecordContext};
use bblog_dissector::tables;
use bblog_tests::rows::{self, Capture, Expected, Sample};
use bblog_tests::tshark::Tshark;
use serde_json::Value;

static TSHARK: LazyLock<Tshark> = LazyLock::new(Tshark::with_plugin);
/// Our protocols only: the rest of a frame is not what is tested.
const JSON: [&str; 3] = ["--no-duplicate-keys", "-J", "bblog-record eventlog-record"];

/// Every text of a frame, by its key, however deep it stands.
fn collect(value: &Value, key: &str, found: &mut HashMap<String, Vec<String>>) {
    match value {
        Value::Object(members) => members.iter().for_each(|(key, value)| collect(value, key, found)),
        Value::Array(values) => values.iter().for_each(|value| collect(value, key, found)),
        Value::String(text) => found.entry(key.to_owned()).or_default().push(text.clone()),
        _ => {}
    }
}

fn is(text: &str, expected: &Expected) -> bool {
    let number = || match text.strip_prefix("0x") {
        Some(hex) => i128::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    };
    match expected {
        // A hexadecimal text has no sign.
        Expected::Number(n) => {
            number() == Some(*n) || number().is_some_and(|m| m == i128::from(*n as i64 as u64))
        }
        Expected::Truth(truth) => match text.to_ascii_lowercase().as_str() {
            "true" => *truth,
            "false" => !*truth,
            _ => number() == Some(i128::from(*truth)),
        },
        Expected::Text(expected) => text == expected,
    }
}

/// Whether the sample holds what means "not set": then the field is absent, but for the members that Wireshark's own
/// dissector has as well.
fn is_unset(sample: &Sample) -> bool {
    let Expected::Number(number) = sample.expected else { return false };
    let is_member = tables::RECORD.iter().any(|row| row.id == sample.spec.id);
    !is_member && sample.spec.is_unset(&event::Value::Signed(number as i64))
}

/// Asks tshark for the frames, one for each sample in this order, and gives the samples whose value
/// is not there.
fn missing(samples: &[&Sample], capture: &[u8], preferences: &[&str]) -> Vec<String> {
    let frames = TSHARK.json(&[preferences, &JSON].concat(), capture);
    assert_eq!(frames.len(), samples.len());
    let check = |(frame, sample): (&Value, &&Sample)| {
        let mut found = HashMap::new();
        collect(&frame["_source"]["layers"], "", &mut found);
        let got = found.get(sample.spec.filter);
        let there = match got {
            None => is_unset(sample),
            Some(texts) => !is_unset(sample) && texts.iter().any(|text| is(text, &sample.expected)),
        };
        (!there).then(|| format!("{}: {got:?}, expected {:?}", sample.spec.filter, sample.expected))
    };
    frames.iter().zip(samples).filter_map(check).collect()
}

/// Samples of BBLog, one section for each stack and kernel.
fn in_sections(samples: &[Sample], add: fn(&mut Capture, &[u8])) -> (Vec<&Sample>, Capture) {
    let mut contexts: Vec<RecordContext> = Vec::new();
    for sample in samples {
        if !contexts.contains(&sample.cx) {
            contexts.push(sample.cx);
        }
    }
    let (mut order, mut capture) = (Vec::new(), Capture::default());
    for cx in contexts {
        capture.bblog_section(cx);
        for sample in samples.iter().filter(|sample| sample.cx == cx) {
            add(&mut capture, &sample.bytes);
            order.push(sample);
        }
    }
    (order, capture)
}

#[test]
fn every_row_of_bblogs_events_is_shown() {
    let samples = rows::bblog_events();
    assert!(samples.len() > 2200, "{}", samples.len());
    let (order, capture) = in_sections(&samples, Capture::record);
    let missing = missing(&order, &capture.0, &[]);
    assert!(missing.is_empty(), "{} of {}: {missing:#?}", missing.len(), order.len());
}

#[test]
fn every_common_row_is_shown_with_packets() {
    let samples = rows::bblog_common();
    let (order, capture) = in_sections(&samples, Capture::packet);
    let missing = missing(&order, &capture.0, &[]);
    assert!(missing.is_empty(), "{} of {}: {missing:#?}", missing.len(), order.len());
}

#[test]
fn every_row_of_every_eventlog_provider_is_shown() {
    let catalog = Catalog::builtin();
    let all = rows::eventlog(&catalog);
    let mut capture = Capture::default();
    for (provider, samples) in &all {
        capture.eventlog_section(provider);
        samples.iter().for_each(|sample| capture.event(&sample.bytes));
    }
    let order: Vec<&Sample> = all.iter().flat_map(|(_, samples)| samples).collect();
    assert!(order.len() > 900, "{}", order.len());
    let missing = missing(&order, &capture.0, &[]);
    assert!(missing.is_empty(), "{} of {}: {missing:#?}", missing.len(), order.len());
}

#[test]
fn unknown_events_show_their_raw_members() {
    let samples = rows::bblog_raw();
    let (order, capture) = in_sections(&samples, Capture::record);
    let missing = missing(&order, &capture.0, &[]);
    assert!(missing.is_empty(), "{} of {}: {missing:#?}", missing.len(), order.len());
    let text = TSHARK.text(&["-V", "-c", "1"], &capture.0);
    assert!(text.contains("BBLog, UNKNOWN") && text.contains("    Raw\n"), "{text}");
}

#[test]
fn raw_members_of_known_events_are_there_for_filters_and_on_request() {
    let (mut samples, mut capture) = (rows::bblog_raw(), Capture::default());
    for sample in &mut samples {
        // OUT.
        sample.bytes[25] = 2;
    }
    capture.bblog_section(RecordContext::default());
    samples.iter().for_each(|sample| capture.record(&sample.bytes));
    let order: Vec<&Sample> = samples.iter().collect();
    let shown = missing(&order, &capture.0, &["-o", "bblog-record.raw:TRUE"]);
    assert!(shown.is_empty(), "{shown:#?}");
    assert_eq!(missing(&order, &capture.0, &[]).len(), order.len(), "hidden unless asked for");
    let flex3 = samples.iter().find(|sample| sample.spec.filter == "bblog.flex3").unwrap();
    let Expected::Number(value) = flex3.expected else { panic!("{:?}", flex3.expected) };
    let filter = format!("bblog.flex3 == {value}");
    assert_eq!(TSHARK.text(&["-Y", &filter], &capture.0).lines().count(), 1);
    let details = TSHARK.text(&["-V", "-Y", &filter], &capture.0);
    assert_eq!(details.lines().filter(|line| line.trim_start().starts_with("Frame Number: ")).count(), 1);
}

#[test]
fn every_field_is_registered_without_a_complaint() {
    let listing = TSHARK.text(&["-G", "fields"], b"");
    let mut types: HashMap<&str, &str> = HashMap::new();
    for line in listing.lines().filter(|line| line.starts_with("F\t")) {
        let columns: Vec<&str> = line.split('\t').collect();
        let (name, kind) = (columns[2], columns[3]);
        if !name.starts_with("bblog.") && !name.starts_with("eventlog.") {
            continue;
        }
        // Sizes may differ between fields of one name, but not what can be compared with what.
        let family = kind.trim_start_matches("FT_").trim_end_matches(|c: char| c.is_ascii_digit());
        let family = if kind.starts_with("FT_IP") { kind } else { family };
        assert_eq!(*types.entry(name).or_insert(family), family, "{name}");
    }
    for row in Catalog::builtin().rows() {
        // Wireshark's own protocols have many names; all of ours are among them.
        assert!(types.contains_key(row.filter), "{}", row.filter);
    }
}
