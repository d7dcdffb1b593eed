// SPDX-License-Identifier: BSD-2-Clause
//! Several inputs in one file, in time order.
//!
//! Each input is a stream in its own order; the frame that comes next is the earliest of those
//! that the streams have in front. Nothing is sorted, so memory does not grow with the inputs,
//! and an input that is not in time order itself stays as it is. An open input takes up to
//! 256 KiB, a BBLog stream up to 4 MiB more for the entry it is in; of many inputs each takes
//! less. Of more than a few, each is opened to find out its first time, closed, and opened again
//! when that has come, so a long series has few files open at a time.
//!
//! Whenever the next frame is of another section than the last, the section begins anew in the
//! output. That costs about 350 bytes for BBLog and 500 for eventlog each time: as much as a
//! record where two busy connections alternate, nothing where they follow one another.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use bblog_dissector::Micros;

use crate::bblog_section::BblogStream;
use crate::error::{Cause, Fault, WriteError};
use crate::event_stream::{EventSource, Seen, seen_record};
use crate::eventlog_section::ElogStream;
use crate::gather::Gather;
use crate::input::{Input, Kind, Name};
use crate::listing::Picker;
use crate::meter;
use crate::owner::Owner;
use crate::pcapng_section::PcapngStream;
use crate::sink::Sink;
use crate::tables::Tables;

/// So many inputs are opened once for all.
pub(crate) const AWAKE: usize = 16;

/// Takes the faults as they are found, with the name of their input.
pub type OnFault<'a> = dyn FnMut(&Name, &Fault) + 'a;

/// An input as a stream of frames.
pub struct Stream {
    name: Name,
    /// The number of this input, and of how many.
    number: (usize, usize),
    tables: Arc<Tables>,
    frames: Frames,
    /// Time of the frame in front; `None` at the end.
    front: Option<Micros>,
}

enum Frames {
    /// Not opened again yet.
    Asleep,
    Bblog(Box<BblogStream>),
    Elog(Box<ElogStream>),
    Pcapng(Box<PcapngStream>),
    Empty,
}

impl Frames {
    fn of(
        input: Input,
        (number, inputs): (usize, usize),
        tables: &Arc<Tables>,
        on_fault: &mut OnFault<'_>,
    ) -> Result<Frames, Fault> {
        let Input { name, kind, window, .. } = input;
        Ok(match kind {
            Kind::Elog => Frames::Elog(Box::new(ElogStream::open(window, number, &name, tables)?)),
            Kind::Tcplog => Frames::Bblog(Box::new(BblogStream::new(window, number, inputs, tables))),
            Kind::Pcapng => Frames::Pcapng(Box::new(PcapngStream::new(window, number, tables))),
            Kind::Empty => {
                on_fault(&name, &Fault::at(0, Cause::Empty));
                Frames::Empty
            }
        })
    }
}

impl Stream {
    /// Opens `name`, number `number` of `inputs`, and finds its first frame.
    ///
    /// # Errors
    /// A [`Fault`] that leaves nothing of the input to read.
    pub fn open(
        name: &Name,
        number: (usize, usize),
        tables: &Arc<Tables>,
        on_fault: &mut OnFault<'_>,
    ) -> Result<Stream, Fault> {
        if number.1 <= AWAKE || !name.can_be_opened_again() {
            let input = Input::open_one_of(name.clone(), number.1)?;
            return Stream::of(input, number, tables, on_fault);
        }
        // What is wrong up to the first frame is told when that is reached.
        let look = || {
            let input = Input::open_one_of(name.clone(), number.1)?;
            Stream::of(input, number, tables, &mut |_, _| {})
        };
        let mut stream = meter::uncounted(look)?;
        if stream.front.is_some() {
            stream.frames = Frames::Asleep;
            return Ok(stream);
        }
        let input = Input::open_one_of(name.clone(), number.1)?;
        Stream::of(input, number, tables, on_fault)
    }

    /// Takes `input`, number `number` of `inputs`, and reads up to its first frame.
    ///
    /// # Errors
    /// A [`Fault`] that leaves nothing of the input to read.
    pub fn of(
        input: Input,
        number: (usize, usize),
        tables: &Arc<Tables>,
        on_fault: &mut OnFault<'_>,
    ) -> Result<Stream, Fault> {
        let name = input.name.clone();
        let frames = Frames::of(input, number, tables, on_fault)?;
        let mut stream = Stream { name, number, tables: Arc::clone(tables), frames, front: None };
        stream.advance(on_fault);
        Ok(stream)
    }

    /// Opens the input again, if it was only looked at.
    fn wake(&mut self, on_fault: &mut OnFault<'_>) {
        if !matches!(self.frames, Frames::Asleep) {
            return;
        }
        let frames = Input::open_one_of(self.name.clone(), self.number.1)
            .and_then(|input| Frames::of(input, self.number, &self.tables, on_fault));
        self.frames = frames.unwrap_or_else(|fault| {
            on_fault(&self.name, &fault);
            Frames::Empty
        });
        self.advance(on_fault);
    }

    /// Whether there is anything of this input to write, an empty section included.
    pub fn is_readable(&self) -> bool {
        match &self.frames {
            Frames::Bblog(bblog) => bblog.is_readable(),
            Frames::Asleep | Frames::Elog(_) | Frames::Pcapng(_) | Frames::Empty => true,
        }
    }

    #[inline(always)]
    fn advance(&mut self, on_fault: &mut OnFault<'_>) {
        loop {
            let (more, time) = match &mut self.frames {
                Frames::Bblog(bblog) => (bblog.advance(), bblog.time()),
                Frames::Elog(elog) => (elog.advance(), elog.time()),
                Frames::Pcapng(pcapng) => (pcapng.advance(), pcapng.time()),
                Frames::Asleep | Frames::Empty => (Ok(false), Micros(0)),
            };
            match more {
                Ok(more) => {
                    self.front = more.then_some(time);
                    return;
                }
                Err(fault) => on_fault(&self.name, &fault),
            }
        }
    }

    /// The record or event in front; `None` if the frame is neither.
    #[inline]
    fn seen(&self) -> Option<Seen<'_>> {
        match &self.frames {
            Frames::Bblog(bblog) => seen_record(bblog, &self.tables),
            Frames::Elog(elog) => elog.seen(),
            Frames::Pcapng(pcapng) => pcapng.reader().seen(),
            Frames::Asleep | Frames::Empty => None,
        }
    }

    /// Whether the frame in front is picked, which only events are.
    #[inline]
    fn is_picked(&self, picker: &mut Picker) -> bool {
        self.seen().is_some_and(|seen| picker.picks(self.number.0, seen))
    }

    /// Writes the frame in front, and its section's beginning before it if need be.
    ///
    /// # Errors
    /// [`WriteError`].
    #[inline]
    pub fn write<G: Gather>(&self, sink: &mut Sink<G>) -> Result<(), WriteError> {
        match &self.frames {
            Frames::Bblog(bblog) => bblog.write(sink),
            Frames::Elog(elog) => elog.write(sink),
            Frames::Pcapng(pcapng) => pcapng.write(sink),
            Frames::Asleep | Frames::Empty => Ok(()),
        }
    }

    /// Writes what follows the last frame.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn finish<G: Gather>(&self, sink: &mut Sink<G>) -> Result<(), WriteError> {
        match &self.frames {
            Frames::Elog(elog) => elog.finish(sink),
            Frames::Asleep | Frames::Bblog(_) | Frames::Pcapng(_) | Frames::Empty => Ok(()),
        }
    }

    /// The number of its input.
    pub fn number(&self) -> usize {
        self.number.0
    }

    /// Whose the frame in front is.
    #[inline]
    pub fn owner(&self) -> Owner<'_> {
        match &self.frames {
            Frames::Bblog(bblog) => Owner::Entry { header: bblog.header(), section: bblog.sections() },
            Frames::Elog(elog) => elog.owner(),
            Frames::Pcapng(pcapng) => pcapng.owner(),
            Frames::Asleep | Frames::Empty => Owner::Nobody,
        }
    }
}

/// What [`merge`] gives a stream for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The frame in front comes next.
    Frame,
    /// There are no more.
    End,
}

/// Gives the streams to `take` in the order of their frames' times, and returns how many frames
/// there were. Equal times keep the order of the inputs. With a picker only the frames of the events
/// that it picks are given, and none after the last one that it can pick.
///
/// # Errors
/// Those of `take`; faults of inputs go to `on_fault`.
pub fn merge<E>(
    streams: &mut [Stream],
    mut picker: Option<&mut Picker>,
    on_fault: &mut OnFault<'_>,
    mut take: impl FnMut(&Stream, Turn) -> Result<(), E>,
) -> Result<u64, E> {
    let mut frames = 0;
    let mut fronts = BinaryHeap::new();
    for (number, stream) in streams.iter().enumerate() {
        match stream.front {
            Some(time) => fronts.push(Reverse((time, number))),
            None => take(stream, Turn::End)?,
        }
    }
    while let Some(Reverse((_, number))) = fronts.pop() {
        let Some(stream) = streams.get_mut(number) else { continue };
        stream.wake(on_fault);
        let next = fronts.peek().map(|Reverse(next)| *next);
        // The stream stays in front as long as no other has an earlier frame.
        loop {
            if stream.front.is_some() {
                if picker.as_mut().is_none_or(|picker| stream.is_picked(picker)) {
                    take(stream, Turn::Frame)?;
                    frames += 1;
                } else if let Frames::Pcapng(pcapng) = &mut stream.frames {
                    pcapng.pass_over();
                }
                meter::count_event();
                if picker.as_ref().is_some_and(|picker| picker.is_full()) {
                    take(stream, Turn::End)?;
                    return Ok(frames);
                }
                stream.advance(on_fault);
            }
            let Some(time) = stream.front else {
                take(stream, Turn::End)?;
                // Its memory is not needed any more.
                stream.frames = Frames::Empty;
                break;
            };
            if next.is_some_and(|next| next < (time, number)) {
                fronts.push(Reverse((time, number)));
                break;
            }
        }
    }
    Ok(frames)
}
