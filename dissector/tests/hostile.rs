// SPDX-License-Identifier: BSD-2-Clause
//! Any bytes at all: decoding is total, and its ranges lie within what it was given.

use std::fmt::Write;
use std::sync::LazyLock;

use bblog_dissector::bblog::{self, Header, RECORD_LEN, Record, TCPINFO_LEN};
use bblog_dissector::catalog::Catalog;
use bblog_dissector::elog::{EVENT_HEADER_LEN, FileHeader, ProviderTable, RawEvent};
use bblog_dissector::event::{Event, RecordContext, verbose};
use bblog_dissector::layout::Votes;
use bblog_dissector::schema;
use bblog_dissector::spec::{Kernel, Stack};
use proptest::prelude::*;

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);

fn show(event: &Event<'_>) {
    let mut text = String::new();
    for field in event.fields().chain(event.common()).chain(event.raw()) {
        assert!(field.range.end <= event.as_bytes().len(), "{} {:?}", field.spec.filter, field.range);
        write!(text, "{field} {field:#}").unwrap();
    }
    write!(text, "{}", event.summary()).unwrap();
    assert!(!text.contains(|c: char| c.is_control()), "{text:?}");
    let trailing = event.trailing();
    assert!(trailing.start <= trailing.end && trailing.end <= event.as_bytes().len());
    event.is_truncated();
}

fn stack() -> impl Strategy<Value = Stack> {
    prop_oneof![Just(Stack::Unknown), Just(Stack::Freebsd), Just(Stack::Rack), Just(Stack::Bbr)]
}

fn kernel() -> impl Strategy<Value = Kernel> {
    prop_oneof![Just(Kernel::Freebsd13), Just(Kernel::Freebsd14), Just(Kernel::Main)]
}

proptest! {
    #[test]
    fn any_record(bytes in prop::collection::vec(any::<u8>(), 0..420), id in 0..80_u8, stack in stack(), kernel in kernel()) {
        let mut bytes = bytes;
        if let Some(at) = bytes.get_mut(25) {
            *at = id;
        }
        if let Ok((record, rest)) = Record::split(&bytes) {
            prop_assert!(rest.len() + RECORD_LEN <= bytes.len());
            show(&Event::of_record(&record, RecordContext::new(stack, kernel)));
            for field in record.verbose().iter().flat_map(verbose) {
                let _ = field.to_string();
            }
            if let Some(header) = record.tcp() {
                prop_assert!((20..=60).contains(&header.len()));
            }
        }
        if let Ok(record) = Record::from_tcpinfo(&bytes) {
            prop_assert!(record.tcpinfo().len() == TCPINFO_LEN);
            show(&Event::of_record(&record, RecordContext::new(stack, kernel)));
        }
    }

    #[test]
    fn any_stream(bytes in prop::collection::vec(any::<u8>(), 0..2000), len in 0..3000_u64) {
        let mut bytes = bytes;
        if bytes.len() > 16 {
            bytes[..8].copy_from_slice(&[9, 0, 0, 0, 1, 0, 0, 0]);
            bytes[8..16].copy_from_slice(&len.to_le_bytes());
        }
        for entry in bblog::entries(&bytes) {
            let Ok((header, body)) = entry else { continue };
            let _ = (header.id(), header.reason(), header.tag(), header.laddr(), header.faddr(), header.boot_time());
            prop_assert!(bblog::records(body).count() <= bytes.len() / RECORD_LEN + 1);
        }
        let _ = Header::unchecked(&bytes);
    }

    #[test]
    fn any_elog_event(
        payload in prop::collection::vec(any::<u8>(), 0..120),
        which in any::<prop::sample::Index>(),
        of in any::<prop::sample::Index>(),
    ) {
        let provider = CATALOG.providers()[which.index(CATALOG.providers().len())];
        let spec = &provider.events[of.index(provider.events.len())];
        let mut bytes = vec![0; EVENT_HEADER_LEN];
        bytes.extend(&payload);
        let len = bytes.len() as u16;
        bytes[..2].copy_from_slice(&len.to_le_bytes());
        bytes[24..28].copy_from_slice(&spec.id.to_le_bytes());
        let (event, rest) = RawEvent::split(&bytes).unwrap().unwrap();
        prop_assert!(rest.is_empty());
        show(&Event::of_elog(&event, spec));
        Votes::default().count(&event);
    }

    #[test]
    fn any_elog_file(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = FileHeader::parse(&bytes);
        if let Ok((table, mut rest)) = ProviderTable::split(&bytes) {
            prop_assert!(table.iter().count() <= 32);
            while let Ok(Some((event, tail))) = RawEvent::split(rest) {
                show(&Event::of_elog(&event, Catalog::event(None, event.event_id())));
                rest = tail;
            }
        }
    }

    #[test]
    fn any_schema(text in "(PROVIDER x|STRUCT a|EVENT e 1 INFO K a \"%1 %u\"|ENUM s 1:A|FLAG f|KEYWORD k 1|FIELD|BASE|LAYOUT D|REMOVE|[ \t\n:%\"\\[\\]a-z0-9_]{0,12}|\n|\n ){0,24}") {
        match schema::parse(&text) {
            Ok(schema) => { let _ = schema.over(&schema); }
            Err(fault) => prop_assert!(fault.line > 0 && fault.column > 0 && fault.line <= text.split('\n').count()),
        }
    }
}
