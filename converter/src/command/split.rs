// SPDX-License-Identifier: BSD-2-Clause
//! `convert --split`: one pcapng file per connection, named as bblogd and tcplog_dumper name them.
//!
//! A connection is identified by the header of its entry (BBLog) or by its session (eventlog). Sockets that follow each
//! other with the same addresses, as listeners do, are distinguished by serial numbers, which begin at 0, and by
//! initial sequence numbers. A file
//! gets its name, `ID_LPORT_FADDR_FPORT.N.pcapng`, after the last frame, because the event with the id may
//! come late. Until then its blocks wait in memory, and if there are too many, in a nameless part in the
//! same folder. No file stays open, so any number of connections may alternate.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::hash::BuildHasher;
use std::io::{self, Write};
use std::path::PathBuf;

use bblog_dissector::bblog::{HEADER_LEN, Header, Record};
use bblog_dissector::tcp_provider::{self, Addresses};
use bblog_pcapng::bblog_entry::connection_key;
use bblog_pcapng::name;
use bblog_pcapng::sessions;
use foldhash::fast::RandomState;
use tempfile::TempPath;

use super::convert::open;
use crate::buffered_sink::BufferedSink;
use crate::frame::owner::Owner;
use crate::frame::sink::{PcapngSink, WritePosition};
use crate::frame::stream::FrameTurn;
use crate::input::Inputs;
use crate::input::error::OnError;
use crate::output::attributes;
use crate::output::error::OutputError;
use crate::output::unfinished::{UnfinishedFiles, UnfinishedGuard};
use crate::output::{Destination, Output, part};
use crate::select::walk::Picker;

/// Bytes of one connection that wait in memory.
const MAX_WAITING: usize = 256 * 1024;
/// Bytes of all connections that wait in memory.
const ALL_WAITING: usize = 8 << 20;
/// Connections known at a time; the half that was used longest ago is completed then.
const CONNECTIONS: usize = 65_536;
/// How the files end.
const END: &str = ".pcapng";
/// What is no connection's.
const OTHER: &str = "other";
/// The id of a connection without one, as the kernel calls it.
const NO_ID: &[u8] = b"UNKNOWN";

/// What to split, and where to.
pub struct Split {
    /// What is read.
    pub inputs: Inputs,
    /// The folder of the files; it is made if there is none. Names that are taken are passed over unless
    /// files may be replaced.
    pub folder: Destination,
}

impl Split {
    /// Splits, and returns how many files were made. Errors of inputs go to `on_error`.
    ///
    /// # Errors
    /// [`OutputError`]; files that were complete by then stay.
    pub fn run(&self, picker: Option<&mut Picker>, on_error: &mut OnError<'_>) -> Result<u64, OutputError> {
        let failed = |error| Output::error(&self.folder.path, error);
        let mut frames = open(&self.inputs, on_error);
        if frames.is_empty() {
            return Ok(0);
        }
        match fs::create_dir(&self.folder.path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error.into())),
            _ => {}
        }
        let mut connections = ConnectionIndex::default();
        let mut sink = PcapngSink::new(SplitFiles::new(&self.folder));
        let merged = frames.each(picker, on_error, |stream, turn| match turn {
            // It is of the connection of the next record.
            FrameTurn::Frame if stream.keeps_marker() => Ok(()),
            FrameTurn::Frame => {
                let at = connections.of(stream.input(), &stream.owner(), sink.get_mut())?;
                if sink.get_mut().current != Some(at) {
                    switch(&mut sink, at);
                }
                stream.write(&mut sink)
            }
            // Statistics are the capture's, not a connection's.
            FrameTurn::PassedOver | FrameTurn::Pause | FrameTurn::End => Ok(()),
        });
        let completed = merged.and_then(|_| Ok(sink.get_mut().complete_all()?));
        completed.map(|()| sink.get_mut().completed).map_err(failed)
    }
}

/// Makes the sink go on with connection `at`.
fn switch(sink: &mut PcapngSink<SplitFiles>, at: usize) {
    let parts = sink.get_mut();
    let before = parts.current.replace(at);
    let place =
        parts.slots.get(at).and_then(Option::as_ref).map_or(WritePosition::default(), |slot| slot.place);
    let place = sink.exchange(place);
    let before = before.and_then(|before| sink.get_mut().slots.get_mut(before)).and_then(Option::as_mut);
    if let Some(before) = before {
        before.place = place;
    }
}

/// Which connection a frame is of.
#[derive(Default)]
struct ConnectionIndex {
    /// Input, section, and connection of the last entry's frame.
    entry: Option<(usize, u64, usize)>,
    /// Provider, session, addresses, and connection of the last event.
    event: Option<(SessionOfAddresses, usize)>,
    entries: HashMap<[u8; ENTRY_KEY], EntryConnection>,
    sessions: HashMap<SessionOfAddresses, usize>,
    /// The connection that a session had last.
    latest: HashMap<NamedSession, usize>,
    other: Option<usize>,
}

/// The connection of entries.
#[derive(Clone, Copy)]
struct EntryConnection {
    at: usize,
    /// Its initial sequence number; `None` as long as none was logged.
    iss: Option<u32>,
}

impl EntryConnection {
    /// Whether an entry that begins with `record` is of another socket with the same addresses and id.
    fn is_followed_by(self, record: &Record<'_>) -> bool {
        match (self.iss, initial_sequence_number(record)) {
            (Some(ours), Some(theirs)) => ours != theirs,
            (_, None) | (None, _) => record.serial() == 0,
        }
    }
}

/// The number that the connection's own sequence numbers begin with; 0 stands for none.
fn initial_sequence_number(record: &Record<'_>) -> Option<u32> {
    Some(record.iss()).filter(|&iss| iss != 0)
}

/// Addresses, ports and zone, address family, and log id.
const ENTRY_KEY: usize = 40 + 1 + 64;
/// The provider's name, padded, and the session.
type NamedSession = ([u8; PROVIDER_NAME], u64);
/// A session and its addresses.
type SessionOfAddresses = (NamedSession, Option<Addresses>);

/// The most bytes of a provider's name.
const PROVIDER_NAME: usize = 32;

#[inline]
fn padded(provider: &[u8]) -> [u8; PROVIDER_NAME] {
    let mut name = [0; PROVIDER_NAME];
    let len = provider.len().min(PROVIDER_NAME);
    name[..len].copy_from_slice(&provider[..len]);
    name
}

impl ConnectionIndex {
    #[inline]
    fn of(&mut self, input: usize, owner: &Owner<'_>, parts: &mut SplitFiles) -> io::Result<usize> {
        match owner {
            Owner::Entry { header, section, record } => match self.entry {
                Some((of, known, at)) if (of, known) == (input, *section) => Ok(at),
                _ => self.of_entry(input, header, *section, record.as_ref(), parts),
            },
            Owner::Session { event, provider, addresses } => {
                let addresses = addresses.filter(|(_, remote)| remote.port() != 0);
                let key = ((padded(provider), event.session_id()), addresses);
                let at = match self.event {
                    Some((known, at)) if known == key => at,
                    _ => self.of_session(key, provider, parts)?,
                };
                if *provider == tcp_provider::NAME
                    && let Some(id) = tcp_provider::log_id(event)
                {
                    parts.note_id(at, id);
                }
                Ok(at)
            }
            Owner::NoConnection => {
                let at = match self.other {
                    Some(at) => at,
                    None => self.begin(FileLabel::Text(OTHER.to_owned()), parts)?,
                };
                self.other = Some(at);
                Ok(at)
            }
        }
    }

    #[cold]
    fn of_entry(
        &mut self,
        input: usize,
        header: &[u8; HEADER_LEN],
        section: u64,
        record: Option<&Record<'_>>,
        parts: &mut SplitFiles,
    ) -> io::Result<usize> {
        let mut key = [0; ENTRY_KEY];
        key[..41].copy_from_slice(&connection_key(header));
        key[41..].copy_from_slice(Header::from_bytes(header).raw_id());
        let known = self.entries.get(&key).copied();
        let known = known.filter(|known| !record.is_some_and(|record| known.is_followed_by(record)));
        let (at, iss) = match known {
            Some(EntryConnection { at, iss }) => (at, iss),
            None => (self.begin(entry_label(header), parts)?, None),
        };
        let iss = iss.or_else(|| record.and_then(initial_sequence_number));
        self.entries.insert(key, EntryConnection { at, iss });
        // Another block than a record does not show whose it is.
        self.entry = record.map(|_| (input, section, at));
        Ok(at)
    }

    /// An event without addresses is of the connection its session had last, and a session whose
    /// addresses come late is the one that had none.
    fn of_session(
        &mut self,
        key: SessionOfAddresses,
        provider: &[u8],
        parts: &mut SplitFiles,
    ) -> io::Result<usize> {
        let (session, addresses) = key;
        let known = self.sessions.get(&key).copied().or_else(|| {
            let latest = self.latest.get(&session).copied()?;
            (addresses.is_none() || parts.take_addresses(latest, addresses)).then_some(latest)
        });
        let at = match known {
            Some(at) => at,
            None => {
                let provider = name::safe(provider);
                let nameless = match sessions::is_no_session(session.1) {
                    true => format!("{provider}_global"),
                    false => format!("{provider}_{}", session.1),
                };
                self.begin(FileLabel::Session { id: Vec::new(), addresses, nameless }, parts)?
            }
        };
        self.sessions.insert(key, at);
        self.latest.insert(session, at);
        self.event = Some((key, at));
        Ok(at)
    }

    /// Begins a connection's file; when there are too many, half of them are completed first and
    /// forgotten here, so that no slot means two connections.
    fn begin(&mut self, label: FileLabel, parts: &mut SplitFiles) -> io::Result<usize> {
        if parts.is_full() {
            parts.complete_oldest()?;
            (self.entry, self.event) = (None, None);
            self.other = self.other.filter(|&at| parts.is_open(at));
            self.entries.retain(|_, known| parts.is_open(known.at));
            self.sessions.retain(|_, at| parts.is_open(*at));
            self.latest.retain(|_, at| parts.is_open(*at));
        }
        Ok(parts.begin(label))
    }
}

fn entry_label(header: &[u8; HEADER_LEN]) -> FileLabel {
    let Ok(header) = Header::unchecked(header) else { return FileLabel::Text(OTHER.to_owned()) };
    let id = if header.id().is_empty() { NO_ID } else { header.id() };
    FileLabel::Text(name::of_connection(id, header.lport(), header.faddr(), header.fport()))
}

/// What a file's name is made of.
enum FileLabel {
    /// What the name begins with.
    Text(String),
    /// A session.
    Session {
        /// Its log id, empty until an event has it.
        id: Vec<u8>,
        addresses: Option<Addresses>,
        /// What the name begins with if there are no addresses.
        nameless: String,
    },
}

impl FileLabel {
    fn base(&self) -> String {
        match self {
            FileLabel::Text(text) => text.clone(),
            FileLabel::Session { id, addresses: Some((local, remote)), .. } => {
                let id = if id.is_empty() { NO_ID } else { id };
                name::of_connection(id, local.port(), remote.ip(), remote.port())
            }
            FileLabel::Session { addresses: None, nameless, .. } => nameless.clone(),
        }
    }
}

/// The files being written.
struct SplitFiles {
    folder: PathBuf,
    overwrite: bool,
    unfinished: UnfinishedFiles,
    slots: Vec<Option<FileSlot>>,
    unused: Vec<usize>,
    /// The output.
    current: Option<usize>,
    /// Bytes that wait in memory.
    waiting: usize,
    clock: u64,
    numbers: FileNumbers,
    completed: u64,
}

struct FileSlot {
    label: FileLabel,
    place: WritePosition,
    waiting: Vec<u8>,
    file: Option<(TempPath, UnfinishedGuard)>,
    used: u64,
}

/// The number that the next file gets, by the hash of what its name begins with. Every name of the run is here, so
/// that no file of it is replaced; two names with one hash share their numbers.
#[derive(Default)]
struct FileNumbers {
    next: HashMap<u64, u32>,
    hasher: RandomState,
}

impl FileNumbers {
    fn next(&mut self, base: &str) -> io::Result<u32> {
        let next = self.next.entry(self.hasher.hash_one(base)).or_insert(0);
        let number = *next;
        *next = next.checked_add(1).ok_or(io::ErrorKind::AlreadyExists)?;
        Ok(number)
    }
}

impl SplitFiles {
    fn new(folder: &Destination) -> SplitFiles {
        SplitFiles {
            folder: folder.path.clone(),
            overwrite: folder.overwrite,
            unfinished: folder.unfinished.clone(),
            slots: Vec::new(),
            unused: Vec::new(),
            current: None,
            waiting: 0,
            clock: 0,
            numbers: FileNumbers::default(),
            completed: 0,
        }
    }

    fn is_full(&self) -> bool {
        self.slots.len() - self.unused.len() >= CONNECTIONS
    }

    fn is_open(&self, at: usize) -> bool {
        matches!(self.slots.get(at), Some(Some(_)))
    }

    fn begin(&mut self, label: FileLabel) -> usize {
        self.clock += 1;
        let slot = FileSlot {
            label,
            place: WritePosition::default(),
            waiting: Vec::new(),
            file: None,
            used: self.clock,
        };
        let at = self.unused.pop().unwrap_or(self.slots.len());
        match self.slots.get_mut(at) {
            Some(place) => *place = Some(slot),
            None => self.slots.push(Some(slot)),
        }
        at
    }

    fn note_id(&mut self, at: usize, found: &[u8]) {
        if let Some(Some(FileSlot { label: FileLabel::Session { id, .. }, .. })) = self.slots.get_mut(at)
            && id.is_empty()
        {
            *id = found.to_vec();
        }
    }

    /// Gives a session without addresses these; `false` if it has others.
    fn take_addresses(&mut self, at: usize, found: Option<Addresses>) -> bool {
        let Some(Some(FileSlot { label: FileLabel::Session { addresses, .. }, .. })) = self.slots.get_mut(at)
        else {
            return false;
        };
        *addresses == found
            || addresses.is_none() && {
                *addresses = found;
                true
            }
    }

    fn flush_one(&mut self, at: usize) -> io::Result<()> {
        let Some(Some(slot)) = self.slots.get_mut(at) else { return Ok(()) };
        if slot.waiting.is_empty() {
            return Ok(());
        }
        let waiting = std::mem::take(&mut slot.waiting);
        self.waiting -= waiting.len();
        let mut file: File = match &slot.file {
            Some((path, _)) => OpenOptions::new().append(true).open(path)?,
            None => {
                let (temporary, unfinished) = part(&self.folder, &self.unfinished)?;
                let (file, path) = temporary.into_parts();
                slot.file = Some((path, unfinished));
                file
            }
        };
        file.write_all(&waiting)
    }

    /// Gives a connection's file its name.
    fn complete(&mut self, at: usize) -> io::Result<()> {
        self.flush_one(at)?;
        let Some(slot) = self.slots.get_mut(at).and_then(Option::take) else { return Ok(()) };
        self.unused.push(at);
        let Some((mut path, unfinished)) = slot.file else { return Ok(()) };
        let base = slot.label.base();
        loop {
            let number = self.numbers.next(&base)?;
            let place = self.folder.join(format!("{base}.{number}{END}"));
            let overwrite = self.overwrite;
            let placed = unfinished.finish(|| match overwrite {
                true => {
                    attributes::keep(&place, &path);
                    path.persist(&place)
                }
                false => path.persist_noclobber(&place),
            });
            match placed {
                Ok(()) => break,
                Err(taken) if taken.error.kind() == io::ErrorKind::AlreadyExists => {
                    path = taken.path;
                }
                Err(failed) => return Err(failed.error),
            }
        }
        self.completed += 1;
        Ok(())
    }

    #[cold]
    fn complete_oldest(&mut self) -> io::Result<()> {
        let mut used: Vec<(u64, usize)> = Vec::with_capacity(self.slots.len());
        let slots = self.slots.iter().enumerate();
        used.extend(slots.filter_map(|(at, slot)| slot.as_ref().map(|slot| (slot.used, at))));
        used.sort_unstable();
        used.truncate(used.len() / 2);
        for (_, at) in used {
            if self.current == Some(at) {
                self.current = None;
            }
            self.complete(at)?;
        }
        Ok(())
    }

    fn complete_all(&mut self) -> io::Result<()> {
        (0..self.slots.len()).try_for_each(|at| self.complete(at))
    }
}

impl BufferedSink for SplitFiles {
    #[inline]
    fn buffer(&mut self) -> io::Result<&mut Vec<u8>> {
        let slot = self.current.and_then(|at| self.slots.get_mut(at)).and_then(Option::as_mut);
        let FileSlot { waiting, used, .. } = slot.ok_or(io::ErrorKind::NotFound)?;
        self.clock += 1;
        *used = self.clock;
        self.waiting -= waiting.len();
        Ok(waiting)
    }

    #[inline]
    fn appended(&mut self) -> io::Result<()> {
        let Some(at) = self.current else { return Ok(()) };
        let Some(Some(slot)) = self.slots.get(at) else { return Ok(()) };
        self.waiting += slot.waiting.len();
        if slot.waiting.len() >= MAX_WAITING {
            self.flush_one(at)?;
        }
        if self.waiting >= ALL_WAITING {
            (0..self.slots.len()).try_for_each(|at| self.flush_one(at))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Also with more names than there are connections at a time.
    #[test]
    fn a_run_gives_no_number_twice() {
        let mut numbers = FileNumbers::default();
        assert_eq!(numbers.next("id_1").unwrap(), 0);
        for other in 0..3 * CONNECTIONS {
            numbers.next(&format!("id_{}", other + 2)).unwrap();
        }
        assert_eq!((numbers.next("id_1").unwrap(), numbers.next("id_1").unwrap()), (1, 2));
    }
}
