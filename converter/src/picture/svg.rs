// SPDX-License-Identifier: BSD-2-Clause
//! The picture as a still: the panels of the page below each other, as SVG.

use std::borrow::Cow;
use std::io;

use plotters::coord::Shift;
use plotters::coord::ranged1d::{Ranged, ValueFormatter};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::model::{AxisUnit, BarRole, Bars, ConnectionPicture, Panel, Series, SeriesStyle, one_line};
use super::{palette, pyramid};

/// The size of a still, pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StillSize {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

/// What keeps a still from being drawn.
pub type DrawError = DrawingAreaErrorKind<io::Error>;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b, Y> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, Y>>;

/// The font of all texts, and its height in pixels.
const FONT: (&str, u32) = ("DejaVu Sans", 12);
/// Room for the labels of an axis: left of it and below it.
const LEFT: u32 = 120;
const BELOW: u32 = 24;
/// Height of a line of text, and of a row of states or events.
const HEADING: u32 = 20;
const ROW: u32 = 18;
/// Height between the axis of a panel and the next panel where no labels stand.
const GAP: u32 = 6;
/// Where a legend begins, and the average width of a letter.
const LEGEND: u32 = 190;
const LETTER: u32 = 7;
const BOLD_LETTER: u32 = 10;
/// The width of a still, and the height of a panel with an axis of values, unless a size is given.
const WIDTH: u32 = 1400;
const PANEL: u32 = 180;
/// From this ratio of the largest time to the smallest on, times stand on an axis of logarithms.
const LOG_FROM: f64 = 12.0;
/// The smallest height of a panel with an axis of values.
const SMALLEST: u32 = 80;
/// The smallest size that `connection` can be drawn in, at this width or the least.
pub fn smallest(connection: &ConnectionPicture, width: u32) -> StillSize {
    let width = width.max(2 * LEGEND);
    let layout = PanelLayout::of(connection, width);
    StillSize { width: 2 * LEGEND, height: layout.fixed() + layout.panels.len() as u32 * SMALLEST }
}

/// A size that suits `connection`.
pub fn natural(connection: &ConnectionPicture) -> StillSize {
    let layout = PanelLayout::of(connection, WIDTH);
    let panels: u32 = layout.panels.iter().map(|(panel, _)| PANEL * weight(*panel) / 2).sum();
    StillSize { width: WIDTH, height: layout.fixed() + panels }
}

/// How high a panel is beside others.
fn weight(panel: Panel) -> u32 {
    if matches!(panel, Panel::Sequence | Panel::Arrival) { 3 } else { 2 }
}

/// The positions of the parts of a picture.
struct PanelLayout<'a> {
    /// The lines of the heading.
    verdict: Vec<String>,
    /// Panels, each with its legend as lines of names in the palette and labels.
    panels: Vec<(Panel, Legend<'a>)>,
    /// The legend of what limited the connection.
    limits: Legend<'a>,
    bands: u32,
    kinds: u32,
}

/// Lines of names: each the left edge, the name in the palette, and the label.
type Legend<'a> = Vec<Vec<(u32, &'a str, Cow<'a, str>)>>;

impl<'a> PanelLayout<'a> {
    fn of(connection: &'a ConnectionPicture, width: u32) -> PanelLayout<'a> {
        let verdict = lines_of_text(&one_line(&connection.verdict), (width / BOLD_LETTER).max(20) as usize);
        let panels = panels(connection).into_iter().map(|panel| {
            let bars = bars_of(connection, panel).map(|bars| (bars.kind, Cow::from(bars.label)));
            let lines = lines_of(connection, panel).map(|line| (line.id, Cow::from(line.label)));
            (panel, legend(bars.chain(lines), width))
        });
        let all: u64 = connection.shares.iter().map(|share| share.1).sum();
        let limits = connection.shares.iter().map(|(state, time)| {
            let percent = 100.0 * *time as f64 / all.max(1) as f64;
            (*state, Cow::from(format!("{} {percent:.1} %", state.replace('_', " "))))
        });
        PanelLayout {
            verdict,
            panels: panels.collect(),
            limits: legend(limits, width),
            bands: connection.bands.len() as u32,
            kinds: connection.ticks.kinds().len() as u32,
        }
    }

    /// Height of the connection's heading.
    fn top(&self) -> u32 {
        8 + HEADING * self.verdict.len() as u32 + 34
    }

    /// Height of the rows of states.
    fn states(&self) -> u32 {
        HEADING * self.limits.len().max(1) as u32 + self.bands * ROW + GAP
    }

    /// Height of the rows of events.
    fn events(&self) -> u32 {
        if self.kinds == 0 { 0 } else { HEADING + self.kinds * ROW + BELOW }
    }

    /// The height of all but the panels with values.
    fn fixed(&self) -> u32 {
        let legends: u32 = self.panels.iter().map(|(_, legend)| HEADING * legend.len().max(1) as u32).sum();
        self.top() + legends + BELOW + GAP * self.panels.len() as u32 + self.states() + self.events()
    }
}

/// Puts names beside each other, as many as the width takes.
fn legend<'a>(names: impl Iterator<Item = (&'a str, Cow<'a, str>)>, width: u32) -> Legend<'a> {
    let mut lines: Legend<'a> = Vec::new();
    let mut left = LEGEND;
    for (id, label) in names {
        let wide = 28 + label.chars().count() as u32 * LETTER;
        if lines.is_empty() || left + wide > width {
            lines.push(Vec::new());
            left = LEGEND;
        }
        if let Some(line) = lines.last_mut() {
            line.push((left, id, label));
        }
        left += wide;
    }
    lines
}

/// Breaks a text into lines of so many letters or fewer, between words.
fn lines_of_text(text: &str, letters: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < letters => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// The still of one connection.
///
/// # Errors
/// [`DrawError`] of the library.
pub fn draw(connection: &ConnectionPicture, size: StillSize) -> Result<String, DrawError> {
    let mut svg = String::new();
    let layout = PanelLayout::of(connection, size.width);
    let root = SVGBackend::with_string(&mut svg, (size.width, size.height)).into_drawing_area();
    root.fill(&ink("paper"))?;
    let (top, mut below) = root.split_vertically(layout.top());
    heading(connection, &layout, &top)?;
    let room = size.height.saturating_sub(layout.fixed());
    let weights: u32 = layout.panels.iter().map(|(panel, _)| weight(*panel)).sum();
    for (at, (panel, legend)) in layout.panels.iter().enumerate() {
        let labels = if at + 1 == layout.panels.len() { BELOW } else { 0 };
        let heading = HEADING * legend.len().max(1) as u32;
        let height = heading + room * weight(*panel) / weights.max(1) + labels + GAP;
        let (area, rest) = below.split_vertically(height);
        let (top, area) = area.split_vertically(heading);
        draw_legend(panel.title(), legend, &top)?;
        draw_panel(connection, *panel, labels, &area)?;
        below = rest;
    }
    let (states, events) = below.split_vertically(layout.states());
    draw_states(connection, &layout, &states)?;
    if layout.kinds > 0 {
        draw_events(connection, layout.kinds, &events)?;
    }
    root.present()?;
    drop((top, below, states, events, root));
    Ok(svg)
}

fn ink(name: &str) -> RGBColor {
    let (red, green, blue) = palette::colour(name);
    RGBColor(red, green, blue)
}

fn text(colour: &str) -> TextStyle<'static> {
    FONT.into_font().color(&ink(colour))
}

fn lines_of(connection: &ConnectionPicture, panel: Panel) -> impl Iterator<Item = &Series> {
    connection.lines.iter().filter(move |line| line.panel == panel && !line.points.is_empty())
}

fn bars_of(connection: &ConnectionPicture, panel: Panel) -> impl Iterator<Item = &Bars> {
    connection.bars.iter().filter(move |bars| bars.panel == panel && !bars.ranges.is_empty())
}

/// The panels that have something in them, but for a minor one.
fn panels(connection: &ConnectionPicture) -> Vec<Panel> {
    let has = |panel: &Panel| {
        lines_of(connection, *panel).next().is_some() || bars_of(connection, *panel).next().is_some()
    };
    Panel::ALL.into_iter().filter(has).filter(|panel| connection.minor != Some(*panel)).collect()
}

fn heading(
    connection: &ConnectionPicture,
    layout: &PanelLayout<'_>,
    area: &Area<'_>,
) -> Result<(), DrawError> {
    let bold = (FONT.0, 15).into_font().style(FontStyle::Bold).color(&ink("ink"));
    let mut top = 8;
    for line in &layout.verdict {
        area.draw_text(line, &bold, (8, top))?;
        top += HEADING as i32;
    }
    area.draw_text(&one_line(&connection.title), &text("ink"), (8, top))?;
    area.draw_text(&one_line(&connection.details), &text("dim"), (8, top + 15))
}

/// A panel's title and the names of what is in it, each with its colour.
fn draw_legend(title: &str, legend: &Legend<'_>, area: &Area<'_>) -> Result<(), DrawError> {
    area.draw_text(title, &text("ink"), (8, 4))?;
    for (line, top) in legend.iter().zip((0..).step_by(HEADING as usize)) {
        for (left, id, label) in line {
            let left = *left as i32;
            area.draw(&Rectangle::new([(left, top + 5), (left + 9, top + 14)], ink(id).filled()))?;
            area.draw_text(label, &text("dim"), (left + 13, top + 4))?;
        }
    }
    Ok(())
}

/// The range of a panel's values, with some room.
fn range(connection: &ConnectionPicture, panel: Panel) -> (f64, f64) {
    let of_lines = lines_of(connection, panel).flat_map(|line| line.points.iter().map(|point| point.1));
    let ranges = bars_of(connection, panel).flat_map(|bars| &bars.ranges);
    let values = of_lines.chain(ranges.flat_map(|range| [range.low as f64, range.high as f64]));
    let (low, high) = values
        .filter(|value| !value.is_nan())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return (0.0, 1.0);
    }
    let room = ((high - low) * 0.05).max(f64::EPSILON).max(if low == high { 1.0 } else { 0.0 });
    ((low - room).max(0.0), high + room)
}

fn label_of(unit: AxisUnit, value: f64) -> String {
    match unit {
        _ if value == 0.0 => "0".to_owned(),
        AxisUnit::Bytes => grouped(value.max(0.0) as u64),
        AxisUnit::Microseconds => format!("{} ms", value / 1000.0),
        AxisUnit::BitsPerSecond if value >= 1e9 => format!("{} Gbit/s", value / 1e9),
        AxisUnit::BitsPerSecond if value >= 1e6 => format!("{} Mbit/s", value / 1e6),
        AxisUnit::BitsPerSecond => format!("{} kbit/s", value / 1e3),
    }
}

/// A number with a comma after each thousand.
fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let commas = |at: usize| at > 0 && (digits.len() - at).is_multiple_of(3);
    let parts = digits
        .chars()
        .enumerate()
        .flat_map(|(at, digit)| commas(at).then_some(',').into_iter().chain([digit]));
    parts.collect()
}

/// A time on the axis, which lasts `until`.
fn time_label(until: u64, time: f64) -> String {
    if until < 2_000_000 { format!("{} ms", time / 1e3) } else { format!("{} s", time / 1e6) }
}

fn draw_panel(
    connection: &ConnectionPicture,
    panel: Panel,
    labels: u32,
    area: &Area<'_>,
) -> Result<(), DrawError> {
    let (low, high) = range(connection, panel);
    let times = 0.0..connection.duration_us.max(1) as f64;
    let mut chart = ChartBuilder::on(area);
    chart.margin_right(14).margin_bottom(GAP).x_label_area_size(labels).y_label_area_size(LEFT);
    let of_times = panel.unit() == AxisUnit::Microseconds;
    let least = lines_of(connection, panel).flat_map(|line| &line.points).map(|point| point.1);
    let least = least.filter(|value| *value > 0.0).fold(f64::INFINITY, f64::min);
    if of_times && high > LOG_FROM * least {
        // A timeout and a round-trip time are seen together on an axis of logarithms only.
        let chart = chart.build_cartesian_2d(times, (least * 0.9..high * 1.1).log_scale())?;
        return fill_panel(connection, panel, area, chart);
    }
    fill_panel(connection, panel, area, chart.build_cartesian_2d(times, low..high)?)
}

fn fill_panel<Y>(
    connection: &ConnectionPicture,
    panel: Panel,
    area: &Area<'_>,
    mut chart: Chart<'_, '_, Y>,
) -> Result<(), DrawError>
where
    Y: Ranged<ValueType = f64> + ValueFormatter<f64>,
{
    let until = connection.duration_us.max(1);
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(ink("grid"))
        .axis_style(ink("edge"))
        .label_style(text("dim"))
        .x_labels(10)
        .y_labels(6)
        .x_label_formatter(&|time| time_label(until, *time))
        .y_label_formatter(&|value| label_of(panel.unit(), *value))
        .draw()?;
    let width = area.dim_in_pixel().0.saturating_sub(LEFT).max(1) as usize;
    for bars in bars_of(connection, panel) {
        draw_bars(&mut chart, bars, connection.duration_us, width)?;
    }
    // The first of the legend is on top.
    let lines: Vec<&Series> = lines_of(connection, panel).collect();
    for line in lines.into_iter().rev() {
        draw_line(&mut chart, line, connection.duration_us, width)?;
    }
    Ok(())
}

fn draw_line<Y: Ranged<ValueType = f64>>(
    chart: &mut Chart<'_, '_, Y>,
    line: &Series,
    until: u64,
    width: usize,
) -> Result<(), DrawError> {
    let colour = ink(line.id);
    // Twice as many points as pixels look like all of them.
    let points = pyramid::levels(line.points.clone(), (width * 4).max(8192)).swap_remove(0);
    if line.style == SeriesStyle::Dots {
        let dots = points.iter().map(|(time, value)| Circle::new((*time as f64, *value), 1, colour.filled()));
        chart.draw_series(dots)?;
        return Ok(());
    }
    for piece in points.split(|point| point.1.is_nan()).filter(|piece| !piece.is_empty()) {
        let mut path = Vec::with_capacity(piece.len() * 2);
        for (time, value) in piece {
            if let Some((_, before)) = path.last().copied() {
                path.push((*time as f64, before));
            }
            path.push((*time as f64, *value));
        }
        // The value holds until the end, or until the record that has none.
        if let (Some((_, value)), true) = (path.last().copied(), piece.last() == points.last()) {
            path.push((until as f64, value));
        }
        chart.draw_series(std::iter::once(PathElement::new(path, colour)))?;
    }
    Ok(())
}

fn draw_bars<Y: Ranged<ValueType = f64>>(
    chart: &mut Chart<'_, '_, Y>,
    bars: &Bars,
    until: u64,
    width: usize,
) -> Result<(), DrawError> {
    let colour = ink(bars.kind);
    let column = |time: u64| time as u128 * width as u128 / u128::from(until.max(1));
    let is_plain = bars.role == BarRole::Plain;
    let mut merged: Vec<(u64, u64, u64)> = Vec::new();
    for range in &bars.ranges {
        match merged.last_mut() {
            Some(last)
                if is_plain
                    && column(last.0) == column(range.time)
                    && range.low <= last.2
                    && range.high >= last.1 =>
            {
                (last.1, last.2) = (last.1.min(range.low), last.2.max(range.high));
            }
            _ => merged.push((range.time, range.low, range.high)),
        }
    }
    let stroke = if is_plain { 1 } else { 2 };
    let path = |(time, low, high): &(u64, u64, u64)| {
        let (time, low, high) = (*time as f64, *low as f64, *high as f64);
        PathElement::new([(time, low), (time, high)], colour.stroke_width(stroke))
    };
    chart.draw_series(merged.iter().map(path))?;
    if !is_plain {
        // A mark stays visible where its range is lower than a pixel.
        let dot = |(time, low, high): &(u64, u64, u64)| {
            Circle::new((*time as f64, (*low as f64 + *high as f64) / 2.0), 2, colour.filled())
        };
        chart.draw_series(merged.iter().map(dot))?;
    }
    Ok(())
}

/// A chart of rows on the axis of time, with their names before them.
fn rows_chart<'a, 'b>(
    connection: &ConnectionPicture,
    names: &[&str],
    labels: u32,
    area: &'a Area<'b>,
) -> Result<Chart<'a, 'b, RangedCoordf64>, DrawError> {
    let until = connection.duration_us.max(1);
    let mut chart = ChartBuilder::on(area)
        .margin_right(14)
        .x_label_area_size(labels)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(0.0..until as f64, 0.0..names.len().max(1) as f64)?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(TRANSPARENT)
        .bold_line_style(ink("grid"))
        .axis_style(ink("edge"))
        .label_style(text("dim"))
        .x_labels(10)
        .x_label_formatter(&|time| time_label(until, *time))
        .draw()?;
    for (name, top) in names.iter().zip((3..).step_by(ROW as usize)) {
        area.draw_text(name, &text("dim"), (8, top))?;
    }
    Ok(chart)
}

fn draw_states(
    connection: &ConnectionPicture,
    layout: &PanelLayout<'_>,
    area: &Area<'_>,
) -> Result<(), DrawError> {
    let (top, area) = area.split_vertically(HEADING * layout.limits.len().max(1) as u32);
    draw_legend("States", &layout.limits, &top)?;
    let names: Vec<&str> = connection.bands.iter().map(|row| row.label).collect();
    let (area, _) = area.split_vertically(layout.bands * ROW);
    let mut chart = rows_chart(connection, &names, 0, &area)?;
    let width = area.dim_in_pixel().0.saturating_sub(LEFT + 14);
    for (at, row) in connection.bands.iter().enumerate() {
        let bottom = (names.len() - at) as f64 - 0.9;
        let boxes = row.spans.iter().map(|(start, end, name)| {
            let colour = ink(palette::of_state(row.row, name));
            Rectangle::new([(*start as f64, bottom), (*end as f64, bottom + 0.8)], colour.filled())
        });
        chart.draw_series(boxes)?;
        let pixel = |time: u64| {
            (u128::from(time) * u128::from(width) / u128::from(connection.duration_us.max(1))) as i32
        };
        for (start, end, name) in &row.spans {
            // What limited the connection has a legend; a name stands in a box that has room for it.
            if row.row != "limit" && pixel(*end) - pixel(*start) > 12 + LETTER as i32 * name.len() as i32 {
                let place = (LEFT as i32 + pixel(*start) + 4, at as i32 * ROW as i32 + 3);
                area.draw_text(name, &text("on-state"), place)?;
            }
        }
    }
    Ok(())
}

fn draw_events(connection: &ConnectionPicture, kinds: u32, area: &Area<'_>) -> Result<(), DrawError> {
    let (top, area) = area.split_vertically(HEADING);
    draw_legend("Events", &Vec::new(), &top)?;
    let names = connection.ticks.kinds();
    let (area, _) = area.split_vertically(kinds * ROW + BELOW);
    let mut chart = rows_chart(connection, &names, BELOW, &area)?;
    let ticks = &connection.ticks;
    let width = chart.plotting_area().dim_in_pixel().0.max(1);
    let column = |time: u64| time as u128 * u128::from(width) / u128::from(connection.duration_us.max(1));
    for (at, kind) in names.iter().enumerate() {
        let bottom = (names.len() - at) as f64 - 0.9;
        let of_kind = |code: u16| ticks.codes.get(usize::from(code)).is_some_and(|(_, its)| its == kind);
        let events = ticks.times.iter().zip(&ticks.codes_of);
        let mut times: Vec<u64> = events.filter(|(_, code)| of_kind(**code)).map(|(time, _)| *time).collect();
        // Events of one kind in one column of pixels are one mark.
        times.dedup_by_key(|time| column(*time));
        let colour = ink(kind);
        let marks = times
            .into_iter()
            .map(|time| PathElement::new([(time as f64, bottom), (time as f64, bottom + 0.8)], colour));
        chart.draw_series(marks)?;
    }
    Ok(())
}
