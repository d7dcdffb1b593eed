// SPDX-License-Identifier: BSD-2-Clause
//! An event as an object on a line.

use bblog_dissector::catalog::Catalog;
use bblog_dissector::event::{self, Event, Field, Fields, Value};
use bblog_dissector::spec::{Repeat, ValueNames};

use super::keys::JsonKeys;
use super::state::StateMember;
use super::value;
use crate::event::connection::{Address, ConnectionRef, ConnectionTexts};
use crate::event::decode::{DecodedItem, event_id, payload};
use crate::event::item::{BblogItem, Clock, EventlogItem, LogItem};
use crate::event::origin::Origin;
use crate::text::TextSink;
use crate::text::changes::{Changes, PartBasis, PartSet};
use crate::text::clock_text::ClockText;
use crate::text::kept::KeptText;
use crate::text::tcp_header::TcpHeaderText;

/// Writes events as JSON Lines.
pub struct JsonLines {
    /// Whether the members as logged and the bytes are there too.
    pub raw: bool,
    /// Whether values with names have them in an object beside.
    pub names: bool,
    keys: JsonKeys,
    clock: ClockText,
    connections: ConnectionTexts,
    /// The members that every record has, and their text in the last one.
    state: (Box<[StateMember]>, KeptText),
    changes: Changes,
}

impl JsonLines {
    /// For the events that `catalog` describes.
    pub fn new(catalog: &Catalog) -> JsonLines {
        let state = StateMember::all();
        let basis = |member: &StateMember| Some(PartBasis { bytes: member.of, section: false });
        JsonLines {
            raw: false,
            names: false,
            keys: JsonKeys::new(catalog),
            clock: ClockText::default(),
            connections: ConnectionTexts::new(),
            changes: Changes::of_parts(state.iter().map(basis)),
            state: (state, KeptText::default()),
        }
    }
}

impl TextSink for JsonLines {
    #[inline]
    fn event(&mut self, decoded: &DecodedItem<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"time\":");
        match decoded.item.clock() {
            Clock::Utc => {
                out.push(b'"');
                self.clock.rfc3339(decoded.item.time(), out);
                out.extend_from_slice(b"\",\"clock\":\"utc\",\"time_us\":");
            }
            Clock::Uptime => out.extend_from_slice(b"null,\"clock\":\"uptime\",\"time_us\":"),
        }
        value::signed(decoded.item.time().0, out);
        match &decoded.item {
            LogItem::Bblog(item) => self.record(decoded, item, out),
            LogItem::Eventlog(item) => self.eventlog(decoded, item, out),
        }
        if self.names {
            out.extend_from_slice(b",\"names\":");
            let mut members = ObjectMembers::new(&mut self.keys, out);
            decoded.event.fields().chain(decoded.event.common()).for_each(|field| members.named(&field));
            members.end();
        }
        if self.raw {
            out.extend_from_slice(b",\"bytes\":");
            value::hex(decoded.event.as_bytes(), out);
        }
        out.extend_from_slice(b"}\n");
    }
}

impl JsonLines {
    fn record(&mut self, decoded: &DecodedItem<'_>, item: &BblogItem<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"log\":\"bblog\"");
        identity(decoded, out);
        out.extend_from_slice(self.connections.get(decoded.input, &decoded.item, |ends, out| {
            out.extend_from_slice(b",\"stack\":");
            origin(item.origin, out);
            out.extend_from_slice(b",\"connection\":");
            connection(ends, out);
        }));
        out.extend_from_slice(b",\"serial\":");
        value::unsigned(u64::from(item.record.serial()), out);
        out.extend_from_slice(b",\"missing\":");
        value::unsigned(u64::from(item.missing), out);
        out.extend_from_slice(b",\"bblog\":");
        let event = &decoded.event;
        let mut members = ObjectMembers::new(&mut self.keys, out);
        members.state(event, self.changes.next(event, false), &mut self.state);
        decoded.tracked.fields().for_each(|field| members.add(&field));
        members.end();
        out.extend_from_slice(b",\"values\":");
        let mut members = ObjectMembers::new(&mut self.keys, out);
        members.all(event.fields());
        members.end();
        if let Some(bytes) = item.record.tcp()
            && let Some(tcp) = TcpHeaderText::parse(bytes)
        {
            header(&tcp, out);
        }
        if let Some(verbose) = &item.record.verbose() {
            out.extend_from_slice(b",\"verbose\":");
            let mut members = ObjectMembers::new(&mut self.keys, out);
            members.all(event::verbose(verbose));
            members.end();
        }
        if self.raw || decoded.is_unknown() {
            out.extend_from_slice(b",\"raw\":");
            let mut members = ObjectMembers::new(&mut self.keys, out);
            members.all(event.raw());
            members.end();
        }
    }

    fn eventlog(&mut self, decoded: &DecodedItem<'_>, item: &EventlogItem<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"log\":\"eventlog\"");
        identity(decoded, out);
        out.extend_from_slice(b",\"provider\":");
        match item.provider {
            Some(provider) => texts(b"provider_hex", provider, out),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"session\":");
        value::unsigned(item.event.session_id(), out);
        out.extend_from_slice(b",\"hz\":");
        match item.hz {
            Some(hz) => value::unsigned(u64::from(hz.value.get()), out),
            None => out.extend_from_slice(b"null"),
        }
        if item.hz.is_some_and(|hz| hz.is_inferred) {
            out.extend_from_slice(b",\"inferred\":[\"hz\"]");
        }
        out.extend_from_slice(b",\"connection\":");
        out.extend_from_slice(self.connections.get(decoded.input, &decoded.item, connection));
        out.extend_from_slice(b",\"eventlog\":");
        let event = &decoded.event;
        let mut members = ObjectMembers::new(&mut self.keys, out);
        members.all(event.common());
        decoded.tracked.fields().for_each(|field| members.add(&field));
        members.end();
        out.extend_from_slice(b",\"values\":");
        let mut members = ObjectMembers::new(&mut self.keys, out);
        members.all(event.fields());
        members.end();
        let truncated = event.is_truncated();
        if truncated {
            out.extend_from_slice(b",\"truncated\":true");
        }
        if truncated || (decoded.is_unknown() && !payload(decoded).is_empty()) {
            out.extend_from_slice(b",\"payload\":");
            value::hex(payload(decoded), out);
        } else {
            let trailing = event.as_bytes().get(event.trailing()).unwrap_or_default();
            if !trailing.is_empty() {
                out.extend_from_slice(b",\"trailing\":");
                value::hex(trailing, out);
            }
        }
    }
}

/// The event's name and number.
#[inline]
fn identity(decoded: &DecodedItem<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"event\":");
    if decoded.is_unknown() {
        out.extend_from_slice(b"null");
    } else {
        value::string(decoded.event.name(), out);
    }
    out.extend_from_slice(b",\"event_id\":");
    value::unsigned(u64::from(event_id(&decoded.item)), out);
    if decoded.item.is_damaged() {
        out.extend_from_slice(b",\"damaged\":true");
    }
}

/// Stack, kernel and ticks per second, and which of them were inferred.
fn origin(origin: &Origin, out: &mut Vec<u8>) {
    let machine = &origin.machine;
    texts(b"stack_hex", &origin.stack_name, out);
    out.extend_from_slice(b",\"kernel\":");
    match machine.kernel_name() {
        Some(kernel) => value::string(kernel, out),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"hz\":");
    match machine.hz {
        Some(hz) => value::unsigned(u64::from(hz.value.get()), out),
        None => out.extend_from_slice(b"null"),
    }
    let mut before = &b",\"inferred\":["[..];
    for name in machine.inferred() {
        out.extend_from_slice(before);
        value::string(name, out);
        before = b",";
    }
    if before == b"," {
        out.push(b']');
    }
}

/// Text, and if it is not UTF-8 its bytes under the key `hex`.
fn texts(hex: &[u8], bytes: &[u8], out: &mut Vec<u8>) {
    value::text(bytes, out);
    if std::str::from_utf8(bytes).is_err() {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(hex);
        out.extend_from_slice(b"\":");
        value::hex(bytes, out);
    }
}

/// Addresses, ports and the facts of the entry's header; null if nothing is known.
fn connection(connection: &ConnectionRef<'_>, out: &mut Vec<u8>) {
    let Some((local, remote)) = connection.addresses else {
        return out.extend_from_slice(b"null");
    };
    out.extend_from_slice(b"{\"local\":");
    value::string(&Address(local).to_string(), out);
    out.extend_from_slice(b",\"local_port\":");
    value::unsigned(u64::from(local.port()), out);
    out.extend_from_slice(b",\"remote\":");
    value::string(&Address(remote).to_string(), out);
    out.extend_from_slice(b",\"remote_port\":");
    value::unsigned(u64::from(remote.port()), out);
    if let Some(header) = &connection.header {
        for (key, hex, bytes) in [
            (&b"log_id"[..], &b"log_id_hex"[..], header.id()),
            (b"tag", b"tag_hex", header.tag()),
            (b"reason", b"reason_hex", header.reason()),
        ] {
            out.extend_from_slice(b",\"");
            out.extend_from_slice(key);
            out.extend_from_slice(b"\":");
            texts(hex, bytes, out);
        }
    }
    out.push(b'}');
}

/// The TCP header of a record.
fn header(tcp: &TcpHeaderText<'_>, out: &mut Vec<u8>) {
    let numbers = [
        (&b",\"tcp\":{\"source_port\":"[..], u64::from(tcp.source)),
        (b",\"destination_port\":", u64::from(tcp.destination)),
        (b",\"seq\":", u64::from(tcp.seq)),
        (b",\"ack\":", u64::from(tcp.ack)),
        (b",\"flags\":", u64::from(tcp.flags)),
        (b",\"window\":", u64::from(tcp.window)),
        (b",\"checksum\":", u64::from(tcp.checksum)),
        (b",\"urgent\":", u64::from(tcp.urgent)),
    ];
    for (key, number) in numbers {
        out.extend_from_slice(key);
        value::unsigned(number, out);
    }
    out.extend_from_slice(b",\"options\":");
    value::hex(tcp.options, out);
    out.push(b'}');
}

/// The members of an object being written.
struct ObjectMembers<'a> {
    keys: &'a mut JsonKeys,
    out: &'a mut Vec<u8>,
    /// Where the object begins. Every member has a comma before it, and that of the first takes the
    /// place of the opening brace.
    start: usize,
    /// The row whose array is open.
    array: Option<u32>,
}

impl<'a> ObjectMembers<'a> {
    /// An object whose opening brace is still to be written.
    fn new(keys: &'a mut JsonKeys, out: &'a mut Vec<u8>) -> ObjectMembers<'a> {
        let start = out.len();
        ObjectMembers { keys, out, start, array: None }
    }

    /// Adds the members that every record has. Those that are `changed` may differ from those of the last record.
    fn state(
        &mut self,
        event: &Event<'_>,
        changed: PartSet,
        (state, kept): &mut (Box<[StateMember]>, KeptText),
    ) {
        let keys = &mut *self.keys;
        kept.write(state, self.out, changed, |member, out| {
            let value = event.value_at(member.group, member.index);
            value.iter().for_each(|field| ObjectMembers::new(keys, out).add(field));
        });
    }

    /// Adds the values of a group. One loop for all groups, so that it is compiled in one piece with what it calls: a
    /// quarter less to do for each value.
    #[inline(never)]
    fn all(&mut self, fields: Fields<'_>) {
        fields.for_each(|field| self.add(&field));
    }

    #[inline(always)]
    fn add(&mut self, field: &Field<'_>) {
        // It would be taken for a number.
        if field.is_unset() {
            return;
        }
        if self.array.is_some() || !self.keys.number(field, self.out) {
            self.other(field);
        }
    }

    /// A member that is no number, or one of several.
    #[inline(never)]
    fn other(&mut self, field: &Field<'_>) {
        if self.array == Some(field.spec.id) {
            self.out.push(b',');
            return value::value(&field.value, self.out);
        }
        self.key(field);
        if field.spec.place.repeat != Repeat::Once && !matches!(field.value, Value::Bytes(_)) {
            self.array = Some(field.spec.id);
            self.out.push(b'[');
        }
        value::value(&field.value, self.out);
        if let Value::Text(bytes) = field.value
            && std::str::from_utf8(bytes).is_err()
        {
            self.out.push(b',');
            value::string(&format!("{}_hex", field.spec.name), self.out);
            self.out.push(b':');
            value::hex(bytes, self.out);
        }
    }

    /// The field in words, if it has names.
    fn named(&mut self, field: &Field<'_>) {
        if !matches!(field.spec.names, ValueNames::None) {
            self.key(field);
            value::string(&format!("{field:#}"), self.out);
        }
    }

    fn key(&mut self, field: &Field<'_>) {
        self.close_array();
        self.keys.key(field.spec, self.out);
    }

    fn close_array(&mut self) {
        if self.array.take().is_some() {
            self.out.push(b']');
        }
    }

    fn end(mut self) {
        self.close_array();
        match self.out.get_mut(self.start) {
            Some(comma) => *comma = b'{',
            None => self.out.push(b'{'),
        }
        self.out.push(b'}');
    }
}
