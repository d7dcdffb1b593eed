// SPDX-License-Identifier: GPL-2.0-or-later
//! A decoded value as a line of the tree.

use std::fmt::{self, Display, Write};
use std::ops::Range;

use bblog_dissector::event::{Field, Value};
use bblog_dissector::spec::ValueNames;

use crate::ffi;
use crate::items::{Items, NONE, TextAt};
use crate::registry::{self, PluginField};

/// Up to this number of flags that are not set are named; more are counted.
const FEW: usize = 8;

/// How a decoded value becomes a line.
#[derive(Clone, Copy)]
pub struct TreeLine {
    /// How deep in the tree; 0 is the child of the top item.
    pub depth: u8,
    /// The bytes its offset counts from.
    pub origin: ffi::bblog_origin,
    /// Whether it is computed, not logged.
    pub generated: bool,
    /// Whether it is there for filters only.
    pub hidden: bool,
    /// Whether it is shown.
    pub text: bool,
}

impl TreeLine {
    /// A value that stands in the bytes, below the group before it.
    pub const LOGGED: TreeLine =
        TreeLine { depth: 1, origin: ffi::BBLOG_ORIGIN_DATA, generated: false, hidden: false, text: false };
    /// A value that does not.
    pub const COMPUTED: TreeLine = TreeLine { generated: true, ..TreeLine::LOGGED };

    /// Adds the line of a value.
    pub fn push(self, items: &mut Items, field: &Field<'_>) {
        let text = self.text && !self.hidden;
        // A number to count with would be a wrong one. The built-in's fields have the member as it stands.
        let unset = field.is_unset() && !registry::is_builtin(field.spec);
        if unset && !text {
            return;
        }
        let (number, text) = match field.value {
            Value::Unsigned(number) | Value::Bool(number) => {
                (number, if text { items.value(field) } else { NONE })
            }
            Value::Signed(number) => (number as u64, if text { items.value(field) } else { NONE }),
            // Strings are their text; the rest C reads from the bytes.
            Value::Text(_) => (0, items.value(field)),
            Value::Bytes(_) | Value::Ipv4(_) | Value::Ipv6(_) => (0, NONE),
        };
        let subtree = if is_flags(field) { ffi::BBLOG_SUBTREE_FLAGS } else { ffi::BBLOG_SUBTREE_NONE };
        let item = ffi::bblog_item {
            number,
            field: field.spec.id,
            text,
            offset: field.range.start as u32,
            length: field.range.len() as u32,
            depth: self.depth,
            origin: self.origin as u8,
            subtree: subtree as u8,
            generated: self.generated,
            hidden: self.hidden,
            unset,
        };
        items.push(item);
        // The built-in has fields of its own for the bits of its members.
        if let ValueNames::Flags(table) = field.spec.names
            && self.text
            && !self.hidden
            && !registry::is_builtin(field.spec)
        {
            let line = ffi::bblog_item {
                number: 0,
                field: NONE,
                depth: self.depth + 1,
                subtree: ffi::BBLOG_SUBTREE_NONE as u8,
                ..item
            };
            let is_set = |mask: i64| mask != 0 && number & mask as u64 == mask as u64;
            for &(mask, name) in table.values.iter().filter(|entry| is_set(entry.0)) {
                let text = items.text(Bits { number, mask: mask as u64, name, bytes: field.range.len() });
                items.push(ffi::bblog_item { text, ..line });
            }
            let unset = || table.values.iter().filter(|entry| !is_set(entry.0)).map(|entry| entry.1);
            let text = match unset().count() {
                0 => NONE,
                count if count > FEW => items.text(format_args!("Not set: {count} flags")),
                _ => items.text(format_args!("Not set: {}", Joined(unset()))),
            };
            if text != NONE {
                items.push(ffi::bblog_item { text, ..line });
            }
        }
    }
}

/// Names with commas between.
struct Joined<I>(I);

impl<'a, I: Iterator<Item = &'a str> + Clone> Display for Joined<I> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.clone().enumerate() {
            out.write_str(if at == 0 { "" } else { ", " })?;
            out.write_str(name)?;
        }
        Ok(())
    }
}

/// A bit of a number, or a few, that are set, as epan shows them: `..1. .... = NAME: Set`.
struct Bits<'a> {
    number: u64,
    mask: u64,
    name: &'a str,
    bytes: usize,
}

impl Display for Bits<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for bit in (0..self.bytes.clamp(1, 8) * 8).rev() {
            out.write_char(match (self.mask >> bit & 1, self.number >> bit & 1) {
                (0, _) => '.',
                (_, 0) => '0',
                _ => '1',
            })?;
            if bit % 4 == 0 {
                out.write_char(' ')?;
            }
        }
        write!(out, "= {}: Set", self.name)
    }
}

/// A line for one of the plugin's own fields.
pub fn of_plugin(field: PluginField, text: TextAt, range: Range<usize>, depth: u8) -> ffi::bblog_item {
    ffi::bblog_item {
        number: 0,
        field: field.index(),
        text,
        offset: range.start as u32,
        length: range.len() as u32,
        depth,
        origin: ffi::BBLOG_ORIGIN_DATA as u8,
        subtree: ffi::BBLOG_SUBTREE_NONE as u8,
        generated: false,
        hidden: false,
        unset: false,
    }
}

/// A line of text without a field.
pub fn of_text(text: TextAt, depth: u8) -> ffi::bblog_item {
    ffi::bblog_item { field: NONE, ..of_plugin(PluginField::Event, text, 0..0, depth) }
}

/// Whether each bit of a value has a name.
pub fn is_flags(field: &Field<'_>) -> bool {
    matches!(field.spec.names, ValueNames::Flags(_))
}
