// SPDX-License-Identifier: BSD-2-Clause
//! The summary of one connection.

use bblog_analysis::{Account, Limit, SegmentCounts, Timer, Total, errno_name, state_name};
use serde::Serialize;

use super::span::{TimeSpan, clock_name};
use crate::event::subject::{Names, Subject};

/// What the entries of a connection say, and how it ended.
#[derive(Default)]
pub(super) struct EntrySummary {
    /// How many there are (BBLog, but not pcapng).
    pub(super) count: Option<u64>,
    pub(super) tag: Option<String>,
    pub(super) reasons: Vec<String>,
    pub(super) end_reasons: Vec<String>,
    /// The stack of some of its records is not known.
    pub(super) is_undecoded: bool,
}

/// A connection.
#[derive(Debug, Serialize)]
pub struct ConnectionReport {
    /// Local address and port, or null if no event has them.
    pub local: Option<String>,
    /// Remote address and port.
    pub remote: Option<String>,
    /// Session id (eventlog).
    pub session: Option<u64>,
    /// Log id, or null.
    pub log_id: Option<String>,
    /// Tag (BBLog), or null.
    pub tag: Option<String>,
    /// Why it was dumped, each reason once (BBLog).
    pub reasons: Vec<String>,
    /// Stacks by name.
    pub stacks: Vec<String>,
    /// How often the stack changed.
    pub stack_changes: u32,
    /// Congestion control algorithms by name (eventlog).
    pub cc: Vec<String>,
    /// How often the algorithm changed.
    pub cc_changes: u32,
    /// Entries (BBLog).
    pub entries: Option<u64>,
    /// Records or events; each once, however often it is in the input.
    pub events: u64,
    /// Records missing (BBLog).
    pub lost_records: Option<u64>,
    /// In how many places they are missing: gaps in the serial numbers (BBLog).
    pub gaps: Option<u32>,
    /// When it begins and ends.
    pub time: Option<TimeSpan>,
    /// How long that is, microseconds.
    pub duration_us: Option<u64>,
    /// Whether it is a socket without a connection: listening or unbound.
    pub is_listener: bool,
    /// Segments sent.
    pub sent: DirectionReport,
    /// Segments received.
    pub received: DirectionReport,
    /// Sends that failed, by error number.
    pub failed_sends: Vec<FailedSends>,
    /// Retransmit timeouts; null if the stack of some records is not known, or their ends are missing.
    pub rtos: Option<u32>,
    /// Tail loss probes; null likewise.
    pub tlps: Option<u32>,
    /// Times that loss recovery began.
    pub recoveries: u32,
    /// Round-trip times; null if there is none.
    pub rtt: Option<Rtt>,
    /// The congestion window; null if there is none.
    pub cwnd: Option<Cwnd>,
    /// What limited it, in one or two sentences; null of a socket without a connection.
    pub verdict: Option<String>,
    /// The time in each state of the sending side, the largest share first.
    pub limits: Vec<LimitShare>,
    /// How it ended.
    pub end: EndReport,
}

/// The segments of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DirectionReport {
    /// Segments. With TSO and LRO one may have been several packets.
    pub packets: u64,
    /// Bytes of data in them, those sent again included.
    pub bytes: u64,
    /// Segments with data, SYN or FIN that went by before, at least in part.
    pub retransmits: u64,
}

/// Sends that failed with one error number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedSends {
    /// The error number, FreeBSD's.
    pub errno: i32,
    /// What it is called.
    pub error: String,
    /// How many.
    pub sends: u32,
}

/// Round-trip times, microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rtt {
    /// The least.
    pub min_us: u32,
    /// The mean.
    pub avg_us: u32,
    /// The greatest.
    pub max_us: u32,
    /// How many there are.
    pub samples: u64,
    /// `sample`; `used`, what the stack goes by after one or more samples; or `smoothed`, where
    /// the log has no samples.
    pub kind: &'static str,
}

/// The range of the congestion window, bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cwnd {
    /// The least.
    pub min: u32,
    /// The greatest.
    pub max: u32,
}

/// The time in one state.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct LimitShare {
    /// The state.
    pub state: &'static str,
    /// The time, microseconds.
    pub time_us: u64,
    /// Its share in the duration, 0 to 1.
    pub share: f64,
}

/// How a connection ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct EndReport {
    /// Whether the log shows that it did.
    pub seen: bool,
    /// What the kernel noted as the reasons (FreeBSD 14 and later), in order.
    pub reasons: Vec<String>,
    /// What segments showed, in order, each once: `FIN sent`, `FIN received`, `RST sent`,
    /// `RST received`.
    pub segments: Vec<&'static str>,
    /// The last TCP state.
    pub state: Option<&'static str>,
}

impl ConnectionReport {
    /// The report on a connection that is over.
    pub(super) fn of(subject: &Subject, entries: EntrySummary, account: &Account, names: &Names) -> Self {
        let time = TimeSpan::of(account, clock_name(subject.is_uptime));
        let is_listener = subject.is_listener(account);
        let is_bblog = subject.session.is_none();
        let (local, remote) = subject.addresses.unzip();
        let known = |number: u32| Some(number).filter(|_| !entries.is_undecoded && !account.timer_cut);
        ConnectionReport {
            local: local.map(|end| end.to_string()),
            remote: remote.map(|end| end.to_string()),
            session: subject.session,
            log_id: subject.log_id.as_deref().map(str::to_owned),
            stacks: names.stacks_of(subject).map(|stack| stack.name.to_string()).collect(),
            stack_changes: account.stack_changes,
            cc: names.algorithms_of(subject).map(str::to_owned).collect(),
            cc_changes: account.cc_changes,
            events: account.items,
            lost_records: is_bblog.then_some(account.missing),
            gaps: is_bblog.then_some(account.gaps),
            time: Some(time),
            duration_us: Some(time.us()),
            is_listener,
            sent: DirectionReport::of(&account.sent),
            received: DirectionReport::of(&account.received),
            failed_sends: account.failed.iter().map(FailedSends::of).collect(),
            rtos: known(account.fired(Timer::Rto)),
            tlps: known(account.fired(Timer::Tlp)),
            recoveries: account.recoveries,
            rtt: Rtt::of(account),
            cwnd: account.cwnd.map(|(min, max)| Cwnd { min, max }),
            verdict: (!is_listener).then(|| account.verdict()),
            limits: account.sending.totals.iter().map(|total| LimitShare::of(total, account)).collect(),
            end: EndReport {
                seen: account.ended,
                reasons: entries.end_reasons,
                segments: account.ends.iter().map(|end| end.name()).collect(),
                state: account.tcp_state.and_then(state_name),
            },
            tag: entries.tag,
            reasons: entries.reasons,
            entries: entries.count,
        }
    }
}

impl DirectionReport {
    fn of(counts: &SegmentCounts) -> DirectionReport {
        let SegmentCounts { segments: packets, bytes, retransmissions: retransmits, .. } = *counts;
        DirectionReport { packets, bytes, retransmits }
    }
}

impl FailedSends {
    fn of(&(errno, sends): &(i32, u32)) -> FailedSends {
        FailedSends { errno, error: errno_name(errno), sends }
    }
}

impl Rtt {
    fn of(account: &Account) -> Option<Rtt> {
        let rtts = &account.rtts;
        Some(Rtt {
            min_us: rtts.min_us()?,
            avg_us: rtts.mean_us()?,
            max_us: rtts.max_us()?,
            samples: rtts.count(),
            kind: rtts.kind()?.name(),
        })
    }
}

impl LimitShare {
    fn of(total: &Total<Limit>, account: &Account) -> LimitShare {
        let share = account.sending.share(total.state);
        LimitShare { state: total.state.name(), time_us: total.time_us, share: (share * 1e6).round() / 1e6 }
    }
}
