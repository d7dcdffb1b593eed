// SPDX-License-Identifier: BSD-2-Clause
//! The IN and OUT events of eventlog's `tcp` provider as TCP segments.
//!
//! Their structure changed several times; where it has what comes from the provider's tables, and
//! which tables apply is found out by a vote ([`bblog_dissector::layout`]). Integers are in the
//! writer's order, those of the TCP header included.

use bblog_dissector::catalog::Provider;
use bblog_dissector::elog::RawEvent;
use bblog_dissector::spec::EventSpec;

/// Event id of IN: a segment received.
pub const IN: u32 = 100;
/// Event id of OUT: a segment sent.
pub const OUT: u32 = 101;

/// Header words of a TCP header.
const HEADER_WORDS: std::ops::RangeInclusive<u8> = 5..=15;

/// Where a layout has the members that make a packet, in IN and in OUT.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    inbound: Option<Members>,
    outbound: Option<Members>,
}

/// Offsets in the payload of one of the two events.
#[derive(Clone, Copy, Debug)]
struct Members {
    seq: usize,
    ack: usize,
    flags: usize,
    window: Window,
    len: usize,
    header_words: usize,
    urgent: usize,
    /// The count of option bytes, and the bytes.
    options: Option<(usize, usize)>,
}

#[derive(Clone, Copy, Debug)]
enum Window {
    /// As in the header: 16 bits.
    Raw(usize),
    /// Scaled: 32 bits.
    Scaled(usize),
}

impl Plan {
    /// The plan of a provider's tables; events that lack a member make no packets.
    pub fn of(provider: &Provider) -> Plan {
        let members = |id| provider.event(id).and_then(Members::of);
        Plan { inbound: members(IN), outbound: members(OUT) }
    }
}

impl Members {
    fn of(event: &EventSpec) -> Option<Members> {
        let at = |name, size| {
            let field = event.fields.iter().find(|field| field.name == name)?;
            (field.place.size == size).then_some(usize::from(field.place.offset))
        };
        let window = at("win_raw", 2).map(Window::Raw).or_else(|| at("win", 4).map(Window::Scaled))?;
        Some(Members {
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
pub struct Segment<'a> {
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

impl<'a> Segment<'a> {
    /// The segment of an IN or OUT event. `scale` is the window scale that applies to its
    /// direction, needed for layouts that hold the scaled window only.
    ///
    /// `None` for another event, a payload too short, or a header length that cannot be.
    #[inline(always)]
    pub fn of(event: &RawEvent<'a>, plan: &Plan, scale: u8) -> Option<Segment<'a>> {
        let payload = event.payload();
        let members = match event.event_id() {
            IN => plan.inbound?,
            OUT => plan.outbound?,
            _ => return None,
        };
        let flags = u16_at(payload, members.flags)?;
        let window = match members.window {
            Window::Raw(at) => u16_at(payload, at)?,
            Window::Scaled(at) => unscaled(u32_at(payload, at)?, scale, flags),
        };
        let header_words = *payload.get(members.header_words)?;
        if !HEADER_WORDS.contains(&header_words) {
            return None;
        }
        let options = members.options.and_then(|(len_at, at)| {
            let len = usize::from(*payload.get(len_at)?);
            payload.get(at..)?.get(..len)
        });
        Some(Segment {
            seq: u32_at(payload, members.seq)?,
            ack: u32_at(payload, members.ack)?,
            flags,
            window,
            len: u32_at(payload, members.len)?,
            header_words,
            urgent: u16_at(payload, members.urgent)?,
            options: options.unwrap_or_default(),
        })
    }

    /// Bytes of the TCP header.
    #[inline]
    pub fn header_len(&self) -> usize {
        usize::from(self.header_words) * 4
    }

    /// Appends the TCP header in network order, `header_words` long. Options that were not logged
    /// are NOPs, so that lengths stay true; the checksum, which no event has, is 0.
    #[inline]
    pub fn append_tcp_header(&self, out: &mut Vec<u8>, source_port: u16, destination_port: u16) {
        const NOP: u8 = 1;
        const FIXED: usize = 20;
        const LONGEST: usize = *HEADER_WORDS.end() as usize * 4;
        let (end, options) = (out.len() + self.header_len(), out.len() + FIXED);
        let offset_and_flags = (u16::from(self.header_words) << 12) | (self.flags & 0x0fff);
        let pair = |first: u16, second: u16| (u32::from(first) << 16 | u32::from(second)).to_be_bytes();
        let fixed = [
            pair(source_port, destination_port),
            self.seq.to_be_bytes(),
            self.ack.to_be_bytes(),
            pair(offset_and_flags, self.window),
            pair(0, self.urgent),
        ];
        out.extend_from_slice(fixed.as_flattened());
        // As many as there can be, which costs no call; those beyond the header go again.
        out.extend_from_slice(&[NOP; LONGEST - FIXED]);
        out.truncate(end);
        let logged = out.get_mut(options..).unwrap_or_default().iter_mut().zip(self.options);
        logged.for_each(|(place, &option)| *place = option);
    }
}

/// The window as it stood in the header, from the scaled one. A SYN's is not scaled, although
/// FreeBSD logs it shifted once the scale is known: so a SYN's value is used as it is if it fits.
#[inline]
fn unscaled(window: u32, scale: u8, flags: u16) -> u16 {
    const SYN: u16 = 2;
    let scale = if flags & SYN != 0 && window <= u32::from(u16::MAX) { 0 } else { scale.min(14) };
    u16::try_from(window >> scale).unwrap_or(u16::MAX)
}

#[inline]
fn u16_at(payload: &[u8], at: usize) -> Option<u16> {
    payload.get(at..)?.first_chunk().map(|&bytes| u16::from_le_bytes(bytes))
}

#[inline]
fn u32_at(payload: &[u8], at: usize) -> Option<u32> {
    payload.get(at..)?.first_chunk().map(|&bytes| u32::from_le_bytes(bytes))
}
