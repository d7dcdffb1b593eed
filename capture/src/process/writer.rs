// SPDX-License-Identifier: BSD-2-Clause
//! The one thread that takes what was read and writes it.

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::bblog::entries::{Entries, EntrySink};
use crate::device::message::{Message, Signal, Source};
use crate::device::queue::Queue;
use crate::device::tcp_log::Turns;
use crate::failure::{Failure, io_text};
use crate::log::Log;
use crate::output::bblog_files::BblogFiles;
use crate::output::eventlog_files::EventlogFiles;
use crate::output::eventlog_stream::EventlogOut;
use crate::output::stream::{BblogOut, StreamOut};
use crate::store::counters::Counters;
use crate::store::files::Store;

/// When nothing more comes for this long, what there is is written.
const IDLE: Duration = Duration::from_millis(5);
/// Nothing waits longer than this to be written.
const FLUSH: Duration = Duration::from_secs(1);

/// Where everything goes.
pub enum Output {
    /// To files.
    Files(Box<Files>),
    /// Into one stream.
    Stream(Box<Stream>),
}

/// Everything that writes files.
pub struct Files {
    /// The folder.
    pub store: Store,
    /// BBLog's entries.
    pub bblog: Option<BblogFiles>,
    /// eventlog's sessions.
    pub eventlog: Option<EventlogFiles>,
}

/// Everything that writes into the stream.
pub struct Stream {
    /// The stream.
    pub stream: StreamOut,
    /// BBLog's entries.
    pub bblog: Option<BblogOut>,
    /// eventlog's events.
    pub eventlog: Option<EventlogOut>,
}

/// The state of the thread.
pub struct Work {
    /// Where everything goes.
    pub output: Output,
    /// BBLog's stream.
    pub entries: Entries,
    /// Entries to take.
    pub limit: u64,
    /// Sources that have not ended.
    pub sources: usize,
    /// The only source, as long as it may be read here as well.
    pub turns: Option<Turns>,
    /// What is told to the operator.
    pub log: Rc<Log>,
}

/// How the sources are told to stop.
pub trait StopSources {
    /// After what is there.
    fn drain(&mut self);
    /// At once.
    fn abort(&mut self);
    /// At once, BBLog only.
    fn abort_tcp_log(&mut self);
}

impl Work {
    /// Works until all sources have ended, and finishes everything; `false` if something failed.
    pub fn run(&mut self, queue: &Queue, stop: &mut dyn StopSources) -> bool {
        let mut good = true;
        let mut flushed = Instant::now();
        while self.sources > 0 {
            let deadline =
                if self.output.is_dirty() { Some(Instant::now() + IDLE) } else { self.tick_at(flushed) };
            let read = self.turns.as_ref().and_then(|turns| turns.read(queue));
            let message = read.map(Message::Data).or_else(|| queue.pop(deadline));
            if message.is_none() || flushed.elapsed() >= FLUSH {
                self.output.flush();
                self.output.tick();
                flushed = Instant::now();
            }
            match message {
                None => {}
                Some(Message::Data(chunk)) => {
                    if let Err(failure) = self.take(chunk.source, chunk.bytes()) {
                        self.log.error(&failure);
                        good = false;
                        stop.abort_tcp_log();
                        self.turns = None;
                        self.entries = Entries::new(0);
                        // Whatever still comes of it is not looked at.
                        self.limit = 0;
                    }
                    queue.recycle(chunk);
                    let is_limited = self.limit != 0 && self.limit != u64::MAX;
                    if is_limited && self.entries.entries() >= self.limit {
                        stop.abort();
                        self.turns = None;
                    }
                }
                Some(Message::KernelDrops(drops)) => self.kernel_drops(drops),
                Some(Message::Signal(Signal::Stop)) => {
                    stop.drain();
                    // Only the device thread knows what is to be read still.
                    self.turns = None;
                }
                Some(Message::Signal(Signal::Reopen)) => self.output.reopen_index(),
                Some(Message::Signal(Signal::Report)) => self.output.counters().tell(&self.log, queue.load()),
                Some(Message::Ended(source, result)) => {
                    self.sources -= 1;
                    if let Err(failure) = result {
                        self.log.error(failure);
                        good = false;
                    }
                    if source == Source::TcpLog && self.limit > 0 {
                        good &= self.finish_entries();
                    }
                }
            }
            if let Some(error) = self.output.take_error() {
                // Whoever read our output has had enough: no reason to complain.
                if error.kind() != std::io::ErrorKind::BrokenPipe {
                    self.log.error(Failure::new("output", io_text(&error)));
                    good = false;
                }
                stop.abort();
                self.turns = None;
                // Nor that what is not read any more was in the middle of an entry.
                self.limit = 0;
            }
        }
        self.output.finish();
        good & self.output.take_error().is_none_or(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    }

    /// When files have to be looked after although nothing happens.
    fn tick_at(&self, flushed: Instant) -> Option<Instant> {
        self.output.needs_ticks().then(|| flushed + FLUSH)
    }

    fn take(&mut self, source: Source, bytes: &[u8]) -> Result<(), Failure> {
        let (entries, limit) = (&mut self.entries, self.limit);
        self.output.counters_mut().bytes_in += bytes.len() as u64;
        match (&mut self.output, source) {
            (Output::Files(files), Source::TcpLog) => match &mut files.bblog {
                Some(bblog) => feed(entries, bytes, limit, &mut bblog.writing(&mut files.store)),
                None => Ok(()),
            },
            (Output::Files(files), Source::Eventlog) => {
                if let Some(eventlog) = &mut files.eventlog {
                    eventlog.take(bytes, &mut files.store);
                }
                Ok(())
            }
            (Output::Stream(stream), Source::TcpLog) => match &mut stream.bblog {
                Some(bblog) => feed(entries, bytes, limit, &mut bblog.writing(&mut stream.stream)),
                None => Ok(()),
            },
            (Output::Stream(stream), Source::Eventlog) => {
                if let Some(eventlog) = &mut stream.eventlog {
                    eventlog.take(bytes, &mut stream.stream);
                }
                Ok(())
            }
        }
    }

    fn finish_entries(&mut self) -> bool {
        let finished = match &mut self.output {
            Output::Files(files) => match &mut files.bblog {
                Some(bblog) => self.entries.finish(&mut bblog.writing(&mut files.store)),
                None => Ok(()),
            },
            Output::Stream(stream) => match &mut stream.bblog {
                Some(bblog) => self.entries.finish(&mut bblog.writing(&mut stream.stream)),
                None => Ok(()),
            },
        };
        if let Err(failure) = &finished {
            self.log.error(failure);
        }
        finished.is_ok()
    }

    fn kernel_drops(&mut self, drops: u64) {
        let capture = match &mut self.output {
            Output::Files(files) => files.eventlog.as_mut().map(|eventlog| &mut eventlog.capture),
            Output::Stream(stream) => stream.eventlog.as_mut().map(|eventlog| &mut eventlog.capture),
        };
        let Some(capture) = capture else { return };
        let new = drops.saturating_sub(capture.kernel_drops);
        if new > 0 {
            self.log.warning(format_args!("/dev/eventlog: the kernel dropped {new} events, {drops} in all"));
        }
        capture.kernel_drops = capture.kernel_drops.max(drops);
        self.output.counters_mut().kernel_drops = drops;
    }
}

/// Feeds a stream; after a failure the entry that was being read is ended.
fn feed(entries: &mut Entries, bytes: &[u8], limit: u64, sink: &mut impl EntrySink) -> Result<(), Failure> {
    let fed = entries.feed(bytes, limit, sink);
    if fed.is_err() {
        let _ = entries.finish(sink);
    }
    fed
}

impl Output {
    fn is_dirty(&self) -> bool {
        match self {
            Output::Files(files) => {
                files.bblog.as_ref().is_some_and(BblogFiles::is_dirty)
                    || files.eventlog.as_ref().is_some_and(EventlogFiles::is_dirty)
            }
            Output::Stream(stream) => !stream.stream.buffer.is_empty(),
        }
    }

    fn flush(&mut self) {
        match self {
            Output::Files(files) => {
                if let Some(bblog) = &mut files.bblog {
                    bblog.flush(&mut files.store);
                }
                if let Some(eventlog) = &mut files.eventlog {
                    eventlog.flush(&mut files.store);
                }
            }
            Output::Stream(stream) => stream.stream.flush(),
        }
    }

    fn needs_ticks(&self) -> bool {
        matches!(self, Output::Files(files) if files.eventlog.is_some())
    }

    fn tick(&mut self) {
        if let Output::Files(files) = self
            && let Some(eventlog) = &mut files.eventlog
        {
            eventlog.tick(&mut files.store);
        }
    }

    fn finish(&mut self) {
        match self {
            Output::Files(files) => {
                if let Some(bblog) = &mut files.bblog {
                    bblog.flush(&mut files.store);
                }
                if let Some(eventlog) = &mut files.eventlog {
                    eventlog.finish_all(&mut files.store);
                }
                files.store.finish();
            }
            Output::Stream(stream) => {
                if let Some(eventlog) = &mut stream.eventlog {
                    eventlog.finish(&mut stream.stream);
                }
                stream.stream.finish();
            }
        }
    }

    fn reopen_index(&mut self) {
        if let Output::Files(files) = self {
            files.store.reopen_index();
        }
    }

    /// What was done.
    pub fn counters(&self) -> &Counters {
        match self {
            Output::Files(files) => &files.store.counters,
            Output::Stream(stream) => &stream.stream.counters,
        }
    }

    fn counters_mut(&mut self) -> &mut Counters {
        match self {
            Output::Files(files) => &mut files.store.counters,
            Output::Stream(stream) => &mut stream.stream.counters,
        }
    }

    fn take_error(&mut self) -> Option<std::io::Error> {
        match self {
            Output::Files(_) => None,
            Output::Stream(stream) => stream.stream.take_error(),
        }
    }
}
