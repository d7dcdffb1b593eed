// SPDX-License-Identifier: BSD-2-Clause
//! The picture as a still: the panels of the page below each other, as SVG.

use std::io;

use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;

use super::model::{Bars, ConnectionPicture, Line, Panel, Style, Unit, one_line};
use super::{palette, pyramid};

/// The size of a still, pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// From left to right.
    pub width: u32,
    /// From top to bottom.
    pub height: u32,
}

/// What keeps a still from being drawn.
pub type DrawError = DrawingAreaErrorKind<io::Error>;

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// The font of all texts, and its height in pixels.
const FONT: (&str, u32) = ("DejaVu Sans", 12);
/// Room for the labels of an axis: left of it and below it.
const LEFT: u32 = 96;
const BELOW: u32 = 24;
/// Height of the connection's heading, of a panel's heading, and of a row of states or events.
const TOP: u32 = 58;
const HEADING: u32 = 20;
const ROW: u32 = 18;
/// The smallest height of a panel with an axis of values.
const SMALLEST: u32 = 80;
/// Kinds of ranges that are merged where several fall on one pixel. All others are drawn one by one.
const PLAIN: [&str; 2] = ["sent", "received"];

/// The smallest size that `connection` can be drawn in.
pub fn smallest(connection: &ConnectionPicture) -> Size {
    let panels = panels(connection).len() as u32;
    Size { width: 3 * LEFT, height: TOP + panels * SMALLEST + rows_height(connection) }
}

/// The still of one connection.
///
/// # Errors
/// [`DrawError`] of the library.
pub fn draw(connection: &ConnectionPicture, size: Size) -> Result<String, DrawError> {
    let mut svg = String::new();
    let root = SVGBackend::with_string(&mut svg, (size.width, size.height)).into_drawing_area();
    root.fill(&ink("paper"))?;
    let (top, mut below) = root.split_vertically(TOP);
    heading(connection, &top)?;
    let panels = panels(connection);
    // The first panel has the segments: it is half as high again as the others.
    let room = size.height.saturating_sub(TOP + rows_height(connection));
    let share = room * 2 / (panels.len() as u32 * 2 + 1);
    for (at, panel) in panels.into_iter().enumerate() {
        let (area, rest) = below.split_vertically(if at == 0 { share * 3 / 2 } else { share });
        draw_panel(connection, panel, &area)?;
        below = rest;
    }
    if rows_height(connection) > 0 {
        draw_rows(connection, &below)?;
    }
    root.present()?;
    drop((top, below, root));
    Ok(svg)
}

fn ink(name: &str) -> RGBColor {
    let (red, green, blue) = palette::colour(name);
    RGBColor(red, green, blue)
}

fn text(colour: &str) -> TextStyle<'static> {
    FONT.into_font().color(&ink(colour))
}

fn lines_of(connection: &ConnectionPicture, panel: Panel) -> impl Iterator<Item = &Line> {
    connection.lines.iter().filter(move |line| line.panel == panel && !line.points.is_empty())
}

fn bars_of(connection: &ConnectionPicture, panel: Panel) -> impl Iterator<Item = &Bars> {
    connection.bars.iter().filter(move |bars| panel == Panel::Sequence && !bars.ranges.is_empty())
}

/// The panels that have something in them.
fn panels(connection: &ConnectionPicture) -> Vec<Panel> {
    let has = |panel: &Panel| {
        lines_of(connection, *panel).next().is_some() || bars_of(connection, *panel).next().is_some()
    };
    Panel::ALL.into_iter().filter(has).collect()
}

fn rows(connection: &ConnectionPicture) -> u32 {
    (connection.bands.len() + connection.ticks.kinds().len()) as u32
}

fn rows_height(connection: &ConnectionPicture) -> u32 {
    match rows(connection) {
        0 => 0,
        rows => HEADING + rows * ROW + BELOW,
    }
}

fn heading(connection: &ConnectionPicture, area: &Area<'_>) -> Result<(), DrawError> {
    let bold = (FONT.0, 15).into_font().style(FontStyle::Bold).color(&ink("ink"));
    area.draw_text(&one_line(&connection.verdict), &bold, (8, 8))?;
    area.draw_text(&one_line(&connection.title), &text("ink"), (8, 28))?;
    area.draw_text(&one_line(&connection.details), &text("dim"), (8, 43))
}

/// The name of each line and range with its colour, in one line above the panel.
fn legend(connection: &ConnectionPicture, panel: Panel, area: &Area<'_>) -> Result<(), DrawError> {
    area.draw_text(panel.title(), &text("ink"), (8, 4))?;
    let mut left = 150;
    let named = bars_of(connection, panel).map(|bars| (bars.kind, bars.label));
    for (id, label) in named.chain(lines_of(connection, panel).map(|line| (line.id, line.label))) {
        area.draw(&Rectangle::new([(left, 5), (left + 9, 14)], ink(id).filled()))?;
        area.draw_text(label, &text("dim"), (left + 13, 4))?;
        left += 28 + label.chars().count() as i32 * 7;
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

fn label_of(unit: Unit, value: f64) -> String {
    match unit {
        Unit::Bytes => format!("{value:.0}"),
        Unit::Microseconds => format!("{} ms", value / 1000.0),
        Unit::BitsPerSecond if value >= 1e9 => format!("{} Gbit/s", value / 1e9),
        Unit::BitsPerSecond if value >= 1e6 => format!("{} Mbit/s", value / 1e6),
        Unit::BitsPerSecond => format!("{} kbit/s", value / 1e3),
    }
}

fn draw_panel(connection: &ConnectionPicture, panel: Panel, area: &Area<'_>) -> Result<(), DrawError> {
    let (top, area) = area.split_vertically(HEADING);
    legend(connection, panel, &top)?;
    let (low, high) = range(connection, panel);
    let mut chart = ChartBuilder::on(&area)
        .margin_right(14)
        .x_label_area_size(BELOW)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(0.0..connection.duration_us.max(1) as f64, low..high)?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(ink("grid"))
        .axis_style(ink("edge"))
        .label_style(text("dim"))
        .x_labels(8)
        .y_labels(6)
        .x_label_formatter(&|time| format!("{} s", time / 1e6))
        .y_label_formatter(&|value| label_of(panel.unit(), *value))
        .draw()?;
    let width = area.dim_in_pixel().0.saturating_sub(LEFT).max(1) as usize;
    for bars in bars_of(connection, panel) {
        draw_bars(&mut chart, bars, connection.duration_us, width)?;
    }
    for line in lines_of(connection, panel) {
        draw_line(&mut chart, line, connection.duration_us, width)?;
    }
    Ok(())
}

fn draw_line(chart: &mut Chart<'_, '_>, line: &Line, until: u64, width: usize) -> Result<(), DrawError> {
    let colour = ink(line.id);
    // Twice as many points as pixels look like all of them.
    let points = pyramid::levels(line.points.clone(), (width * 4).max(8192)).swap_remove(0);
    if line.style == Style::Dots {
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

fn draw_bars(chart: &mut Chart<'_, '_>, bars: &Bars, until: u64, width: usize) -> Result<(), DrawError> {
    let colour = ink(bars.kind);
    let column = |time: u64| time as u128 * width as u128 / u128::from(until.max(1));
    let mut merged: Vec<(u64, u64, u64)> = Vec::new();
    for range in &bars.ranges {
        match merged.last_mut() {
            Some(last)
                if PLAIN.contains(&bars.kind)
                    && column(last.0) == column(range.time)
                    && range.low <= last.2
                    && range.high >= last.1 =>
            {
                (last.1, last.2) = (last.1.min(range.low), last.2.max(range.high));
            }
            _ => merged.push((range.time, range.low, range.high)),
        }
    }
    let stroke = if PLAIN.contains(&bars.kind) { 1 } else { 2 };
    let path = |(time, low, high): (u64, u64, u64)| {
        PathElement::new([(time as f64, low as f64), (time as f64, high as f64)], colour.stroke_width(stroke))
    };
    chart.draw_series(merged.into_iter().map(path))?;
    Ok(())
}

/// States and events: a row each, on the same axis of time.
fn draw_rows(connection: &ConnectionPicture, area: &Area<'_>) -> Result<(), DrawError> {
    let (top, area) = area.split_vertically(HEADING);
    top.draw_text("States and events", &text("ink"), (8, 4))?;
    let rows = rows(connection);
    let mut chart = ChartBuilder::on(&area)
        .margin_right(14)
        .x_label_area_size(BELOW)
        .y_label_area_size(LEFT)
        .build_cartesian_2d(0.0..connection.duration_us.max(1) as f64, 0.0..f64::from(rows))?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .disable_y_axis()
        .light_line_style(TRANSPARENT)
        .bold_line_style(ink("grid"))
        .axis_style(ink("edge"))
        .label_style(text("dim"))
        .x_labels(8)
        .x_label_formatter(&|time| format!("{} s", time / 1e6))
        .draw()?;
    let bands = connection.bands.iter().map(|row| row.label);
    for (at, label) in bands.chain(connection.ticks.kinds()).enumerate() {
        area.draw_text(label, &text("dim"), (8, (at as u32 * ROW) as i32 + 3))?;
    }
    for (at, row) in connection.bands.iter().enumerate() {
        let bottom = f64::from(rows) - at as f64 - 0.9;
        let boxes = row.spans.iter().enumerate().map(|(number, (start, end, name))| {
            let colour = if row.row == "limit" { ink(name) } else { ink(&format!("band-{}", number % 6)) };
            Rectangle::new([(*start as f64, bottom), (*end as f64, bottom + 0.8)], colour.filled())
        });
        chart.draw_series(boxes)?;
    }
    draw_ticks(connection, &mut chart, rows)
}

fn draw_ticks(connection: &ConnectionPicture, chart: &mut Chart<'_, '_>, rows: u32) -> Result<(), DrawError> {
    let ticks = &connection.ticks;
    let width = chart.plotting_area().dim_in_pixel().0.max(1);
    let column = |time: u64| time as u128 * u128::from(width) / u128::from(connection.duration_us.max(1));
    for (at, kind) in connection.ticks.kinds().into_iter().enumerate() {
        let bottom = f64::from(rows) - (connection.bands.len() + at) as f64 - 0.9;
        let of_kind = |code: u16| ticks.codes.get(usize::from(code)).is_some_and(|(_, its)| *its == kind);
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
