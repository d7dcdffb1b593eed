// SPDX-License-Identifier: BSD-2-Clause
//! Summarizes one connection from its events.

use bblog_dissector::TcpHeader;
use bblog_dissector::event::{Event, Field, Value};
use bblog_pcapng::escape::Escaped;

use super::connection::{ConnectionReport, Cwnd, Direction, Rtt, add_name};
use super::rules::{EVERY, RTT_KINDS, Rule, Tells, has_flag, micros, value_name};
use crate::event::decode::DecodedItem;
use crate::event::item::LogItem;

const FIN: u16 = TcpHeader::FIN;
const SYN: u16 = TcpHeader::SYN;
const RST: u16 = TcpHeader::RST;

/// What is known of a connection besides what is told of it.
#[derive(Default)]
pub(super) struct Tracker {
    sent: Flow,
    received: Flow,
    rtts: [Sum; RTT_KINDS],
    in_recovery: bool,
    /// The stack now, by number (BBLog) and name, and the algorithm.
    stack: Option<(Option<u8>, Vec<u8>)>,
    cc: Vec<u8>,
}

/// One direction.
#[derive(Default)]
struct Flow {
    /// The sequence number after the highest seen.
    max: Option<u32>,
    /// The one after the SYN.
    syn: Option<u32>,
}

#[derive(Clone, Copy, Default)]
struct Sum {
    count: u64,
    total: u64,
    min: u64,
    max: u64,
}

impl Tracker {
    /// Takes what `rule` says that the event tells.
    pub(super) fn take(&mut self, rule: &Rule, decoded: &DecodedItem<'_>, connection: &mut ConnectionReport) {
        let event = &decoded.event;
        if !rule.applies(event) {
            return;
        }
        let get = |name: &str| rule.value(event, name);
        match rule.tells {
            Tells::Segment => self.segment(decoded, connection),
            Tells::Rto => count(&mut connection.rtos),
            Tells::Tlp => count(&mut connection.tlps),
            Tells::Recovery => connection.recoveries += 1,
            Tells::RecoveryFlag(flags, name) => {
                let Some(field) = get(flags) else { return };
                let is_set = has_flag(&field, name);
                connection.recoveries += u64::from(is_set && !self.in_recovery);
                self.in_recovery = is_set;
            }
            Tells::Rtt(kind, name) => {
                // Before the first sample all RTTs are 0.
                if let Some(rtt) = get(name).as_ref().and_then(micros).filter(|&rtt| rtt > 0) {
                    self.rtts[kind as usize].add(rtt);
                }
            }
            Tells::Cwnd(name) => {
                let Some(value) = get(name).and_then(|field| field.value.as_int()) else { return };
                let value = value as u64;
                let range = connection.cwnd.get_or_insert(Cwnd { min: value, max: value });
                (range.min, range.max) = (range.min.min(value), range.max.max(value));
            }
            Tells::State(name) => {
                let state = get(name).and_then(|field| value_name(&field));
                if connection.end.state.as_deref() != state {
                    connection.end.state = state.map(str::to_owned);
                }
            }
            Tells::Stack(name) => {
                if let Some(stack) = get(name).as_ref().and_then(text) {
                    self.stack(None, stack, connection);
                }
            }
            Tells::Cc(name) => {
                let Some(cc) = get(name).as_ref().and_then(text).filter(|cc| *cc != self.cc) else { return };
                connection.cc_changes += u64::from(!self.cc.is_empty());
                self.cc = cc.to_vec();
                add_name(&mut connection.cc, Escaped(cc).to_string());
            }
            Tells::LogId(name) => {
                if let Some(id) = get(name).as_ref().and_then(text) {
                    connection.log_id = Some(Escaped(id).to_string());
                }
            }
            Tells::End => connection.end.seen = true,
            Tells::EndReasons(begin) => {
                let reasons = event.fields().filter(|field| field.spec.name.starts_with(begin));
                let noted = reasons.filter(|field| !field.value.is_zero());
                noted.for_each(|field| add_name(&mut connection.end.reasons, format!("{field:#}")));
            }
        }
    }

    /// The connection has this stack now. One without a name has a number at least.
    pub(super) fn stack(&mut self, id: Option<u8>, name: &[u8], connection: &mut ConnectionReport) {
        if self.stack.as_ref().is_some_and(|known| (known.0, &known.1[..]) == (id, name)) {
            return;
        }
        connection.stack_changes += u64::from(self.stack.is_some());
        self.stack = Some((id, name.to_vec()));
        add_name(&mut connection.stacks, Escaped(name).to_string());
    }

    /// The last that is to be told of the connection.
    pub(super) fn end(&self, connection: &mut ConnectionReport) {
        const KINDS: [&str; RTT_KINDS] = ["sample", "used", "smoothed"];
        connection.rtt = self.rtts.iter().zip(KINDS).find(|(sum, _)| sum.count > 0).map(|(sum, kind)| Rtt {
            min_us: sum.min,
            avg_us: sum.total / sum.count,
            max_us: sum.max,
            samples: sum.count,
            kind,
        });
        let time = connection.time.as_ref();
        connection.duration_us = time.map(|time| time.last_us.saturating_sub(time.first_us));
    }

    fn segment(&mut self, decoded: &DecodedItem<'_>, connection: &mut ConnectionReport) {
        let Some((seq, len, flags)) = header(decoded) else { return };
        let (flow, direction, told) = match decoded.event.spec().name {
            "IN" => (&mut self.received, &mut connection.received, ["FIN received", "RST received"]),
            _ => (&mut self.sent, &mut connection.sent, ["FIN sent", "RST sent"]),
        };
        flow.segment(seq, len, flags, direction);
        for (flag, told) in [FIN, RST].into_iter().zip(told) {
            if flags & flag != 0 && !connection.end.segments.contains(&told) {
                connection.end.segments.push(told);
            }
        }
    }
}

impl Flow {
    fn segment(&mut self, seq: u32, len: u32, flags: u16, direction: &mut Direction) {
        direction.packets += 1;
        direction.bytes += u64::from(len);
        let control = u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        let end = seq.wrapping_add(len).wrapping_add(control);
        if end == seq || flags & RST != 0 {
            return;
        }
        if flags & SYN != 0 && self.syn != Some(end) {
            // Another connection begins.
            (self.syn, self.max) = (Some(end), Some(end));
            return;
        }
        let Some(max) = self.max else {
            self.max = Some(end);
            return;
        };
        let is_before = |a: u32, b: u32| (a.wrapping_sub(b) as i32) < 0;
        let is_probe = len <= 1 && control == 0 && seq == max.wrapping_sub(1);
        if is_before(seq, max) && !is_probe {
            direction.retransmits += 1;
        }
        if is_before(max, end) {
            self.max = Some(end);
        }
    }
}

impl Sum {
    fn add(&mut self, value: u64) {
        self.min = if self.count == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.count += 1;
        self.total = self.total.saturating_add(value);
    }
}

/// Counts one more, unless the number is not known.
fn count(number: &mut Option<u64>) {
    *number = number.map(|number| number + 1);
}

/// Sequence number, bytes of data and flags of the segment that an event is about.
fn header(decoded: &DecodedItem<'_>) -> Option<(u32, u32, u16)> {
    match &decoded.item {
        LogItem::Bblog(item) => {
            let tcp = item.record.tcp_header()?;
            Some((tcp.seq(), item.record.len(), tcp.flags()))
        }
        LogItem::Eventlog(_) => {
            let (mut seq, mut len, mut flags) = (None, None, None);
            for field in decoded.event.fields() {
                let place = match field.spec.name {
                    "seq" => &mut seq,
                    "len" => &mut len,
                    "flags" => &mut flags,
                    _ => continue,
                };
                *place = field.value.as_int();
            }
            Some((seq? as u32, len? as u32, flags? as u16))
        }
    }
}

/// A text that is not empty.
fn text<'a>(field: &Field<'a>) -> Option<&'a [u8]> {
    match field.value {
        Value::Text(text) if !text.is_empty() => Some(text),
        _ => None,
    }
}

/// The rules for an event.
pub(super) fn rules_of(
    rules: &'static [Rule],
    log: super::rules::Log,
    event: &Event<'_>,
) -> Vec<&'static Rule> {
    let name = event.spec().name;
    let is_for = |rule: &&Rule| rule.log == log && (rule.event == EVERY || rule.event == name);
    rules.iter().filter(is_for).collect()
}
