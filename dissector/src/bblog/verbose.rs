// SPDX-License-Identifier: BSD-2-Clause
//! The verbose part of a record.

use super::VERBOSE_LEN;
use crate::cursor::Cursor;

/// `struct tcp_log_verbose` (72 bytes): where in the kernel the record was made.
#[derive(Clone, Copy)]
pub struct Verbose<'a>(pub(super) &'a [u8; VERBOSE_LEN]);

impl<'a> Verbose<'a> {
    /// The 72 bytes.
    pub fn as_bytes(&self) -> &'a [u8; VERBOSE_LEN] {
        self.0
    }

    /// `tlv_snd_frm`: the caller of the output function; may be empty.
    pub fn caller(&self) -> &'a [u8] {
        Cursor(self.0).text(0, 32).unwrap_or_default()
    }

    /// `tlv_trace_func`: the function that logged.
    pub fn function(&self) -> &'a [u8] {
        Cursor(self.0).text(32, 32).unwrap_or_default()
    }

    /// `tlv_trace_line`: its source line.
    pub fn line(&self) -> u32 {
        Cursor(self.0).u32(64).unwrap_or_default()
    }
}
