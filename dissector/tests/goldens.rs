// SPDX-License-Identifier: BSD-2-Clause
//! Genuine logs, decoded: the first record of each event and stack, whole.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;

use bblog_dissector::bblog;
use bblog_dissector::catalog::Catalog;
use bblog_dissector::elog::{FILE_HEADER_LEN, FileHeader, ProviderTable, RawEvent};
use bblog_dissector::event::{Event, RecordContext, verbose};
use bblog_dissector::layout::{Layout, Votes};
use bblog_dissector::spec::{Kernel, Stack};

fn fixture(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The stack ids in the fixtures.
fn stack(id: u8) -> Stack {
    [Stack::Unknown, Stack::Freebsd, Stack::Rack, Stack::Bbr][usize::from(id)]
}

fn print(event: &Event<'_>, out: &mut String) {
    writeln!(out, "{}: {}", event.name(), event.summary()).unwrap();
    for field in event.fields() {
        writeln!(out, "    {} = {field}", field.spec.name).unwrap();
    }
}

fn stream(name: &str, kernel: Kernel) -> String {
    let bytes = fixture(name);
    let mut seen = BTreeSet::new();
    let mut out = String::new();
    for entry in bblog::entries(&bytes) {
        let (_, body) = entry.unwrap();
        for record in bblog::records(body) {
            let record = record.unwrap();
            let stack = stack(record.stack_id());
            let event = Event::of_record(&record, RecordContext::new(stack, kernel));
            assert!(!event.spec().is_unknown(), "record {}", record.serial());
            if seen.insert((record.event_id(), record.stack_id())) {
                write!(out, "{stack:?} #{} ", record.serial()).unwrap();
                print(&event, &mut out);
                for field in record.verbose().iter().flat_map(verbose) {
                    writeln!(out, "    verbose {} = {field}", field.spec.name).unwrap();
                }
            }
        }
    }
    out
}

fn elog(name: &str) -> (Option<Layout>, String) {
    let bytes = fixture(name);
    FileHeader::parse(&bytes).unwrap();
    let (providers, events) = ProviderTable::split(&bytes[FILE_HEADER_LEN..]).unwrap();
    let mut votes = Votes::default();
    let mut rest = events;
    while let Some((event, tail)) = RawEvent::split(rest).unwrap() {
        if providers.name(event.provider_id()) == Some(b"tcp") {
            votes.count(&event);
        }
        rest = tail;
    }
    let catalog = Catalog::builtin();
    let mut seen = BTreeSet::new();
    let mut out = String::new();
    rest = events;
    while let Some((raw, tail)) = RawEvent::split(rest).unwrap() {
        let name = providers.name(raw.provider_id()).unwrap_or(b"?");
        let provider = catalog.provider(name, votes.winner());
        let event = Event::of_elog(&raw, Catalog::event(provider, raw.event_id()));
        if seen.insert((name, raw.event_id())) {
            write!(out, "{} ", name.escape_ascii()).unwrap();
            print(&event, &mut out);
            if event.is_truncated() {
                out.push_str("    truncated\n");
            }
        }
        rest = tail;
    }
    (votes.winner(), out)
}

#[test]
fn rack() {
    insta::assert_snapshot!(stream("rack_reqresp.tcplog", Kernel::Main));
}

#[test]
fn bbr() {
    insta::assert_snapshot!(stream("bbr_120.tcplog", Kernel::Main));
}

#[test]
fn bbr_on_13() {
    insta::assert_snapshot!(stream("bbr_keepalive.tcplog", Kernel::Freebsd13));
}

/// One genuine record of each event and stack that FreeBSD 13 was seen to write.
#[test]
fn each_event_of_each_stack() {
    let text = stream("each_event.tcplog", Kernel::Freebsd13);
    assert!(text.matches(" #").count() == 68, "{}", text.matches(" #").count());
    insta::assert_snapshot!(text);
}

/// The whole collection of genuine streams, where it is at hand.
#[test]
fn every_genuine_record_decodes() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/streams/bblog");
    let Ok(entries) = folder.read_dir() else {
        eprintln!("{}: not here, left out", folder.display());
        return;
    };
    let mut records = 0;
    for path in entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "tcplog"))
    {
        let bytes = std::fs::read(&path).unwrap();
        for entry in bblog::entries(&bytes) {
            for record in bblog::records(entry.unwrap().1) {
                let record = record.unwrap();
                let cx = RecordContext::new(stack(record.stack_id()), Kernel::Freebsd13);
                let event = Event::of_record(&record, cx);
                assert!(!event.spec().is_unknown(), "{} #{}", path.display(), record.serial());
                assert!(
                    !event.summary().to_string().contains('?'),
                    "{}: {}",
                    path.display(),
                    event.summary()
                );
                records += 1;
            }
        }
    }
    assert!(records > 30_000, "{records}");
}

#[test]
fn freebsd_verbose() {
    insta::assert_snapshot!(stream("default_verbose_20.tcplog", Kernel::Main));
}

#[test]
fn rack_verbose() {
    insta::assert_snapshot!(stream("rack_verbose_40.tcplog", Kernel::Main));
}

#[test]
fn eventlog() {
    let (layout, text) = elog("small-plain.elog");
    assert_eq!(layout, Some(Layout::D));
    insta::assert_snapshot!(text);
}

#[test]
fn eventlog_with_short_payloads() {
    insta::assert_snapshot!(elog("small-short.elog").1);
}

#[test]
fn every_layout_is_recognised_and_decodes() {
    let files = ["variant_a.elog", "variant_b.elog", "variant_c.elog", "variant_d2.elog", "variant_e.elog"];
    for (file, layout) in files.into_iter().zip([Layout::A, Layout::B, Layout::C, Layout::D2, Layout::E]) {
        let (winner, text) = elog(file);
        assert_eq!(winner, Some(layout), "{file}");
        insta::assert_snapshot!(file.replace('.', "_"), text);
    }
}
