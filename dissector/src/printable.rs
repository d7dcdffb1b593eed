// SPDX-License-Identifier: BSD-2-Clause
//! Characters that can be printed without effect on the rest of the line.

/// Whether a character shows as itself: it is neither a control character nor a line separator, nor one of the format
/// characters that hide other characters or change their order.
pub fn is_printable(c: char) -> bool {
    !c.is_control()
        && !matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        && !matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}
