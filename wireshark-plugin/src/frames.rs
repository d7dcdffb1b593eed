// SPDX-License-Identifier: GPL-2.0-or-later
//! Facts about a frame that depend on the frames before it.
//!
//! The first pass over a capture is in the order of the file and visits each frame once. Its results are kept, so
//! that a later visit of any frame, in any order, gives the same. A capture has many frames: what each frame has
//! takes twelve bytes, and what few have is kept apart.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ptr;

use bblog_analysis::links::Act;
use bblog_analysis::track::Tracked;
use bblog_analysis::{EventItem, Item, Plans, Retransmission};
use bblog_dissector::bblog::Record;
use bblog_dissector::catalog::ProviderSpec;
use bblog_dissector::elog::SESSION_CREATE;
use bblog_dissector::event::{Event, Field};
use bblog_dissector::tcp_provider::SegmentPlan;
use bblog_dissector::text::InitialSeqs;
use bblog_dissector::{Micros, TcpHeader};
use bblog_pcapng::sessions::{self, SessionChange};
use foldhash::fast::RandomState;

use crate::flows::{Flow, FlowId, Flows};
use crate::follow::Follow;
use crate::per_frame::PerFrame;
use crate::sections::SectionKey;

/// Kept for a frame that has no earlier one.
const NONE: i64 = i64::MIN;

/// What the first pass has found.
#[derive(Default)]
pub struct Frames {
    flows: Flows,
    plans: Plans,
    /// The provider of the last plan, and the plan.
    segments: Option<(&'static ProviderSpec, SegmentPlan)>,
    /// What the analysis concludes.
    pub follow: Follow,
    /// By frame number: microseconds since the frame before it of its flow, or [`NONE`].
    deltas: PerFrame<i64, NONE>,
    /// By frame number: the frame that it belongs to, or 0.
    links: PerFrame<i32, 0>,
    /// Whether recovery begins or ends, by the frame where it does.
    recoveries: HashMap<u32, bool, RandomState>,
    /// Records lost, by the frame they are missing before.
    gaps: HashMap<u32, u32, RandomState>,
}

impl Frames {
    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Frames::default();
    }

    /// Takes in of the next record of a flow what numbers in texts are relative to; `header` is that of the segment,
    /// if the record describes one.
    pub fn note_numbers(
        &mut self,
        frame: u32,
        flow: FlowId,
        record: &Record<'_>,
        header: Option<TcpHeader<'_>>,
    ) {
        let state = self.flows.state(flow);
        let style = state.numbers.of_record_with(record, header);
        state.note_style(frame, style);
    }

    /// Takes in the next record of a flow; `header` is that of the segment, if the record describes one, and `act` what
    /// it does beside being shown.
    pub fn note_record(
        &mut self,
        frame: u32,
        flow: FlowId,
        record: &Record<'_>,
        header: Option<TcpHeader<'_>>,
        act: Option<Act>,
    ) {
        let state = self.flows.state(flow);
        let tracked = state.track.next_with(record, header);
        if let Some(begins) = tracked.recovery {
            self.recoveries.insert(frame, begins);
        }
        if let Some(act) = act {
            state.open.act(frame, &act, |earlier, later| self.links.join(earlier, later));
        }
        self.deltas.set(frame, tracked.delta.map_or(NONE, |delta| delta.0));
        if let Some(gap) = tracked.gap {
            self.gaps.insert(frame, gap);
        }
        // Before the peer's SYN was processed rcv_nxt is 0.
        let irs = state.track.irs();
        if record.rcv_nxt() != 0 && state.irs.last().and_then(|last| last.1) != irs {
            state.irs.push((frame, irs));
        }
    }

    /// Takes in the next event of a session.
    pub fn note_event(&mut self, frame: u32, flow: FlowId, timestamp: u64, act: Option<Act>) {
        let state = self.flows.state(flow);
        let last = state.last.replace(timestamp);
        if let Some(act) = act {
            state.open.act(frame, &act, |earlier, later| self.links.join(earlier, later));
        }
        self.deltas.set(frame, last.map_or(NONE, |last| timestamp.wrapping_sub(last) as i64));
    }

    /// The flow called `flow`.
    pub fn flow(&mut self, flow: Flow) -> FlowId {
        self.flows.id(flow)
    }

    /// The flow of a section's own connection, which is called `flow`.
    pub fn flow_of_section(&mut self, section: SectionKey, flow: impl FnOnce() -> Flow) -> FlowId {
        self.flows.of_section(section, flow)
    }

    /// Notes the connection of a flow, as one of its packets names it.
    pub fn learn(&mut self, flow: FlowId, connection: (SocketAddr, SocketAddr)) {
        self.flows.state(flow).connection.get_or_insert(connection);
    }

    /// The connection of a flow, if one of its packets has named it.
    pub fn learned(&self, flow: FlowId) -> Option<(SocketAddr, SocketAddr)> {
        self.flows.get(flow).connection
    }

    /// Notes that Wireshark has a conversation for a flow; whether it had one already.
    pub fn converse(&mut self, flow: FlowId) -> bool {
        std::mem::replace(&mut self.flows.state(flow).has_conversation, true)
    }

    /// The number of a flow whose connection is not known.
    pub fn number(&mut self, flow: FlowId) -> u32 {
        self.flows.number(flow)
    }

    /// The frame that belongs to this one; see [`bblog_analysis::links`].
    pub fn link(&self, frame: u32) -> Option<u32> {
        self.links.get(frame).map(|other| other as u32)
    }

    /// What a frame is beside the one before it of its flow, without what is computed of the record when it is looked at.
    pub fn tracked(&self, frame: u32) -> Tracked {
        let (delta, gap, recovery) =
            (self.delta(frame), self.gap(frame), self.recoveries.get(&frame).copied());
        Tracked { delta, gap, recovery, ..Tracked::default() }
    }

    /// The microseconds since the frame before this one of its flow.
    pub fn delta(&self, frame: u32) -> Option<Micros> {
        self.deltas.get(frame).map(Micros)
    }

    /// The records lost before this frame.
    fn gap(&self, frame: u32) -> Option<u32> {
        self.gaps.get(&frame).copied()
    }

    /// The peer's initial sequence number, as far as it was known at a frame.
    pub fn irs(&self, frame: u32, flow: FlowId) -> Option<u32> {
        let known = &self.flows.get(flow).irs;
        let before = known.partition_point(|&(from, _)| from <= frame);
        known.get(before.checked_sub(1)?)?.1
    }

    /// The record's `rcv_nxt`, relative to what the peer began with.
    fn rcv_nxt_rel(&self, frame: u32, flow: FlowId, record: &Record<'_>) -> Option<u32> {
        let irs = self.irs(frame, flow)?;
        Some(record.rcv_nxt()).filter(|&seq| seq != 0).map(|seq| seq.wrapping_sub(irs))
    }

    /// Takes in the next event of a session of the tcp provider.
    pub fn note_tcp_event(&mut self, frame: u32, flow: FlowId, id: u32, event: &Event<'_>) {
        let state = self.flows.state(flow);
        if id == SESSION_CREATE {
            (state.numbers, state.resent) = Default::default();
        }
        let style = state.numbers.of_event(id, event);
        state.note_style(frame, style);
    }

    /// Hands the next event of a session of the tcp provider to the analysis, which is to follow the connection that
    /// the session stands for.
    pub fn follow_tcp_event(&mut self, frame: u32, flow: FlowId, section: SectionKey, item: EventItem<'_>) {
        let session_id = item.event.session_id();
        if sessions::is_no_session(session_id) {
            return;
        }
        let followed = match self.flows.get(flow).followed_as {
            Some(followed) => followed,
            None => {
                let followed = self.flows.id(Flow::TcpSession(section, session_id));
                *self.flows.state(flow).followed_as.insert(followed)
            }
        };
        let change = self.flows.state(followed).session.observe(&item.event);
        if let SessionChange::Restarted(_) = change {
            self.follow.restart(followed);
        }
        self.follow.feed(frame, followed, &Item::Eventlog(item));
    }

    /// What numbers in texts are relative to at a frame.
    pub fn style(&self, frame: u32, flow: FlowId) -> InitialSeqs {
        let known = &self.flows.get(flow).styles;
        let before = known.partition_point(|&(from, _)| from <= frame);
        before.checked_sub(1).and_then(|at| known.get(at)).map_or(InitialSeqs::default(), |known| known.1)
    }

    /// Where a provider of the name tcp has the members of a segment.
    pub fn plan(&mut self, provider: &'static ProviderSpec) -> SegmentPlan {
        match self.segments {
            Some((of, plan)) if ptr::eq(of, provider) => plan,
            _ => self.segments.insert((provider, SegmentPlan::of(provider))).1,
        }
    }

    /// Takes in the next item of a flow; gives the segment if it was sent before. The first pass, where nothing else
    /// follows connections.
    pub fn resent(&mut self, flow: FlowId, item: &Item<'_>) -> Option<Retransmission> {
        self.flows.state(flow).resent.feed(&mut self.plans, item)
    }

    /// The values of group `track` for a record.
    pub fn of_record(
        &self,
        frame: u32,
        flow: FlowId,
        record: &Record<'_>,
        srtt_us: Option<u32>,
    ) -> impl Iterator<Item = Field<'static>> {
        let rcv_nxt_rel = self.rcv_nxt_rel(frame, flow, record);
        Tracked { rcv_nxt_rel, srtt_us, ..self.tracked(frame) }.fields()
    }

    /// The values of group `track` for an event, of the tcp provider if it has a number there.
    pub fn of_event(
        &self,
        frame: u32,
        event: &Event<'_>,
        tcp_id: Option<u32>,
    ) -> impl Iterator<Item = Field<'static>> {
        let tracked = Tracked::of_event(self.delta(frame));
        tcp_id.map_or(tracked, |id| tracked.with_srtt(id, event)).fields()
    }
}

#[cfg(test)]
mod tests {
    use bblog_dissector::bblog::TCPINFO_LEN;

    use super::*;

    #[test]
    fn a_later_look_gives_what_the_first_pass_found() {
        let key = |number| Flow::Unnamed(SectionKey { file: 1, number }, 0);
        let mut frames = Frames::default();
        let record = |second: u8, serial: u8| {
            let mut bytes = [0; TCPINFO_LEN];
            bytes[0] = second;
            bytes[20] = serial;
            bytes
        };
        let steps = [(1, key(0), 1, 0), (2, key(1), 5, 0), (3, key(0), 2, 1), (9000, key(0), 4, 5)];
        for (frame, flow, second, serial) in steps {
            let bytes = record(second, serial);
            let flow = frames.flow(flow);
            frames.note_record(frame, flow, &Record::from_tcpinfo(&bytes).unwrap(), None, None);
        }
        assert_eq!(frames.delta(1), None);
        assert_eq!(frames.delta(2), None);
        assert_eq!(frames.delta(3), Some(Micros(1_000_000)));
        assert_eq!((frames.delta(9000), frames.gap(9000)), (Some(Micros(2_000_000)), Some(3)));
        assert_eq!((frames.delta(4), frames.delta(u32::MAX), frames.gap(3)), (None, None, None));
        frames.clear();
        assert_eq!(frames.delta(3), None);
    }
}
