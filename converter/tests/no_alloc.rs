// SPDX-License-Identifier: BSD-2-Clause
//! Converting and listing allocate nothing per event: a log of twice the length costs no more
//! allocations.

mod support;

use std::io::Cursor;
use std::sync::{Arc, OnceLock};

use allocation_counter::measure;
use bblog_converter::command::convert;
use bblog_converter::event::merge::{Events, MergeInput};
use bblog_converter::event::open;
use bblog_converter::frame::stream::{FrameStream, MergedFrames};
use bblog_converter::input::assumptions::Assumptions;
use bblog_converter::input::{Input, InputName, InputPosition};
use bblog_converter::select::Selection;
use bblog_converter::text::json::JsonLines;
use bblog_converter::text::show::{ElogStyle, Lines};
use bblog_converter::text::{TextSink, list};
use support::bytes;

fn tables() -> Arc<Assumptions> {
    static TABLES: OnceLock<Arc<Assumptions>> = OnceLock::new();
    let tables = TABLES.get_or_init(|| Arc::new(Assumptions::new("1=freebsd,2=rack,3=bbr".parse().unwrap())));
    Arc::clone(tables)
}

/// One entry with a genuine connection's records `times` over.
fn tcplog(times: usize) -> Vec<u8> {
    let stream = bytes("rack_reqresp.tcplog");
    let mut out = stream[..208].to_vec();
    let records = stream[208..].chunks_exact(328);
    let all = records.clone().count() * times;
    for (serial, record) in records.cycle().take(all).enumerate() {
        let at = out.len();
        out.extend_from_slice(record);
        out[at + 20..at + 24].copy_from_slice(&(serial as u32).to_le_bytes());
    }
    let len = (out.len() as u64).to_le_bytes();
    out[8..16].copy_from_slice(&len);
    out
}

/// A capture with a genuine one's events `times` over; sessions go on, they do not begin anew.
fn elog(times: usize) -> Vec<u8> {
    let capture = bytes("small-plain.elog");
    let table = 4 + 34 * u32::from_le_bytes(capture[40..44].try_into().unwrap()) as usize;
    let mut out = capture[..40 + table].to_vec();
    out[24..40].fill(0);
    for round in 0..times as u64 {
        let mut rest = &capture[40 + table..];
        while rest.len() >= 32 {
            let (event, after) = rest.split_at(usize::from(u16::from_le_bytes([rest[0], rest[1]])));
            let reserved = u32::from_le_bytes(event[24..28].try_into().unwrap()) > 0xffff_0000;
            if !reserved {
                let at = out.len() + 8;
                out.extend_from_slice(event);
                let time = u64::from_le_bytes(out[at..at + 8].try_into().unwrap()) + round * 100_000;
                out[at..at + 8].copy_from_slice(&time.to_le_bytes());
            }
            rest = after;
        }
    }
    out
}

fn input(log: &[u8]) -> Input {
    Input::recognise(InputName::new("log"), Box::new(Cursor::new(log.to_vec()))).unwrap()
}

fn converting(log: &[u8]) -> u64 {
    let stream = FrameStream::open(input(log), InputPosition::ONLY, &tables(), &mut |_, _| {}).unwrap();
    let mut frames = MergedFrames::of([(InputName::new("log"), stream)], &mut |_, _| {});
    let counted = measure(|| {
        convert::write(&mut frames, None, Vec::new(), &mut |name, fault| panic!("{name}: {fault}")).unwrap();
    });
    counted.count_total
}

fn listing(log: &[u8], mut sink: impl TextSink) -> u64 {
    let source = open::source(input(log), InputPosition::ONLY, &tables(), &mut |_, _| {}).unwrap();
    let mut events = Events::of([(InputName::new("log"), source)], &mut |_, _| {});
    let counted = measure(|| {
        let all = &mut Selection::default();
        list(&mut events, all, &mut sink, &mut Vec::new(), &mut |name, fault| panic!("{name}: {fault}"))
            .unwrap();
    });
    counted.count_total
}

#[test]
fn nothing_is_allocated_per_event() {
    for (kind, one, two) in [("BBLog", tcplog(40), tcplog(80)), ("ELOG", elog(40), elog(80))] {
        // pcapng too, as an input.
        let [one_pcapng, two_pcapng] = [&one, &two].map(|log| support::convert_bytes(&[log]).0);
        for (kind, one, two) in [(kind, one, two), ("pcapng", one_pcapng, two_pcapng)] {
            let few = |verb: &str, one: u64, two: u64| {
                // Buffers that grow do so less and less often; once in a round something may be to be said.
                assert!(two <= one + 40, "{verb} of {kind}: {one} and {two}");
            };
            few("convert", converting(&one), converting(&two));
            few("show", listing(&one, Lines::default()), listing(&two, Lines::default()));
            few("elog", listing(&one, ElogStyle::default()), listing(&two, ElogStyle::default()));
            let json = || JsonLines::new(&tables().catalog);
            few("json", listing(&one, json()), listing(&two, json()));
        }
    }
}
