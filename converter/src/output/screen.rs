// SPDX-License-Identifier: BSD-2-Clause
//! Text on its way to a terminal.
//!
//! Names and texts come from logs. Most of what shows them escapes them; CSV and the style of elog(1) promise their
//! bytes to other programs. A terminal would obey control characters among them, so they are escaped here.

use std::fs::File;
use std::io::{self, Write};

use bblog_dissector::printable::is_printable;

/// Bytes of a line that are kept until it is complete.
const MAX_KEPT: usize = 1 << 20;

/// A terminal that gets text without control characters.
pub(super) struct CleanTerminal {
    file: File,
    with_colours: bool,
    /// A line that is not complete: a character or an escape sequence may be cut off at its end.
    line: Vec<u8>,
}

impl CleanTerminal {
    /// The terminal, or the pager, behind `file`. Colours pass `with_colours`.
    pub(super) fn new(file: File, with_colours: bool) -> CleanTerminal {
        CleanTerminal { file, with_colours, line: Vec::new() }
    }

    /// Writes the first bytes of the line.
    fn show(&mut self, len: usize) -> io::Result<()> {
        let shown = shown(&self.line[..len], self.with_colours);
        self.line.drain(..len);
        self.file.write_all(shown.as_bytes())
    }
}

impl Write for CleanTerminal {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        match self.line.iter().rposition(|&byte| byte == b'\n') {
            Some(end) => self.show(end + 1)?,
            None if self.line.len() > MAX_KEPT => self.show(self.line.len())?,
            None => {}
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.show(self.line.len())?;
        self.file.flush()
    }
}

/// Text with what is not printable as `\u{..}`, except for line ends, tabs and, `with_colours`, colours; and with
/// what is no text as `\x..`.
fn shown(bytes: &[u8], with_colours: bool) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(c) = rest.chars().next() {
            let len = match c {
                '\r' if rest.starts_with("\r\n") => 2,
                '\x1b' if with_colours => colour(rest),
                '\n' | '\t' => 1,
                c if is_printable(c) => c.len_utf8(),
                _ => 0,
            };
            match len {
                0 => shown.extend(c.escape_unicode()),
                len => shown.push_str(&rest[..len]),
            }
            rest = &rest[len.max(c.len_utf8())..];
        }
        chunk.invalid().iter().for_each(|byte| shown.push_str(&format!("\\x{byte:02x}")));
    }
    shown
}

/// The length of the SGR sequence, which sets colours, that a text begins with; 0 if it does not.
fn colour(text: &str) -> usize {
    let Some(parameters) = text.strip_prefix("\x1b[") else { return 0 };
    match parameters.find(|c: char| !c.is_ascii_digit() && c != ';') {
        Some(end) if parameters[end..].starts_with('m') => "\x1b[".len() + end + 1,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};

    use super::*;

    #[test]
    fn nothing_controls_a_terminal() {
        let text = "a\t\u{e9}\r\n\x1b[31mred\x1b[0m \x1b]0;title\x07 \u{9b}2J \u{202e}b\rc\n";
        let coloured = "a\t\u{e9}\r\n\x1b[31mred\x1b[0m \\u{1b}]0;title\\u{7} \\u{9b}2J \\u{202e}b\\u{d}c\n";
        assert_eq!(shown(text.as_bytes(), true), coloured);
        assert_eq!(shown(text.as_bytes(), false), coloured.replace('\x1b', "\\u{1b}"));
        assert_eq!(shown(b"a\xff\xc3", false), "a\\xff\\xc3");
        assert_eq!(shown(b"\x1b[1;31", true), "\\u{1b}[1;31");
    }

    /// Characters and sequences that are cut by writes are whole on the screen.
    #[test]
    fn however_it_is_cut() {
        let text = "\x1b[36mIN\x1b[0m \u{20ac}\r\n\x1b[31".as_bytes();
        for step in 1..text.len() {
            let mut file = tempfile::tempfile().unwrap();
            let mut screen = CleanTerminal::new(file.try_clone().unwrap(), true);
            text.chunks(step).for_each(|bytes| screen.write_all(bytes).unwrap());
            screen.flush().unwrap();
            let mut written = String::new();
            file.rewind().unwrap();
            file.read_to_string(&mut written).unwrap();
            assert_eq!(written, "\x1b[36mIN\x1b[0m \u{20ac}\r\n\\u{1b}[31", "{step}");
        }
    }
}
