// SPDX-License-Identifier: BSD-2-Clause
//! What one record cannot say alone: the time since the connection's previous record, records
//! lost between the two, and the peer's initial sequence number. An eventlog event has the first of
//! these too: the time since the previous event of its session.

use crate::bblog::{Record, Serial, id};
use crate::cursor::Cursor;
use crate::event::{Event, Field, RecordContext};
use crate::{Micros, TcpHeader, tables};

/// Follows one connection, record by record.
#[derive(Clone, Copy, Debug, Default)]
pub struct Track {
    last: Option<Micros>,
    /// The serial number that is to come.
    expected: Option<u32>,
    irs: Option<u32>,
}

impl Track {
    /// The peer's initial sequence number, once its SYN was seen.
    pub fn irs(&self) -> Option<u32> {
        self.irs
    }

    /// How `serial` follows the last record, which this does not change.
    pub fn serial(&self, serial: u32) -> Serial {
        Serial::of(serial, self.expected)
    }

    /// Takes in the connection's next record, and gives what it is beside the last one.
    pub fn next(&mut self, record: &Record<'_>) -> Tracked {
        self.next_with(record, record.tcp_header())
    }

    /// As [`Track::next`], with the TCP header of the record's segment where that is stored beside the record.
    pub fn next_with(&mut self, record: &Record<'_>, header: Option<TcpHeader<'_>>) -> Tracked {
        let (time, serial) = (record.time(), record.serial());
        let mut tracked = Tracked { bytes: [0; 16], known: 0 };
        if let Some(last) = self.last {
            tracked.set(0, &(time - last).0.to_le_bytes(), DELTA);
            if let Serial::Gap(gap) = self.serial(serial) {
                tracked.set(8, &gap.to_le_bytes(), GAP);
            }
        }
        // The sequence number of the peer's SYN is its first.
        if record.event_id() == id::IN
            && let Some(header) = header.filter(|header| header.flags() & TcpHeader::SYN != 0)
        {
            self.irs = Some(header.seq());
        }
        // Before the peer's SYN was processed rcv_nxt is 0.
        if let (Some(irs), rcv_nxt @ 1..) = (self.irs, record.rcv_nxt()) {
            tracked.set(12, &rcv_nxt.wrapping_sub(irs).to_le_bytes(), RCV);
        }
        (self.last, self.expected) = (Some(time), Some(serial.wrapping_add(1)));
        tracked
    }
}

const DELTA: u16 = 1;
const GAP: u16 = 2;
const RCV: u16 = 4;

/// What [`Track::next`] found, laid out for the rows of group `track`.
#[derive(Clone, Copy, Debug)]
pub struct Tracked {
    bytes: [u8; 16],
    known: u16,
}

impl Tracked {
    /// What an eventlog event is beside the one before it of its session, which was so long ago;
    /// `None` if it is the first.
    #[inline]
    pub fn of_event(delta: Option<Micros>) -> Tracked {
        let mut tracked = Tracked { bytes: [0; 16], known: 0 };
        if let Some(delta) = delta {
            tracked.set(0, &delta.0.to_le_bytes(), DELTA);
        }
        tracked
    }

    fn set(&mut self, at: usize, value: &[u8], bit: u16) {
        self.bytes[at..at + value.len()].copy_from_slice(value);
        self.known |= bit;
    }

    /// The time since the connection's previous record; `None` for the first one.
    pub fn delta(&self) -> Option<Micros> {
        (self.known & DELTA != 0).then(|| Micros(Cursor(&self.bytes).i64(0).unwrap_or_default()))
    }

    /// The number of records lost before this one, if any are known to be.
    pub fn gap(&self) -> Option<u32> {
        Cursor(&self.bytes).u32(8).filter(|_| self.known & GAP != 0)
    }

    /// The values that are known. Their ranges mean nothing: they are computed.
    #[inline]
    pub fn fields(&self) -> impl Iterator<Item = Field<'_>> {
        let known = self.known;
        let event = Event::bare(&self.bytes, RecordContext::default());
        let rows = tables::TRACK.iter().enumerate().filter(move |(at, _)| known & 1 << at != 0);
        rows.filter_map(move |(_, spec)| event.read_row(spec, 0, 0))
    }
}
