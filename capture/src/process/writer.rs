// SPDX-License-Identifier: BSD-2-Clause
//! The thread that writes.

use std::rc::Rc;
use std::time::{Duration, Instant};

use crate::bblog::stream::{EntrySink, EntryStream};
use crate::device::clock::Anchor;
use crate::device::message::{Device, DeviceChunk, Message, Signal};
use crate::device::queue::Queue;
use crate::device::tcp_log::Turns;
use crate::device::threads::DeviceThreads;
use crate::eventlog::order::ReorderBuffer;
use crate::failure::{Failure, io_text};
use crate::log::Log;
use crate::output::bblog_files::BblogFiles;
use crate::output::eventlog_files::EventlogFiles;
use crate::output::eventlog_stream::EventlogOut;
use crate::output::stream::{BblogOut, StreamOut};
use crate::process::status::{Snapshot, StatusFile};
use crate::store::counters::Counters;
use crate::store::files::Store;
use bblog_dissector::counted::Counted;

/// After this time without new data, buffered data is written.
const IDLE: Duration = Duration::from_millis(5);
/// Nothing waits longer than this to be written.
const FLUSH: Duration = Duration::from_secs(1);

/// The destination of all blocks.
pub enum WriterOutput {
    /// To files.
    Files(Box<FileOutput>),
    /// Into one stream.
    Stream(Box<StreamOutput>),
}

/// Everything that writes files.
pub struct FileOutput {
    /// The folder.
    pub store: Store,
    /// BBLog's entries.
    pub bblog: Option<BblogFiles>,
    /// eventlog's sessions.
    pub eventlog: Option<EventlogFiles>,
}

/// Everything that writes into the stream.
pub struct StreamOutput {
    /// The stream.
    pub stream: StreamOut,
    /// BBLog's entries.
    pub bblog: Option<BblogOut>,
    /// eventlog's events.
    pub eventlog: Option<EventlogOut>,
}

/// The state of the thread that writes.
pub struct Writer {
    /// Where everything goes.
    pub output: WriterOutput,
    /// BBLog's stream.
    pub entries: EntryStream,
    /// Events that wait for their order.
    pub order: ReorderBuffer,
    /// Entries to take.
    pub limit: u64,
    /// The threads that read, those that have not ended.
    pub threads: DeviceThreads,
    /// BBLog's device, as long as it may be read here as well.
    pub turns: Option<Turns>,
    /// The status file, if one was requested.
    pub status: Option<StatusFile>,
    /// Messages to the operator.
    pub log: Rc<Log>,
    /// Whether nothing has failed.
    pub good: bool,
    /// Whether the reader of the stream has had enough.
    pub reader_gone: bool,
}

impl Writer {
    /// Works until all devices have ended, and finishes everything; `false` if something failed.
    pub fn run(&mut self, queue: &Queue) -> bool {
        let mut flushed = Instant::now();
        while self.threads.running > 0 {
            let message = self.next(queue, flushed);
            if message.is_none() || flushed.elapsed() >= FLUSH {
                self.output.flush();
                self.output.tick();
                flushed = Instant::now();
                if self.status.as_ref().is_some_and(StatusFile::is_due) {
                    self.write_status(queue, true);
                }
            }
            if let Some(message) = message {
                self.handle(message, queue);
            }
            if let Some(error) = self.output.take_error() {
                self.output_ended(&error);
            }
        }
        self.output.finish();
        if let Some(error) = self.output.take_error() {
            self.output_ended(&error);
        }
        self.write_status(queue, false);
        // Data that a reader that went away did not read is not lost.
        self.good & (self.reader_gone || self.output.counters().lost() == 0)
    }

    /// The next message; `None` if there is none and it is time to flush.
    fn next(&self, queue: &Queue, flushed: Instant) -> Option<Message> {
        let deadline =
            if self.output.is_dirty() { Some(Instant::now() + IDLE) } else { self.tick_at(flushed) };
        let read = self.turns.as_ref().and_then(|turns| turns.read(queue));
        read.map(Message::Data).or_else(|| queue.pop(deadline))
    }

    fn handle(&mut self, message: Message, queue: &Queue) {
        match message {
            Message::Data(chunk) => self.data(chunk, queue),
            Message::Drained => self.events(None),
            Message::KernelDrops(drops) => self.kernel_drops(drops),
            Message::Signal(Signal::Stop) => {
                self.threads.drain();
                // Only the device thread can see how much remains to be read.
                self.turns = None;
            }
            Message::Signal(Signal::Reopen) => self.output.reopen_index(),
            Message::Signal(Signal::Report) => {
                self.output.counters().tell(&self.log, queue.load());
                self.write_status(queue, true);
            }
            Message::Ended(device, result) => {
                self.threads.running -= 1;
                if device == Device::Eventlog {
                    self.events(None);
                }
                if let Err(failure) = result {
                    self.log.error(failure);
                    self.good = false;
                }
                if device == Device::TcpLog && self.limit > 0 {
                    self.good &= self.finish_entries();
                }
            }
        }
    }

    fn data(&mut self, chunk: DeviceChunk, queue: &Queue) {
        if let Err(failure) = self.take(&chunk) {
            self.log.error(&failure);
            self.good = false;
            self.threads.abort_tcp_log();
            self.turns = None;
            self.entries = EntryStream::new(0);
            // Whatever still comes of it is not looked at.
            self.limit = 0;
        }
        queue.recycle(chunk);
        let is_limited = self.limit != 0 && self.limit != u64::MAX;
        if is_limited && self.entries.entries() >= self.limit {
            self.threads.abort();
            self.turns = None;
        }
    }

    /// The stream that everything goes into cannot be written any more.
    fn output_ended(&mut self, error: &std::io::Error) {
        // The reader closed the output, which is no error.
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            self.reader_gone = true;
        } else {
            self.log.error(Failure::new("output", io_text(error)));
            self.good = false;
        }
        self.threads.abort();
        self.turns = None;
        // Nor that what is not read any more was in the middle of an entry.
        self.limit = 0;
    }

    /// When files have to be looked after although nothing happens.
    fn tick_at(&self, flushed: Instant) -> Option<Instant> {
        (self.output.needs_ticks() || self.status.is_some()).then(|| flushed + FLUSH)
    }

    /// Writes the status file, if one is wanted.
    pub fn write_status(&mut self, queue: &Queue, is_up: bool) {
        let Some(status) = &mut self.status else { return };
        let snapshot = Snapshot {
            counters: self.output.counters(),
            load: queue.load(),
            queue_limit: queue.limit(),
            in_trouble: self.output.is_in_trouble(),
            last_error: self.log.last_error(),
            is_up,
        };
        status.write(&snapshot, &self.log);
    }

    fn take(&mut self, chunk: &DeviceChunk) -> Result<(), Failure> {
        let bytes = chunk.bytes();
        self.output.counters_mut().bytes_in += bytes.len() as u64;
        let (entries, limit) = (&mut self.entries, self.limit);
        match (&mut self.output, chunk.device) {
            (WriterOutput::Files(files), Device::TcpLog) => match &mut files.bblog {
                Some(bblog) => feed(entries, bytes, limit, &mut bblog.writing(&mut files.store)),
                None => Ok(()),
            },
            (WriterOutput::Stream(stream), Device::TcpLog) => match &mut stream.bblog {
                Some(bblog) => feed(entries, bytes, limit, &mut bblog.writing(&mut stream.stream)),
                None => Ok(()),
            },
            (_, Device::Eventlog) => {
                self.events(Some(chunk));
                Ok(())
            }
        }
    }

    /// Takes events that were read, or without a chunk those that wait for their order.
    fn events(&mut self, chunk: Option<&DeviceChunk>) {
        let events = match chunk {
            Some(chunk) => self.order.take(chunk.bytes(), chunk.is_full()),
            None => self.order.flush(),
        };
        self.output.take_events(events);
        self.output.counters_mut().late_events = self.order.late();
    }

    fn finish_entries(&mut self) -> bool {
        let finished = match &mut self.output {
            WriterOutput::Files(files) => match &mut files.bblog {
                Some(bblog) => self.entries.finish(&mut bblog.writing(&mut files.store)),
                None => Ok(()),
            },
            WriterOutput::Stream(stream) => match &mut stream.bblog {
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
            WriterOutput::Files(files) => files.eventlog.as_mut().map(|eventlog| &mut eventlog.capture),
            WriterOutput::Stream(stream) => stream.eventlog.as_mut().map(|eventlog| &mut eventlog.capture),
        };
        let Some(capture) = capture else { return };
        let new = capture.kernel_drops.update(drops, Anchor::now().uptime);
        if new > 0 {
            self.log.warning(format_args!(
                "/dev/eventlog: the kernel dropped {}, {drops} in all",
                Counted(new, "event")
            ));
        }
        self.output.counters_mut().kernel_drops = drops;
    }
}

/// Feeds a stream; after a failure the entry that was being read is ended.
fn feed(
    entries: &mut EntryStream,
    bytes: &[u8],
    limit: u64,
    sink: &mut impl EntrySink,
) -> Result<(), Failure> {
    let fed = entries.feed(bytes, limit, sink);
    if fed.is_err() {
        let _ = entries.finish(sink);
    }
    fed
}

impl WriterOutput {
    /// Takes events in order.
    fn take_events(&mut self, events: &[u8]) {
        if events.is_empty() {
            return;
        }
        match self {
            WriterOutput::Files(files) => {
                let FileOutput { store, eventlog, .. } = &mut **files;
                eventlog.iter_mut().for_each(|eventlog| eventlog.take(events, store));
            }
            WriterOutput::Stream(output) => {
                let StreamOutput { stream, eventlog, .. } = &mut **output;
                eventlog.iter_mut().for_each(|eventlog| eventlog.take(events, stream));
            }
        }
    }

    fn is_dirty(&self) -> bool {
        match self {
            WriterOutput::Files(files) => {
                files.bblog.as_ref().is_some_and(BblogFiles::is_dirty)
                    || files.eventlog.as_ref().is_some_and(EventlogFiles::is_dirty)
            }
            WriterOutput::Stream(stream) => !stream.stream.buffer.is_empty(),
        }
    }

    fn flush(&mut self) {
        match self {
            WriterOutput::Files(files) => {
                if let Some(bblog) = &mut files.bblog {
                    bblog.flush(&mut files.store);
                }
                if let Some(eventlog) = &mut files.eventlog {
                    eventlog.flush(&mut files.store);
                }
            }
            WriterOutput::Stream(stream) => stream.stream.flush(),
        }
    }

    fn needs_ticks(&self) -> bool {
        match self {
            WriterOutput::Files(files) => files.eventlog.is_some() || files.store.has_max_age(),
            WriterOutput::Stream(stream) => stream.stream.has_reader(),
        }
    }

    fn tick(&mut self) {
        match self {
            WriterOutput::Files(files) => {
                if let Some(eventlog) = &mut files.eventlog {
                    eventlog.tick(&mut files.store);
                }
                files.store.tick();
            }
            WriterOutput::Stream(stream) => stream.stream.look_for_reader(),
        }
    }

    fn finish(&mut self) {
        match self {
            WriterOutput::Files(files) => {
                if let Some(bblog) = &mut files.bblog {
                    bblog.flush(&mut files.store);
                }
                if let Some(eventlog) = &mut files.eventlog {
                    eventlog.finish_all(&mut files.store);
                }
                files.store.finish();
            }
            WriterOutput::Stream(stream) => {
                if let Some(eventlog) = &mut stream.eventlog {
                    eventlog.finish(&mut stream.stream);
                }
                stream.stream.finish();
            }
        }
    }

    fn reopen_index(&mut self) {
        if let WriterOutput::Files(files) = self {
            files.store.reopen_index();
        }
    }

    /// Whether it cannot be written at the moment.
    fn is_in_trouble(&self) -> bool {
        match self {
            WriterOutput::Files(files) => files.store.is_in_trouble(),
            WriterOutput::Stream(stream) => stream.stream.is_in_trouble(),
        }
    }

    /// Counters.
    pub fn counters(&self) -> &Counters {
        match self {
            WriterOutput::Files(files) => &files.store.counters,
            WriterOutput::Stream(stream) => &stream.stream.counters,
        }
    }

    fn counters_mut(&mut self) -> &mut Counters {
        match self {
            WriterOutput::Files(files) => &mut files.store.counters,
            WriterOutput::Stream(stream) => &mut stream.stream.counters,
        }
    }

    fn take_error(&mut self) -> Option<std::io::Error> {
        match self {
            WriterOutput::Files(_) => None,
            WriterOutput::Stream(stream) => stream.stream.take_error(),
        }
    }
}
