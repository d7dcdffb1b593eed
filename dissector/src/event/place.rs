// SPDX-License-Identifier: BSD-2-Clause
//! Reads the value of a [`Place`] from bytes.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::field::Value;
use crate::cursor::Cursor;
use crate::spec::{ByteOrder, FieldSpec, Place, ReadMethod, Repeat, ValueKind};

/// Bytes of a variable-length tail: what the count says, or what is there, in whole elements.
pub(super) fn tail_len(payload: Cursor<'_>, place: &Place) -> usize {
    let Repeat::Tail { count_at, count_size, max } = place.repeat else { return 0 };
    let count = Place {
        offset: count_at,
        size: u16::from(count_size),
        bits: None,
        low: None,
        minus: None,
        order: ByteOrder::Host,
        repeat: Repeat::Once,
    };
    let count = number(payload, &count, usize::from(count_at)).unwrap_or(0).min(u64::from(max)) as usize;
    let size = usize::from(place.size).max(1);
    let there = payload.0.len().saturating_sub(usize::from(place.offset)) / size;
    count.min(there) * size
}

/// The unsigned integer of a place. Most are whole members of the record.
#[inline]
pub(super) fn plain(bytes: Cursor<'_>, place: &Place) -> Option<u64> {
    let at = usize::from(place.offset);
    match place {
        Place { order: ByteOrder::Host, size: 4, low: None, minus: None, bits: None, .. } => {
            bytes.u32(at).map(u64::from)
        }
        Place { size: 1, low: None, minus: None, bits: None, .. } => bytes.u8(at).map(u64::from),
        place => number(bytes, place, at),
    }
}

/// The unsigned integer of a place, whose first byte is at `at`.
#[inline]
pub(super) fn number(bytes: Cursor<'_>, place: &Place, at: usize) -> Option<u64> {
    let whole = member(bytes, place, at)?;
    match *place {
        Place { low: None, minus: None, bits: None, .. } => Some(whole),
        Place { low: None, minus: Some(other), bits: None, .. } => {
            Some(difference(whole, member(bytes, place, usize::from(other))?, place))
        }
        _ => combined(bytes, place, whole),
    }
}

/// The integer at `at`, of the size and order of a place.
#[inline]
fn member(bytes: Cursor<'_>, place: &Place, at: usize) -> Option<u64> {
    Some(match (place.order, place.size) {
        (_, 1) => u64::from(bytes.u8(at)?),
        (ByteOrder::Host, 2) => u64::from(bytes.u16(at)?),
        (ByteOrder::Host, 4) => u64::from(bytes.u32(at)?),
        (ByteOrder::Host, 8) => bytes.u64(at)?,
        (ByteOrder::Network, 2) => u64::from(bytes.be16(at)?),
        (ByteOrder::Network, 4) => u64::from(bytes.be32(at)?),
        _ => return None,
    })
}

/// One member less another, modulo their size.
#[inline]
fn difference(whole: u64, less: u64, place: &Place) -> u64 {
    whole.wrapping_sub(less) & (u64::MAX >> (64 - 8 * u32::from(place.size)))
}

/// The value of a place that is more, or less, than the integer there.
fn combined(bytes: Cursor<'_>, place: &Place, whole: u64) -> Option<u64> {
    let whole = match place.low {
        Some(low) => whole << 32 | u64::from(bytes.u32(usize::from(low))?),
        None => whole,
    };
    let whole = match place.minus {
        Some(other) => {
            let less = number(bytes, &Place { minus: None, ..*place }, usize::from(other))?;
            difference(whole, less, place)
        }
        None => whole,
    };
    Some(match place.bits {
        Some((low, high)) => whole >> low & (u64::MAX >> (63 - u32::from(high - low))),
        None => whole,
    })
}

/// The value of a row, whose first byte is at `at`.
#[inline]
pub(super) fn value<'a>(bytes: Cursor<'a>, spec: &FieldSpec, at: usize) -> Option<Value<'a>> {
    Some(match spec.read {
        ReadMethod::U8 => Value::Unsigned(bytes.u8(at)?.into()),
        ReadMethod::U16 => Value::Unsigned(bytes.u16(at)?.into()),
        ReadMethod::U32 => Value::Unsigned(bytes.u32(at)?.into()),
        ReadMethod::U64 => Value::Unsigned(bytes.u64(at)?),
        ReadMethod::I32 => Value::Signed(bytes.i32(at)?.into()),
        ReadMethod::I64 => Value::Signed(bytes.i64(at)?),
        ReadMethod::Bool => Value::Bool(bytes.u8(at)?.into()),
        ReadMethod::Other => return other(bytes, spec.kind, &spec.place, at),
    })
}

fn other<'a>(bytes: Cursor<'a>, kind: ValueKind, place: &Place, at: usize) -> Option<Value<'a>> {
    let size = usize::from(place.size);
    Some(match kind {
        ValueKind::Unsigned(_) => Value::Unsigned(number(bytes, place, at)?),
        ValueKind::Bool => Value::Bool(number(bytes, place, at)?),
        ValueKind::Signed(_) => {
            let bits = match (place.bits, place.low) {
                (Some((low, high)), _) => u32::from(high - low) + 1,
                (None, Some(_)) => 64,
                (None, None) => u32::from(place.size) * 8,
            };
            let unused = 64_u32.saturating_sub(bits);
            Value::Signed((number(bytes, place, at)? << unused) as i64 >> unused)
        }
        ValueKind::Text => Value::Text(bytes.text(at, size)?),
        ValueKind::Bytes => Value::Bytes(bytes.bytes(at, size)?),
        ValueKind::Ipv4 => Value::Ipv4(Ipv4Addr::from(*bytes.bytes(at, 4)?.first_chunk::<4>()?)),
        ValueKind::Ipv6 => Value::Ipv6(Ipv6Addr::from(*bytes.bytes(at, 16)?.first_chunk::<16>()?)),
    })
}
