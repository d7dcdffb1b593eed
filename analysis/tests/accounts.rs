// SPDX-License-Identifier: BSD-2-Clause
//! Every microsecond is accounted for, however the log is cut, and nothing is invented where it is damaged.

mod logs;

use bblog_analysis::{
    Account, Connection, ConnectionKey, Connections, Item, Limit, Plans, RecordItem, Span, Wanted,
};
use bblog_dissector::Micros;
use bblog_dissector::bblog::Record;
use proptest::prelude::*;

use crate::logs::{Logged, fixture, follow, load, name, sessions, stream, streams};

fn adds_up(account: &Account, name: &str) {
    assert_eq!(account.sending.all_us(), account.duration_us, "{name}, sending");
    assert_eq!(account.receiving.all_us(), account.duration_us, "{name}, receiving");
    let longest = account.sending.totals.iter().all(|total| total.longest_us <= total.time_us);
    assert!(longest && account.sending.totals.iter().all(|total| total.spells > 0), "{name}");
}

#[test]
fn every_microsecond_counts() {
    let mut paths = streams("bblog", "tcplog");
    paths.extend(
        ["default_refused", "rack_reqresp", "rack_tailloss_rto", "each_event"]
            .map(|name| fixture(&format!("{name}.tcplog"))),
    );
    for path in paths {
        let bytes = std::fs::read(&path).unwrap();
        for connection in follow(&load(&path, &bytes), |_, _, _| {}).values() {
            adds_up(&connection.account(), &name(&path));
        }
    }
    for path in streams("elog", "elog") {
        let bytes = std::fs::read(&path).unwrap();
        if bytes.is_empty() {
            continue;
        }
        for connection in sessions(&bytes).values() {
            adds_up(&connection.account(), &name(&path));
        }
    }
}

/// Spans follow each other without a gap, and make the totals.
#[test]
fn spans_make_the_totals() {
    for path in streams("bblog", "tcplog").into_iter().chain([fixture("rack_tailloss_rto.tcplog")]) {
        let bytes = std::fs::read(&path).unwrap();
        for (_, mut connection) in follow(&load(&path, &bytes), |_, _, _| {}) {
            let mut spans = connection.take_spans();
            let account = connection.finish();
            spans.extend(&account.spans);
            let mut at = account.first;
            for span in &spans {
                assert_eq!(span.start, at, "{}", name(&path));
                at = span.end;
            }
            for total in &account.sending.totals {
                let own = spans.iter().filter(|span| span.state == total.state);
                assert_eq!(own.clone().map(Span::us).sum::<u64>(), total.time_us, "{}", name(&path));
                assert_eq!(own.count(), total.spells as usize, "{}", name(&path));
            }
        }
    }
}

/// Files of one connection, read one after the other, are one connection.
#[test]
fn a_log_in_two_files_is_one_connection() {
    let path = fixture("rack_tailloss_rto.tcplog");
    let bytes = std::fs::read(&path).unwrap();
    let records = load(&path, &bytes);
    let of = |parts: &[&[Logged<'_>]]| {
        let mut all: Connections = Connections::new(Wanted::default());
        for logged in parts.iter().copied().flatten() {
            all.feed(ConnectionKey::Endpoints(logged.key, 2), logged.number, &logged.item());
        }
        format!("{:?}", all.finish().collect::<Vec<_>>())
    };
    let whole = of(&[&records]);
    for cut in 1..records.len() {
        let (first, second) = records.split_at(cut);
        assert!(of(&[first, second]) == whole, "cut at {cut}");
    }
    // What was read before does not count again.
    assert!(of(&[&records, &records[100..]]) == whole);
    assert!(of(&[&records, &records]) == whole);
}

/// The spans of some records of a connection; the time is as in the log.
fn spans<'a>(records: impl Iterator<Item = &'a Logged<'a>>) -> (Vec<Span<Limit>>, Vec<Micros>) {
    let mut plans = Plans::new();
    let mut connection = Connection::new(Wanted { spans: true });
    let (mut spans, mut segments) = (Vec::new(), Vec::new());
    for logged in records {
        connection.feed(&mut plans, logged.number, &logged.item());
        spans.extend(connection.take_spans());
        if logged.record.tcp().is_some() {
            segments.push(logged.record.time());
        }
    }
    spans.extend(&connection.finish().spans);
    (spans, segments)
}

/// The state at a time.
fn at(spans: &[Span<Limit>], time: Micros) -> Option<Limit> {
    let found = spans.partition_point(|span| span.end <= time);
    spans.get(found).filter(|span| span.start <= time).map(|span| span.state)
}

/// The account of a part of a log may have fewer facts than that of the whole log, but never contradicts it.
fn agrees(part: &[Span<Limit>], whole: &[Span<Limit>], last_segment: Micros, what: &str) {
    for span in part {
        let middle = Micros(span.start.0 + (span.end.0 - span.start.0) / 2);
        let Some(expected) = at(whole, middle) else { continue };
        // What a timer says of the time before it is not known before it fires; how the writer behaves is
        // learned; and that a send failed stands in the record of that send only.
        let is_known = span.state == expected
            || span.state == Limit::Unknown
            || (expected == Limit::Timeout && span.end > last_segment)
            || matches!(expected, Limit::SendBuffer | Limit::SendError)
            || span.state == Limit::SendBuffer;
        assert!(is_known, "{what}: {:?} at {middle:?} is {expected:?}", span.state);
    }
}

fn one_connection(name: &str) -> Option<Vec<u8>> {
    let path = stream(&format!("bblog/{name}.tcplog")).unwrap_or_else(|| fixture(&format!("{name}.tcplog")));
    std::fs::read(path).ok()
}

const CUT: &[&str] = &[
    "rack_tailloss_rto",
    "bbr_tailloss_rto",
    "default_nosack_lossy",
    "default_persist",
    "rack_ecn",
    "rack_persist",
    "default_enobufs",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn parts_never_say_otherwise(which in 0..CUT.len(), from in 0.0..1.0_f64, to in 0.0..1.0_f64, gap in any::<bool>()) {
        let name = CUT[which];
        let Some(bytes) = one_connection(name) else { return Ok(()) };
        let path = std::path::PathBuf::from(format!("{name}.tcplog"));
        let records = load(&path, &bytes);
        let (whole, _) = spans(records.iter());
        let place = |share: f64| (share * records.len() as f64) as usize;
        let (from, to) = (place(from.min(to)), place(from.max(to)));
        let what = format!("{name}, {from}..{to}, gap {gap}");
        let (part, segments) = if gap {
            spans(records[..from].iter().chain(&records[to..]))
        } else {
            spans(records[from..to].iter())
        };
        let last_segment = segments.last().copied().unwrap_or_default();
        agrees(&part, &whole, last_segment, &what);
    }

    /// Whatever stands in the records, the account adds up.
    #[test]
    fn any_bytes_add_up(records in prop::collection::vec(prop::collection::vec(any::<u8>(), 328), 1..20), stack in 0..4_u8) {
        use bblog_dissector::event::RecordContext;
        use bblog_dissector::spec::{Kernel, Stack};
        let stack = [Stack::Unknown, Stack::Freebsd, Stack::Rack, Stack::Bbr][usize::from(stack)];
        let mut plans = Plans::new();
        let mut connection = Connection::new(Wanted::default());
        for (number, bytes) in records.iter().enumerate() {
            let record = Record::from_tcpinfo(bytes).unwrap();
            // The clock of a log runs for years, not for eras.
            let time = Micros(record.time().0.rem_euclid(1 << 50));
            let context = RecordContext::new(stack, Kernel::Main);
            connection.feed(&mut plans, number as u64, &Item::Bblog(RecordItem { record, time, context }));
        }
        let account = connection.account();
        adds_up(&account, "random");
        let _ = (account.verdict(), account.notes());
    }
}

/// As above, for every record that a log can begin with.
#[test]
fn no_beginning_says_otherwise() {
    for name in CUT {
        let Some(bytes) = one_connection(name) else { continue };
        let path = std::path::PathBuf::from(format!("{name}.tcplog"));
        let records = load(&path, &bytes);
        let (whole, _) = spans(records.iter());
        for from in 0..records.len() {
            let (part, segments) = spans(records[from..].iter());
            let last_segment = segments.last().copied().unwrap_or_default();
            agrees(&part, &whole, last_segment, &format!("{name} from {from}"));
        }
    }
}
