// SPDX-License-Identifier: GPL-2.0-or-later
//! Which frames belong together: a sent segment and its acknowledgement, a timer's start and its end.
//!
//! Both are found in the first pass, in the order of the file, by [`Open`], which knows what of a flow is
//! still waiting for its other half.

use std::collections::VecDeque;

use bblog_dissector::spec::{TimerStep, TimerVerb};

/// Segments that wait for their acknowledgement at most: where one direction was not captured, none comes.
const SEGMENTS_MAX: usize = 1 << 16;

/// A TCP segment, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// The sequence number behind it.
    pub end: u32,
    /// Whether it takes sequence numbers at all.
    pub occupies: bool,
    /// What it acknowledges.
    pub ack: Option<u32>,
}

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

impl Segment {
    /// The segment in an IP packet.
    pub fn of_ip(ip: &[u8]) -> Option<Segment> {
        let be16 = |at: usize| Some(usize::from(u16::from_be_bytes(ip.get(at..at + 2)?.try_into().ok()?)));
        let (header, total) = match ip.first()? {
            0x60..=0x6f => (40, 40 + be16(4)?),
            first @ 0x45..=0x4f => (usize::from(first & 0x0f) * 4, be16(2)?),
            _ => return None,
        };
        let tcp = ip.get(header..)?;
        let be32 = |at: usize| Some(u32::from_be_bytes(tcp.get(at..at + 4)?.try_into().ok()?));
        let flags = *tcp.get(13)?;
        let payload = total.checked_sub(header + usize::from(tcp.get(12)? >> 4) * 4)? as u32;
        let len = payload + u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        let ack = if flags & ACK != 0 { Some(be32(8)?) } else { None };
        Some(Segment { end: be32(4)?.wrapping_add(len), occupies: len != 0, ack })
    }
}

/// What an event of a flow does, beside being shown.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// A segment was received.
    Received(Segment),
    /// A segment was sent.
    Sent(Segment),
    /// Something happened to a timer, which the number tells from others of its chain.
    Timer(&'static TimerStep, i64),
}

/// What waits for its other half.
#[derive(Default)]
pub struct Open {
    /// Sent segments: where they end, and their frames.
    segments: VecDeque<(u32, u32)>,
    /// The highest end among them.
    highest: Option<u32>,
    /// How many of them were sent out of order: again.
    again: usize,
    /// Armed timers: chain, number and frame. Few, so a list.
    timers: Vec<(&'static str, i64, u32)>,
}

/// Whether sequence number `a` is before `b` or the same.
fn at_most(a: u32, b: u32) -> bool {
    b.wrapping_sub(a) < 1 << 31
}

impl Open {
    /// Takes in what `frame` does, and calls `link` with each pair of frames that belong together, the
    /// earlier one first.
    pub fn act(&mut self, frame: u32, act: &Act, mut link: impl FnMut(u32, u32)) {
        match *act {
            Act::Sent(segment) if segment.occupies => self.sent(frame, segment.end),
            Act::Received(Segment { ack: Some(ack), .. }) => self.acked(ack, |earlier| link(earlier, frame)),
            Act::Sent(_) | Act::Received(_) => {}
            Act::Timer(step, number) => {
                let armed = self.timers.iter().position(|timer| (timer.0, timer.1) == (step.chain, number));
                match (step.does, armed) {
                    (TimerVerb::Starts, Some(at)) => self.timers[at].2 = frame,
                    (TimerVerb::Starts, None) => self.timers.push((step.chain, number, frame)),
                    (TimerVerb::Stops | TimerVerb::Fires, Some(at)) => {
                        link(self.timers.swap_remove(at).2, frame);
                    }
                    (TimerVerb::Stops | TimerVerb::Fires, None) | (TimerVerb::Handles, _) => {}
                }
            }
        }
    }

    fn sent(&mut self, frame: u32, end: u32) {
        if self.segments.len() == SEGMENTS_MAX {
            self.segments.pop_front();
        }
        match self.highest {
            Some(highest) if at_most(end, highest) => self.again += 1,
            _ => self.highest = Some(end),
        }
        self.segments.push_back((end, frame));
    }

    fn acked(&mut self, ack: u32, mut link: impl FnMut(u32)) {
        while let Some(&(end, frame)) = self.segments.front()
            && at_most(end, ack)
        {
            self.segments.pop_front();
            link(frame);
        }
        // Segments sent again stand behind later ones.
        if self.again > 0 {
            self.segments.retain(|&(end, frame)| {
                if at_most(end, ack) {
                    link(frame);
                }
                !at_most(end, ack)
            });
            let sorted = self.segments.iter().is_sorted_by(|a, b| at_most(a.0, b.0));
            self.again = usize::from(!sorted);
        }
        if self.segments.is_empty() {
            self.highest = None;
            self.again = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use bblog_dissector::spec::When;

    use super::*;

    fn links(acts: &[Act]) -> Vec<(u32, u32)> {
        let (mut open, mut links) = (Open::default(), Vec::new());
        for (at, act) in acts.iter().enumerate() {
            open.act(at as u32 + 1, act, |from, to| links.push((from, to)));
        }
        links
    }

    fn sent(end: u32) -> Act {
        Act::Sent(Segment { end, occupies: true, ack: None })
    }

    fn ack(ack: u32) -> Act {
        Act::Received(Segment { end: 0, occupies: false, ack: Some(ack) })
    }

    #[test]
    fn a_segment_belongs_to_the_first_that_acknowledges_all_of_it() {
        assert_eq!(links(&[sent(10), sent(20), ack(15), ack(19), ack(20), ack(20)]), [(1, 3), (2, 5)]);
        // Sent again, and across the end of the number space.
        let top = u32::MAX - 4;
        let acts = [sent(top), sent(5), sent(top), sent(9), ack(1), ack(9)];
        assert_eq!(links(&acts), [(1, 5), (3, 5), (2, 6), (4, 6)]);
    }

    #[test]
    fn a_timer_belongs_to_its_next_end() {
        let step = |does| -> &'static TimerStep {
            Box::leak(Box::new(TimerStep { when: When::ALWAYS, does, chain: "t", keyed: true, rows: &[] }))
        };
        let (starts, stops, fires) =
            (step(TimerVerb::Starts), step(TimerVerb::Stops), step(TimerVerb::Fires));
        let acts = [
            Act::Timer(starts, 1),
            Act::Timer(starts, 2),
            Act::Timer(stops, 3),
            Act::Timer(fires, 2),
            Act::Timer(starts, 1),
            Act::Timer(step(TimerVerb::Handles), 1),
            Act::Timer(stops, 1),
        ];
        assert_eq!(links(&acts), [(2, 4), (5, 7)]);
    }

    #[test]
    fn segments_are_read_from_packets() {
        let mut ip = vec![0x45, 0, 0, 50];
        ip.resize(20, 0);
        ip.extend([0, 80, 0, 81, 0, 0, 0, 100, 0, 0, 0, 7, 0x50, ACK | FIN]);
        assert_eq!(Segment::of_ip(&ip), Some(Segment { end: 111, occupies: true, ack: Some(7) }));
        for len in 0..ip.len() {
            assert_eq!(Segment::of_ip(&ip[..len]), None);
        }
    }
}
