// SPDX-License-Identifier: GPL-2.0-or-later
//! The fields to register in Wireshark: one for each row of the dissector's tables, and a few of the plugin's
//! own.
//!
//! A row's index here is its id, so that finding the field of a decoded value is an array access in C. The
//! built-in rows are static data that the build script made (`build/fields.rs`): nothing is formatted when
//! Wireshark starts, unless the user has schemas.

mod describe;

use std::ffi::{CStr, CString};
use std::sync::LazyLock;
use std::{iter, ptr};

use bblog_dissector::spec::{AlertGroup, FieldSpec, Severity};

use self::describe::{Base, Description, FieldType};
use crate::catalog;
use crate::ffi;

pub use self::describe::is_builtin;

/// Data with pointers to static or leaked memory: epan keeps the pointers for as long as the process lives.
#[repr(transparent)]
pub struct Leaked<T>(pub T);

// SAFETY: the pointers lead to static or leaked memory that is never written.
unsafe impl<T> Sync for Leaked<T> {}
// SAFETY: as above.
unsafe impl<T> Send for Leaked<T> {}

include!(concat!(env!("OUT_DIR"), "/fields.rs"));

/// No fields: what C gets if the tables cannot be read.
pub static EMPTY: Leaked<ffi::bblog_registry> = Leaked(ffi::bblog_registry {
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
    /// `eventlog.trailing`: bytes after the values of the schema.
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
    /// `bblog.limit`: what limits the sending side.
    Limit,
    /// `bblog.timer_fired`: the timer that fired, under one name for all stacks.
    TimerFired,
    /// `bblog.retransmission`: why a segment was sent again.
    Retransmission,
    /// `bblog.alert`: the name of a reason why the record deserves notice.
    Alert,
    /// `bblog.category`: what the event is about, in a word.
    Category,
    /// `bblog.title`: the plain name of the event.
    Title,
    /// `bblog.stall_ended_in`: where a stall that begins with this frame ended.
    StallEndedIn,
    /// `bblog.stall_started_in`: where a stall that ends with this frame began.
    StallStartedIn,
    /// `bblog.srtt_ms`: `bblog.srtt_us` in milliseconds, for columns and graphs.
    SrttMs,
    /// `bblog.cwnd`: the congestion window where it is set, for columns and graphs.
    Cwnd,
    /// `bblog.ssthresh`: the slow-start threshold where it is set, for columns and graphs.
    Ssthresh,
}

/// The fields that come from the analysis of a connection.
pub const ANALYSED: [PluginField; 4] =
    [PluginField::Limit, PluginField::Retransmission, PluginField::StallEndedIn, PluginField::StallStartedIn];

impl PluginField {
    /// Its index.
    pub fn index(self) -> u32 {
        rows() as u32 + self as u32
    }

    /// Whether a filter or a column needs it.
    pub fn is_requested(self) -> bool {
        is_field_requested(self.index())
    }
}

/// How many fields the rows of the tables have.
fn rows() -> usize {
    if catalog::has_user_schemas() { catalog::rows().len() } else { ROWS.0.len() }
}

const fn plugin_field(
    name: &'static CStr,
    filter: &'static CStr,
    label: &'static CStr,
    kind: ffi::ftenum,
    frame: ffi::ft_framenum_type,
) -> ffi::bblog_field {
    ffi::bblog_field {
        name: name.as_ptr(),
        abbrev: filter.as_ptr(),
        blurb: label.as_ptr(),
        names: ptr::null(),
        names_len: 0,
        type_: kind as i32,
        display: if kind == ffi::FT_UINT32 { ffi::BASE_DEC } else { ffi::BASE_NONE } as i32,
        protocol: protocol(filter.to_bytes()),
        frame: frame as i32,
        shared: false,
        flags: false,
    }
}

const fn own(
    name: &'static CStr,
    filter: &'static CStr,
    label: &'static CStr,
    kind: ffi::ftenum,
) -> ffi::bblog_field {
    plugin_field(name, filter, label, kind, ffi::FT_FRAMENUM_NONE)
}

/// A field whose value is the number of a frame, which is `what` to this one.
const fn frame(
    name: &'static CStr,
    filter: &'static CStr,
    label: &'static CStr,
    what: ffi::ft_framenum_type,
) -> ffi::bblog_field {
    plugin_field(name, filter, label, ffi::FT_FRAMENUM, what)
}

/// The plugin's own fields, in the order of [`PluginField`].
const PLUGIN_FIELDS: [ffi::bblog_field; 20] = [
    own(c"Event", c"bblog.event", c"Short name of the event", ffi::FT_STRING),
    own(c"Summary", c"bblog.summary", c"What happened, in one line", ffi::FT_STRING),
    own(c"Provider", c"eventlog.provider", c"Name of the provider", ffi::FT_STRING),
    own(
        c"Trailing bytes",
        c"eventlog.trailing",
        c"Bytes after the values that are known: a newer schema",
        ffi::FT_BYTES,
    ),
    own(
        c"Stream index",
        c"bblog.stream",
        c"The connection of events and packets, as tcp.stream",
        ffi::FT_UINT32,
    ),
    frame(
        c"Acknowledged in frame",
        c"bblog.acked_in",
        c"The received segment that acknowledges all of this one",
        ffi::FT_FRAMENUM_ACK,
    ),
    frame(
        c"Acknowledges the segment in frame",
        c"bblog.acks",
        c"The last of the sent segments that this one acknowledges first",
        ffi::FT_FRAMENUM_ACK,
    ),
    frame(
        c"Timer ended in frame",
        c"bblog.timer_ended_in",
        c"Where the timer was stopped or expired",
        ffi::FT_FRAMENUM_RESPONSE,
    ),
    frame(
        c"Timer started in frame",
        c"bblog.timer_started_in",
        c"Where the timer had been started",
        ffi::FT_FRAMENUM_REQUEST,
    ),
    own(c"Limit", c"bblog.limit", c"What limits the sending side from here on", ffi::FT_STRING),
    own(
        c"Timer fired",
        c"bblog.timer_fired",
        c"The timer that fired: RTO, TLP, RACK, PERSIST, KEEPALIVE, DELACK, PACING, 2MSL",
        ffi::FT_STRING,
    ),
    own(
        c"Retransmission",
        c"bblog.retransmission",
        c"Why the segment was sent again: RTO, TLP, RACK, dupacks, or unknown",
        ffi::FT_STRING,
    ),
    own(c"Alert", c"bblog.alert", c"Name of a reason why the record deserves notice", ffi::FT_STRING),
    own(
        c"Category",
        c"bblog.category",
        c"What the event is about: packet, loss, recovery, failure, window, timer, pacing, rtt, congestion, \
          application, connection, detail",
        ffi::FT_STRING,
    ),
    own(c"Title", c"bblog.title", c"Plain name of the event", ffi::FT_STRING),
    frame(
        c"Stall ended in frame",
        c"bblog.stall_ended_in",
        c"Where progress was made again",
        ffi::FT_FRAMENUM_NONE,
    ),
    frame(
        c"Stall began in frame",
        c"bblog.stall_started_in",
        c"The last frame with progress before",
        ffi::FT_FRAMENUM_NONE,
    ),
    own(
        c"Smoothed RTT, ms",
        c"bblog.srtt_ms",
        c"Smoothed RTT in milliseconds, for all stacks",
        ffi::FT_DOUBLE,
    ),
    own(
        c"Congestion window, bytes",
        c"bblog.cwnd",
        c"Congestion window, for both logs; absent while it is not set",
        ffi::FT_UINT32,
    ),
    own(
        c"Slow-start threshold, bytes",
        c"bblog.ssthresh",
        c"Slow-start threshold, for both logs; absent while it is not set",
        ffi::FT_UINT32,
    ),
];

/// All fields of a process whose user has no schemas.
static FIELDS: Leaked<[ffi::bblog_field; ROWS.0.len() + PLUGIN_FIELDS.len()]> = Leaked({
    let mut fields = [PLUGIN_FIELDS[0]; ROWS.0.len() + PLUGIN_FIELDS.len()];
    let mut at = 0;
    while at < fields.len() {
        let rows = ROWS.0.len();
        fields[at] = if at < rows { ROWS.0[at] } else { PLUGIN_FIELDS[at - rows] };
        at += 1;
    }
    fields
});

/// The first field from `from` on and before `end` that a filter or a column needs, or `end`. Before Wireshark has
/// registered them, every field is needed.
fn next_requested(from: u32, end: u32) -> u32 {
    // SAFETY: the shim reads memory that lives as long as the process, and checks the index; it calls nothing.
    unsafe { ffi::bblog_shim_next_asked(from, end) }
}

/// Whether a filter or a column needs a field.
pub fn is_field_requested(field: u32) -> bool {
    next_requested(field, field + 1) == field
}

/// The indexes of those of `rows`, which have ids in a row, that a filter or a column needs.
pub fn requested_rows(rows: &[FieldSpec]) -> impl Iterator<Item = usize> {
    let first = rows.first().map_or(0, |row| row.id);
    let end = first + rows.len() as u32;
    let mut from = first;
    iter::from_fn(move || {
        let found = next_requested(from, end);
        from = found + 1;
        (found < end).then(|| (found - first) as usize)
    })
}

/// Whether a filter or a column needs one of the plugin's own fields from `first` on.
pub fn is_any_own_requested(first: PluginField) -> bool {
    let end = rows() as u32 + PLUGIN_FIELDS.len() as u32;
    next_requested(first.index(), end) < end
}

/// The registry, made on first use.
pub fn get() -> &'static Leaked<ffi::bblog_registry> {
    static REGISTRY: LazyLock<Leaked<ffi::bblog_registry>> = LazyLock::new(|| {
        let fields: &[ffi::bblog_field] = if catalog::has_user_schemas() {
            let rows = catalog::rows().iter().map(|row| described(row));
            rows.chain(PLUGIN_FIELDS).collect::<Vec<_>>().leak()
        } else {
            &FIELDS.0
        };
        Leaked(ffi::bblog_registry {
            fields: fields.as_ptr(),
            len: fields.len(),
            event: PluginField::Event.index() as usize,
            summary: PluginField::Summary.index() as usize,
            stream: PluginField::Stream.index() as usize,
            alerts: ALERTS.0.as_ptr(),
            alerts_len: ALERTS.0.len(),
        })
    });
    &REGISTRY
}

/// An alert as Wireshark registers it.
const fn alert(
    filter: &'static CStr,
    label: &'static CStr,
    severity: Severity,
    group: AlertGroup,
) -> ffi::bblog_alert_kind {
    ffi::bblog_alert_kind {
        abbrev: filter.as_ptr(),
        about: label.as_ptr(),
        severity: match severity {
            Severity::Chat => ffi::BBLOG_SEVERITY_CHAT,
            Severity::Note => ffi::BBLOG_SEVERITY_NOTE,
            Severity::Warn => ffi::BBLOG_SEVERITY_WARN,
            Severity::Error => ffi::BBLOG_SEVERITY_ERROR,
        } as i32,
        group: match group {
            AlertGroup::Sequence => ffi::BBLOG_GROUP_SEQUENCE,
            AlertGroup::Response => ffi::BBLOG_GROUP_RESPONSE,
            AlertGroup::Protocol => ffi::BBLOG_GROUP_PROTOCOL,
            AlertGroup::Undecoded => ffi::BBLOG_GROUP_UNDECODED,
            AlertGroup::Malformed => ffi::BBLOG_GROUP_MALFORMED,
        } as i32,
    }
}

/// A row as Wireshark registers it.
const fn row(
    (name, filter, label): (&'static CStr, &'static CStr, &'static CStr),
    names: &'static [ffi::bblog_name],
    (kind, base): (FieldType, Base),
    is_shared: bool,
    is_flags: bool,
) -> ffi::bblog_field {
    ffi::bblog_field {
        name: name.as_ptr(),
        abbrev: filter.as_ptr(),
        blurb: label.as_ptr(),
        names: if names.is_empty() { ptr::null() } else { names.as_ptr() },
        names_len: names.len(),
        type_: field_type(kind) as i32,
        display: match base {
            Base::None => ffi::BASE_NONE,
            Base::Dec => ffi::BASE_DEC,
            Base::Hex => ffi::BASE_HEX,
        } as i32,
        protocol: protocol(filter.to_bytes()),
        frame: 0,
        shared: is_shared,
        flags: is_flags,
    }
}

const fn field_type(kind: FieldType) -> ffi::ftenum {
    match kind {
        FieldType::Uint8 => ffi::FT_UINT8,
        FieldType::Uint16 => ffi::FT_UINT16,
        FieldType::Uint32 => ffi::FT_UINT32,
        FieldType::Uint64 => ffi::FT_UINT64,
        FieldType::Int8 => ffi::FT_INT8,
        FieldType::Int16 => ffi::FT_INT16,
        FieldType::Int32 => ffi::FT_INT32,
        FieldType::Int64 => ffi::FT_INT64,
        FieldType::Boolean => ffi::FT_BOOLEAN,
        FieldType::String => ffi::FT_STRING,
        FieldType::Bytes => ffi::FT_BYTES,
        FieldType::Ipv4 => ffi::FT_IPv4,
        FieldType::Ipv6 => ffi::FT_IPv6,
    }
}

/// `eventlog.…` belongs to the event log, all else to the records.
const fn protocol(filter: &[u8]) -> i32 {
    let of = match filter {
        [b'e', b'v', b'e', b'n', b't', b'l', b'o', b'g', b'.', ..] => ffi::BBLOG_PROTOCOL_EVENTLOG,
        _ => ffi::BBLOG_PROTOCOL_RECORD,
    };
    of as i32
}

/// As [`row`], for a row that the build script did not have.
fn described(spec: &'static FieldSpec) -> ffi::bblog_field {
    let Description { name, filter, label, names, kind, base, is_shared, is_flags } = Description::of(spec);
    let names =
        names.iter().map(|&(value, name)| ffi::bblog_name { value: value as u64, text: text(name).as_ptr() });
    let names = names.collect::<Vec<_>>().leak();
    row((text(&name), text(&filter), text(label)), names, (kind, base), is_shared, is_flags)
}

/// A C string that is never freed; NULs, which no table has, are dropped.
fn text(text: &str) -> &'static CStr {
    let bytes: Vec<u8> = text.bytes().filter(|&b| b != 0).collect();
    Box::leak(CString::new(bytes).unwrap_or_default().into_boxed_c_str())
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
    fn the_build_script_described_the_rows_that_there_are() {
        assert_eq!(ROWS.0.len(), catalog::rows().len());
        // SAFETY: static strings.
        let str = |text| unsafe { CStr::from_ptr(text) };
        for (built, spec) in ROWS.0.iter().zip(catalog::rows()) {
            let now = described(spec);
            assert_eq!((str(built.abbrev), str(built.name)), (str(now.abbrev), str(now.name)));
            assert_eq!(
                (built.type_, built.display, built.names_len),
                (now.type_, now.display, now.names_len)
            );
            assert_eq!((built.shared, built.flags, built.protocol), (now.shared, now.flags, now.protocol));
        }
    }

    #[test]
    fn every_field_can_be_registered() {
        let registry = &get().0;
        // SAFETY: the registry's own array, which is never freed.
        let fields = unsafe { std::slice::from_raw_parts(registry.fields, registry.len) };
        assert_eq!(fields.len(), catalog::rows().len() + PLUGIN_FIELDS.len());
        for field in fields {
            // SAFETY: static strings.
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
