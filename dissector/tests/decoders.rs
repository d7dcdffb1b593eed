// SPDX-License-Identifier: BSD-2-Clause
//! The decoders give what going through headers, records and events by hand gives, and the faults beside it.

use std::path::Path;

use bblog_dissector::bblog::{self, HEADER_LEN, RECORD_LEN};
use bblog_dissector::elog::{EVENT_HEADER_LEN, FILE_HEADER_LEN, ProviderTable, RawEvent};
use bblog_dissector::layout::Layout;
use bblog_dissector::{BblogDecoder, Catalog, DecodeError, ElogDecoder, Stack};

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)).unwrap()
}

#[test]
fn every_record_of_every_entry() {
    let stream = [fixture("default_verbose_20.tcplog"), fixture("rack_reqresp.tcplog")].concat();
    let decoded: Vec<_> = BblogDecoder::new(&stream).stack(2, Stack::Rack).map(Result::unwrap).collect();
    let by_hand: Vec<_> = bblog::entries(&stream)
        .map(Result::unwrap)
        .flat_map(|(header, body)| bblog::records(body).map(move |record| (header, record.unwrap())))
        .collect();
    assert_eq!(decoded.len(), by_hand.len());
    for (decoded, (header, record)) in decoded.iter().zip(by_hand) {
        assert_eq!(decoded.record.as_bytes(), record.as_bytes());
        assert_eq!(decoded.header.as_bytes(), header.as_bytes());
        assert_eq!(decoded.time(), record.time() + header.boot_time());
    }
    // The stack that has a name decodes its timers, the other one does not.
    let timers = |stack_id: u8| {
        let mut of = decoded.iter().filter(|decoded| decoded.record.stack_id() == stack_id);
        of.any(|decoded| decoded.event.name() == "TIMERSTAR" && decoded.event.fields().next().is_some())
    };
    assert!(timers(2) && !timers(1));
}

#[test]
fn a_torn_record_is_an_error_and_the_next_entry_is_decoded() {
    let whole = fixture("default_verbose_20.tcplog");
    let mut torn = whole[..HEADER_LEN + 2 * RECORD_LEN].to_vec();
    let len = torn.len() as u64;
    torn[8..16].copy_from_slice(&len.to_le_bytes());
    // One record with its verbose part, and the beginning of another one.
    let stream = [torn, whole.clone()].concat();
    let items: Vec<_> = BblogDecoder::new(&stream).collect();
    let faults: Vec<usize> = (0..items.len()).filter(|&at| items[at].is_err()).collect();
    assert_eq!(faults, [1]);
    assert_eq!(items.len(), 2 + BblogDecoder::new(&whole).count());
    let Err(DecodeError::Truncated { found: 256, .. }) = items[1] else {
        panic!("{:?}", items[1].as_ref().err())
    };
}

#[test]
fn every_event_of_a_file() {
    let catalog = Catalog::builtin();
    for (name, layout) in
        [("variant_a.elog", Layout::A), ("variant_d2.elog", Layout::D2), ("variant_e.elog", Layout::E)]
    {
        let file = fixture(name);
        let decoder = ElogDecoder::new(&file, &catalog).unwrap();
        assert_eq!(decoder.layout(), Some(layout), "{name}");
        let (providers, mut rest) = ProviderTable::split(&file[FILE_HEADER_LEN..]).unwrap();
        for decoded in decoder.clone() {
            let decoded = decoded.unwrap();
            let (raw, tail) = RawEvent::split(rest).unwrap().unwrap();
            rest = tail;
            assert_eq!(decoded.raw.as_bytes(), raw.as_bytes(), "{name}");
            assert_eq!(decoded.provider, providers.name(raw.provider_id()));
            assert_eq!(decoded.time, decoder.header().utc(raw.timestamp()));
            assert!(!decoded.event.spec().is_unknown(), "{name} {}", raw.event_id());
        }
        assert!(rest.is_empty(), "{name}");
    }
}

#[test]
fn a_torn_event_is_an_error() {
    let (file, catalog) = (fixture("variant_e.elog"), Catalog::builtin());
    let whole = ElogDecoder::new(&file, &catalog).unwrap().count();
    let torn = &file[..file.len() - 1];
    let items: Vec<_> = ElogDecoder::new(torn, &catalog).unwrap().collect();
    assert_eq!(items.len(), whole);
    let Some(Err(DecodeError::Truncated { needed, found, .. })) = items.last() else { panic!() };
    assert_eq!(*needed, found + 1);
    let header_only = &file[..file.len() - needed.to_owned() as usize + EVENT_HEADER_LEN - 1];
    let last = ElogDecoder::new(header_only, &catalog).unwrap().last();
    assert!(matches!(last, Some(Err(DecodeError::Truncated { .. }))));
}
