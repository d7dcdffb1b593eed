// SPDX-License-Identifier: BSD-2-Clause
//! The summary of one connection.

use serde::Serialize;

use super::span::Span;

/// A connection.
#[derive(Debug, Default, Serialize)]
pub struct ConnectionReport {
    /// Local address and port, or null if no event tells.
    pub local: Option<String>,
    /// Remote address and port.
    pub remote: Option<String>,
    /// Session id (eventlog).
    pub session: Option<u64>,
    /// Log id, or null.
    pub log_id: Option<String>,
    /// Tag (BBLog).
    pub tag: Option<String>,
    /// Why it was dumped, each reason once (BBLog).
    pub reasons: Vec<String>,
    /// Stacks by name.
    pub stacks: Vec<String>,
    /// How often the stack changed.
    pub stack_changes: u64,
    /// Congestion control algorithms by name (eventlog).
    pub cc: Vec<String>,
    /// How often the algorithm changed.
    pub cc_changes: u64,
    /// Entries (BBLog).
    pub entries: Option<u64>,
    /// Records or events.
    pub events: u64,
    /// Records missing (BBLog).
    pub lost_records: Option<u64>,
    /// In how many places they are missing: gaps in the serial numbers (BBLog).
    pub gaps: Option<u64>,
    /// When it begins and ends.
    pub time: Option<Span>,
    /// How long that is, microseconds.
    pub duration_us: Option<i64>,
    /// Segments sent.
    pub sent: Direction,
    /// Segments received.
    pub received: Direction,
    /// Retransmit timeouts; null if the stack of some records is not known.
    pub rtos: Option<u64>,
    /// Tail loss probes; null if the stack of some records is not known.
    pub tlps: Option<u64>,
    /// Times that loss recovery began.
    pub recoveries: u64,
    /// Round-trip times; null if none is told.
    pub rtt: Option<Rtt>,
    /// The congestion window; null if none is told.
    pub cwnd: Option<Cwnd>,
    /// How it ended.
    pub end: End,
}

impl ConnectionReport {
    /// A connection of which nothing was counted yet.
    pub(super) fn begun() -> ConnectionReport {
        ConnectionReport { rtos: Some(0), tlps: Some(0), ..ConnectionReport::default() }
    }
}

/// The segments of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Direction {
    /// Segments. With TSO and LRO one may have been several packets.
    pub packets: u64,
    /// Bytes of data in them, those sent again included.
    pub bytes: u64,
    /// Segments with data, SYN or FIN that went by before, at least in part.
    pub retransmits: u64,
}

/// Round-trip times, microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rtt {
    /// The least.
    pub min_us: u64,
    /// The mean.
    pub avg_us: u64,
    /// The greatest.
    pub max_us: u64,
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
    pub min: u64,
    /// The greatest.
    pub max: u64,
}

/// How a connection ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct End {
    /// Whether the log tells that it did.
    pub seen: bool,
    /// What the kernel noted as the reasons (FreeBSD 14 and later), in order.
    pub reasons: Vec<String>,
    /// What segments told, in order, each once: `FIN sent`, `FIN received`, `RST sent`,
    /// `RST received`.
    pub segments: Vec<&'static str>,
    /// The last TCP state.
    pub state: Option<String>,
}

/// Adds a name to a short list, once; a damaged file can have millions.
pub(super) fn add_name(names: &mut Vec<String>, name: String) {
    const MAX_NAMES: usize = 16;
    if names.len() < MAX_NAMES && !names.contains(&name) {
        names.push(name);
    }
}
