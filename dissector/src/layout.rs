// SPDX-License-Identifier: BSD-2-Clause
//! The layout of the tcp provider in a capture.
//!
//! A capture does not say which version of the schema its kernel had. Payload sizes and plausible values
//! decide. [`Votes`] counts over the events of a capture, a few thousand at most, and decides once
//! for all.

use crate::cursor::Cursor;
use crate::elog::RawEvent;
use crate::tcp_provider::id;

/// A layout of the tcp provider, in the order they came up. They differ in IN, OUT, CONN_PARAMS,
/// the timer events and a few more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// The oldest: CONN_PARAMS of 8 bytes beside CONN_PARAMS_V2.
    A,
    /// IN and OUT without the raw window.
    B,
    /// TIMER_START with a 32-bit timeout, TIMER_FIRED with flags.
    C,
    /// The schema as of 2026.
    D,
    /// As D, IN and OUT without th_sum.
    D2,
    /// As D2, with TCP options, SHUTDOWN, CLOSE and SOCKET_OPT_BLOB.
    E,
}

impl Layout {
    /// All layouts.
    pub const ALL: [Layout; 6] = [Layout::A, Layout::B, Layout::C, Layout::D, Layout::D2, Layout::E];

    /// From its name, `A` to `E`, in either case.
    pub fn from_name(name: &str) -> Option<Layout> {
        Layout::ALL.into_iter().find(|layout| layout.name().eq_ignore_ascii_case(name))
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        ["A", "B", "C", "D", "D2", "E"][self as usize]
    }
}

/// Packet arrival and event differ by less than this, microseconds.
const NEAR: u64 = 60_000_000;

/// Votes for layouts, from events of the tcp provider.
#[derive(Clone, Debug, Default)]
pub struct Votes([u32; 6]);

impl Votes {
    /// Counts one event of the tcp provider.
    pub fn count(&mut self, event: &RawEvent<'_>) {
        self.note(evidence(event, false));
    }

    /// Counts one event of the tcp provider whose payload is still as a big-endian machine wrote it.
    pub fn count_big_endian(&mut self, event: &RawEvent<'_>) {
        self.note(evidence(event, true));
    }

    fn note(&mut self, layouts: &[Layout]) {
        layouts.iter().for_each(|&layout| self.0[layout as usize] += 1);
    }

    /// The layout with the most votes; of equals D, or else the newer one. `None` without any
    /// vote.
    pub fn winner(&self) -> Option<Layout> {
        let best = *self.0.iter().max()?;
        let mut best_ones = Layout::ALL.into_iter().filter(|&l| best > 0 && self.0[l as usize] == best);
        let first = best_ones.next()?;
        let mut last = first;
        if first == Layout::D {
            return Some(first);
        }
        for layout in best_ones {
            if layout == Layout::D {
                return Some(layout);
            }
            last = layout;
        }
        Some(last)
    }
}

/// The layouts that an event speaks for.
fn evidence(event: &RawEvent<'_>, is_big_endian: bool) -> &'static [Layout] {
    use Layout::{A, B, C, D, D2, E};
    let payload = event.payload();
    let at = Cursor(payload);
    let byte = |offset: usize| at.u8(offset).unwrap_or(0);
    let header_words = |offset: usize| (5..=15).contains(&byte(offset));
    let state = |offset: usize| byte(offset) <= 10;
    let arrival = |offset: usize| {
        let time = at.u64(offset).map(|time| if is_big_endian { time.swap_bytes() } else { time });
        time.is_some_and(|time| time.abs_diff(event.timestamp()) < NEAR)
    };
    match (event.event_id(), payload.len()) {
        (id::CONN_PARAMS, 8) => &[A],
        (id::CONN_PARAMS, 64) => &[B, C, D, D2, E],
        (id::A_CONN_PARAMS_V2, 64) | (id::A_TCP_STACK_CHANGE, 32) => &[A],
        (id::TCP_STACK_CHANGE, 32) | (id::CC_ALGO_CHANGE, 16) => &[B, C, D, D2, E],
        // IN: D2 and E have the arrival time at 24, C and D at 32.
        (id::IN, 32) if header_words(21) && state(20) && arrival(24) && !(header_words(19) && state(18)) => {
            &[D2]
        }
        (id::IN, 32) if header_words(19) && state(18) => &[A, B],
        (id::IN, 32) if header_words(21) && state(20) => &[D2],
        (id::IN, 40) if arrival(24) && byte(32) == 0 => &[E],
        (id::IN, 40) if arrival(32) => &[C, D],
        (id::IN, len) if len > 40 && usize::from(byte(32)) == len - 40 => &[E],
        // OUT: the state was added before th_off, th_sum taken away again.
        (id::OUT, 28) => &[D2],
        (id::OUT, 32) if state(24) && header_words(25) => {
            if byte(28) == (byte(25) - 5) * 4 && byte(25) == 5 && at.u16(26) == Some(0) {
                &[C, D, E]
            } else {
                &[C, D]
            }
        }
        (id::OUT, 32) if header_words(24) => &[A, B],
        (id::OUT, len) if len > 32 && usize::from(byte(28)) == len - 32 => &[E],
        (id::TIMER_START, 8) => &[A, B, C],
        (id::TIMER_START, 16) => &[D, D2, E],
        (id::TIMER_CANCEL, 0) => &[A, B, C],
        (id::TIMER_CANCEL, 1) => &[D, D2, E],
        (id::TIMER_FIRED, 8) => &[A, B, C],
        (id::TIMER_FIRED, 1) => &[D, D2, E],
        (id::SHUTDOWN | id::CLOSE | id::SOCKET_OPT_BLOB, _) => &[E],
        _ => &[],
    }
}
