// SPDX-License-Identifier: BSD-2-Clause
//! Reads inputs into pictures of their connections.

use std::collections::HashMap;
use std::net::IpAddr;

use bblog_analysis::Wanted;
use bblog_dissector::tcp_provider::Addresses;
use bblog_pcapng::escape::Escaped;

use super::connection::Drawing;
use super::values::{Row, rows_of};
use crate::event::connection::ConnectionRef;
use crate::event::decode::DecodedItem;
use crate::event::follow::Follower;
use crate::event::item::{Clock, LogItem};
use crate::event::merge::Events;
use crate::event::origin::Origin;
use crate::input::error::OnError;
use crate::input::{InputName, Inputs};
use crate::picture::model::ConnectionPicture;
use crate::select::Selection;
use crate::select::walk::walk;

/// Connections that are drawn at most: a page of more is of no use, and events of others are left out.
const MAX_CONNECTIONS: usize = 1000;

/// Pictures, the one with the most time lost first.
pub struct Pictures {
    /// The connections that have events.
    pub connections: Vec<ConnectionPicture>,
    /// Events selected, those of no connection included.
    pub events: u64,
    /// Connections that were left out.
    pub left_out: usize,
}

/// The pictures of the connections that `selection` selects events of.
pub fn gather(inputs: &Inputs, selection: &mut Selection, on_error: &mut OnError<'_>) -> Pictures {
    let mut events = Events::open(inputs, on_error);
    let mut follower = Follower::new(Wanted { spans: true });
    let mut drawings: Vec<Option<Drawing>> = Vec::new();
    let mut rows: HashMap<usize, Vec<&'static Row>> = HashMap::new();
    let mut selected = 0;
    let walked = walk(&mut events, selection, on_error, |decoded| {
        selected += 1;
        let Some((number, step)) = follower.feed(decoded.input, decoded.number, &decoded.item) else {
            return Ok(());
        };
        if drawings.len() <= number {
            drawings.resize_with(number + 1, || None);
        }
        if number >= MAX_CONNECTIONS {
            return Ok(());
        }
        let Some(facts) = follower.facts() else { return Ok(()) };
        let drawing = drawings[number].get_or_insert_with(|| begin(inputs, decoded));
        let spec = decoded.event.spec();
        let rows = rows.entry(std::ptr::from_ref(spec) as usize).or_insert_with(|| rows_of(spec));
        drawing.event(decoded, &step, facts, rows);
        Ok(())
    });
    debug_assert!(walked.is_ok(), "nothing above can fail");
    let left_out = drawings.len().saturating_sub(MAX_CONNECTIONS);
    let mut finished: Vec<(u64, ConnectionPicture)> = Vec::new();
    for (number, account) in follower.finish() {
        let drawing = drawings.get_mut(number).and_then(Option::take);
        finished.extend(drawing.map(|drawing| (account.lost_us(), drawing.finish(&account))));
    }
    finished.sort_by_key(|(lost, _)| std::cmp::Reverse(*lost));
    let connections = finished.into_iter().map(|(_, picture)| picture).collect();
    Pictures { connections, events: selected, left_out }
}

/// A connection whose first event this is.
fn begin(inputs: &Inputs, decoded: &DecodedItem<'_>) -> Drawing {
    let ends = ConnectionRef::of(&decoded.item).addresses;
    let (local, remote) = match ends {
        Some((local, remote)) => (local.to_string(), remote.to_string()),
        None => ("?".to_owned(), "?".to_owned()),
    };
    let select = ends.map(|(local, remote)| format!(" --connection '{local}-{remote}'"));
    let details = match &decoded.item {
        LogItem::Bblog(item) => origin(item.origin),
        LogItem::Eventlog(item) => format!("eventlog session {}", item.event.session_id()),
    };
    let picture = ConnectionPicture {
        title: format!("{local} - {remote}"),
        host: ends.map_or_else(|| "?".to_owned(), |(local, _)| local.ip().to_string()),
        details,
        utc: decoded.item.clock() == Clock::Utc,
        filter: ends.map(filter_of).unwrap_or_default(),
        show: format!("bblog show{}", select.unwrap_or_default()),
        files: inputs.names.iter().map(quoted).collect(),
        ..ConnectionPicture::default()
    };
    Drawing::new(picture, decoded.item.time())
}

/// Stack and kernel of a record, and whether they were inferred.
fn origin(origin: &Origin) -> String {
    let mark = |is_inferred: bool| if is_inferred { " (inferred)" } else { "" };
    let stack = mark(origin.machine.is_stack_inferred);
    let name = Escaped(&origin.stack_name);
    match &origin.machine.kernel {
        Some(kernel) => format!("stack {name}{stack}, FreeBSD {}{}", kernel.value, mark(kernel.is_inferred)),
        None => format!("stack {name}{stack}, kernel not known"),
    }
}

/// A display filter for the packets of a connection, and for all records beside them.
fn filter_of((local, remote): Addresses) -> String {
    let (family, wire) = match local.ip() {
        IpAddr::V4(_) => ("ip", local.ip()),
        IpAddr::V6(_) => ("ipv6", local.ip()),
    };
    let (ours, theirs) = (local.port(), remote.port());
    format!(
        "bblog || {family}.addr == {wire} && {family}.addr == {} && tcp.port == {ours} && tcp.port == {theirs}",
        remote.ip()
    )
}

/// A file's name as a word of a shell's command.
fn quoted(name: &InputName) -> String {
    let name = name.to_string();
    // A name with a NUL cannot be a file's.
    shlex::try_quote(&name).map_or_else(|_| name.clone(), |quoted| quoted.into_owned())
}
