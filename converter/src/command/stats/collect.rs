// SPDX-License-Identifier: BSD-2-Clause
//! Reads many files, several at a time, and makes a row of each connection.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread;

use foldhash::fast::RandomState;

use crate::event::merge::Events;
use crate::input::assumptions::Assumptions;
use crate::input::folder::FileGroup;
use crate::input::host::HostedFile;
use crate::input::meter::Meter;
use crate::input::{InputName, Inputs};
use crate::jobs::Jobs;
use crate::table::gather::Gatherer;
use crate::table::id::ConnectionId;
use crate::table::row::ConnectionRow;

/// Problems of one file that are kept; a damaged file can have millions.
const MAX_PROBLEMS: usize = 64;
/// Events between two counts for the progress bar.
const TURN: u64 = 4096;

/// How files are read.
pub struct FileReading {
    /// What they do not say themselves.
    pub assumptions: Arc<Assumptions>,
    /// The machine that they are of, if the user says so.
    pub host: Option<Arc<str>>,
    /// How far reading has come.
    pub meter: Arc<Meter>,
    /// How many files are read at a time.
    pub jobs: Jobs,
}

/// What was found in files.
#[derive(Debug, Default)]
pub struct Found {
    /// A row for each connection.
    pub rows: Vec<ConnectionRow>,
    /// Sockets without a connection: listening or unbound.
    pub listeners: u64,
    /// Files that are logs.
    pub files: u64,
    /// Records and events.
    pub events: u64,
    /// Files in folders that are no logs.
    pub foreign: Vec<InputName>,
    /// What was wrong with files.
    pub problems: Vec<FileProblem>,
}

/// What was wrong with a file.
#[derive(Debug)]
pub struct FileProblem {
    /// Its name.
    pub name: InputName,
    /// What, in a line.
    pub text: String,
    /// Whether all of the file could be read nevertheless.
    pub is_notice: bool,
}

impl FileReading {
    /// Reads files. What is found is in the order of `groups`, however long each takes.
    ///
    /// Files of one connection that are in several groups are read together once this is known.
    pub fn read(&self, groups: &[FileGroup]) -> Found {
        let mut parts = self.read_each(groups);
        let shared = shared(&parts);
        let joined: Vec<FileGroup> = shared.iter().map(|places| join(groups, places)).collect();
        for (places, part) in shared.iter().zip(self.read_each(&joined)) {
            for &place in places {
                parts[place] = Found::default();
            }
            parts[places[0]] = part;
        }
        parts.into_iter().fold(Found::default(), Found::and)
    }

    /// Reads each group on its own; the largest first, so that none is left at the end.
    fn read_each(&self, groups: &[FileGroup]) -> Vec<Found> {
        let mut order: Vec<usize> = (0..groups.len()).collect();
        order.sort_by_key(|&at| std::cmp::Reverse(size(&groups[at])));
        let parts: Vec<OnceLock<Found>> = groups.iter().map(|_| OnceLock::new()).collect();
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(&at) = order.get(next.fetch_add(1, Relaxed)) {
                // Each place is taken once.
                let _ = parts[at].set(self.read_group(&groups[at], groups.len() == 1));
            }
        };
        let threads = self.jobs.count().min(groups.len());
        if threads <= 1 {
            work();
        } else {
            thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
        }
        parts.into_iter().map(|part| part.into_inner().unwrap_or_default()).collect()
    }

    /// Reads the files of a group, in the order of their times.
    fn read_group(&self, group: &FileGroup, is_alone: bool) -> Found {
        let mut found = Found::default();
        let mut troubles = Troubles { is_named: group.is_named, ..Troubles::default() };
        let on_error = &mut |name: &InputName, error: &_| troubles.add(name, error);
        let inputs = Inputs {
            names: group.names.clone(),
            assumptions: Arc::clone(&self.assumptions),
            meter: Arc::clone(&self.meter),
            // Where there is but one group, its files are decompressed ahead.
            jobs: if is_alone { self.jobs } else { Jobs::ONE },
        };
        let places = group.names.iter().map(|name| HostedFile::of(name, self.host.as_ref())).collect();
        let mut gatherer = Gatherer::new(places);
        let mut events = Events::open(&inputs, on_error);
        while events.advance(on_error) {
            let Some((input, item)) = events.item() else { continue };
            found.events += 1;
            if found.events.is_multiple_of(TURN) {
                self.meter.add_events(TURN);
            }
            gatherer.feed(input, found.events, &item);
            gatherer.closed(|_, row| found.take(row));
        }
        gatherer.finish(|_, row| found.take(row));
        found.files = (group.names.len() - troubles.foreign.len()) as u64;
        (found.foreign, found.problems) = troubles.end();
        found
    }
}

impl Found {
    fn take(&mut self, row: Option<ConnectionRow>) {
        match row {
            Some(row) => self.rows.push(row),
            None => self.listeners += 1,
        }
    }

    fn and(mut self, other: Found) -> Found {
        self.rows.extend(other.rows);
        self.listeners += other.listeners;
        self.files += other.files;
        self.events += other.events;
        self.foreign.extend(other.foreign);
        self.problems.extend(other.problems);
        self
    }
}

/// What goes wrong while a group is read.
#[derive(Default)]
struct Troubles {
    is_named: bool,
    foreign: Vec<InputName>,
    kept: Vec<FileProblem>,
    more: Vec<(InputName, u64)>,
}

impl Troubles {
    fn add(&mut self, name: &InputName, error: &crate::InputError) {
        if !self.is_named && error.is_foreign() {
            self.foreign.push(name.clone());
            return;
        }
        let is_notice = error.is_notice();
        if self.kept.iter().filter(|problem| problem.name == *name).count() < MAX_PROBLEMS {
            self.kept.push(FileProblem { name: name.clone(), text: error.to_string(), is_notice });
            return;
        }
        match self.more.iter_mut().find(|more| more.0 == *name) {
            Some(more) => more.1 += 1,
            None => self.more.push((name.clone(), 1)),
        }
    }

    /// Files that are no logs, and problems.
    fn end(self) -> (Vec<InputName>, Vec<FileProblem>) {
        let more = self.more.into_iter().map(|(name, count)| FileProblem {
            name,
            text: format!("{count} more problems"),
            is_notice: false,
        });
        (self.foreign, self.kept.into_iter().chain(more).collect())
    }
}

/// Bytes of a group's files.
fn size(group: &FileGroup) -> u64 {
    let size = |name: &InputName| name.path().metadata().map_or(0, |there| there.len());
    group.names.iter().map(size).sum()
}

/// Groups that have BBLog connections in common, each with two and more; their places in `parts`. Sessions of eventlog
/// are of one capture each.
fn shared(parts: &[Found]) -> Vec<Vec<usize>> {
    let mut roots: Vec<usize> = (0..parts.len()).collect();
    let mut owners: HashMap<ConnectionId, usize, RandomState> = HashMap::default();
    for (at, part) in parts.iter().enumerate() {
        for row in part.rows.iter().filter(|row| row.party.is_bblog) {
            let owner = *owners.entry(row.party.id).or_insert(at);
            let (a, b) = (root(&mut roots, owner), root(&mut roots, at));
            roots[a.max(b)] = a.min(b);
        }
    }
    let mut groups: Vec<Vec<usize>> = vec![Vec::new(); parts.len()];
    for at in 0..parts.len() {
        let root = root(&mut roots, at);
        groups[root].push(at);
    }
    groups.retain(|places| places.len() > 1);
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

fn join(groups: &[FileGroup], places: &[usize]) -> FileGroup {
    let of = || places.iter().map(|&place| &groups[place]);
    FileGroup {
        names: of().flat_map(|group| group.names.iter().cloned()).collect(),
        is_named: of().any(|group| group.is_named),
    }
}
