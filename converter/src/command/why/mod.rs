// SPDX-License-Identifier: BSD-2-Clause
//! `bblog why`: what limited each connection, when, and how that is known.

mod json;
mod schema_doc;
mod subject;
mod text;

use std::cmp::Reverse;
use std::io::{self, Write};

use bblog_analysis::{Account, Limit, Wanted};
use bblog_dissector::Micros;

pub use self::schema_doc::schema_doc;
pub use self::text::Evidence;

use self::subject::{Subject, Subjects};
use crate::event::follow::Follower;
use crate::event::merge::Events;
use crate::input::error::OnError;
use crate::select::Selection;
use crate::select::walk::walk;

/// What is known of the connections of inputs.
#[derive(Default)]
pub struct Findings {
    /// The worst connection first.
    connections: Vec<Finding>,
    /// Sockets without a connection: listening or unbound.
    listeners: usize,
    /// Names of stacks, by number.
    stacks: Vec<Box<str>>,
    /// Time of the first selected event.
    first: Option<Micros>,
}

/// A connection.
struct Finding {
    subject: Subject,
    account: Account,
}

/// Follows the connections of the selected events to their ends.
///
/// # Errors
/// None of its own: errors of inputs go to `on_error`.
pub fn of_events(
    events: &mut Events,
    selection: &mut Selection,
    wanted: Wanted,
    on_error: &mut OnError<'_>,
) -> io::Result<Findings> {
    let mut follower = Follower::new(wanted);
    let mut subjects = Subjects::default();
    let mut first = None;
    walk(events, selection, on_error, |decoded| {
        first.get_or_insert(decoded.item.time());
        if let Some((number, _)) = follower.feed(decoded.input, decoded.number, &decoded.item) {
            subjects.note(number, decoded.input, &decoded.item);
        }
        Ok(())
    })?;
    let (subjects, stacks) = subjects.finish();
    let connections = subjects.into_iter().zip(follower.finish());
    let mut connections: Vec<Finding> =
        connections.map(|(subject, account)| Finding { subject, account }).collect();
    let all = connections.len();
    connections.retain(|finding| !finding.is_listener());
    let listeners = all - connections.len();
    connections.sort_by_key(|finding| Reverse((finding.trouble_us(), finding.account.duration_us)));
    Ok(Findings { connections, listeners, stacks, first })
}

impl Finding {
    /// Whether it is a socket without a connection. An event may say nothing but that a session began.
    fn is_listener(&self) -> bool {
        let nowhere = self.subject.addresses.is_none_or(|(_, remote)| remote.port() == 0);
        self.account.is_listener || (nowhere && !self.account.established)
    }

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
    /// Prints them for people: the worst connection first.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn print_text(&self, evidence: &Evidence, out: &mut impl Write) -> io::Result<()> {
        text::print(self, evidence, out)
    }

    /// Prints them as JSON Lines, one object for each connection, the worst first.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn print_json(&self, out: &mut impl Write) -> io::Result<()> {
        for finding in &self.connections {
            serde_json::to_writer(&mut *out, &json::Connection::of(finding, &self.stacks))?;
            writeln!(out)?;
        }
        Ok(())
    }
}
