// SPDX-License-Identifier: BSD-2-Clause
//! Lines cut to the width of a terminal.

/// What stands at the end of a line that was cut.
const MARK: &[u8] = b"..";

/// What a segment can do without, and its number: first the window, then the ACK of one that carries data.
const LEAST_WANTED: [(&str, &str); 2] = [(" win ", ""), (" ack ", " seq ")];

/// Leaves out of the segment that begins at `segment` what it can do without, until the line that begins at `start` of
/// `out` takes no more than `width` columns.
pub(super) fn shorten_segment(out: &mut Vec<u8>, start: usize, segment: usize, width: usize) {
    for (word, beside) in LEAST_WANTED {
        let Some(line) = out.get(start..) else { return };
        if line.len() <= width || end_of(line, width, width).is_none() {
            return;
        }
        let Some(text) = out.get(segment..) else { return };
        if find(text, beside).is_some()
            && let Some(at) = find(text, word)
        {
            let number = text[at + word.len()..].iter().take_while(|byte| byte.is_ascii_digit()).count();
            out.drain(segment + at..segment + at + word.len() + number);
        }
    }
}

/// Cuts the line that begins at `start` of `out` to `width` columns: behind a word if it has one that ends
/// there, and with a mark. `keep` stands behind the mark if it is in what was cut off. Escape sequences take no
/// columns and are kept, those after the cut too.
pub(super) fn to_width(out: &mut Vec<u8>, start: usize, width: usize, keep: &str) {
    let Some(line) = out.get(start..) else { return };
    // Most lines are shorter than that many bytes.
    if line.len() <= width {
        return;
    }
    let room = width.saturating_sub(MARK.len());
    let Some(mut end) = end_of(line, width, room) else { return };
    let is_lost = !keep.is_empty() && find(line, keep).is_some() && find(&line[..end], keep).is_none();
    if is_lost {
        let room = room.saturating_sub(keep.len() + 1);
        end = end_of(line, width, room).unwrap_or(end);
    }
    let sequences = escapes(&line[end..]);
    out.truncate(start + end);
    out.extend_from_slice(MARK);
    if is_lost {
        out.push(b' ');
        out.extend_from_slice(keep.as_bytes());
    }
    out.extend_from_slice(&sequences);
}

/// Where a word stands in a text.
fn find(text: &[u8], word: &str) -> Option<usize> {
    if word.is_empty() {
        return Some(0);
    }
    text.windows(word.len()).position(|part| part == word.as_bytes())
}

/// Where a line that takes more than `width` columns ends within `room` of them; `None` if it takes no more.
fn end_of(line: &[u8], width: usize, room: usize) -> Option<usize> {
    let (mut columns, mut escaped) = (0, false);
    // Where the line can end: behind a word, and anywhere.
    let (mut word, mut anywhere) = (None, 0);
    for (at, byte) in line.iter().enumerate() {
        match byte {
            0x1b => escaped = true,
            _ if escaped => escaped = !byte.is_ascii_alphabetic(),
            // A byte that continues a character.
            0x80..0xc0 => {}
            _ => {
                if columns <= room {
                    anywhere = at;
                    if *byte == b' ' && columns > 0 && line[at - 1] != b' ' {
                        word = Some(at);
                    }
                }
                columns += 1;
            }
        }
    }
    // A word longer than half the line is cut.
    (columns > width).then(|| word.filter(|&word| word >= anywhere / 2).unwrap_or(anywhere))
}

/// The escape sequences in `text`.
fn escapes(text: &[u8]) -> Vec<u8> {
    let mut escaped = false;
    let kept = text.iter().filter(|byte| {
        let keep = escaped || **byte == 0x1b;
        escaped = keep && !(escaped && byte.is_ascii_alphabetic());
        keep
    });
    kept.copied().collect()
}

#[cfg(test)]
mod tests {
    use super::{shorten_segment, to_width};

    fn cut(line: &str, width: usize) -> String {
        cut_but(line, width, "")
    }

    fn cut_but(line: &str, width: usize, keep: &str) -> String {
        let mut out = b"before ".to_vec();
        let start = out.len();
        out.extend_from_slice(line.as_bytes());
        to_width(&mut out, start, width, keep);
        String::from_utf8(out.split_off(start)).unwrap()
    }

    #[test]
    fn behind_a_word() {
        assert_eq!(cut("one two three", 13), "one two three");
        assert_eq!(cut("one two three", 12), "one two..");
        assert_eq!(cut("one two three", 9), "one two..");
        assert_eq!(cut("one two three", 8), "one..");
        assert_eq!(cut("incomprehensibilities", 10), "incompre..");
        assert_eq!(cut("a incomprehensibilities", 10), "a incomp..");
        assert_eq!(cut("", 0), "");
    }

    #[test]
    fn what_must_be_seen() {
        let line = "[.] seq 1:2 ack 3 len 1, TLP retransmission; cwnd 4";
        assert_eq!(cut_but(line, 51, "TLP retransmission"), line);
        assert_eq!(cut_but(line, 50, "TLP retransmission"), "[.] seq 1:2 ack 3 len 1, TLP retransmission;..");
        assert_eq!(cut_but(line, 40, "TLP retransmission"), "[.] seq 1:2 ack 3.. TLP retransmission");
        assert_eq!(cut_but(line, 40, "FAILED"), "[.] seq 1:2 ack 3 len 1, TLP..");
    }

    #[test]
    fn a_segment_without_what_it_can_do_without() {
        let shortened = |line: &str, width: usize| {
            let mut out = b"12:00 ".to_vec();
            out.extend_from_slice(line.as_bytes());
            shorten_segment(&mut out, 0, 6, width);
            String::from_utf8(out.split_off(6)).unwrap()
        };
        let data = "[P.] seq 1:1449 ack 1 win 65728 len 1448; cwnd 14480 flight 1448";
        assert_eq!(shortened(data, 70), data);
        assert_eq!(shortened(data, 69), "[P.] seq 1:1449 ack 1 len 1448; cwnd 14480 flight 1448");
        assert_eq!(shortened(data, 59), "[P.] seq 1:1449 len 1448; cwnd 14480 flight 1448");
        assert_eq!(shortened(data, 20), "[P.] seq 1:1449 len 1448; cwnd 14480 flight 1448");
        assert_eq!(shortened("[.] ack 1 win 65728 len 0", 20), "[.] ack 1 len 0");
    }

    #[test]
    fn colours_and_characters_of_several_bytes() {
        assert_eq!(cut("\x1b[31mone two three\x1b[0m", 13), "\x1b[31mone two three\x1b[0m");
        assert_eq!(cut("\x1b[31mone two three\x1b[0m", 9), "\x1b[31mone two..\x1b[0m");
        assert_eq!(cut("\u{e9}\u{e9} \u{e9}\u{e9}", 5), "\u{e9}\u{e9} \u{e9}\u{e9}");
        assert_eq!(cut("\u{e9}\u{e9} \u{e9}\u{e9}", 4), "\u{e9}\u{e9}..");
    }
}
