// SPDX-License-Identifier: BSD-2-Clause
//! The picture as a trace for Perfetto: a process for each host, a group of tracks for each connection.
//!
//! Lines become counters, states become slices, and a retransmission is the end of a flow that began at the
//! segment's first transmission. Times are nanoseconds of the log's clock.

use std::collections::BTreeMap;
use std::io::{self, Write};

use prost::Message;

use self::message::{
    CounterDescriptor, DebugAnnotation, ProcessDescriptor, Trace, TracePacket, TrackDescriptor, TrackEvent,
};
use super::model::{AxisUnit, BarRole, Bars, ConnectionPicture, Series};

mod message;

const SLICE_BEGIN: i32 = 1;
const SLICE_END: i32 = 2;
const INSTANT: i32 = 3;
const COUNTER: i32 = 4;
/// The packet does not need what earlier packets of its writer said.
const STATE_CLEARED: u32 = 1;
const UNIT_BYTES: i32 = 3;

/// Writes the trace of `connections`.
///
/// # Errors
/// What `out` gives.
pub fn write(connections: &[ConnectionPicture], out: &mut dyn Write) -> io::Result<()> {
    let mut writer = TraceWriter { out, next_track: 1, next_flow: 1, first: true };
    let mut hosts: BTreeMap<&str, u64> = BTreeMap::new();
    for connection in connections {
        let host = match hosts.get(connection.host.as_str()) {
            Some(track) => *track,
            None => {
                let pid = i32::try_from(hosts.len() + 1).unwrap_or(i32::MAX);
                let process_name = Some(connection.host.clone());
                let process = Some(ProcessDescriptor { pid: Some(pid), process_name });
                let track = writer.track(TrackDescriptor { process, ..TrackDescriptor::default() })?;
                hosts.insert(&connection.host, track);
                track
            }
        };
        writer.connection(connection, host)?;
    }
    Ok(())
}

struct TraceWriter<'a> {
    out: &'a mut dyn Write,
    next_track: u64,
    next_flow: u64,
    first: bool,
}

impl TraceWriter<'_> {
    fn packet(&mut self, packet: TracePacket) -> io::Result<()> {
        let sequence_flags = std::mem::take(&mut self.first).then_some(STATE_CLEARED);
        let packet = TracePacket { trusted_packet_sequence_id: Some(1), sequence_flags, ..packet };
        self.out.write_all(&Trace { packet: vec![packet] }.encode_to_vec())
    }

    /// Writes a track under a number of its own, which is returned.
    fn track(&mut self, track: TrackDescriptor) -> io::Result<u64> {
        let uuid = self.next_track;
        self.next_track += 1;
        let track_descriptor = Some(TrackDescriptor { uuid: Some(uuid), ..track });
        self.packet(TracePacket { track_descriptor, ..TracePacket::default() })?;
        Ok(uuid)
    }

    fn named_track(&mut self, name: &str, parent: u64) -> io::Result<u64> {
        let name = Some(name.to_owned());
        self.track(TrackDescriptor { name, parent_uuid: Some(parent), ..TrackDescriptor::default() })
    }

    fn event(&mut self, timestamp: u64, event: TrackEvent) -> io::Result<()> {
        let packet =
            TracePacket { timestamp: Some(timestamp), track_event: Some(event), ..TracePacket::default() };
        self.packet(packet)
    }

    fn connection(&mut self, connection: &ConnectionPicture, host: u64) -> io::Result<()> {
        let group = self.named_track(&connection.title, host)?;
        for line in connection.lines.iter().filter(|line| !line.points.is_empty()) {
            self.counter(connection, line, group)?;
        }
        for row in connection.bands.iter().filter(|row| !row.spans.is_empty()) {
            let track = self.named_track(row.label, group)?;
            for (start, end, name) in &row.spans {
                let event = |r#type| TrackEvent {
                    r#type: Some(r#type),
                    track_uuid: Some(track),
                    ..TrackEvent::default()
                };
                let begin = TrackEvent { name: Some((*name).to_owned()), ..event(SLICE_BEGIN) };
                self.event(nanoseconds(connection, *start), begin)?;
                self.event(nanoseconds(connection, *end), event(SLICE_END))?;
            }
        }
        self.segments(connection, group)
    }

    fn counter(&mut self, connection: &ConnectionPicture, line: &Series, group: u64) -> io::Result<()> {
        let counter = match line.panel.unit() {
            AxisUnit::Bytes => CounterDescriptor { unit: Some(UNIT_BYTES), unit_name: None },
            AxisUnit::Microseconds => CounterDescriptor { unit: None, unit_name: Some("us".to_owned()) },
            AxisUnit::BitsPerSecond => CounterDescriptor { unit: None, unit_name: Some("bit/s".to_owned()) },
        };
        let track = self.track(TrackDescriptor {
            name: Some(line.label.to_owned()),
            parent_uuid: Some(group),
            counter: Some(counter),
            ..TrackDescriptor::default()
        })?;
        for (time, value) in line.points.iter().filter(|point| !point.1.is_nan()) {
            let event = TrackEvent {
                r#type: Some(COUNTER),
                track_uuid: Some(track),
                counter_value: Some(*value as i64),
                ..TrackEvent::default()
            };
            self.event(nanoseconds(connection, *time), event)?;
        }
        Ok(())
    }

    /// Segments as instants, each kind on a track of its own; flows lead from the first transmission of a range
    /// to the ones that repeat it.
    fn segments(&mut self, connection: &ConnectionPicture, group: u64) -> io::Result<()> {
        let mut firsts: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        let repeated = connection.bars.iter().filter(is_retransmission).flat_map(|bars| &bars.ranges);
        for range in repeated {
            firsts.entry(range.low).or_insert_with(|| {
                self.next_flow += 1;
                (range.high, self.next_flow)
            });
        }
        for bars in connection.bars.iter().filter(|bars| !bars.ranges.is_empty()) {
            let track = self.named_track(bars.label, group)?;
            for range in &bars.ranges {
                // A segment may have been sent as part of a longer one.
                let flows: Vec<u64> = match is_retransmission(&bars) {
                    true => firsts.get(&range.low).map(|first| first.1).into_iter().collect(),
                    false if bars.kind == "sent" => {
                        firsts.range(range.low..range.high).map(|(_, first)| first.1).collect()
                    }
                    false => Vec::new(),
                };
                let event = TrackEvent {
                    r#type: Some(INSTANT),
                    track_uuid: Some(track),
                    name: Some(format!("{}:{}", range.low, range.high)),
                    debug_annotations: vec![
                        number("event", range.number),
                        number("bytes", range.high - range.low),
                    ],
                    flow_ids: flows,
                    ..TrackEvent::default()
                };
                self.event(nanoseconds(connection, range.time), event)?;
            }
        }
        Ok(())
    }
}

fn is_retransmission(bars: &&Bars) -> bool {
    bars.role == BarRole::Retransmission
}

fn number(name: &str, value: u64) -> DebugAnnotation {
    DebugAnnotation { name: Some(name.to_owned()), uint_value: Some(value) }
}

/// A time of the connection on the log's clock.
fn nanoseconds(connection: &ConnectionPicture, time: u64) -> u64 {
    let start = u64::try_from(connection.origin_us).unwrap_or_default();
    start.saturating_add(time).saturating_mul(1000)
}
