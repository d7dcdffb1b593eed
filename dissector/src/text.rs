// SPDX-License-Identifier: BSD-2-Clause
//! Values as text. `{}` is exact, for details: `20100 us`, `ESTABLISHED (4)`. `{:#}` is short, for
//! summaries: `20.1 ms`, `ESTABLISHED`. A [`InitialSeqs`] says what the numbers are relative to.

use std::fmt::{self, Display, Formatter, Write};
use std::num::NonZeroU32;

use crate::event::{Field, RowValue, Value};
use crate::printable::is_printable;
use crate::spec::{NameTable, Unit, ValueNames};

/// How numbers are shown that mean something only with what other records say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InitialSeqs {
    /// Our initial sequence number: with it, our sequence numbers are shown relative to it.
    pub iss: Option<u32>,
    /// The peer's initial sequence number, for the peer's sequence numbers.
    pub irs: Option<u32>,
}

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
        self.write_in(out, short, InitialSeqs::default())
    }

    /// Writes the value as text, exact or short, with numbers as `style` has them.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_in<W: Write>(&self, out: &mut W, short: bool, style: InitialSeqs) -> fmt::Result {
        self.row_value().write_in(out, short, style)
    }
}

impl RowValue<'_> {
    /// As [`Field::write_in`].
    pub(crate) fn write_in<W: Write>(&self, out: &mut W, short: bool, style: InitialSeqs) -> fmt::Result {
        if self.is_unset() {
            out.write_str(if self.is_implausible() { "implausible" } else { "not set" })?;
            let value = self.value.as_int().filter(|_| !short);
            return value.map_or(Ok(()), |value| write!(out, " ({value})"));
        }
        self.write_value(out, short, style)?;
        if self.is_lower_bound() { out.write_str(" or more") } else { Ok(()) }
    }

    fn write_value<W: Write>(&self, out: &mut W, short: bool, style: InitialSeqs) -> fmt::Result {
        match (self.value, self.spec.names) {
            (Value::Text(bytes), _) => escaped(out, bytes),
            (Value::Bytes(bytes), _) => bytes.iter().try_for_each(|b| write!(out, "{b:02x}")),
            (Value::Ipv4(addr), _) => write!(out, "{addr}"),
            (Value::Ipv6(addr), _) => write!(out, "{addr}"),
            (Value::Bool(v), _) => out.write_str(if v == 0 { "no" } else { "yes" }),
            (Value::Unsigned(v), ValueNames::Enum(table)) => named(out, table, v as i64, v, short),
            (Value::Signed(v), ValueNames::Enum(table)) => named(out, table, v, v, short),
            (Value::Unsigned(v), ValueNames::Flags(table)) if short => flags(out, table, v),
            (Value::Signed(v), ValueNames::Flags(table)) if short => flags(out, table, v as u64),
            (Value::Unsigned(v), ValueNames::Flags(table)) => exact_flags(out, table, v),
            (Value::Signed(v), ValueNames::Flags(table)) => exact_flags(out, table, v as u64),
            (Value::Unsigned(v), ValueNames::None) => match i64::try_from(v) {
                Ok(v) if short => quantity(out, v, self.spec.unit, style, self.hz),
                Ok(v) => exact(out, v, self.spec.unit, self.hz),
                Err(_) => big(out, v, self.spec.unit),
            },
            (Value::Signed(v), ValueNames::None) if short => quantity(out, v, self.spec.unit, style, self.hz),
            (Value::Signed(v), ValueNames::None) => exact(out, v, self.spec.unit, self.hz),
        }
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
                c if !is_printable(c) => {
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

fn named<W: Write>(
    out: &mut W,
    table: &NameTable,
    key: i64,
    value: impl Display,
    short: bool,
) -> fmt::Result {
    let name = if short { table.in_words(key) } else { table.get(key) };
    match name {
        Some(name) if short => out.write_str(name),
        Some(name) => write!(out, "{name} ({value})"),
        None => write!(out, "unknown ({value})"),
    }
}

/// The names of the flags that are set, in a sentence: `RACK timer + TLP timer`.
pub(crate) fn flags<W: Write>(out: &mut W, table: &NameTable, value: u64) -> fmt::Result {
    flag_names(out, table, value, true)
}

/// `0x6 (RACK timer|TLP timer)`.
fn exact_flags<W: Write>(out: &mut W, table: &NameTable, value: u64) -> fmt::Result {
    write!(out, "{value:#x}")?;
    if value == 0 {
        return Ok(());
    }
    out.write_str(" (")?;
    flag_names(out, table, value, false)?;
    out.write_char(')')
}

fn flag_names<W: Write>(out: &mut W, table: &NameTable, value: u64, words: bool) -> fmt::Result {
    let separator = if words { " + " } else { "|" };
    let mut left = value;
    let mut first = true;
    let mut separate = |out: &mut W| match std::mem::take(&mut first) {
        true => Ok(()),
        false => out.write_str(separator),
    };
    for &(mask, name) in table.values {
        let mask = mask as u64;
        if mask != 0 && value & mask == mask {
            separate(out)?;
            out.write_str(if words { table.in_words(mask as i64).unwrap_or(name) } else { name })?;
            left &= !mask;
        }
    }
    if left != 0 || value == 0 {
        separate(out)?;
        write!(out, "{left:#x}")?;
    }
    Ok(())
}

/// A number in a sentence: durations in the unit that reads best, sequence numbers relative where
/// the style says to what.
pub(crate) fn quantity<W: Write>(
    out: &mut W,
    v: i64,
    unit: Unit,
    style: InitialSeqs,
    hz: Option<NonZeroU32>,
) -> fmt::Result {
    match unit {
        Unit::Hex | Unit::Pointer => write!(out, "{v:#x}"),
        Unit::X256 => decimal(out, v, 256, 2),
        Unit::X1000 => decimal(out, v, 1000, 2),
        Unit::Ticks | Unit::TicksX16 | Unit::TicksX32 | Unit::TicksX1000 => {
            ticks(out, v, unit.ticks_scale().unwrap_or(1), hz)
        }
        Unit::Us => time(out, v),
        Unit::Ms if v.unsigned_abs() >= LONG / 1000 => time(out, v.saturating_mul(1000)),
        Unit::BytesPerSec => rate(out, v),
        Unit::Seq => int(out, relative(v, style.iss)),
        Unit::PeerSeq => int(out, relative(v, style.irs)),
        _ => exact(out, v, unit, hz),
    }
}

/// A number with its unit, as logged.
fn exact<W: Write>(out: &mut W, v: i64, unit: Unit, hz: Option<NonZeroU32>) -> fmt::Result {
    match (unit, unit.ticks_scale(), hz) {
        (Unit::Hex | Unit::Pointer, ..) => write!(out, "{v:#x}"),
        (Unit::X256, ..) => fixed(out, v, 256),
        (Unit::X1000, ..) => fixed(out, v, 1000),
        (_, Some(scale), _) => {
            ticks(out, v, scale, hz)?;
            match (hz, scale) {
                (Some(hz), 1) => write!(out, " ({v} {} at {hz} Hz)", unit.suffix_of(v)),
                (Some(hz), _) => write!(out, " ({v}/{scale} ticks at {hz} Hz)"),
                (None, 1) => Ok(()),
                (None, _) => write!(out, " ({v}/{scale})"),
            }
        }
        (Unit::BytesPerSec, ..) => {
            int(out, v)?;
            write!(out, " {} (", unit.suffix_of(v))?;
            rate(out, v)?;
            out.write_char(')')
        }
        (Unit::Percent, ..) => {
            int(out, v)?;
            out.write_char('%')
        }
        _ => {
            int(out, v)?;
            suffix(out, unit.suffix_of(v))
        }
    }
}

/// A sequence number relative to the initial one, modulo 2^32.
fn relative(v: i64, initial: Option<u32>) -> i64 {
    initial.map_or(v, |initial| i64::from((v as u32).wrapping_sub(initial)))
}

/// An integer in decimal.
#[inline]
fn int<W: Write>(out: &mut W, v: impl itoa::Integer) -> fmt::Result {
    out.write_str(itoa::Buffer::new().format(v))
}

#[inline]
fn suffix<W: Write>(out: &mut W, suffix: &str) -> fmt::Result {
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
            suffix(out, unit.suffix())
        }
    }
}

/// `v / one` with `digits` decimals (1 to 3), rounded half up; integer arithmetic, since
/// formatting floating point costs more than all the rest of a summary.
fn decimal<W: Write>(out: &mut W, v: i64, one: u64, digits: usize) -> fmt::Result {
    let scale = [1, 10, 100, 1000][digits];
    let (whole, rest) = (v.unsigned_abs() / one, v.unsigned_abs() % one);
    // `one` is above `scale` and at most 125,000,000, so nothing here overflows.
    let scaled = whole * scale + (rest * scale * 2 + one) / (one * 2);
    if v < 0 {
        out.write_char('-')?;
    }
    let mut buffer = itoa::Buffer::new();
    let text = buffer.format(scaled);
    match text.len().checked_sub(digits) {
        Some(point) if point > 0 => {
            let (whole, part) = text.split_at(point);
            out.write_str(whole)?;
            out.write_str(".")?;
            out.write_str(part)
        }
        _ => {
            out.write_str("0.")?;
            out.write_str(&"00"[..digits - text.len()])?;
            out.write_str(text)
        }
    }
}

fn fixed<W: Write>(out: &mut W, v: i64, one: u64) -> fmt::Result {
    decimal(out, v, one, 2)?;
    write!(out, " ({v}/{one})")
}

/// A number of ticks times `scale`, as time if the tick rate is known.
fn ticks<W: Write>(out: &mut W, v: i64, scale: u64, hz: Option<NonZeroU32>) -> fmt::Result {
    let Some(hz) = hz else {
        if scale == 1 {
            int(out, v)?;
        } else {
            decimal(out, v, scale, 1)?;
        }
        return out.write_str(if scale == 1 && v == 1 { " tick" } else { " ticks" });
    };
    let us = i128::from(v) * 1_000_000 / (i128::from(hz.get()) * i128::from(scale));
    let us = i64::try_from(us).unwrap_or(i64::MAX);
    if scale == 1 && us % 1000 == 0 && us.unsigned_abs() < LONG {
        int(out, us / 1000)?;
        return out.write_str(" ms");
    }
    time(out, us)
}

/// Microseconds from which on a time is shown in seconds.
const LONG: u64 = 100_000_000;

/// Writes microseconds in the unit that reads best: milliseconds, but for the very short and the very long.
///
/// # Errors
/// Those of `out`.
pub fn time<W: Write>(out: &mut W, us: i64) -> fmt::Result {
    match us.unsigned_abs() {
        0..1_000 => {
            int(out, us)?;
            out.write_str(" us")
        }
        1_000..LONG => {
            decimal(out, us, 1_000, 1)?;
            out.write_str(" ms")
        }
        _ => {
            decimal(out, us, 1_000_000, 1)?;
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

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn decimals_are_rounded_half_up() {
        let text = |v: i64, one: u64, digits: usize| {
            let mut out = String::new();
            decimal(&mut out, v, one, digits).unwrap();
            out
        };
        assert_eq!(
            [0, 1, 49, 50, 950, 1000].map(|v| text(v, 1000, 1)),
            ["0.0", "0.0", "0.0", "0.1", "1.0", "1.0"]
        );
        assert_eq!([0, 4, 5, 64, 1000].map(|v| text(v, 1000, 2)), ["0.00", "0.00", "0.01", "0.06", "1.00"]);
        assert_eq!(
            [1, 9, 12, 123, 1234].map(|v| text(v, 1000, 3)),
            ["0.001", "0.009", "0.012", "0.123", "1.234"]
        );
        assert_eq!(text(-1500, 1000, 1), "-1.5");
        assert_eq!(text(i64::MIN, 256, 2), "-36028797018963968.00");
        assert_eq!(text(i64::MAX, 125_000_000, 2), "73786976294.84");
    }
}
