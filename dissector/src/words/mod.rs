// SPDX-License-Identifier: BSD-2-Clause
//! An event in one line: the segment that it is and what the stack did with it, or else the sentence of the
//! tables.

mod segment;

use std::fmt::{self, Write};
use std::ptr;
use std::sync::LazyLock;

pub use self::segment::SegmentWords;
use crate::bblog::id;
use crate::counted::Counted;
use crate::event::{Event, Field, RowGroup};
use crate::spec::EventSpec;
use crate::tables;
use crate::text::InitialSeqs;

/// Bytes of an undescribed payload that are shown.
const PREVIEW: usize = 16;

/// Writes an event in words, with numbers as `style` has them. `segment` is what was sent or received, if the
/// event says so; `again` says in words that it was sent before, `TLP retransmission`.
///
/// # Errors
/// Those of `out`.
pub fn write<W: Write>(
    event: &Event<'_>,
    segment: Option<&SegmentWords<'_>>,
    again: Option<&str>,
    style: InitialSeqs,
    out: &mut W,
) -> fmt::Result {
    if event.spec().is_unknown() {
        return unknown(event, out);
    }
    let Some(segment) = segment else {
        return event.summary_in(style).write_to(out);
    };
    segment.write_to(style, out)?;
    if let Some(again) = again {
        out.write_str(", ")?;
        out.write_str(again)?;
    } else if let Some(kind) = kind_of_send(event).filter(|kind| !kind.value.is_zero()) {
        out.write_str(", ")?;
        kind.write_to(out, true)?;
    }
    event.beside_packet(style).write_to(out)
}

/// What RACK and BBR say of a segment that they send: a retransmission, a probe.
fn kind_of_send<'a>(event: &Event<'a>) -> Option<Field<'a>> {
    static ROWS: LazyLock<(Option<&EventSpec>, Box<[usize]>)> = LazyLock::new(|| {
        let out = tables::event(id::OUT);
        let rows = out.map_or(&[][..], |out| out.fields).iter().enumerate();
        (out, rows.filter(|(_, row)| row.name == "out_kind").map(|(at, _)| at).collect())
    });
    let (out, rows) = &*ROWS;
    if !out.is_some_and(|out| ptr::eq(out, event.spec())) {
        return None;
    }
    rows.iter().find_map(|&row| event.value_at(RowGroup::Own, row))
}

/// An event that no table describes.
fn unknown<W: Write>(event: &Event<'_>, out: &mut W) -> fmt::Result {
    let Some(payload) = event.payload_of_elog() else {
        return out.write_str("an event that no table has");
    };
    write!(out, "{} that no schema describes", Counted(payload.len() as u64, "byte"))?;
    let shown = &payload[..payload.len().min(PREVIEW)];
    if !shown.is_empty() {
        out.write_str(": ")?;
        shown.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
        out.write_str(if payload.len() > PREVIEW { "..." } else { "" })?;
    }
    Ok(())
}
