// SPDX-License-Identifier: BSD-2-Clause
//! The connection of an event: addresses and session, as text that is made once per connection.

use std::fmt;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use bblog_dissector::bblog::{HEADER_LEN, Header};
use bblog_dissector::tcp_provider::Addresses;
use bblog_pcapng::packet::{self, without_zone};

use crate::event::item::LogItem;
use crate::lru_map::LruMap;

/// How many sessions' text is kept.
const SESSIONS: usize = 65_536;

/// The connection of an event.
#[derive(Clone, Copy)]
pub struct ConnectionRef<'a> {
    /// Local and remote address, if they are known.
    pub addresses: Option<Addresses>,
    /// The session (eventlog).
    pub session: Option<u64>,
    /// The entry's header (BBLog).
    pub header: Option<Header<'a>>,
}

impl<'a> ConnectionRef<'a> {
    /// That of an event.
    pub fn of(item: &LogItem<'a>) -> ConnectionRef<'a> {
        match item {
            LogItem::Bblog(item) => {
                let header = Header::unchecked(item.header).ok();
                ConnectionRef { addresses: header.as_ref().and_then(known_addresses), session: None, header }
            }
            LogItem::Eventlog(item) => ConnectionRef {
                addresses: item.addresses,
                session: Some(item.event.session_id()),
                header: None,
            },
        }
    }
}

/// The address of one end as text, without its port; of IPv6 with its zone after %.
pub struct Address(pub SocketAddr);

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            SocketAddr::V6(v6) if v6.scope_id() != 0 => write!(f, "{}%{}", v6.ip(), v6.scope_id()),
            other => write!(f, "{}", other.ip()),
        }
    }
}

/// Local and remote address of a BBLog entry: `10.0.0.1:80`, or with a zone `[fe80::1%2]:80`.
pub fn addresses(header: &Header<'_>) -> Addresses {
    let with_zone = |address: IpAddr, port: u16| match address {
        IpAddr::V4(address) => SocketAddr::from((address, port)),
        IpAddr::V6(address) => {
            let wire = without_zone(address);
            let zone = if wire == address { 0 } else { packet::zone(address) };
            SocketAddrV6::new(wire, port, 0, zone).into()
        }
    };
    (with_zone(header.laddr(), header.lport()), with_zone(header.faddr(), header.fport()))
}

/// As [`addresses`]; `None` of a header of zeros, which stands for one that is not there.
pub fn known_addresses(header: &Header<'_>) -> Option<Addresses> {
    let ends = addresses(header);
    let is_zero = |end: &SocketAddr| end.port() == 0 && end.ip().is_unspecified();
    (!is_zero(&ends.0) || !is_zero(&ends.1)).then_some(ends)
}

/// Whether an entry's header names a connection.
pub fn is_named(header: &[u8; HEADER_LEN]) -> bool {
    Header::unchecked(header).is_ok_and(|header| known_addresses(&header).is_some())
}

/// Keeps what a sink makes of connections.
pub struct ConnectionTexts {
    /// The last BBLog one: input, section and text.
    record: Option<(usize, u64, Vec<u8>)>,
    /// Input and session; addresses and text.
    sessions: LruMap<(usize, u64), (Option<Addresses>, Vec<u8>)>,
}

impl ConnectionTexts {
    /// None made yet.
    pub fn new() -> ConnectionTexts {
        ConnectionTexts { record: None, sessions: LruMap::new(SESSIONS) }
    }

    /// The text for the connection of an event, made by `make` if it is not here yet.
    #[inline]
    pub fn get(
        &mut self,
        input: usize,
        item: &LogItem<'_>,
        make: impl Fn(&ConnectionRef<'_>, &mut Vec<u8>),
    ) -> &[u8] {
        match item {
            LogItem::Bblog(record) => {
                let (of, section, text) = self.record.get_or_insert((usize::MAX, 0, Vec::new()));
                if (*of, *section) != (input, record.section) {
                    (*of, *section) = (input, record.section);
                    text.clear();
                    make(&ConnectionRef::of(item), text);
                }
                text
            }
            LogItem::Eventlog(event) => {
                let key = (input, event.event.session_id());
                let made = || {
                    let mut text = Vec::new();
                    make(&ConnectionRef::of(item), &mut text);
                    (event.addresses, text)
                };
                let entry = self.sessions.get_or_insert_with(key, made);
                if entry.0 != event.addresses {
                    *entry = made();
                }
                &entry.1
            }
        }
    }
}

impl Default for ConnectionTexts {
    fn default() -> ConnectionTexts {
        ConnectionTexts::new()
    }
}
