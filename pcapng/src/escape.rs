// SPDX-License-Identifier: BSD-2-Clause
//! Bytes of unknown origin, made safe to print.

use std::fmt::{self, Write as _};
use std::path::Path;

use bblog_dissector::printable::is_printable;

/// Shows any bytes as text on one line. Log ids come from unprivileged programs, and file names from
/// anyone.
///
/// Printable UTF-8 stands as it is; a backslash is doubled; control characters and characters
/// that reorder or hide text become `\u{..}`, invalid UTF-8 becomes `\x..`. So distinct bytes
/// give distinct text.
#[derive(Clone, Copy)]
pub struct Escaped<'a>(pub &'a [u8]);

impl<'a> Escaped<'a> {
    /// A file name.
    pub fn path(path: &'a Path) -> Escaped<'a> {
        Escaped(path.as_os_str().as_encoded_bytes())
    }
}

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for c in chunk.valid().chars() {
                match c {
                    '\\' => f.write_str("\\\\")?,
                    c if !is_printable(c) => write!(f, "{}", c.escape_unicode())?,
                    c => f.write_char(c)?,
                }
            }
            for byte in chunk.invalid() {
                write!(f, "\\x{byte:02x}")?;
            }
        }
        Ok(())
    }
}

/// Shows text on one line: what [`Escaped`] does not show as it is becomes `\u{..}`, but a backslash
/// stays. For messages whose parts may be escaped already.
#[derive(Clone, Copy)]
pub struct OneLine<'a>(pub &'a str);

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if !is_printable(c) { write!(f, "{}", c.escape_unicode())? } else { f.write_char(c)? }
        }
        Ok(())
    }
}

/// Shows text of several lines, each as [`OneLine`] does.
#[derive(Clone, Copy)]
pub struct Lines<'a>(pub &'a str);

impl fmt::Display for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, line) in self.0.split('\n').enumerate() {
            if number > 0 {
                f.write_char('\n')?;
            }
            write!(f, "{}", OneLine(line))?;
        }
        Ok(())
    }
}

/// Shows text as a JSON string (RFC 8259) with its quotes, which is safe to print as well: characters that
/// [`Escaped`] escapes are `\uXXXX`.
#[derive(Clone, Copy)]
pub struct JsonString<'a>(pub &'a str);

impl fmt::Display for JsonString<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                c => json_char(c, f)?,
            }
        }
        f.write_char('"')
    }
}

/// Shows whole JSON, of a library that escapes what RFC 8259 demands only, such that it is safe to print:
/// characters in its strings that [`Escaped`] escapes are `\uXXXX`.
#[derive(Clone, Copy)]
pub struct PrintableJson<'a>(pub &'a str);

impl fmt::Display for PrintableJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A line end stands between values: in a string it is escaped already.
        self.0.chars().try_for_each(|c| if c == '\n' { f.write_char(c) } else { json_char(c, f) })
    }
}

/// A character of a JSON string, escaped if it is not printable.
fn json_char(c: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if is_printable(c) {
        return f.write_char(c);
    }
    c.encode_utf16(&mut [0; 2]).iter().try_for_each(|unit| write!(f, "\\u{unit:04x}"))
}

#[cfg(test)]
mod tests {
    use super::{Escaped, JsonString, Lines, OneLine, PrintableJson};

    #[test]
    fn one_line_and_reversible() {
        let shown = Escaped(b"a\n\x1b[31m\\\xff\xe2\x80\xae\xc3\xa9").to_string();
        assert_eq!(shown, "a\\u{a}\\u{1b}[31m\\\\\\xff\\u{202e}é");
        assert_eq!(OneLine("a\n\x1b\\é").to_string(), "a\\u{a}\\u{1b}\\é");
        assert_eq!(Lines("a\n\x1b\r\n\n").to_string(), "a\n\\u{1b}\\u{d}\n\n");
    }

    #[test]
    fn json_that_is_safe_to_print() {
        let shown = JsonString("a\"\n\u{9b}\u{202e}\u{e0041}é\u{1f600}").to_string();
        assert_eq!(shown, "\"a\\\"\\n\\u009b\\u202e\\udb40\\udc41é\u{1f600}\"");
        let shown = PrintableJson("{\"a\\n\u{9b}\": [\n\"\u{7f}\"]}\n").to_string();
        assert_eq!(shown, "{\"a\\n\\u009b\": [\n\"\\u007f\"]}\n");
    }
}
