// SPDX-License-Identifier: BSD-2-Clause
//! Prints every event of a device stream or an ELOG file: `decode FILE [13|14|main]`.

use std::io::{self, Write};

use bblog_dissector::elog::MAGIC;
use bblog_dissector::{BblogDecoder, Catalog, ElogDecoder, Event, Kernel, Stack};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let bytes = std::fs::read(args.next().ok_or("usage: decode FILE [13|14|main]")?)?;
    let kernel = args.next().and_then(|name| Kernel::from_name(&name)).unwrap_or_default();
    let mut out = io::stdout().lock();
    if bytes.starts_with(&MAGIC) {
        for decoded in ElogDecoder::new(&bytes, &Catalog::builtin())? {
            let decoded = decoded?;
            print(decoded.raw.timestamp(), &decoded.event, &mut out)?;
        }
        return Ok(());
    }
    // The numbers of a kernel that loaded rack, then bbr.
    let decoder =
        BblogDecoder::new(&bytes).stack(1, Stack::Freebsd).stack(2, Stack::Rack).stack(3, Stack::Bbr);
    for decoded in decoder.kernel(kernel) {
        let decoded = decoded?;
        print(decoded.record.serial().into(), &decoded.event, &mut out)?;
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
