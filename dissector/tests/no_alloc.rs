// SPDX-License-Identifier: BSD-2-Clause
//! Decoding and summing up an event allocates nothing.

use std::fmt::{self, Write};
use std::path::Path;

use allocation_counter::measure;
use bblog_dissector::bblog;
use bblog_dissector::catalog::Catalog;
use bblog_dissector::elog::{FILE_HEADER_LEN, ProviderTable, RawEvent};
use bblog_dissector::event::{Event, RecordContext};
use bblog_dissector::lookup::Lookup;
use bblog_dissector::spec::{Kernel, Stack};

/// Text that goes nowhere.
struct Nowhere(usize);

impl Write for Nowhere {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)).unwrap()
}

fn use_all(event: &Event<'_>, out: &mut Nowhere) {
    for field in event.fields().chain(event.common()).chain(event.derived()).chain(event.raw()) {
        write!(out, "{field}").unwrap();
    }
    write!(out, "{}{}", event.name(), event.summary()).unwrap();
}

#[test]
fn bblog_records_decode_without_an_allocation() {
    let context = RecordContext::new(Stack::Rack, Kernel::Main);
    let lookups: Vec<Vec<Lookup>> = (0..=u8::MAX)
        .map(|event_id| {
            let names = ["snd_cwnd", "flight", "timeout", "rtt"].into_iter();
            names.filter_map(|name| Lookup::of_record(event_id, context, name)).collect()
        })
        .collect();
    for name in ["rack_reqresp.tcplog", "bbr_120.tcplog", "default_verbose_20.tcplog"] {
        let stream = fixture(name);
        let mut out = Nowhere(0);
        let counted = measure(|| {
            for entry in bblog::entries(&stream) {
                for record in bblog::records(entry.unwrap().1) {
                    let record = record.unwrap();
                    for stack in [Stack::Unknown, Stack::Freebsd, Stack::Rack, Stack::Bbr] {
                        use_all(
                            &Event::of_record(&record, RecordContext::new(stack, Kernel::Main)),
                            &mut out,
                        );
                    }
                    for lookup in &lookups[usize::from(record.event_id())] {
                        let event = Event::of_record(&record, RecordContext::new(Stack::Rack, Kernel::Main));
                        if let Some(field) = event.read(lookup) {
                            write!(out, "{field}").unwrap();
                        }
                    }
                }
            }
        });
        assert!(out.0 > 10_000, "{name}");
        assert_eq!(counted.count_total, 0, "{name}");
    }
}

#[test]
fn eventlog_events_decode_without_an_allocation() {
    let catalog = Catalog::builtin();
    // Tables are made on first use.
    catalog.providers();
    for name in ["small-plain.elog", "small-short.elog", "variant_e.elog"] {
        let file = fixture(name);
        let (providers, events) = ProviderTable::split(&file[FILE_HEADER_LEN..]).unwrap();
        let mut out = Nowhere(0);
        let counted = measure(|| {
            let mut rest = events;
            while let Some((raw, tail)) = RawEvent::split(rest).unwrap() {
                let provider =
                    providers.name(raw.provider_id()).and_then(|name| catalog.provider(name, None));
                use_all(&Event::of_elog(&raw, Catalog::event(provider, raw.event_id())), &mut out);
                rest = tail;
            }
        });
        assert!(out.0 > 10_000, "{name}");
        assert_eq!(counted.count_total, 0, "{name}");
    }
}
