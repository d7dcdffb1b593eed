//! One pcapng stream for everything (`-o`): live into Wireshark, or into one file.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::rc::Rc;

use bblog_dissector::Problem;
use bblog_dissector::bblog::{HEADER_LEN, Record};

use crate::bblog_entry::{self, Entry, Serials};
use crate::bblog_files::Choice;
use crate::counters::Counters;
use crate::encode;
use crate::entries::EntrySink;
use crate::log::Log;
use crate::stacks::Stacks;

/// Bytes given to the system at once.
const FLUSH: usize = 192 * 1024;

/// Whose section the stream is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Nobody's: it has not begun.
    Nobody,
    /// A BBLog entry's.
    Bblog,
    /// eventlog's.
    Eventlog,
}

/// The stream.
pub struct StreamOut {
    file: File,
    /// Blocks not given to the system yet.
    pub buffer: Vec<u8>,
    /// Whose section the end of the buffer is in.
    pub owner: Owner,
    error: Option<io::Error>,
    /// What was done.
    pub counters: Counters,
}

impl StreamOut {
    /// Opens the path `path`, or standard output if it is `-`. A file is emptied.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path) -> io::Result<StreamOut> {
        let file = if path == Path::new("-") {
            io::stdout().as_fd().try_clone_to_owned()?.into()
        } else {
            File::options().write(true).create(true).truncate(true).open(path)?
        };
        let buffer = Vec::with_capacity(FLUSH + 4096);
        Ok(StreamOut { file, buffer, owner: Owner::Nobody, error: None, counters: Counters::default() })
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
        if self.error.is_none() {
            match self.file.write_all(&self.buffer) {
                Ok(()) => {
                    self.counters.writes += 1;
                    self.counters.bytes_out += self.buffer.len() as u64;
                }
                Err(error) => self.error = Some(error),
            }
        }
        self.buffer.clear();
    }

    /// The error that ended the stream, once.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }
}

/// BBLog entries on their way into the stream.
pub struct BblogOut {
    choice: Choice,
    stacks: Stacks,
    serials: Serials,
    log: Rc<Log>,
    current: Option<Current>,
}

struct Current {
    entry: Entry,
    expected: Option<u32>,
    stack: Option<u8>,
}

impl BblogOut {
    /// No entry yet.
    pub fn new(choice: Choice, stacks: Stacks, log: Rc<Log>) -> BblogOut {
        BblogOut { choice, stacks, serials: Serials::default(), log, current: None }
    }

    /// The sink that writes to `stream`.
    pub fn writing<'a>(&'a mut self, stream: &'a mut StreamOut) -> Writing<'a> {
        Writing { out: self, stream }
    }
}

/// [`BblogOut`] with the stream.
pub struct Writing<'a> {
    out: &'a mut BblogOut,
    stream: &'a mut StreamOut,
}

impl EntrySink for Writing<'_> {
    fn begin(&mut self, header: &[u8; HEADER_LEN], ahead: &[u8]) {
        self.stream.counters.entries += 1;
        let choice = &self.out.choice;
        let entry = Entry::new(header, choice.dump_time(header, ahead));
        let wanted = choice.wants(&entry);
        self.stream.counters.left_out += u64::from(!wanted);
        let expected = self.out.serials.expected(&entry.key);
        self.out.current = wanted.then_some(Current { entry, expected, stack: None });
    }

    fn record(&mut self, record: &Record<'_>) {
        let stream = &mut *self.stream;
        stream.counters.records += 1;
        let Some(current) = &mut self.out.current else { return };
        let stack = record.stack_id();
        if stream.owner != Owner::Bblog || current.stack != Some(stack) {
            current.entry.section(&mut stream.buffer, stack, self.out.stacks.with(stack));
            current.stack = Some(stack);
            stream.owner = Owner::Bblog;
        }
        let missing = bblog_entry::missing(current.expected, record.serial());
        if missing > 0 {
            encode::skipped(&mut stream.buffer, missing);
            stream.counters.missing += u64::from(missing);
        }
        current.expected = Some(record.serial().wrapping_add(1));
        current.entry.record(&mut stream.buffer, record);
        stream.flush_if_full();
    }

    fn end(&mut self, whole: bool) {
        let Some(current) = self.out.current.take() else { return };
        if !whole {
            self.out.log.warning("an entry was cut short");
        }
        if let Some(next) = current.expected {
            self.out.serials.written(current.entry.key, next.wrapping_sub(1));
        }
    }

    fn skipped(&mut self, why: Problem, bytes: u64) {
        self.stream.counters.skipped_entries += 1;
        self.out.log.warning(format_args!("/dev/tcp_log stream: {why}; {bytes} bytes skipped"));
    }
}
