// SPDX-License-Identifier: BSD-2-Clause
//! All values of an event, one per line, with the names that filters use. Computed values are in
//! brackets.

use std::io::Write;

use bblog_dissector::counted::Counted;
use bblog_dissector::event::{self, Field};

use super::Palette;
use super::cell::{hex, left, text};
use super::options::LineOptions;
use crate::event::decode::{DecodedItem, payload};
use crate::event::item::LogItem;
use crate::text::tcp_header::TcpHeaderText;
use crate::text::text_writer::TextWriter;

/// Columns of a name.
const NAME: usize = 36;

/// Appends the values that the options ask for.
pub(super) fn write(decoded: &DecodedItem<'_>, options: &LineOptions, palette: &Palette, out: &mut Vec<u8>) {
    let event = &decoded.event;
    let mut rows = DetailRows { palette, out };
    if options.extended {
        rows.facts(decoded);
        event.fields().for_each(|field| rows.field(&field));
        event.common().for_each(|field| rows.field(&field));
        if let LogItem::Bblog(item) = &decoded.item
            && let Some(tcp) = item.record.tcp().and_then(TcpHeaderText::parse)
        {
            rows.logged("tcp", |out| drop(write!(out, "{tcp}")));
        }
        event.derived().for_each(|field| rows.generated(&field));
        decoded.tracked.fields().for_each(|field| rows.generated(&field));
        if let LogItem::Bblog(item) = &decoded.item
            && let Some(verbose) = &item.record.verbose()
        {
            event::verbose(verbose).for_each(|field| rows.field(&field));
        }
        rows.rest(decoded);
    }
    // Without a row of its own an event's members are all there is to see.
    if options.raw || decoded.is_unknown() {
        event.raw().for_each(|field| rows.field(&field));
    }
    if options.raw {
        rows.logged("bytes", |out| hex(event.as_bytes(), out));
    }
}

struct DetailRows<'a> {
    palette: &'a Palette,
    out: &'a mut Vec<u8>,
}

impl DetailRows<'_> {
    fn field(&mut self, field: &Field<'_>) {
        self.logged(field.spec.filter, |out| {
            let _ = field.write_to(&mut TextWriter(out), false);
        });
    }

    fn logged(&mut self, name: &str, value: impl FnOnce(&mut Vec<u8>)) {
        self.out.extend_from_slice(b"    ");
        self.name(name, NAME);
        value(self.out);
        self.out.push(b'\n');
    }

    fn generated(&mut self, field: &Field<'_>) {
        self.out.extend_from_slice(b"    [");
        self.name(field.spec.filter, NAME - 1);
        let _ = field.write_to(&mut TextWriter(self.out), false);
        self.out.extend_from_slice(b"]\n");
    }

    fn name(&mut self, name: &str, columns: usize) {
        self.out.extend_from_slice(self.palette.name.as_bytes());
        left(columns, self.out, |out| text(name.as_bytes(), out));
        self.out.extend_from_slice(self.palette.reset.as_bytes());
        self.out.push(b' ');
    }

    /// The facts of the entry's header about the connection.
    fn facts(&mut self, decoded: &DecodedItem<'_>) {
        let LogItem::Bblog(item) = &decoded.item else { return };
        let Ok(header) = bblog_dissector::bblog::Header::unchecked(item.header) else { return };
        for (name, value) in
            [("bblog.log_id", header.id()), ("bblog.tag", header.tag()), ("bblog.reason", header.reason())]
        {
            if !value.is_empty() {
                self.logged(name, |out| drop(write!(out, "{}", bblog_pcapng::escape::Escaped(value))));
            }
        }
    }

    /// Bytes of an eventlog payload that no row covers.
    fn rest(&mut self, decoded: &DecodedItem<'_>) {
        let LogItem::Eventlog(_) = decoded.item else { return };
        let event = &decoded.event;
        if event.is_truncated() {
            self.logged("truncated", |out| {
                let (found, size) = (payload(decoded).len(), event.spec().size);
                let _ = write!(out, "payload of {}, its structure has {size}", Counted(found as u64, "byte"));
            });
        }
        let trailing = event.as_bytes().get(event.trailing()).unwrap_or_default();
        if !trailing.is_empty() {
            self.logged("eventlog.trailing", |out| hex(trailing, out));
        }
    }
}
