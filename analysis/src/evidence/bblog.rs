// SPDX-License-Identifier: BSD-2-Clause
//! Reads BBLog records.
//!
//! A record holds the connection's state as it was when it was made: for IN before the segment was
//! processed, for OUT before what is sent was counted. Both are carried on by the segment's header.

use std::num::NonZeroU32;
use std::sync::LazyLock;

use bblog_dissector::bblog::{Record, TCPINFO_LEN, t_flags};
use bblog_dissector::event::{Event, RowGroup};
use bblog_dissector::spec::{FieldSpec, Stack, Unit};
use bblog_dissector::tables;

use super::facts::{Carried, Facts, StopReason};
use super::plan::{Meanings, Plan, Plans};
use super::rules::{EventRole, ValueRole, armed};
use super::segment::{Segment, flag};
use super::{ItemKind, Observed, RttKind};
use crate::item::RecordItem;
use crate::tcp::seq::{before, distance, later};
use crate::tcp::state;
use crate::tcp::timer::{Fires, Timer};

/// What tlb_errno holds where the result is not known yet.
const NOT_KNOWN: i32 = -1;

#[inline]
pub(super) fn read<'a>(plans: &mut Plans, facts: &mut Facts, item: &RecordItem<'a>) -> Observed<'a> {
    let record = &item.record;
    let unit = plans.srtt_unit(item.context);
    let (plan, names) = plans.bblog(item.context, record.event_id());
    if record.is_lldb_cut() {
        // Only the TCP state is there.
        let tcp_state = u8::try_from(record.state()).ok();
        let (established, iss) = (facts.established, facts.iss);
        *facts = Facts { tcp_state, is_state_current: true, established, iss, ..Facts::default() };
        return Observed { timer_cut: plan.fires != Fires::Never, ..Observed::default() };
    }
    state(facts, item, plan.settles, names);
    // What is sent is counted after its record was made.
    let mut seen = Observed { iss: facts.iss, sent_before: Some(record.snd_max()), ..Observed::default() };
    let srtt = Some(record.srtt()).filter(|&srtt| srtt > 0);
    let srtt = srtt.and_then(|srtt| micros(srtt.into(), unit, item.context.hz));
    if std::mem::replace(&mut facts.srtt_us, srtt) != srtt {
        seen.rtt = srtt.map(|rtt| (RttKind::Smoothed, rtt));
    }
    // The values of IN and OUT are from before the segment.
    own(facts, &mut seen, item, plan);
    happened(facts, &mut seen, record, plan.role);
    seen
}

fn happened<'a>(facts: &mut Facts, seen: &mut Observed<'a>, record: &Record<'a>, role: EventRole) {
    match role {
        EventRole::In => {
            if let Some((segment, window)) = segment(record) {
                facts.snd_shift = Some(record.snd_scale());
                received(facts, &segment, window);
                facts.stop = None;
                seen.kind = ItemKind::In(segment);
            }
        }
        EventRole::Out => {
            if let Some((segment, _)) = segment(record) {
                let errno = Some(record.errno()).filter(|&errno| errno != NOT_KNOWN);
                sent(facts, &segment, errno);
                seen.kind = ItemKind::Out(segment, errno);
            } else if record.errno() > 0 {
                // The default stack's second record, after ip_output failed.
                facts.send_error = Some(record.errno());
                seen.kind = ItemKind::NotSent(record.errno());
            }
        }
        EventRole::UserWrite => seen.kind = ItemKind::UserWrite,
        EventRole::End => seen.kind = ItemKind::End,
        _ => {}
    }
}

/// The state that every record has.
#[inline]
fn state(facts: &mut Facts, item: &RecordItem<'_>, settles: bool, names: &Meanings) {
    let record = &item.record;
    (facts.tcp_state, facts.is_state_current) = (u8::try_from(record.state()).ok(), true);
    facts.established |= facts.tcp_state.is_some_and(|state| state >= state::ESTABLISHED);
    facts.iss = Some(record.iss()).filter(|&iss| iss != 0).or(facts.iss);
    let Carried { snd_una, snd_wnd } = &mut facts.carried;
    facts.snd_una = carried(facts.snd_una, snd_una, record.snd_una(), settles);
    facts.snd_wnd = carried(facts.snd_wnd, snd_wnd, record.snd_wnd(), settles)
        .filter(|&window| !names.is_implausible_window(window));
    facts.snd_max = Some(record.snd_max());
    facts.cwnd = Some(record.snd_cwnd()).filter(|&cwnd| !names.is_unset_cwnd(cwnd));
    facts.ssthresh = Some(record.snd_ssthresh());
    facts.dupacks = Some(record.dupacks());
    facts.rcv_nxt = Some(record.rcv_nxt());
    facts.held = Some(record.segqlen().max(0).unsigned_abs());
    facts.rcv_window = Some(distance(record.rcv_nxt(), record.rcv_adv()));
    if let Some(buffered) = record.txb_acc() {
        let end = Some(record.snd_una().wrapping_add(buffered));
        // More was written since output stopped for want of it.
        if facts.stop == Some(StopReason::Application) && facts.snd_end != end {
            facts.stop = None;
        }
        (facts.snd_end, facts.buffered) = (end, Some(buffered));
    }
    if item.context.stack == Stack::Freebsd {
        // It has no pacer.
        (facts.pacing, facts.cwnd_to_use) = (Some(false), None);
    }
    flags(facts, record, names);
}

/// What the connection's flags say.
#[inline]
fn flags(facts: &mut Facts, record: &Record<'_>, names: &Meanings) {
    let flags = record.t_flags();
    let has = |flag: u32| flags & flag != 0;
    let fast = has(t_flags::FASTRECOVERY);
    // After a retransmission timeout all that was sent before is sent again, without that flag. ECN sets
    // snd_recover, too.
    let again = !has(t_flags::CONGRECOVERY)
        && before(record.snd_una(), record.snd_recover())
        && record.snd_una() != record.iss();
    facts.fast_recovery = Some(fast);
    facts.recovery = Some(fast || again);
    facts.fin_sent = has(t_flags::SENTFIN);
    facts.sack = Some(has(t_flags::SACK_PERMIT));
    facts.timestamps = Some(has(t_flags::RCVD_TSTMP));
    facts.scaling = Some(has(t_flags::RCVD_SCALE));
    facts.ecn = Some(record.t_flags2() & names.ecn != 0);
}

/// The value that a record has, or the one that it will have: until a segment is processed, records hold the
/// value from before it.
#[inline]
fn carried(have: Option<u32>, old: &mut Option<u32>, own: u32, settles: bool) -> Option<u32> {
    if *old == Some(own) && !settles {
        return have;
    }
    *old = None;
    Some(own)
}

/// The segment that an IN or OUT record is about, and its window field.
#[inline]
fn segment<'a>(record: &Record<'a>) -> Option<(Segment<'a>, u32)> {
    let header = record.tcp_header()?;
    let segment = Segment {
        seq: header.seq(),
        ack: header.ack(),
        flags: header.flags(),
        len: record.len(),
        options: Some(header.options()),
    };
    Some((segment, header.window().into()))
}

/// Carries the state on by a segment received.
#[inline]
fn received(facts: &mut Facts, segment: &Segment<'_>, window: u32) {
    let (Some(una), Some(max)) = (facts.snd_una, facts.snd_max) else { return };
    if segment.has(flag::RST) || !segment.has(flag::ACK) {
        return;
    }
    if before(segment.ack, una) || before(max, segment.ack) {
        return;
    }
    (facts.carried.snd_una, facts.carried.snd_wnd) = (Some(una), facts.snd_wnd);
    facts.snd_una = Some(segment.ack);
    if segment.ack != una {
        facts.dupacks = Some(0);
    }
    let shift = if segment.has(flag::SYN) { 0 } else { facts.snd_shift.unwrap_or(0).min(14) };
    facts.snd_wnd = Some(window << shift);
    if window > 0 {
        // What a stack says of its timers stands in later records.
        facts.persist = facts.persist.map(|_| false);
    }
    match facts.tcp_state {
        Some(state::SYN_SENT) if segment.has(flag::SYN) => establish(facts),
        Some(state::SYN_RECEIVED) => establish(facts),
        _ => {}
    }
}

fn establish(facts: &mut Facts) {
    facts.tcp_state = Some(state::ESTABLISHED);
    facts.established = true;
}

/// Carries the state on by a segment sent.
#[inline]
fn sent(facts: &mut Facts, segment: &Segment<'_>, errno: Option<i32>) {
    facts.stop = None;
    facts.send_error = errno.filter(|&errno| errno > 0);
    if facts.pacing == Some(true) {
        facts.pacing = Some(false);
    }
    if facts.send_error.is_none() && !segment.has(flag::RST) {
        facts.snd_max = facts.snd_max.map(|max| later(max, segment.end()));
        facts.fin_sent |= segment.has(flag::FIN);
    }
}

/// What an event's own values say.
#[inline]
fn own<'a>(facts: &mut Facts, seen: &mut Observed<'a>, item: &RecordItem<'a>, plan: &Plan) {
    if plan.reads.is_empty() && plan.fires == Fires::Never {
        return;
    }
    let event = Event::of_record(&item.record, item.context);
    seen.timer = plan.fires.timer(&event);
    if seen.timer.is_some_and(|timer| timer != Timer::DelayedAck) {
        facts.stop = None;
    }
    for read in &plan.reads {
        if read.unless.is_some_and(|row| event.value_at(RowGroup::Own, row).is_some()) {
            continue;
        }
        let Some(field) = event.value_at(RowGroup::Own, read.row) else { continue };
        let Some(value) = field.value.as_int().filter(|_| !field.is_unset()) else { continue };
        take(facts, seen, (read.fact, field.spec, value), item.context.hz);
    }
}

fn take(
    facts: &mut Facts,
    seen: &mut Observed<'_>,
    (fact, row, value): (ValueRole, &FieldSpec, i64),
    hz: Option<NonZeroU32>,
) {
    match fact {
        ValueRole::Stop => facts.stop = Meanings::stop(row, value),
        ValueRole::Armed => {
            facts.pacing = Some(value as u32 & armed::PACED != 0);
            facts.persist = Some(value as u32 & armed::PERSIST != 0);
        }
        ValueRole::Persist => facts.persist = Some(value != 0),
        ValueRole::CwndToUse => facts.cwnd_to_use = Some(value as u32).filter(|&cwnd| cwnd > 0),
        ValueRole::Mss => facts.mss = Some(value as u32).filter(|&mss| mss > 0).or(facts.mss),
        ValueRole::MssWithOptions => facts.mss_with_options(value as u32),
        ValueRole::BufferLimit => facts.buffer_limit = Some(value as u32).filter(|&limit| limit > 0),
        ValueRole::Rtt(kind) => {
            if let Some(rtt) = micros(value, row.unit, hz).filter(|&rtt| rtt > 0) {
                seen.rtt = Some((kind, rtt));
            }
        }
        ValueRole::Goodput => seen.goodput = u64::try_from(value).ok().filter(|&rate| rate > 0),
        ValueRole::HyStart => seen.hystart = Meanings::ends_slow_start(row, value),
        _ => {}
    }
    if facts.stop == Some(StopReason::Persist) {
        facts.persist = Some(true);
    }
}

/// The smoothed RTT of a BBLog record, microseconds; `None` before the first sample, and where stack, kernel or ticks
/// per second are not known that its unit depends on.
pub fn srtt_us(event: &Event<'_>) -> Option<u32> {
    static ROWS: LazyLock<Vec<usize>> = LazyLock::new(|| {
        let rows = tables::RECORD.iter().enumerate().filter(|(_, row)| row.name == "srtt");
        rows.map(|(index, _)| index).collect()
    });
    let field = ROWS.iter().find_map(|&row| event.value_at(RowGroup::Common, row))?;
    micros(field.value.as_int()?, field.spec.unit, field.hz).filter(|&us| us != 0)
}

impl Plans {
    /// As [`srtt_us`] of the event of `record`, without a look at the rows.
    #[inline]
    pub fn srtt_us(&self, record: &Record<'_>, event: &Event<'_>) -> Option<u32> {
        let is_whole = event.as_bytes().len() >= TCPINFO_LEN;
        let context = event.context();
        let srtt = Some(record.srtt()).filter(|&srtt| srtt != 0 && is_whole)?;
        micros(srtt.into(), self.srtt_unit(context), context.hz).filter(|&us| us != 0)
    }
}

/// A span of time in microseconds; `None` for one that is no time: above an hour (a value that was never set, or
/// a negative one), or in ticks of unknown length.
pub fn micros(value: i64, unit: Unit, hz: Option<NonZeroU32>) -> Option<u32> {
    const HOUR: u64 = 3_600_000_000;
    let value = u64::try_from(value).ok()?;
    let ticks = |scale: u64| Some(value.checked_mul(1_000_000)? / u64::from(hz?.get()) / scale);
    let us = match unit {
        Unit::Us => Some(value),
        Unit::Ms => value.checked_mul(1000),
        Unit::Ticks => ticks(1),
        Unit::TicksX32 => ticks(32),
        Unit::TicksX1000 => ticks(1000),
        _ => None,
    };
    us.filter(|&us| us <= HOUR).and_then(|us| u32::try_from(us).ok())
}
