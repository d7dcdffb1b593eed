//! Values as text. `{}` is exact, for details: `20100 us`, `ESTABLISHED (4)`. `{:#}` is short, for
//! summaries: `20.1 ms`, `ESTABLISHED`.

use std::fmt::{self, Display, Formatter, Write};

use crate::event::{Field, Value};
use crate::spec::{NameTable, Names, Unit};

impl Display for Field<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let short = out.alternate();
        match (self.value, self.spec.names) {
            (Value::Text(bytes), _) => escaped(out, bytes),
            (Value::Bytes(bytes), _) => bytes.iter().try_for_each(|b| write!(out, "{b:02x}")),
            (Value::Ipv4(addr), _) => addr.fmt(out),
            (Value::Ipv6(addr), _) => addr.fmt(out),
            (Value::Bool(v), _) => out.write_str(if v == 0 { "no" } else { "yes" }),
            (Value::Unsigned(v), Names::Enum(table)) => named(out, table, v as i64, v, short),
            (Value::Signed(v), Names::Enum(table)) => named(out, table, v, v, short),
            (Value::Unsigned(v), Names::Flags(table)) => flags(out, table, v, short),
            (Value::Signed(v), Names::Flags(table)) => flags(out, table, v as u64, short),
            (Value::Unsigned(v), Names::None) => match i64::try_from(v) {
                Ok(v) => number(out, v, self.spec.unit, short),
                Err(_) => big(out, v, self.spec.unit),
            },
            (Value::Signed(v), Names::None) => number(out, v, self.spec.unit, short),
        }
    }
}

/// Bytes that may be anything, as one line of text without control characters: printable UTF-8 as
/// it is, a backslash doubled, everything else as `\xNN`.
pub(crate) fn escaped(out: &mut dyn Write, bytes: &[u8]) -> fmt::Result {
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.write_str("\\\\")?,
                c if c.is_control() || is_invisible(c) => {
                    let mut buffer = [0; 4];
                    c.encode_utf8(&mut buffer).bytes().try_for_each(|b| write!(out, "\\x{b:02x}"))?;
                }
                c => out.write_char(c)?,
            }
        }
        chunk.invalid().iter().try_for_each(|b| write!(out, "\\x{b:02x}"))?;
    }
    Ok(())
}

/// Characters that reorder or hide text on a terminal.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn named(
    out: &mut Formatter<'_>,
    table: &NameTable,
    key: i64,
    value: impl Display,
    short: bool,
) -> fmt::Result {
    match table.get(key) {
        Some(name) if short => out.write_str(name),
        Some(name) => write!(out, "{name} ({value})"),
        None => write!(out, "unknown ({value})"),
    }
}

fn flags(out: &mut Formatter<'_>, table: &NameTable, value: u64, short: bool) -> fmt::Result {
    if !short {
        write!(out, "{value:#x}")?;
        if value == 0 {
            return Ok(());
        }
        out.write_str(" (")?;
    }
    let mut left = value;
    let mut first = true;
    let mut separate = |out: &mut Formatter<'_>| {
        if !std::mem::take(&mut first) {
            out.write_char('|')?;
        }
        Ok(())
    };
    for &(mask, name) in table.values {
        let mask = mask as u64;
        if mask != 0 && value & mask == mask {
            separate(out)?;
            out.write_str(name)?;
            left &= !mask;
        }
    }
    if left != 0 || value == 0 {
        separate(out)?;
        write!(out, "{left:#x}")?;
    }
    if short { Ok(()) } else { out.write_char(')') }
}

fn number(out: &mut Formatter<'_>, v: i64, unit: Unit, short: bool) -> fmt::Result {
    match unit {
        Unit::Hex | Unit::Pointer => write!(out, "{v:#x}"),
        Unit::X256 => fixed(out, v, 256, short),
        Unit::X1000 => fixed(out, v, 1000, short),
        Unit::TicksX32 => ticks(out, v, 32, short),
        Unit::TicksX16 => ticks(out, v, 16, short),
        Unit::Us if short => time(out, v),
        Unit::BytesPerSec if short => rate(out, v),
        Unit::BytesPerSec => {
            write!(out, "{v} bytes/s (")?;
            rate(out, v)?;
            out.write_char(')')
        }
        Unit::Percent => write!(out, "{v}%"),
        _ if unit.suffix().is_empty() => write!(out, "{v}"),
        _ => write!(out, "{v} {}", unit.suffix()),
    }
}

/// A number that no i64 holds.
fn big(out: &mut Formatter<'_>, v: u64, unit: Unit) -> fmt::Result {
    match unit {
        Unit::Hex | Unit::Pointer => write!(out, "{v:#x}"),
        _ if unit.suffix().is_empty() => write!(out, "{v}"),
        _ => write!(out, "{v} {}", unit.suffix()),
    }
}

fn fixed(out: &mut Formatter<'_>, v: i64, one: i64, short: bool) -> fmt::Result {
    write!(out, "{:.2}", v as f64 / one as f64)?;
    if short { Ok(()) } else { write!(out, " ({v}/{one})") }
}

fn ticks(out: &mut Formatter<'_>, v: i64, scale: i64, short: bool) -> fmt::Result {
    write!(out, "{:.1} ticks", v as f64 / scale as f64)?;
    if short { Ok(()) } else { write!(out, " ({v}/{scale})") }
}

/// Microseconds in the unit that reads best.
fn time(out: &mut Formatter<'_>, us: i64) -> fmt::Result {
    match us.unsigned_abs() {
        0..1_000 => write!(out, "{us} us"),
        1_000..1_000_000 => write!(out, "{:.1} ms", us as f64 / 1e3),
        _ => write!(out, "{:.3} s", us as f64 / 1e6),
    }
}

/// Bytes per second as bits per second.
fn rate(out: &mut Formatter<'_>, bytes: i64) -> fmt::Result {
    let bits = bytes as f64 * 8.0;
    match bits.abs() {
        b if b < 1e3 => write!(out, "{bits:.0} bit/s"),
        b if b < 1e6 => write!(out, "{:.1} kbit/s", bits / 1e3),
        b if b < 1e9 => write!(out, "{:.1} Mbit/s", bits / 1e6),
        _ => write!(out, "{:.2} Gbit/s", bits / 1e9),
    }
}
