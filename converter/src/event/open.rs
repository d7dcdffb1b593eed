// SPDX-License-Identifier: BSD-2-Clause
//! Opens an input of any format as a source of records and events.

use std::sync::Arc;

use bblog_dissector::Micros;

use super::bblog::BblogStream;
use super::eventlog::ElogStream;
use super::item::LogItem;
use super::pcapng::PcapngEvents;
use super::source::EventSource;
use crate::input::assumptions::Assumptions;
use crate::input::error::{InputError, InputErrorKind, OnError};
use crate::input::{Input, InputKind, InputPosition};

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

/// Takes `input` as records and events.
///
/// # Errors
/// An [`InputError`] that leaves nothing of the input to read.
pub fn source(
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
