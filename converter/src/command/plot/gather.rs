// SPDX-License-Identifier: BSD-2-Clause
//! Reads inputs into pictures of their connections.

use std::cmp::Reverse;
use std::collections::HashMap;

use bblog_analysis::Wanted;

use super::connection::Drawing;
use super::values::Drawn;
use crate::event::decode::DecodedItem;
use crate::event::follow::Follower;
use crate::event::item::{Clock, LogItem};
use crate::event::merge::Events;
use crate::event::subject::{Names, Subject, Subjects};
use crate::input::assumptions::Assumptions;
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
        subjects.note((follower.shard(), number), decoded.input, &decoded.item);
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
        connections
            .extend(drawing.map(|drawing| identify(drawing.finish(&account), &subject, subjects.names())));
    }
    // Of those that lost nothing, the one with the most events is first: sockets that only listen are last.
    connections.sort_by_key(|picture| Reverse((picture.lost_us, picture.ticks.times.len())));
    Pictures { connections, events: selected, left_out }
}

/// A connection whose first event this is.
fn begin(inputs: &Inputs, decoded: &DecodedItem<'_>) -> Drawing {
    let picture = ConnectionPicture {
        show: options(&inputs.assumptions),
        utc: decoded.item.clock() == Clock::Utc,
        files: inputs.names.iter().map(quoted).collect(),
        ..ConnectionPicture::default()
    };
    Drawing::new(picture, decoded.item.time())
}

/// Says which connection a picture is of.
fn identify(
    (mut picture, iss): (ConnectionPicture, Vec<u32>),
    subject: &Subject,
    names: &Names,
) -> ConnectionPicture {
    let ends = subject.addresses;
    picture.title = match ends {
        Some((local, remote)) => format!("{local} - {remote}"),
        None => "? - ?".to_owned(),
    };
    picture.host = ends.map_or_else(|| "?".to_owned(), |(local, _)| local.ip().to_string());
    picture.details = details(subject, names);
    picture.filter = filter_of(subject, &iss);
    let select = match (ends, subject.session) {
        (Some((local, remote)), _) => Some(format!(" --connection '{local}-{remote}'")),
        (None, Some(session)) => Some(format!(" --filter 'eventlog.session_id == {session}'")),
        (None, None) => None,
    };
    picture.show = format!("bblog show{}{}", picture.show, select.unwrap_or_default());
    picture
}

/// Log id, stacks, congestion control and kernel, as far as they are known.
fn details(subject: &Subject, names: &Names) -> String {
    let id = subject.log_id.as_ref().map(|id| format!("log id \"{id}\""));
    let stacks: Vec<String> = names.stacks_of(subject).map(|stack| format!("stack {stack}")).collect();
    let algorithms = names.algorithms_of(subject).map(|name| format!("congestion control {name}"));
    let kernel = names.kernel_of(subject).map(ToString::to_string);
    let session = subject.session.map(|session| format!("eventlog session {session}"));
    let all = id.into_iter().chain(stacks).chain(algorithms).chain(kernel).chain(session);
    all.collect::<Vec<String>>().join(", ")
}

/// The options of bblog that say what the inputs do not, as words of a shell's command.
fn options(assumptions: &Assumptions) -> String {
    let stacks = assumptions.stacks.to_string();
    let stacks = Some(word(&stacks)).filter(|_| !stacks.is_empty());
    let kernel = assumptions.kernel.map(|kernel| kernel.name().to_owned());
    let layout = assumptions.layout.map(|layout| layout.name().to_owned());
    let options = [("stack", stacks), ("kernel", kernel), ("layout", layout)];
    options.into_iter().filter_map(|(name, value)| Some(format!(" --{name} {}", value?))).collect()
}

/// A display filter for the events and the packets of a connection.
fn filter_of(subject: &Subject, iss: &[u32]) -> String {
    if let Some(session) = subject.session {
        return format!("eventlog.session_id == {session}");
    }
    let iss: Vec<String> = iss.iter().map(|iss| format!("bblog.iss == {iss}")).collect();
    iss.join(" || ")
}

/// A file's name as a word of a shell's command.
fn quoted(name: &InputName) -> String {
    word(&name.to_string())
}

fn word(text: &str) -> String {
    // A text with a NUL is no word of any command.
    shlex::try_quote(text).map_or_else(|_| text.to_owned(), |quoted| quoted.into_owned())
}
