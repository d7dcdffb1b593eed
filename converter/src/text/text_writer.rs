// SPDX-License-Identifier: BSD-2-Clause
//! Text that is formatted into bytes.

/// Takes text without the detours of [`std::io::Write::write_fmt`].
pub(super) struct TextWriter<'a>(pub(super) &'a mut Vec<u8>);

impl std::fmt::Write for TextWriter<'_> {
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
