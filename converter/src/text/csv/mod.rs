// SPDX-License-Identifier: BSD-2-Clause
//! Events as comma-separated values (RFC 4180), for spreadsheets and pandas: a header line, and a
//! line for each event with the values of the requested fields.
//!
//! - Numbers are decimal, truth values 1 or 0, addresses as usual, bytes hexadecimal.
//! - Text that is not UTF-8 has U+FFFD for the invalid bytes.
//! - A value that an event does not have is empty. Several values are separated by `;`.

mod column;

use bblog_dissector::catalog::Catalog;

pub use column::{CsvColumn, UnknownColumn};

use self::column::TextCache;
use crate::event::decode::DecodedItem;
use crate::event::item::LogItem;
use crate::select::named::Scratch;
use crate::text::TextSink;
use crate::text::changes::Changes;

/// The default columns.
pub const DEFAULT: [&str; 13] = [
    "time",
    "connection",
    "stack",
    "inferred",
    "event",
    "bblog.snd_cwnd",
    "bblog.snd_ssthresh",
    "bblog.snd_wnd",
    "bblog.flight",
    "bblog.srtt",
    "bblog.rttvar",
    "bblog.payload_length",
    "summary",
];

/// Writes events as lines of values.
pub struct Csv {
    columns: Vec<CsvColumn>,
    texts: TextCache,
    scratch: Scratch,
    changes: Changes,
}

impl Csv {
    /// With these columns, by name.
    ///
    /// # Errors
    /// [`UnknownColumn`]
    pub fn new<'n>(
        names: impl IntoIterator<Item = &'n str>,
        catalog: &Catalog,
    ) -> Result<Csv, UnknownColumn> {
        let columns =
            names.into_iter().map(|name| CsvColumn::find(catalog, name)).collect::<Result<_, _>>()?;
        Ok(Csv::of(columns))
    }

    /// Another one with the same columns.
    pub fn another(&self) -> Csv {
        Csv::of(self.columns.clone())
    }

    fn of(columns: Vec<CsvColumn>) -> Csv {
        Csv { columns, texts: TextCache::default(), scratch: Scratch::default(), changes: Changes::default() }
    }

    /// Whether a column comes from the analysis, so that connections have to be followed.
    pub fn follows(&self) -> bool {
        self.columns.iter().any(CsvColumn::follows)
    }
}

impl TextSink for Csv {
    fn begin(&mut self, out: &mut Vec<u8>) {
        let begin = out.len();
        for column in &self.columns {
            let start = out.len();
            out.extend_from_slice(column.name().as_bytes());
            quote(start, out);
            out.push(b',');
        }
        end_line(begin, out);
    }

    #[inline]
    fn event(&mut self, decoded: &DecodedItem<'_>, out: &mut Vec<u8>) {
        let begin = out.len();
        let changed = match decoded.item {
            LogItem::Bblog(_) => Some(self.changes.next(&decoded.event)),
            LogItem::Eventlog(_) => None,
        };
        for column in &mut self.columns {
            let start = out.len();
            column.write(decoded, changed, &mut self.texts, &mut self.scratch, out);
            if column.is_text() {
                quote(start, out);
            }
            out.push(b',');
        }
        end_line(begin, out);
    }
}

/// Puts quotes around the cell that begins at `start`, if it needs them. In place: the csv crate copies each cell and
/// each line, which takes a quarter of the time of a line.
#[inline]
fn quote(start: usize, out: &mut Vec<u8>) {
    let is_special = |byte: &u8| matches!(byte, b',' | b'"' | b'\r' | b'\n');
    // Without an end at the first, so that the compiler looks at many bytes at once.
    let needs_quotes = |cell: &[u8]| cell.iter().fold(false, |found, byte| found | is_special(byte));
    if out.get(start..).is_some_and(needs_quotes) {
        quote_always(start, out);
    }
}

#[cold]
fn quote_always(start: usize, out: &mut Vec<u8>) {
    let cell = out.split_off(start);
    out.push(b'"');
    for byte in cell {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// Ends the line that begins at `begin`, behind the comma of its last cell. A line of one empty cell has quotes, or it
/// would be a line of none.
#[inline]
fn end_line(begin: usize, out: &mut Vec<u8>) {
    out.pop();
    if out.len() == begin {
        out.extend_from_slice(b"\"\"");
    }
    out.extend_from_slice(b"\r\n");
}
