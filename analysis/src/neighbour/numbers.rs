// SPDX-License-Identifier: BSD-2-Clause
//! What the numbers of a connection are relative to, followed from event to event.

use bblog_dissector::TcpHeader;
use bblog_dissector::bblog::{Record, id, tcp_state};
use bblog_dissector::event::Event;
use bblog_dissector::tcp_provider::id::{A_CONN_PARAMS_V2, CONN_PARAMS, IN, OUT};
use bblog_dissector::text::InitialSeqs;

/// A connection as far as the numbers in its texts need it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers {
    /// Our initial sequence number.
    iss: Option<u32>,
    /// The peer's.
    irs: Option<u32>,
}

impl Numbers {
    /// Takes in the connection's next record, and says what its numbers are relative to. Where the log does not
    /// hold a SYN, that is one less than the first sequence number seen, as in tcpdump's lines.
    #[inline]
    pub fn of_record(&mut self, record: &Record<'_>) -> InitialSeqs {
        self.of_record_with(record, record.tcp_header())
    }

    /// As [`Numbers::of_record`], with the TCP header of the record's segment where that is stored beside the record.
    #[inline]
    pub fn of_record_with(&mut self, record: &Record<'_>, header: Option<TcpHeader<'_>>) -> InitialSeqs {
        if record.is_lldb_cut() {
            // It does not have them.
            return InitialSeqs { iss: self.iss, irs: self.irs };
        }
        if self.iss != Some(record.iss()) {
            *self = Numbers { iss: Some(record.iss()), ..Numbers::default() };
        }
        if record.event_id() == id::IN
            && record.is_segment()
            && let Some(header) = header.filter(|header| header.flags() & TcpHeader::SYN != 0)
        {
            self.irs = Some(header.seq());
        }
        if self.irs.is_none() && record.rcv_nxt() != 0 && record.state() >= tcp_state::ESTABLISHED {
            self.irs = Some(record.rcv_nxt().wrapping_sub(1));
        }
        InitialSeqs { iss: self.iss, irs: self.irs }
    }

    /// Takes in the next event of a session of eventlog's tcp provider, and says what its numbers are relative to.
    pub fn of_event(&mut self, event_id: u32, event: &Event<'_>) -> InitialSeqs {
        let get =
            |name: &str| event.get(name).and_then(|field| field.value.as_int()).map(|value| value as u32);
        match event_id {
            // Only the parameters of a connection have these fields.
            CONN_PARAMS | A_CONN_PARAMS_V2 => {
                (self.iss, self.irs) = (get("iss").or(self.iss), get("irs").or(self.irs));
            }
            IN | OUT => {
                if let (Some(seq), Some(ack), Some(flags)) = (get("seq"), get("ack"), get("flags")) {
                    self.segment(event_id == OUT, seq, ack, flags as u16);
                }
            }
            _ => {}
        }
        InitialSeqs { iss: self.iss, irs: self.irs }
    }

    /// Takes in a segment.
    fn segment(&mut self, sent: bool, seq: u32, ack: u32, flags: u16) {
        let syn = flags & TcpHeader::SYN != 0;
        let first = if syn { seq } else { seq.wrapping_sub(1) };
        let (own, other) = if sent { (&mut self.iss, &mut self.irs) } else { (&mut self.irs, &mut self.iss) };
        if syn || own.is_none() {
            *own = Some(first);
        }
        if flags & TcpHeader::ACK != 0 {
            other.get_or_insert(ack.wrapping_sub(1));
        }
    }
}
