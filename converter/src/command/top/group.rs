// SPDX-License-Identifier: BSD-2-Clause
//! Connections in groups: by stack, by port, by the peer's network.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::model::ConnectionLine;

/// What connections are grouped by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grouping {
    /// Nothing: each connection is a line.
    #[default]
    None,
    /// The TCP stack.
    Stack,
    /// The local port.
    Port,
    /// The remote port.
    RemotePort,
    /// The remote network: /24 of IPv4, /64 of IPv6.
    Network,
}

impl Grouping {
    /// All of them, in the order in which the key steps through them.
    pub const ALL: [Grouping; 5] =
        [Grouping::None, Grouping::Stack, Grouping::Port, Grouping::RemotePort, Grouping::Network];

    /// Its name on the command line and in the status line: `stack`.
    pub fn name(self) -> &'static str {
        match self {
            Grouping::None => "none",
            Grouping::Stack => "stack",
            Grouping::Port => "port",
            Grouping::RemotePort => "remote-port",
            Grouping::Network => "network",
        }
    }

    /// The next one.
    pub fn next(self) -> Grouping {
        let at = Grouping::ALL.iter().position(|&grouping| grouping == self).unwrap_or(0);
        Grouping::ALL[(at + 1) % Grouping::ALL.len()]
    }

    /// The group that a connection is in.
    pub fn of(self, line: &ConnectionLine) -> ConnectionGroup {
        let ends = line.identity.addresses;
        match self {
            Grouping::None => ConnectionGroup::Unknown,
            Grouping::Stack => line.identity.stack.as_ref().map_or(ConnectionGroup::Unknown, |stack| {
                let mark = if line.identity.is_stack_inferred { "*" } else { "" };
                ConnectionGroup::Stack(format!("{stack}{mark}"))
            }),
            Grouping::Port => {
                ends.map_or(ConnectionGroup::Unknown, |(local, _)| ConnectionGroup::Port(local.port()))
            }
            Grouping::RemotePort => ends
                .map_or(ConnectionGroup::Unknown, |(_, remote)| ConnectionGroup::RemotePort(remote.port())),
            Grouping::Network => {
                ends.map_or(ConnectionGroup::Unknown, |(_, remote)| ConnectionGroup::network(remote.ip()))
            }
        }
    }
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConnectionGroup {
    /// Connections of a stack; an asterisk marks one that was inferred.
    Stack(String),
    /// Connections of a local port.
    Port(u16),
    /// Connections of a remote port.
    RemotePort(u16),
    /// Connections of a remote network, with the length of its prefix.
    Network(IpAddr, u8),
    /// Connections whose group is not known.
    Unknown,
}

impl ConnectionGroup {
    fn network(address: IpAddr) -> ConnectionGroup {
        match address.to_canonical() {
            IpAddr::V4(v4) => {
                let [a, b, c, _] = v4.octets();
                ConnectionGroup::Network([a, b, c, 0].into(), 24)
            }
            IpAddr::V6(v6) => {
                let [a, b, c, d, ..] = v6.segments();
                ConnectionGroup::Network([a, b, c, d, 0, 0, 0, 0].into(), 64)
            }
        }
    }
}

impl std::fmt::Display for ConnectionGroup {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ConnectionGroup::Stack(stack) => f.write_str(stack),
            ConnectionGroup::Port(port) => write!(f, "*:{port} - *"),
            ConnectionGroup::RemotePort(port) => write!(f, "* - *:{port}"),
            ConnectionGroup::Network(network, len) => write!(f, "* - {network}/{len}"),
            ConnectionGroup::Unknown => f.write_str("not known"),
        }
    }
}

/// The groups of connections, each as a line.
pub fn groups(lines: &[ConnectionLine], grouping: Grouping) -> Vec<(ConnectionGroup, ConnectionLine)> {
    let mut groups: BTreeMap<ConnectionGroup, ConnectionLine> = BTreeMap::new();
    for line in lines {
        let group = grouping.of(line);
        match groups.get_mut(&group) {
            Some(sum) => join(sum, line),
            None => {
                groups.insert(group, line.clone());
            }
        }
    }
    groups.into_iter().collect()
}

/// Adds a connection to a group. Rates, windows and times are sums, srtt is the greatest, the minimum the least; what
/// differs is not known.
fn join(sum: &mut ConnectionLine, line: &ConnectionLine) {
    fn plus<T: Copy>(a: Option<T>, b: Option<T>, add: impl Fn(T, T) -> T) -> Option<T> {
        match (a, b) {
            (Some(a), Some(b)) => Some(add(a, b)),
            _ => a.or(b),
        }
    }
    sum.members += line.members;
    let identity = &mut sum.identity;
    if identity.stack != line.identity.stack {
        identity.stack = None;
    }
    identity.is_stack_inferred |= line.identity.is_stack_inferred;
    if identity.cc != line.identity.cc {
        identity.cc = None;
    }
    (identity.log_id, identity.session) = (None, None);
    if sum.state != line.state {
        sum.state = None;
    }
    sum.is_ended &= line.is_ended;
    (sum.last, sum.age_us) = (sum.last.max(line.last), sum.age_us.min(line.age_us));
    sum.bytes = sum.bytes.plus(line.bytes);
    sum.recent_us = sum.recent_us.max(line.recent_us);
    sum.goodput_bps = plus(sum.goodput_bps, line.goodput_bps, u64::saturating_add);
    sum.cwnd = plus(sum.cwnd, line.cwnd, u32::saturating_add);
    sum.flight = plus(sum.flight, line.flight, u32::saturating_add);
    sum.srtt_us = plus(sum.srtt_us, line.srtt_us, u32::max);
    sum.min_rtt_us = plus(sum.min_rtt_us, line.min_rtt_us, u32::min);
    if sum.limit != line.limit {
        sum.limit = None;
    }
    sum.recent.iter_mut().zip(line.recent).for_each(|(sum, part)| *sum = sum.saturating_add(part));
    sum.lost_us = sum.lost_us.saturating_add(line.lost_us);
    let latest = sum.notable.filter(|have| line.notable.is_none_or(|other| have.time >= other.time));
    sum.notable = latest.or(line.notable);
}
