// SPDX-License-Identifier: BSD-2-Clause
//! An input as a stream of frames, and several of them in time order.

use std::sync::Arc;

use bblog_dissector::Micros;
use bblog_pcapng::WriteError;
use bblog_pcapng::bblog_entry::EventForm;
use bblog_pcapng::eventlog_frame;
use bblog_pcapng::netflix::NetflixBlock;
use bblog_pcapng::section_head::SectionHead;

use super::owner::Owner;
use super::pcapng::PcapngStream;
use super::sink::{InputSection, PcapngSink};
use crate::buffered_sink::BufferedSink;
use crate::event::bblog::BblogStream;
use crate::event::eventlog::ElogStream;
use crate::event::item::LogItem;
use crate::event::merge::{Merge, MergeInput, Turn};
use crate::input::assumptions::Assumptions;
use crate::input::error::{InputError, InputErrorKind, OnError};
use crate::input::{Input, InputKind, InputPosition};
use crate::select::walk::Picker;

/// The frames of several inputs in time order.
pub type MergedFrames = Merge<FrameStream>;

/// An input as frames.
pub struct FrameStream {
    /// The index of this input.
    input: usize,
    source: FrameSource,
}

enum FrameSource {
    Bblog(Box<BblogStream>),
    Elog(Box<ElogStream>),
    Pcapng(Box<PcapngStream>),
    Empty,
}

impl MergeInput for FrameStream {
    type Key = Micros;

    fn open(
        input: Input,
        position: InputPosition,
        assumptions: &Arc<Assumptions>,
        on_error: &mut OnError<'_>,
    ) -> Result<FrameStream, InputError> {
        let Input { name, kind, window, notice, .. } = input;
        notice.iter().for_each(|notice| on_error(&name, notice));
        let source = match kind {
            InputKind::Elog => FrameSource::Elog(Box::new(ElogStream::open(window, &name, assumptions)?)),
            InputKind::Bblog => FrameSource::Bblog(Box::new(BblogStream::new(window, position, assumptions))),
            InputKind::Records => {
                FrameSource::Bblog(Box::new(BblogStream::of_records(window, position, assumptions)))
            }
            InputKind::Pcapng => FrameSource::Pcapng(Box::new(PcapngStream::new(window, assumptions))),
            InputKind::Empty => {
                on_error(&name, &InputError::at(0, InputErrorKind::Empty));
                FrameSource::Empty
            }
        };
        Ok(FrameStream { input: position.index, source })
    }

    #[inline(always)]
    fn step(&mut self) -> Result<Option<Micros>, InputError> {
        let (more, time) = match &mut self.source {
            FrameSource::Bblog(bblog) => (bblog.advance()?, bblog.time()),
            FrameSource::Elog(elog) => (elog.advance()?, elog.time()),
            FrameSource::Pcapng(pcapng) => (pcapng.advance()?, pcapng.time()),
            FrameSource::Empty => (false, Micros(0)),
        };
        Ok(more.then_some(time))
    }

    fn is_dry(&mut self) -> bool {
        match &mut self.source {
            FrameSource::Bblog(bblog) => bblog.is_dry(),
            FrameSource::Elog(elog) => elog.is_dry(),
            FrameSource::Pcapng(pcapng) => pcapng.is_dry(),
            FrameSource::Empty => false,
        }
    }
}

impl FrameStream {
    /// Whether there is anything of this input to write, an empty section included.
    pub fn is_readable(&self) -> bool {
        match &self.source {
            FrameSource::Bblog(bblog) => bblog.is_readable(),
            FrameSource::Elog(_) | FrameSource::Pcapng(_) | FrameSource::Empty => true,
        }
    }

    /// The current record or event; `None` if the frame is neither.
    #[inline]
    pub fn item(&self) -> Option<LogItem<'_>> {
        match &self.source {
            FrameSource::Bblog(bblog) => bblog.item().map(LogItem::Bblog),
            FrameSource::Elog(elog) => elog.item().map(LogItem::Eventlog),
            FrameSource::Pcapng(pcapng) => pcapng.item(),
            FrameSource::Empty => None,
        }
    }

    /// The index of its input.
    pub fn input(&self) -> usize {
        self.input
    }

    /// The owner of the current frame.
    #[inline]
    pub fn owner(&self) -> Owner<'_> {
        match &self.source {
            FrameSource::Bblog(bblog) => {
                Owner::Entry { header: bblog.header(), section: bblog.sections(), record: bblog.record() }
            }
            FrameSource::Elog(elog) => elog.item().map_or(Owner::NoConnection, |item| Owner::Session {
                event: item.event,
                provider: item.provider.unwrap_or_default(),
                addresses: item.addresses,
            }),
            FrameSource::Pcapng(pcapng) => pcapng.owner(),
            FrameSource::Empty => Owner::NoConnection,
        }
    }

    /// If the current frame says how many records are missing before the next one, and that follows, it is kept to be
    /// written with that record, whose connection it is of. Returns whether it is.
    #[inline]
    pub fn keeps_marker(&mut self) -> bool {
        match &mut self.source {
            FrameSource::Pcapng(pcapng) => pcapng.keeps_marker(),
            _ => false,
        }
    }

    /// Writes the current frame, and its section's beginning before it if need be.
    ///
    /// # Errors
    /// [`WriteError`].
    #[inline]
    pub fn write<G: BufferedSink>(&self, sink: &mut PcapngSink<G>) -> Result<(), WriteError> {
        match &self.source {
            FrameSource::Bblog(bblog) => write_record(bblog, self.input, sink),
            FrameSource::Elog(elog) => write_event(elog, self.input, sink),
            FrameSource::Pcapng(pcapng) => pcapng.write(self.input, sink),
            FrameSource::Empty => Ok(()),
        }
    }

    /// Writes what follows the last frame: the statistics of a capture, the header of a section that has
    /// nothing else.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn finish<G: BufferedSink>(&self, sink: &mut PcapngSink<G>) -> Result<(), WriteError> {
        let elog = match &self.source {
            FrameSource::Elog(elog) => elog,
            FrameSource::Pcapng(pcapng) => return pcapng.finish(self.input, sink),
            FrameSource::Bblog(_) | FrameSource::Empty => return Ok(()),
        };
        sink.section(elog_section(self.input), || elog.info().section())?;
        sink.statistics(elog.info().section(), elog.info().statistics(elog.time()))
    }
}

/// Writes the current record: an entry is a section, and each change of stack in it begins one more.
#[inline]
fn write_record<G: BufferedSink>(
    bblog: &BblogStream,
    input: usize,
    sink: &mut PcapngSink<G>,
) -> Result<(), WriteError> {
    let Some(record) = bblog.record() else { return Ok(()) };
    let form = sink.form();
    let section = || -> SectionHead<'static> {
        let (id, origin) = bblog.origin();
        bblog.entry().section_in(form, id, &origin.stack_name, &origin.machine)
    };
    sink.section(InputSection { input, section: bblog.sections() }, section)?;
    sink.append(|out| {
        if bblog.missing() > 0 && form == EventForm::Block {
            NetflixBlock::Skipped(bblog.missing()).append(out);
        }
        bblog.entry().append_in(form, out, &record);
    })
}

/// Writes the current event: a capture is a section.
#[inline]
fn write_event<G: BufferedSink>(
    elog: &ElogStream,
    input: usize,
    sink: &mut PcapngSink<G>,
) -> Result<(), WriteError> {
    let Some(event) = elog.event() else { return Ok(()) };
    sink.section(elog_section(input), || elog.info().section())?;
    // Only sessions of `tcp` have a context with addresses, which a segment needs.
    sink.append(|out| eventlog_frame::append(out, elog.time(), &event, elog.context(), elog.plan()))
}

fn elog_section(input: usize) -> InputSection {
    InputSection { input, section: 0 }
}

/// What [`MergedFrames::each`] gives a stream for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameTurn {
    /// Its current frame comes next.
    Frame,
    /// Its current frame is not picked.
    PassedOver,
    /// The next frame has to be waited for: time to show what there is.
    Pause,
    /// It has no more.
    End,
}

impl MergedFrames {
    /// Gives the streams to `take` in the order of their frames' times, and returns how many frames
    /// are picked. With a picker the others are given as [`FrameTurn::PassedOver`], and none after the last one that it
    /// can pick.
    ///
    /// # Errors
    /// Those of `take`; errors of inputs go to `on_error`.
    pub fn each<E>(
        &mut self,
        mut picker: Option<&mut Picker>,
        on_error: &mut OnError<'_>,
        mut take: impl FnMut(&mut FrameStream, FrameTurn) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut frames = 0;
        while let Some(turn) = self.step(on_error) {
            let (Turn::Item(at) | Turn::End(at)) = turn;
            let is_dry = self.is_dry();
            let Some(stream) = self.stream_mut(at) else { continue };
            if turn == Turn::End(at) {
                take(stream, FrameTurn::End)?;
                continue;
            }
            let is_picked = match &mut picker {
                None => true,
                Some(picker) => stream.item().is_some_and(|item| picker.picks(stream.input, item)),
            };
            let frame = if is_picked { FrameTurn::Frame } else { FrameTurn::PassedOver };
            take(stream, frame)?;
            frames += u64::from(is_picked);
            if is_dry {
                take(stream, FrameTurn::Pause)?;
            }
            self.meter().count_event();
            if picker.as_ref().is_some_and(|picker| picker.is_full()) {
                if let Some(stream) = self.stream_mut(at) {
                    take(stream, FrameTurn::End)?;
                }
                break;
            }
            if !is_picked
                && let Some(FrameStream { source: FrameSource::Pcapng(pcapng), .. }) = self.stream_mut(at)
            {
                pcapng.pass_over();
            }
        }
        Ok(frames)
    }
}
