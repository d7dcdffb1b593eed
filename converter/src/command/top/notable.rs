// SPDX-License-Identifier: BSD-2-Clause
//! What happened to a connection that matters: losses, timers, recovery, errors, stalls, changes of state.

use std::fmt;

use bblog_analysis::{Cause, Stall, StallCause, Step, Timer, errno_name, state_name};
use bblog_dissector::Micros;

use super::quantity::Time;

/// Something that matters, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notable {
    /// When it was logged.
    pub time: Micros,
    /// What.
    pub what: What,
}

/// Something that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Records are missing.
    Missing(u32),
    /// A timer fired.
    Timer(Timer),
    /// A segment was sent again: its first sequence number and the one after it, relative to our first where that
    /// is known, and why.
    Again(u32, u32, Option<Cause>),
    /// A send failed: an error number.
    SendError(i32),
    /// Loss recovery began, or ended.
    Recovery(bool),
    /// The peer's window closed, or opened.
    WindowClosed(bool),
    /// The TCP state changed, to this one.
    State(Option<u8>),
    /// A stall ended: how long it was, microseconds, and what caused it.
    Stall(u64, StallCause),
    /// The connection, or its log, ended.
    End,
}

/// What is known of the connection beside the step.
#[derive(Clone, Copy, Default)]
pub struct Beside<'a> {
    /// Our initial sequence number.
    pub iss: Option<u32>,
    /// The TCP state now.
    pub tcp_state: Option<u8>,
    /// The stall that ended last.
    pub stall: Option<&'a Stall>,
}

/// What a step says of what matters.
pub fn of_step(step: &Step, beside: Beside<'_>) -> impl Iterator<Item = What> {
    let relative = |seq: u32| beside.iss.map_or(seq, |iss| seq.wrapping_sub(iss));
    // The usual course of things.
    let timer = step.timer.filter(|timer| !matches!(timer, Timer::DelayedAck | Timer::Pacing));
    let again =
        step.retransmission.map(|again| What::Again(relative(again.start), relative(again.end), again.cause));
    let stall = beside.stall.filter(|_| step.stall_ended);
    [
        (step.missing > 0).then_some(What::Missing(step.missing)),
        timer.map(What::Timer),
        again,
        step.send_error.map(What::SendError),
        step.recovery.map(What::Recovery),
        step.window_closed.map(What::WindowClosed),
        step.state_changed.then_some(What::State(beside.tcp_state)),
        stall.map(|stall| What::Stall(stall.us(), stall.cause)),
        step.is_end.then_some(What::End),
    ]
    .into_iter()
    .flatten()
}

/// In a few words.
impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            What::Missing(1) => f.write_str("1 record missing"),
            What::Missing(count) => write!(f, "{count} records missing"),
            What::Timer(timer) => write!(f, "{} fired", timer.name()),
            What::Again(start, end, cause) => {
                write!(f, "sent again {start}:{end}")?;
                cause.map_or(Ok(()), |cause| write!(f, " ({})", cause.name()))
            }
            What::SendError(errno) => write!(f, "send failed: {}", errno_name(errno)),
            What::Recovery(true) => f.write_str("recovery began"),
            What::Recovery(false) => f.write_str("recovery ended"),
            What::WindowClosed(true) => f.write_str("peer's window closed"),
            What::WindowClosed(false) => f.write_str("peer's window opened"),
            What::State(state) => f.write_str(state.and_then(state_name).unwrap_or("state not known")),
            What::Stall(us, cause) => write!(f, "stall of {}: {}", Time(us), cause.name()),
            What::End => f.write_str("end"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let said = [
            What::Missing(1),
            What::Timer(Timer::Tlp),
            What::Again(1, 1449, Some(Cause::Rto)),
            What::Again(1, 1449, None),
            What::SendError(55),
            What::State(Some(4)),
            What::State(Some(200)),
            What::Stall(259_001, StallCause::TailLoss),
        ]
        .map(|what| what.to_string());
        let expected = [
            "1 record missing",
            "TLP fired",
            "sent again 1:1449 (RTO)",
            "sent again 1:1449",
            "send failed: no buffers (ENOBUFS)",
            "ESTABLISHED",
            "state not known",
            "stall of 259 ms: tail_loss",
        ];
        assert_eq!(said, expected);
    }
}
