// SPDX-License-Identifier: BSD-2-Clause
//! Records and events a second: decoding alone, and decoding with the summary as text. Run on the
//! same input in one run, so that the figures compare.
//!
//! `cargo bench -p bblog-dissector`

use std::fmt::Write;
use std::path::Path;

use bblog_dissector::bblog::{self, Record};
use bblog_dissector::catalog::{Catalog, ProviderSpec};
use bblog_dissector::elog::{FILE_HEADER_LEN, ProviderTable, RawEvent};
use bblog_dissector::event::{Event, RecordContext};
use bblog_dissector::spec::{Kernel, Stack};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};

fn main() {
    divan::main();
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)).unwrap()
}

fn records(stream: &[u8]) -> Vec<Record<'_>> {
    bblog::entries(stream).flat_map(|entry| bblog::records(entry.unwrap().1)).map(Result::unwrap).collect()
}

fn context(record: &Record<'_>) -> RecordContext {
    let stack = [Stack::Unknown, Stack::Freebsd, Stack::Rack, Stack::Bbr][usize::from(record.stack_id())];
    RecordContext::new(stack, Kernel::Main)
}

type Described<'a> = (RawEvent<'a>, Option<&'static ProviderSpec>);

fn events<'a>(file: &'a [u8], catalog: &Catalog) -> Vec<Described<'a>> {
    let (providers, mut rest) = ProviderTable::split(&file[FILE_HEADER_LEN..]).unwrap();
    let mut events = Vec::new();
    while let Some((event, tail)) = RawEvent::split(rest).unwrap() {
        let name = providers.name(event.provider_id()).unwrap_or_default();
        events.push((event, catalog.provider(name, None)));
        rest = tail;
    }
    events
}

/// What a reader of every value does.
fn values(event: &Event<'_>) -> i64 {
    event.fields().filter_map(|field| field.value.as_int()).fold(0, i64::wrapping_add)
}

#[divan::bench(args = ["rack_reqresp.tcplog", "bbr_120.tcplog", "default_v4mapped.tcplog"])]
fn bblog_decode(bencher: Bencher<'_, '_>, name: &str) {
    let stream = fixture(name);
    let records = records(&stream);
    bencher.counter(ItemsCount::new(records.len())).bench(|| {
        for record in &records {
            black_box(values(&Event::of_record(record, context(record))));
        }
    });
}

#[divan::bench(args = ["rack_reqresp.tcplog", "bbr_120.tcplog", "default_v4mapped.tcplog"])]
fn bblog_decode_and_summary(bencher: Bencher<'_, '_>, name: &str) {
    let stream = fixture(name);
    let records = records(&stream);
    let mut text = String::with_capacity(4096);
    bencher.counter(ItemsCount::new(records.len())).bench_local(|| {
        for record in &records {
            let event = Event::of_record(record, context(record));
            text.clear();
            write!(text, "{}", event.summary()).unwrap();
            black_box((values(&event), text.len()));
        }
    });
}

#[divan::bench]
fn eventlog_decode(bencher: Bencher<'_, '_>) {
    let file = fixture("small-plain.elog");
    let catalog = Catalog::builtin();
    let events = events(&file, &catalog);
    bencher.counter(ItemsCount::new(events.len())).bench(|| {
        for (event, provider) in &events {
            black_box(values(&Event::of_elog(event, Catalog::event(*provider, event.event_id()))));
        }
    });
}

#[divan::bench]
fn eventlog_decode_and_summary(bencher: Bencher<'_, '_>) {
    let file = fixture("small-plain.elog");
    let catalog = Catalog::builtin();
    let events = events(&file, &catalog);
    let mut text = String::with_capacity(4096);
    bencher.counter(ItemsCount::new(events.len())).bench_local(|| {
        for (event, provider) in &events {
            let event = Event::of_elog(event, Catalog::event(*provider, event.event_id()));
            text.clear();
            write!(text, "{}", event.summary()).unwrap();
            black_box((values(&event), text.len()));
        }
    });
}
