// SPDX-License-Identifier: BSD-2-Clause
//! An eventlog payload as elog(1) prints it: the text after the names in a line of `elog -r`.
//!
//! The text is the format of the schema. Values are formatted as by elog, byte for byte. Unlike in elog, a short
//! payload is read as if zeros followed it.

use std::fmt::{self, Display, Formatter, Write as _};
use std::io::Write;

use crate::elog::{EVENT_HEADER_LEN, RawEvent, SESSION_CREATE};
use crate::event::{Event, Field, Value};
use crate::spec::{
    ByteOrder, EventSpec, FieldSpec, NameTable, Repeat, TemplatePart, Unit, ValueKind, ValueNames,
};

/// The most that elog's payload buffer holds.
const PAYLOAD_MAX: usize = 1023;
/// The size of the buffer that elog joins flag names in, its NUL included.
const FLAGS_MAX: usize = 128;

/// The payload of `event` in elog's words.
pub fn payload<'a>(event: &RawEvent<'a>, spec: &'static EventSpec) -> Payload<'a> {
    Payload { event: *event, spec }
}

/// See [`payload`].
#[derive(Clone, Copy)]
pub struct Payload<'a> {
    event: RawEvent<'a>,
    spec: &'static EventSpec,
}

impl Payload<'_> {
    /// Writes the text's bytes: text values are written unchanged, with any bytes they hold.
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let id = self.event.event_id();
        // Reserved ids without a definition in the schema are unknown to elog.
        let defined = !self.spec.format.is_empty();
        if id == SESSION_CREATE && self.event.payload().is_empty() {
            out.extend_from_slice(b"Session created");
        } else if defined {
            self.sentence(out);
        }
        out.truncate(start + PAYLOAD_MAX);
        if out.len() == start {
            let _ = write!(out, "[UNKNOWN_EVENT_ID:{id}]");
        }
    }

    fn sentence(&self, out: &mut Vec<u8>) {
        let mut padded;
        let mut event = self.event;
        let size = EVENT_HEADER_LEN + usize::from(self.spec.size);
        if event.as_bytes().len() < size {
            padded = event.as_bytes().to_vec();
            padded.resize(size, 0);
            if let Ok(whole) = RawEvent::whole(&padded) {
                event = whole;
            }
            return sentence(&Event::of_elog(&event, self.spec), self.spec, out);
        }
        sentence(&Event::of_elog(&event, self.spec), self.spec, out);
    }
}

fn sentence(event: &Event<'_>, spec: &'static EventSpec, out: &mut Vec<u8>) {
    let field = |index: u16| {
        let row = spec.fields.get(usize::from(index))?;
        // A variable-length tail is never an argument.
        if row.place.repeat != Repeat::Once {
            return None;
        }
        // Whatever its unit is.
        event.read_row(row, EVENT_HEADER_LEN, 0)
    };
    for part in spec.format {
        match part {
            TemplatePart::Text(text) => out.extend_from_slice(text.as_bytes()),
            TemplatePart::Value(of) => {
                if let Some(field) = of.own.first().and_then(|&index| field(index)) {
                    value(&field, out);
                }
            }
            TemplatePart::Printf(conversion, index) => {
                if let Some(field) = field(*index) {
                    printf(conversion, &field, out);
                }
            }
            // A format has no others.
            _ => {}
        }
    }
}

fn value(field: &Field<'_>, out: &mut Vec<u8>) {
    // A Vec takes everything.
    let text = |out: &mut Vec<u8>, text: fmt::Arguments<'_>| drop(out.write_fmt(text));
    match (field.value, field.spec.names) {
        (Value::Text(bytes) | Value::Bytes(bytes), _) => out.extend_from_slice(bytes),
        (Value::Ipv4(addr), _) => text(out, format_args!("{addr}")),
        (Value::Ipv6(addr), _) => text(out, format_args!("{addr}")),
        (Value::Unsigned(v) | Value::Bool(v), ValueNames::Flags(table)) => flags(table, v, out),
        (Value::Signed(v), ValueNames::Flags(table)) => flags(table, v as u64, out),
        (Value::Unsigned(v) | Value::Bool(v), ValueNames::Enum(table)) => enumerated(table, v as i64, out),
        (Value::Signed(v), ValueNames::Enum(table)) => enumerated(table, v, out),
        (Value::Unsigned(v) | Value::Bool(v), ValueNames::None) if shown_in_hex(field.spec) => {
            text(out, format_args!("{v:#x}"))
        }
        (Value::Unsigned(v) | Value::Bool(v), ValueNames::None) => text(out, format_args!("{v}")),
        (Value::Signed(v), ValueNames::None) => text(out, format_args!("{v}")),
    }
}

fn shown_in_hex(spec: &FieldSpec) -> bool {
    matches!(spec.unit, Unit::Hex | Unit::Pointer)
        && spec.place.order == ByteOrder::Host
        && spec.kind != ValueKind::Bool
}

fn enumerated(table: &NameTable, value: i64, out: &mut Vec<u8>) {
    match table.get(value) {
        Some(name) => out.extend_from_slice(name.as_bytes()),
        None => drop(write!(out, "{}", value as u32)),
    }
}

/// ValueNames joined with `|`: those that fit. Without any known bit the number.
fn flags(table: &NameTable, value: u64, out: &mut Vec<u8>) {
    let start = out.len();
    for &(mask, name) in table.values {
        if mask == 0 || value & mask as u64 != mask as u64 {
            continue;
        }
        let used = out.len() - start;
        if used > 0 && used < FLAGS_MAX - 1 {
            out.push(b'|');
        }
        if out.len() - start + name.len() < FLAGS_MAX {
            out.extend_from_slice(name.as_bytes());
        }
    }
    if out.len() == start {
        let _ = write!(out, "{value}");
    }
}

/// One conversion of printf(3), as C does it.
fn printf(conversion: &str, field: &Field<'_>, out: &mut Vec<u8>) {
    let spec = PrintfConversion::parse(conversion);
    let mut text = Vec::new();
    let number = field.value.as_int().unwrap_or_default();
    match spec.verb {
        's' => value(field, &mut text),
        'd' | 'i' => {
            text.extend_from_slice(spec.digits(number.unsigned_abs().to_string(), number < 0).as_bytes())
        }
        'x' => text.extend_from_slice(spec.digits(format!("{:x}", spec.unsigned(number)), false).as_bytes()),
        'X' => text.extend_from_slice(spec.digits(format!("{:X}", spec.unsigned(number)), false).as_bytes()),
        'o' => text.extend_from_slice(spec.digits(format!("{:o}", spec.unsigned(number)), false).as_bytes()),
        'p' => text.extend_from_slice(format!("{number:#x}").as_bytes()),
        'c' => text.push(number as u8),
        _ => text.extend_from_slice(spec.digits(spec.unsigned(number).to_string(), false).as_bytes()),
    }
    let pad = spec.width.saturating_sub(text.len());
    if spec.left {
        out.extend_from_slice(&text);
        out.resize(out.len() + pad, b' ');
    } else {
        out.resize(out.len() + pad, b' ');
        out.extend_from_slice(&text);
    }
}

/// A parsed conversion.
struct PrintfConversion {
    left: bool,
    zero: bool,
    alternate: bool,
    width: usize,
    precision: Option<usize>,
    long: bool,
    verb: char,
}

/// No width of a schema's format is larger.
const WIDTH_MAX: usize = PAYLOAD_MAX;

impl PrintfConversion {
    fn parse(text: &str) -> PrintfConversion {
        let body = text.trim_start_matches('%');
        let flags = body.len() - body.trim_start_matches(['-', '0', '#', '+', ' ']).len();
        let (flags, rest) = body.split_at(flags);
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (width, rest) = rest.split_at(digits);
        let (precision, rest) = match rest.strip_prefix('.') {
            Some(rest) => {
                let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
                (Some(rest[..digits].parse().unwrap_or(0).min(WIDTH_MAX)), &rest[digits..])
            }
            None => (None, rest),
        };
        PrintfConversion {
            left: flags.contains('-'),
            zero: flags.contains('0') && !flags.contains('-') && precision.is_none(),
            alternate: flags.contains('#'),
            width: width.parse().unwrap_or(0).min(WIDTH_MAX),
            precision,
            long: rest.contains(['l', 'j', 'z', 't', 'q']),
            verb: rest.chars().last().unwrap_or('u'),
        }
    }

    /// A C `int` is 32 bits, a `long` 64.
    fn unsigned(&self, number: i64) -> u64 {
        if self.long { number as u64 } else { u64::from(number as u32) }
    }

    fn digits(&self, digits: String, negative: bool) -> String {
        let prefix = match self.verb {
            'x' if self.alternate && digits != "0" => "0x",
            'X' if self.alternate && digits != "0" => "0X",
            _ if negative => "-",
            _ => "",
        };
        let want = match self.precision {
            Some(precision) => precision,
            None if self.zero => self.width.saturating_sub(prefix.len()),
            None => 0,
        };
        format!("{prefix}{digits:0>want$}")
    }
}

impl Display for Payload<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let mut bytes = Vec::new();
        self.write(&mut bytes);
        bytes.utf8_chunks().try_for_each(|chunk| {
            out.write_str(chunk.valid())?;
            if chunk.invalid().is_empty() { Ok(()) } else { out.write_char('\u{fffd}') }
        })
    }
}
