// SPDX-License-Identifier: BSD-2-Clause
//! A segment in words, much as tcpdump(1) prints it: `[P.] seq 1:1449 ack 1 win 65728 len 1448`.

use std::fmt::{self, Write};

use crate::TcpHeader;
use crate::bblog::{Record, id};
use crate::elog::RawEvent;
use crate::event::Event;
use crate::tcp_provider::{self, LoggedSegment, SegmentPlan};
use crate::text::InitialSeqs;

/// Letters of the flags, in the order of their bits from FIN on.
const FLAGS: [char; 9] = ['F', 'S', 'R', 'P', '.', 'U', 'E', 'W', 'e'];
/// The flag URG.
const URG: u16 = 0x020;

/// What is shown of a segment.
#[derive(Clone, Copy, Debug)]
pub struct SegmentWords<'a> {
    /// Whether it came from the peer.
    pub received: bool,
    /// Sequence number, absolute.
    pub seq: u32,
    /// Acknowledgement number, absolute.
    pub ack: u32,
    /// The flags.
    pub flags: u16,
    /// The window in bytes.
    pub window: u32,
    /// Bytes of data.
    pub len: u32,
    /// The urgent pointer.
    pub urgent: u16,
    /// The options, as far as they were logged.
    pub options: &'a [u8],
}

impl<'a> SegmentWords<'a> {
    /// The segment of an IN or OUT record, whose TCP header is `header`; `None` for other records.
    pub fn of_record(record: &Record<'_>, header: TcpHeader<'a>) -> Option<SegmentWords<'a>> {
        if !record.is_segment() {
            return None;
        }
        let received = record.event_id() == id::IN;
        // The window of a SYN is never scaled.
        let scale = match header.flags() & TcpHeader::SYN {
            0 if received => record.snd_scale(),
            0 => record.rcv_scale(),
            _ => 0,
        };
        Some(SegmentWords {
            received,
            seq: header.seq(),
            ack: header.ack(),
            flags: header.flags(),
            window: u32::from(header.window()) << scale.min(14),
            len: record.len(),
            urgent: header.urgent(),
            options: header.options(),
        })
    }

    /// The segment of an IN or OUT event of eventlog's tcp provider, by the plan of its tables; `None` for other
    /// events. `event` is `raw`, decoded.
    pub fn of_event(raw: &RawEvent<'a>, plan: &SegmentPlan, event: &Event<'_>) -> Option<SegmentWords<'a>> {
        let LoggedSegment { seq, ack, flags, len, urgent, options, .. } = LoggedSegment::of(raw, plan, 0)?;
        let window = event.get("win")?.value.as_int()? as u32;
        let received = raw.event_id() == tcp_provider::id::IN;
        Some(SegmentWords { received, seq, ack, flags, window, len, urgent, options })
    }

    /// Writes the segment with sequence numbers as `style` has them; those of a SYN are absolute.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_to<W: Write>(&self, style: InitialSeqs, out: &mut W) -> fmt::Result {
        let syn = self.flags & TcpHeader::SYN != 0;
        let (own, other) = if self.received { (style.irs, style.iss) } else { (style.iss, style.irs) };
        self.flags(out)?;
        let first = if syn { self.seq } else { relative(self.seq, own) };
        if self.len > 0 {
            number(out, " seq ", first)?;
            number(out, ":", first.wrapping_add(self.len))?;
        } else if self.flags & (TcpHeader::SYN | TcpHeader::FIN | TcpHeader::RST) != 0 {
            number(out, " seq ", first)?;
        }
        if self.flags & TcpHeader::ACK != 0 {
            number(out, " ack ", relative(self.ack, other))?;
        }
        number(out, " win ", self.window)?;
        if self.flags & URG != 0 {
            number(out, " urg ", self.urgent.into())?;
        }
        options(out, self.options, syn, self.ack, other)?;
        number(out, " len ", self.len)
    }

    fn flags<W: Write>(&self, out: &mut W) -> fmt::Result {
        out.write_char('[')?;
        let set = FLAGS.iter().enumerate().filter(|(bit, _)| self.flags & 1 << bit != 0);
        set.map(|(_, letter)| *letter).try_for_each(|letter| out.write_char(letter))?;
        if self.flags & 0x1ff == 0 {
            out.write_str("none")?;
        }
        out.write_char(']')
    }
}

/// A word and a number, without the detours of [`Write::write_fmt`].
fn number<W: Write>(out: &mut W, word: &str, number: u32) -> fmt::Result {
    out.write_str(word)?;
    out.write_str(itoa::Buffer::new().format(number))
}

/// A sequence number, relative if it is known to what.
fn relative(seq: u32, initial: Option<u32>) -> u32 {
    initial.map_or(seq, |initial| seq.wrapping_sub(initial))
}

/// Options that say something: all of a SYN, and of other segments those that are not in every one of them.
fn options<W: Write>(out: &mut W, mut bytes: &[u8], syn: bool, ack: u32, base: Option<u32>) -> fmt::Result {
    let mut open = false;
    while let Some((&kind, rest)) = bytes.split_first() {
        let (data, rest) = match kind {
            0 => break,
            1 => {
                bytes = rest;
                continue;
            }
            _ => {
                let Some((data, rest)) = rest
                    .first()
                    .and_then(|&len| usize::from(len).checked_sub(2))
                    .and_then(|len| rest[1..].split_at_checked(len))
                else {
                    break;
                };
                (data, rest)
            }
        };
        bytes = rest;
        // Time stamps are in every segment.
        if kind == 8 && !syn {
            continue;
        }
        out.write_str(if open { "," } else { " <" })?;
        open = true;
        option(out, kind, data, ack, base)?;
    }
    if open { out.write_char('>') } else { Ok(()) }
}

/// One option: its kind (IANA's number) and its data.
fn option<W: Write>(out: &mut W, kind: u8, data: &[u8], ack: u32, base: Option<u32>) -> fmt::Result {
    match (kind, data) {
        (2, &[high, low]) => write!(out, "mss {}", u16::from_be_bytes([high, low])),
        (3, &[shift]) => write!(out, "wscale {shift}"),
        (4, _) => out.write_str("sackOK"),
        (5, blocks) => sack(out, blocks, ack, base),
        (8, _) => out.write_str("TS"),
        (19, _) => out.write_str("md5"),
        (30, _) => out.write_str("mptcp"),
        (34, _) => out.write_str("tfo"),
        _ => write!(out, "option {kind}"),
    }
}

/// SACK blocks; the first reports a duplicate if it lies below the ACK or within the second (RFC 2883).
fn sack<W: Write>(out: &mut W, blocks: &[u8], ack: u32, base: Option<u32>) -> fmt::Result {
    let edge = |at: usize| -> Option<u32> { Some(u32::from_be_bytes(*blocks.get(at..)?.first_chunk()?)) };
    let block = |at: usize| edge(at * 8).zip(edge(at * 8 + 4));
    let within = |seq: u32, start: u32, end: u32| seq.wrapping_sub(start) <= end.wrapping_sub(start);
    for at in 0..blocks.len() / 8 {
        let Some((start, end)) = block(at) else { break };
        let below = (end.wrapping_sub(ack) as i32) <= 0;
        let inside = block(1).is_some_and(|(from, to)| within(start, from, to) && within(end, from, to));
        let duplicate = at == 0 && (below || inside);
        let name = if duplicate { "dsack " } else { "sack " };
        out.write_str(match at {
            0 => name,
            _ => " ",
        })?;
        number(out, "", relative(start, base))?;
        number(out, ":", relative(end, base))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(segment: SegmentWords<'_>, style: InitialSeqs) -> String {
        let mut out = String::new();
        segment.write_to(style, &mut out).unwrap();
        out
    }

    const STYLE: InitialSeqs = InitialSeqs { iss: Some(1000), irs: Some(2000) };

    const SEGMENT: SegmentWords<'_> = SegmentWords {
        received: false,
        seq: 1001,
        ack: 2001,
        flags: 0x018,
        window: 65_728,
        len: 1448,
        urgent: 0,
        options: &[],
    };

    #[test]
    fn data() {
        assert_eq!(text(SEGMENT, STYLE), "[P.] seq 1:1449 ack 1 win 65728 len 1448");
        assert_eq!(text(SEGMENT, InitialSeqs::default()), "[P.] seq 1001:2449 ack 2001 win 65728 len 1448");
        let received = SegmentWords { received: true, seq: 2001, ack: 1001, ..SEGMENT };
        assert_eq!(text(received, STYLE), "[P.] seq 1:1449 ack 1 win 65728 len 1448");
    }

    #[test]
    fn syn() {
        let options = [2, 4, 5, 0xb4, 1, 3, 3, 6, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0];
        let syn = SegmentWords {
            seq: 1000,
            ack: 0,
            flags: 2,
            window: 65_535,
            len: 0,
            options: &options,
            ..SEGMENT
        };
        assert_eq!(text(syn, STYLE), "[S] seq 1000 win 65535 <mss 1460,wscale 6,sackOK,TS> len 0");
    }

    #[test]
    fn acks_with_sack() {
        let block = |start: u32, end: u32| [start.to_be_bytes(), end.to_be_bytes()].concat();
        let options = |blocks: &[Vec<u8>]| {
            let data = blocks.concat();
            [vec![1, 1, 5, data.len() as u8 + 2], data].concat()
        };
        let ack = SegmentWords { received: true, ack: 1001, flags: 0x10, len: 0, ..SEGMENT };
        let sack = options(&[block(2449, 3897), block(5345, 6793)]);
        assert_eq!(
            text(SegmentWords { options: &sack, ..ack }, STYLE),
            "[.] ack 1 win 65728 <sack 1449:2897 4345:5793> len 0"
        );
        let below = options(&[block(900, 1001)]);
        assert!(text(SegmentWords { options: &below, ..ack }, STYLE).contains("<dsack 4294967196:1>"));
        let inside = options(&[block(2449, 2549), block(2449, 3897)]);
        assert!(
            text(SegmentWords { options: &inside, ..ack }, STYLE).contains("<dsack 1449:1549 1449:2897>")
        );
    }

    #[test]
    fn options_that_are_none() {
        for options in [&[5u8][..], &[5, 0], &[5, 1], &[8, 10, 1], &[0, 2, 4]] {
            assert_eq!(text(SegmentWords { options, ..SEGMENT }, STYLE), text(SEGMENT, STYLE));
        }
        assert_eq!(text(SegmentWords { flags: 0, len: 0, ..SEGMENT }, STYLE), "[none] win 65728 len 0");
    }
}
