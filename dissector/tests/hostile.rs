// SPDX-License-Identifier: BSD-2-Clause
//! Any bytes at all: decoding is total, and its ranges lie within what it was given.

use std::fmt::Write;
use std::sync::LazyLock;

use bblog_dissector::BblogDecoder;
use bblog_dissector::bblog::{self, Cut, EntryCutter, HEADER_LEN, Header, RECORD_LEN, Record, TCPINFO_LEN};
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

    /// Every byte of a damaged stream is cut once, and the answers are the same however the bytes come.
    #[test]
    fn any_damaged_stream(damage in prop::collection::vec(damage(), 0..5), pieces in prop::collection::vec(1..900_usize, 1..20)) {
        let mut stream = STREAM.clone();
        for damage in damage {
            damage.apply(&mut stream);
        }
        let whole = cuts(&stream, std::iter::repeat(usize::MAX));
        prop_assert_eq!(whole.iter().map(|cut| cut.1).sum::<u64>(), stream.len() as u64);
        prop_assert_eq!(&whole, &cuts(&stream, pieces.into_iter().cycle()));
        let records = whole.iter().filter(|cut| cut.0 == "record").count();
        prop_assert_eq!(records, BblogDecoder::new(&stream).filter(Result::is_ok).count());
    }
}

static STREAM: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/");
    let fixture = |name| std::fs::read(format!("{fixtures}{name}")).unwrap();
    [fixture("default_verbose_20.tcplog"), fixture("default_refused.tcplog"), fixture("rack_reqresp.tcplog")]
        .concat()
});

/// Something that happens to a stream at a place.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Lost(prop::sample::Index, usize),
    Zeros(prop::sample::Index, usize),
    Twice(prop::sample::Index, usize),
    Byte(prop::sample::Index, u8),
    End(prop::sample::Index),
}

fn damage() -> impl Strategy<Value = Damage> {
    let (at, len) = (|| any::<prop::sample::Index>(), || prop_oneof![1..40_usize, 200..4000_usize]);
    prop_oneof![
        (at(), len()).prop_map(|(at, len)| Damage::Lost(at, len)),
        (at(), len()).prop_map(|(at, len)| Damage::Zeros(at, len)),
        (at(), len()).prop_map(|(at, len)| Damage::Twice(at, len)),
        (at(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        at().prop_map(Damage::End),
    ]
}

impl Damage {
    fn apply(self, stream: &mut Vec<u8>) {
        if stream.is_empty() {
            return;
        }
        let range = |at: prop::sample::Index, len: usize| {
            let at = at.index(stream.len());
            at..(at + len).min(stream.len())
        };
        match self {
            Damage::Lost(at, len) => drop(stream.drain(range(at, len))),
            Damage::Zeros(at, len) => {
                let range = range(at, len);
                stream[range].fill(0);
            }
            Damage::Twice(at, len) => {
                let range = range(at, len);
                let end = range.end;
                let again = stream[range].to_vec();
                stream.splice(end..end, again);
            }
            Damage::Byte(at, byte) => {
                let at = at.index(stream.len());
                stream[at] = byte;
            }
            Damage::End(at) => stream.truncate(at.index(stream.len())),
        }
    }
}

/// What a stream is cut into, and the bytes of each, if it comes in pieces of these sizes.
fn cuts(stream: &[u8], pieces: impl IntoIterator<Item = usize>) -> Vec<(String, u64)> {
    let (mut cutter, mut pieces, mut cuts) = (EntryCutter::new(u64::MAX), pieces.into_iter(), Vec::new());
    let (mut at, mut end, mut gap) = (0, 0, 0);
    loop {
        let (what, len) = match cutter.next(&stream[at..end], end == stream.len()) {
            Cut::Entry(_) => ("entry".to_owned(), HEADER_LEN as u64),
            Cut::Record(_, len) => ("record".to_owned(), len as u64),
            Cut::Gap(len) => {
                (at, gap) = (at + len, gap + len as u64);
                continue;
            }
            Cut::LeftOut(left_out) => {
                assert_eq!(left_out.bytes, gap + left_out.in_front as u64);
                at += left_out.in_front;
                gap = 0;
                cuts.push((left_out.why.to_string(), left_out.bytes));
                continue;
            }
            Cut::BadEntry(why, Some(length)) => (why.to_string(), length.min((stream.len() - at) as u64)),
            Cut::BadEntry(why, None) => {
                cutter.seek(why);
                continue;
            }
            Cut::More(want) if end < stream.len() => {
                assert!(want > end - at, "asks for {want} of {}", end - at);
                end = end.saturating_add(pieces.next().unwrap()).min(stream.len());
                continue;
            }
            Cut::More(_) => {
                cuts.push(("end".to_owned(), (stream.len() - at) as u64));
                return cuts;
            }
        };
        at += len as usize;
        end = end.max(at);
        cuts.push((what, len));
    }
}
