// SPDX-License-Identifier: BSD-2-Clause
//! One connection as a row: its ends, and what is known of it when it is over.

use std::sync::Arc;

use bblog_analysis::{Account, Limit, Timer};
use bblog_dissector::Micros;
use bblog_dissector::tcp_provider::Addresses;

use super::id::ConnectionId;

/// Who a connection was, as its log says.
#[derive(Clone, Debug)]
pub struct Party {
    /// Its id.
    pub id: ConnectionId,
    /// The machine that logged it, if the user says so.
    pub host: Option<Arc<str>>,
    /// Local and remote address.
    pub addresses: Option<Addresses>,
    /// The log id, if one was set.
    pub log_id: Option<Box<str>>,
    /// The tag, if one was set (BBLog).
    pub tag: Option<Box<str>>,
    /// The last TCP stack that it changed to; `None` if it is not known.
    pub stack: Option<Arc<str>>,
    /// The last congestion control algorithm that it changed to (eventlog).
    pub cc: Option<Arc<str>>,
    /// The kernel's release, or the kernels that it may be (BBLog).
    pub kernel: Option<Arc<str>>,
    /// Whether the stack's name was concluded from the records.
    pub is_stack_inferred: bool,
    /// Whether the kernel was concluded from the records.
    pub is_kernel_inferred: bool,
    /// Whether its times count from the boot of the machine, which the log does not have.
    pub is_uptime: bool,
    /// Whether it is of BBLog.
    pub is_bblog: bool,
    /// Whether records are of a stack that is not known, so that not all of them could be decoded.
    pub is_undecoded: bool,
    /// The first file that it was found in.
    pub file: Arc<str>,
}

/// A connection. What its log does not say is `None`, never 0.
#[derive(Clone, Debug)]
pub struct ConnectionRow {
    /// Who it was.
    pub party: Party,
    /// Time of its first item.
    pub first: Micros,
    /// Time of its last item.
    pub last: Micros,
    /// Whether it was established.
    pub established: bool,
    /// Whether its end was seen.
    pub ended: bool,
    /// The time in each [`Limit`], microseconds, by its place in [`Limit::ALL`].
    pub limits_us: [u64; Limit::ALL.len()],
    /// What limited it most.
    pub main_limit: Option<Limit>,
    /// Its numbers.
    pub figures: Figures,
    /// One or two sentences.
    pub verdict: Box<str>,
}

/// The numbers of a connection.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Time lost to loss, timers and failed sends, microseconds.
    pub lost_us: u64,
    /// Segments sent; with TSO one may have been several packets.
    pub sent_packets: u64,
    /// Bytes of data in them, those sent again included.
    pub sent_bytes: u64,
    /// Segments with data, SYN or FIN that were sent before.
    pub retransmits: u64,
    /// Bytes of data sent again.
    pub retransmitted_bytes: u64,
    /// Retransmissions of what the peer had, by its D-SACKs; `None` without SACK.
    pub spurious_retransmits: Option<u32>,
    /// Sends that failed.
    pub failed_sends: u64,
    /// Segments received; with LRO one may have been several packets.
    pub received_packets: u64,
    /// Bytes of data in them, those received again included.
    pub received_bytes: u64,
    /// Retransmission timeouts; `None` if the stack is not known.
    pub rtos: Option<u32>,
    /// Tail loss probes; `None` if the stack is not known.
    pub tlps: Option<u32>,
    /// Times that fast recovery began.
    pub recoveries: u32,
    /// The least round-trip time, microseconds.
    pub rtt_min_us: Option<u32>,
    /// Percentiles of the round-trip time: 50, 95, 99; right to 3 %, microseconds.
    pub rtt_percentiles_us: [Option<u32>; 3],
    /// The least and the greatest congestion window, bytes.
    pub cwnd: Option<(u32, u32)>,
    /// Bytes acknowledged, in bits per second since the handshake.
    pub goodput_bps: Option<u64>,
    /// Gaps without progress.
    pub stalls: u64,
    /// The longest of them, microseconds; 0 without any.
    pub longest_stall_us: u64,
    /// Records or events.
    pub events: u64,
    /// Records missing; `None` for eventlog, which does not number events.
    pub lost_records: Option<u64>,
}

impl ConnectionRow {
    /// The row of a connection that is over.
    pub fn new(party: Party, account: &Account) -> ConnectionRow {
        let duration = i64::try_from(account.duration_us).unwrap_or(i64::MAX);
        ConnectionRow {
            first: account.first,
            last: Micros(account.first.0.saturating_add(duration)),
            established: account.established,
            ended: account.ended,
            limits_us: Limit::ALL.map(|limit| account.sending.time_us(limit)),
            main_limit: account.sending.main(),
            figures: Figures::new(&party, account),
            verdict: account.verdict().into(),
            party,
        }
    }

    /// From its first to its last item, microseconds.
    pub fn duration_us(&self) -> u64 {
        self.last.0.abs_diff(self.first.0)
    }

    /// The time in `limit`, microseconds.
    pub fn limit_us(&self, limit: Limit) -> u64 {
        let at = Limit::ALL.iter().position(|known| *known == limit);
        at.and_then(|at| self.limits_us.get(at)).copied().unwrap_or_default()
    }
}

impl Figures {
    fn new(party: &Party, account: &Account) -> Figures {
        let Account { sent, received, rtts, .. } = account;
        let fired = |timer| (!party.is_undecoded && !account.timer_cut).then(|| account.fired(timer));
        let longest = account.stalls.iter().map(|stall| stall.us()).max();
        Figures {
            lost_us: account.lost_us(),
            sent_packets: sent.segments,
            sent_bytes: sent.bytes,
            retransmits: sent.retransmissions,
            retransmitted_bytes: sent.retransmitted_bytes,
            spurious_retransmits: account.spurious_retransmits(),
            failed_sends: account.failed.iter().map(|(_, times)| u64::from(*times)).sum(),
            received_packets: received.segments,
            received_bytes: received.bytes,
            rtos: fired(Timer::Rto),
            tlps: fired(Timer::Tlp),
            recoveries: account.recoveries,
            rtt_min_us: rtts.min_us(),
            rtt_percentiles_us: [50, 95, 99].map(|percent| rtts.percentile_us(percent)),
            cwnd: account.cwnd,
            goodput_bps: account.goodput_bps(),
            stalls: account.stalls.len() as u64 + u64::from(account.more_stalls),
            longest_stall_us: longest.unwrap_or_default(),
            events: account.items,
            lost_records: party.is_bblog.then_some(account.missing),
        }
    }
}
