// SPDX-License-Identifier: BSD-2-Clause
//! Events as comma-separated values (RFC 4180), for spreadsheets and pandas: a header line, and a
//! line for each event with the values of the requested fields.
//!
//! - Numbers are decimal, truth values 1 or 0, addresses as usual, bytes hexadecimal.
//! - Text that is not UTF-8 has U+FFFD for the invalid bytes.
//! - A value that an event does not have is empty. Several values are separated by `;`.

mod column;

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use bblog_dissector::catalog::Catalog;
use csv::{Terminator, Writer, WriterBuilder};

pub use column::{CsvColumn, UnknownColumn};

use self::column::TextCache;
use crate::event::decode::DecodedItem;
use crate::select::named::Scratch;
use crate::text::TextSink;

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
    cell: Vec<u8>,
    writer: Writer<SharedLine>,
    line: SharedLine,
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
        let line = SharedLine::default();
        let writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(line.clone());
        Ok(Csv {
            columns,
            texts: TextCache::default(),
            scratch: Scratch::default(),
            cell: Vec::new(),
            writer,
            line,
        })
    }

    /// Whether a column comes from the analysis, so that connections have to be followed.
    pub fn follows(&self) -> bool {
        self.columns.iter().any(CsvColumn::follows)
    }

    /// Ends the line and appends it to `out`.
    fn end(&mut self, out: &mut Vec<u8>) {
        // What is written goes to memory, and lines may be of any length: this cannot fail.
        let _ = self.writer.write_record(None::<&[u8]>);
        let _ = self.writer.flush();
        out.append(&mut self.line.0.borrow_mut());
    }
}

impl TextSink for Csv {
    fn begin(&mut self, out: &mut Vec<u8>) {
        for column in &self.columns {
            let _ = self.writer.write_field(column.name());
        }
        self.end(out);
    }

    #[inline]
    fn event(&mut self, decoded: &DecodedItem<'_>, out: &mut Vec<u8>) {
        for column in &self.columns {
            self.cell.clear();
            column.write(decoded, &mut self.texts, &mut self.scratch, &mut self.cell);
            let _ = self.writer.write_field(&self.cell);
        }
        self.end(out);
    }
}

/// The line being written: the writer owns its end of it.
#[derive(Clone, Default)]
struct SharedLine(Rc<RefCell<Vec<u8>>>);

impl Write for SharedLine {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
