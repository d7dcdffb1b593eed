// SPDX-License-Identifier: BSD-2-Clause
//! How large a schema may be. FreeBSD's own have some 50 events and 20 kB; a schema may come from anywhere.

/// Bytes of text.
pub const MAX_TEXT: usize = 1 << 20;
/// Events.
pub(super) const MAX_EVENTS: usize = 4096;
/// Values of one ENUM or FLAG.
pub(super) const MAX_NAMES: usize = 4096;
/// Lines of one of the other directives.
pub(super) const MAX_DEFINITIONS: usize = 4096;
/// UNITs: each is tried for each field.
pub(super) const MAX_UNITS: usize = 16;
/// Fields of all events together: several events may have the same STRUCT.
pub(super) const MAX_FIELDS: usize = 65_536;
/// Bytes that an event's text can have, if all its values are as long as they can be.
pub(super) const MAX_LINE: usize = 1 << 18;
