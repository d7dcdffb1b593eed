// SPDX-License-Identifier: BSD-2-Clause
//! The identity of a connection: addresses, log id, stacks and kernel, as its items give them.

use std::collections::HashMap;
use std::fmt;

use bblog_analysis::{Account, Number, Shard};
use bblog_dissector::bblog::Header;
use bblog_dissector::spec::Kernel;
use bblog_dissector::tcp_provider::{self, Addresses};
use bblog_pcapng::escape::Escaped;
use foldhash::fast::RandomState;

use super::connection::ConnectionRef;
use super::item::{Clock, LogItem};
use super::origin::Origin;

/// Stacks, algorithms and kernels distinguished in each shard of the connections; those beyond are left out.
const MAX_NAMES: usize = 256;
/// Stacks, and algorithms, that are listed for one connection.
const MAX_LISTED: usize = 16;
/// What a BBLog header has where nothing was set.
const NOT_SET: &[u8] = b"UNKNOWN";

/// A connection.
#[derive(Default)]
pub struct Subject {
    /// Local and remote address, if any item gives them.
    pub addresses: Option<Addresses>,
    /// The session (eventlog).
    pub session: Option<u64>,
    /// The log id, if one was set.
    pub log_id: Option<Box<str>>,
    /// Whether its times count from the boot of the machine, which the input does not have.
    pub is_uptime: bool,
    /// Its shard, whose names are those that the following count.
    shard: Shard,
    /// The kernel that its records were decoded for (BBLog), by its place among the names.
    kernel: Option<u8>,
    /// Its stacks, in order of appearance, by their places among the names.
    stacks: Vec<u8>,
    /// Its congestion control algorithms (eventlog), likewise.
    algorithms: Vec<u8>,
}

/// Connections that are followed, by number, and the names that they have in common.
#[derive(Default)]
pub struct Subjects {
    open: HashMap<Number, Subject, RandomState>,
    names: Names,
    /// Input, section and connection of the last record: what those say is noted.
    noted: Option<(usize, u64, Number)>,
    /// The session of the last event: connection, and whether all that is known of it is noted.
    known: Option<(Number, bool)>,
}

/// Names of stacks, algorithms and kernels.
#[derive(Default)]
pub struct Names {
    /// By shard.
    shards: [ShardNames; Shard::COUNT],
}

/// The names of one shard.
#[derive(Default)]
struct ShardNames {
    stacks: Vec<StackName>,
    algorithms: Vec<Box<str>>,
    kernels: Vec<KernelName>,
}

/// The name of a stack; as text, with a mark if it was inferred: `rack (inferred)`.
#[derive(PartialEq, Eq)]
pub struct StackName {
    /// The name, `unknown` if the stack has none.
    pub name: Box<str>,
    /// Whether it was inferred from the records.
    pub is_inferred: bool,
}

/// A kernel; as text, with a mark if it was inferred: `FreeBSD 13 (inferred)`.
#[derive(PartialEq, Eq)]
pub struct KernelName {
    /// What records were decoded for.
    pub kernel: Kernel,
    /// The release, if the kernel stated it, or the kernels that it may be; `None` if nothing shows it.
    release: Option<Box<str>>,
    /// Whether it was inferred from the records.
    pub is_inferred: bool,
}

impl fmt::Display for StackName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.name, mark(self.is_inferred))
    }
}

impl KernelName {
    /// The release, if the kernel stated it, or the kernels that it may be; `None` if it is not known.
    pub fn release(&self) -> Option<&str> {
        self.release.as_deref()
    }
}

impl fmt::Display for KernelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.release {
            Some(release) => write!(f, "FreeBSD {release}{}", mark(self.is_inferred)),
            None => f.write_str("kernel not known"),
        }
    }
}

/// What follows a fact that was concluded from records.
fn mark(is_inferred: bool) -> &'static str {
    if is_inferred { " (inferred)" } else { "" }
}

impl Subjects {
    /// Takes note of what an item of connection `number`, which is of `shard`, says.
    #[inline]
    pub fn note(&mut self, (shard, number): (Shard, Number), input: usize, item: &LogItem<'_>) {
        match item {
            LogItem::Bblog(record) => {
                let now = (input, record.section, number);
                if self.noted != Some(now) {
                    self.noted = Some(now);
                    self.section((shard, number), item);
                }
            }
            LogItem::Eventlog(event) => {
                let says = tcp_provider::addresses(&event.event).is_some()
                    || tcp_provider::log_id(&event.event).is_some()
                    || tcp_provider::stack_name(&event.event).is_some()
                    || tcp_provider::congestion_control(&event.event).is_some();
                if says || self.known != Some((number, true)) {
                    let subject = self.session((shard, number), item);
                    self.known = Some((number, subject.addresses.is_some()));
                }
            }
        }
    }

    /// What a section of BBLog says.
    #[cold]
    fn section(&mut self, (shard, number): (Shard, Number), item: &LogItem<'_>) {
        let LogItem::Bblog(record) = item else { return };
        let names = &mut self.names.shards[shard.index()];
        let stack = names.stack(&record.origin.stack_name, record.origin.machine.is_stack_inferred);
        let kernel = names.kernel(record.origin);
        let subject = self.noted((shard, number), item);
        add(&mut subject.stacks, stack);
        subject.kernel = kernel.or(subject.kernel);
        if let Some(id) = Header::unchecked(record.header).ok().and_then(|header| set(header.id())) {
            subject.log_id = Some(Escaped(id).to_string().into());
        }
    }

    /// What an eventlog event says.
    #[cold]
    fn session(&mut self, (shard, number): (Shard, Number), item: &LogItem<'_>) -> &Subject {
        let (mut stack, mut algorithm, mut id) = (None, None, None);
        let mut session = None;
        if let LogItem::Eventlog(item) = item {
            let (event, names) = (&item.event, &mut self.names.shards[shard.index()]);
            session = Some(event.session_id());
            stack = tcp_provider::stack_name(event).and_then(|name| names.stack(name, false));
            algorithm = tcp_provider::congestion_control(event).and_then(|name| names.algorithm(name));
            id = tcp_provider::log_id(event);
        }
        let subject = self.noted((shard, number), item);
        subject.session = session;
        add(&mut subject.stacks, stack);
        add(&mut subject.algorithms, algorithm);
        if let Some(id) = id {
            subject.log_id = Some(Escaped(id).to_string().into());
        }
        subject
    }

    fn noted(&mut self, (shard, number): (Shard, Number), item: &LogItem<'_>) -> &mut Subject {
        let subject = self.open.entry(number).or_insert_with(|| Subject { shard, ..Subject::default() });
        subject.addresses = ConnectionRef::of(item).addresses.or(subject.addresses);
        subject.is_uptime = item.clock() == Clock::Uptime;
        subject
    }

    /// What is known so far of the connection with this number.
    pub fn get(&self, number: Number) -> Option<&Subject> {
        self.open.get(&number)
    }

    /// The connection with this number, which is over.
    pub fn take(&mut self, number: Number) -> Subject {
        self.open.remove(&number).unwrap_or_default()
    }

    /// The names of stacks, algorithms and kernels.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The names alone, when all connections are over.
    pub fn into_names(self) -> Names {
        self.names
    }
}

impl Subject {
    /// Whether it is a socket without a connection: listening or unbound. An event may say nothing but that a session
    /// began.
    pub fn is_listener(&self, account: &Account) -> bool {
        let nowhere = self.addresses.is_none_or(|(_, remote)| remote.port() == 0);
        account.is_listener || (nowhere && !account.established)
    }
}

/// What a header's text says; `None` if nothing was set.
pub fn set(text: &[u8]) -> Option<&[u8]> {
    Some(text).filter(|text| !text.is_empty() && *text != NOT_SET)
}

/// Adds a name to a short list, once; a damaged file can have millions.
fn add(names: &mut Vec<u8>, name: Option<u8>) {
    if let Some(name) = name
        && names.len() < MAX_LISTED
        && !names.contains(&name)
    {
        names.push(name);
    }
}

/// The place of a name among those that are known; `None` if there is no room for another.
fn place<T: PartialEq>(names: &mut Vec<T>, name: T) -> Option<u8> {
    let at = names.iter().position(|known| *known == name).unwrap_or(names.len());
    if at == names.len() {
        if at >= MAX_NAMES {
            return None;
        }
        names.push(name);
    }
    u8::try_from(at).ok()
}

impl ShardNames {
    fn stack(&mut self, name: &[u8], is_inferred: bool) -> Option<u8> {
        let name = Escaped(name).to_string().into();
        Some(StackName { name, is_inferred })
            .filter(|stack| !stack.name.is_empty())
            .and_then(|stack| place(&mut self.stacks, stack))
    }

    fn algorithm(&mut self, name: &[u8]) -> Option<u8> {
        let name: Box<str> = Escaped(name).to_string().into();
        if name.is_empty() { None } else { place(&mut self.algorithms, name) }
    }

    fn kernel(&mut self, origin: &Origin) -> Option<u8> {
        let machine = &origin.machine;
        let release = machine.kernel_name().map(Into::into);
        let is_inferred = machine.kernel.is_some_and(|kernel| kernel.is_inferred);
        let kernel = origin.context().kernel;
        place(&mut self.kernels, KernelName { kernel, release, is_inferred })
    }

    fn is_empty(&self) -> bool {
        self.stacks.is_empty() && self.algorithms.is_empty() && self.kernels.is_empty()
    }
}

impl Names {
    /// Takes the names of the shards that only `other` has.
    pub fn add(&mut self, other: Names) {
        for (shard, names) in self.shards.iter_mut().zip(other.shards) {
            if shard.is_empty() {
                *shard = names;
            }
        }
    }

    fn of(&self, subject: &Subject) -> &ShardNames {
        &self.shards[subject.shard.index()]
    }

    /// The stacks of a connection, in order of appearance.
    pub fn stacks_of<'a>(&'a self, subject: &'a Subject) -> impl Iterator<Item = &'a StackName> {
        let stacks = &self.of(subject).stacks;
        subject.stacks.iter().filter_map(|&at| stacks.get(usize::from(at)))
    }

    /// The congestion control algorithms of a connection, in order of appearance.
    pub fn algorithms_of<'a>(&'a self, subject: &'a Subject) -> impl Iterator<Item = &'a str> {
        let algorithms = &self.of(subject).algorithms;
        subject.algorithms.iter().filter_map(|&at| algorithms.get(usize::from(at)).map(|name| &**name))
    }

    /// The kernel that records of a connection were decoded for; `None` for eventlog.
    pub fn kernel_of(&self, subject: &Subject) -> Option<&KernelName> {
        self.of(subject).kernels.get(usize::from(subject.kernel?))
    }
}
