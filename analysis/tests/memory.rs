// SPDX-License-Identifier: BSD-2-Clause
//! Memory is bounded for each connection, and a million of them fit into a gigabyte.

mod logs;

use bblog_analysis::{ConnectionKey, Connections, Item, RecordItem, Wanted};
use bblog_dissector::bblog::{RECORD_LEN, Record};

use crate::logs::{fixture, load};

/// Connections like that of a log, each under a key and with an initial sequence number of its own.
fn connections(name: &str, count: u32) -> Connections {
    let path = fixture(name);
    let bytes = std::fs::read(&path).unwrap();
    let records = load(&path, &bytes);
    let mut all: Connections = Connections::new(Wanted::default());
    for number in 0..count {
        let mut key = [0; 40];
        key[..4].copy_from_slice(&number.to_be_bytes());
        for logged in &records {
            let Item::Bblog(item) = logged.item() else { continue };
            let bytes: &[u8; RECORD_LEN] = item.record.as_bytes().try_into().unwrap();
            let record = Record::from_bytes(bytes);
            all.feed(
                ConnectionKey::Endpoints(key, 2),
                logged.number,
                &Item::Bblog(RecordItem { record, ..item }),
            );
        }
    }
    all
}

/// What the connections take, bytes.
fn bytes(name: &str, count: u32) -> u64 {
    let mut kept = None;
    let measured = allocation_counter::measure(|| kept = Some(connections(name, count)));
    assert_eq!(kept.map(|all| all.len()), Some(count as usize));
    u64::try_from(measured.bytes_current).unwrap()
}

/// Connections that are over, with all that is told of them, take less than a kilobyte; those that are followed
/// take a few.
#[test]
fn a_million_connections_fit_into_a_gigabyte() {
    let (few, many) = (bytes("default_refused.tcplog", 70_000), bytes("default_refused.tcplog", 100_000));
    // Beyond 65,536 connections each new one ends another.
    let each = (many - few) / 30_000;
    let all = few + 930_000 * each;
    println!("{few} bytes for 70,000; {each} for each more; a million take {all}");
    assert!(all < 1_000_000_000, "{all}");
}

/// A long connection takes no more than a short one of the same kind.
#[test]
fn a_connection_is_bounded() {
    let one = bytes("rack_tailloss_rto.tcplog", 1);
    let hundred = bytes("rack_tailloss_rto.tcplog", 101);
    println!("{} bytes for a connection of 649 records", (hundred - one) / 100);
    assert!((hundred - one) / 100 < 6_000);
}
