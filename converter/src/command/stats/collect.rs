// SPDX-License-Identifier: BSD-2-Clause
//! Reads many files, several at a time, and makes a row of each connection.

use std::sync::Arc;

use crate::event::merge::Events;
use crate::input::assumptions::Assumptions;
use crate::input::folder::{self, FileGroup};
use crate::input::host::HostedFile;
use crate::input::meter::Meter;
use crate::input::{InputName, Inputs};
use crate::jobs::{self, Jobs};
use crate::table::gather::Gatherer;
use crate::table::overlap::{ArrangedGroup, Arrangement, GroupContents, arrange};
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
    /// Captures of eventlog that are left out, each with the one that holds the same and perhaps more.
    pub copies: Vec<(InputName, InputName)>,
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
    /// Files of one connection that are in several groups are read together once this is known, and groups with copies
    /// without them.
    pub fn read(&self, groups: &[FileGroup]) -> Found {
        let (mut parts, contents): (Vec<Found>, Vec<GroupContents>) =
            self.read_each(groups).into_iter().unzip();
        let Arrangement { groups: arranged, copies } = arrange(groups, &contents);
        let changed: Vec<FileGroup> = arranged
            .iter()
            .filter(|arranged| arranged.is_changed)
            .map(|arranged| arranged.group.clone())
            .collect();
        let mut anew = self.read_each(&changed).into_iter().map(|(found, _)| found);
        let mut found = Found::default();
        for ArrangedGroup { place, is_changed, .. } in arranged {
            let part = std::mem::take(&mut parts[place]);
            found = found.and(if is_changed { anew.next().unwrap_or_default() } else { part });
        }
        found.copies = copies;
        found
    }

    /// Reads each group on its own.
    fn read_each(&self, groups: &[FileGroup]) -> Vec<(Found, GroupContents)> {
        let order = folder::largest_first(groups);
        jobs::results(self.jobs, &order, |at| self.read_group(&groups[at], groups.len() == 1))
    }

    /// Reads the files of a group, in the order of their times.
    fn read_group(&self, group: &FileGroup, is_alone: bool) -> (Found, GroupContents) {
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
        let places: Arc<[HostedFile]> =
            group.names.iter().map(|name| HostedFile::of(name, self.host.as_ref())).collect();
        let mut contents = GroupContents::new(Arc::clone(&places));
        let mut gatherer = Gatherer::new(places);
        let mut events = Events::open(&inputs, on_error);
        while events.advance(on_error) {
            let Some((input, item)) = events.item() else { continue };
            found.events += 1;
            if found.events.is_multiple_of(TURN) {
                self.meter.add_events(TURN);
            }
            contents.note(input, &item);
            gatherer.feed(input, found.events, &item);
            gatherer.closed(|_, row| found.take(row));
        }
        gatherer.finish(|_, row| found.take(row));
        found.files = (group.names.len() - troubles.foreign.len()) as u64;
        (found.foreign, found.problems) = troubles.end();
        (found, if group.can_be_read_again() { contents } else { GroupContents::default() })
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
