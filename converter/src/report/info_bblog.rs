//! Gathers a report on BBLog entries.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

use bblog_dissector::bblog::{HEADER_LEN, Header};
use bblog_dissector::tables as events;

use super::info::{Connection, EventCount, MAX_CONNECTIONS, Report, Span, Stack, add_name};
use crate::bblog_section::BblogStream;
use crate::error::Fault;
use crate::escape::Escaped;
use crate::packet::without_zone;
use crate::source::Window;
use crate::tables::Tables;

/// Reads all of `window` into `report`.
pub(super) fn gather(
    report: &mut Report,
    window: Window,
    tables: &Arc<Tables>,
    on_fault: &mut dyn FnMut(&Fault),
) {
    let mut stream = BblogStream::new(window, 0, 1, tables);
    let mut counts = [0u64; 256];
    let mut stacks = [0u64; 256];
    let mut connections: HashMap<Vec<u8>, usize> = HashMap::new();
    let mut current = None;
    let (mut entry, mut section) = (0, 0);
    let mut lost = 0;
    loop {
        match stream.advance() {
            Ok(true) => {}
            Ok(false) => break,
            Err(fault) => {
                on_fault(&fault);
                report.add_problem(&fault);
                continue;
            }
        }
        let Some(record) = stream.record() else { continue };
        report.events += 1;
        counts[usize::from(record.event_id())] += 1;
        stacks[usize::from(record.stack_id())] += 1;
        lost += u64::from(stream.missing());
        if stream.entries() != entry {
            entry = stream.entries();
            current = connection(report, &mut connections, stream.header());
        }
        let clock = clock(stream.header());
        Span::widen(&mut report.time, clock, stream.time());
        if let Some(connection) = current.and_then(|at: usize| report.connections.get_mut(at)) {
            connection.events += 1;
            *connection.lost_records.get_or_insert(0) += u64::from(stream.missing());
            Span::widen(&mut connection.time, clock, stream.time());
            if section != stream.sections() {
                section = stream.sections();
                add_name(&mut connection.stacks, stack_name(tables, record.stack_id()));
            }
        }
    }
    report.entries = Some(stream.entries());
    report.sections = stream.sections();
    report.lost_records = Some(lost);
    let stack = |(id, records)| Stack { id, name: stack_name(tables, id), records };
    report.stacks = (0..=u8::MAX).zip(stacks).filter(|stack| stack.1 > 0).map(stack).collect();
    let count = |(id, count)| EventCount { provider: None, id: u32::from(id), name: event_name(id), count };
    report.event_counts = (0..=u8::MAX).zip(counts).filter(|event| event.1 > 0).map(count).collect();
}

/// The place in the report of the connection that an entry with this header is of; `None` if
/// there is no room for it.
fn connection(
    report: &mut Report,
    known: &mut HashMap<Vec<u8>, usize>,
    header: &[u8; HEADER_LEN],
) -> Option<usize> {
    let header = Header::unchecked(header).ok()?;
    // A connection is its addresses; one with another log id is another connection.
    let key = [&header.as_bytes()[16..56], header.id()].concat();
    let at = match known.get(&key) {
        Some(&at) => at,
        None if known.len() >= MAX_CONNECTIONS => {
            report.more_connections += 1;
            return None;
        }
        None => {
            report.connections.push(Connection {
                local: Some(address(&header, header.laddr(), header.lport())),
                remote: Some(address(&header, header.faddr(), header.fport())),
                log_id: Some(Escaped(header.id()).to_string()),
                tag: Some(Escaped(header.tag()).to_string()),
                lost_records: Some(0),
                ..Connection::default()
            });
            known.insert(key, report.connections.len() - 1);
            report.connections.len() - 1
        }
    };
    let connection = report.connections.get_mut(at)?;
    *connection.entries.get_or_insert(0) += 1;
    add_name(&mut connection.reasons, Escaped(header.reason()).to_string());
    Some(at)
}

/// `10.0.0.1:80`, `[::1]:80`, or with its zone `[fe80::1%2]:80`.
fn address(header: &Header<'_>, address: IpAddr, port: u16) -> String {
    let address = match address {
        IpAddr::V4(address) => SocketAddr::from((address, port)),
        IpAddr::V6(address) => {
            let wire = without_zone(address);
            let zone = if wire == address { 0 } else { header.zone() };
            SocketAddrV6::new(wire, port, 0, zone).into()
        }
    };
    address.to_string()
}

fn stack_name(tables: &Tables, id: u8) -> String {
    Escaped(tables.stacks.get(id)).to_string()
}

fn event_name(id: u8) -> Option<&'static str> {
    events::event(id).map(|event| event.name)
}

/// Core-dump files have no boot time.
fn clock(header: &[u8; HEADER_LEN]) -> &'static str {
    let known = Header::unchecked(header).is_ok_and(|header| header.boot_time().0 != 0);
    if known { "utc" } else { "uptime" }
}
