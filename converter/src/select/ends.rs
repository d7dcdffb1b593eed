// SPDX-License-Identifier: BSD-2-Clause
//! A connection that the user gave by its ends.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use bblog_dissector::tcp_provider::Addresses;
use winnow::ascii::dec_uint;
use winnow::combinator::{alt, delimited, eof, opt, preceded, terminated};
use winnow::error::ContextError;
use winnow::prelude::*;
use winnow::token::take_while;

/// The two ends of a connection, in either order; either may leave things open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends {
    one: End,
    other: End,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct End {
    address: Option<IpAddr>,
    port: Option<u16>,
}

impl Ends {
    /// Whether these are the ends of a connection with those addresses.
    pub fn are(&self, (local, remote): &Addresses) -> bool {
        (self.one.is(local) && self.other.is(remote)) || (self.one.is(remote) && self.other.is(local))
    }

    /// The ends in the user's order, if neither leaves anything open.
    pub fn in_full(&self) -> Option<Addresses> {
        Some((self.one.in_full()?, self.other.in_full()?))
    }
}

impl End {
    fn in_full(&self) -> Option<SocketAddr> {
        Some(SocketAddr::new(self.address?, self.port?))
    }

    fn is(&self, address: &SocketAddr) -> bool {
        // An IPv4 address is the same on a socket of IPv6.
        self.address.is_none_or(|ip| ip.to_canonical() == address.ip().to_canonical())
            && self.port.is_none_or(|port| port == address.port())
    }
}

/// `10.0.0.1:80-10.0.0.2:5000`, `[2001:db8::1]:80-*`, `10.0.0.1`, `*:443`. What is left out or `*`
/// may be anything.
impl FromStr for Ends {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Ends, &'static str> {
        let ends = (end, opt(preceded(alt((" - ", "-")), end)));
        let ends = terminated(ends, eof).parse(text.trim());
        let (one, other) = ends.map_err(
            |_| "expected ADDRESS:PORT-ADDRESS:PORT, where IPv6 stands in brackets and * is anything",
        )?;
        Ok(Ends { one, other: other.unwrap_or_default() })
    }
}

fn end(input: &mut &str) -> Result<End, ContextError> {
    let any = || '*'.value(None);
    let v4 = take_while(1.., ('0'..='9', '.')).try_map(|text: &str| text.parse::<Ipv4Addr>());
    let v6 = take_while(1.., ('0'..='9', 'a'..='f', 'A'..='F', ':', '.'))
        .try_map(|text: &str| text.parse::<Ipv6Addr>());
    // Connections are not distinguished by the zone of their addresses.
    let zone = opt(('%', take_while(1.., |c: char| c.is_ascii_alphanumeric())));
    let v6 = delimited('[', terminated(v6, zone), ']');
    let address = alt((any(), v4.map(|ip| Some(ip.into())), v6.map(|ip| Some(ip.into()))));
    let port = preceded(':', alt(('*'.value(None), dec_uint.map(Some))));
    let (address, port) = (address, opt(port)).parse_next(input)?;
    Ok(End { address, port: port.flatten() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_order_and_open_ends() {
        let is = |text: &str, local: &str, remote: &str| {
            text.parse::<Ends>().unwrap().are(&(local.parse().unwrap(), remote.parse().unwrap()))
        };
        let (a, b) = ("10.0.0.1:80", "10.0.0.2:5000");
        for text in [
            "10.0.0.1:80-10.0.0.2:5000",
            "10.0.0.2:5000 - 10.0.0.1:80",
            "10.0.0.2-10.0.0.1",
            "10.0.0.2",
            "*:80",
            "*:5000-*:80",
            "*",
        ] {
            assert!(is(text, a, b) && is(text, b, a), "{text}");
        }
        for text in ["10.0.0.1:80-10.0.0.1:80", "10.0.0.3", "*:81", "*:80-*:80", "10.0.0.1:5000"] {
            assert!(!is(text, a, b) && !is(text, b, a), "{text}");
        }
        assert!(is("[2001:db8::1]:80-*:1", "[2001:DB8::1]:80", "[::2]:1"));
        assert!(is("[fe80::1%2]:80", "[fe80::1%7]:80", "[::2]:1"));
        assert!(is("10.0.0.1", "[::ffff:10.0.0.1]:80", "[::2]:1"));
        for wrong in
            ["", "10.0.0.1:80-", "10.0.0.1:", "10.0.0:1", "::1", "[::1", "1:2:3", "*:65536", "a-b", "*-*-*"]
        {
            assert!(wrong.parse::<Ends>().is_err(), "{wrong}");
        }
    }
}
