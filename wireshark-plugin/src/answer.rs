// SPDX-License-Identifier: GPL-2.0-or-later
//! Parts of the answer that both logs share: the name, alerts, links between frames, what the analysis concludes.

use std::fmt::Display;
use std::ops::Range;
use std::sync::LazyLock;

use bblog_analysis::links::Act;
use bblog_analysis::{Cause, Limit, Timer};
use bblog_dissector::event::{Event, Field, RowGroup};
use bblog_dissector::spec::{AlertGroup, Category, FieldSpec};
use bblog_dissector::tables;
use bblog_dissector::text::InitialSeqs;
use bblog_dissector::words::SegmentWords;

use crate::ffi;
use crate::frames::Frames;
use crate::items::{Items, NONE};
use crate::line::{self, TreeLine};
use crate::registry::{self, PluginField};
use crate::request::{Answer, Request};

/// The value of group `track` that is the smoothed RTT.
pub const SRTT_US: &str = "srtt_us";

/// Rows that hold the error number which a system call or a send gave.
const ERRORS: [&str; 5] = ["error", "err", "send_errno", "so_error", "errno"];

/// The answer for bytes that cannot be decoded, or not all of them.
pub fn malformed(items: &mut Items, problem: impl Display) -> Answer {
    let at = items.text(&problem);
    if let Some(alert) = tables::alert("malformed") {
        items.alert(alert, format_args!("{}: {problem}", alert.label));
    }
    Answer { problem: at, ..Answer::default() }
}

/// The event's name and what happened in words, as far as they are requested. `segment` is the segment that it is, and `again`
/// why that was sent again, if it was.
pub fn named(
    event: &Event<'_>,
    segment: Option<&SegmentWords<'_>>,
    again: Option<Option<Cause>>,
    style: InitialSeqs,
    request: &Request<'_>,
    items: &mut Items,
) -> Answer {
    let words = |items: &mut Items| items.words(event, segment, again.map(Cause::words), style);
    Answer {
        name: if request.wants(ffi::BBLOG_WANT_TREE | ffi::BBLOG_WANT_COUNTED) {
            items.word(event.name())
        } else {
            NONE
        },
        number: if request.wants(ffi::BBLOG_WANT_TREE) { number_of(event) } else { 0..0 },
        summary: if request.wants(ffi::BBLOG_WANT_SUMMARY) { words(items) } else { NONE },
        resent: again.is_some(),
        ..Answer::default()
    }
}

/// Where the event's number lies in the bytes.
fn number_of(event: &Event<'_>) -> Range<usize> {
    static RECORD: LazyLock<Range<usize>> = LazyLock::new(|| place_of(tables::RECORD));
    static HEADER: LazyLock<Range<usize>> = LazyLock::new(|| place_of(tables::ELOG_HEADER));
    if is_record(event) { RECORD.clone() } else { HEADER.clone() }
}

/// Whether it is of BBLog.
fn is_record(event: &Event<'_>) -> bool {
    std::ptr::eq(event.rows_of(RowGroup::Common), tables::RECORD)
}

fn place_of(rows: &[FieldSpec]) -> Range<usize> {
    let row = rows.iter().find(|row| row.name == "event_id");
    row.map_or(0..0, |row| {
        let start = usize::from(row.place.offset);
        start..start + usize::from(row.place.size)
    })
}

/// Where the member called `name`, which every record or event has, lies in the bytes.
pub fn range_of(event: &Event<'_>, name: &str) -> Range<usize> {
    event.common().find(|field| field.spec.name == name).map_or(0..0, |field| field.range)
}

/// Adds an alert that is not of the event's table.
pub fn notice(items: &mut Items, name: &str) {
    if let Some(alert) = tables::alert(name) {
        items.alert(alert, alert.label);
    }
}

/// Adds why an event deserves notice.
pub fn alerts(event: &Event<'_>, style: InitialSeqs, items: &mut Items) {
    for alert in event.alerts() {
        match alert.group {
            AlertGroup::Response => {
                let mut values = event.fields().chain(event.common());
                match values.find(|field| ERRORS.contains(&field.spec.name)) {
                    Some(error) => items.alert(alert, format_args!("{}: {error:#}", alert.label)),
                    None => items.alert(alert, alert.label),
                }
            }
            AlertGroup::Protocol => items.alert(alert, event.summary_in(style)),
            AlertGroup::Sequence | AlertGroup::Undecoded | AlertGroup::Malformed => {
                items.alert(alert, alert.label);
            }
        }
    }
}

/// What an event does, if its frame may belong to another one; `segment` is what it does as a segment.
pub fn act(event: &Event<'_>, segment: Option<Act>) -> Option<Act> {
    if let Some((step, named)) = event.timer() {
        let number = named.filter(|_| step.keyed).and_then(|field| field.value.as_int());
        return Some(Act::Timer(step, number.unwrap_or_default()));
    }
    segment
}

/// Adds the line for the frame that belongs to this one.
fn link(event: &Event<'_>, frame: u32, frames: &Frames, items: &mut Items) {
    let Some(other) = frames.link(frame) else { return };
    let field = match (event.timer().is_some(), other > frame) {
        (true, true) => PluginField::TimerEndedIn,
        (true, false) => PluginField::TimerStartedIn,
        (false, true) => PluginField::AckedIn,
        (false, false) => PluginField::Acks,
    };
    items.push(ffi::bblog_item {
        number: other.into(),
        generated: true,
        ..line::of_plugin(field, NONE, 0..0, 0)
    });
}

/// As [`link`], where no tree is shown: if one of the fields for it is needed.
fn push_requested_link(event: &Event<'_>, request: &Request<'_>, frames: &Frames, items: &mut Items) {
    use PluginField::{AckedIn, Acks, TimerEndedIn, TimerStartedIn};
    let fields = [AckedIn, Acks, TimerEndedIn, TimerStartedIn];
    if fields.into_iter().any(PluginField::is_requested) {
        link(event, request.frame, frames, items);
    }
}

/// Whether the analysis takes in this frame: in the first pass, if what it concludes may be needed.
pub fn is_followed(request: &Request<'_>) -> bool {
    let analysed = || registry::ANALYSED.into_iter().any(PluginField::is_requested);
    // Without these items no fields of it are needed.
    request.first
        && (request.wants(ffi::BBLOG_WANT_FOLLOW) || (request.wants(ffi::BBLOG_WANT_EARLIER) && analysed()))
}

/// Whether it is to be found out if the frame's segment was sent before, where nothing follows the connections.
pub fn wants_again(request: &Request<'_>) -> bool {
    request.wants(ffi::BBLOG_WANT_SUMMARY)
        || (request.wants(ffi::BBLOG_WANT_EARLIER) && PluginField::Category.is_requested())
}

/// Adds what kind of event it is: its category and its title. `again`: it is a segment that was sent before.
fn kind(event: &Event<'_>, again: bool, wanted: impl Fn(PluginField) -> bool, items: &mut Items) {
    let mut add = |field: PluginField, word: &dyn Fn() -> &'static str| {
        if wanted(field) {
            let word = word();
            if !word.is_empty() {
                let text = items.word(word);
                items.push(ffi::bblog_item { generated: true, ..line::of_plugin(field, text, 0..0, 0) });
            }
        }
    };
    add(PluginField::Category, &|| if again { Category::Loss } else { event.category() }.word());
    add(PluginField::Title, &|| event.title());
}

/// Adds what the analysis concludes of a frame, and the timer that fired, as far as they are wanted.
fn concluded(
    event: &Event<'_>,
    frame: u32,
    frames: &Frames,
    wanted: impl Fn(PluginField) -> bool,
    items: &mut Items,
) {
    let conclusion = frames.follow.conclusion(frame);
    let timer = if wanted(PluginField::TimerFired) { Timer::fired_by(event) } else { None };
    let retransmission = conclusion.retransmission.map(|cause| cause.map_or("unknown", Cause::name));
    let words = [
        (PluginField::Limit, conclusion.limit.map(Limit::name)),
        (PluginField::TimerFired, timer.map(Timer::name)),
        (PluginField::Retransmission, retransmission),
    ];
    for (field, word) in words.into_iter().filter(|&(field, _)| wanted(field)) {
        if let Some(word) = word {
            let text = items.word(word);
            items.push(ffi::bblog_item { generated: true, ..line::of_plugin(field, text, 0..0, 0) });
        }
    }
    if let Some(stall) = frames.follow.stall(frame) {
        let field = if stall.other > frame { PluginField::StallEndedIn } else { PluginField::StallStartedIn };
        if wanted(field) {
            let number = stall.other.into();
            items.push(ffi::bblog_item { number, generated: true, ..line::of_plugin(field, NONE, 0..0, 0) });
        }
    }
}

/// Adds the names of the alerts that the record has so far.
fn alert_names(items: &mut Items) {
    for at in 0..items.alerts().len() {
        let kind = items.alerts()[at].kind as usize;
        let text = items.word(tables::ALERTS[kind].name);
        items.push(ffi::bblog_item { generated: true, ..line::of_plugin(PluginField::Alert, text, 0..0, 0) });
    }
}

/// Adds what the plugin's own fields hold, as far as it is needed, where no tree is shown. `again`: the
/// event is a segment that was sent before.
pub fn push_requested_own(
    event: &Event<'_>,
    again: bool,
    request: &Request<'_>,
    frames: &Frames,
    items: &mut Items,
) {
    if !registry::is_any_own_requested(PluginField::AckedIn) {
        return;
    }
    let wanted = PluginField::is_requested;
    push_requested_link(event, request, frames, items);
    concluded(event, request.frame, frames, wanted, items);
    if wanted(PluginField::Alert) {
        alert_names(items);
    }
    kind(event, again, wanted, items);
}

/// As [`push_requested_own`], all of them: for the tree.
pub fn own(event: &Event<'_>, again: bool, frame: u32, frames: &Frames, items: &mut Items) {
    link(event, frame, frames, items);
    concluded(event, frame, frames, |_| true, items);
    alert_names(items);
    kind(event, again, |_| true, items);
}

/// Adds the smoothed RTT in milliseconds, if the values of group `track` have it.
pub fn srtt_ms(mut earlier: impl Iterator<Item = Field<'static>>, items: &mut Items) {
    let srtt = earlier.find(|field| field.spec.name == SRTT_US);
    if let Some(us) = srtt.and_then(|srtt| srtt.value.as_int()) {
        let number = (us as f64 / 1000.0).to_bits();
        let line = line::of_plugin(PluginField::SrttMs, NONE, 0..0, 0);
        items.push(ffi::bblog_item { number, generated: true, ..line });
    }
}

/// Adds the congestion window and the slow-start threshold of either log, where they are set: the fields that BBLog's
/// records share with Wireshark's own dissector hold a number in any case.
pub fn windows(event: &Event<'_>, wanted: impl Fn(PluginField) -> bool, items: &mut Items) {
    let (group, [cwnd, ssthresh]) = match is_record(event) {
        true => (RowGroup::Common, ["snd_cwnd", "snd_ssthresh"]),
        false => (RowGroup::Own, ["cwnd", "ssthresh"]),
    };
    for (field, name) in [(PluginField::Cwnd, cwnd), (PluginField::Ssthresh, ssthresh)] {
        if wanted(field)
            && let Some(row) = event.rows_of(group).iter().position(|row| row.name == name)
            && let Some(window) = event.value_at(group, row).filter(|window| !window.is_unset())
        {
            let number = window.value.as_int().unwrap_or_default() as u64;
            let line = line::of_plugin(field, NONE, 0..0, 0);
            items.push(ffi::bblog_item { number, generated: true, ..line });
        }
    }
}

/// Adds the alert of a stall that ends with a frame.
pub fn stalled(frame: u32, frames: &Frames, items: &mut Items) {
    if let Some(text) = frames.follow.stall(frame).and_then(|stall| stall.text.as_deref())
        && let Some(alert) = tables::alert("stall")
    {
        items.alert(alert, text);
    }
}

/// Adds those values of a group that filters and columns need.
pub fn push_rows(event: &Event<'_>, group: RowGroup, line: TreeLine, items: &mut Items) {
    for at in registry::requested_rows(event.rows_of(group)) {
        event.one(group, at).for_each(|value| line.push(items, &value));
    }
}

/// What statistics count an event by.
pub fn counted(event: &Event<'_>, frame: u32, frames: &Frames, decoded: &mut Answer, items: &mut Items) {
    if let Some((step, named)) = event.timer()
        && let Some(timer) = named.and_then(|named| Timer::of_value(named.spec, named.value.as_int()?))
    {
        decoded.timer = items.word(timer.name());
        decoded.action = items.word(step.does.word());
    }
    if let Some(limit) = frames.follow.conclusion(frame).limit_before {
        decoded.limit = items.word(limit.name());
        decoded.elapsed = frames.delta(frame).map_or(0, |delta| delta.0.max(0) as u64);
    }
}
