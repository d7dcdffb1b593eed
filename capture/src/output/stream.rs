// SPDX-License-Identifier: BSD-2-Clause
//! One pcapng stream for everything (`-o`): live into Wireshark, or into one file.
//!
//! A pipe that fails ends the run. A file that cannot be written is cut back to whole blocks and tried again
//! every few seconds. Records that arrive meanwhile are dropped and counted, and the serial numbers of the next
//! ones show how many are missing.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, IsTerminal, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bblog_dissector::DecodeError;
use bblog_dissector::bblog::{HEADER_LEN, Record, Serial};
use bblog_dissector::counted::Counted;
use bblog_pcapng::bblog_entry::{EntryEncoder, EntryKey, EventForm};
use bblog_pcapng::netflix::NetflixBlock;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::bblog::filter::EntryFilter;
use crate::bblog::serials::Serials;
use crate::bblog::stacks::Stacks;
use crate::bblog::stream::EntrySink;
use crate::failure::{io_text, of_open};
use crate::log::Log;
use crate::store::counters::Counters;

/// Bytes given to the system at once.
const FLUSH: usize = 192 * 1024;

/// The log of the section that the stream is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SectionOwner {
    /// None: the stream has not begun.
    NotBegun,
    /// A BBLog entry's.
    Bblog,
    /// eventlog's.
    Eventlog,
}

/// The stream.
pub struct StreamOut {
    file: File,
    /// Bytes of it that are good, if it is a file.
    len: Option<u64>,
    /// While the file cannot be written: when that is tried next.
    next_try: Option<Instant>,
    retry: Duration,
    /// Records that were dropped and not reported yet.
    dropped: u64,
    /// Blocks not given to the system yet.
    pub buffer: Vec<u8>,
    /// Records and events in the buffer.
    pub buffered: u64,
    /// How often the buffer was given to the system, and how often it was dropped instead.
    flushes: (u64, u64),
    /// The log of the section at the end of the buffer.
    pub owner: SectionOwner,
    error: Option<io::Error>,
    log: Rc<Log>,
    /// Counters.
    pub counters: Counters,
}

impl StreamOut {
    /// Opens the path `path`, or standard output if it is `-`. A file is emptied, or made with the
    /// mode `mode`.
    ///
    /// Root does this: so a symbolic link is not followed, and a file that has a second name, which
    /// may belong to another program, is not emptied.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path, mode: u32, retry: Duration, log: Rc<Log>) -> io::Result<StreamOut> {
        let is_stdout = path == Path::new("-");
        let file = if is_stdout {
            io::stdout().as_fd().try_clone_to_owned()?.into()
        } else {
            let flags = (OFlag::O_NOFOLLOW | OFlag::O_NOCTTY).bits();
            File::options()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(mode)
                .custom_flags(flags)
                .open(path)
                .map_err(of_open)?
        };
        if file.is_terminal() {
            // It would obey what ids in the bytes say.
            let why = "is a terminal, expected a file or a pipe";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        let status = file.metadata()?;
        let is_file = !is_stdout && status.is_file();
        if is_file {
            if status.nlink() != 1 {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "has other names, expected a file of its own",
                ));
            }
            file.set_len(0)?;
        }
        Ok(StreamOut {
            file,
            len: is_file.then_some(0),
            next_try: None,
            retry,
            dropped: 0,
            buffer: Vec::with_capacity(FLUSH + 4096),
            buffered: 0,
            flushes: (0, 0),
            owner: SectionOwner::NotBegun,
            error: None,
            log,
            counters: Counters::default(),
        })
    }

    /// With another log, that of the process in the background.
    pub fn telling(mut self, log: &Rc<Log>) -> StreamOut {
        self.log = Rc::clone(log);
        self
    }

    /// The descriptor, for the sandbox.
    pub fn descriptor(&self) -> std::os::fd::BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Gives the buffer to the system if it is full.
    #[inline]
    pub fn flush_if_full(&mut self) {
        if self.buffer.len() >= FLUSH {
            self.flush();
        }
    }

    /// Gives the buffer to the system.
    pub fn flush(&mut self) {
        if self.buffer.is_empty() {
            return;
        }
        let now = Instant::now();
        if self.error.is_some() || self.next_try.is_some_and(|next_try| now < next_try) {
            return self.drop_buffer();
        }
        match (self.write(), self.len) {
            (Ok(()), _) => {
                self.counters.writes += 1;
                self.counters.bytes_out += self.buffer.len() as u64;
                self.len = self.len.map(|len| len + self.buffer.len() as u64);
                self.flushes.0 += 1;
                self.buffer.clear();
                self.buffered = 0;
                if self.next_try.take().is_some() {
                    let dropped = std::mem::take(&mut self.dropped);
                    self.log.warning(format_args!(
                        "written again; {} dropped meanwhile",
                        Counted(dropped, "record")
                    ));
                }
            }
            (Err(error), Some(_)) => {
                if self.next_try.replace(now + self.retry).is_none() {
                    let (why, seconds) = (io_text(&error), self.retry.as_secs_f32());
                    self.log.error(format_args!(
                        "output: {why}; new records are dropped and counted, next try in {seconds} s"
                    ));
                }
                self.drop_buffer();
            }
            (Err(error), None) => {
                self.error = Some(error);
                self.drop_buffer();
            }
        }
    }

    /// Writes the buffer, or nothing of it if this is a file.
    fn write(&mut self) -> io::Result<()> {
        let Some(len) = self.len else { return self.file.write_all(&self.buffer) };
        let written = self.file.write_all_at(&self.buffer, len);
        if written.is_err() {
            // Blocks are appended whole, so the file consisted of whole blocks before.
            let _ = self.file.set_len(len);
        }
        written
    }

    fn drop_buffer(&mut self) {
        let records = std::mem::take(&mut self.buffered);
        self.buffer.clear();
        self.dropped += records;
        self.counters.dropped += records;
        self.flushes.1 += 1;
        self.owner = SectionOwner::NotBegun;
    }

    /// Tries once more to write what could not be written, and reports what is lost.
    pub fn finish(&mut self) {
        self.next_try = self.next_try.map(|_| Instant::now());
        self.flush();
        if self.dropped > 0 && self.len.is_some() {
            self.log.warning(format_args!("ended; {} dropped meanwhile", Counted(self.dropped, "record")));
        }
    }

    /// Whether a reader may go away: not of a file.
    pub fn has_reader(&self) -> bool {
        self.len.is_none()
    }

    /// Looks whether the reader has closed the other end. A write would show that, too, but there may be none for long.
    pub fn look_for_reader(&mut self) {
        if !self.has_reader() || self.error.is_some() {
            return;
        }
        // These are reported unasked.
        let gone = PollFlags::POLLERR | PollFlags::POLLHUP;
        let mut ends = [PollFd::new(self.file.as_fd(), PollFlags::empty())];
        let is_ready = poll(&mut ends, PollTimeout::ZERO).is_ok_and(|ready| ready > 0);
        if is_ready && ends[0].revents().is_some_and(|found| found.intersects(gone)) {
            self.error = Some(io::ErrorKind::BrokenPipe.into());
        }
    }

    /// Whether it cannot be written at the moment.
    pub fn is_in_trouble(&self) -> bool {
        self.next_try.is_some()
    }

    /// The error that ended the stream, once.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }
}

/// BBLog entries on their way into the stream.
pub struct BblogOut {
    filter: EntryFilter,
    form: EventForm,
    stacks: Stacks,
    serials: Serials,
    /// The expected serial number of each connection before the buffer had records of it.
    before: HashMap<EntryKey, Option<u32>>,
    flushes: (u64, u64),
    log: Rc<Log>,
    current: Option<CurrentEntry>,
}

struct CurrentEntry {
    entry: EntryEncoder,
    expected: Option<u32>,
    stack: Option<u8>,
    /// Whether the section has the stack's name, or the word for none.
    is_named: bool,
    /// Whether the buffer's records of it are remembered.
    is_noted: bool,
}

impl BblogOut {
    /// No entry yet.
    pub fn new(filter: EntryFilter, stacks: Stacks, form: EventForm, log: Rc<Log>) -> BblogOut {
        BblogOut {
            filter,
            form,
            stacks,
            serials: Serials::default(),
            before: HashMap::new(),
            flushes: (0, 0),
            log,
            current: None,
        }
    }

    /// After a flush: records that were dropped are missing.
    fn after_flush(&mut self, flushes: (u64, u64)) {
        if flushes.1 != self.flushes.1 {
            for (key, expected) in &self.before {
                self.serials.set(*key, *expected);
            }
            if let Some(current) = &mut self.current {
                current.stack = None;
                current.expected = self.serials.expected(&current.entry.key);
            }
        }
        self.before.clear();
        self.flushes = flushes;
        if let Some(current) = &mut self.current {
            current.is_noted = false;
        }
    }

    /// The sink that writes to `stream`.
    pub fn writing<'a>(&'a mut self, stream: &'a mut StreamOut) -> BblogOutWriter<'a> {
        BblogOutWriter { out: self, stream }
    }
}

/// [`BblogOut`] with the stream.
pub struct BblogOutWriter<'a> {
    out: &'a mut BblogOut,
    stream: &'a mut StreamOut,
}

impl EntrySink for BblogOutWriter<'_> {
    fn begin(&mut self, header: &[u8; HEADER_LEN], ahead: &[u8]) {
        self.stream.counters.entries += 1;
        if self.out.flushes != self.stream.flushes {
            self.out.after_flush(self.stream.flushes);
        }
        let filter = &self.out.filter;
        let entry = EntryEncoder::new(header, filter.dump_time(header, ahead)).in_form(self.out.form);
        let wanted = filter.wants(&entry);
        self.stream.counters.left_out += u64::from(!wanted);
        let expected = self.out.serials.expected(&entry.key);
        self.out.current =
            wanted.then_some(CurrentEntry { entry, expected, stack: None, is_named: true, is_noted: false });
    }

    fn record(&mut self, record: &Record<'_>) {
        let stream = &mut *self.stream;
        stream.counters.records += 1;
        if self.out.flushes != stream.flushes {
            self.out.after_flush(stream.flushes);
        }
        let Some(current) = &mut self.out.current else { return };
        let stack = record.stack_id();
        // A stack that had no name when its section was begun may have one now.
        let is_late =
            !current.is_named && stream.buffer.is_empty() && self.out.stacks.late_facts(stack).is_some();
        if stream.owner != SectionOwner::Bblog || current.stack != Some(stack) || is_late {
            let (name, machine, is_named) = self.out.stacks.facts(stack);
            let section = current.entry.section(stack, name, machine);
            current.is_named = is_named;
            // Nothing in it can be longer than pcapng's options may be, and a buffer takes everything.
            let _ = section.append(&mut stream.buffer);
            current.stack = Some(stack);
            stream.owner = SectionOwner::Bblog;
        }
        if !current.is_noted {
            // Only entries that have records in the buffer are remembered. Should the first record of
            // a connection be dropped, then it is missing.
            let expected = *current.expected.get_or_insert(record.serial());
            self.out.before.entry(current.entry.key).or_insert(Some(expected));
            current.is_noted = true;
        }
        let missing = Serial::of(record.serial(), current.expected).missing();
        if missing > 0 {
            if self.out.form == EventForm::Block {
                NetflixBlock::Skipped(missing).append(&mut stream.buffer);
            }
            stream.counters.missing += u64::from(missing);
        }
        current.expected = Some(record.serial().wrapping_add(1));
        current.entry.append(&mut stream.buffer, record);
        stream.buffered += 1;
        stream.flush_if_full();
    }

    fn end(&mut self, whole: bool) {
        if self.out.flushes != self.stream.flushes {
            self.out.after_flush(self.stream.flushes);
        }
        let Some(current) = self.out.current.take() else { return };
        if !whole {
            self.stream.counters.cut_entries += 1;
            self.out.log.warning("an entry was cut short");
        }
        if let Some(next) = current.expected {
            self.out.serials.written(current.entry.key, next.wrapping_sub(1));
        }
    }

    fn skipped(&mut self, why: DecodeError, bytes: u64) {
        self.stream.counters.skipped_entries += 1;
        self.out.log.warning(format_args!("/dev/tcp_log stream: {why}; {} skipped", Counted(bytes, "byte")));
    }
}
