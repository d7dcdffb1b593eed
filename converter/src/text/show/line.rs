// SPDX-License-Identifier: BSD-2-Clause
//! The usual style: time, connection, stack or provider, event and summary in columns.

use std::io::Write;

use bblog_dissector::Micros;
use bblog_pcapng::escape::Escaped;

use super::{Palette, details};
use crate::event::connection::{ConnectionRef, ConnectionTexts};
use crate::event::decode::{DecodedItem, event_id, payload};
use crate::event::item::LogItem;
use crate::text::TextSink;
use crate::text::clock_text::{ClockText, seconds};

/// Columns of a stack's or provider's name.
const ORIGIN: usize = 8;
/// Columns of an event's name; the longest of BBLog's has some more.
const EVENT: usize = 18;
/// Columns of a relative time.
const SPAN: usize = 13;
/// Columns of a number.
const NUMBER: usize = 8;
/// Bytes of an undescribed payload shown in its line.
const PREVIEW: usize = 16;

/// How times are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeForm {
    /// Date and time, UTC.
    #[default]
    Absolute,
    /// Seconds since the first event of the inputs, selected or not.
    Relative,
    /// Seconds since the event shown before.
    Delta,
}

/// What lines show.
#[derive(Clone, Copy, Debug, Default)]
pub struct LineOptions {
    /// How times are shown.
    pub time: TimeForm,
    /// Whether lines begin with the event's number.
    pub number: bool,
    /// Whether all values follow, one a line.
    pub extended: bool,
    /// Whether the members as logged follow too.
    pub raw: bool,
}

/// Writes events as lines.
#[derive(Default)]
pub struct Lines {
    options: LineOptions,
    palette: Palette,
    clock: ClockText,
    connections: ConnectionTexts,
    /// Columns of the connection: what the widest so far took.
    width: usize,
    last: Option<Micros>,
}

impl TextSink for Lines {
    #[inline]
    fn event(&mut self, decoded: &DecodedItem<'_>, out: &mut Vec<u8>) {
        if self.options.number {
            right(NUMBER, out, |out| integer(decoded.number, out));
            out.push(b' ');
        }
        self.time(decoded, out);
        self.connection(decoded, out);
        self.origin(decoded, out);
        out.extend_from_slice(self.palette.event.as_bytes());
        left(EVENT, out, |out| name(decoded, out));
        out.extend_from_slice(self.palette.reset.as_bytes());
        out.push(b' ');
        summary(decoded, out);
        if let LogItem::Bblog(item) = &decoded.item
            && item.missing > 0
        {
            let (alarm, reset) = (&self.palette.alarm, self.palette.reset);
            let _ = write!(out, " {alarm}[{} records missing before]{reset}", item.missing);
        }
        if decoded.runs_back {
            let (alarm, reset) = (&self.palette.alarm, self.palette.reset);
            let _ = write!(out, " {alarm}[logged late]{reset}");
        }
        out.push(b'\n');
        if self.options.extended || self.options.raw {
            details::write(decoded, &self.options, &self.palette, out);
        }
    }
}

impl Lines {
    /// Lines that show what `options` say.
    pub fn new(options: LineOptions, palette: Palette) -> Lines {
        Lines { options, palette, ..Lines::default() }
    }

    #[inline]
    fn time(&mut self, decoded: &DecodedItem<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(self.palette.time.as_bytes());
        let time = decoded.item.time();
        match self.options.time {
            TimeForm::Absolute => self.clock.absolute(decoded.item.clock(), time, out),
            TimeForm::Relative => {
                right(SPAN, out, |out| seconds(time - decoded.first, out));
            }
            TimeForm::Delta => {
                let last = self.last.replace(time).unwrap_or(time);
                right(SPAN, out, |out| seconds(time - last, out));
            }
        }
        out.extend_from_slice(self.palette.reset.as_bytes());
        out.push(b' ');
    }

    #[inline]
    fn connection(&mut self, decoded: &DecodedItem<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(self.palette.connection.as_bytes());
        let text = self.connections.get(decoded.input, &decoded.item, connection);
        out.extend_from_slice(text);
        self.width = self.width.max(text.len());
        out.resize(out.len() + self.width - text.len(), b' ');
        out.extend_from_slice(self.palette.reset.as_bytes());
        out.push(b' ');
    }

    #[inline]
    fn origin(&self, decoded: &DecodedItem<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(self.palette.origin.as_bytes());
        left(ORIGIN, out, |out| {
            let name = match &decoded.item {
                LogItem::Bblog(item) => item.stack,
                LogItem::Eventlog(item) => item.provider.unwrap_or(b"?"),
            };
            text(name, out);
        });
        out.extend_from_slice(self.palette.reset.as_bytes());
        out.push(b' ');
    }
}

/// `10.0.0.1:80 - 10.0.0.2:5000`, before it the session: `5000 10.0.0.1:80 - ...`.
fn connection(connection: &ConnectionRef<'_>, out: &mut Vec<u8>) {
    if let Some(session) = connection.session {
        integer(session, out);
    }
    if let Some((local, remote)) = connection.addresses {
        let blank = if connection.session.is_some() { " " } else { "" };
        let _ = write!(out, "{blank}{local} - {remote}");
    }
}

fn name(decoded: &DecodedItem<'_>, out: &mut Vec<u8>) {
    if decoded.is_unknown() {
        out.push(b'?');
        integer(u64::from(event_id(&decoded.item)), out);
    } else {
        text(decoded.event.name().as_bytes(), out);
    }
}

#[inline]
fn summary(decoded: &DecodedItem<'_>, out: &mut Vec<u8>) {
    if !decoded.is_unknown() {
        // A Vec takes everything.
        let _ = decoded.event.summary().write_to(&mut Text(out));
        return;
    }
    match &decoded.item {
        LogItem::Bblog(_) => out.extend_from_slice(b"an event that no table has"),
        LogItem::Eventlog(_) => {
            let payload = payload(decoded);
            let _ = write!(out, "{} bytes that no schema describes", payload.len());
            if !payload.is_empty() {
                out.extend_from_slice(b": ");
                hex(&payload[..payload.len().min(PREVIEW)], out);
                out.extend_from_slice(if payload.len() > PREVIEW { b"..." } else { b"" });
            }
        }
    }
}

/// Takes text without the detours of [`Write::write_fmt`].
pub(super) struct Text<'a>(pub(super) &'a mut Vec<u8>);

impl std::fmt::Write for Text<'_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }

    #[inline]
    fn write_char(&mut self, c: char) -> std::fmt::Result {
        match u8::try_from(c) {
            Ok(byte) if byte.is_ascii() => self.0.push(byte),
            _ => self.0.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        Ok(())
    }
}

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// Bytes of unknown origin as safe text; those that are harmless for certain go the short way.
#[inline]
pub(super) fn text(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.iter().all(|&b| b.is_ascii_graphic() && b != b'\\') {
        out.extend_from_slice(bytes);
    } else {
        let _ = write!(out, "{}", Escaped(bytes));
    }
}

#[inline]
pub(super) fn integer(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// What `write` appends, with blanks after it up to `columns`.
#[inline]
pub(super) fn left(columns: usize, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    write(out);
    let end = out.len().max(start + columns);
    out.resize(end, b' ');
}

/// What `write` appends, with blanks before it up to `columns`.
#[inline]
fn right(columns: usize, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    write(out);
    let blanks = columns.saturating_sub(out.len() - start);
    out.resize(out.len() + blanks, b' ');
    out[start..].rotate_right(blanks);
}
