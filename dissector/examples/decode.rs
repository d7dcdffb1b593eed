// SPDX-License-Identifier: BSD-2-Clause
//! Prints every event of a device stream or an ELOG file: `decode FILE [13|14|main]`.

use std::io::{self, Write};

use bblog_dissector::bblog;
use bblog_dissector::catalog::Catalog;
use bblog_dissector::elog::{FILE_HEADER_LEN, FileHeader, MAGIC, ProviderTable, RawEvent};
use bblog_dissector::event::{Event, RecordContext};
use bblog_dissector::layout::Votes;
use bblog_dissector::spec::{Kernel, Stack};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let bytes = std::fs::read(args.next().ok_or("usage: decode FILE [13|14|main]")?)?;
    let kernel = args.next().and_then(|name| Kernel::from_name(&name)).unwrap_or_default();
    let mut out = io::stdout().lock();
    if bytes.starts_with(&MAGIC) { elog(&bytes, &mut out) } else { stream(&bytes, kernel, &mut out) }
}

fn stream(bytes: &[u8], kernel: Kernel, out: &mut impl Write) -> Result<(), Box<dyn std::error::Error>> {
    for entry in bblog::entries(bytes) {
        let (_, body) = entry?;
        for record in bblog::records(body) {
            let record = record?;
            // The stack ids of a kernel that loaded rack, then bbr.
            let stack = [Stack::Unknown, Stack::Freebsd, Stack::Rack, Stack::Bbr]
                .get(usize::from(record.stack_id()))
                .copied()
                .unwrap_or_default();
            print(
                record.serial().into(),
                &Event::of_record(&record, RecordContext::new(stack, kernel)),
                out,
            )?;
        }
    }
    Ok(())
}

fn elog(bytes: &[u8], out: &mut impl Write) -> Result<(), Box<dyn std::error::Error>> {
    FileHeader::parse(bytes)?;
    let (providers, events) = ProviderTable::split(&bytes[FILE_HEADER_LEN..])?;
    let mut votes = Votes::default();
    let mut rest = events;
    while let Some((event, tail)) = RawEvent::split(rest)? {
        if providers.name(event.provider_id()) == Some(b"tcp") {
            votes.count(&event);
        }
        rest = tail;
    }
    writeln!(out, "layout {:?}", votes.winner())?;
    let catalog = Catalog::builtin();
    rest = events;
    while let Some((raw, tail)) = RawEvent::split(rest)? {
        let provider =
            providers.name(raw.provider_id()).and_then(|name| catalog.provider(name, votes.winner()));
        let event = Event::of_elog(&raw, Catalog::event(provider, raw.event_id()));
        print(raw.timestamp(), &event, out)?;
        if event.is_truncated() || !event.trailing().is_empty() {
            writeln!(out, "    truncated: {}, trailing: {:?}", event.is_truncated(), event.trailing())?;
        }
        rest = tail;
    }
    Ok(())
}

fn print(number: u64, event: &Event<'_>, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{number} {}: {}", event.name(), event.summary())?;
    for field in event.fields() {
        writeln!(out, "    {} = {field}", field.spec.filter)?;
    }
    Ok(())
}
