// SPDX-License-Identifier: BSD-2-Clause
//! The picture as one page of HTML that loads nothing: its data, its scripts and uPlot are in it.
//!
//! `page/README.md` describes the data. Texts of a log stand only in the JSON object, where `<` and `>` are escaped, and
//! the scripts give them to the page as text: a log cannot bring in markup.

use std::collections::BTreeMap;
use std::io::{self, Write};

use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderWriter;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::model::{AxisUnit, BandRow, BarRole, Bars, ConnectionPicture, Panel, Series, SeriesStyle, Ticks};
use super::{palette, pyramid};

const FRAME: &str = include_str!("page/page.html");
const LIBRARY: &str = include_str!("page/vendor/uPlot.iife.min.js");
const LIBRARY_STYLES: &str = include_str!("page/vendor/uPlot.min.css");
const SCRIPTS: [&str; 5] = [
    include_str!("page/data.js"),
    include_str!("page/draw.js"),
    include_str!("page/panels.js"),
    include_str!("page/hover.js"),
    include_str!("page/controls.js"),
];
/// The level of compression: numbers as differences get hardly smaller with more.
const COMPRESSION: u32 = 6;

/// Writes the page of `connections`.
///
/// # Errors
/// What `out` gives.
pub fn write(connections: &[ConnectionPicture], out: &mut dyn Write) -> io::Result<()> {
    let described: Vec<(Value, Blob, PageSentences)> =
        connections.iter().enumerate().map(|(number, connection)| describe(connection, number)).collect();
    let connections: Value = described.iter().map(|(description, ..)| description).cloned().collect();
    let program = concat!("bblog ", env!("CARGO_PKG_VERSION"));
    let data = json!({ "version": 1, "program": program, "connections": connections });
    let mut rest = FRAME;
    let mut until = |mark: &str, out: &mut dyn Write| -> io::Result<()> {
        let (before, after) = rest.split_once(mark).unwrap_or((rest, ""));
        rest = after;
        out.write_all(before.as_bytes())
    };
    until("/*{{styles}}*/", out)?;
    write!(out, "{LIBRARY_STYLES}\n{}", palette::STYLES)?;
    until("{{data}}", out)?;
    out.write_all(data.to_string().replace('<', "\\u003c").replace('>', "\\u003e").as_bytes())?;
    until("{{blobs}}", out)?;
    for (number, (_, blob, texts)) in described.iter().enumerate() {
        element(&format!("blob-{number}"), &blob.0, out)?;
        element(&format!("texts-{number}"), texts.0.as_bytes(), out)?;
    }
    until("{{scripts}}", out)?;
    writeln!(out, "{LIBRARY}\n(async () => {{\n\"use strict\";\n{}}})();", SCRIPTS.join("\n"))?;
    out.write_all(rest.as_bytes())
}

/// Writes bytes that the scripts read, compressed.
fn element(id: &str, bytes: &[u8], out: &mut dyn Write) -> io::Result<()> {
    write!(out, "<script type=\"application/octet-stream\" id=\"{id}\">")?;
    let base64 = EncoderWriter::new(&mut *out, &STANDARD);
    let mut deflate = GzEncoder::new(base64, Compression::new(COMPRESSION));
    deflate.write_all(bytes)?;
    deflate.finish()?.finish()?;
    writeln!(out, "</script>")
}

/// The sentences of a connection's events.
struct PageSentences<'a>(&'a str);

/// The numbers of a connection, each column aligned to eight bytes.
#[derive(Default)]
struct Blob(Vec<u8>);

impl Blob {
    fn column<const N: usize>(&mut self, kind: &str, values: impl Iterator<Item = [u8; N]>) -> Value {
        self.0.resize(self.0.len().next_multiple_of(8), 0);
        let offset = self.0.len();
        values.for_each(|value| self.0.extend(value));
        json!([kind, offset, (self.0.len() - offset) / N])
    }

    /// Differences of whole numbers, which compress well. They wrap.
    fn differences(&mut self, kind: &str, values: impl Iterator<Item = u32>) -> Value {
        let mut last = 0_u32;
        self.column(
            kind,
            values.map(|value| value.wrapping_sub(std::mem::replace(&mut last, value)).to_le_bytes()),
        )
    }

    /// Whole numbers: as differences if all fit, else as f64, which holds them exactly up to 2^53.
    fn whole(&mut self, values: impl Iterator<Item = u64> + Clone) -> Value {
        if values.clone().all(|value| u32::try_from(value).is_ok()) {
            self.differences("d32", values.map(|value| value as u32))
        } else {
            self.column("f64", values.map(|value| (value as f64).to_le_bytes()))
        }
    }

    /// Values of a line. Whole ones are stored as differences of the next number, so that 0 stands for none.
    fn values(&mut self, values: impl Iterator<Item = f64> + Clone) -> Value {
        let fits = |value: f64| {
            value.is_nan() || (value.fract() == 0.0 && (0.0..f64::from(u32::MAX)).contains(&value))
        };
        if values.clone().all(fits) {
            let next = |value: f64| if value.is_nan() { 0 } else { value as u32 + 1 };
            self.differences("n32", values.map(next))
        } else {
            self.column("f64", values.map(f64::to_le_bytes))
        }
    }
}

fn describe(connection: &ConnectionPicture, number: usize) -> (Value, Blob, PageSentences<'_>) {
    let mut blob = Blob::default();
    let until = connection.duration_us;
    let stalls = connection.stalls.iter().map(
        |stall| json!({ "start_us": stall.start_us, "duration_us": stall.duration_us, "text": stall.text }),
    );
    let ticks = &connection.ticks;
    let lines = connection.lines.iter().filter(|line| !line.points.is_empty());
    let lines: Value = lines.map(|it| line(it, ticks, until, &mut blob)).collect();
    let all_bars = connection.bars.iter().filter(|bars| !bars.ranges.is_empty());
    let all_bars: Value = all_bars.map(|it| bars(it, ticks, until, &mut blob)).collect();
    let bands = connection.bands.iter().filter(|row| !row.spans.is_empty());
    let bands: Value = bands.map(|it| band(it, &mut blob)).collect();
    let described = json!({
        "title": connection.title,
        "details": connection.details,
        "verdict": connection.verdict,
        "lost_us": connection.lost_us,
        "origin_us": connection.origin_us.to_string(),
        "clock": if connection.utc { "utc" } else { "uptime" },
        "duration_us": until,
        "blob": format!("blob-{number}"),
        "sentences": format!("texts-{number}"),
        "filter": connection.filter,
        "show": connection.show,
        "files": connection.files,
        "shares": connection.shares,
        "stalls": stalls.collect::<Value>(),
        "panels": Panel::ALL.iter().map(|panel| json!({ "id": panel.id(), "title": panel.title(), "unit": unit_of(*panel) })).collect::<Value>(),
        "hidden": connection.minor.map(Panel::id),
        "lines": lines,
        "bars": all_bars,
        "bands": bands,
        "ticks": describe_ticks(ticks, &mut blob),
    });
    (described, blob, PageSentences(&connection.ticks.texts.all))
}

fn unit_of(panel: Panel) -> &'static str {
    match panel.unit() {
        AxisUnit::Bytes => "bytes",
        AxisUnit::Microseconds => "us",
        AxisUnit::BitsPerSecond => "bps",
    }
}

fn line(line: &Series, ticks: &Ticks, until: u64, blob: &mut Blob) -> Value {
    let style = match line.style {
        SeriesStyle::Step => "step",
        SeriesStyle::Dots => "dots",
    };
    let levels = pyramid::levels(line.points.clone(), usize::MAX).into_iter().map(|level| {
        // Points lie at events, but those of a rate.
        let at = level.iter().map(|point| ticks.times.binary_search(&point.0).ok());
        let at: Option<Vec<usize>> = at.collect();
        let y = blob.values(level.iter().map(|point| point.1));
        match at {
            Some(at) => json!({ "at": blob.whole(at.iter().map(|at| *at as u64)), "y": y }),
            None => json!({ "x": blob.whole(level.iter().map(|point| point.0)), "y": y }),
        }
    });
    let levels = levels.collect::<Value>();
    json!({ "panel": line.panel.id(), "id": line.id, "label": line.label, "style": style, "until": until, "levels": levels })
}

fn bars(bars: &Bars, ticks: &Ticks, until: u64, blob: &mut Blob) -> Value {
    let at =
        bars.ranges.iter().map(|range| ticks.numbers.partition_point(|number| *number < range.number) as u64);
    let at: Vec<u64> = at.collect();
    let coarser = match bars.role {
        BarRole::Plain => pyramid::slots(&bars.ranges, until),
        BarRole::Mark | BarRole::Retransmission => Vec::new(),
    };
    let coarser = coarser.iter().map(|level| {
        json!({
            "t": blob.whole(level.iter().map(|range| range.time)),
            "lo": blob.whole(level.iter().map(|range| range.low)),
            "len": blob.whole(level.iter().map(|range| range.high - range.low)),
        })
    });
    let coarser: Value = coarser.collect();
    json!({
        "panel": bars.panel.id(),
        "kind": bars.kind,
        "label": bars.label,
        "is_mark": bars.role != BarRole::Plain,
        "at": blob.whole(at.iter().copied()),
        "lo": blob.whole(bars.ranges.iter().map(|range| range.low)),
        "len": blob.whole(bars.ranges.iter().map(|range| range.high - range.low)),
        "coarser": coarser,
    })
}

fn band(row: &BandRow, blob: &mut Blob) -> Value {
    let mut names: Vec<&str> = Vec::new();
    let mut places = BTreeMap::new();
    let states = row.spans.iter().map(|(_, _, name)| {
        *places.entry(*name).or_insert_with(|| {
            names.push(name);
            (names.len() - 1) as u16
        })
    });
    let states: Vec<u16> = states.collect();
    json!({
        "row": row.row,
        "label": row.label,
        "start": blob.whole(row.spans.iter().map(|span| span.0)),
        "end": blob.whole(row.spans.iter().map(|span| span.1)),
        "state": blob.column("u16", states.iter().map(|state| state.to_le_bytes())),
        "names": names,
        "colours": names.iter().map(|name| palette::of_state(row.row, name)).collect::<Value>(),
    })
}

fn describe_ticks(ticks: &Ticks, blob: &mut Blob) -> Value {
    let kinds = ticks.kinds();
    let row = |kind: &str| kinds.iter().position(|known| *known == kind).unwrap_or_default();
    let codes = ticks.codes.iter().map(|(name, kind)| json!({ "name": name, "kind": row(kind) }));
    let first = ticks.numbers.first().copied().unwrap_or_default();
    let follow = ticks.numbers.iter().zip(first..).all(|(number, next)| *number == next);
    let number = if follow { Value::Null } else { blob.whole(ticks.numbers.iter().copied()) };
    let texts = &ticks.texts;
    json!({
        "t": blob.whole(ticks.times.iter().copied()),
        "code": blob.column("u16", ticks.codes_of.iter().map(|code| code.to_le_bytes())),
        "codes": codes.collect::<Value>(),
        "kinds": kinds.iter().map(|kind| json!({ "id": kind, "label": kind })).collect::<Value>(),
        "number": number,
        "first_number": first,
        "text_at": blob.whole(texts.events.iter().map(|event| u64::from(*event))),
        "text_end": blob.whole(texts.ends.iter().map(|end| *end as u64)),
    })
}
