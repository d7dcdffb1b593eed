// SPDX-License-Identifier: BSD-2-Clause
//! Reads events of eventlog's tcp provider.
//!
//! An event holds what it is about and no more, so the facts are carried on from event to event. Which events
//! there are depends on the stack: RACK logs no segments.

use std::num::NonZeroU32;

use bblog_dissector::event::{Event, RowGroup, Value};
use bblog_dissector::spec::{FieldSpec, Stack};

use super::facts::Facts;
use super::plan::{Meanings, Plan, Plans};
use super::rules::{EventRole, ValueRole, WayOut};
use super::segment::{Segment, flag};
use super::{ItemKind, LoggedSackBlock, Observed};
use crate::item::EventItem;
use crate::tcp::seq::{before, later};
use crate::tcp::state;
use crate::tcp::timer::Timer;

/// The newest SACK block of an event; one that is empty stands for none.
fn newest_block(values: &EventValues) -> Option<LoggedSackBlock> {
    let (start, end) = (values.block.0?, values.block.1?);
    let is_duplicate = values.snd_una.is_some_and(|una| !before(una, end));
    before(start, end).then_some(LoggedSackBlock { start, end, is_duplicate })
}

/// What an event's values say, before it is known what they mean together.
#[derive(Default)]
struct EventValues {
    seq: Option<u32>,
    ack: Option<u32>,
    flags: u16,
    window: Option<u32>,
    len: u32,
    snd_una: Option<u32>,
    acked: u32,
    flight: Option<u32>,
    sacked: u32,
    block: (Option<u32>, Option<u32>),
    buffered: Option<u32>,
    error: i64,
    timer: Option<Timer>,
    mss: Option<u32>,
}

#[inline]
pub(super) fn read<'a>(plans: &mut Plans, facts: &mut Facts, item: &EventItem<'a>) -> Observed<'a> {
    let (plan, _) = plans.eventlog(item.spec);
    let mut seen = Observed { sent_before: facts.snd_max, ..Observed::default() };
    let event = Event::of_elog(&item.event, item.spec).with_hz(item.hz);
    let values = values(facts, &mut seen, &event, plan);
    if plan.role != EventRole::RtoRecovery {
        seen.timer = plan.fires.timer(&event);
    }
    facts.timed_out |= seen.timer == Some(Timer::Rto);
    seen.iss = facts.iss;
    seen.sack = newest_block(&values);
    happened(facts, &mut seen, plan.role, &values);
    if let Some(mss) = values.mss {
        facts.mss_with_options(mss);
    }
    seen
}

fn values<'a>(facts: &mut Facts, seen: &mut Observed<'a>, event: &Event<'a>, plan: &Plan) -> EventValues {
    let mut values = EventValues::default();
    for read in &plan.reads {
        let Some(field) = event.one(RowGroup::Own, read.row).next() else { continue };
        if let (ValueRole::StackName, Value::Text(name)) = (read.fact, field.value) {
            let stack = Stack::from_name(name);
            facts.stack = Some(stack);
            // The default stack has no pacer; of others the log does not say whether it is armed.
            facts.pacing = (stack == Stack::Freebsd).then_some(false);
        }
        if field.is_unset() && read.fact != ValueRole::Ssthresh {
            if read.fact == ValueRole::Cwnd {
                facts.cwnd = None;
            }
            continue;
        }
        let Some(value) = field.value.as_int() else { continue };
        let word = value as u32;
        match read.fact {
            ValueRole::Seq => values.seq = Some(word),
            ValueRole::Ack => values.ack = Some(word),
            ValueRole::Flags => values.flags = value as u16,
            ValueRole::Window => values.window = Some(word),
            ValueRole::Len => values.len = word,
            ValueRole::SndUna => values.snd_una = Some(word),
            ValueRole::Acked => values.acked = word,
            ValueRole::Flight => values.flight = Some(word),
            ValueRole::Sacked => values.sacked = word,
            ValueRole::SackStart => values.block.0 = Some(word),
            ValueRole::SackEnd => values.block.1 = Some(word),
            ValueRole::Buffered => values.buffered = Some(word),
            ValueRole::Error => values.error = value,
            ValueRole::MssWithOptions => values.mss = Some(word),
            ValueRole::Timer => values.timer = Meanings::timer(field.spec, value),
            fact => lasting(facts, seen, (fact, field.spec, value), field.hz),
        }
    }
    values
}

/// Values that are facts as they stand.
fn lasting(
    facts: &mut Facts,
    seen: &mut Observed<'_>,
    (fact, row, value): (ValueRole, &FieldSpec, i64),
    hz: Option<NonZeroU32>,
) {
    let word = value as u32;
    match fact {
        ValueRole::State => {
            facts.is_state_current = false;
            facts.tcp_state = Some(value as u8);
            facts.established |= value >= i64::from(state::ESTABLISHED);
        }
        ValueRole::Cwnd => facts.cwnd = Some(word),
        ValueRole::Ssthresh => facts.ssthresh = Some(word),
        ValueRole::Iss => facts.iss = Some(word).filter(|&iss| iss != 0).or(facts.iss),
        ValueRole::SndShift => facts.snd_shift = Some(value as u8),
        ValueRole::Negotiated => {
            let has = |name| Meanings::has_flag(row, value, name);
            facts.sack = has("CP_SACK_PERMIT");
            facts.timestamps = has("CP_TIMESTAMPS");
            facts.scaling = has("CP_WINDOW_SCALE");
            facts.ecn = has("CP_ECN").zip(has("CP_ACE")).map(|(ecn, ace)| ecn || ace);
        }
        ValueRole::Rtt(kind) => {
            if let Some(rtt) = super::bblog::micros(value, row.unit, hz).filter(|&rtt| rtt > 0) {
                seen.rtt = Some((kind, rtt));
            }
        }
        // 0 before the first sample.
        ValueRole::Srtt => {
            facts.srtt_us = super::bblog::micros(value, row.unit, hz).filter(|&us| us > 0);
            // The default stack alone writes ticks.
            seen.default_srtt = facts.srtt_us.filter(|_| row.unit.ticks_scale().is_some());
        }
        ValueRole::Goodput => seen.goodput = u64::try_from(value).ok().filter(|&rate| rate > 0),
        ValueRole::HyStart => seen.hystart = Meanings::ends_slow_start(row, value),
        ValueRole::Persist => facts.persist = Some(value != 0),
        ValueRole::WayOut => match Meanings::way_out(row, value) {
            Some(WayOut::Persist) => facts.persist = Some(true),
            Some(WayOut::Pacer) => facts.pacing = Some(true),
            None => facts.pacing = Some(false),
        },
        _ => {}
    }
}

fn happened<'a>(facts: &mut Facts, seen: &mut Observed<'a>, role: EventRole, values: &EventValues) {
    match role {
        EventRole::In => {
            if let Some(segment) = segment(values) {
                let opening = facts.tcp_state == Some(state::SYN_RECEIVED);
                facts.is_state_current = true;
                received(facts, &segment, values.window);
                arrived(facts, &segment, opening);
                seen.kind = ItemKind::In(segment);
            }
        }
        EventRole::Out => {
            if let Some(segment) = segment(values) {
                facts.is_state_current = true;
                sent(facts, &segment);
                acknowledged(facts, &segment, values.window);
                seen.kind = ItemKind::Out(segment, None);
            }
        }
        EventRole::Ack => {
            acked(facts, values);
            seen.kind = ItemKind::Acked;
        }
        EventRole::UserWrite => {
            wrote(facts, values);
            seen.kind = ItemKind::UserWrite;
        }
        EventRole::EnterRecovery => {
            (facts.recovery, facts.fast_recovery) = (Some(true), Some(true));
            seen.recovery_begins = true;
        }
        EventRole::ExitRecovery => (facts.recovery, facts.fast_recovery) = (Some(false), Some(false)),
        EventRole::RtoRecovery => {
            (facts.recovery, facts.fast_recovery) = (Some(true), Some(false));
            // TIMER_FIRED says it before, if the subscription has it.
            seen.timer = (!std::mem::take(&mut facts.timed_out)).then_some(Timer::Rto);
        }
        EventRole::Arm if values.timer == Some(Timer::Persist) => facts.persist = Some(true),
        EventRole::Disarm if values.timer == Some(Timer::Persist) => facts.persist = Some(false),
        EventRole::StackChange => seen.stack_changed = true,
        EventRole::CcChange => seen.cc_changed = true,
        EventRole::End => seen.kind = ItemKind::End,
        EventRole::None | EventRole::Arm | EventRole::Disarm => {}
    }
}

/// The segment that an IN or OUT event is about. It has no options here: layouts without them are the rule.
fn segment(values: &EventValues) -> Option<Segment<'static>> {
    let (seq, ack) = (values.seq?, values.ack.unwrap_or(0));
    Some(Segment { seq, ack, flags: values.flags, len: values.len, options: None })
}

fn received(facts: &mut Facts, segment: &Segment<'_>, window: Option<u32>) {
    if segment.has(flag::RST) || !segment.has(flag::ACK) {
        return;
    }
    let stale = facts.snd_una.is_some_and(|una| before(segment.ack, una));
    if stale || facts.snd_max.is_some_and(|max| before(max, segment.ack)) {
        return;
    }
    facts.snd_una = Some(segment.ack);
    facts.snd_max = facts.snd_max.or(Some(segment.ack));
    // The window of a SYN is not scaled, though the event says so.
    let shift = facts.snd_shift.unwrap_or(0).min(14);
    facts.snd_wnd = window.map(|window| if segment.has(flag::SYN) { window >> shift } else { window });
    if facts.snd_wnd.is_some_and(|wnd| wnd > 0) {
        facts.persist = Some(false);
    }
    leave_recovery(facts);
    match facts.tcp_state {
        Some(state::SYN_SENT) if segment.has(flag::SYN) => establish(facts),
        Some(state::SYN_RECEIVED) => {
            // Nothing was written before a connection is established.
            facts.snd_end.get_or_insert(segment.ack);
            establish(facts);
        }
        _ => {}
    }
}

/// What arrived: the next segment, or one behind something that is missing.
///
/// Nothing is missing before a SYN, nor before the first segment that is seen of a passive open.
fn arrived(facts: &mut Facts, segment: &Segment<'_>, opening: bool) {
    let end = segment.end();
    if segment.has(flag::SYN) || (opening && facts.rcv_nxt.is_none()) {
        (facts.rcv_nxt, facts.held) = (Some(end), Some(0));
        return;
    }
    let Some(next) = facts.rcv_nxt else { return };
    if end == segment.seq {
        return;
    }
    if before(next, segment.seq) {
        facts.held = facts.held.map(|held| held.saturating_add(1));
    } else if facts.held == Some(0) {
        facts.rcv_nxt = Some(later(next, end));
    }
}

/// What our segment says of our receiving side.
fn acknowledged(facts: &mut Facts, segment: &Segment<'_>, window: Option<u32>) {
    if !segment.has(flag::ACK) {
        return;
    }
    if !segment.has(flag::SYN) {
        facts.rcv_window = window;
    }
    // An acknowledgement of more than before a hole fills it.
    if facts.rcv_nxt.is_some_and(|next| before(next, segment.ack)) {
        (facts.rcv_nxt, facts.held) = (Some(segment.ack), Some(0));
    }
}

fn establish(facts: &mut Facts) {
    facts.opened = true;
    facts.tcp_state = Some(state::ESTABLISHED);
    facts.established = true;
    facts.recovery.get_or_insert(false);
    facts.persist.get_or_insert(false);
}

/// What was in flight at a retransmission timeout is acknowledged once nothing is in flight.
fn leave_recovery(facts: &mut Facts) {
    if facts.recovery == Some(true) && facts.fast_recovery == Some(false) && facts.snd_una == facts.snd_max {
        facts.recovery = Some(false);
    }
}

fn sent(facts: &mut Facts, segment: &Segment<'_>) {
    facts.pacing = facts.pacing.map(|_| false);
    if segment.has(flag::RST) {
        return;
    }
    if segment.has(flag::SYN) {
        // The handshake begins: nothing is lost, nothing is written.
        facts.iss = Some(segment.seq);
        facts.snd_una = Some(segment.seq);
        facts.recovery = Some(false);
        facts.fast_recovery = Some(false);
        facts.persist = Some(false);
        facts.snd_end = Some(segment.end());
    }
    let end = segment.end();
    facts.snd_max = Some(facts.snd_max.map_or(end, |max| later(max, end)));
    facts.snd_end = facts.snd_end.map(|have| later(have, segment.seq.wrapping_add(segment.len)));
    facts.fin_sent |= segment.has(flag::FIN);
}

fn acked(facts: &mut Facts, values: &EventValues) {
    let Some(una) = values.snd_una else { return };
    let flight = values.flight.and_then(|flight| match facts.stack {
        Some(Stack::Freebsd) => Some(flight),
        Some(Stack::Rack) => flight.checked_add(values.sacked)?.checked_sub(values.acked),
        // RACK has what is acknowledged here in flight yet.
        _ => Some(flight).filter(|&flight| flight < values.acked),
    });
    facts.snd_una = Some(una);
    facts.snd_max = match flight {
        Some(flight) => Some(una.wrapping_add(flight)),
        None => facts.snd_max.map(|max| later(max, una)),
    };
    leave_recovery(facts);
}

fn wrote(facts: &mut Facts, values: &EventValues) {
    let (Some(una), Some(buffered)) = (facts.snd_una, values.buffered) else { return };
    if values.error != 0 {
        return;
    }
    facts.buffered = Some(buffered);
    facts.snd_end = Some(una.wrapping_add(buffered));
}
