// SPDX-License-Identifier: BSD-2-Clause
//! Text of a record that is made of parts. Most parts are those of the record before: they are copied, many at a time.

use std::mem;

use super::changes::PartSet;

/// The text of the last record, by its parts.
#[derive(Default)]
pub struct KeptText {
    text: Vec<u8>,
    /// Bytes of each part.
    parts: Vec<usize>,
}

impl KeptText {
    /// Appends a text with as many parts as `parts` has. Those that are `changed` are not as in the last text, and `write`
    /// appends them; of the first text that is all of them.
    #[inline]
    pub fn write<T>(
        &mut self,
        parts: &mut [T],
        out: &mut Vec<u8>,
        changed: PartSet,
        mut write: impl FnMut(&mut T, &mut Vec<u8>),
    ) {
        let begin = out.len();
        self.parts.resize(parts.len(), 0);
        // Up to which part, and up to where in the last text, all is written.
        let (mut next, mut written) = (0, 0);
        for at in changed.of_parts(parts.len()) {
            let (Some(part), Some(same)) = (parts.get_mut(at), self.parts.get(next..at)) else { break };
            let place = written + same.iter().sum::<usize>();
            out.extend_from_slice(self.text.get(written..place).unwrap_or_default());
            let start = out.len();
            write(part, out);
            let before = mem::replace(&mut self.parts[at], out.len() - start);
            (next, written) = (at + 1, place + before);
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
            let changed: PartSet = (0..4).filter(|&at| line % parts[at] == 0).collect();
            kept.write(&mut parts, &mut out, changed, write);
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
