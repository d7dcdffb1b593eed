// SPDX-License-Identifier: BSD-2-Clause
//! Characters that can be printed without effect on the rest of the line.

/// Whether a character shows as itself: it is neither a control character nor a line separator, nor one of the format
/// characters that hide other characters or change their order.
pub fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        && !matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
        // Tags and other characters without a shape: they can hold a second, invisible text.
        && !matches!(c, '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::is_printable;

    #[test]
    fn what_shows_as_itself() {
        for c in "aé日\u{301}\u{1f600}\u{a0}\u{fe0f} \\\"".chars() {
            assert!(is_printable(c), "{c:?}");
        }
        for c in "\0\n\r\x1b\x7f\u{85}\u{9b}\u{ad}\u{200b}\u{202e}\u{2069}\u{feff}\u{e0001}\u{e0041}\u{e01ef}"
            .chars()
        {
            assert!(!is_printable(c), "{c:?}");
        }
    }
}
