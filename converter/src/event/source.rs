// SPDX-License-Identifier: BSD-2-Clause
//! An input of any format as records and events.

use bblog_dissector::Micros;
use bblog_dissector::elog::FileHeader;

use super::item::LogItem;
use crate::input::error::InputError;
use crate::source::{CaptureDrops, InputCounts};

/// An input as records and events.
pub trait EventSource: Send {
    /// Steps to the next record or event; `false` at the end.
    ///
    /// # Errors
    /// A [`InputError`]; call again for what follows.
    fn advance(&mut self) -> Result<bool, InputError>;

    /// Whether the next step has to wait for a live input.
    fn is_dry(&mut self) -> bool {
        false
    }

    /// Time of the current one.
    fn time(&self) -> Micros;

    /// The current one; `None` unless [`EventSource::advance`] just stepped to one.
    fn item(&self) -> Option<LogItem<'_>>;

    /// The capture of the current event or of the next ones. `None` if it is not known.
    fn capture(&self) -> Option<CaptureFacts<'_>> {
        None
    }

    /// Counts of what was found besides records and events.
    fn counts(&self) -> InputCounts {
        InputCounts::default()
    }

    /// Events that the kernel dropped, by the captures so far.
    fn drops(&self) -> CaptureDrops {
        CaptureDrops::default()
    }
}

/// Facts about the capture of an eventlog(9) event.
#[derive(Clone, Copy)]
pub struct CaptureFacts<'a> {
    /// The ELOG file header.
    pub header: &'a FileHeader,
    /// The provider table with its count.
    pub table: &'a [u8],
}
