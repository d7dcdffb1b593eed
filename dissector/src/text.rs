// SPDX-License-Identifier: BSD-2-Clause
//! Values as text. `{}` is exact, for details: `20100 us`, `ESTABLISHED (4)`. `{:#}` is short, for
//! summaries: `20.1 ms`, `ESTABLISHED`.

use std::fmt::{self, Display, Formatter, Write};
use std::num::NonZeroU32;

use crate::event::{Field, Value};
use crate::spec::{NameTable, Unit, ValueNames};

impl Display for Field<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        self.write_to(out, out.alternate())
    }
}

impl Field<'_> {
    /// Writes the value as text, exact or short, as `{}` and `{:#}` do but without their detours.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_to<W: Write>(&self, out: &mut W, short: bool) -> fmt::Result {
        match (self.value, self.spec.names) {
            (Value::Text(bytes), _) => escaped(out, bytes),
            (Value::Bytes(bytes), _) => bytes.iter().try_for_each(|b| write!(out, "{b:02x}")),
            (Value::Ipv4(addr), _) => write!(out, "{addr}"),
            (Value::Ipv6(addr), _) => write!(out, "{addr}"),
            (Value::Bool(v), _) => out.write_str(if v == 0 { "no" } else { "yes" }),
            (Value::Unsigned(v), ValueNames::Enum(table)) => named(out, table, v as i64, v, short),
            (Value::Signed(v), ValueNames::Enum(table)) => named(out, table, v, v, short),
            (Value::Unsigned(v), ValueNames::Flags(table)) => flags(out, table, v, short),
            (Value::Signed(v), ValueNames::Flags(table)) => flags(out, table, v as u64, short),
            (Value::Unsigned(v), ValueNames::None) => match i64::try_from(v) {
                Ok(v) => self.number(out, v, short),
                Err(_) => big(out, v, self.spec.unit),
            },
            (Value::Signed(v), ValueNames::None) => self.number(out, v, short),
        }
    }

    #[inline]
    fn number<W: Write>(&self, out: &mut W, v: i64, short: bool) -> fmt::Result {
        if let Some(hz) = self.hz
            && let Some(scale) = self.spec.unit.ticks_scale()
        {
            return ticks_at(out, v, scale, hz, short);
        }
        number(out, v, self.spec.unit, short)
    }
}

/// Bytes that may be anything, as one line of text without control characters: printable UTF-8 as
/// it is, a backslash doubled, everything else as `\xNN`.
pub(crate) fn escaped<W: Write + ?Sized>(out: &mut W, bytes: &[u8]) -> fmt::Result {
    if bytes.iter().all(|&b| matches!(b, b' '..=b'~') && b != b'\\')
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return out.write_str(text);
    }
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

fn named<W: Write>(
    out: &mut W,
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

fn flags<W: Write>(out: &mut W, table: &NameTable, value: u64, short: bool) -> fmt::Result {
    if !short {
        write!(out, "{value:#x}")?;
        if value == 0 {
            return Ok(());
        }
        out.write_str(" (")?;
    }
    let mut left = value;
    let mut first = true;
    let mut separate = |out: &mut W| {
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

fn number<W: Write>(out: &mut W, v: i64, unit: Unit, short: bool) -> fmt::Result {
    match unit {
        Unit::Hex | Unit::Pointer => write!(out, "{v:#x}"),
        Unit::X256 => fixed(out, v, 256, short),
        Unit::X1000 => fixed(out, v, 1000, short),
        Unit::TicksX32 => ticks(out, v, 32, short),
        Unit::TicksX16 => ticks(out, v, 16, short),
        Unit::Us if short => time(out, v),
        Unit::BytesPerSec if short => rate(out, v),
        Unit::BytesPerSec => {
            int(out, v)?;
            out.write_str(" bytes/s (")?;
            rate(out, v)?;
            out.write_char(')')
        }
        Unit::Percent => {
            int(out, v)?;
            out.write_char('%')
        }
        _ => {
            int(out, v)?;
            suffix(out, unit)
        }
    }
}

/// An integer in decimal.
#[inline]
fn int<W: Write>(out: &mut W, v: impl itoa::Integer) -> fmt::Result {
    out.write_str(itoa::Buffer::new().format(v))
}

#[inline]
fn suffix<W: Write>(out: &mut W, unit: Unit) -> fmt::Result {
    let suffix = unit.suffix();
    if suffix.is_empty() {
        return Ok(());
    }
    out.write_char(' ')?;
    out.write_str(suffix)
}

/// A number that no i64 holds.
fn big<W: Write>(out: &mut W, v: u64, unit: Unit) -> fmt::Result {
    match unit {
        Unit::Hex | Unit::Pointer => write!(out, "{v:#x}"),
        _ => {
            int(out, v)?;
            suffix(out, unit)
        }
    }
}

/// `v / one` with `digits` decimals (at most 3), rounded half up; integer arithmetic, since
/// formatting floating point costs more than all the rest of a summary.
fn decimal<W: Write>(out: &mut W, v: i64, one: u64, digits: u32) -> fmt::Result {
    let scale = 10_u64.pow(digits);
    let (whole, rest) = (v.unsigned_abs() / one, v.unsigned_abs() % one);
    // `one` is at most 125,000,000, so nothing here overflows.
    let part = (rest * scale * 2 + one) / (one * 2);
    let (whole, part) = (whole + part / scale, part % scale);
    if v < 0 {
        out.write_char('-')?;
    }
    int(out, whole)?;
    out.write_char('.')?;
    (0..digits).rev().try_for_each(|digit| {
        let digit = part / 10_u64.pow(digit) % 10;
        out.write_char(char::from(b'0' + digit as u8))
    })
}

fn fixed<W: Write>(out: &mut W, v: i64, one: u64, short: bool) -> fmt::Result {
    decimal(out, v, one, 2)?;
    if short { Ok(()) } else { write!(out, " ({v}/{one})") }
}

fn ticks<W: Write>(out: &mut W, v: i64, scale: u64, short: bool) -> fmt::Result {
    decimal(out, v, scale, 1)?;
    out.write_str(" ticks")?;
    if short { Ok(()) } else { write!(out, " ({v}/{scale})") }
}

/// Ticks, of which a second has `hz`, as time.
fn ticks_at<W: Write>(out: &mut W, v: i64, scale: u64, hz: NonZeroU32, short: bool) -> fmt::Result {
    let us = i128::from(v) * 1_000_000 / (i128::from(hz.get()) * i128::from(scale));
    time(out, i64::try_from(us).unwrap_or(i64::MAX))?;
    match (short, scale) {
        (true, _) => Ok(()),
        (false, 1) => write!(out, " ({v} ticks at {hz} Hz)"),
        (false, _) => write!(out, " ({v}/{scale} ticks at {hz} Hz)"),
    }
}

/// Microseconds in the unit that reads best.
fn time<W: Write>(out: &mut W, us: i64) -> fmt::Result {
    match us.unsigned_abs() {
        0..1_000 => {
            int(out, us)?;
            out.write_str(" us")
        }
        1_000..999_950 => {
            decimal(out, us, 1_000, 1)?;
            out.write_str(" ms")
        }
        _ => {
            decimal(out, us, 1_000_000, 3)?;
            out.write_str(" s")
        }
    }
}

/// Bytes per second as bits per second.
fn rate<W: Write>(out: &mut W, bytes: i64) -> fmt::Result {
    let (one, digits, unit) = match bytes.unsigned_abs() {
        0..125 => return write!(out, "{} bit/s", bytes * 8),
        125..124_994 => (125, 1, " kbit/s"),
        124_994..124_993_750 => (125_000, 1, " Mbit/s"),
        _ => (125_000_000, 2, " Gbit/s"),
    };
    decimal(out, bytes, one, digits)?;
    out.write_str(unit)
}
