// SPDX-License-Identifier: BSD-2-Clause
//! An event as an object on a line.

use bblog_dissector::catalog::Catalog;
use bblog_dissector::event::{self, Field, Value};
use bblog_dissector::spec::{Names, Repeat};

use super::keys::Keys;
use super::value;
use crate::clock_text::ClockText;
use crate::connection::{Connection, ConnectionTexts};
use crate::event_stream::{Clock, Seen, SeenEvent, SeenRecord};
use crate::listing::{Shown, Sink, event_id, payload};
use crate::tcp_header::TcpHeader;

/// Writes events as JSON Lines.
pub struct JsonLines {
    /// Whether the members as logged and the bytes are there too.
    pub raw: bool,
    /// Whether values with names have them in an object beside.
    pub names: bool,
    keys: Keys,
    clock: ClockText,
    connections: ConnectionTexts,
}

impl JsonLines {
    /// For the events that `catalog` describes.
    pub fn new(catalog: &Catalog) -> JsonLines {
        JsonLines {
            raw: false,
            names: false,
            keys: Keys::new(catalog),
            clock: ClockText::default(),
            connections: ConnectionTexts::new(),
        }
    }
}

impl Sink for JsonLines {
    #[inline]
    fn event(&mut self, shown: &Shown<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"time\":");
        match shown.seen.clock() {
            Clock::Utc => {
                out.push(b'"');
                self.clock.rfc3339(shown.seen.time(), out);
                out.extend_from_slice(b"\",\"clock\":\"utc\",\"time_us\":");
            }
            Clock::Uptime => out.extend_from_slice(b"null,\"clock\":\"uptime\",\"time_us\":"),
        }
        value::signed(shown.seen.time().0, out);
        match &shown.seen {
            Seen::Bblog(seen) => self.record(shown, seen, out),
            Seen::Eventlog(seen) => self.eventlog(shown, seen, out),
        }
        if self.names {
            out.extend_from_slice(b",\"names\":");
            let mut members = Members::new(&mut self.keys, out);
            shown.event.fields().chain(shown.event.common()).for_each(|field| members.named(&field));
            members.end();
        }
        if self.raw {
            out.extend_from_slice(b",\"bytes\":");
            value::hex(shown.event.as_bytes(), out);
        }
        out.extend_from_slice(b"}\n");
    }
}

impl JsonLines {
    fn record(&mut self, shown: &Shown<'_>, seen: &SeenRecord<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"log\":\"bblog\"");
        identity(shown, out);
        out.extend_from_slice(b",\"stack\":");
        texts(b"stack_hex", seen.stack, out);
        out.extend_from_slice(b",\"connection\":");
        out.extend_from_slice(self.connections.get(shown.input, &shown.seen, connection));
        out.extend_from_slice(b",\"serial\":");
        value::unsigned(u64::from(seen.record.serial()), out);
        out.extend_from_slice(b",\"missing\":");
        value::unsigned(u64::from(seen.missing), out);
        out.extend_from_slice(b",\"bblog\":");
        let event = &shown.event;
        let mut members = Members::new(&mut self.keys, out);
        event.common().chain(event.derived()).for_each(|field| members.add(&field));
        shown.tracked.fields().for_each(|field| members.add(&field));
        members.end();
        out.extend_from_slice(b",\"values\":");
        let mut members = Members::new(&mut self.keys, out);
        event.fields().for_each(|field| members.add(&field));
        members.end();
        if let Some(bytes) = seen.record.tcp()
            && let Some(tcp) = TcpHeader::parse(bytes)
        {
            header(&tcp, out);
        }
        if let Some(verbose) = &seen.record.verbose() {
            out.extend_from_slice(b",\"verbose\":");
            let mut members = Members::new(&mut self.keys, out);
            event::verbose(verbose).for_each(|field| members.add(&field));
            members.end();
        }
        if self.raw || shown.is_unknown() {
            out.extend_from_slice(b",\"raw\":");
            let mut members = Members::new(&mut self.keys, out);
            event.raw().for_each(|field| members.add(&field));
            members.end();
        }
    }

    fn eventlog(&mut self, shown: &Shown<'_>, seen: &SeenEvent<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(b",\"log\":\"eventlog\"");
        identity(shown, out);
        out.extend_from_slice(b",\"provider\":");
        match seen.provider {
            Some(provider) => texts(b"provider_hex", provider, out),
            None => out.extend_from_slice(b"null"),
        }
        out.extend_from_slice(b",\"session\":");
        value::unsigned(seen.event.session_id(), out);
        out.extend_from_slice(b",\"connection\":");
        out.extend_from_slice(self.connections.get(shown.input, &shown.seen, connection));
        out.extend_from_slice(b",\"eventlog\":");
        let event = &shown.event;
        let mut members = Members::new(&mut self.keys, out);
        event.common().chain(shown.tracked.fields()).for_each(|field| members.add(&field));
        members.end();
        out.extend_from_slice(b",\"values\":");
        let mut members = Members::new(&mut self.keys, out);
        event.fields().for_each(|field| members.add(&field));
        members.end();
        let truncated = event.is_truncated();
        if truncated {
            out.extend_from_slice(b",\"truncated\":true");
        }
        if truncated || (shown.is_unknown() && !payload(shown).is_empty()) {
            out.extend_from_slice(b",\"payload\":");
            value::hex(payload(shown), out);
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
fn identity(shown: &Shown<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"event\":");
    if shown.is_unknown() {
        out.extend_from_slice(b"null");
    } else {
        value::string(shown.event.name(), out);
    }
    out.extend_from_slice(b",\"event_id\":");
    value::unsigned(u64::from(event_id(&shown.seen)), out);
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

/// Addresses, ports and what the entry's header says; null if nothing is known.
fn connection(connection: &Connection<'_>, out: &mut Vec<u8>) {
    let Some((local, remote)) = connection.addresses else {
        return out.extend_from_slice(b"null");
    };
    let address = |address: std::net::SocketAddr| match address {
        std::net::SocketAddr::V6(v6) if v6.scope_id() != 0 => format!("{}%{}", v6.ip(), v6.scope_id()),
        other => other.ip().to_string(),
    };
    out.extend_from_slice(b"{\"local\":");
    value::string(&address(local), out);
    out.extend_from_slice(b",\"local_port\":");
    value::unsigned(u64::from(local.port()), out);
    out.extend_from_slice(b",\"remote\":");
    value::string(&address(remote), out);
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
fn header(tcp: &TcpHeader<'_>, out: &mut Vec<u8>) {
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
struct Members<'a> {
    keys: &'a mut Keys,
    out: &'a mut Vec<u8>,
    /// Where the object begins. Every member has a comma before it, and that of the first takes the
    /// place of the opening brace.
    start: usize,
    /// The row whose array is open.
    array: Option<u32>,
}

impl<'a> Members<'a> {
    /// An object whose opening brace is still to be written.
    fn new(keys: &'a mut Keys, out: &'a mut Vec<u8>) -> Members<'a> {
        let start = out.len();
        Members { keys, out, start, array: None }
    }

    #[inline]
    fn add(&mut self, field: &Field<'_>) {
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
        if !matches!(field.spec.names, Names::None) {
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
