// SPDX-License-Identifier: BSD-2-Clause
//! The fields `ip` and `tcp` that Wireshark shows for the packet that `bblog convert` makes of an event.

use std::net::{IpAddr, SocketAddr};

use bblog_dissector::catalog::ProviderSpec;
use bblog_dissector::event::Value;
use bblog_dissector::tcp_provider::id::{IN, OUT};
use bblog_dissector::tcp_provider::{self, LoggedSegment, SegmentPlan};
use bblog_pcapng::elog::MAX_OPTION_EVENT;

use super::ComputedField;
use crate::event::connection::ConnectionRef;
use crate::event::decode::DecodedItem;
use crate::event::item::{BblogItem, EventlogItem, LogItem};

/// Which end of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PacketEnd {
    /// Where it came from.
    Source,
    /// Where it went.
    Destination,
    /// Either.
    Both,
}

/// A field of a packet.
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
    pub(super) fn of_addresses(decoded: &DecodedItem<'_>, fact: ComputedField) -> Option<Packet> {
        let LogItem::Eventlog(item) = &decoded.item else { return None };
        let is_address = matches!(fact, ComputedField::Ipv4(_) | ComputedField::Ipv6(_));
        let (source, destination) = item.addresses.filter(|_| is_address)?;
        Some(Packet { source, destination, flags: 0, seq: 0, ack: 0, len: 0 })
    }

    /// The packet of an event; `None` if it has none.
    pub(super) fn of(
        decoded: &DecodedItem<'_>,
        plan: &mut Option<(&'static ProviderSpec, SegmentPlan)>,
    ) -> Option<Packet> {
        match &decoded.item {
            LogItem::Bblog(item) => Packet::of_record(decoded, item),
            LogItem::Eventlog(item) => Packet::of_event(item, plan),
        }
    }

    fn of_record(decoded: &DecodedItem<'_>, item: &BblogItem<'_>) -> Option<Packet> {
        let tcp = item.record.tcp_header()?;
        let (local, remote) = ConnectionRef::of(&decoded.item).addresses?;
        let inbound = item.record.is_received((remote.port(), local.port()));
        let (source, destination) = if inbound { (remote, local) } else { (local, remote) };
        Some(Packet {
            source: (source.ip(), tcp.source_port()).into(),
            destination: (destination.ip(), tcp.destination_port()).into(),
            flags: tcp.flags(),
            seq: tcp.seq(),
            ack: tcp.ack(),
            len: item.record.len(),
        })
    }

    fn of_event(
        item: &EventlogItem<'_>,
        plan: &mut Option<(&'static ProviderSpec, SegmentPlan)>,
    ) -> Option<Packet> {
        let id = item.event.event_id();
        if !matches!(id, IN | OUT) || item.provider != Some(tcp_provider::NAME) {
            return None;
        }
        let (local, remote) = item.addresses.filter(|(_, remote)| remote.port() != 0)?;
        let provider = item.tables?;
        let plan = match plan {
            Some((of, plan)) if std::ptr::eq(*of, provider) => plan,
            _ => &mut plan.insert((provider, SegmentPlan::of(provider))).1,
        };
        if item.event.as_bytes().len() > MAX_OPTION_EVENT {
            return None;
        }
        // The scale is that of the window, which is not needed.
        let segment = LoggedSegment::of(&item.event, plan, 0)?;
        let (source, destination) = if id == IN { (remote, local) } else { (local, remote) };
        let LoggedSegment { seq, ack, flags, len, .. } = segment;
        Some(Packet { source, destination, flags: flags & 0xfff, seq, ack, len })
    }

    pub(super) fn any(&self, fact: ComputedField, mut found: impl FnMut(&Value<'_>) -> bool) -> bool {
        let v4 = |address: SocketAddr| match address.ip() {
            IpAddr::V4(address) => Some(Value::Ipv4(address)),
            IpAddr::V6(_) => None,
        };
        let v6 = |address: SocketAddr| match address.ip() {
            IpAddr::V4(_) => None,
            IpAddr::V6(address) => Some(Value::Ipv6(address)),
        };
        let port = |address: SocketAddr| Some(Value::Unsigned(address.port().into()));
        let mut sides = |side: PacketEnd, value: &dyn Fn(SocketAddr) -> Option<Value<'static>>| {
            let mut one = |address| value(address).is_some_and(|value| found(&value));
            match side {
                PacketEnd::Source => one(self.source),
                PacketEnd::Destination => one(self.destination),
                PacketEnd::Both => one(self.source) || one(self.destination),
            }
        };
        match fact {
            ComputedField::Ipv4(side) => sides(side, &v4),
            ComputedField::Ipv6(side) => sides(side, &v6),
            ComputedField::Port(side) => sides(side, &port),
            ComputedField::TcpFlags => found(&Value::Unsigned(self.flags.into())),
            ComputedField::TcpFlag(mask) => found(&Value::Bool((self.flags & mask != 0).into())),
            ComputedField::TcpSeq => found(&Value::Unsigned(self.seq.into())),
            ComputedField::TcpAck => found(&Value::Unsigned(self.ack.into())),
            ComputedField::TcpLen => found(&Value::Unsigned(self.len.into())),
            ComputedField::IsTcp => found(&Value::Bool(1)),
            ComputedField::IsIpv4 => self.source.is_ipv4() && found(&Value::Bool(1)),
            ComputedField::IsIpv6 => self.source.is_ipv6() && found(&Value::Bool(1)),
            _ => false,
        }
    }
}
