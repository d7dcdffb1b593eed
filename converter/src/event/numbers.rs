// SPDX-License-Identifier: BSD-2-Clause
//! What the numbers of a connection are relative to, followed from event to event.

use bblog_dissector::TcpHeader;
use bblog_dissector::bblog::{Record, id, tcp_state};
use bblog_dissector::event::Event;
use bblog_dissector::tcp_provider::id::{A_CONN_PARAMS_V2, CONN_PARAMS, IN, OUT};
use bblog_dissector::text::Style;

/// A connection as far as the numbers in its texts need it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Numbers {
    /// Our initial sequence number.
    iss: Option<u32>,
    /// The peer's.
    irs: Option<u32>,
    /// The sequence number after the highest sent, where the events do not say it (eventlog).
    sent_to: Option<u32>,
}

/// What holds for the numbers of one event.
#[derive(Clone, Copy, Debug, Default)]
pub struct ItemNumbers {
    /// What sequence numbers are relative to. Where the log does not hold a SYN, that is one less than the
    /// first sequence number seen, as in tcpdump's lines.
    pub style: Style,
    /// Whether the event is a segment with data, SYN or FIN that was sent before.
    pub resent: bool,
}

impl Numbers {
    /// Takes in the connection's next record.
    #[inline]
    pub(crate) fn of_record(&mut self, record: &Record<'_>) -> ItemNumbers {
        if record.is_lldb_cut() {
            // It does not have them.
            return ItemNumbers { style: Style { iss: self.iss, irs: self.irs }, resent: false };
        }
        if self.iss != Some(record.iss()) {
            *self = Numbers { iss: Some(record.iss()), ..Numbers::default() };
        }
        let mut resent = false;
        if record.is_segment()
            && let Some(header) = record.tcp_header()
        {
            if record.event_id() == id::OUT {
                resent = goes_by_again(header.seq(), record.len(), header.flags(), record.snd_max());
            } else if header.flags() & TcpHeader::SYN != 0 {
                self.irs = Some(header.seq());
            }
        }
        if self.irs.is_none() && record.rcv_nxt() != 0 && record.state() >= tcp_state::ESTABLISHED {
            self.irs = Some(record.rcv_nxt().wrapping_sub(1));
        }
        ItemNumbers { style: Style { iss: self.iss, irs: self.irs }, resent }
    }

    /// Takes in the next event of a session of eventlog's tcp provider.
    pub(crate) fn of_event(&mut self, event_id: u32, event: &Event<'_>) -> ItemNumbers {
        let get =
            |name: &str| event.get(name).and_then(|field| field.value.as_int()).map(|value| value as u32);
        let mut resent = false;
        match event_id {
            // Only the parameters of a connection have these fields.
            CONN_PARAMS | A_CONN_PARAMS_V2 => {
                (self.iss, self.irs) = (get("iss").or(self.iss), get("irs").or(self.irs));
            }
            IN | OUT => {
                let sent = event_id == OUT;
                if let (Some(seq), Some(ack), Some(flags), Some(len)) =
                    (get("seq"), get("ack"), get("flags"), get("len"))
                {
                    resent = self.segment(sent, (seq, ack, flags as u16, len));
                }
            }
            _ => {}
        }
        ItemNumbers { style: Style { iss: self.iss, irs: self.irs }, resent }
    }

    /// Takes in a segment; returns whether it was sent before.
    fn segment(&mut self, sent: bool, (seq, ack, flags, len): (u32, u32, u16, u32)) -> bool {
        let syn = flags & TcpHeader::SYN != 0;
        let first = if syn { seq } else { seq.wrapping_sub(1) };
        let (own, other) = if sent { (&mut self.iss, &mut self.irs) } else { (&mut self.irs, &mut self.iss) };
        if syn || own.is_none() {
            *own = Some(first);
        }
        if flags & TcpHeader::ACK != 0 {
            other.get_or_insert(ack.wrapping_sub(1));
        }
        if !sent || flags & TcpHeader::RST != 0 {
            return false;
        }
        let again = self.sent_to.is_some_and(|to| goes_by_again(seq, len, flags, to));
        let end = seq.wrapping_add(occupied(len, flags));
        if self.sent_to.is_none_or(|to| before(to, end)) {
            self.sent_to = Some(end);
        }
        again
    }
}

/// Sequence numbers that a segment takes.
fn occupied(len: u32, flags: u16) -> u32 {
    let counts = |flag: u16| u32::from(flags & flag != 0);
    len.wrapping_add(counts(TcpHeader::SYN)).wrapping_add(counts(TcpHeader::FIN))
}

/// Whether a segment of `len` bytes with these flags begins below `sent_to`. A probe of one byte or none just
/// below it does not count.
fn goes_by_again(seq: u32, len: u32, flags: u16, sent_to: u32) -> bool {
    let is_probe = occupied(1, flags) == 1 && len <= 1 && seq.wrapping_add(1) == sent_to;
    occupied(len, flags) > 0 && before(seq, sent_to) && !is_probe
}

/// Whether `a` comes before `b`, modulo 2^32.
fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}
