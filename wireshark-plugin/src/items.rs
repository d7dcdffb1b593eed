// SPDX-License-Identifier: GPL-2.0-or-later
//! The flat list of items of a decoded record, and its alerts, which the C half adds to the tree.
//!
//! The buffers are kept from packet to packet, so a packet costs no allocation once they have grown.

use std::fmt::{self, Display, Write};
use std::ops::Range;
use std::ptr;

use bblog_dissector::event::{Event, Field};
use bblog_dissector::printable::is_printable;
use bblog_dissector::spec::AlertSpec;
use bblog_dissector::tables;
use bblog_dissector::text::InitialSeqs;
use bblog_dissector::words::{self, SegmentWords};

use crate::ffi;

/// The place of a text in the buffer: what C adds to `bblog_result.texts`.
pub type TextAt = u32;

/// No text, or no field.
pub const NONE: u32 = ffi::BBLOG_NONE;

/// Bytes of text for one record, far above what any event needs: what is beyond is left out.
const TEXT_MAX: usize = 16 << 20;

/// Items and texts of one record.
#[derive(Default)]
pub struct Items {
    items: Vec<ffi::bblog_item>,
    alerts: Vec<ffi::bblog_alert>,
    texts: Vec<u8>,
}

impl Items {
    /// Forgets the last record; keeps the memory.
    pub fn clear(&mut self) {
        self.items.clear();
        self.alerts.clear();
        self.texts.clear();
    }

    /// The items, in the order of the tree.
    pub fn as_slice(&self) -> &[ffi::bblog_item] {
        &self.items
    }

    /// Why the record deserves notice.
    pub fn alerts(&self) -> &[ffi::bblog_alert] {
        &self.alerts
    }

    /// Adds a reason why the record deserves notice: a kind of the table, and what there is to say.
    pub fn alert(&mut self, alert: &'static AlertSpec, text: impl Display) {
        let Some(kind) = tables::ALERTS.iter().position(|kind| ptr::eq(kind, alert)) else { return };
        let text = self.text(text);
        if text != NONE {
            self.alerts.push(ffi::bblog_alert { kind: kind as u32, text });
        }
    }

    /// The texts, each ended by a NUL.
    pub fn texts(&self) -> &[u8] {
        &self.texts
    }

    /// Adds a line to the tree.
    pub fn push(&mut self, item: ffi::bblog_item) {
        self.items.push(item);
    }

    /// Adds a line, below the top one, that only groups the deeper ones after it.
    pub fn group(
        &mut self,
        tree: ffi::bblog_subtree,
        title: &str,
        origin: ffi::bblog_origin,
        bytes: Range<usize>,
    ) {
        let text = self.text(title);
        self.push(ffi::bblog_item {
            number: 0,
            field: NONE,
            text,
            offset: bytes.start as u32,
            length: bytes.len() as u32,
            depth: 0,
            origin: origin as u8,
            subtree: tree as u8,
            generated: false,
            hidden: false,
            unset: false,
        });
    }

    /// Keeps a text for C. Control characters, which come from the network or from programs that chose
    /// a log id, become U+FFFD, so a text is one line and ends at its NUL for C.
    pub fn text(&mut self, text: impl Display) -> TextAt {
        self.keep(|line| write!(line, "{text}"))
    }

    /// Keeps a word, as [`Items::text`] does.
    pub fn word(&mut self, word: &str) -> TextAt {
        self.keep(|line| line.write_str(word))
    }

    /// Keeps a value's text, exact.
    pub fn value(&mut self, field: &Field<'_>) -> TextAt {
        self.keep(|line| field.write_to(line, false))
    }

    /// Keeps an event in words, with numbers as `style` has them; see [`words::write`].
    pub fn words(
        &mut self,
        event: &Event<'_>,
        segment: Option<&SegmentWords<'_>>,
        again: Option<&str>,
        style: InitialSeqs,
    ) -> TextAt {
        self.keep(|line| words::write(event, segment, again, style, line))
    }

    #[inline]
    fn keep(&mut self, write: impl FnOnce(&mut TextBuffer<'_>) -> fmt::Result) -> TextAt {
        if self.texts.len() > TEXT_MAX {
            return NONE;
        }
        let at = self.texts.len();
        // The writer never fails; a text that gives up leaves what it wrote so far.
        let _ = write(&mut TextBuffer(&mut self.texts));
        if !is_plain(&self.texts[at..]) {
            self.clean(at);
        }
        self.texts.push(0);
        u32::try_from(at).unwrap_or(NONE)
    }

    /// Puts U+FFFD in place of the characters from `at` on that control a terminal, or hide or reorder others.
    #[cold]
    fn clean(&mut self, at: usize) {
        let written = self.texts.split_off(at);
        // Only strings were written.
        let text = str::from_utf8(&written).unwrap_or_default();
        let clean = text.chars().map(|c| if is_printable(c) { c } else { char::REPLACEMENT_CHARACTER });
        self.texts.extend_from_slice(clean.collect::<String>().as_bytes());
    }

    /// Keeps bytes that should be UTF-8; what is not becomes U+FFFD.
    pub fn bytes(&mut self, bytes: &[u8]) -> TextAt {
        self.text(Lossy(bytes))
    }
}

/// Whether all of it is printable ASCII. It does not end early, so that many bytes are looked at together.
fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().fold(true, |plain, byte| plain & matches!(byte, b' '..=b'~'))
}

/// Writes text; what it writes is cleaned when it is complete.
struct TextBuffer<'a>(&'a mut Vec<u8>);

impl Write for TextBuffer<'_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }

    #[inline]
    fn write_char(&mut self, c: char) -> fmt::Result {
        match u8::try_from(c) {
            Ok(byte) if byte.is_ascii() => self.0.push(byte),
            _ => self.0.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
        Ok(())
    }
}

/// Bytes as text, without a copy.
pub struct Lossy<'a>(pub &'a [u8]);

impl Display for Lossy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            f.write_str(chunk.valid())?;
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_single_lines_that_end_at_their_nul() {
        let mut items = Items::default();
        let first = items.bytes(b"a\0b\nc\xff\xe2\x80\xae") as usize;
        let second = items.text("tail") as usize;
        assert_eq!(&items.texts()[first..second], "a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}\0".as_bytes());
        assert_eq!(&items.texts()[second..], b"tail\0");
    }

    #[test]
    fn clear_keeps_nothing_visible() {
        let mut items = Items::default();
        items.group(ffi::BBLOG_SUBTREE_VALUES, "Event values", ffi::BBLOG_ORIGIN_DATA, 0..0);
        items.clear();
        assert!(items.as_slice().is_empty() && items.texts().is_empty());
    }
}
