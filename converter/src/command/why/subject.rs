// SPDX-License-Identifier: BSD-2-Clause
//! The identity of a connection: addresses, log id and stacks, as its events give them.

use bblog_analysis::Number;
use bblog_dissector::bblog::Header;
use bblog_dissector::spec::Kernel;
use bblog_dissector::tcp_provider::{self, Addresses};
use bblog_pcapng::escape::Escaped;

use crate::event::connection::ConnectionRef;
use crate::event::item::{Clock, LogItem};

/// Stacks told apart in a run; those beyond are left out.
const MAX_STACKS: usize = 64;
/// What a BBLog header has where nothing was set.
const NOT_SET: &[u8] = b"UNKNOWN";

/// A connection.
#[derive(Default)]
pub(super) struct Subject {
    pub(super) addresses: Option<Addresses>,
    /// The session (eventlog).
    pub(super) session: Option<u64>,
    /// The log id, if one was set.
    pub(super) log_id: Option<Box<str>>,
    /// The kernel that its records were decoded for (BBLog).
    pub(super) kernel: Option<Kernel>,
    /// The clock of its times.
    pub(super) is_uptime: bool,
    /// Its stacks, by their numbers: bits.
    pub(super) stacks: u64,
}

/// The connections, by number.
#[derive(Default)]
pub(super) struct Subjects {
    all: Vec<Subject>,
    stacks: Vec<Box<str>>,
    /// Input, section and connection of the last record: what those say is noted.
    noted: Option<(usize, u64, Number)>,
}

impl Subjects {
    /// Takes note of what an item of connection `number` says.
    #[inline]
    pub(super) fn note(&mut self, number: Number, input: usize, item: &LogItem<'_>) {
        match item {
            LogItem::Bblog(record) => {
                let now = (input, record.section, number);
                if self.noted != Some(now) {
                    self.noted = Some(now);
                    self.section(number, item);
                }
            }
            LogItem::Eventlog(event) => {
                let is_new = number >= self.all.len();
                let says = tcp_provider::addresses(&event.event).is_some()
                    || tcp_provider::log_id(&event.event).is_some()
                    || tcp_provider::stack_name(&event.event).is_some();
                if is_new || says || self.all[number].addresses.is_none() {
                    self.session(number, item);
                }
            }
        }
    }

    /// What a section of BBLog says.
    #[cold]
    fn section(&mut self, number: Number, item: &LogItem<'_>) {
        let LogItem::Bblog(record) = item else { return };
        let stack = self.stack(&record.origin.stack_name);
        let subject = self.get(number, item);
        subject.stacks |= stack;
        subject.kernel = Some(record.origin.context().kernel);
        let id = Header::unchecked(record.header).map(|header| header.id()).unwrap_or_default();
        if id != NOT_SET && !id.is_empty() {
            subject.log_id = Some(Escaped(id).to_string().into());
        }
    }

    /// What an eventlog event says.
    #[cold]
    fn session(&mut self, number: Number, item: &LogItem<'_>) {
        let LogItem::Eventlog(event) = item else { return };
        let stack = tcp_provider::stack_name(&event.event).map_or(0, |name| self.stack(name));
        let subject = self.get(number, item);
        subject.stacks |= stack;
        subject.session = Some(event.event.session_id());
        if let Some(id) = tcp_provider::log_id(&event.event) {
            subject.log_id = Some(Escaped(id).to_string().into());
        }
    }

    fn get(&mut self, number: Number, item: &LogItem<'_>) -> &mut Subject {
        if number >= self.all.len() {
            self.all.resize_with(number + 1, Subject::default);
        }
        let subject = &mut self.all[number];
        subject.addresses = ConnectionRef::of(item).addresses.or(subject.addresses);
        subject.is_uptime = item.clock() == Clock::Uptime;
        subject
    }

    /// The bit of a stack.
    fn stack(&mut self, name: &[u8]) -> u64 {
        if name.is_empty() {
            return 0;
        }
        let name = Escaped(name).to_string();
        let known = self.stacks.iter().position(|known| **known == *name);
        let at = known.unwrap_or_else(|| {
            self.stacks.push(name.into());
            self.stacks.len() - 1
        });
        if at < MAX_STACKS { 1 << at } else { 0 }
    }

    /// The connections by number, and the names of stacks.
    pub(super) fn finish(self) -> (Vec<Subject>, Vec<Box<str>>) {
        (self.all, self.stacks)
    }
}

impl Subject {
    /// The names of its stacks.
    pub(super) fn stack_names<'a>(&self, stacks: &'a [Box<str>]) -> Vec<&'a str> {
        let bits = self.stacks;
        let of_it = stacks.iter().take(MAX_STACKS).enumerate().filter(|(at, _)| bits >> at & 1 != 0);
        of_it.map(|(_, name)| &**name).collect()
    }
}
