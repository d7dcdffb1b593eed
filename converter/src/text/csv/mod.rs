// SPDX-License-Identifier: BSD-2-Clause
//! Events as comma-separated values (RFC 4180), for spreadsheets and pandas: a header line, and a
//! line for each event with the values of the requested fields.
//!
//! - Numbers are decimal, truth values 1 or 0, addresses as usual, bytes hexadecimal.
//! - Text that is not UTF-8 has U+FFFD for the invalid bytes.
//! - A value that an event does not have is empty. Several values are separated by `;`.

mod column;
mod quote;

use bblog_dissector::catalog::Catalog;

pub use column::{CsvColumn, UnknownColumn};

use self::column::TextCache;
use self::quote::quote;
use crate::event::decode::DecodedItem;
use crate::event::item::LogItem;
use crate::select::named::Scratch;
use crate::text::TextSink;
use crate::text::changes::Changes;
use crate::text::kept::KeptText;

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
    /// The cells of the last BBLog record.
    kept: KeptText,
    texts: TextCache,
    scratch: Scratch,
    changes: Changes,
    /// Input and section of the last BBLog record.
    section: Option<(usize, u64)>,
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
        let changes = Changes::of_parts(columns.iter().map(CsvColumn::basis));
        let (kept, texts, scratch) = Default::default();
        Csv { columns, kept, texts, scratch, changes, section: None }
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
        let Csv { columns, kept, texts, scratch, .. } = self;
        let mut write = |column: &mut CsvColumn, out: &mut Vec<u8>| {
            column.write(decoded, texts, scratch, out);
            out.push(b',');
        };
        match decoded.item {
            LogItem::Bblog(item) => {
                let section = Some((decoded.input, item.section));
                let is_new = std::mem::replace(&mut self.section, section) != section;
                let changed = self.changes.next(&decoded.event, is_new);
                kept.write(columns, out, changed, write);
            }
            LogItem::Eventlog(_) => columns.iter_mut().for_each(|column| write(column, out)),
        }
        end_line(begin, out);
    }
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
