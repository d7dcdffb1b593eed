// SPDX-License-Identifier: BSD-2-Clause
//! What an input holds, as the readers see it, to be compared.

use std::io::{Cursor, Read};
use std::sync::{Arc, OnceLock};

use bblog_converter::event::item::LogItem;
use bblog_converter::event::merge::Events;
use bblog_converter::event::open;
use bblog_converter::input::assumptions::Assumptions;
use bblog_converter::input::error::InputErrorKind;
use bblog_converter::input::{Input, InputName, InputPosition};

/// The tables, with the stack names of the fixtures.
pub fn tables() -> Arc<Assumptions> {
    // Made once: tables live as long as the process.
    static TABLES: OnceLock<Arc<Assumptions>> = OnceLock::new();
    let tables = TABLES.get_or_init(|| Arc::new(Assumptions::new("1=freebsd,2=rack,3=bbr".parse().unwrap())));
    Arc::clone(tables)
}

/// Every record and event of an input as text: its bytes, time and what is known of it; and the
/// faults. The TCP checksum is left out: a packet's is computed, a record's is not.
pub fn seen(input: &[u8]) -> (Vec<String>, Vec<String>) {
    seen_of(Cursor::new(input.to_vec()))
}

/// The same of what a reader gives.
pub fn seen_of(reader: impl Read + Send + 'static) -> (Vec<String>, Vec<String>) {
    let mut faults = Vec::new();
    let mut on_error = |_: &InputName, fault: &bblog_converter::InputError| {
        // Whether the events give the tick rate depends on their values, which tests change.
        if !matches!(fault.kind, InputErrorKind::UnknownTicks { .. }) {
            faults.push(fault.to_string());
        }
    };
    let name = InputName::new("input");
    let source = Input::recognise(name.clone(), Box::new(reader))
        .and_then(|input| open::source(input, InputPosition::ONLY, &tables(), &mut on_error));
    let mut lines = Vec::new();
    match source {
        Ok(source) => {
            let mut events = Events::of([(name, source)], &mut on_error);
            while events.advance(&mut on_error) {
                lines.extend(events.item().map(|(_, seen)| line(&seen)));
            }
        }
        Err(fault) => on_error(&name, &fault),
    }
    (lines, faults)
}

fn line(seen: &LogItem<'_>) -> String {
    match seen {
        LogItem::Bblog(seen) => {
            let record = seen.record;
            let tcp = record.tcp().map(|tcp| [&tcp[..16], &tcp[18..]].concat());
            let verbose = record.verbose().map(|verbose| verbose.as_bytes().to_vec());
            let header = &seen.header[16..];
            format!(
                "{:?} {:?} {:?} {tcp:?} {verbose:?} {header:?} {:?} {:?} {}",
                seen.time,
                seen.clock,
                record.tcpinfo(),
                String::from_utf8_lossy(&seen.origin.stack_name),
                seen.origin.context().kernel,
                seen.missing
            )
        }
        LogItem::Eventlog(seen) => {
            let provider = seen.provider.map(String::from_utf8_lossy);
            let spec = seen.tables.map(|tables| tables.event(seen.event.event_id()).map(|event| event.name));
            let size = seen.tables.and_then(|tables| tables.event(100)).map(|event| event.fields.len());
            format!(
                "{:?} {:?} {:?} {provider:?} {spec:?} {size:?} {:?}",
                seen.time,
                seen.clock,
                seen.event.as_bytes(),
                seen.addresses
            )
        }
    }
}
