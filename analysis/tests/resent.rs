// SPDX-License-Identifier: BSD-2-Clause
//! [`Resent`] finds the retransmissions of a connection's steps, and no others.

mod logs;

use std::collections::BTreeMap;

use bblog_analysis::{ConnectionKey, Connections, Fed, Plans, Resent, Wanted};

use crate::logs::{Logged, fixture, load, name, session_events, streams};

/// How many segments of these records were sent again.
fn compare(records: &[Logged<'_>], log: &str) -> usize {
    let (mut plans, mut count) = (Plans::new(), 0);
    let mut whole: Connections = Connections::new(Wanted::default());
    let mut short: BTreeMap<[u8; 40], Resent> = BTreeMap::new();
    for logged in records {
        let item = logged.item();
        let fed = whole.feed(ConnectionKey::Endpoints(logged.key, 2), logged.number, &item);
        let expected = match fed {
            Fed::Taken(_, step) => step.retransmission,
            Fed::Repeated(_) => None,
        };
        let again = short.entry(logged.key).or_default().feed(&mut plans, &item);
        assert_eq!(again, expected, "{log}, record {}", logged.number);
        count += usize::from(again.is_some());
    }
    count
}

#[test]
fn as_the_steps_of_connections() {
    let fixtures = ["rack_tailloss_rto", "default_refused", "each_event"];
    let paths = fixtures.map(|name| fixture(&format!("{name}.tcplog")));
    let mut count = 0;
    for path in streams("bblog", "tcplog").into_iter().chain(paths) {
        let bytes = std::fs::read(&path).unwrap();
        let records = load(&path, &bytes);
        count += compare(&records, &name(&path));
        // Records are missing, and files overlap.
        let some: Vec<_> = records.iter().filter(|logged| logged.number % 7 != 0).copied().collect();
        compare(&some, &name(&path));
        let half = records.len() / 2;
        compare(&[&records[..], &records[half..]].concat(), &name(&path));
    }
    assert!(count > 5, "{count}");
}

#[test]
fn as_the_steps_of_sessions() {
    for path in streams("elog", "elog").into_iter().chain([fixture("small-short.elog")]) {
        let bytes = std::fs::read(&path).unwrap();
        let mut plans = Plans::new();
        let mut short: BTreeMap<u64, Resent> = BTreeMap::new();
        session_events(&bytes, |session, number, item, step| {
            let again = short.entry(session).or_default().feed(&mut plans, item);
            assert_eq!(again, step.retransmission, "{}, event {number}", name(&path));
        });
    }
}
