// SPDX-License-Identifier: BSD-2-Clause
//! Sequence numbers, which wrap at 2^32.

/// Whether `a` lies before `b`.
#[inline]
pub(crate) fn before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

/// How far `to` lies after `from`; 0 if it does not.
#[inline]
pub(crate) fn distance(from: u32, to: u32) -> u32 {
    if before(from, to) { to.wrapping_sub(from) } else { 0 }
}

/// The later of the two.
#[inline]
pub(crate) fn later(a: u32, b: u32) -> u32 {
    if before(a, b) { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps() {
        assert!(before(u32::MAX, 3));
        assert_eq!(distance(u32::MAX, 3), 4);
        assert_eq!(distance(3, u32::MAX), 0);
        assert_eq!(later(u32::MAX, 3), 3);
    }
}
