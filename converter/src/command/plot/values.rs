// SPDX-License-Identifier: BSD-2-Clause
//! Values of events that become lines besides the state of the connection: a table.

use bblog_dissector::spec::{EventSpec, Unit};

use crate::picture::model::Panel;

/// A value of an event that is drawn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// The value's name in the tables of events.
    pub(super) value: &'static str,
    /// The panel.
    pub(super) panel: Panel,
    /// The line's name in the palette.
    pub(super) id: &'static str,
    /// The line's name in the legend.
    pub(super) label: &'static str,
}

const fn row(value: &'static str, panel: Panel, id: &'static str, label: &'static str) -> Row {
    Row { value, panel, id, label }
}

/// The table. Several values may be one line: stacks name the same thing in their own ways.
pub(super) static ROWS: [Row; 8] = [
    row("t_rxtcur", Panel::Rtt, "timeout-value", "RTO"),
    row("rack_min_rtt", Panel::Rtt, "minimum", "minimum RTT"),
    row("min_rtt", Panel::Rtt, "minimum", "minimum RTT"),
    row("rate_wanted", Panel::Rate, "paced", "pacing rate"),
    row("pacing_rate", Panel::Rate, "paced", "pacing rate"),
    row("gp_bw", Panel::Rate, "estimate", "the stack's estimate"),
    row("bw", Panel::Rate, "estimate", "the stack's estimate"),
    row("bw_est", Panel::Rate, "estimate", "the stack's estimate"),
];

/// The rows that events described by `spec` may have.
pub(super) fn rows_of(spec: &EventSpec) -> Vec<&'static Row> {
    let has = |row: &&Row| spec.fields.iter().any(|field| field.name == row.value);
    ROWS.iter().filter(has).collect()
}

/// A value in the unit of its panel; `None` where the unit does not fit it.
pub(super) fn scaled(panel: Panel, unit: Unit, value: i64) -> Option<f64> {
    let value = value as f64;
    match (panel, unit) {
        (Panel::Rtt, Unit::Us) => Some(value),
        (Panel::Rtt, Unit::Ms) => Some(value * 1000.0),
        (Panel::Rate, Unit::BytesPerSec) => Some(value * 8.0),
        _ => None,
    }
}
