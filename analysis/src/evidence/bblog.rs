// SPDX-License-Identifier: BSD-2-Clause
//! Reads BBLog records.
//!
//! A record holds the connection's state as it was when it was made: for IN before the segment was
//! processed, for OUT before what is sent was counted. Both are carried on by the segment's header.

use bblog_dissector::bblog::{EventFlags, Record};
use bblog_dissector::event::{Event, Group};
use bblog_dissector::spec::{FieldSpec, Stack, Unit};

use super::facts::{Carried, Facts, Stop};
use super::plan::{Meanings, Members, Plan, Plans};
use super::rules::{Fact, Role};
use super::segment::{Segment, flag};
use super::{Kind, Observed, RttKind};
use crate::item::BblogItem;
use crate::limit::tcp_state;
use crate::seq::{before, later};
use crate::timer::Timer;

/// What tlb_errno holds where the result is not known yet.
const NOT_KNOWN: i32 = -1;
/// A window that stands for none: TCP_MAXWIN << TCP_MAX_WINSHIFT, before the handshake is complete.
const NO_WINDOW: u32 = 65535 << 14;

#[inline]
pub(super) fn read<'a>(plans: &mut Plans, facts: &mut Facts, item: &BblogItem<'a>) -> Observed<'a> {
    let record = &item.record;
    let (plan, members, names) = plans.bblog(item.context, record.event_id());
    if record.is_lldb_cut() {
        // Only the TCP state is there.
        let state = members.state.get(record.as_bytes());
        let (established, iss) = (facts.established, facts.iss);
        *facts = Facts { tcp_state: state.map(|state| state as u8), established, iss, ..Facts::default() };
        return Observed::default();
    }
    let smoothed = common(facts, item, plan.settles, members, names);
    let mut seen = Observed { iss: facts.iss, ..Observed::default() };
    if smoothed {
        seen.rtt = facts.srtt_us.map(|rtt| (RttKind::Smoothed, rtt));
    }
    let segment = match plan.role {
        Role::In | Role::Out => segment(record),
        _ => None,
    };
    match (plan.role, segment) {
        (Role::In, Some(segment)) => {
            received(facts, &segment, members.shift(record.as_bytes()), window(record));
            facts.stop = None;
            seen.kind = Kind::In(segment);
        }
        (Role::Out, Some(segment)) => {
            let errno = Some(record.errno()).filter(|&errno| errno != NOT_KNOWN);
            sent(facts, &segment, errno);
            seen.kind = Kind::Out(segment, errno);
        }
        // The default stack's second record, after ip_output failed.
        (Role::Out, None) if record.errno() > 0 => {
            facts.send_error = Some(record.errno());
            seen.kind = Kind::NotSent(record.errno());
        }
        (Role::UserWrite, _) => seen.kind = Kind::UserWrite,
        (Role::End, _) => seen.kind = Kind::End,
        _ => {}
    }
    own(facts, &mut seen, item, plan, names);
    seen
}

/// What every record has. Returns whether the smoothed RTT changed.
#[inline]
fn common(
    facts: &mut Facts,
    item: &BblogItem<'_>,
    settles: bool,
    members: &Members,
    names: &Meanings,
) -> bool {
    let record = &item.record;
    let bytes = record.as_bytes();
    let state = members.state.get(bytes).map(|state| state as u8);
    facts.tcp_state = state;
    facts.established |=
        state.is_some_and(|state| state >= tcp_state::ESTABLISHED && state != tcp_state::CLOSED);
    facts.iss = members.iss.get(bytes).filter(|&iss| iss != 0).or(facts.iss);
    let Carried { snd_una, snd_wnd } = &mut facts.carried;
    facts.snd_una = carried(facts.snd_una, snd_una, members.snd_una.get(bytes), settles);
    facts.snd_wnd = carried(facts.snd_wnd, snd_wnd, members.snd_wnd.get(bytes), settles);
    facts.snd_max = members.snd_max.get(bytes);
    facts.cwnd = members.snd_cwnd.get(bytes).filter(|&cwnd| cwnd != NO_WINDOW);
    facts.ssthresh = members.snd_ssthresh.get(bytes);
    facts.dupacks = members.dupacks.get(bytes);
    facts.rcv_nxt = members.rcv_nxt.get(bytes);
    facts.held = members.seg_qlen.get(bytes).map(|held| (held as i32).max(0) as u32);
    facts.rcv_window = match (members.rcv_adv.get(bytes), facts.rcv_nxt) {
        (Some(advertised), Some(next)) => Some(crate::seq::distance(next, advertised)),
        _ => None,
    };
    if record.flags().has(EventFlags::TXBUF)
        && let (Some(una), Some(buffered)) = (members.snd_una.get(bytes), members.txb_acc.get(bytes))
    {
        let end = Some(una.wrapping_add(buffered));
        // More was written since output stopped for want of it.
        if facts.stop == Some(Stop::Application) && facts.snd_end != end {
            facts.stop = None;
        }
        facts.snd_end = end;
        facts.buffered = Some(buffered);
    }
    if item.context.stack == Stack::Freebsd {
        // It has no pacer.
        facts.pacing = Some(false);
        facts.cwnd_to_use = None;
    }
    flags(facts, bytes, members, names);
    let before = facts.srtt_us;
    let srtt = members.srtt.get(bytes).filter(|&srtt| srtt > 0);
    facts.srtt_us = srtt.and_then(|srtt| micros(srtt.into(), members.srtt_unit(item.context), item.hz));
    facts.srtt_us != before
}

/// The value that a record has, or the one that it will have: until a segment is processed, records hold the
/// value from before it.
#[inline]
fn carried(have: Option<u32>, old: &mut Option<u32>, own: Option<u32>, settles: bool) -> Option<u32> {
    if old.is_some() && *old == own && !settles {
        return have;
    }
    *old = None;
    own
}

/// What the connection's flags say.
#[inline]
fn flags(facts: &mut Facts, bytes: &[u8], members: &Members, names: &Meanings) {
    let (Some(flags), Some(flags2)) = (members.t_flags.get(bytes), members.t_flags2.get(bytes)) else {
        return;
    };
    let (una, recover) = (members.snd_una.get(bytes), members.snd_recover.get(bytes));
    let fast = flags & names.fast_recovery != 0;
    // After a retransmission timeout all that was sent before is sent again, without that flag. ECN sets
    // snd_recover, too.
    let again = match (una, recover) {
        _ if flags & names.congestion_recovery != 0 => false,
        (Some(una), Some(recover)) => before(una, recover) && facts.iss.is_some_and(|iss| una != iss),
        _ => false,
    };
    facts.fast_recovery = Some(fast);
    facts.recovery = Some(fast || again);
    facts.fin_sent = flags & names.sent_fin != 0;
    facts.sack = Some(flags & names.sack != 0);
    facts.timestamps = Some(flags & names.timestamps != 0);
    facts.scaling = Some(flags & names.scaling != 0);
    facts.ecn = Some(flags2 & names.ecn != 0);
}

/// The segment that an IN or OUT record is about.
#[inline]
fn segment<'a>(record: &Record<'a>) -> Option<Segment<'a>> {
    let header = record.tcp()?;
    let number = |at: usize| {
        header.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |bytes| u32::from_be_bytes(*bytes))
    };
    let flags = u16::from(*header.get(13)?);
    Some(Segment {
        seq: number(4),
        ack: number(8),
        flags,
        len: record.len(),
        options: Some(header.get(20..).unwrap_or_default()),
    })
}

/// The window field of a record's header.
fn window(record: &Record<'_>) -> Option<u32> {
    let bytes = record.tcp()?.get(14..16)?;
    Some(u32::from(u16::from_be_bytes([bytes[0], bytes[1]])))
}

/// Carries the state on by a segment received.
#[inline]
fn received(facts: &mut Facts, segment: &Segment<'_>, shift: Option<u8>, window: Option<u32>) {
    facts.snd_shift = shift;
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
    if let (Some(window), Some(shift)) = (window, shift) {
        facts.snd_wnd = Some(if segment.has(flag::SYN) { window } else { window << shift.min(14) });
    }
    match facts.tcp_state {
        Some(tcp_state::SYN_SENT) if segment.has(flag::SYN) => establish(facts),
        Some(tcp_state::SYN_RECEIVED) => establish(facts),
        _ => {}
    }
}

fn establish(facts: &mut Facts) {
    facts.tcp_state = Some(tcp_state::ESTABLISHED);
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
fn own<'a>(facts: &mut Facts, seen: &mut Observed<'a>, item: &BblogItem<'a>, plan: &Plan, names: &Meanings) {
    if plan.reads.is_empty() && plan.fires == crate::timer::Fires::Never {
        return;
    }
    let event = Event::of_record(&item.record, item.context);
    seen.timer = plan.fires.timer(&event);
    if seen.timer.is_some_and(|timer| timer != Timer::DelayedAck) {
        facts.stop = None;
    }
    for read in &plan.reads {
        if read.unless.is_some_and(|row| event.one(Group::Own, row).next().is_some()) {
            continue;
        }
        let Some(field) = event.one(Group::Own, read.row).next() else { continue };
        let Some(value) = field.value.as_int() else { continue };
        take(facts, seen, (read.fact, field.spec, value), item.hz, names);
    }
}

fn take(
    facts: &mut Facts,
    seen: &mut Observed<'_>,
    (fact, row, value): (Fact, &FieldSpec, i64),
    hz: u32,
    names: &Meanings,
) {
    match fact {
        Fact::Stop => facts.stop = Meanings::stop(row, value),
        Fact::Armed => {
            facts.pacing = Some(value as u32 & names.paced != 0);
            facts.persist = Some(value as u32 & names.persist != 0);
        }
        Fact::Persist => facts.persist = Some(value != 0),
        Fact::CwndToUse => facts.cwnd_to_use = Some(value as u32).filter(|&cwnd| cwnd > 0),
        Fact::Mss => facts.mss = Some(value as u32).filter(|&mss| mss > 0).or(facts.mss),
        Fact::MssWithOptions => facts.mss_with_options(value as u32),
        Fact::BufferLimit => facts.buffer_limit = Some(value as u32).filter(|&limit| limit > 0),
        Fact::Rtt(kind) => {
            if let Some(rtt) = micros(value, row.unit, hz).filter(|&rtt| rtt > 0) {
                seen.rtt = Some((kind, rtt));
            }
        }
        Fact::Goodput => seen.goodput = u64::try_from(value).ok().filter(|&rate| rate > 0),
        Fact::HyStart => seen.hystart = Meanings::ends_slow_start(row, value),
        _ => {}
    }
    if facts.stop == Some(Stop::Persist) {
        facts.persist = Some(true);
    }
}

/// A span of time in microseconds; `None` for one that is no time: above an hour (a value that was never set, or
/// a negative one), or in ticks of unknown length.
pub(super) fn micros(value: i64, unit: Unit, hz: u32) -> Option<u32> {
    const HOUR: u64 = 3_600_000_000;
    let value = u64::try_from(value).ok()?;
    let ticks = |scale: u64| match hz {
        0 => None,
        hz => Some(value.checked_mul(1_000_000)? / u64::from(hz) / scale),
    };
    let us = match unit {
        Unit::Us => Some(value),
        Unit::Ms => value.checked_mul(1000),
        Unit::Ticks => ticks(1),
        Unit::TicksX32 => ticks(32),
        _ => None,
    };
    us.filter(|&us| us <= HOUR).and_then(|us| u32::try_from(us).ok())
}
