// SPDX-License-Identifier: BSD-2-Clause
//! What happened to a connection that matters: losses, timers, recovery, errors, stalls, changes of state.

use std::fmt;

use bblog_analysis::{Cause, Stall, StallCause, Step, Timer, errno_name, state_name};
use bblog_dissector::Micros;
use bblog_dissector::counted::Counted;

use super::quantity::SpanText;

/// Something that matters, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notable {
    /// When it was logged.
    pub time: Micros,
    /// What.
    pub what: NotableKind,
}

/// Something that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotableKind {
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
pub fn of_step(step: &Step, beside: Beside<'_>) -> impl Iterator<Item = NotableKind> {
    let relative = |seq: u32| beside.iss.map_or(seq, |iss| seq.wrapping_sub(iss));
    // The usual course of things.
    let timer = step.timer.filter(|timer| !matches!(timer, Timer::DelayedAck | Timer::Pacing));
    let again = step
        .retransmission
        .map(|again| NotableKind::Again(relative(again.start), relative(again.end), again.cause));
    let stall = beside.stall.filter(|_| step.stall_ended);
    [
        (step.missing > 0).then_some(NotableKind::Missing(step.missing)),
        timer.map(NotableKind::Timer),
        again,
        step.send_error.map(NotableKind::SendError),
        step.recovery.map(NotableKind::Recovery),
        step.window_closed.map(NotableKind::WindowClosed),
        step.state_changed.then_some(NotableKind::State(beside.tcp_state)),
        stall.map(|stall| NotableKind::Stall(stall.us(), stall.cause)),
        step.is_end.then_some(NotableKind::End),
    ]
    .into_iter()
    .flatten()
}

/// In a few words.
impl fmt::Display for NotableKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            NotableKind::Missing(1) => f.write_str("1 record missing"),
            NotableKind::Missing(count) => write!(f, "{} missing", Counted(count.into(), "record")),
            NotableKind::Timer(timer) => write!(f, "{} fired", timer.name()),
            NotableKind::Again(start, end, cause) => {
                write!(f, "sent again {start}:{end}")?;
                cause.map_or(Ok(()), |cause| write!(f, " ({})", cause.name()))
            }
            NotableKind::SendError(errno) => write!(f, "send failed: {}", errno_name(errno)),
            NotableKind::Recovery(true) => f.write_str("recovery began"),
            NotableKind::Recovery(false) => f.write_str("recovery ended"),
            NotableKind::WindowClosed(true) => f.write_str("peer's window closed"),
            NotableKind::WindowClosed(false) => f.write_str("peer's window opened"),
            NotableKind::State(state) => f.write_str(state.and_then(state_name).unwrap_or("state not known")),
            NotableKind::Stall(us, cause) => write!(f, "stall of {}: {}", SpanText(us), cause.name()),
            NotableKind::End => f.write_str("end"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        let said = [
            NotableKind::Missing(1),
            NotableKind::Timer(Timer::Tlp),
            NotableKind::Again(1, 1449, Some(Cause::Rto)),
            NotableKind::Again(1, 1449, None),
            NotableKind::SendError(55),
            NotableKind::State(Some(4)),
            NotableKind::State(Some(200)),
            NotableKind::Stall(259_001, StallCause::TailLoss),
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
