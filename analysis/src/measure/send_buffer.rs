// SPDX-License-Identifier: BSD-2-Clause
//! Whether the send buffer is what the writer waits for.

use bblog_dissector::Micros;

use crate::evidence::{Facts, ItemKind, Observed};
use crate::measure::facts_before::FactsBefore;

/// What is known of the send buffer from how the writer behaves.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SendBuffer {
    /// The most that was ever in it.
    ceiling: u32,
    /// Writes in a row that filled it to there after an ACK.
    fills: u32,
    /// An ACK freed something since the last write, at this time.
    freed: Option<Micros>,
    /// Bytes in it before the write.
    before: u32,
}

/// Writes that fill the buffer to its ceiling after an ACK, after which the writer is taken to wait for ACKs.
const FILLS: u32 = 3;
/// A writer that waits for room writes within this time of the ACK that made it, microseconds.
const PROMPT_US: i64 = 5_000;

impl SendBuffer {
    /// Learns from the writer whether the send buffer is what it waits for.
    pub(crate) fn watch(
        &mut self,
        facts: &mut Facts,
        before: &FactsBefore,
        seen: &Observed<'_>,
        now: Micros,
    ) {
        let Some(buffered) = facts.buffered else { return };
        let mss = facts.mss.unwrap_or(0);
        match seen.kind {
            ItemKind::In(_) | ItemKind::Acked if before.snd_una != facts.snd_una => {
                self.freed.get_or_insert(now);
            }
            ItemKind::UserWrite => {
                let prompt = self.freed.is_some_and(|at| (now - at).0 <= PROMPT_US);
                let full = buffered.saturating_add(mss) >= self.ceiling;
                // A writer that waits for room never lets the buffer run empty.
                let kept = facts.flight().is_some_and(|flight| flight > 0) && self.before > 0;
                self.fills = if prompt && full && kept { self.fills.saturating_add(1) } else { 0 };
                self.freed = None;
            }
            _ => {}
        }
        self.ceiling = self.ceiling.max(buffered);
        self.before = facts.flight().map_or(0, |flight| buffered.min(flight));
        let limit = facts.buffer_limit;
        let near = |limit: u32| buffered.saturating_add(mss) >= limit && limit > 0;
        facts.buffer_full =
            limit.is_some_and(near) || (limit.is_none() && self.fills >= FILLS && near(self.ceiling));
    }

    /// Records are missing: what the writer did is not known.
    pub(crate) fn lose(&mut self) {
        *self = SendBuffer { ceiling: self.ceiling, ..SendBuffer::default() };
    }
}
