// SPDX-License-Identifier: BSD-2-Clause
//! What groups of files have in common: files of one BBLog connection under other names, and copies of a capture of
//! eventlog.
//!
//! A BBLog record has a serial number: of files of one connection that are read together, each record counts once. An event
//! of eventlog has none, so a copy has to be left out.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hasher};
use std::sync::Arc;

use bblog_dissector::Micros;
use bblog_dissector::bblog::Header;
use foldhash::fast::RandomState;

use crate::event::item::{BblogItem, LogItem};
use crate::input::InputName;
use crate::input::folder::FileGroup;
use crate::input::host::HostedFile;

/// Events by which a capture is known again.
const BEGINNING: u64 = 64;

/// A BBLog connection: machine, ends, boot and initial sequence number.
type BblogConnection = (Option<Arc<str>>, [u8; 41], Micros, u32);

/// What is in a group of files, as far as another group may have it, too.
#[derive(Default)]
pub struct GroupContents {
    places: Arc<[HostedFile]>,
    connections: HashSet<BblogConnection, RandomState>,
    /// Input, section and initial sequence number of the last record.
    noted: Option<(usize, u64, u32)>,
    captures: Vec<CaptureBeginning>,
}

/// The beginning of a capture of eventlog.
#[derive(Clone, Default)]
struct CaptureBeginning {
    hash: DefaultHasher,
    events: u64,
}

impl GroupContents {
    /// Of a group whose files are at `places`: nothing yet.
    pub fn new(places: Arc<[HostedFile]>) -> GroupContents {
        let captures = vec![CaptureBeginning::default(); places.len()];
        GroupContents { places, connections: HashSet::default(), noted: None, captures }
    }

    /// Takes in an item of the input number `input`.
    #[inline]
    pub fn note(&mut self, input: usize, item: &LogItem<'_>) {
        match item {
            LogItem::Bblog(record) => {
                let now = Some((input, record.section, record.record.iss()));
                if self.noted != now {
                    self.noted = now;
                    self.note_connection(input, record);
                }
            }
            LogItem::Eventlog(event) => {
                let Some(capture) = self.captures.get_mut(input) else { return };
                capture.events += 1;
                if capture.events <= BEGINNING {
                    capture.hash.write_i64(event.time.0);
                    capture.hash.write(event.event.as_bytes());
                }
            }
        }
    }

    #[cold]
    fn note_connection(&mut self, input: usize, item: &BblogItem<'_>) {
        let (iss, host) = (item.record.iss(), self.places.get(input).and_then(|place| place.host.clone()));
        // Before a SYN was sent there is none.
        if let Ok(header) = Header::unchecked(item.header)
            && iss != 0
        {
            self.connections.insert((host, header.connection_key(), header.boot_time(), iss));
        }
    }
}

/// Groups that have nothing in common.
#[derive(Debug, Default)]
pub struct Arrangement {
    /// The groups.
    pub groups: Vec<ArrangedGroup>,
    /// Files that are left out, each with the one that holds the same and perhaps more.
    pub copies: Vec<(InputName, InputName)>,
}

/// A group of files that are to be read together.
#[derive(Debug)]
pub struct ArrangedGroup {
    /// The files.
    pub group: FileGroup,
    /// The place of its first group among those that were arranged.
    pub place: usize,
    /// Whether it is another than that group.
    pub is_changed: bool,
}

/// Joins groups that have connections in common, and leaves out copies.
pub fn arrange(groups: &[FileGroup], contents: &[GroupContents]) -> Arrangement {
    let copies = copies(groups, contents);
    let mut arrangement = Arrangement::default();
    for places in joined(contents) {
        let mut names = Vec::new();
        for &place in &places {
            for (input, name) in groups[place].names.iter().enumerate() {
                match copies.get(&(place, input)) {
                    Some(&(of, at)) => {
                        arrangement.copies.push((name.clone(), groups[of].names[at].clone()));
                    }
                    None => names.push(name.clone()),
                }
            }
        }
        if names.is_empty() {
            continue;
        }
        let is_changed = places.len() > 1 || names.len() < groups[places[0]].names.len();
        let is_named = places.iter().any(|&place| groups[place].is_named);
        let group = FileGroup { names, is_named };
        arrangement.groups.push(ArrangedGroup { group, place: places[0], is_changed });
    }
    arrangement
}

/// A file: its group, and its place in that.
type FilePlace = (usize, usize);

/// Captures of eventlog that begin as another one does that has as many events or more, each with that other.
fn copies(groups: &[FileGroup], contents: &[GroupContents]) -> HashMap<FilePlace, FilePlace, RandomState> {
    // The same capture of two machines is of two machines.
    let mut longest: HashMap<(Option<&str>, u64), FilePlace, RandomState> = HashMap::default();
    let mut all = Vec::new();
    for (place, of_group) in contents.iter().enumerate().take(groups.len()) {
        for (input, capture) in of_group.captures.iter().enumerate().filter(|(_, capture)| capture.events > 0)
        {
            let host = of_group.places.get(input).and_then(|place| place.host.as_deref());
            let beginning = (host, capture.hash.finish());
            all.push((beginning, (place, input)));
            match longest.entry(beginning) {
                Entry::Vacant(new) => {
                    new.insert((place, input));
                }
                Entry::Occupied(mut known) => {
                    let (of, at) = *known.get();
                    if contents[of].captures[at].events < capture.events {
                        known.insert((place, input));
                    }
                }
            }
        }
    }
    let other = |(beginning, file): ((Option<&str>, u64), FilePlace)| {
        let longest = *longest.get(&beginning)?;
        (longest != file).then_some((file, longest))
    };
    all.into_iter().filter_map(other).collect()
}

/// The places of groups that have connections in common, at any remove; each group is in one of them.
fn joined(contents: &[GroupContents]) -> Vec<Vec<usize>> {
    let mut roots: Vec<usize> = (0..contents.len()).collect();
    let mut owners: HashMap<&BblogConnection, usize, RandomState> = HashMap::default();
    for (at, of_group) in contents.iter().enumerate() {
        for connection in &of_group.connections {
            let owner = *owners.entry(connection).or_insert(at);
            let (a, b) = (root(&mut roots, owner), root(&mut roots, at));
            roots[a.max(b)] = a.min(b);
        }
    }
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); contents.len()];
    for at in 0..contents.len() {
        let root = root(&mut roots, at);
        groups[root].push(at);
    }
    groups.retain(|places| !places.is_empty());
    groups
}

/// The first group that the group `at` has a connection in common with, at any remove.
fn root(roots: &mut [usize], mut at: usize) -> usize {
    while roots[at] != at {
        roots[at] = roots[roots[at]];
        at = roots[at];
    }
    at
}
