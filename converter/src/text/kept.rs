// SPDX-License-Identifier: BSD-2-Clause
//! Text of a record that is made of parts. Most parts are those of the record before: they are copied, many at a time.

/// The text of the last record, by its parts.
#[derive(Default)]
pub struct KeptText {
    text: Vec<u8>,
    /// Bytes of each part.
    parts: Vec<usize>,
}

impl KeptText {
    /// Appends a text with as many parts as `parts` has. `is_same` says of a part whether it is that of the last text; of
    /// the first text it is not called. `write` appends one that is not.
    #[inline]
    pub fn write<T>(
        &mut self,
        parts: &mut [T],
        out: &mut Vec<u8>,
        is_same: impl Fn(&T) -> bool,
        mut write: impl FnMut(&mut T, &mut Vec<u8>),
    ) {
        let begin = out.len();
        let is_first = self.parts.len() != parts.len();
        self.parts.resize(parts.len(), 0);
        // In the last text: where a part begins, and up to where all is written.
        let (mut at, mut written) = (0, 0);
        for (part, len) in parts.iter_mut().zip(&mut self.parts) {
            let end = at + *len;
            if is_first || !is_same(part) {
                out.extend_from_slice(self.text.get(written..at).unwrap_or_default());
                let start = out.len();
                write(part, out);
                *len = out.len() - start;
                written = end;
            }
            at = end;
        }
        out.extend_from_slice(self.text.get(written..).unwrap_or_default());
        self.text.clear();
        self.text.extend_from_slice(out.get(begin..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_written_or_copied() {
        let mut kept = KeptText::default();
        let mut lines = String::new();
        // A part is written where its number divides that of the line.
        for line in 0..13_u32 {
            let mut out = b"> ".to_vec();
            let mut parts = [1_u32, 2, 3, 4];
            let write = |part: &mut u32, out: &mut Vec<u8>| {
                out.extend_from_slice(format!("{part}:{line:x};").repeat(line as usize % 3).as_bytes());
            };
            kept.write(&mut parts, &mut out, |part| line % part != 0, write);
            let expected = |part: u32| {
                let last = line - line % part;
                format!("{part}:{last:x};").repeat(last as usize % 3)
            };
            assert_eq!(
                String::from_utf8(out.clone()).unwrap(),
                format!("> {}", [1, 2, 3, 4].map(expected).concat())
            );
            lines.push_str(&String::from_utf8(out).unwrap());
        }
        assert!(lines.contains("4:8;4:8;"));
    }
}
