// SPDX-License-Identifier: BSD-2-Clause
//! What the names of the streams say was done to them is what limits them.

mod logs;

use bblog_analysis::{Account, Cause, Limit, StallCause, Timer};

use crate::logs::{fixture, follow, load, stream};

/// The account of the connection in a log that sent most.
fn account(name: &str) -> Option<Account> {
    let path = stream(&format!("bblog/{name}.tcplog")).unwrap_or_else(|| fixture(&format!("{name}.tcplog")));
    let bytes = std::fs::read(&path).ok()?;
    let connections = follow(&load(&path, &bytes), |_, _, _| {});
    let accounts = connections.values().map(|connection| connection.account());
    accounts.max_by_key(|account| account.sent.bytes)
}

fn note(account: &Account, kind: &str) -> bool {
    account.notes().iter().any(|note| note.kind == kind)
}

/// Streams and what limits them most.
const MAIN: &[(&str, Limit)] = &[
    ("bbr_ecn", Limit::Pacing),
    ("bbr_keepalive", Limit::Application),
    ("bbr_persist", Limit::ReceiverWindow),
    ("bbr_tailloss_rto", Limit::Timeout),
    ("default_clean", Limit::CongestionWindow),
    ("default_enobufs", Limit::CongestionWindow),
    ("default_ipv6_clean", Limit::CongestionWindow),
    ("default_longuptime", Limit::CongestionWindow),
    ("default_nosack_lossy", Limit::Recovery),
    ("default_persist", Limit::ReceiverWindow),
    ("default_refused", Limit::Handshake),
    ("rack_ecn", Limit::CongestionWindow),
    ("rack_keepalive", Limit::Application),
    ("rack_persist", Limit::ReceiverWindow),
    ("rack_reqresp", Limit::Application),
    ("rack_tailloss_rto", Limit::Timeout),
];

#[test]
fn streams_are_limited_by_what_was_done_to_them() {
    for &(name, main) in MAIN {
        if let Some(account) = account(name) {
            assert_eq!(account.sending.main(), Some(main), "{name}: {}", account.verdict());
        }
    }
}

#[test]
fn a_refused_connection() {
    let account = account("default_refused").unwrap();
    assert!(!account.established && account.ended && account.handshake.refused);
    assert_eq!(account.verdict(), "Never established: the peer refused it (RST) after 40.1 ms.");
    assert!(note(&account, "refused"));
}

/// Four segments were lost at the end of a burst, and two probes for them; then the application wrote again.
#[test]
fn a_tail_loss() {
    let account = account("rack_tailloss_rto").unwrap();
    let [stall] = &account.stalls[..] else { panic!("{:?}", account.stalls) };
    assert_eq!(stall.cause, StallCause::ProbeLost);
    assert_eq!(
        stall.text(account.first),
        "0.107-0.366 s: the last 4 segments of a burst were lost and 2 tail loss probes too; \
         ended when new data was sent"
    );
    assert_eq!((stall.first_number, stall.last_number), (313, 337));
    assert_eq!((account.fired(Timer::Tlp), account.fired(Timer::Rto)), (2, 0));
    assert_eq!(account.resent[Cause::Tlp as usize], 2);
    // The packets show 259 ms of silence with data out.
    assert!(account.sending.time_us(Limit::Timeout) >= 258_000);
}

#[test]
fn a_closed_window() {
    for name in ["default_persist", "rack_persist", "bbr_persist"] {
        let Some(account) = account(name) else { continue };
        let longest = account.stalls.iter().max_by_key(|stall| stall.us()).unwrap();
        assert_eq!(longest.cause, StallCause::ZeroWindow, "{name}");
        assert!(longest.us() > 8_800_000, "{name}");
        assert!(account.sending.share(Limit::ReceiverWindow) > 0.95, "{name}");
        assert!(note(&account, "zero_window") && note(&account, "window_cap"), "{name}");
    }
}

#[test]
fn a_lost_syn() {
    let Some(account) = account("bbr_bbverbose_lossy") else { return };
    assert_eq!(account.sending.time_us(Limit::Handshake), 1_020_357);
    assert_eq!(account.stalls[0].cause, StallCause::PeerSilent);
    assert_eq!(account.handshake.syns, 2);
}

/// Five sends failed; what was sent then was new.
#[test]
fn failed_sends() {
    let Some(account) = account("default_enobufs") else { return };
    assert_eq!(&account.failed[..], [(55, 5)]);
    assert_eq!((account.sent.segments, account.sent.retransmissions), (212, 0));
    assert_eq!(account.sending.total(Limit::SendError).map(|total| total.spells), Some(5));
    let notes = account.notes();
    let failed = notes.iter().find(|note| note.kind == "failed_sends").unwrap();
    assert_eq!(failed.text, "5 sends failed: no buffers (ENOBUFS).");
}

#[test]
fn options_that_are_not_in_use() {
    let Some(account) = account("default_nosack_lossy") else { return };
    let notes = account.notes();
    let sack = notes.iter().find(|note| note.kind == "sack_not_negotiated").unwrap();
    assert_eq!(sack.text, "SACK is not in use: we did not offer it.");
    assert_eq!(account.resent[Cause::DupAcks as usize], 5);
}

#[test]
fn keepalives_are_answered() {
    for name in ["rack_keepalive", "bbr_keepalive"] {
        let Some(account) = account(name) else { continue };
        assert_eq!(account.fired(Timer::Keepalive), 4, "{name}");
        assert_eq!(account.stalls[0].cause, StallCause::ApplicationSilent, "{name}");
        assert!(account.sending.share(Limit::Application) > 0.97, "{name}");
    }
}

/// eventlog, FreeBSD 15 with dummynet: a retransmission was lost in fast recovery, and the timer, whose RTT came
/// from the host cache, took four seconds.
#[test]
fn a_lost_retransmission_in_eventlog() {
    let Some(path) = stream("elog/genuine_d_2cpu_loss_sendfile.elog") else { return };
    let sessions = logs::sessions(&std::fs::read(path).unwrap());
    let account = sessions[&44].account();
    assert_eq!(account.sending.main(), Some(Limit::Timeout));
    assert_eq!(account.fired(Timer::Rto), 2);
    let causes: Vec<StallCause> = account.stalls.iter().map(|stall| stall.cause).collect();
    assert_eq!(causes, [StallCause::RetransmissionLost; 2]);
    let first = account.stalls[0];
    assert_eq!((first.first_number, first.last_number, first.us()), (2083, 2107, 4_009_571));
    assert_eq!(account.resent[Cause::Rto as usize], 2);
}
