//! Prints every event of a device stream: `decode FILE [13|14|main]`.

use std::io::Write;

use bblog_dissector::bblog;
use bblog_dissector::event::{Context, Event};
use bblog_dissector::spec::{Kernel, Stack};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let bytes = std::fs::read(args.next().ok_or("usage: decode FILE [13|14|main]")?)?;
    let kernel = args.next().and_then(|name| Kernel::from_name(&name)).unwrap_or_default();
    let mut out = std::io::stdout().lock();
    for entry in bblog::entries(&bytes) {
        let (_, body) = entry?;
        for record in bblog::records(body) {
            let record = record?;
            // The stack ids of a kernel that loaded rack, then bbr.
            let stack = [Stack::Unknown, Stack::Freebsd, Stack::Rack, Stack::Bbr]
                .get(usize::from(record.stack_id()))
                .copied()
                .unwrap_or_default();
            let event = Event::of_record(&record, Context { stack, kernel });
            writeln!(out, "{} {}: {}", record.serial(), event.name(), event.summary())?;
            for field in event.fields() {
                writeln!(out, "    {} = {field}", field.spec.filter)?;
            }
        }
    }
    Ok(())
}
