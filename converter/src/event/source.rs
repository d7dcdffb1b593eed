// SPDX-License-Identifier: BSD-2-Clause
//! An input of any format as records and events.

use std::sync::Arc;

use bblog_dissector::Micros;
use bblog_dissector::elog::FileHeader;

use super::bblog::BblogStream;
use super::eventlog::ElogStream;
use super::item::LogItem;
use super::pcapng::PcapngEvents;
use crate::input::assumptions::Assumptions;
use crate::input::error::{InputError, InputErrorKind, OnError};
use crate::input::{Input, InputKind, InputPosition};
use crate::source::Counts;

/// An input as records and events.
pub trait EventSource {
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
    fn capture(&self) -> Option<Capture<'_>> {
        None
    }

    /// Counts of what was found besides records and events.
    fn counts(&self) -> Counts {
        Counts::default()
    }
}

/// Facts about the capture of an eventlog(9) event.
#[derive(Clone, Copy)]
pub struct Capture<'a> {
    /// The ELOG file header.
    pub header: &'a FileHeader,
    /// The provider table with its count.
    pub table: &'a [u8],
}

/// An input that holds nothing.
struct Nothing;

impl EventSource for Nothing {
    fn advance(&mut self) -> Result<bool, InputError> {
        Ok(false)
    }

    fn time(&self) -> Micros {
        Micros(0)
    }

    fn item(&self) -> Option<LogItem<'_>> {
        None
    }
}

impl EventSource for BblogStream {
    #[inline]
    fn advance(&mut self) -> Result<bool, InputError> {
        BblogStream::advance(self)
    }

    fn is_dry(&mut self) -> bool {
        BblogStream::is_dry(self)
    }

    fn time(&self) -> Micros {
        BblogStream::time(self)
    }

    #[inline]
    fn item(&self) -> Option<LogItem<'_>> {
        BblogStream::item(self).map(LogItem::Bblog)
    }

    fn counts(&self) -> Counts {
        Counts { entries: Some(self.entries()), sections: self.sections(), ..Counts::default() }
    }
}

impl EventSource for ElogStream {
    #[inline]
    fn advance(&mut self) -> Result<bool, InputError> {
        ElogStream::advance(self)
    }

    fn is_dry(&mut self) -> bool {
        ElogStream::is_dry(self)
    }

    fn time(&self) -> Micros {
        ElogStream::time(self)
    }

    #[inline]
    fn item(&self) -> Option<LogItem<'_>> {
        ElogStream::item(self).map(LogItem::Eventlog)
    }

    fn capture(&self) -> Option<Capture<'_>> {
        Some(Capture { header: self.header(), table: self.table_bytes() })
    }

    fn counts(&self) -> Counts {
        Counts { sections: 1, ..Counts::default() }
    }
}

/// Takes `input` as records and events.
///
/// # Errors
/// An [`InputError`] that leaves nothing of the input to read.
pub fn open(
    input: Input,
    position: InputPosition,
    assumptions: &Arc<Assumptions>,
    on_error: &mut OnError<'_>,
) -> Result<Box<dyn EventSource>, InputError> {
    let Input { name, kind, window, notice, .. } = input;
    notice.iter().for_each(|notice| on_error(&name, notice));
    Ok(match kind {
        InputKind::Elog => Box::new(ElogStream::open(window, &name, assumptions)?),
        InputKind::Bblog => Box::new(BblogStream::new(window, position, assumptions)),
        InputKind::Records => Box::new(BblogStream::of_records(window, position, assumptions)),
        InputKind::Pcapng => Box::new(PcapngEvents::new(window, assumptions)),
        InputKind::Empty => {
            on_error(&name, &InputError::at(0, InputErrorKind::Empty));
            Box::new(Nothing)
        }
    })
}
