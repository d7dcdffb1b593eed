// SPDX-License-Identifier: GPL-2.0-or-later
//! What the analysis concludes of each frame: what limits the connection, the segment sent again, the stall that
//! ended.
//!
//! It is computed in the first pass, if a field of it may be needed, and kept in four bytes a frame.

use std::collections::HashMap;

use bblog_analysis::{Cause, ConnectionKey, Connections, Fed, Item, Limit, Step};
use foldhash::fast::RandomState;

use crate::flows::FlowId;
use crate::per_frame::PerFrame;

/// What was concluded of a frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Conclusion {
    /// What limits the sending side from this frame on.
    pub limit: Option<Limit>,
    /// What limited it until this frame.
    pub limit_before: Option<Limit>,
    /// Whether a segment was sent again, and why, if the stack says so.
    pub retransmission: Option<Option<Cause>>,
}

/// A stall that ends, or begins, with a frame.
#[derive(Debug)]
pub struct StallAt {
    /// The frame at its other end.
    pub other: u32,
    /// What happened, of the frame where it ends.
    pub text: Option<Box<str>>,
}

/// The connections, and what was concluded of the frames so far.
#[derive(Default)]
pub struct Follow {
    connections: Option<Box<Connections<RandomState>>>,
    frames: PerFrame<i32, 0>,
    stalls: HashMap<u32, StallAt, RandomState>,
}

impl Follow {
    /// The connection of a flow is over: what follows is another.
    pub fn restart(&mut self, flow: FlowId) {
        if let Some(connections) = &mut self.connections {
            connections.restart(key(flow));
        }
    }

    /// Takes in the next item of a flow.
    pub fn feed(&mut self, frame: u32, flow: FlowId, item: &Item<'_>) {
        let key = key(flow);
        let connections = self.connections.get_or_insert_default();
        let Fed::Taken(_, step) = connections.feed(key, frame.into(), item) else { return };
        // Accounts are nothing that a frame shows.
        connections.take_closed();
        self.frames.set(frame, pack(&step));
        let Some((_, connection)) = connections.get(&key).filter(|_| step.stall_ended) else { return };
        if let (Some(first), Some(stall)) = (connection.first(), connection.last_stall())
            && let (Ok(begin), Ok(end)) = (stall.first_number.try_into(), u32::try_from(stall.last_number))
        {
            let text = Some(stall.text(first).into());
            self.stalls.insert(begin, StallAt { other: end, text: None });
            self.stalls.insert(end, StallAt { other: begin, text });
        }
    }

    /// What was concluded of a frame.
    pub fn conclusion(&self, frame: u32) -> Conclusion {
        self.frames.get(frame).map_or(Conclusion::default(), unpack)
    }

    /// The stall that ends or begins with a frame.
    pub fn stall(&self, frame: u32) -> Option<&StallAt> {
        self.stalls.get(&frame)
    }
}

/// Flows are distinguished already: their numbers are sufficient keys.
fn key(flow: FlowId) -> ConnectionKey {
    ConnectionKey::Session(0, flow.number())
}

/// A byte each: limit, limit before, retransmission; 0 is none, and 1 of the last an unknown cause.
fn pack(step: &Step) -> i32 {
    let retransmission = step.retransmission.map(|sent| sent.cause.map_or(1, |cause| cause as u8 + 2));
    i32::from_le_bytes([
        step.limit as u8 + 1,
        step.limit_before.map_or(0, |limit| limit as u8 + 1),
        retransmission.unwrap_or(0),
        0,
    ])
}

fn unpack(packed: i32) -> Conclusion {
    let [limit, limit_before, retransmission, _] = packed.to_le_bytes().map(usize::from);
    let at = |byte: usize| byte.checked_sub(1);
    Conclusion {
        limit: at(limit).and_then(|at| Limit::ALL.get(at)).copied(),
        limit_before: at(limit_before).and_then(|at| Limit::ALL.get(at)).copied(),
        retransmission: at(retransmission)
            .map(|at| at.checked_sub(1).and_then(|at| Cause::ALL.get(at)).copied()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_kept_in_its_byte() {
        for (at, &limit) in Limit::ALL.iter().enumerate() {
            assert_eq!(unpack(at as i32 + 1).limit, Some(limit));
        }
        for (at, &cause) in Cause::ALL.iter().enumerate() {
            assert_eq!(unpack((at as i32 + 2) << 16).retransmission, Some(Some(cause)));
            assert_eq!(cause as usize, at);
        }
        assert!(Limit::ALL.iter().enumerate().all(|(at, &limit)| limit as usize == at));
        assert_eq!(unpack(1 << 16).retransmission, Some(None));
        assert_eq!(unpack(0), Conclusion::default());
    }
}
