// SPDX-License-Identifier: BSD-2-Clause
//! The picture as one page of HTML that loads nothing: its data, its scripts and uPlot are in it.
//!
//! `page/README.md` describes the data. Texts of a log stand only in the JSON object, where `<` is escaped, and
//! the scripts give them to the page as text: a log cannot bring in markup.

use std::collections::BTreeMap;
use std::io::{self, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::model::{BandRow, Bars, ConnectionPicture, Line, Style, Ticks, Unit};
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
/// Points of a line in a page at most: two per microsecond that a screen can resolve after much zooming.
const LINE_POINTS: usize = 1 << 16;

/// Writes the page of `connections`.
///
/// # Errors
/// What `out` gives.
pub fn write(connections: &[ConnectionPicture], out: &mut dyn Write) -> io::Result<()> {
    let mut blobs = Vec::new();
    let mut described = Vec::new();
    for (number, connection) in connections.iter().enumerate() {
        let mut blob = Blob::default();
        described.push(describe(connection, number, &mut blob));
        blobs.push(blob.0);
    }
    let data = json!({ "version": 1, "program": concat!("bblog ", env!("CARGO_PKG_VERSION")), "connections": described });
    let mut rest = FRAME;
    let mut until = |mark: &str, out: &mut dyn Write| -> io::Result<()> {
        let (before, after) = rest.split_once(mark).unwrap_or((rest, ""));
        rest = after;
        out.write_all(before.as_bytes())
    };
    until("/*{{styles}}*/", out)?;
    write!(out, "{LIBRARY_STYLES}\n{}", palette::STYLES)?;
    until("{{data}}", out)?;
    out.write_all(data.to_string().replace('<', "\\u003c").as_bytes())?;
    until("{{blobs}}", out)?;
    for (number, blob) in blobs.iter().enumerate() {
        let encoded = STANDARD.encode(blob);
        writeln!(out, "<script type=\"application/octet-stream\" id=\"blob-{number}\">{encoded}</script>")?;
    }
    until("{{scripts}}", out)?;
    writeln!(out, "{LIBRARY}\n(() => {{\n\"use strict\";\n{}}})();", SCRIPTS.join("\n"))?;
    out.write_all(rest.as_bytes())
}

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

    /// Whole numbers: as u32 if all fit, else as f64, which holds them exactly up to 2^53.
    fn whole(&mut self, values: impl Iterator<Item = u64> + Clone) -> Value {
        if values.clone().all(|value| u32::try_from(value).is_ok()) {
            self.column("u32", values.map(|value| (value as u32).to_le_bytes()))
        } else {
            self.column("f64", values.map(|value| (value as f64).to_le_bytes()))
        }
    }

    fn numbers(&mut self, values: impl Iterator<Item = f64> + Clone) -> Value {
        let fits = |value: f64| value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value);
        if values.clone().all(fits) {
            self.column("u32", values.map(|value| (value as u32).to_le_bytes()))
        } else {
            self.column("f64", values.map(f64::to_le_bytes))
        }
    }
}

fn describe(connection: &ConnectionPicture, number: usize, blob: &mut Blob) -> Value {
    let until = connection.duration_us;
    let stalls = connection.stalls.iter().map(
        |stall| json!({ "start_us": stall.start_us, "duration_us": stall.duration_us, "text": stall.text }),
    );
    json!({
        "title": connection.title,
        "details": connection.details,
        "verdict": connection.verdict,
        "origin_us": connection.origin_us.to_string(),
        "clock": if connection.utc { "utc" } else { "uptime" },
        "duration_us": until,
        "blob": format!("blob-{number}"),
        "filter": connection.filter,
        "show": connection.show,
        "files": connection.files,
        "shares": connection.shares,
        "stalls": stalls.collect::<Value>(),
        "lines": connection.lines.iter().filter(|line| !line.points.is_empty()).map(|it| line(it, until, blob)).collect::<Value>(),
        "bars": connection.bars.iter().filter(|bars| !bars.ranges.is_empty()).map(|it| bars(it, blob)).collect::<Value>(),
        "bands": connection.bands.iter().filter(|row| !row.spans.is_empty()).map(|it| band(it, blob)).collect::<Value>(),
        "ticks": ticks(&connection.ticks, blob),
    })
}

fn line(line: &Line, until: u64, blob: &mut Blob) -> Value {
    let unit = match line.panel.unit() {
        Unit::Bytes => "bytes",
        Unit::Microseconds => "us",
        Unit::BitsPerSecond => "bps",
    };
    let style = match line.style {
        Style::Step => "step",
        Style::Dots => "dots",
    };
    let levels = pyramid::levels(line.points.clone(), LINE_POINTS).into_iter().map(|level| {
        let x = blob.whole(level.iter().map(|point| point.0));
        let y = blob.numbers(level.iter().map(|point| point.1));
        json!({ "x": x, "y": y })
    });
    let levels = levels.collect::<Value>();
    json!({ "panel": line.panel.id(), "id": line.id, "label": line.label, "unit": unit, "style": style, "until": until, "levels": levels })
}

fn bars(bars: &Bars, blob: &mut Blob) -> Value {
    json!({
        "panel": "sequence",
        "kind": bars.kind,
        "label": bars.label,
        "t": blob.whole(bars.ranges.iter().map(|range| range.time)),
        "lo": blob.whole(bars.ranges.iter().map(|range| range.low)),
        "hi": blob.whole(bars.ranges.iter().map(|range| range.high)),
        "number": blob.whole(bars.ranges.iter().map(|range| range.number)),
    })
}

fn band(row: &BandRow, blob: &mut Blob) -> Value {
    let mut names: Vec<&str> = Vec::new();
    let mut places = BTreeMap::new();
    let states = row.spans.iter().map(|(_, _, name)| {
        *places.entry(name.as_str()).or_insert_with(|| {
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
    })
}

fn ticks(ticks: &Ticks, blob: &mut Blob) -> Value {
    let kinds = ticks.kinds();
    let row = |kind: &str| kinds.iter().position(|known| *known == kind).unwrap_or_default();
    let codes = ticks.codes.iter().map(|(name, kind)| json!({ "name": name, "kind": row(kind) }));
    let first = ticks.numbers.first().copied().unwrap_or_default();
    let follow = ticks.numbers.iter().zip(first..).all(|(number, next)| *number == next);
    let number = if follow { Value::Null } else { blob.whole(ticks.numbers.iter().copied()) };
    json!({
        "t": blob.whole(ticks.times.iter().copied()),
        "code": blob.column("u16", ticks.codes_of.iter().map(|code| code.to_le_bytes())),
        "codes": codes.collect::<Value>(),
        "kinds": kinds.iter().map(|kind| json!({ "id": kind, "label": kind })).collect::<Value>(),
        "number": number,
        "first_number": first,
        "text_at": blob.whole(ticks.texts.iter().map(|text| u64::from(text.0))),
        "texts": ticks.texts.iter().map(|text| text.1.as_str()).collect::<Value>(),
    })
}
