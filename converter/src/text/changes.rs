// SPDX-License-Identifier: BSD-2-Clause
//! What is different from one record to the next: text of values that are not can be used again.

use bblog_dissector::event::{ByteSet, Event};
use bblog_dissector::spec::{Kernel, Stack};

/// The last record.
#[derive(Default)]
pub struct Changes {
    bytes: Vec<u8>,
    /// Its stack and kernel; `None` before the first.
    of: Option<(Stack, Kernel)>,
}

impl Changes {
    /// Takes in the next record, and returns which of its bytes differ from those of the last one. If stack or kernel do,
    /// all count as different.
    #[inline]
    pub fn next(&mut self, event: &Event<'_>) -> ByteSet {
        let of = Some((event.stack(), event.kernel()));
        let bytes = event.as_bytes();
        let differing = if self.of == of { ByteSet::differing(&self.bytes, bytes) } else { ByteSet::ALL };
        self.of = of;
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        differing
    }
}
