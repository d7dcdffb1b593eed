// SPDX-License-Identifier: BSD-2-Clause
//! `bblog why`: what limited each connection, when, and how that is known.

mod json;
mod left_out;
mod schema_doc;
mod text;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, Write};

use bblog_analysis::{Account, Limit, Shards, Wanted};
use bblog_dissector::Micros;

pub use self::left_out::Unlisted;
pub use self::schema_doc::schema_doc;
pub use self::text::EvidenceCommand;

use crate::event::follow::Follower;
use crate::event::merge::Events;
use crate::event::parts::in_parts;
use crate::event::subject::{Names, Subject, Subjects};
use crate::input::Inputs;
use crate::input::error::{InputError, OnError};
use crate::jobs::Jobs;
use crate::select::walk::Picker;

/// Connections that are listed, the worst ones; the others are counted.
const MAX_LISTED: usize = 10_000;

/// What is known of the connections of inputs.
pub struct Findings {
    /// The worst connection first.
    connections: Vec<Finding>,
    /// Connections that are not among them.
    left_out: Unlisted,
    /// Sockets without a connection: listening or unbound.
    listeners: usize,
    /// Names of stacks and kernels.
    names: Names,
    /// Time of the first selected event.
    first: Option<Micros>,
}

/// A connection.
struct Finding {
    subject: Subject,
    account: Box<Account>,
}

/// Follows the connections of the picked events of `inputs` to their ends, in as many threads as [`Inputs::jobs`] says if
/// every event is picked.
pub fn of_inputs(
    inputs: &Inputs,
    picker: &mut Picker,
    wanted: Wanted,
    on_error: &mut OnError<'_>,
) -> Findings {
    // Which events are selected may depend on all of those before.
    let jobs = if picker.is_everything() { inputs.jobs } else { Jobs::ONE };
    let blank = picker.another();
    let own = |inputs: &Inputs, shards| follow(inputs, shards, picker, wanted, on_error);
    let other =
        |inputs: &Inputs, shards| follow(inputs, shards, &mut blank.another(), wanted, &mut |_, _| {});
    let parts = in_parts(inputs, jobs, own, other);
    for (at, name) in inputs.names.iter().enumerate() {
        if parts.iter().any(|part| part.items[at] != parts[0].items[at]) {
            on_error(name, &InputError::read_unequally());
        }
    }
    let found = parts.into_iter().reduce(PartFindings::and).unwrap_or_default();
    let PartFindings { worst: Worst { listed, left_out, listeners }, names, first, .. } = found;
    let connections = listed.into_sorted_vec().into_iter().map(|Reverse(ranked)| ranked.finding).collect();
    Findings { connections, left_out, listeners, names, first }
}

/// What is known of the connections of some shards.
#[derive(Default)]
struct PartFindings {
    worst: Worst,
    names: Names,
    /// Time of the first selected event of any shard.
    first: Option<Micros>,
    /// How many events each input had.
    items: Vec<u64>,
}

/// Follows the connections of `shards` to their ends.
fn follow(
    inputs: &Inputs,
    shards: Shards,
    picker: &mut Picker,
    wanted: Wanted,
    on_error: &mut OnError<'_>,
) -> PartFindings {
    let mut events = Events::open(inputs, on_error);
    let mut follower = Follower::of_shards(wanted, shards);
    let (mut subjects, mut worst) = (Subjects::default(), Worst::default());
    let (mut first, mut items) = (None, vec![0; inputs.names.len()]);
    while !picker.is_full() && events.advance(on_error) {
        let Some((input, item)) = events.item() else { continue };
        items[input] += 1;
        if picker.picks(input, item) {
            first.get_or_insert(item.time());
            if let Some((number, _)) = follower.feed(input, picker.number(), &item) {
                subjects.note((follower.shard(), number), input, &item);
            }
            for (number, account) in follower.take_closed() {
                worst.add(subjects.take(number), account);
            }
        } else {
            follower.pass_over(input, &item);
        }
        events.meter().count_event();
    }
    for (number, account) in follower.finish() {
        worst.add(subjects.take(number), account);
    }
    PartFindings { worst, names: subjects.into_names(), first, items }
}

impl PartFindings {
    /// Adds the connections of other shards.
    fn and(mut self, other: PartFindings) -> PartFindings {
        let Worst { listed, left_out, listeners } = other.worst;
        listed.into_iter().for_each(|Reverse(ranked)| self.worst.list(ranked));
        self.worst.left_out.add(left_out);
        self.worst.listeners += listeners;
        self.names.add(other.names);
        self
    }
}

/// The worst connections.
#[derive(Default)]
struct Worst {
    /// The least bad one on top.
    listed: BinaryHeap<Reverse<Ranked>>,
    left_out: Unlisted,
    listeners: usize,
}

/// A connection and its place in the order: the time in trouble, its duration, and the earlier one first.
struct Ranked {
    rank: (u64, u64, Reverse<u64>),
    finding: Finding,
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Ranked) -> bool {
        self.rank == other.rank
    }
}

impl Eq for Ranked {}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Ranked) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Ranked) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl Worst {
    /// Takes in a connection that is over.
    fn add(&mut self, subject: Subject, account: Box<Account>) {
        let finding = Finding { subject, account };
        if finding.subject.is_listener(&finding.account) {
            self.listeners += 1;
            return;
        }
        let Account { duration_us, first_number, .. } = *finding.account;
        let rank = (finding.trouble_us(), duration_us, Reverse(first_number));
        self.list(Ranked { rank, finding });
    }

    /// Lists a connection, if there is room for it or a less bad one is listed.
    fn list(&mut self, ranked: Ranked) {
        self.listed.push(Reverse(ranked));
        if self.listed.len() > MAX_LISTED
            && let Some(Reverse(least)) = self.listed.pop()
        {
            self.left_out.count(&least.finding.account);
        }
    }
}

impl Finding {
    /// The time that something went wrong in, microseconds: loss, failed sends, a closed window, a connection
    /// that was not established.
    fn trouble_us(&self) -> u64 {
        let sending = &self.account.sending;
        let trouble = [Limit::Timeout, Limit::Recovery, Limit::SendError, Limit::ReceiverWindow];
        let never = if self.account.established { 0 } else { sending.time_us(Limit::Handshake) };
        trouble.into_iter().map(|limit| sending.time_us(limit)).sum::<u64>() + never
    }
}

impl Findings {
    /// Connections that are not printed.
    pub fn left_out(&self) -> &Unlisted {
        &self.left_out
    }

    /// Prints them for people: the worst connection first.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn print_text(&self, evidence: &EvidenceCommand, out: &mut impl Write) -> io::Result<()> {
        text::print(self, evidence, out)
    }

    /// Prints them as JSON Lines, one object for each connection, the worst first.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn print_json(&self, out: &mut impl Write) -> io::Result<()> {
        for finding in &self.connections {
            serde_json::to_writer(&mut *out, &json::WhyLine::of(finding, &self.names))?;
            writeln!(out)?;
        }
        Ok(())
    }
}
