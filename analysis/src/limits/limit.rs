// SPDX-License-Identifier: BSD-2-Clause
//! What limits a connection now: one function of its facts.
//!
//! The order of evidence is: the TCP state, the outcome of the last send, the reason that the stack gave when
//! its output stopped, the timers, the windows. A fact that the log does not hold is missing, and where it
//! would decide, the answer is [`Limit::Unknown`].

use crate::evidence::{Facts, StopReason};
use crate::tcp::seq::before;
use crate::tcp::state;

/// What limits the sending side of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Limit {
    /// The connection is not established yet.
    Handshake,
    /// Nothing is unsent: the application has not written more.
    Application,
    /// The congestion window is full.
    CongestionWindow,
    /// The peer's window is full or closed; the persist state is included.
    ReceiverWindow,
    /// The pacer holds the next segment back.
    Pacing,
    /// Lost segments are being sent again.
    Recovery,
    /// What is in flight is lost or unanswered, and only a timer helps.
    Timeout,
    /// The send buffer is full and everything in it is in flight: the writer waits for every ACK.
    SendBuffer,
    /// The last send failed.
    SendError,
    /// Nothing limits but the CPU or the interface: segments leave back to back.
    Sending,
    /// Our FIN was sent, or the connection is closed.
    Closing,
    /// Records are missing, or they lack the members that would decide.
    Unknown,
}

impl Limit {
    /// All of them.
    pub const ALL: [Limit; 12] = [
        Limit::Handshake,
        Limit::Application,
        Limit::CongestionWindow,
        Limit::ReceiverWindow,
        Limit::Pacing,
        Limit::Recovery,
        Limit::Timeout,
        Limit::SendBuffer,
        Limit::SendError,
        Limit::Sending,
        Limit::Closing,
        Limit::Unknown,
    ];

    /// Its name in JSON, filters and columns: `congestion_window`.
    pub fn name(self) -> &'static str {
        match self {
            Limit::Handshake => "handshake",
            Limit::Application => "application",
            Limit::CongestionWindow => "congestion_window",
            Limit::ReceiverWindow => "receiver_window",
            Limit::Pacing => "pacing",
            Limit::Recovery => "recovery",
            Limit::Timeout => "timeout",
            Limit::SendBuffer => "send_buffer",
            Limit::SendError => "send_error",
            Limit::Sending => "sending",
            Limit::Closing => "closing",
            Limit::Unknown => "unknown",
        }
    }

    /// What it is, a few words.
    pub fn about(self) -> &'static str {
        match self {
            Limit::Handshake => "not established yet",
            Limit::Application => "nothing unsent",
            Limit::CongestionWindow => "the congestion window is full",
            Limit::ReceiverWindow => "the peer's window is full or closed",
            Limit::Pacing => "the pacer holds segments back",
            Limit::Recovery => "lost segments are sent again",
            Limit::Timeout => "what is in flight is lost or unanswered, only a timer helps",
            Limit::SendBuffer => "the send buffer is full, all of it in flight",
            Limit::SendError => "the last send failed",
            Limit::Sending => "segments leave back to back",
            Limit::Closing => "our FIN was sent, or the connection is closed",
            Limit::Unknown => "records or members are missing",
        }
    }
}

/// What keeps the receiving side of a connection from taking new data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reception {
    /// The connection is not established yet.
    Handshake,
    /// Our window is closed: the application does not read.
    WindowClosed,
    /// Data is held out of order: a segment before it is missing.
    OutOfOrder,
    /// The peer leaves a segment or a probe of ours unanswered until a timer fires.
    PeerSilent,
    /// Nothing is in the way.
    Open,
    /// The peer's FIN was received, or the connection is closed.
    Closing,
    /// Records are missing, or they lack the members that would decide.
    Unknown,
}

impl Reception {
    /// All of them.
    pub const ALL: [Reception; 7] = [
        Reception::Handshake,
        Reception::WindowClosed,
        Reception::OutOfOrder,
        Reception::PeerSilent,
        Reception::Open,
        Reception::Closing,
        Reception::Unknown,
    ];

    /// Its name in JSON: `window_closed`.
    pub fn name(self) -> &'static str {
        match self {
            Reception::Handshake => "handshake",
            Reception::WindowClosed => "window_closed",
            Reception::OutOfOrder => "out_of_order",
            Reception::PeerSilent => "peer_silent",
            Reception::Open => "open",
            Reception::Closing => "closing",
            Reception::Unknown => "unknown",
        }
    }

    /// What it is, a few words.
    pub fn about(self) -> &'static str {
        match self {
            Reception::Handshake => "not established yet",
            Reception::WindowClosed => "our window is closed: the application does not read",
            Reception::OutOfOrder => "data is held out of order: a segment before it is missing",
            Reception::PeerSilent => "the peer leaves us unanswered until a timer fires",
            Reception::Open => "nothing is in the way",
            Reception::Closing => "the peer's FIN was received, or the connection is closed",
            Reception::Unknown => "records or members are missing",
        }
    }
}

/// What decided on a state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Evidence {
    /// The TCP state.
    State,
    /// The reason that the stack gave when its output stopped.
    Kernel,
    /// A timer that fired or is armed.
    Timer,
    /// The windows, the flight and what is unsent.
    Arithmetic,
    /// The error number of the last send.
    SendResult,
    /// How the writer behaved: an inference.
    Inferred,
    /// What is missing.
    Missing,
}

impl Evidence {
    /// All of them.
    pub const ALL: [Evidence; 7] = [
        Evidence::State,
        Evidence::Kernel,
        Evidence::Timer,
        Evidence::Arithmetic,
        Evidence::SendResult,
        Evidence::Inferred,
        Evidence::Missing,
    ];

    /// Its name in JSON: `send_result`.
    pub fn name(self) -> &'static str {
        match self {
            Evidence::State => "state",
            Evidence::Kernel => "kernel",
            Evidence::Timer => "timer",
            Evidence::Arithmetic => "arithmetic",
            Evidence::SendResult => "send_result",
            Evidence::Inferred => "inferred",
            Evidence::Missing => "missing",
        }
    }
}

/// The least and the greatest segment size that is reckoned with where none is known, bytes.
const MSS_RANGE: [u32; 2] = [536, 8960];

/// What limits the sending side now, and what decided.
pub fn sending(facts: &Facts) -> (Limit, Evidence) {
    match facts.tcp_state {
        None => return (Limit::Unknown, Evidence::Missing),
        Some(state::LISTEN | state::SYN_SENT | state::SYN_RECEIVED) => {
            return (Limit::Handshake, Evidence::State);
        }
        Some(state::CLOSED) if !facts.established => return (Limit::Handshake, Evidence::State),
        Some(state::CLOSED | state::FIN_WAIT_2 | state::TIME_WAIT) => {
            return (Limit::Closing, Evidence::State);
        }
        Some(_) => {}
    }
    if facts.send_error.is_some() {
        return (Limit::SendError, Evidence::SendResult);
    }
    if facts.fin_sent {
        return (Limit::Closing, Evidence::State);
    }
    if !facts.settled && !facts.is_idle() {
        // A timeout or a failed send that the log does not hold may be what all waits for.
        return (Limit::Unknown, Evidence::Missing);
    }
    let kernel = match facts.stop {
        Some(StopReason::Cwnd) => Some(Limit::CongestionWindow),
        Some(StopReason::Rwnd | StopReason::Persist) => Some(Limit::ReceiverWindow),
        Some(StopReason::Application) => Some(Limit::Application),
        Some(StopReason::Prr) => Some(Limit::Recovery),
        // These say that output stopped, not why.
        Some(StopReason::DataSent | StopReason::Assessing) | None => None,
    };
    let (limit, evidence) = match kernel {
        Some(limit) => (limit, Evidence::Kernel),
        None if facts.persist == Some(true) => (Limit::ReceiverWindow, Evidence::Timer),
        None => arithmetic(facts),
    };
    if limit == Limit::Application && facts.buffer_full {
        return (Limit::SendBuffer, Evidence::Inferred);
    }
    (limit, evidence)
}

/// What follows from windows, flight and what is unsent alone.
pub fn arithmetic(facts: &Facts) -> (Limit, Evidence) {
    match facts.mss {
        Some(mss) => by_windows(facts, mss),
        None => {
            // Where the size of a segment would decide, nothing is known.
            let [least, greatest] = MSS_RANGE.map(|mss| by_windows(facts, mss));
            if least == greatest { least } else { (Limit::Unknown, Evidence::Missing) }
        }
    }
}

fn by_windows(facts: &Facts, mss: u32) -> (Limit, Evidence) {
    let unknown = (Limit::Unknown, Evidence::Missing);
    let (Some(una), Some(max), Some(end)) = (facts.snd_una, facts.snd_max, facts.snd_end) else {
        return unknown;
    };
    let flight = if before(una, max) { max.wrapping_sub(una) } else { 0 };
    let unsent = if before(max, end) { end.wrapping_sub(max) } else { 0 };
    // Nagle holds a partial segment back while something is in flight.
    if unsent == 0 || (unsent < mss && flight > 0) {
        return (Limit::Application, Evidence::Arithmetic);
    }
    let room = |window: u32| window.saturating_sub(flight);
    if facts.snd_wnd.is_some_and(|wnd| room(wnd) < mss.min(unsent)) {
        return (Limit::ReceiverWindow, Evidence::Arithmetic);
    }
    if facts.recovery == Some(true) {
        return (Limit::Recovery, Evidence::Arithmetic);
    }
    let cwnd = facts.cwnd_to_use.or(facts.cwnd);
    if cwnd.is_some_and(|cwnd| room(cwnd) < mss) {
        return (Limit::CongestionWindow, Evidence::Arithmetic);
    }
    if facts.snd_wnd.is_none() || facts.recovery.is_none() || cwnd.is_none() {
        return unknown;
    }
    match facts.pacing {
        Some(true) => (Limit::Pacing, Evidence::Timer),
        Some(false) => (Limit::Sending, Evidence::Arithmetic),
        None => unknown,
    }
}

/// What is in the way of the receiving side now, and what decided.
pub fn receiving(facts: &Facts) -> (Reception, Evidence) {
    match facts.tcp_state {
        None => return (Reception::Unknown, Evidence::Missing),
        Some(state::LISTEN | state::SYN_SENT | state::SYN_RECEIVED) => {
            return (Reception::Handshake, Evidence::State);
        }
        Some(state::CLOSED) if !facts.established => return (Reception::Handshake, Evidence::State),
        Some(state::CLOSED | state::CLOSE_WAIT | state::CLOSING | state::LAST_ACK | state::TIME_WAIT) => {
            return (Reception::Closing, Evidence::State);
        }
        Some(_) => {}
    }
    match (facts.held, facts.rcv_window) {
        (Some(1..), _) => (Reception::OutOfOrder, Evidence::Arithmetic),
        (_, Some(0)) => (Reception::WindowClosed, Evidence::Arithmetic),
        (None, _) | (_, None) => (Reception::Unknown, Evidence::Missing),
        (Some(0), Some(_)) => (Reception::Open, Evidence::Arithmetic),
    }
}
