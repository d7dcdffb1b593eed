// SPDX-License-Identifier: BSD-2-Clause
//! Reads inputs into pictures of their connections.

use std::collections::HashMap;
use std::net::IpAddr;

use bblog_analysis::Wanted;
use bblog_dissector::tcp_provider::Addresses;
use bblog_pcapng::escape::Escaped;

use super::connection::Drawing;
use super::values::Drawn;
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

/// Settled spans of what limited a connection are taken once in so many events: an event settles a few at most, and
/// the analysis keeps 65,536.
const TAKE_SPANS: usize = 512;

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
    let mut subjects = Subjects::default();
    let mut kinds: HashMap<usize, Drawn> = HashMap::new();
    let mut selected = 0;
    let walked = walk(&mut events, selection, on_error, |decoded| {
        selected += 1;
        let Some((number, step)) = follower.feed(decoded.input, decoded.number, &decoded.item) else {
            return Ok(());
        };
        subjects.note(number, decoded.input, &decoded.item);
        if drawings.len() <= number {
            drawings.resize_with(number + 1, || None);
        }
        if number >= MAX_CONNECTIONS {
            return Ok(());
        }
        let Some(facts) = follower.facts() else { return Ok(()) };
        let drawing = drawings[number].get_or_insert_with(|| begin(inputs, decoded));
        let spec = decoded.event.spec();
        let is_record = matches!(decoded.item, LogItem::Bblog(_));
        let drawn = kinds.entry(std::ptr::from_ref(spec) as usize);
        let drawn = drawn.or_insert_with(|| Drawn::of(spec, is_record));
        drawing.event(decoded, &step, facts, drawn);
        if drawing.picture.ticks.times.len().is_multiple_of(TAKE_SPANS) {
            drawing.limits(&follower.take_spans());
        }
        Ok(())
    });
    debug_assert!(walked.is_ok(), "nothing above can fail");
    let left_out = drawings.len().saturating_sub(MAX_CONNECTIONS);
    let mut connections: Vec<ConnectionPicture> = Vec::new();
    for (number, account) in follower.finish() {
        let drawing = drawings.get_mut(number).and_then(Option::take);
        let subject = subjects.take(number);
        connections.extend(drawing.map(|drawing| identify(drawing.finish(&account), &subject, subjects.names())));
    }
    connections.sort_by_key(|picture| std::cmp::Reverse(picture.lost_us));
    Pictures { connections, events: selected, left_out }
}

/// A connection whose first event this is.
fn begin(inputs: &Inputs, decoded: &DecodedItem<'_>) -> Drawing {
    let details = match &decoded.item {
        LogItem::Bblog(item) => origin(item.origin),
        LogItem::Eventlog(item) => format!("eventlog session {}", item.event.session_id()),
    };
    let picture = ConnectionPicture {
        details,
        utc: decoded.item.clock() == Clock::Utc,
        files: inputs.names.iter().map(quoted).collect(),
        ..ConnectionPicture::default()
    };
    Drawing::new(picture, decoded.item.time())
}

/// Says which connection a picture is of.
fn identify(mut picture: ConnectionPicture, subject: &Subject, stacks: &[Box<str>]) -> ConnectionPicture {
    let ends = subject.addresses;
    picture.title = match ends {
        Some((local, remote)) => format!("{local} - {remote}"),
        None => "? - ?".to_owned(),
    };
    picture.host = ends.map_or_else(|| "?".to_owned(), |(local, _)| local.ip().to_string());
    picture.filter = ends.map(filter_of).unwrap_or_default();
    let select = ends.map(|(local, remote)| format!(" --connection '{local}-{remote}'"));
    picture.show = format!("bblog show{}", select.unwrap_or_default());
    let stacks = subject.stack_names(stacks);
    if subject.session.is_some() && !stacks.is_empty() {
        picture.details = format!("stack {}, {}", stacks.join(", "), picture.details);
    }
    if let Some(id) = &subject.log_id {
        picture.details = format!("log id \"{id}\", {}", picture.details);
    }
    picture
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
