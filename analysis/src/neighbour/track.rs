// SPDX-License-Identifier: BSD-2-Clause
//! What a record is beside the ones before it on the same connection: the time since the previous one, records
//! lost between the two, sequence numbers relative to the peer's first, and whether recovery begins or ends; and its
//! smoothed RTT, whose unit depends on the stack, the kernel and hz. An eventlog event has two of these: the time since the previous event of its
//! session, and the smoothed RTT if it says one.

use bblog_dissector::bblog::{Record, Serial, id};
use bblog_dissector::event::{Event, Field, Value};
use bblog_dissector::{Micros, TcpHeader, tables, tcp_provider};

use crate::evidence::micros;

/// Follows one connection, record by record.
#[derive(Clone, Copy, Debug, Default)]
pub struct Track {
    last: Option<Micros>,
    /// The serial number that is to come.
    expected: Option<u32>,
    irs: Option<u32>,
    is_in_recovery: bool,
}

impl Track {
    /// The peer's initial sequence number, as far as its SYN was seen.
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
        // Serial numbers begin at 0: another connection has the same addresses.
        if serial == 0 && self.expected.is_some_and(|expected| expected != 0) {
            *self = Track::default();
        }
        let gap = match self.serial(serial) {
            Serial::Gap(gap) => Some(gap),
            Serial::Next | Serial::Restart => None,
        };
        // The sequence number of the peer's SYN is its first.
        if record.event_id() == id::IN
            && let Some(header) = header.filter(|header| header.flags() & TcpHeader::SYN != 0)
        {
            self.irs = Some(header.seq());
        }
        let rcv_nxt_rel = match (self.irs, record.rcv_nxt()) {
            // Before the peer's SYN was processed rcv_nxt is 0.
            (_, 0) | (None, _) => None,
            (Some(irs), rcv_nxt) => Some(rcv_nxt.wrapping_sub(irs)),
        };
        let delta = self.last.map(|last| time - last);
        (self.last, self.expected) = (Some(time), Some(serial.wrapping_add(1)));
        Tracked { delta, gap, rcv_nxt_rel, srtt_us: None, recovery: self.recovery(record) }
    }

    /// Whether recovery begins or ends with the record.
    fn recovery(&mut self, record: &Record<'_>) -> Option<bool> {
        let is_in_recovery = record.is_in_recovery();
        // A record that was cut does not have the flags.
        let changes = is_in_recovery != self.is_in_recovery && !record.is_lldb_cut();
        changes.then(|| {
            self.is_in_recovery = is_in_recovery;
            is_in_recovery
        })
    }
}

/// What a record or event is beside the ones before it, and beside what is known of its machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tracked {
    /// The time since the connection's previous record, or the session's previous event; `None` for the first.
    /// Negative where the log is not in order of time.
    pub delta: Option<Micros>,
    /// The number of records lost before this one, if any are known to be.
    pub gap: Option<u32>,
    /// `rcv_nxt` relative to the peer's initial sequence number, if both are known.
    pub rcv_nxt_rel: Option<u32>,
    /// The smoothed RTT in microseconds, if one was measured and its unit is known. [`Track`] leaves it out: it takes
    /// [`srtt_us`](crate::srtt_us).
    pub srtt_us: Option<u32>,
    /// Whether recovery begins with this record, or ends; `None` if neither. Of BBR, which does not set the flags,
    /// always `None`.
    pub recovery: Option<bool>,
}

impl Tracked {
    /// What an eventlog event is beside the one before it of its session, which was so long ago;
    /// `None` if it is the first.
    #[inline]
    pub fn of_event(delta: Option<Micros>) -> Tracked {
        Tracked { delta, ..Tracked::default() }
    }

    /// With the smoothed RTT, if `event`, which is number `id` of eventlog's tcp provider, says it.
    #[inline]
    pub fn with_srtt(self, id: u32, event: &Event<'_>) -> Tracked {
        let srtt = || event.get("srtt").filter(|srtt| !srtt.value.is_zero());
        let srtt = if id == tcp_provider::id::RTT { srtt() } else { None };
        let srtt_us = srtt.and_then(|srtt| micros(srtt.value.as_int()?, srtt.spec.unit, srtt.hz));
        Tracked { srtt_us, ..self }
    }

    /// The values that are known, of the rows of group `track` in the tables' order. Their ranges are empty: they
    /// are computed.
    #[inline]
    pub fn fields<'f>(&self) -> impl Iterator<Item = Field<'f>> + use<'f> {
        let values = [
            self.delta.map(|delta| Value::Signed(delta.0)),
            self.gap.map(|gap| Value::Unsigned(gap.into())),
            self.rcv_nxt_rel.map(|seq| Value::Unsigned(seq.into())),
            self.srtt_us.map(|us| Value::Unsigned(us.into())),
        ];
        let rows = tables::TRACK.iter().zip(values);
        rows.filter_map(|(spec, value)| value.map(|value| Field { spec, value, range: 0..0, hz: None }))
    }
}

#[cfg(test)]
mod tests {
    use bblog_dissector::bblog::{RECORD_LEN, t_flags};

    use super::*;

    /// Where `tlb_flags` is.
    const T_FLAGS_AT: usize = 68;

    fn record(seconds: i64, serial: u32, event: u8, rcv_nxt: u32, syn: Option<u32>) -> [u8; RECORD_LEN] {
        let mut bytes = [0; RECORD_LEN];
        bytes[..8].copy_from_slice(&seconds.to_le_bytes());
        bytes[20..24].copy_from_slice(&serial.to_le_bytes());
        bytes[25] = event;
        bytes[120..124].copy_from_slice(&rcv_nxt.to_le_bytes());
        if let Some(seq) = syn {
            bytes[26] = 4;
            bytes[272..276].copy_from_slice(&seq.to_be_bytes());
            (bytes[280], bytes[281]) = (0x50, 2);
        }
        bytes
    }

    #[test]
    fn a_record_beside_the_ones_before_it() {
        let mut track = Track::default();
        let mut next = |bytes: [u8; RECORD_LEN]| track.next(&Record::from_bytes(&bytes));
        assert_eq!(next(record(5, 0, id::OUT, 0, None)), Tracked::default());
        let syn = next(record(7, 1, id::IN, 0, Some(u32::MAX)));
        assert_eq!(syn, Tracked { delta: Some(Micros(2_000_000)), ..Tracked::default() });
        let after = next(record(6, 5, id::OUT, 9, None));
        let (delta, gap, rcv_nxt_rel) = (Some(Micros(-1_000_000)), Some(3), Some(10));
        assert_eq!(after, Tracked { delta, gap, rcv_nxt_rel, ..Tracked::default() });
        // Another connection with the same addresses: nothing of the first counts.
        assert_eq!(next(record(3600, 0, id::OUT, 9, None)), Tracked::default());
    }

    #[test]
    fn recovery_begins_and_ends() {
        let mut track = Track::default();
        let mut next = |serial: u32, flags: u32| {
            let mut bytes = record(5, serial, id::OUT, 0, None);
            // Not one that lldb cut.
            bytes[64] = 1;
            bytes[T_FLAGS_AT..T_FLAGS_AT + 4].copy_from_slice(&flags.to_le_bytes());
            track.next(&Record::from_bytes(&bytes)).recovery
        };
        let (fast, congestion) = (t_flags::FASTRECOVERY, t_flags::CONGRECOVERY);
        assert_eq!(next(0, 0), None);
        assert_eq!([next(1, fast), next(2, congestion), next(3, 0)], [Some(true), None, Some(false)]);
        assert_eq!([next(4, congestion), next(0, 0)], [Some(true), None], "another connection");
        let cut = record(6, 1, id::OUT, 0, None);
        assert_eq!(next(1, fast), Some(true));
        assert_eq!(track.next(&Record::from_bytes(&cut)).recovery, None);
    }

    #[test]
    fn the_rows_are_those_meant() {
        let (delta, gap, rcv_nxt_rel, srtt_us) = (Some(Micros(-1)), Some(2), Some(3), Some(4));
        let all = Tracked { delta, gap, rcv_nxt_rel, srtt_us, recovery: Some(true) };
        let fields: Vec<_> = all.fields().map(|field| (field.spec.name, field.value)).collect();
        let expected = [
            ("time_delta", Value::Signed(-1)),
            ("gap", Value::Unsigned(2)),
            ("rcv_nxt_rel", Value::Unsigned(3)),
            ("srtt_us", Value::Unsigned(4)),
        ];
        assert_eq!(fields, expected);
    }
}
