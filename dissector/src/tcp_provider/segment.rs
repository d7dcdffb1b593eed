// SPDX-License-Identifier: BSD-2-Clause
//! The IN and OUT events of eventlog's `tcp` provider as TCP segments.
//!
//! Their structure changed several times. Offsets come from the provider's tables, and a vote decides which
//! tables apply ([`Votes`](crate::layout::Votes)). Integers are in the writer's order, those of the TCP header
//! included.

use super::id::{IN, OUT};
use crate::TcpHeader;
use crate::catalog::ProviderSpec;
use crate::cursor::Cursor;
use crate::elog::RawEvent;
use crate::spec::EventSpec;

/// Header words of a TCP header.
const HEADER_WORDS: std::ops::RangeInclusive<u8> = 5..=15;

/// Where a layout has the members that make a packet, in IN and in OUT.
#[derive(Clone, Copy, Debug)]
pub struct SegmentPlan {
    inbound: Option<SegmentMembers>,
    outbound: Option<SegmentMembers>,
}

/// Offsets in the payload of one of the two events.
#[derive(Clone, Copy, Debug)]
struct SegmentMembers {
    seq: usize,
    ack: usize,
    flags: usize,
    window: WindowMember,
    len: usize,
    header_words: usize,
    urgent: usize,
    /// The count of option bytes, and the bytes.
    options: Option<(usize, usize)>,
}

#[derive(Clone, Copy, Debug)]
enum WindowMember {
    /// As in the header: 16 bits.
    Raw(usize),
    /// Scaled: 32 bits.
    Scaled(usize),
}

impl SegmentPlan {
    /// The plan of a provider's tables; events that lack a member make no packets.
    pub fn of(provider: &ProviderSpec) -> SegmentPlan {
        let members = |id| provider.event(id).and_then(SegmentMembers::of);
        SegmentPlan { inbound: members(IN), outbound: members(OUT) }
    }
}

impl SegmentMembers {
    fn of(event: &EventSpec) -> Option<SegmentMembers> {
        let at = |name, size| {
            let field = event.fields.iter().find(|field| field.name == name)?;
            (field.place.size == size).then_some(usize::from(field.place.offset))
        };
        let window =
            at("win_raw", 2).map(WindowMember::Raw).or_else(|| at("win", 4).map(WindowMember::Scaled))?;
        Some(SegmentMembers {
            seq: at("seq", 4)?,
            ack: at("ack", 4)?,
            flags: at("flags", 2)?,
            window,
            len: at("len", 4)?,
            header_words: at("th_off", 1)?,
            urgent: at("th_urp", 2)?,
            options: at("option_len", 1).zip(at("option", 1)),
        })
    }
}

/// A logged segment: its TCP header in host order, and its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoggedSegment<'a> {
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Flags, AE (0x100) included.
    pub flags: u16,
    /// The window as in the header, not scaled.
    pub window: u16,
    /// Bytes of data, without SYN and FIN.
    pub len: u32,
    /// th_off: words of the header, 5 to 15.
    pub header_words: u8,
    /// Urgent pointer.
    pub urgent: u16,
    /// The options' bytes, as far as they were logged (layout E only).
    pub options: &'a [u8],
}

impl<'a> LoggedSegment<'a> {
    /// The segment of an IN or OUT event. `scale` is the window scale that applies to its
    /// direction, needed for layouts that hold the scaled window only.
    ///
    /// `None` for another event, a payload too short, or a header length that cannot be.
    #[inline(always)]
    pub fn of(event: &RawEvent<'a>, plan: &SegmentPlan, scale: u8) -> Option<LoggedSegment<'a>> {
        let at = Cursor(event.payload());
        let members = match event.event_id() {
            IN => plan.inbound?,
            OUT => plan.outbound?,
            _ => return None,
        };
        let flags = at.u16(members.flags)?;
        let window = match members.window {
            WindowMember::Raw(offset) => at.u16(offset)?,
            WindowMember::Scaled(offset) => unscaled(at.u32(offset)?, scale, flags),
        };
        let header_words = at.u8(members.header_words)?;
        if !HEADER_WORDS.contains(&header_words) {
            return None;
        }
        let options =
            members.options.and_then(|(len_at, options)| at.bytes(options, usize::from(at.u8(len_at)?)));
        Some(LoggedSegment {
            seq: at.u32(members.seq)?,
            ack: at.u32(members.ack)?,
            flags,
            window,
            len: at.u32(members.len)?,
            header_words,
            urgent: at.u16(members.urgent)?,
            options: options.unwrap_or_default(),
        })
    }

    /// Bytes of the TCP header.
    #[inline]
    pub fn header_len(&self) -> usize {
        usize::from(self.header_words) * 4
    }
}

/// The window as it stood in the header, from the scaled one. A SYN's is not scaled, although
/// FreeBSD logs it shifted once the scale is known: so a SYN's value is used as it is if it fits.
#[inline]
fn unscaled(window: u32, scale: u8, flags: u16) -> u16 {
    let scale = if flags & TcpHeader::SYN != 0 && window <= u32::from(u16::MAX) { 0 } else { scale.min(14) };
    u16::try_from(window >> scale).unwrap_or(u16::MAX)
}
