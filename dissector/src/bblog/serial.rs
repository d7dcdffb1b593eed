// SPDX-License-Identifier: BSD-2-Clause
//! The order of records by serial numbers.

/// How a record's serial number stands to the one that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serial {
    /// It is the one expected, or the first one seen.
    Next,
    /// This number of records was lost before it.
    Gap(u32),
    /// It runs backwards: another connection's log, or the same one begun anew.
    Restart,
}

/// Serial numbers further ahead than this run backwards: nothing loses that many records.
const BACKWARDS: u32 = 1 << 31;

impl Serial {
    /// How `found` stands to `expected`, which is the number after that of the connection's previous record, or
    /// `None` before its first one. Numbers wrap.
    #[inline]
    pub fn of(found: u32, expected: Option<u32>) -> Serial {
        match found.wrapping_sub(expected.unwrap_or(found)) {
            0 => Serial::Next,
            gap if gap < BACKWARDS => Serial::Gap(gap),
            _ => Serial::Restart,
        }
    }

    /// How many records are missing before this one.
    #[inline]
    pub fn missing(self) -> u32 {
        match self {
            Serial::Gap(gap) => gap,
            Serial::Next | Serial::Restart => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Serial;

    #[test]
    fn gaps() {
        assert_eq!(Serial::of(100, None), Serial::Next);
        assert_eq!(Serial::of(5, Some(5)), Serial::Next);
        assert_eq!(Serial::of(8, Some(5)), Serial::Gap(3));
        assert_eq!(Serial::of(1, Some(u32::MAX)), Serial::Gap(2));
        assert_eq!(Serial::of(0, Some(8)), Serial::Restart);
        assert_eq!(Serial::of(0, Some(1 << 31)), Serial::Restart);
        assert_eq!([Serial::Next, Serial::Gap(7), Serial::Restart].map(Serial::missing), [0, 7, 0]);
    }
}
