// SPDX-License-Identifier: BSD-2-Clause
//! Numbers of things in messages.

use std::fmt;

/// A number and what it counts, a noun in the singular: `1 segment`, `4 segments`, `2 entries`.
///
/// ```
/// use bblog_dissector::counted::Counted;
///
/// assert_eq!(Counted(1, "lost record").to_string(), "1 lost record");
/// assert_eq!(Counted(0, "process").to_string(), "0 processes");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Counted(pub u64, pub &'static str);

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counted(number, noun) = *self;
        if number == 1 {
            return write!(f, "1 {noun}");
        }
        let is_vowel = |letter: u8| b"aeiou".contains(&letter);
        match *noun.as_bytes() {
            [.., before, b'y'] if !is_vowel(before) => write!(f, "{number} {}ies", &noun[..noun.len() - 1]),
            [.., b's' | b'x'] | [.., b'c' | b's', b'h'] => write!(f, "{number} {noun}es"),
            _ => write!(f, "{number} {noun}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns() {
        let two = |noun| Counted(2, noun).to_string();
        assert_eq!(
            [two("RTO"), two("entry"), two("loss"), two("flush"), two("day"), two("index")],
            ["2 RTOs", "2 entries", "2 losses", "2 flushes", "2 days", "2 indexes"]
        );
        assert_eq!(Counted(1, "entry").to_string(), "1 entry");
    }
}
