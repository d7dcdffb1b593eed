// SPDX-License-Identifier: BSD-2-Clause
//! Goes through files group by group, and hands out events and connections.

use std::collections::HashMap;
use std::sync::Arc;

use bblog_analysis::{Number, Step};
use foldhash::fast::RandomState;

use super::TablesError;
use crate::event::decode::{DecodedItem, ItemDecoder};
use crate::event::item::LogItem;
use crate::event::merge::Events;
use crate::input::assumptions::Assumptions;
use crate::input::error::OnError;
use crate::input::folder::{self, FileGroup};
use crate::input::host::HostedFile;
use crate::input::meter::Meter;
use crate::input::{InputName, Inputs};
use crate::jobs::{self, Jobs};
use crate::select::Selection;
use crate::table::gather::Gatherer;
use crate::table::id::ConnectionId;
use crate::table::overlap::{Arrangement, GroupContents, arrange};
use crate::table::row::ConnectionRow;

/// Events between two counts for the progress bar.
const TURN: u64 = 4096;

/// What takes events and connections.
pub trait Sink {
    /// Whether events are wanted, not connections alone.
    fn wants_events(&self) -> bool;

    /// Takes an event of the machine `host`, with its connection's step.
    ///
    /// # Errors
    /// Those of the output.
    fn event(
        &mut self,
        decoded: &DecodedItem<'_>,
        fed: Option<&(Number, Step)>,
        host: Option<&Arc<str>>,
        ids: &mut Ids<'_>,
    ) -> Result<(), TablesError>;

    /// Takes a connection.
    ///
    /// # Errors
    /// Those of the output.
    fn connection(&mut self, row: ConnectionRow) -> Result<(), TablesError>;

    /// All connections of the events so far are known.
    fn settle(&mut self, ids: &mut Ids<'_>);
}

/// The ids of connections that are over, and of those that are followed.
pub struct Ids<'a> {
    gatherer: Option<&'a mut Gatherer>,
    closed: &'a HashMap<Number, ConnectionId, RandomState>,
}

impl Ids<'_> {
    /// The id of a connection; `None` of a socket without one, once it is over.
    pub fn get(&mut self, number: Number) -> Option<ConnectionId> {
        let known = self.closed.get(&number).copied();
        known.or_else(|| self.gatherer.as_mut()?.open_id(number))
    }
}

/// What is to be read.
pub struct Job<'a> {
    /// The files, in groups.
    pub groups: &'a [FileGroup],
    /// What they do not say themselves.
    pub assumptions: &'a Arc<Assumptions>,
    /// The machine that they are of, if the user says so.
    pub host: Option<Arc<str>>,
    /// How far reading has come.
    pub meter: &'a Arc<Meter>,
    /// How many compressed files may be decompressed ahead at a time.
    pub jobs: Jobs,
}

/// Groups that have nothing in common, and copies that are left out. For that all files are read once before, if there is
/// more than one group.
pub fn arranged(job: &Job<'_>) -> Arrangement {
    let groups = job.groups;
    let order = folder::largest_first(groups);
    let contents = match groups {
        [_] => vec![GroupContents::default()],
        _ => jobs::results(job.jobs, &order, |at| contents(job, &groups[at])),
    };
    arrange(groups, &contents)
}

/// What is in a group. Its problems are reported when it is converted.
fn contents(job: &Job<'_>, group: &FileGroup) -> GroupContents {
    if !group.can_be_read_again() {
        return GroupContents::default();
    }
    let inputs = Inputs {
        names: group.names.clone(),
        assumptions: Arc::clone(job.assumptions),
        meter: Arc::default(),
        jobs: Jobs::ONE,
    };
    let places = group.names.iter().map(|name| HostedFile::of(name, job.host.as_ref())).collect();
    let mut contents = GroupContents::new(places);
    let on_error = &mut |_: &InputName, _: &crate::InputError| {};
    let mut events = Events::open(&inputs, on_error);
    while events.advance(on_error) {
        if let Some((input, item)) = events.item() {
            contents.note(input, &item);
        }
    }
    contents
}

/// Hands the selected events and their connections to `sink`. Returns the files of folders that turned out to be no logs.
///
/// # Errors
/// The first of the sink; those of inputs go to `on_error`.
pub fn walk(
    job: &Job<'_>,
    selection: &mut Selection,
    sink: &mut dyn Sink,
    on_error: &mut OnError<'_>,
) -> Result<Vec<InputName>, TablesError> {
    let mut foreign = Vec::new();
    for group in job.groups {
        selection.begin_anew();
        let files = &mut |name: &InputName, error: &crate::InputError| {
            // Files of a folder that are no logs are none of its problems.
            match group.is_named || !error.is_foreign() {
                true => on_error(name, error),
                false => foreign.push(name.clone()),
            }
        };
        walk_group(job, group, selection, sink, files)?;
    }
    Ok(foreign)
}

fn walk_group(
    job: &Job<'_>,
    group: &FileGroup,
    selection: &mut Selection,
    sink: &mut dyn Sink,
    on_error: &mut OnError<'_>,
) -> Result<(), TablesError> {
    let inputs = Inputs {
        names: group.names.clone(),
        assumptions: Arc::clone(job.assumptions),
        meter: Arc::clone(job.meter),
        jobs: job.jobs,
    };
    let places: Arc<[HostedFile]> =
        group.names.iter().map(|name| HostedFile::of(name, job.host.as_ref())).collect();
    let decodes = sink.wants_events() || !selection.is_everything();
    let mut decoder = ItemDecoder::new();
    if selection.follows() {
        decoder.follow();
    }
    let mut gatherer = Gatherer::new(Arc::clone(&places));
    let mut closed = HashMap::default();
    let mut events = Events::open(&inputs, on_error);
    let mut number = 0;
    while !selection.is_full() && events.advance(on_error) {
        let Some((input, item)) = events.item() else { continue };
        number += 1;
        if u64::is_multiple_of(number, TURN) {
            job.meter.add_events(TURN);
        }
        if !decodes {
            gatherer.feed(input, number, &item);
        } else {
            let decoded = decoder.decode(input, item);
            if !selection.admits(&decoded) {
                gatherer.pass_over(input, &decoded.item);
                continue;
            }
            let fed = gatherer.feed(input, number, &decoded.item);
            // A record that was read before, as in files that overlap, is there already.
            let is_repeated = fed.is_none() && matches!(decoded.item, LogItem::Bblog(_));
            if sink.wants_events() && !is_repeated {
                let host = places.get(input).and_then(|place| place.host.as_ref());
                let ids = &mut Ids { gatherer: Some(&mut gatherer), closed: &closed };
                sink.event(&decoded, fed.as_ref(), host, ids)?;
            }
        }
        let keeps = sink.wants_events();
        let mut rows = Ok(());
        gatherer.closed(|number, row| {
            if let Some(row) = row {
                if keeps {
                    closed.insert(number, row.party.id);
                }
                rows = std::mem::replace(&mut rows, Ok(())).and_then(|()| sink.connection(row));
            }
        });
        rows?;
    }
    let mut rows = Ok(());
    gatherer.finish(|number, row| {
        if let Some(row) = row {
            closed.insert(number, row.party.id);
            rows = std::mem::replace(&mut rows, Ok(())).and_then(|()| sink.connection(row));
        }
    });
    rows?;
    sink.settle(&mut Ids { gatherer: None, closed: &closed });
    Ok(())
}
