// SPDX-License-Identifier: BSD-2-Clause
//! The id of a connection: the same in every file, on every machine, in every run.

use std::fmt::{self, Write};

use bblog_dissector::Micros;
use bblog_dissector::tcp_provider::Addresses;
use sha2::{Digest, Sha256};

use crate::event::connection::Address;

/// What distinguishes a connection from all others.
#[derive(Clone, Copy, Debug, Default)]
pub struct IdParts<'a> {
    /// The machine that logged it.
    pub host: Option<&'a str>,
    /// When that machine booted (BBLog).
    pub boot: Option<Micros>,
    /// Local and remote address.
    pub addresses: Option<Addresses>,
    /// The initial send sequence number.
    pub iss: Option<u32>,
    /// The session, where the log does not have the addresses (eventlog).
    pub session: Option<u64>,
}

/// The id of a connection: 128 bits, printed as 32 hexadecimal digits.
///
/// It is the first half of the SHA-256 hash of these lines, each of which ends with a line feed. A line whose value is
/// not known is left out; `session` stands only where the addresses are not known.
///
/// ```text
/// host web1
/// boot 1763758080000000
/// local 10.0.0.1 443
/// remote 192.0.2.7 50123
/// iss 3735928559
/// session 17
/// ```
///
/// The boot time is in microseconds since 1970. IPv6 addresses are in the form of RFC 5952, with the zone after `%`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(u128);

impl ConnectionId {
    /// The id of a connection.
    pub fn of(identity: &IdParts<'_>) -> ConnectionId {
        let digest = Sha256::digest(lines(identity));
        ConnectionId(digest.iter().take(16).fold(0, |id, &byte| id << 8 | u128::from(byte)))
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

fn lines(identity: &IdParts<'_>) -> String {
    let IdParts { host, boot, addresses, iss, session } = *identity;
    let mut text = String::new();
    // A string takes everything.
    let _ = host.map(|host| writeln!(text, "host {host}"));
    let _ = boot.map(|boot| writeln!(text, "boot {}", boot.0));
    if let Some((local, remote)) = addresses {
        for (which, end) in [("local", local), ("remote", remote)] {
            let _ = writeln!(text, "{which} {} {}", Address(end), end.port());
        }
    }
    let _ = iss.map(|iss| writeln!(text, "iss {iss}"));
    let _ = session.filter(|_| addresses.is_none()).map(|session| writeln!(text, "session {session}"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected id is what this prints:
    /// `printf 'host web1\nboot 5\nlocal 10.0.0.1 443\nremote ::1%3 9\niss 7\n' | sha256sum | cut -c1-32`
    #[test]
    fn ids_can_be_computed_by_others() {
        let remote = std::net::SocketAddrV6::new(std::net::Ipv6Addr::LOCALHOST, 9, 0, 3).into();
        let identity = IdParts {
            host: Some("web1"),
            boot: Some(Micros(5)),
            addresses: Some((std::net::SocketAddr::from(([10, 0, 0, 1], 443)), remote)),
            iss: Some(7),
            session: Some(1),
        };
        assert_eq!(ConnectionId::of(&identity).to_string(), "dc0c017cc18570647f1a1622cbeb9ad7");
    }

    #[test]
    fn every_fact_counts() {
        let whole = IdParts {
            host: Some("a"),
            boot: Some(Micros(1)),
            addresses: Some((([10, 0, 0, 1], 1).into(), ([10, 0, 0, 2], 2).into())),
            iss: Some(1),
            session: None,
        };
        let others = [
            IdParts { host: Some("b"), ..whole },
            IdParts { host: None, ..whole },
            IdParts { boot: Some(Micros(2)), ..whole },
            IdParts { addresses: whole.addresses.map(|(a, b)| (b, a)), ..whole },
            IdParts { addresses: None, ..whole },
            IdParts { addresses: None, session: Some(1), ..whole },
            IdParts { iss: Some(2), ..whole },
        ];
        let mut ids: Vec<_> = others.iter().chain([&whole]).map(ConnectionId::of).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), others.len() + 1);
    }
}
