// SPDX-License-Identifier: GPL-2.0-or-later
//! The fields that Wireshark is told about: one for each row of the dissector's tables, and a few of
//! our own.
//!
//! A row's index here is its id, so that finding the field of a decoded value is an array access in C.

use std::ffi::{CString, c_char};
use std::ptr;
use std::sync::LazyLock;

use bblog_dissector::spec::{AlertGroup, AlertSpec, FieldSpec, Kind, NameTable, Names, Severity, Unit};
use bblog_dissector::tables;

use crate::catalog;
use crate::ffi;

/// A name in the tree is at most this long; what a row is about may take a sentence.
const NAME_MAX: usize = 48;

/// The registry that C reads. Everything it points to is leaked: epan keeps the pointers for as long as the
/// process lives.
pub struct Registry(pub ffi::bblog_registry);

// SAFETY: the pointers lead to leaked, immutable memory.
unsafe impl Sync for Registry {}
// SAFETY: as above.
unsafe impl Send for Registry {}

/// No fields: what C gets if the tables cannot be read.
pub static EMPTY: Registry = Registry(ffi::bblog_registry {
    fields: ptr::null(),
    len: 0,
    event: 0,
    summary: 0,
    stream: 0,
    alerts: ptr::null(),
    alerts_len: 0,
});

/// Fields that no table has. They follow the rows of the tables.
#[derive(Clone, Copy)]
pub enum PluginField {
    /// `bblog.event`: the short name of the event, for both logs.
    Event,
    /// `bblog.summary`: the line that says what happened, for both logs.
    Summary,
    /// `eventlog.provider`: the provider's name.
    Provider,
    /// `eventlog.trailing`: bytes after the values that the schema knows.
    Trailing,
    /// `bblog.stream`: the connection's number, which C adds.
    Stream,
    /// `bblog.acked_in`: the frame that acknowledges a sent segment.
    AckedIn,
    /// `bblog.acks`: the last segment that a received one acknowledges first.
    Acks,
    /// `bblog.timer_ended_in`: where an armed timer was disarmed or expired.
    TimerEndedIn,
    /// `bblog.timer_started_in`: where it had been armed.
    TimerStartedIn,
}

/// What Wireshark is told about one of the plugin's own fields.
struct PluginFieldSpec {
    name: &'static str,
    filter: &'static str,
    about: &'static str,
    kind: ffi::ftenum,
    /// For a frame's number: what that frame is to this one.
    frame: ffi::ft_framenum_type,
}

const fn own(
    name: &'static str,
    filter: &'static str,
    about: &'static str,
    kind: ffi::ftenum,
) -> PluginFieldSpec {
    PluginFieldSpec { name, filter, about, kind, frame: ffi::FT_FRAMENUM_NONE }
}

const fn frame(
    name: &'static str,
    filter: &'static str,
    about: &'static str,
    frame: ffi::ft_framenum_type,
) -> PluginFieldSpec {
    PluginFieldSpec { name, filter, about, kind: ffi::FT_FRAMENUM, frame }
}

/// The plugin's own fields, in the order of [`PluginField`].
const PLUGIN_FIELDS: [PluginFieldSpec; 9] = [
    own("Event", "bblog.event", "Short name of the event", ffi::FT_STRING),
    own("Summary", "bblog.summary", "What happened, in one line", ffi::FT_STRING),
    own("Provider", "eventlog.provider", "Name of the provider", ffi::FT_STRING),
    own(
        "Trailing bytes",
        "eventlog.trailing",
        "Bytes after the values that are known: a newer schema",
        ffi::FT_BYTES,
    ),
    own(
        "Stream index",
        "bblog.stream",
        "The connection of events and packets, as tcp.stream",
        ffi::FT_UINT32,
    ),
    frame(
        "Acknowledged in frame",
        "bblog.acked_in",
        "The received segment that acknowledges all of this one",
        ffi::FT_FRAMENUM_ACK,
    ),
    frame(
        "Acknowledges the segment in frame",
        "bblog.acks",
        "The last of the sent segments that this one acknowledges first",
        ffi::FT_FRAMENUM_ACK,
    ),
    frame(
        "Timer ended in frame",
        "bblog.timer_ended_in",
        "Where the timer was stopped or expired",
        ffi::FT_FRAMENUM_RESPONSE,
    ),
    frame(
        "Timer started in frame",
        "bblog.timer_started_in",
        "Where the timer had been started",
        ffi::FT_FRAMENUM_REQUEST,
    ),
];

impl PluginField {
    /// Its index.
    pub fn index(self) -> u32 {
        catalog::rows().len() as u32 + self as u32
    }
}

/// The registry, made on first use.
pub fn get() -> &'static Registry {
    static REGISTRY: LazyLock<Registry> = LazyLock::new(|| {
        let rows = catalog::rows().iter().map(|row| field(row));
        let own = PLUGIN_FIELDS.iter().map(|own| ffi::bblog_field {
            name: text(own.name),
            abbrev: text(own.filter),
            blurb: text(own.about),
            names: ptr::null(),
            names_len: 0,
            type_: own.kind as i32,
            display: if own.kind == ffi::FT_UINT32 { ffi::BASE_DEC } else { ffi::BASE_NONE } as i32,
            protocol: protocol(own.filter),
            frame: own.frame as i32,
            shared: false,
            flags: false,
        });
        let fields: &[ffi::bblog_field] = rows.chain(own).collect::<Vec<_>>().leak();
        let alerts: &[ffi::bblog_alert_kind] = tables::ALERTS.iter().map(alert).collect::<Vec<_>>().leak();
        Registry(ffi::bblog_registry {
            fields: fields.as_ptr(),
            len: fields.len(),
            event: PluginField::Event.index() as usize,
            summary: PluginField::Summary.index() as usize,
            stream: PluginField::Stream.index() as usize,
            alerts: alerts.as_ptr(),
            alerts_len: alerts.len(),
        })
    });
    &REGISTRY
}

/// What Wireshark is told about an alert.
fn alert(alert: &AlertSpec) -> ffi::bblog_alert_kind {
    ffi::bblog_alert_kind {
        abbrev: text(&format!("bblog.expert.{}", alert.name)),
        about: text(alert.label),
        severity: match alert.severity {
            Severity::Chat => ffi::BBLOG_SEVERITY_CHAT,
            Severity::Note => ffi::BBLOG_SEVERITY_NOTE,
            Severity::Warn => ffi::BBLOG_SEVERITY_WARN,
            Severity::Error => ffi::BBLOG_SEVERITY_ERROR,
        } as i32,
        group: match alert.group {
            AlertGroup::Sequence => ffi::BBLOG_GROUP_SEQUENCE,
            AlertGroup::Response => ffi::BBLOG_GROUP_RESPONSE,
            AlertGroup::Protocol => ffi::BBLOG_GROUP_PROTOCOL,
            AlertGroup::Undecoded => ffi::BBLOG_GROUP_UNDECODED,
            AlertGroup::Malformed => ffi::BBLOG_GROUP_MALFORMED,
        } as i32,
    }
}

/// What Wireshark is told about a row.
fn field(row: &FieldSpec) -> ffi::bblog_field {
    let names = match row.names {
        Names::Enum(table) if matches!(row.kind, Kind::Unsigned(_) | Kind::Signed(_)) => value_names(table),
        _ => &[],
    };
    ffi::bblog_field {
        name: text(&label(row)),
        abbrev: text(&legal(row.filter)),
        blurb: text(row.label),
        names: if names.is_empty() { ptr::null() } else { names.as_ptr() },
        names_len: names.len(),
        type_: field_type(row.kind) as i32,
        display: display(row) as i32,
        protocol: protocol(row.filter),
        frame: 0,
        shared: catalog::is_builtin(row),
        flags: matches!(row.names, Names::Flags(_)),
    }
}

/// A filter name without the empty parts that epan does not take. The names of a user's schema may be
/// anything; all others are as they should be.
fn legal(filter: &str) -> String {
    filter.split('.').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
}

/// The type that epan gives values of a kind: see also [`crate::line`], which makes them.
pub fn field_type(kind: Kind) -> ffi::ftenum {
    match kind {
        Kind::Unsigned(..=8) => ffi::FT_UINT8,
        Kind::Unsigned(..=16) => ffi::FT_UINT16,
        Kind::Unsigned(..=32) => ffi::FT_UINT32,
        Kind::Unsigned(_) => ffi::FT_UINT64,
        Kind::Signed(..=8) => ffi::FT_INT8,
        Kind::Signed(..=16) => ffi::FT_INT16,
        Kind::Signed(..=32) => ffi::FT_INT32,
        Kind::Signed(_) => ffi::FT_INT64,
        Kind::Bool => ffi::FT_BOOLEAN,
        Kind::Text => ffi::FT_STRING,
        Kind::Bytes => ffi::FT_BYTES,
        Kind::Ipv4 => ffi::FT_IPv4,
        Kind::Ipv6 => ffi::FT_IPv6,
    }
}

fn display(row: &FieldSpec) -> u32 {
    let hexadecimal = matches!(row.unit, Unit::Hex | Unit::Pointer) || matches!(row.names, Names::Flags(_));
    match row.kind {
        Kind::Unsigned(_) if hexadecimal => ffi::BASE_HEX,
        Kind::Unsigned(_) | Kind::Signed(_) => ffi::BASE_DEC,
        _ => ffi::BASE_NONE,
    }
}

/// `bblog.…` belongs to the records, `eventlog.…` to the other log.
fn protocol(filter: &str) -> i32 {
    let of = if filter.starts_with("eventlog.") {
        ffi::BBLOG_PROTOCOL_EVENTLOG
    } else {
        ffi::BBLOG_PROTOCOL_RECORD
    };
    of as i32
}

/// The row's description up to the first remark, if it is short words; else its name.
fn label(row: &FieldSpec) -> String {
    let until = |end: &[char]| row.label.split(end).next().unwrap_or_default().trim();
    let about = match until(&[';', ':', '(']) {
        long if long.len() > NAME_MAX => until(&[';', ':', '(', ',']),
        short => short,
    };
    let first_word = about.split(' ').next().unwrap_or_default();
    match about.chars().next() {
        Some(first) if first.is_alphabetic() && about.len() <= NAME_MAX => {
            // Identifiers stay as they are.
            let plain = first_word.chars().all(|c| c.is_lowercase() || "-',".contains(c));
            let capital = if plain { first.to_uppercase().to_string() } else { first.to_string() };
            capital + &about[first.len_utf8()..]
        }
        _ => row.name.to_owned(),
    }
}

fn value_names(table: &NameTable) -> &'static [ffi::bblog_name] {
    let names =
        table.values.iter().map(|&(value, name)| ffi::bblog_name { value: value as u64, text: text(name) });
    names.collect::<Vec<_>>().leak()
}

/// A C string that is never freed; NULs, which no table has, are dropped.
fn text(text: &str) -> *const c_char {
    let bytes: Vec<u8> = text.bytes().filter(|&b| b != 0).collect();
    CString::new(bytes).unwrap_or_default().into_raw()
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;

    #[test]
    fn the_index_of_a_row_is_its_id() {
        for (index, row) in catalog::rows().iter().enumerate() {
            assert_eq!(row.id as usize, index, "{}", row.filter);
        }
    }

    #[test]
    fn every_field_can_be_registered() {
        let registry = &get().0;
        // SAFETY: the registry's own array, which is never freed.
        let fields = unsafe { std::slice::from_raw_parts(registry.fields, registry.len) };
        assert_eq!(fields.len(), catalog::rows().len() + PLUGIN_FIELDS.len());
        for field in fields {
            // SAFETY: made by `text`.
            let (name, abbrev) = unsafe { (CStr::from_ptr(field.name), CStr::from_ptr(field.abbrev)) };
            assert!(!name.is_empty());
            // epan ends the program if a filter name holds anything else.
            let legal = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-.".contains(b);
            assert!(abbrev.to_bytes().iter().all(legal), "{abbrev:?}");
        }
        // SAFETY: as above.
        let event = unsafe { CStr::from_ptr(fields[registry.event].abbrev) };
        assert_eq!(event, c"bblog.event");
    }
}
