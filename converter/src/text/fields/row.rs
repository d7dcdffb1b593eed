// SPDX-License-Identifier: BSD-2-Clause
//! The rows of the reference, as text.

use std::fmt::Write;

use bblog_dissector::catalog::Catalog;
use bblog_dissector::layout::Layout;
use bblog_dissector::spec::{
    ALL, ByteOrder, Condition, EventSpec, FieldSpec, Kernel, MemberTest, Repeat, Stack, ValueKind, ValueNames,
};
use bblog_dissector::tables;
use serde::Serialize;

/// A field of an event, or of every event, as the reference has it.
#[derive(Debug, Serialize)]
pub struct ReferenceRow {
    /// `bblog` or `eventlog`.
    pub log: &'static str,
    /// The provider's name (eventlog).
    pub provider: Option<&'static str>,
    /// Layouts of the provider that have the field so (eventlog).
    pub layouts: Vec<&'static str>,
    /// `event` for an event's own value; or what it belongs to otherwise: `record`, `derived`, `track`,
    /// `verbose`, `raw`, `header`.
    pub group: &'static str,
    /// The event's number.
    pub event_id: Option<u32>,
    /// The event's name.
    pub event: Option<&'static str>,
    /// The field's name, which is its key in JSON.
    pub name: &'static str,
    /// Its name in filters, those of Wireshark included.
    pub filter: &'static str,
    /// Stacks, or `any`.
    pub stack: String,
    /// Kernels, or `any`.
    pub kernel: String,
    /// When it is there; empty for always.
    pub condition: String,
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its unit, as the tables name it; empty for none.
    pub unit: &'static str,
    /// The table of names of its values, `enum:NAME` or `flags:NAME`; empty for none.
    pub names: String,
    /// Where it lies in the record or payload.
    pub place: String,
    /// What it is.
    pub about: &'static str,
    /// Where the row comes from.
    pub source: &'static str,
}

/// Every row: BBLog's by event, then the providers'. What several layouts have alike is one row.
pub fn rows(catalog: &Catalog) -> Vec<ReferenceRow> {
    let mut rows = Vec::new();
    let groups = [
        ("bblog", "record", tables::RECORD),
        ("bblog", "derived", tables::DERIVED),
        ("bblog", "track", tables::TRACK),
        ("bblog", "verbose", tables::VERBOSE),
        ("bblog", "raw", tables::RAW),
    ];
    let group = |(log, group, specs): (&'static str, &'static str, &'static [FieldSpec])| {
        specs.iter().map(move |spec| row(log, group, None, spec)).collect::<Vec<ReferenceRow>>()
    };
    rows.extend(groups.into_iter().flat_map(group));
    for event in tables::EVENTS {
        rows.extend(event.fields.iter().map(|spec| row("bblog", "event", Some(event), spec)));
    }
    rows.extend(group(("eventlog", "header", tables::ELOG_HEADER)));
    let mut names: Vec<&'static str> = catalog.providers().iter().map(|provider| provider.name).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        provider(catalog, name, &mut rows);
    }
    rows
}

/// The rows of a provider, by event; layouts in the order they came up.
fn provider(catalog: &Catalog, name: &'static str, rows: &mut Vec<ReferenceRow>) {
    let mut layouts: Vec<_> = catalog.providers().iter().filter(|it| it.name == name).collect();
    layouts.sort_by_key(|provider| provider.layout);
    let first = rows.len();
    for provider in layouts {
        for event in provider.events {
            for spec in event.fields {
                let mut new = row("eventlog", "event", Some(event), spec);
                new.provider = Some(provider.name);
                let layout = provider.layout.map(Layout::name);
                match rows[first..].iter_mut().find(|have| is_same(have, &new)) {
                    Some(have) => have.layouts.extend(layout),
                    None => {
                        new.layouts.extend(layout);
                        rows.push(new);
                    }
                }
            }
        }
    }
    // Stable: within an event the order of the first layout that has a field.
    rows[first..].sort_by(|a, b| (a.event_id, a.event).cmp(&(b.event_id, b.event)));
}

fn is_same(a: &ReferenceRow, b: &ReferenceRow) -> bool {
    (a.event_id, a.event, a.name, &a.kind, a.unit, &a.names, &a.place)
        == (b.event_id, b.event, b.name, &b.kind, b.unit, &b.names, &b.place)
}

fn row(
    log: &'static str,
    group: &'static str,
    event: Option<&EventSpec>,
    spec: &'static FieldSpec,
) -> ReferenceRow {
    let when = &spec.when;
    let mut conditions: Vec<String> = when.conds.iter().map(condition).collect();
    if when.flags != 0 && log == "bblog" {
        conditions.insert(0, format!("event_flags&{:#x}", when.flags));
    }
    ReferenceRow {
        log,
        provider: None,
        layouts: Vec::new(),
        group,
        event_id: event.map(|event| event.id),
        event: event.map(|event| event.name),
        name: spec.name,
        filter: spec.filter,
        stack: stacks(when.stacks),
        kernel: kernels(when.kernels),
        condition: conditions.join(" and "),
        kind: kind(spec),
        unit: if spec.unit.word() == "-" { "" } else { spec.unit.word() },
        names: match spec.names {
            ValueNames::None => String::new(),
            ValueNames::Enum(table) => format!("enum:{}", table.name),
            ValueNames::Flags(table) => format!("flags:{}", table.name),
        },
        place: place(spec),
        about: spec.label,
        source: spec.source,
    }
}

/// When a row is there, in words; empty for always.
pub(super) fn when(spec: &FieldSpec) -> String {
    let (stacks, kernels) = (stacks(spec.when.stacks), kernels(spec.when.kernels));
    let mut all = Vec::new();
    if stacks != "any" {
        all.push(format!("stack {stacks}"));
    }
    if kernels != "any" {
        all.push(format!("kernel {kernels}"));
    }
    all.extend(spec.when.conds.iter().map(condition));
    all.join(", ")
}

fn stacks(bits: u8) -> String {
    let all = [
        (Stack::Unknown, "unknown"),
        (Stack::Freebsd, "freebsd"),
        (Stack::Rack, "rack"),
        (Stack::Bbr, "bbr"),
    ];
    set(bits, &all.map(|(stack, name)| (stack.bit(), name)))
}

fn kernels(bits: u8) -> String {
    let all = [(Kernel::Freebsd13, "13"), (Kernel::Freebsd14, "14"), (Kernel::Main, "main")];
    set(bits, &all.map(|(kernel, name)| (kernel.bit(), name)))
}

/// The names of the bits that are set, `any` for all of them.
fn set(bits: u8, names: &[(u8, &str)]) -> String {
    if bits == ALL || names.iter().all(|(bit, _)| bits & bit != 0) {
        return "any".to_owned();
    }
    let names: Vec<&str> = names.iter().filter(|(bit, _)| bits & bit != 0).map(|(_, name)| *name).collect();
    names.join(", ")
}

fn condition(cond: &Condition) -> String {
    let any = |values: &[u64]| values.iter().map(u64::to_string).collect::<Vec<_>>().join("|");
    let member = cond.member;
    match cond.test {
        MemberTest::In(values) => format!("{member}={}", any(values)),
        MemberTest::NotIn(values) => format!("{member}!={}", any(values)),
        MemberTest::Above(floor) => format!("{member}>{floor}"),
        MemberTest::AnySet(mask) => format!("{member}&{mask:#x}"),
        MemberTest::NoneSet(mask) => format!("{member}!&{mask:#x}"),
    }
}

/// `u32`, `i64`, `bool`, `text`, `bytes`, `ipv4`, `ipv6`; of a tail `u64[max 8]`.
fn kind(spec: &FieldSpec) -> String {
    let mut kind = match spec.kind {
        ValueKind::Unsigned(bits) => format!("u{bits}"),
        ValueKind::Signed(bits) => format!("i{bits}"),
        ValueKind::Bool => "bool".to_owned(),
        ValueKind::Text => "text".to_owned(),
        ValueKind::Bytes => "bytes".to_owned(),
        ValueKind::Ipv4 => "ipv4".to_owned(),
        ValueKind::Ipv6 => "ipv6".to_owned(),
    };
    if let Repeat::Tail { max, .. } = spec.place.repeat {
        let _ = write!(kind, "[max {max}]");
    }
    kind
}

/// `140+4`: offset and bytes; `[8:15]` some of the bits; `,164` the low half; `-72` taken off.
fn place(spec: &FieldSpec) -> String {
    let place = &spec.place;
    let mut text = format!("{}+{}", place.offset, place.size);
    if let Some((low, high)) = place.bits {
        let _ = write!(text, "[{low}:{high}]");
    }
    if let Some(low) = place.low {
        let _ = write!(text, ",{low}");
    }
    if let Some(minus) = place.minus {
        let _ = write!(text, "-{minus}");
    }
    if place.order == ByteOrder::Network {
        text.push_str(" network order");
    }
    text
}
