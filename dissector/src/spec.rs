// SPDX-License-Identifier: BSD-2-Clause
//! The table model: fields and events as plain data.
//!
//! A [`FieldSpec`] is one row: a name, the place of the value ([`Place`]), its conditions
//! ([`When`]), and how to show it ([`Unit`], [`ValueNames`]). An [`EventSpec`] is an event's
//! rows and the sentences ([`SummaryTemplate`]) that sum it up. BBLog's rows are compiled from
//! `tables/`, eventlog's are made from schemas when the program starts; decoding, Wireshark's
//! fields, JSON keys, texts and reference documentation all read the same ones.

use std::fmt;

pub use crate::category::Category;
pub use crate::unit::Unit;

/// A TCP stack, which decides what BBLog's event values mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Stack {
    /// Not known: only values that do not depend on the stack are named.
    #[default]
    Unknown,
    /// FreeBSD's default stack, `freebsd`.
    Freebsd,
    /// RACK and its relatives: any name that begins with `rack`.
    Rack,
    /// BBR: any name that begins with `bbr`.
    Bbr,
}

impl Stack {
    /// From a stack's name as `net.inet.tcp.function_info` or a STACKNAME option gives it.
    ///
    /// ```
    /// use bblog_dissector::spec::Stack;
    /// assert_eq!(Stack::from_name(b"rack_15_latest"), Stack::Rack);
    /// ```
    pub fn from_name(name: &[u8]) -> Stack {
        let is =
            |prefix: &[u8]| name.len() >= prefix.len() && name[..prefix.len()].eq_ignore_ascii_case(prefix);
        match () {
            _ if is(b"rack") => Stack::Rack,
            _ if is(b"bbr") => Stack::Bbr,
            _ if is(b"freebsd") || is(b"default") => Stack::Freebsd,
            _ => Stack::Unknown,
        }
    }

    /// Its name: `freebsd`, `rack`, `bbr`, `unknown`.
    pub fn name(self) -> &'static str {
        ["unknown", "freebsd", "rack", "bbr"][self as usize]
    }

    /// This stack's bit in [`When::stacks`].
    pub const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The kernel a BBLog record comes from, which decides a few meanings (tcp_log_buf.h has been
/// version 9 all along).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// FreeBSD 13.
    Freebsd13,
    /// FreeBSD 14, and main up to early 2024.
    Freebsd14,
    /// FreeBSD 15 and main.
    #[default]
    Main,
}

impl Kernel {
    /// All kernels, the oldest first.
    pub const ALL: [Kernel; 3] = [Kernel::Freebsd13, Kernel::Freebsd14, Kernel::Main];

    /// From a release, as a user or `shb_os` writes it: `13`, `14.1-RELEASE`, `15.0`, `main`.
    /// Releases before 13 count as 13, and those from 15 on as main. `None` if the text begins with
    /// neither a number nor `main`.
    ///
    /// ```
    /// use bblog_dissector::spec::Kernel;
    /// assert_eq!(Kernel::from_name("13.2"), Some(Kernel::Freebsd13));
    /// assert_eq!(Kernel::from_name("16.0-CURRENT"), Some(Kernel::Main));
    /// assert_eq!(Kernel::from_name("rack"), None);
    /// ```
    pub fn from_name(name: &str) -> Option<Kernel> {
        let release = name.split(|c: char| !c.is_ascii_alphanumeric()).next()?;
        match release.parse::<u32>() {
            Ok(0..=13) => Some(Kernel::Freebsd13),
            Ok(14) => Some(Kernel::Freebsd14),
            Ok(_) => Some(Kernel::Main),
            Err(_) => (release == "main").then_some(Kernel::Main),
        }
    }

    /// Its name: `13`, `14`, `main`.
    pub fn name(self) -> &'static str {
        ["13", "14", "main"][self as usize]
    }

    /// This kernel's bit in [`When::kernels`].
    pub const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The kernels that a record can come from: one or more, not all.
///
/// ```
/// use bblog_dissector::spec::{Kernel, KernelSet};
/// let newer = KernelSet::from_bits(Kernel::Freebsd14.bit() | Kernel::Main.bit()).unwrap();
/// assert_eq!((newer.newest(), newer.to_string().as_str()), (Kernel::Main, "14 or newer"));
/// assert_eq!(KernelSet::from(Kernel::Freebsd13).to_string(), "13");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KernelSet(u8);

impl KernelSet {
    /// From [`Kernel::bit`]s, of which other bits are left out. `None` for no kernel, and for all.
    pub fn from_bits(bits: u8) -> Option<KernelSet> {
        let every = (1 << Kernel::ALL.len()) - 1;
        Some(KernelSet(bits & every)).filter(|set| set.0 != 0 && set.0 != every)
    }

    /// Its kernels, as [`Kernel::bit`]s.
    pub fn bits(self) -> u8 {
        self.0
    }

    /// Its kernels, the oldest first.
    pub fn kernels(self) -> impl DoubleEndedIterator<Item = Kernel> {
        Kernel::ALL.into_iter().filter(move |kernel| self.0 & kernel.bit() != 0)
    }

    /// The newest of them, with which a record is decoded.
    pub fn newest(self) -> Kernel {
        self.kernels().next_back().unwrap_or_default()
    }

    /// Its name: `13`, `14`, `main`, `13 or 14`, `13 or main`, `14 or newer`.
    pub fn name(self) -> &'static str {
        let names = ["", "13", "14", "13 or 14", "main", "13 or main", "14 or newer"];
        names.get(usize::from(self.0)).copied().unwrap_or_default()
    }

    /// The kernel, if it is one.
    pub fn only(self) -> Option<Kernel> {
        (self.0.count_ones() == 1).then(|| self.newest())
    }
}

impl From<Kernel> for KernelSet {
    fn from(kernel: Kernel) -> KernelSet {
        KernelSet(kernel.bit())
    }
}

/// [`KernelSet::name`].
impl fmt::Display for KernelSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// Every bit of a stack or kernel set.
pub const ALL: u8 = 0xff;

/// One row of a table: one value that a record or an event may hold.
#[derive(Debug)]
pub struct FieldSpec {
    /// A number of its own among all rows of the process, counted from 0 without gaps.
    pub id: u32,
    /// The name within its event, lower case: `snd_cwnd`, `pacing_delay`.
    pub name: &'static str,
    /// The display filter name: `bblog.snd_cwnd`, `bblog.hptsi_calc.pacing_delay`.
    pub filter: &'static str,
    /// What it is, a few words.
    pub label: &'static str,
    /// The type of its values. Rows that share a filter name share the widest type among them.
    pub kind: Kind,
    /// The unit.
    pub unit: Unit,
    /// ValueNames of its values.
    pub names: ValueNames,
    /// Where it lies in the bytes.
    pub place: Place,
    /// How it is read there.
    pub read: Read,
    /// When it is there.
    pub when: &'static When,
    /// How many rows from this one on have the very same [`FieldSpec::when`]: where it does not
    /// hold, they are passed over at once.
    pub span: u16,
    /// Rows of the same event, by index, that take this one's place where they apply: same bits,
    /// more conditions.
    pub yields_to: &'static [u16],
    /// Whether it came with a common set, and so says nothing special about its event.
    pub common: bool,
    /// Values that mean "not set": a kernel's largest number, where there is no value yet.
    pub unset: &'static [u64],
    /// Values from this one on are lower bounds: the kernel cut them, or they wrapped.
    pub at_least: Option<u64>,
    /// Which kernel source the row comes from.
    pub source: &'static str,
}

/// The type of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Unsigned integer of 8, 16, 32 or 64 bits.
    Unsigned(u8),
    /// Signed integer of 8, 16, 32 or 64 bits.
    Signed(u8),
    /// A truth value: any nonzero number is true.
    Bool,
    /// Text, cut at the first NUL; any bytes.
    Text,
    /// Raw bytes.
    Bytes,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
}

/// Where a value lies, relative to the record (BBLog) or the payload (eventlog).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// First byte.
    pub offset: u16,
    /// Bytes.
    pub size: u16,
    /// The lowest and highest bit of it, if the value is a part of an integer.
    pub bits: Option<(u8, u8)>,
    /// Where the low 32 bits lie, if the value is a 64-bit integer in two members.
    pub low: Option<u16>,
    /// Where an integer of the same size lies that is to be taken off, modulo its size: the
    /// value is computed, not logged.
    pub minus: Option<u16>,
    /// The byte order.
    pub order: Order,
    /// How often the value stands there.
    pub repeat: Repeat,
}

/// How a value is read, which follows from its [`Kind`] and [`Place`]: worked out beforehand, since
/// it is asked for every value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Read {
    /// An unsigned integer of 8 bits that stands there by itself.
    U8,
    /// One of 16 bits.
    U16,
    /// One of 32 bits.
    U32,
    /// One of 64 bits.
    U64,
    /// A signed integer of 32 bits.
    I32,
    /// One of 64 bits.
    I64,
    /// A truth value of 8 bits.
    Bool,
    /// All others.
    Other,
}

impl Read {
    /// How values of `kind` are read at `place`.
    pub const fn of(kind: Kind, place: &Place) -> Read {
        let Place { bits: None, low: None, minus: None, .. } = place else { return Read::Other };
        match (kind, place.order, place.size) {
            (Kind::Unsigned(_), _, 1) => Read::U8,
            (Kind::Unsigned(_), Order::Host, 2) => Read::U16,
            (Kind::Unsigned(_), Order::Host, 4) => Read::U32,
            (Kind::Unsigned(_), Order::Host, 8) => Read::U64,
            (Kind::Signed(_), Order::Host, 4) => Read::I32,
            (Kind::Signed(_), Order::Host, 8) => Read::I64,
            (Kind::Bool, _, 1) => Read::Bool,
            _ => Read::Other,
        }
    }
}

/// Byte order of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The order of the machine that wrote the log: little-endian.
    Host,
    /// Network order.
    Network,
}

/// How often a value stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Once.
    Once,
    /// A variable-length tail: as often as an earlier integer says, one after the other.
    Tail {
        /// Where that integer lies in the payload.
        count_at: u16,
        /// Its bytes.
        count_size: u8,
        /// The most there can be.
        max: u32,
    },
}

/// When a row applies: all of it must hold.
#[derive(Clone, Copy, Debug)]
pub struct When {
    /// Stacks, as [`Stack::bit`]s.
    pub stacks: u8,
    /// Kernels, as [`Kernel::bit`]s.
    pub kernels: u8,
    /// Event flags that say the member is valid at all.
    pub flags: u16,
    /// Conditions on members of the record.
    pub conds: &'static [Cond],
}

impl When {
    /// Always.
    pub const ALWAYS: When = When { stacks: ALL, kernels: ALL, flags: 0, conds: &[] };
}

/// A condition on another member of the record.
#[derive(Clone, Copy, Debug)]
pub struct Cond {
    /// The member's name, as the table has it.
    pub member: &'static str,
    /// The member.
    pub place: Place,
    /// What its value must be.
    pub test: Test,
}

/// What a [`Cond`] asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Test {
    /// One of these.
    In(&'static [u64]),
    /// None of these.
    NotIn(&'static [u64]),
    /// Greater than this.
    Above(u64),
    /// At least one of these bits is set.
    AnySet(u64),
    /// None of these bits is set.
    NoneSet(u64),
}

/// ValueNames of a field's values.
#[derive(Clone, Copy, Debug)]
pub enum ValueNames {
    /// It is a plain number.
    None,
    /// One name for each value.
    Enum(&'static NameTable),
    /// One name for each bit or mask.
    Flags(&'static NameTable),
}

/// ValueNames of values or of bits.
#[derive(Debug)]
pub struct NameTable {
    /// The table's own name.
    pub name: &'static str,
    /// Value or mask, and name, in the order they are shown.
    pub values: &'static [(i64, &'static str)],
    /// What sentences call some of them instead.
    pub words: &'static [(i64, &'static str)],
}

impl NameTable {
    /// The name of `value`.
    pub fn get(&self, value: i64) -> Option<&'static str> {
        self.values.iter().find(|entry| entry.0 == value).map(|entry| entry.1)
    }

    /// The value or mask called `name`.
    pub fn value(&self, name: &str) -> Option<i64> {
        self.values.iter().find(|entry| entry.1 == name).map(|entry| entry.0)
    }

    /// What sentences call `value`: its words, or else its name.
    pub fn in_words(&self, value: i64) -> Option<&'static str> {
        self.words.iter().find(|entry| entry.0 == value).map(|entry| entry.1).or_else(|| self.get(value))
    }
}

/// One event of a stack or provider.
#[derive(Debug)]
pub struct EventSpec {
    /// Its number: 0 to 72 for BBLog (tlb_eventid), any u32 for eventlog.
    pub id: u32,
    /// Its short name: the C identifier without `TCP_LOG_`, `BBR_LOG_`, `TCP_`, `BBR_` or `RACK_`
    /// for BBLog, the schema's name for eventlog. Unique within its source.
    pub name: &'static str,
    /// The identifier in the kernel's source.
    pub c_name: &'static str,
    /// ValueNames that older kernels gave the number: kernels, short name, C identifier.
    pub former_names: &'static [FormerName],
    /// What happened, a few words.
    pub label: &'static str,
    /// General remarks.
    pub notes: &'static [&'static str],
    /// Who writes it.
    pub logged_by: &'static [&'static str],
    /// Its values.
    pub fields: &'static [FieldSpec],
    /// Plain names; of those that apply the one with the most conditions is used.
    pub titles: &'static [Title],
    /// What it is about; of those that apply the one with the most conditions is used.
    pub categories: &'static [EventCategory],
    /// Its summaries; of those that apply the one with the most conditions is used.
    pub says: &'static [SummaryTemplate],
    /// What listings add to the packet that the event is; chosen alike.
    pub beside: &'static [SummaryTemplate],
    /// The schema's format (eventlog).
    pub format: &'static [TemplatePart],
    /// When it deserves notice.
    pub alerts: &'static [Alert],
    /// What it does to a timer; the first that applies.
    pub timers: &'static [TimerStep],
    /// What a record of it proves about the stack or the kernel that wrote it.
    pub evidence: &'static [Evidence],
    /// The stacks that write it, as [`Stack::bit`]s; [`ALL`] if others than stacks do, too.
    pub writers: u8,
    /// Which stack wrote a record of it that stands under the id of another; the first that applies.
    pub takeovers: &'static [Takeover],
    /// Bytes of the payload's structure without a variable-length tail (eventlog); 0 for BBLog.
    pub size: u16,
}

/// A name that older kernels gave an event's number.
#[derive(Clone, Copy, Debug)]
pub struct FormerName {
    /// The kernels, as [`Kernel::bit`]s.
    pub kernels: u8,
    /// The short name.
    pub name: &'static str,
    /// The identifier in those kernels' source.
    pub c_name: &'static str,
}

impl EventSpec {
    /// Whether this stands in for an event that no table has.
    pub fn is_unknown(&self) -> bool {
        std::ptr::eq(self, &UNKNOWN)
    }

    /// Its name on `kernel`.
    pub fn name_on(&self, kernel: Kernel) -> &'static str {
        self.former_names
            .iter()
            .find(|former| former.kernels & kernel.bit() != 0)
            .map_or(self.name, |former| former.name)
    }
}

/// Stands in for events whose number no table has: no rows but the raw ones.
pub static UNKNOWN: EventSpec = EventSpec {
    id: u32::MAX,
    name: "UNKNOWN",
    c_name: "",
    former_names: &[],
    label: "unknown event",
    notes: &[],
    logged_by: &[],
    fields: &[],
    titles: &[],
    categories: &[],
    says: &[],
    beside: &[],
    format: &[],
    alerts: &[],
    timers: &[],
    evidence: &[],
    writers: ALL,
    takeovers: &[],
    size: 0,
};

/// Something that deserves notice: what Wireshark calls an expert information.
#[derive(Debug)]
pub struct AlertSpec {
    /// Its name, in lower case.
    pub name: &'static str,
    /// How serious it is.
    pub severity: Severity,
    /// What it is about, as Wireshark groups it.
    pub group: AlertGroup,
    /// What it is about, as listings colour it: an event that is one has this category.
    pub category: Category,
    /// What it is, a few words.
    pub label: &'static str,
}

/// How serious something is, as Wireshark grades it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The usual course of things.
    Chat,
    /// Notable, but common.
    Note,
    /// Unusual.
    Warn,
    /// A fault.
    Error,
}

/// What something that deserves notice is about, as Wireshark groups it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertGroup {
    /// Loss and recovery.
    Sequence,
    /// An error that the system gave.
    Response,
    /// The course of the connection.
    Protocol,
    /// Not known to the tables.
    Undecoded,
    /// Bytes that are missing or wrong.
    Malformed,
}

/// When an event deserves notice.
#[derive(Clone, Copy, Debug)]
pub struct Alert {
    /// The conditions.
    pub when: When,
    /// Index into [`tables::ALERTS`](crate::tables::ALERTS).
    pub kind: u16,
}

/// What an event does to a timer.
#[derive(Clone, Copy, Debug)]
pub struct TimerStep {
    /// When it does.
    pub when: When,
    /// What.
    pub does: TimerVerb,
    /// The timer, or the set of timers: a start belongs to the next stop or expiry of the same.
    pub chain: &'static str,
    /// The value of the row below tells several timers of the set apart.
    pub keyed: bool,
    /// The row that names the timer: of these indexes the first that applies.
    pub rows: &'static [u16],
}

/// What can happen to a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerVerb {
    /// It is armed.
    Starts,
    /// It is disarmed.
    Stops,
    /// It expires.
    Fires,
    /// Its expiry has been dealt with.
    Handles,
}

impl TimerVerb {
    /// From the word that tables and schemas use.
    pub fn from_word(word: &str) -> Option<TimerVerb> {
        Some(match word {
            "starts" => TimerVerb::Starts,
            "stops" => TimerVerb::Stops,
            "fires" => TimerVerb::Fires,
            "handles" => TimerVerb::Handles,
            _ => return None,
        })
    }

    /// What has happened, in a word.
    pub fn word(self) -> &'static str {
        match self {
            TimerVerb::Starts => "started",
            TimerVerb::Stops => "stopped",
            TimerVerb::Fires => "fired",
            TimerVerb::Handles => "handled",
        }
    }
}

/// A stack that takes a connection over logs under the id of the stack before it until it has.
#[derive(Clone, Copy, Debug)]
pub struct Takeover {
    /// When a record is of [`Takeover::stack`].
    pub when: When,
    /// The stack that takes over.
    pub stack: Stack,
}

/// What a record proves about the stack or the kernel that wrote it.
#[derive(Clone, Copy, Debug)]
pub struct Evidence {
    /// When it does. Conditions on the kernel mean nothing here.
    pub when: When,
    /// How two members of the record must compare.
    pub compare: Option<Compare>,
    /// For evidence that the connection's next record gives: the event that this record is of on
    /// `kernels`, and on no other kernel.
    pub next: Option<u8>,
    /// The stacks that the record can come from, as [`Stack::bit`]s; [`ALL`] if it does not tell.
    pub stacks: u8,
    /// The kernels that the record can come from, as [`Kernel::bit`]s; [`ALL`] if it does not tell.
    pub kernels: u8,
}

/// A comparison of two members of a record.
#[derive(Clone, Copy, Debug)]
pub struct Compare {
    /// The member.
    pub place: Place,
    /// Whether it must be greater than `times` the other one, or must not be.
    pub above: bool,
    /// What the other member is multiplied by.
    pub times: u64,
    /// The other member.
    pub other: Place,
}

/// A sentence with values in it.
#[derive(Clone, Copy, Debug)]
pub struct SummaryTemplate {
    /// When it is right.
    pub when: When,
    /// Its parts, in order.
    pub parts: &'static [TemplatePart],
}

/// A part of a sentence. The language that sentences are written in is described in `tables/README.md`.
#[derive(Clone, Copy, Debug)]
pub enum TemplatePart {
    /// Words.
    Text(&'static str),
    /// A value with its unit.
    Value(Operand),
    /// A value without its unit.
    Number(Operand),
    /// The names of those flags of a value that the mask has.
    Flags(Operand, u64),
    /// The difference of two values: bytes between sequence numbers, else in the unit of the first.
    Difference(Operand, Operand),
    /// Nothing, but a condition on the text around it: the masked value is not zero.
    Test(Operand, u64),
    /// The first of these texts all values of which are present and not zero.
    Either(&'static [&'static [TemplatePart]]),
    /// A value of the event's row with this index, for which the schema has a conversion of
    /// printf(3).
    Printf(&'static str, u16),
}

/// A value that a sentence names: of the rows with these indexes the first that applies, the
/// event's own before those that every record or event has, and computed ones last.
#[derive(Clone, Copy, Debug)]
pub struct Operand {
    /// Rows of the event.
    pub own: &'static [u16],
    /// Rows that every record or event has.
    pub common: &'static [u16],
    /// Rows that are computed from a BBLog record.
    pub derived: &'static [u16],
}

/// A plain name of an event.
#[derive(Clone, Copy, Debug)]
pub struct Title {
    /// When it is right.
    pub when: When,
    /// The name, a few words in lower case.
    pub words: &'static str,
}

/// What an event is about, where a condition holds.
#[derive(Clone, Copy, Debug)]
pub struct EventCategory {
    /// When it is right.
    pub when: When,
    /// The category.
    pub category: Category,
}
