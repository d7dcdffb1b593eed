// SPDX-License-Identifier: BSD-2-Clause
//! Logs against captures of the same run.

use bblog_tests::fixtures::{fixture, stream, streams};
use bblog_tests::segments::assert_agree;

#[test]
fn shipped_logs_agree_with_the_wire() {
    for (name, packets) in [("default_refused", 2), ("rack_reqresp", 20), ("default_v4mapped", 69)] {
        let agreed = assert_agree(&fixture(&format!("{name}.tcplog")), &fixture(&format!("{name}.pcap")));
        assert_eq!(agreed, packets, "{name}");
    }
}

/// Runs of which every packet was on the wire, as it was logged: all but those with injected send
/// errors.
#[test]
fn genuine_streams_agree_with_the_wire() {
    let mut packets = 0;
    for log in streams("bblog", "tcplog") {
        let name = log.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(wire) = stream(&format!("bblog/{name}.pcap")) else { continue };
        if name != "default_enobufs" {
            packets += assert_agree(&log, &wire);
        }
    }
    if stream("bblog").is_some() {
        assert!(packets > 10_000, "{packets}");
    }
}
