// SPDX-License-Identifier: BSD-2-Clause
//! The contents of a column.

use std::fmt;
use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroU32;

use bblog_dissector::catalog::Catalog;
use bblog_dissector::event::{ByteSet, Value};
use bblog_pcapng::machine::Fact;

use crate::event::connection::{Address, ConnectionRef, ConnectionTexts};
use crate::event::decode::{DecodedItem, event_id};
use crate::event::item::{Clock, LogItem};
use crate::event::origin::Origin;
use crate::event::words::Words;
use crate::select::named::{NamedField, OperandType, Scratch};
use crate::text::changes::PartBasis;
use crate::text::clock_text::{ClockText, seconds};
use crate::text::csv::quote::quote;
use crate::text::text_writer::TextWriter;

/// A column.
#[derive(Clone, Debug)]
pub struct CsvColumn {
    name: String,
    kind: ColumnKind,
    /// Whether its cells may need quotes.
    is_text: bool,
}

#[derive(Clone, Debug)]
enum ColumnKind {
    Item(ItemColumn),
    Field(NamedField),
}

macro_rules! item_columns {
    ($($(#[$doc:meta])* $column:ident $name:literal,)*) => {
        /// A column that is not a field: a fact about the item.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum ItemColumn {
            $($(#[$doc])* $column,)*
        }

        const ITEM_COLUMNS: &[(&str, ItemColumn)] = &[$(($name, ItemColumn::$column),)*];
    };
}

item_columns! {
    /// The event's number among all that were read.
    Number "number",
    /// As RFC 3339 has it; of a log without wall-clock time the seconds since boot.
    Time "time",
    /// Microseconds since 1970, or since boot.
    TimeUs "time_us",
    /// Seconds since the first event of the inputs, selected or not.
    Relative "relative",
    /// `utc` or `uptime`.
    ClockName "clock",
    /// `bblog` or `eventlog`.
    Log "log",
    /// Both ends.
    Connection "connection",
    Local "local",
    LocalPort "local_port",
    Remote "remote",
    RemotePort "remote_port",
    /// The session (eventlog).
    Session "session",
    /// The stack of a BBLog record.
    Stack "stack",
    /// The kernel of a BBLog record.
    Kernel "kernel",
    /// Ticks per second where a BBLog record was made.
    Hz "hz",
    /// Which of stack, kernel and hz were inferred from the records.
    Inferred "inferred",
    /// The provider of an eventlog event.
    Provider "provider",
    Event "event",
    EventId "event_id",
    Summary "summary",
}

/// A name that no column has.
#[derive(Debug)]
pub struct UnknownColumn {
    name: String,
    nearest: Option<String>,
}

impl std::error::Error for UnknownColumn {}

impl fmt::Display for UnknownColumn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no field is called {}", self.name)?;
        self.nearest.iter().try_for_each(|nearest| write!(f, "; did you mean {nearest}?"))
    }
}

/// Texts that are made once and used again.
#[derive(Default)]
pub(super) struct TextCache {
    clock: ClockText,
    connections: ConnectionTexts,
    words: Words,
}

impl CsvColumn {
    /// The names of columns that are not fields.
    pub fn own_names() -> impl Iterator<Item = &'static str> {
        ITEM_COLUMNS.iter().map(|own| own.0)
    }

    /// The column called `name`: a field as filters name it, or one of [`CsvColumn::own_names`].
    ///
    /// # Errors
    /// [`UnknownColumn`]
    pub fn find(catalog: &Catalog, name: &str) -> Result<CsvColumn, UnknownColumn> {
        let own = ITEM_COLUMNS.iter().find(|own| own.0 == name).map(|own| ColumnKind::Item(own.1));
        let kind = own.or_else(|| NamedField::find(catalog, name).map(ColumnKind::Field));
        let unknown = || UnknownColumn { name: name.to_owned(), nearest: nearest(catalog, name) };
        let kind = kind.ok_or_else(unknown)?;
        let is_text = match &kind {
            ColumnKind::Item(own) => own.is_text(),
            ColumnKind::Field(field) => field.types().iter().any(|&is| is != OperandType::Number),
        };
        Ok(CsvColumn { name: name.to_owned(), kind, is_text })
    }

    /// Whether it comes from the analysis, so that connections have to be followed.
    pub fn follows(&self) -> bool {
        matches!(&self.kind, ColumnKind::Field(field) if field.follows())
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the cells of BBLog records depend on; `None` if they depend on more.
    pub(super) fn basis(&self) -> Option<PartBasis> {
        match &self.kind {
            ColumnKind::Item(own) => own.basis(),
            ColumnKind::Field(field) => field.byte_set().map(|bytes| PartBasis { bytes, section: false }),
        }
    }

    /// Appends its value, in quotes if need be.
    #[inline]
    pub(super) fn write(
        &self,
        decoded: &DecodedItem<'_>,
        texts: &mut TextCache,
        scratch: &mut Scratch,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        match &self.kind {
            ColumnKind::Item(own) => own.write(decoded, texts, out),
            ColumnKind::Field(field) => write_field(field, decoded, scratch, out),
        }
        if self.is_text {
            quote(start, out);
        }
    }
}

/// Appends the values of a field.
#[inline]
fn write_field(field: &NamedField, decoded: &DecodedItem<'_>, scratch: &mut Scratch, out: &mut Vec<u8>) {
    let start = out.len();
    field.any(decoded, scratch, |value, spec| {
        if spec.is_some_and(|spec| spec.is_unset(value)) {
            return false;
        }
        if out.len() > start {
            out.push(b';');
        }
        write_value(value, out);
        false
    });
}

/// The name most like `name`.
fn nearest(catalog: &Catalog, name: &str) -> Option<String> {
    const LIKE: f64 = 0.75;
    let like = |own: &&str| strsim::normalized_damerau_levenshtein(own, name) >= LIKE;
    let own = CsvColumn::own_names().find(like).map(str::to_owned);
    own.or_else(|| NamedField::nearest(catalog, name))
}

impl ItemColumn {
    /// Whether its cells may need quotes: those of numbers and times do not.
    fn is_text(self) -> bool {
        use ItemColumn::{Event, Inferred, Kernel, Local, Provider, Remote, Stack, Summary};
        matches!(self, Event | Inferred | Kernel | Local | Provider | Remote | Stack | Summary)
    }

    /// What the cells of BBLog records depend on; `None` if they differ from record to record.
    fn basis(self) -> Option<PartBasis> {
        let bytes = match self {
            ItemColumn::Number | ItemColumn::Relative | ItemColumn::Summary => return None,
            ItemColumn::Time | ItemColumn::TimeUs => ByteSet::of_members(&["tv_sec", "tv_usec"]),
            ItemColumn::Event | ItemColumn::EventId => ByteSet::of_members(&["event_id"]),
            _ => ByteSet::NONE,
        };
        Some(PartBasis { bytes, section: true })
    }

    fn write(self, decoded: &DecodedItem<'_>, texts: &mut TextCache, out: &mut Vec<u8>) {
        let item = &decoded.item;
        let time = item.time();
        let end = |pick: fn(&(SocketAddr, SocketAddr)) -> SocketAddr| {
            ConnectionRef::of(item).addresses.as_ref().map(pick)
        };
        match self {
            ItemColumn::Number => integer(decoded.number, out),
            ItemColumn::Time => match item.clock() {
                Clock::Utc => texts.clock.rfc3339(time, out),
                Clock::Uptime => seconds(time, out),
            },
            ItemColumn::TimeUs => out.extend_from_slice(itoa::Buffer::new().format(time.0).as_bytes()),
            ItemColumn::Relative => seconds(time - decoded.first, out),
            ItemColumn::ClockName => out.extend_from_slice(match item.clock() {
                Clock::Utc => b"utc",
                Clock::Uptime => b"uptime",
            }),
            ItemColumn::Log => out.extend_from_slice(match item {
                LogItem::Bblog(_) => b"bblog",
                LogItem::Eventlog(_) => b"eventlog",
            }),
            ItemColumn::Connection => {
                out.extend_from_slice(texts.connections.get(decoded.input, item, connection));
            }
            ItemColumn::Local => {
                end(|ends| ends.0).iter().for_each(|&end| _ = write!(out, "{}", Address(end)))
            }
            ItemColumn::Remote => {
                end(|ends| ends.1).iter().for_each(|&end| _ = write!(out, "{}", Address(end)))
            }
            ItemColumn::LocalPort => {
                end(|ends| ends.0).iter().for_each(|end| integer(end.port().into(), out))
            }
            ItemColumn::RemotePort => {
                end(|ends| ends.1).iter().for_each(|end| integer(end.port().into(), out))
            }
            ItemColumn::Session => {
                if let LogItem::Eventlog(item) = item {
                    integer(item.event.session_id(), out);
                }
            }
            ItemColumn::Stack | ItemColumn::Kernel | ItemColumn::Hz | ItemColumn::Inferred => match item {
                LogItem::Bblog(item) => self.write_origin(item.origin, out),
                LogItem::Eventlog(item) => self.write_ticks(item.hz, out),
            },
            ItemColumn::Provider => {
                if let LogItem::Eventlog(item) = item {
                    text(item.provider.unwrap_or_default(), out);
                }
            }
            ItemColumn::Event if decoded.is_unknown() => {}
            ItemColumn::Event => out.extend_from_slice(decoded.event.name().as_bytes()),
            ItemColumn::EventId => integer(event_id(item).into(), out),
            ItemColumn::Summary => {
                // A Vec takes everything.
                let _ = texts.words.write(decoded, decoded.initial_seqs, &mut TextWriter(out));
            }
        }
    }
}

impl ItemColumn {
    /// What is known of the machine that wrote an event: its ticks per second.
    fn write_ticks(self, hz: Option<Fact<NonZeroU32>>, out: &mut Vec<u8>) {
        let Some(hz) = hz else { return };
        match self {
            ItemColumn::Hz => integer(hz.value.get().into(), out),
            ItemColumn::Inferred if hz.is_inferred => out.extend_from_slice(b"hz"),
            _ => {}
        }
    }

    /// Where a record comes from: the columns of its stack and machine.
    fn write_origin(self, origin: &Origin, out: &mut Vec<u8>) {
        let machine = &origin.machine;
        match self {
            ItemColumn::Stack => text(&origin.stack_name, out),
            ItemColumn::Kernel => out.extend_from_slice(machine.kernel_name().unwrap_or_default().as_bytes()),
            ItemColumn::Hz => machine.hz.iter().for_each(|hz| integer(hz.value.get().into(), out)),
            _ => {
                for (at, name) in machine.inferred().enumerate() {
                    out.extend_from_slice(if at == 0 { b"" } else { b";" });
                    out.extend_from_slice(name.as_bytes());
                }
            }
        }
    }
}

/// `10.0.0.1:80 - 10.0.0.2:5000`
fn connection(connection: &ConnectionRef<'_>, out: &mut Vec<u8>) {
    if let Some((local, remote)) = connection.addresses {
        let _ = write!(out, "{local} - {remote}");
    }
}

fn write_value(value: &Value<'_>, out: &mut Vec<u8>) {
    match *value {
        Value::Unsigned(number) => integer(number, out),
        Value::Signed(number) => out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes()),
        // A truth value that is neither stands as it is.
        Value::Bool(number) => integer(number, out),
        Value::Text(bytes) => text(bytes, out),
        Value::Bytes(bytes) => bytes.iter().for_each(|byte| drop(write!(out, "{byte:02x}"))),
        Value::Ipv4(address) => drop(write!(out, "{address}")),
        Value::Ipv6(address) => drop(write!(out, "{address}")),
    }
}

fn integer(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

fn text(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(String::from_utf8_lossy(bytes).as_bytes());
}
