// SPDX-License-Identifier: BSD-2-Clause
//! The packet that `bblog convert` makes of an event, as far as names ask for it: what Wireshark
//! shows as `ip` and `tcp` in the converted file.

use std::net::{IpAddr, SocketAddr};

use bblog_dissector::catalog::Provider;
use bblog_dissector::event::Value;
use bblog_dissector::tcp_provider::id::{IN, OUT};
use bblog_dissector::tcp_provider::{self, Segment, SegmentPlan};
use bblog_pcapng::elog::MAX_OPTION_EVENT;

use super::Fact;
use crate::connection::Connection;
use crate::event_stream::{Seen, SeenEvent, SeenRecord};
use crate::listing::Shown;

/// Which end of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Where it came from.
    Source,
    /// Where it went.
    Destination,
    /// Either.
    Both,
}

/// What is asked for of a packet.
pub(super) struct Packet {
    source: SocketAddr,
    destination: SocketAddr,
    flags: u16,
    seq: u32,
    ack: u32,
    len: u32,
}

impl Packet {
    /// An event of eventlog without a packet, as far as its addresses go: Wireshark shows them as
    /// those of a packet sent, since they stand before the event in the converted file.
    pub(super) fn of_addresses(shown: &Shown<'_>, fact: Fact) -> Option<Packet> {
        let Seen::Eventlog(seen) = &shown.seen else { return None };
        let is_address = matches!(fact, Fact::Ipv4(_) | Fact::Ipv6(_));
        let (source, destination) = seen.addresses.filter(|_| is_address)?;
        Some(Packet { source, destination, flags: 0, seq: 0, ack: 0, len: 0 })
    }

    /// The packet of an event; `None` if it has none.
    pub(super) fn of(
        shown: &Shown<'_>,
        plan: &mut Option<(&'static Provider, SegmentPlan)>,
    ) -> Option<Packet> {
        match &shown.seen {
            Seen::Bblog(seen) => Packet::of_record(shown, seen),
            Seen::Eventlog(seen) => Packet::of_event(seen, plan),
        }
    }

    fn of_record(shown: &Shown<'_>, seen: &SeenRecord<'_>) -> Option<Packet> {
        let tcp = seen.record.tcp_header()?;
        let (local, remote) = Connection::of(&shown.seen).addresses?;
        let inbound = seen.record.is_received((remote.port(), local.port()));
        let (source, destination) = if inbound { (remote, local) } else { (local, remote) };
        Some(Packet {
            source: (source.ip(), tcp.source_port()).into(),
            destination: (destination.ip(), tcp.destination_port()).into(),
            flags: tcp.flags(),
            seq: tcp.seq(),
            ack: tcp.ack(),
            len: seen.record.len(),
        })
    }

    fn of_event(seen: &SeenEvent<'_>, plan: &mut Option<(&'static Provider, SegmentPlan)>) -> Option<Packet> {
        let id = seen.event.event_id();
        if !matches!(id, IN | OUT) || seen.provider != Some(tcp_provider::NAME) {
            return None;
        }
        let (local, remote) = seen.addresses.filter(|(_, remote)| remote.port() != 0)?;
        let provider = seen.tables?;
        let plan = match plan {
            Some((of, plan)) if std::ptr::eq(*of, provider) => plan,
            _ => &mut plan.insert((provider, SegmentPlan::of(provider))).1,
        };
        if seen.event.as_bytes().len() > MAX_OPTION_EVENT {
            return None;
        }
        // The scale is that of the window, which is not asked for.
        let segment = Segment::of(&seen.event, plan, 0)?;
        let (source, destination) = if id == IN { (remote, local) } else { (local, remote) };
        let Segment { seq, ack, flags, len, .. } = segment;
        Some(Packet { source, destination, flags: flags & 0xfff, seq, ack, len })
    }

    pub(super) fn any(&self, fact: Fact, mut found: impl FnMut(&Value<'_>) -> bool) -> bool {
        let v4 = |address: SocketAddr| match address.ip() {
            IpAddr::V4(address) => Some(Value::Ipv4(address)),
            IpAddr::V6(_) => None,
        };
        let v6 = |address: SocketAddr| match address.ip() {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some(Value::Ipv6(address)),
        };
        let port = |address: SocketAddr| Some(Value::Unsigned(address.port().into()));
        let mut sides = |side: Side, value: &dyn Fn(SocketAddr) -> Option<Value<'static>>| {
            let mut one = |address| value(address).is_some_and(|value| found(&value));
            match side {
                Side::Source => one(self.source),
                Side::Destination => one(self.destination),
                Side::Both => one(self.source) || one(self.destination),
            }
        };
        match fact {
            Fact::Ipv4(side) => sides(side, &v4),
            Fact::Ipv6(side) => sides(side, &v6),
            Fact::Port(side) => sides(side, &port),
            Fact::TcpFlags => found(&Value::Unsigned(self.flags.into())),
            Fact::TcpFlag(mask) => found(&Value::Bool((self.flags & mask != 0).into())),
            Fact::TcpSeq => found(&Value::Unsigned(self.seq.into())),
            Fact::TcpAck => found(&Value::Unsigned(self.ack.into())),
            Fact::TcpLen => found(&Value::Unsigned(self.len.into())),
            Fact::IsTcp => found(&Value::Bool(1)),
            Fact::IsIpv4 => self.source.is_ipv4() && found(&Value::Bool(1)),
            Fact::IsIpv6 => self.source.is_ipv6() && found(&Value::Bool(1)),
            _ => false,
        }
    }
}
