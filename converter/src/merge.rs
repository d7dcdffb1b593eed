//! Several inputs in one file, in time order.
//!
//! Each input is a stream in its own order; the frame that comes next is the earliest of those
//! that the streams have in front. Nothing is sorted, so memory does not grow with the inputs,
//! and an input that is not in time order itself stays as it is. All inputs are open at a time;
//! each takes about 256 KiB, a BBLog stream up to 4 MiB more for the entry it is in.
//!
//! Whenever the next frame is of another section than the last, the section begins anew in the
//! output. That costs about 350 bytes for BBLog and 500 for eventlog each time: as much as a
//! record where two busy connections alternate, nothing where they follow one another.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write;
use std::sync::Arc;

use bblog_dissector::Micros;

use crate::bblog_section::BblogStream;
use crate::error::{Cause, Fault, WriteError};
use crate::eventlog_section::ElogStream;
use crate::input::{Input, Kind, Name};
use crate::meter;
use crate::pcapng::Sink;
use crate::pcapng_section::PcapngStream;
use crate::tables::Tables;

/// Takes the faults as they are found, with the name of their input.
pub type OnFault<'a> = dyn FnMut(&Name, &Fault) + 'a;

/// An input as a stream of frames.
pub struct Stream {
    name: Name,
    frames: Frames,
    /// Time of the frame in front; `None` at the end.
    front: Option<Micros>,
}

enum Frames {
    Bblog(Box<BblogStream>),
    Elog(Box<ElogStream>),
    Pcapng(Box<PcapngStream>),
    Empty,
}

impl Stream {
    /// Takes `input`, number `number` of `inputs`, and reads up to its first frame.
    ///
    /// # Errors
    /// A [`Fault`] that leaves nothing of the input to read.
    pub fn open(
        input: Input,
        (number, inputs): (usize, usize),
        tables: &Arc<Tables>,
        on_fault: &mut OnFault<'_>,
    ) -> Result<Stream, Fault> {
        let Input { name, kind, window, .. } = input;
        let frames = match kind {
            Kind::Elog => Frames::Elog(Box::new(ElogStream::open(window, number, &name, tables)?)),
            Kind::Tcplog => Frames::Bblog(Box::new(BblogStream::new(window, number, inputs, tables))),
            Kind::Pcapng => Frames::Pcapng(Box::new(PcapngStream::new(window, number, tables))),
            Kind::Empty => {
                on_fault(&name, &Fault::at(0, Cause::Empty));
                Frames::Empty
            }
        };
        let mut stream = Stream { name, frames, front: None };
        stream.advance(on_fault);
        Ok(stream)
    }

    /// Whether there is anything of this input to write, an empty section included.
    pub fn is_readable(&self) -> bool {
        match &self.frames {
            Frames::Bblog(bblog) => bblog.is_readable(),
            Frames::Elog(_) | Frames::Pcapng(_) | Frames::Empty => true,
        }
    }

    fn advance(&mut self, on_fault: &mut OnFault<'_>) {
        loop {
            let (more, time) = match &mut self.frames {
                Frames::Bblog(bblog) => (bblog.advance(), bblog.time()),
                Frames::Elog(elog) => (elog.advance(), elog.time()),
                Frames::Pcapng(pcapng) => (pcapng.advance(), pcapng.time()),
                Frames::Empty => (Ok(false), Micros(0)),
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

    fn write<W: Write>(&self, sink: &mut Sink<W>) -> Result<(), WriteError> {
        match &self.frames {
            Frames::Bblog(bblog) => bblog.write(sink),
            Frames::Elog(elog) => elog.write(sink),
            Frames::Pcapng(pcapng) => pcapng.write(sink),
            Frames::Empty => Ok(()),
        }
    }

    fn finish<W: Write>(&self, sink: &mut Sink<W>) -> Result<(), WriteError> {
        match &self.frames {
            Frames::Elog(elog) => elog.finish(sink),
            Frames::Bblog(_) | Frames::Pcapng(_) | Frames::Empty => Ok(()),
        }
    }
}

/// Writes the frames of all streams in time order, and returns how many there were. Equal times
/// keep the order of the inputs.
///
/// # Errors
/// [`WriteError`]; faults of inputs go to `on_fault`.
pub fn merge<W: Write>(
    streams: &mut [Stream],
    sink: &mut Sink<W>,
    on_fault: &mut OnFault<'_>,
) -> Result<u64, WriteError> {
    let mut frames = 0;
    let mut fronts = BinaryHeap::new();
    for (number, stream) in streams.iter().enumerate() {
        match stream.front {
            Some(time) => fronts.push(Reverse((time, number))),
            None => stream.finish(sink)?,
        }
    }
    while let Some(Reverse((_, number))) = fronts.pop() {
        let Some(stream) = streams.get_mut(number) else { continue };
        let next = fronts.peek().map(|Reverse(next)| *next);
        // The stream stays in front as long as no other has an earlier frame.
        loop {
            stream.write(sink)?;
            frames += 1;
            meter::count_event();
            stream.advance(on_fault);
            let Some(time) = stream.front else {
                stream.finish(sink)?;
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
