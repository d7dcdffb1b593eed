// SPDX-License-Identifier: BSD-2-Clause
//! Fields by the names that filters and columns use, and their values in an event.
//!
//! A [`NamedField`] is looked up once. Most are rows of the tables: only these rows are decoded, and an event
//! without them costs a look at a short list. The others are not in tables: the name of the event, its
//! connection, and the fields that Wireshark shows for its packet. Values are not copied, and nothing is
//! allocated.

mod packet;
mod stock;

use std::iter;

use bblog_analysis::{Cause, Limit, Timer};
use bblog_dissector::bblog::Header;
use bblog_dissector::catalog::{Catalog, ProviderSpec};
use bblog_dissector::elog::{DUMP_COMPLETE, SESSION_CREATE, SESSION_END};
use bblog_dissector::event::{self, ByteSet, Event, Field, RowGroup, Value};
use bblog_dissector::spec::{Category, EventSpec, FieldSpec, Repeat, UNKNOWN, ValueKind};
use bblog_dissector::tables;
use bblog_dissector::tcp_provider::SegmentPlan;

use self::packet::{Packet, PacketEnd};
use crate::event::decode::DecodedItem;
use crate::event::item::LogItem;
use crate::event::words::Words;

/// The numbers of eventlog's events that every provider has.
const RESERVED_IDS: [u32; 3] = [DUMP_COMPLETE, SESSION_CREATE, SESSION_END];

/// The cause of a retransmission whose stack is not known.
const UNKNOWN_CAUSE: &str = "unknown";

/// A field, found by its name.
#[derive(Clone, Debug)]
pub struct NamedField {
    name: String,
    what: FieldSource,
}

#[derive(Clone, Debug)]
enum FieldSource {
    Rows(NamedRows),
    /// Some bits of rows, as a truth value.
    Bits(NamedRows, u64),
    Computed(ComputedField),
}

/// A field that no table has: its value is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ComputedField {
    /// The short name of the event.
    Event,
    /// The timer that fired, under one name for all stacks and both logs.
    TimerFired,
    /// The line that says what happened.
    Summary,
    /// What limits the connection, as far as is known then.
    Limit,
    /// Why the segment was sent again.
    Retransmission,
    /// Why the event deserves notice: alerts of the tables, and those of the events before it.
    Alert,
    /// What the event is about, in a word.
    Category,
    /// The event's plain name.
    Title,
    /// The stack's name (BBLog).
    Stack,
    /// The log id of the entry (BBLog).
    LogId,
    /// Its tag.
    Tag,
    /// Why it was dumped.
    Reason,
    /// The provider's name (eventlog).
    Provider,
    /// Bytes after the structure (eventlog).
    Trailing,
    /// The event's number among all that were read, from 1.
    Number,
    /// An IPv4 address of the packet.
    Ipv4(PacketEnd),
    /// An IPv6 address of the packet.
    Ipv6(PacketEnd),
    /// A port of the packet.
    Port(PacketEnd),
    /// The twelve flags of its TCP header.
    TcpFlags,
    /// One of them.
    TcpFlag(u16),
    /// Its sequence number.
    TcpSeq,
    /// Its acknowledgement number.
    TcpAck,
    /// Bytes of data.
    TcpLen,
    /// Whether it is a BBLog record without a packet, for Wireshark's name of the protocol.
    IsBblog,
    /// Whether it is an eventlog event.
    IsEventlog,
    /// Whether it has a packet.
    IsTcp,
    /// Whether that is IPv4.
    IsIpv4,
    /// Whether that is IPv6.
    IsIpv6,
    /// The event itself: always present.
    IsFrame,
}

/// The type of a value to compare with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OperandType {
    /// A number or truth value.
    Number,
    /// Text.
    Text,
    /// Bytes.
    Bytes,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// No value: the field is present or absent.
    Presence,
}

/// Buffers that values are made in.
#[derive(Debug, Default)]
pub struct Scratch {
    summary: String,
    words: Words,
    plan: Option<(&'static ProviderSpec, SegmentPlan)>,
}

impl NamedField {
    /// The field called `name`; `None` if there is none.
    pub fn find(catalog: &Catalog, name: &str) -> Option<NamedField> {
        let what = stock::FACTS
            .iter()
            .find(|fact| fact.0 == name)
            .map(|fact| FieldSource::Computed(fact.1))
            .or_else(|| NamedRows::find(catalog, name).map(FieldSource::Rows))
            .or_else(|| {
                let (_, row, mask) = stock::BITS.iter().find(|bits| bits.0 == name)?;
                Some(FieldSource::Bits(NamedRows::find(catalog, row)?, *mask))
            })?;
        Some(NamedField { name: name.to_owned(), what })
    }

    /// The name most like `name`, if any is like it.
    pub fn nearest(catalog: &Catalog, name: &str) -> Option<String> {
        let all = || {
            let rows = catalog.rows().iter().map(|row| row.filter);
            rows.chain(stock::FACTS.iter().map(|fact| fact.0)).chain(stock::BITS.iter().map(|bits| bits.0))
        };
        // `snd_cwnd` is most likely `bblog.snd_cwnd`.
        let name = name.to_ascii_lowercase();
        let end = format!(".{name}");
        if let Some(whole) = all().filter(|have| have.ends_with(&end)).min_by_key(|have| have.len()) {
            return Some(whole.to_owned());
        }
        most_alike(all(), &name).map(str::to_owned)
    }

    /// The values that it can have, if they are known: names of events, of timers.
    pub fn values(&self, catalog: &Catalog) -> Option<Vec<&'static str>> {
        match self.what {
            FieldSource::Computed(ComputedField::Event) => Some(event_names(catalog)),
            FieldSource::Computed(ComputedField::TimerFired) => {
                Some(Timer::ALL.iter().map(|timer| timer.name()).collect())
            }
            FieldSource::Computed(ComputedField::Limit) => {
                Some(Limit::ALL.iter().map(|limit| limit.name()).collect())
            }
            FieldSource::Computed(ComputedField::Retransmission) => {
                Some(Cause::ALL.iter().map(|cause| cause.name()).chain([UNKNOWN_CAUSE]).collect())
            }
            FieldSource::Computed(ComputedField::Category) => {
                Some(Category::ALL.iter().map(|category| category.word()).collect())
            }
            FieldSource::Computed(ComputedField::Alert) => {
                Some(tables::ALERTS.iter().map(|alert| alert.name).collect())
            }
            _ => None,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it comes from the analysis, so that connections have to be followed.
    pub fn follows(&self) -> bool {
        // That a stall ended is an alert.
        let computed = [ComputedField::Limit, ComputedField::Retransmission, ComputedField::Alert];
        self.fact().is_some_and(|fact| computed.contains(&fact))
    }

    pub(crate) fn fact(&self) -> Option<ComputedField> {
        match self.what {
            FieldSource::Computed(fact) => Some(fact),
            FieldSource::Rows(_) | FieldSource::Bits(..) => None,
        }
    }

    /// The rows it stands for; none if it is a fact or a bit.
    pub fn rows(&self) -> &[&'static FieldSpec] {
        match &self.what {
            FieldSource::Rows(rows) => &rows.specs,
            FieldSource::Bits(..) | FieldSource::Computed(_) => &[],
        }
    }

    /// The bytes of a BBLog record that its values depend on, if all of them are of rows that every record has, beside
    /// stack and kernel.
    pub fn byte_set(&self) -> Option<ByteSet> {
        match &self.what {
            FieldSource::Rows(rows) => rows.byte_set(),
            FieldSource::Bits(..) | FieldSource::Computed(_) => None,
        }
    }

    /// What its values can be compared with: one type but for rows of different kinds.
    pub fn types(&self) -> Vec<OperandType> {
        let mut types: Vec<OperandType> = match &self.what {
            FieldSource::Rows(rows) => rows.specs.iter().map(|spec| OperandType::of(spec.kind)).collect(),
            FieldSource::Bits(..) => vec![OperandType::Number],
            FieldSource::Computed(fact) => vec![fact.is()],
        };
        types.dedup();
        types
    }

    /// Hands the values that the event has to `found`, with their rows, until it says `true`; then
    /// this is `true` as well.
    #[inline]
    pub fn any(
        &self,
        decoded: &DecodedItem<'_>,
        scratch: &mut Scratch,
        mut found: impl FnMut(&Value<'_>, Option<&'static FieldSpec>) -> bool,
    ) -> bool {
        match &self.what {
            FieldSource::Rows(rows) => rows.any(decoded, |field| found(&field.value, Some(field.spec))),
            FieldSource::Bits(rows, mask) => rows.any(decoded, |field| {
                let set = field.value.as_int().is_some_and(|number| number as u64 & mask != 0);
                found(&Value::Bool(set.into()), None)
            }),
            FieldSource::Computed(fact) => fact.any(decoded, scratch, |value| found(value, None)),
        }
    }
}

/// The names of all events, those of older kernels among them.
fn event_names(catalog: &Catalog) -> Vec<&'static str> {
    let of_event = |event: &'static EventSpec| {
        iter::once(event.name).chain(event.former_names.iter().map(|former| former.name))
    };
    let bblog = tables::EVENTS.iter().chain([&UNKNOWN]);
    let reserved = RESERVED_IDS.into_iter().map(|id| Catalog::event(None, id));
    let eventlog = catalog.providers().iter().flat_map(|provider| provider.events);
    bblog.chain(reserved).chain(eventlog).flat_map(of_event).collect()
}

/// Of `names` the one most like `name`, if any is like it.
pub fn most_alike(names: impl IntoIterator<Item = &'static str>, name: &str) -> Option<&'static str> {
    const LIKE: f64 = 0.7;
    let name = name.to_ascii_lowercase();
    let likeness = |have: &str| strsim::normalized_damerau_levenshtein(&have.to_ascii_lowercase(), &name);
    let best = names.into_iter().map(|have| (likeness(have), have)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|best| best.0 >= LIKE).map(|best| best.1)
}

impl OperandType {
    fn of(kind: ValueKind) -> OperandType {
        match kind {
            ValueKind::Unsigned(_) | ValueKind::Signed(_) | ValueKind::Bool => OperandType::Number,
            ValueKind::Text => OperandType::Text,
            ValueKind::Bytes => OperandType::Bytes,
            ValueKind::Ipv4 => OperandType::Ipv4,
            ValueKind::Ipv6 => OperandType::Ipv6,
        }
    }
}

/// The rows of one name.
#[derive(Clone, Debug)]
struct NamedRows {
    specs: Box<[&'static FieldSpec]>,
    /// Those of single events, by id: the rows of one event have ids in a row.
    own: Box<[u32]>,
    /// The others.
    common: Box<[(Common, u16)]>,
}

/// A group of rows that every record or event has, or could have.
#[derive(Clone, Copy, Debug)]
enum Common {
    Record,
    Derived,
    Raw,
    Track,
    Verbose,
    Header,
}

const COMMON: [(Common, &[FieldSpec]); 6] = [
    (Common::Record, tables::RECORD),
    (Common::Derived, tables::DERIVED),
    (Common::Raw, tables::RAW),
    (Common::Track, tables::TRACK),
    (Common::Verbose, tables::VERBOSE),
    (Common::Header, tables::ELOG_HEADER),
];

impl NamedRows {
    fn find(catalog: &Catalog, name: &str) -> Option<NamedRows> {
        let specs: Vec<_> = catalog.rows().iter().copied().filter(|row| row.filter == name).collect();
        if specs.is_empty() {
            return None;
        }
        let common = |spec: &FieldSpec| {
            COMMON.iter().find_map(|(group, rows)| {
                let index = rows.iter().position(|row| row.id == spec.id)?;
                Some((*group, index as u16))
            })
        };
        let own = specs.iter().filter(|spec| common(spec).is_none()).map(|spec| spec.id).collect();
        let common = specs.iter().filter_map(|spec| common(spec)).collect();
        Some(NamedRows { specs: specs.into(), own, common })
    }

    fn byte_set(&self) -> Option<ByteSet> {
        let of_group = |&(group, index): &(Common, u16)| {
            let rows = match group {
                Common::Record => tables::RECORD,
                Common::Derived => tables::DERIVED,
                Common::Raw => tables::RAW,
                // Not of BBLog.
                Common::Header => return Some(ByteSet::NONE),
                Common::Track | Common::Verbose => return None,
            };
            rows.get(usize::from(index)).map(|row| ByteSet::of_row(rows, row))
        };
        let mut sets = self.common.iter().map(of_group);
        if !self.own.is_empty() {
            return None;
        }
        sets.try_fold(ByteSet::NONE, |all, set| Some(all.and(set?)))
    }

    #[inline]
    fn any(&self, decoded: &DecodedItem<'_>, mut found: impl FnMut(&Field<'_>) -> bool) -> bool {
        let event = &decoded.event;
        if let Some(first) = event.spec().fields.first() {
            let end = first.id + event.spec().fields.len() as u32;
            let start = self.own.partition_point(|&id| id < first.id);
            for &id in self.own[start..].iter().take_while(|&&id| id < end) {
                if any(event, RowGroup::Own, (id - first.id) as usize, &mut found) {
                    return true;
                }
            }
        }
        self.common.iter().any(|&(group, index)| {
            let index = usize::from(index);
            match (&decoded.item, group) {
                (LogItem::Bblog(_), Common::Record) | (LogItem::Eventlog(_), Common::Header) => {
                    any(event, RowGroup::Common, index, &mut found)
                }
                (LogItem::Bblog(_), Common::Derived) => any(event, RowGroup::Derived, index, &mut found),
                (LogItem::Bblog(_), Common::Raw) => any(event, RowGroup::Raw, index, &mut found),
                (_, Common::Track) => {
                    let id = tables::TRACK[index].id;
                    let mut fields = decoded.tracked.fields();
                    fields.any(|field| field.spec.id == id && found(&field))
                }
                (LogItem::Bblog(item), Common::Verbose) => {
                    let id = tables::VERBOSE[index].id;
                    let verbose = item.record.verbose();
                    let mut fields = verbose.iter().flat_map(event::verbose);
                    fields.any(|field| field.spec.id == id && found(&field))
                }
                (LogItem::Eventlog(_), _) | (LogItem::Bblog(_), Common::Header) => false,
            }
        })
    }
}

/// Whether `found` is `true` of a value of one row of a group. Most rows have one.
#[inline]
fn any(event: &Event<'_>, group: RowGroup, index: usize, found: &mut impl FnMut(&Field<'_>) -> bool) -> bool {
    let is_tail = |spec: &FieldSpec| spec.place.repeat != Repeat::Once;
    if event.rows_of(group).get(index).is_some_and(is_tail) {
        return event.one(group, index).any(|field| found(&field));
    }
    event.value_at(group, index).is_some_and(|field| found(&field))
}

impl ComputedField {
    fn is(self) -> OperandType {
        match self {
            ComputedField::Event
            | ComputedField::TimerFired
            | ComputedField::Summary
            | ComputedField::Stack
            | ComputedField::LogId => OperandType::Text,
            ComputedField::Tag | ComputedField::Reason | ComputedField::Provider => OperandType::Text,
            ComputedField::Limit
            | ComputedField::Retransmission
            | ComputedField::Alert
            | ComputedField::Category
            | ComputedField::Title => OperandType::Text,
            ComputedField::Trailing => OperandType::Bytes,
            ComputedField::Number
            | ComputedField::Port(_)
            | ComputedField::TcpFlags
            | ComputedField::TcpFlag(_) => OperandType::Number,
            ComputedField::TcpSeq | ComputedField::TcpAck | ComputedField::TcpLen => OperandType::Number,
            ComputedField::Ipv4(_) => OperandType::Ipv4,
            ComputedField::Ipv6(_) => OperandType::Ipv6,
            ComputedField::IsBblog | ComputedField::IsEventlog | ComputedField::IsTcp => {
                OperandType::Presence
            }
            ComputedField::IsIpv4 | ComputedField::IsIpv6 | ComputedField::IsFrame => OperandType::Presence,
        }
    }

    fn any(
        self,
        decoded: &DecodedItem<'_>,
        scratch: &mut Scratch,
        mut found: impl FnMut(&Value<'_>) -> bool,
    ) -> bool {
        let mut there = |is: bool| is && found(&Value::Bool(1));
        match self {
            ComputedField::Event => found(&Value::Text(decoded.event.name().as_bytes())),
            ComputedField::TimerFired => Timer::fired_by(&decoded.event)
                .is_some_and(|timer| found(&Value::Text(timer.name().as_bytes()))),
            ComputedField::Summary => {
                scratch.summary.clear();
                // Writing to a string cannot fail.
                let _ = scratch.words.write(decoded, decoded.initial_seqs, &mut scratch.summary);
                found(&Value::Text(scratch.summary.as_bytes()))
            }
            ComputedField::Limit => {
                let analysis = decoded.analysis.as_ref();
                analysis.is_some_and(|analysis| found(&Value::Text(analysis.step.limit.name().as_bytes())))
            }
            ComputedField::Retransmission => {
                let again = decoded.analysis.as_ref().and_then(|analysis| analysis.step.retransmission);
                let cause = again.map(|again| again.cause.map_or(UNKNOWN_CAUSE, Cause::name));
                cause.is_some_and(|cause| found(&Value::Text(cause.as_bytes())))
            }
            ComputedField::Alert => {
                let mut names = decoded.alerts().map(|alert| alert.name);
                names.any(|name| found(&Value::Text(name.as_bytes())))
            }
            ComputedField::Category => found(&Value::Text(decoded.category().word().as_bytes())),
            ComputedField::Title => {
                let title = decoded.event.title();
                !title.is_empty() && found(&Value::Text(title.as_bytes()))
            }
            ComputedField::Number => found(&Value::Unsigned(decoded.number)),
            ComputedField::IsFrame => there(true),
            ComputedField::IsEventlog => there(matches!(decoded.item, LogItem::Eventlog(_))),
            ComputedField::IsBblog => {
                there(matches!(&decoded.item, LogItem::Bblog(item) if item.record.tcp().is_none()))
            }
            ComputedField::Stack | ComputedField::LogId | ComputedField::Tag | ComputedField::Reason => {
                self.of_entry(decoded).is_some_and(|text| !text.is_empty() && found(&Value::Text(text)))
            }
            ComputedField::Provider => {
                let LogItem::Eventlog(item) = &decoded.item else { return false };
                item.provider.is_some_and(|provider| found(&Value::Text(provider)))
            }
            ComputedField::Trailing => {
                let event = &decoded.event;
                let bytes = event.as_bytes().get(event.trailing()).unwrap_or_default();
                !bytes.is_empty() && found(&Value::Bytes(bytes))
            }
            _ => Packet::of(decoded, &mut scratch.plan)
                .or_else(|| Packet::of_addresses(decoded, self))
                .is_some_and(|packet| packet.any(self, found)),
        }
    }
    /// The text of a field that an entry's header or its origin has; `None` for eventlog.
    fn of_entry<'a>(self, decoded: &DecodedItem<'a>) -> Option<&'a [u8]> {
        let LogItem::Bblog(item) = decoded.item else { return None };
        let header = Header::unchecked(item.header).ok()?;
        Some(match self {
            ComputedField::LogId => header.id(),
            ComputedField::Tag => header.tag(),
            ComputedField::Reason => header.reason(),
            _ => &item.origin.stack_name,
        })
    }
}
