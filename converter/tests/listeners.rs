// SPDX-License-Identifier: BSD-2-Clause
//! Sockets that listen or are only bound: their logs have no peer, serial numbers begin anew with each, and those of
//! IPv6 carry AF_INET.

mod support;

use support::{bytes, run};

/// The first entry of a log, as of a socket without a peer on this address, with AF_INET.
fn entry(local: [u8; 16]) -> Vec<u8> {
    let log = bytes("default_refused.tcplog");
    let len = u64::from_le_bytes(log[8..16].try_into().unwrap()) as usize;
    let mut entry = log[..len].to_vec();
    // The peer's port and address, and our address.
    entry[16..18].fill(0);
    entry[20..36].fill(0);
    entry[36..52].copy_from_slice(&local);
    entry[200] = 2;
    entry
}

/// What info says of these entries: addresses of connections, and messages.
fn info(entries: &[Vec<u8>]) -> (Vec<String>, String) {
    let ran = run(&["info", "--json", "-", "--stack", "1=freebsd"], &entries.concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let report: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
    let side = |connection: &serde_json::Value, side: &str| connection[side].as_str().unwrap().to_owned();
    let connections = report["connections"].as_array().unwrap().iter();
    let ends = connections.map(|one| format!("{} {}", side(one, "local"), side(one, "remote")));
    (ends.collect(), ran.stderr.split_once(": -: ").map_or(ran.stderr.clone(), |(_, said)| said.to_owned()))
}

fn address(text: &str) -> [u8; 16] {
    text.parse::<std::net::Ipv6Addr>().unwrap().octets()
}

#[test]
fn the_family_is_that_of_the_address() {
    let (ends, said) = info(&[entry(address("::1"))]);
    assert!(ends[0].starts_with("[::1]:") && ends[0].ends_with(" [::]:0"), "{ends:?}");
    assert!(
        said.contains("IPv6 sockets with AF_INET: 1 entry, 1 of them inferred from 0.0.0.1; shown as IPv6"),
        "{said}"
    );
    let (ends, said) = info(&[entry(address("fe80:2::7"))]);
    assert!(ends[0].starts_with("[fe80::7%2]:"), "{ends:?}");
    assert!(said.contains("1 entry, 0 of them inferred"), "{said}");
    // IPv4, and any address: nothing is said.
    for (local, expected) in [("::192.0.2.7", "192.0.2.7:"), ("::", "0.0.0.0:")] {
        let (ends, said) = info(&[entry(address(local))]);
        assert!(ends[0].starts_with(expected) && said.is_empty(), "{ends:?} {said}");
    }
}

/// A serial number 0 at the beginning of an entry is another socket, and no problem.
#[test]
fn serial_numbers_begin_anew() {
    let one = entry(address("::192.0.2.7"));
    let mut later = one.clone();
    for record in later[208..].chunks_mut(328) {
        // An hour later.
        let seconds = i64::from_le_bytes(record[..8].try_into().unwrap()) + 3600;
        record[..8].copy_from_slice(&seconds.to_le_bytes());
        // Of another connection: iss.
        record[64] ^= 0x55;
    }
    let (_, said) = info(&[one, later]);
    assert_eq!(said, "");
}
