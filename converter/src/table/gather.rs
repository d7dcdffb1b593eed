// SPDX-License-Identifier: BSD-2-Clause
//! Follows connections, and makes a row of each that is over.

use std::collections::HashMap;
use std::sync::Arc;

use bblog_analysis::{Account, Number, Step, Wanted};
use bblog_dissector::Micros;
use bblog_dissector::bblog::Header;
use bblog_pcapng::escape::Escaped;
use foldhash::fast::RandomState;

use super::id::{ConnectionId, IdParts};
use super::row::{ConnectionRow, Party};
use crate::event::follow::Follower;
use crate::event::item::{BblogItem, LogItem};
use crate::event::subject::{Subject, Subjects, set};
use crate::input::host::HostedFile;

/// Follows connections, and makes a row of each that is over.
pub struct Gatherer {
    follower: Follower,
    subjects: Subjects,
    open: HashMap<Number, Extra, RandomState>,
    /// Where each input is, by its number.
    places: Arc<[HostedFile]>,
    /// Input, section and connection of the last record, whose section was looked at.
    noted: Option<(usize, u64, Number)>,
    words: SharedTexts,
}

/// What is known of a connection beside its subject and its account.
#[derive(Default)]
struct Extra {
    /// The number of its first input.
    input: usize,
    boot: Option<Micros>,
    iss: Option<u32>,
    tag: Option<Box<str>>,
    is_bblog: bool,
    is_undecoded: bool,
    /// Its id, once something has it.
    id: Option<ConnectionId>,
}

/// Texts that many rows have in common.
#[derive(Default)]
struct SharedTexts(HashMap<Box<str>, Arc<str>, RandomState>);

impl SharedTexts {
    fn share(&mut self, text: &str) -> Arc<str> {
        match self.0.get(text) {
            Some(known) => Arc::clone(known),
            None => {
                let shared: Arc<str> = text.into();
                self.0.insert(text.into(), Arc::clone(&shared));
                shared
            }
        }
    }
}

impl Gatherer {
    /// One that has seen nothing yet; `places` says where the inputs are, by their numbers.
    pub fn new(places: Arc<[HostedFile]>) -> Gatherer {
        Gatherer {
            follower: Follower::new(Wanted::default()),
            subjects: Subjects::default(),
            open: HashMap::default(),
            places,
            noted: None,
            words: SharedTexts::default(),
        }
    }

    /// Takes in the item with the number `number` among all items, which is of input number `input`. Returns its
    /// connection and its step; `None` if it is of no connection, or was read before.
    #[inline]
    pub fn feed(&mut self, input: usize, number: u64, item: &LogItem<'_>) -> Option<(Number, Step)> {
        let (connection, step) = self.follower.feed(input, number, item)?;
        self.subjects.note((self.follower.shard(), connection), input, item);
        match item {
            LogItem::Bblog(record) => {
                let now = (input, record.section, connection);
                if self.noted != Some(now) {
                    self.note_section(now, record);
                }
            }
            LogItem::Eventlog(_) => self.note_event(connection, input),
        }
        Some((connection, step))
    }

    /// Passes over an item that is not selected.
    #[inline]
    pub fn pass_over(&mut self, input: usize, item: &LogItem<'_>) {
        self.follower.pass_over(input, item);
    }

    #[cold]
    fn note_section(&mut self, now: (usize, u64, Number), item: &BblogItem<'_>) {
        let (input, _, connection) = now;
        let iss = self.follower.facts().and_then(|facts| facts.iss).filter(|&iss| iss != 0);
        let extra = self.open.entry(connection).or_insert_with(|| Extra { input, ..Extra::default() });
        // Before a SYN was sent there is none.
        extra.iss = extra.iss.or(iss);
        self.noted = extra.iss.map(|_| now);
        extra.is_bblog = true;
        extra.is_undecoded |= !item.origin.is_decoded();
        let Ok(header) = Header::unchecked(item.header) else { return };
        extra.boot = extra.boot.or(Some(header.boot_time()).filter(|boot| boot.0 != 0));
        if extra.tag.is_none() {
            extra.tag = set(header.tag()).map(|tag| Escaped(tag).to_string().into());
        }
    }

    #[inline]
    fn note_event(&mut self, connection: Number, input: usize) {
        let extra = self.open.entry(connection).or_insert_with(|| Extra { input, ..Extra::default() });
        if extra.iss.is_none() {
            extra.iss = self.follower.facts().and_then(|facts| facts.iss);
        }
    }

    /// Hands out the connections that are over, since the last call, each with its row; `None` of a socket without a
    /// connection.
    #[inline]
    pub fn closed(&mut self, mut each: impl FnMut(Number, Option<ConnectionRow>)) {
        let closed: Vec<_> = self.follower.take_closed().collect();
        for (number, account) in closed {
            let row = self.row(number, &account);
            each(number, row);
        }
    }

    /// Hands out the connections that were not handed out yet: no item follows.
    pub fn finish(mut self, mut each: impl FnMut(Number, Option<ConnectionRow>)) {
        let follower = std::mem::replace(&mut self.follower, Follower::new(Wanted::default()));
        for (number, account) in follower.finish() {
            let row = self.row(number, &account);
            each(number, row);
        }
    }

    /// The id of a connection that is followed. It does not change when more becomes known of the connection.
    pub fn id(&mut self, number: Number) -> ConnectionId {
        let extra = self.open.entry(number).or_default();
        let place = self.places.get(extra.input);
        let subject = self.subjects.get(number);
        *extra.id.get_or_insert_with(|| identify(extra.boot, extra.iss, place, subject))
    }

    /// As [`Gatherer::id`]; `None` of a connection that is not followed.
    pub fn open_id(&mut self, number: Number) -> Option<ConnectionId> {
        self.open.contains_key(&number).then(|| self.id(number))
    }

    fn row(&mut self, number: Number, account: &Account) -> Option<ConnectionRow> {
        let extra = self.open.remove(&number).unwrap_or_default();
        let subject = self.subjects.take(number);
        let nowhere = subject.addresses.is_none_or(|(_, remote)| remote.port() == 0);
        if account.is_listener || (nowhere && !account.established) {
            return None;
        }
        Some(ConnectionRow::new(self.party(extra, subject), account))
    }

    fn party(&mut self, extra: Extra, subject: Subject) -> Party {
        let place = self.places.get(extra.input);
        let id = extra.id.unwrap_or_else(|| identify(extra.boot, extra.iss, place, Some(&subject)));
        let names = self.subjects.names();
        let stack = names.stacks_of(&subject).filter(|stack| &*stack.name != "unknown").last();
        let kernel = names.kernel_of(&subject);
        let words = &mut self.words;
        Party {
            id,
            host: place.and_then(|place| place.host.clone()),
            addresses: subject.addresses,
            stack: stack.map(|stack| words.share(&stack.name)),
            cc: names.algorithms_of(&subject).last().map(|name| words.share(name)),
            kernel: kernel.and_then(|kernel| kernel.release()).map(|release| words.share(release)),
            is_stack_inferred: stack.is_some_and(|stack| stack.is_inferred),
            is_kernel_inferred: kernel.is_some_and(|kernel| kernel.is_inferred),
            is_uptime: subject.is_uptime,
            log_id: subject.log_id,
            tag: extra.tag,
            is_bblog: extra.is_bblog,
            is_undecoded: extra.is_undecoded,
            file: place.map_or_else(|| "".into(), |place| Arc::clone(&place.file)),
        }
    }
}

fn identify(
    boot: Option<Micros>,
    iss: Option<u32>,
    place: Option<&HostedFile>,
    subject: Option<&Subject>,
) -> ConnectionId {
    ConnectionId::of(&IdParts {
        host: place.and_then(|place| place.host.as_deref()),
        boot,
        addresses: subject.and_then(|subject| subject.addresses),
        iss,
        session: subject.and_then(|subject| subject.session),
    })
}
