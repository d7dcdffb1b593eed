// SPDX-License-Identifier: BSD-2-Clause
//! Values of events that become lines and states besides the facts of the connection: tables.

use bblog_analysis::micros;
use bblog_dissector::event::{Event, Field, RowGroup};
use bblog_dissector::spec::{EventSpec, Unit};

use crate::picture::model::Panel;

/// A value of an event that is drawn as a line.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeriesRow {
    /// The event's name, or [`EVERY_RECORD`] or [`EVERY_EVENT`].
    event: &'static str,
    /// The value's name in the tables of events.
    value: &'static str,
    /// It counts only where the value of this name is this number.
    only: Option<(&'static str, i64)>,
    /// It is multiplied by the value of this name.
    times: Option<&'static str>,
    /// The panel.
    pub(super) panel: Panel,
    /// The line's name in the palette.
    pub(super) id: &'static str,
    /// The line's name in the legend.
    pub(super) label: &'static str,
}

/// Every BBLog record that has the value.
const EVERY_RECORD: &str = "bblog:*";
/// Every eventlog event that has the value.
const EVERY_EVENT: &str = "eventlog:*";

const fn row(
    event: &'static str,
    value: &'static str,
    panel: Panel,
    line: (&'static str, &'static str),
) -> SeriesRow {
    SeriesRow { event, value, only: None, times: None, panel, id: line.0, label: line.1 }
}

const RTO: (&str, &str) = ("timeout-value", "RTO");
const RTO_TIMER: (&str, &str) = ("timer-value", "RTO timer, as armed");
const MINIMUM: (&str, &str) = ("minimum", "minimum RTT");
const PACED: (&str, &str) = ("paced", "pacing rate");
const ESTIMATE: (&str, &str) = ("estimate", "the stack's estimate");

/// The lines. Several values may be one line: stacks name the same thing in their own ways.
static LINES: [SeriesRow; 22] = [
    row(EVERY_RECORD, "t_rxtcur", Panel::Rtt, RTO),
    // The retransmission timer's number in tt_which, and in eventlog's timer_reason.
    SeriesRow { only: Some(("timer", 0)), ..row("RTO", "duration", Panel::Rtt, RTO_TIMER) },
    SeriesRow { only: Some(("reason", 4)), ..row("TIMER_START", "timeout_us", Panel::Rtt, RTO_TIMER) },
    SeriesRow { only: Some(("reason", 4)), ..row("TIMER_START", "timeout", Panel::Rtt, RTO_TIMER) },
    row(EVERY_RECORD, "rack_min_rtt", Panel::Rtt, MINIMUM),
    row(EVERY_RECORD, "min_rtt", Panel::Rtt, MINIMUM),
    // RTT and RTO have it in ticks where the default stack logs them.
    row("GOODPUT", "lowest_rtt", Panel::Rtt, MINIMUM),
    row("HPTSI_CALC", "rate_wanted", Panel::Rate, PACED),
    // RACK's rate that fills the congestion window.
    SeriesRow { only: Some(("method", 14)), ..row("HPTSI_CALC", "bw", Panel::Rate, PACED) },
    row("HW_PACE_RATE", "hw_rate", Panel::Rate, PACED),
    SeriesRow { times: Some("pacing_gain"), ..row(EVERY_RECORD, "bw_inuse", Panel::Rate, PACED) },
    row("OUT", "pacing_rate", Panel::Rate, ("in-use", "bandwidth in use")),
    row("OUT", "gp_bw", Panel::Rate, ESTIMATE),
    row("HPTSI_CALC", "cur_bw", Panel::Rate, ESTIMATE),
    row("THRESH_CALC", "gp_bw", Panel::Rate, ESTIMATE),
    row(EVERY_RECORD, "btl_bw", Panel::Rate, ESTIMATE),
    row("GOODPUT", "gp_bw", Panel::Rate, ESTIMATE),
    row("PACING_CALC", "bw_est", Panel::Rate, ESTIMATE),
    row(EVERY_RECORD, "considered_lost", Panel::Window, ("judged-lost", "judged lost")),
    row(EVERY_RECORD, "inflight", Panel::Window, IN_FLIGHT),
    row(EVERY_RECORD, "flight", Panel::Window, IN_FLIGHT),
    row(EVERY_EVENT, "inflight", Panel::Window, IN_FLIGHT),
];

const IN_FLIGHT: (&str, &str) = ("in-flight", "in flight, as the stack counts");

/// A range of sequence numbers that an event says the stack takes for lost.
#[derive(Clone, Copy, Debug)]
struct Lost {
    event: &'static str,
    start: &'static str,
    end: &'static str,
    /// It is so only if the event has this value.
    with: &'static str,
}

static LOST: [Lost; 2] = [
    Lost { event: "SETTINGS_CHG", start: "rsm_start", end: "rsm_end", with: "time_since_sent" },
    Lost { event: "RETRANSMIT_REASON", start: "rsm_start", end: "rsm_end", with: "rsm_end" },
];

/// What of an event's values is drawn, worked out once for each kind of event.
#[derive(Debug, Default)]
pub(super) struct Drawn {
    /// Lines, each with the index of its value among the event's rows.
    lines: Vec<(usize, &'static SeriesRow)>,
    /// The indices of BBR's state and of its step.
    bbr: Option<(usize, usize)>,
    lost: Option<&'static Lost>,
}

/// The state of BBR in which its steps count: PROBE_BW of `bbr_state`.
const PROBE_BW: i64 = 3;

impl Drawn {
    /// What is drawn of events that `spec` describes, which are records of BBLog or events of eventlog.
    pub(super) fn of(spec: &'static EventSpec, is_record: bool) -> Drawn {
        let every = if is_record { EVERY_RECORD } else { EVERY_EVENT };
        let places = |name: &'static str| {
            spec.fields.iter().enumerate().filter(move |(_, field)| field.name == name).map(|(at, _)| at)
        };
        let rows = LINES.iter().filter(|row| [spec.name, every].contains(&row.event));
        let lines = rows.flat_map(|row| places(row.value).map(move |at| (at, row))).collect();
        let bbr = places("state").zip(places("substate")).next();
        let lost = LOST.iter().find(|lost| lost.event == spec.name);
        Drawn { lines, bbr, lost }
    }

    /// The lines that `event` says something of: a value, or `None` where the value is one that is not set.
    pub(super) fn lines<'a>(
        &'a self,
        event: &'a Event<'_>,
    ) -> impl Iterator<Item = (&'static SeriesRow, Option<f64>)> {
        self.lines.iter().filter_map(|(at, row)| {
            let field = event.value_at(RowGroup::Own, *at)?;
            if let Some((name, number)) = row.only
                && event.get(name)?.value.as_int()? != number
            {
                return None;
            }
            if field.is_unset() {
                return Some((*row, None));
            }
            Some((*row, Some(row.scaled(event, &field)?)))
        })
    }

    /// The state of BBR and, in PROBE_BW, its step.
    pub(super) fn bbr(&self, event: &Event<'_>) -> Option<(&'static str, Option<&'static str>)> {
        let (state, step) = self.bbr?;
        let state = event.value_at(RowGroup::Own, state)?;
        let step = event.value_at(RowGroup::Own, step).filter(|_| state.value.as_int() == Some(PROBE_BW));
        Some((state.value_name()?, step.and_then(|step| step.value_name())))
    }

    /// The range that `event` says is taken for lost: its first sequence number, and the one after it.
    pub(super) fn lost(&self, event: &Event<'_>) -> Option<(u32, u32)> {
        let lost = self.lost?;
        let value = |name| event.get(name)?.value.as_int();
        value(lost.with)?;
        Some((value(lost.start)? as u32, value(lost.end)? as u32))
    }
}

impl SeriesRow {
    /// A value in the unit of the panel; `None` if it has another unit. In the panels of times and rates 0 stands for
    /// what is not known yet.
    fn scaled(&self, event: &Event<'_>, field: &Field<'_>) -> Option<f64> {
        let value = field.value.as_int()?;
        let scaled = match (self.panel, field.spec.unit) {
            (Panel::Rtt, unit) => f64::from(micros(value, unit, field.hz)?),
            (Panel::Rate, Unit::BytesPerSec) => value as u64 as f64 * 8.0,
            (Panel::Window, Unit::Bytes) => return Some(value as u32 as f64),
            _ => return None,
        };
        let factor = match self.times {
            Some(name) => {
                event.get(name).filter(|gain| gain.spec.unit == Unit::X256)?.value.as_int()? as f64 / 256.0
            }
            None => 1.0,
        };
        Some(scaled * factor).filter(|value| *value > 0.0)
    }
}
