// SPDX-License-Identifier: BSD-2-Clause
//! Tables as Rust source: statics of the types in `src/spec.rs`.

use std::collections::BTreeMap;
use std::fmt::Write;

use crate::category::Category;
use crate::sentence::{self, Piece};
use crate::table::{
    Compare, Cond, Event, Evidence, Fault, MemberRef, NameTable, Row, Tables, Test, Type, When,
};
use crate::unit::Unit;

/// TLB_FLAG_STACKINFO: without it the union at 160..264 says nothing.
const STACKINFO: u16 = 0x10;

/// Where `tlb_stackinfo`, the union, lies.
const UNION: std::ops::Range<u16> = 160..264;

/// The stacks, by the words of the tables and as variants of `Stack`, in the order of their bits.
const STACKS: [(&str, &str); 4] =
    [("unknown", "Unknown"), ("freebsd", "Freebsd"), ("rack", "Rack"), ("bbr", "Bbr")];
const ALL_STACKS: u8 = 0xff;

/// The stacks that write an event, as bits; all of them if others than stacks write it.
fn writers(event: &Event) -> u8 {
    let bit = |by: &String| match by.as_str() {
        "default" => Some(1 << 1),
        "rack" => Some(1 << 2),
        "bbr" => Some(1 << 3),
        _ => None,
    };
    let stacks: Option<Vec<u8>> = event.logged_by.iter().map(bit).collect();
    match stacks.as_deref() {
        None | Some([]) => ALL_STACKS,
        Some(stacks) => stacks.iter().fold(0, |mask, bit| mask | bit),
    }
}

/// The whole generated file.
pub fn emit(tables: &Tables) -> Result<String, Fault> {
    let mut out = String::from("// Generated from tables/ by build/main.rs.\n");
    for table in &tables.names {
        name_table(&mut out, table);
    }
    constants(&mut out, tables);
    byte_order(&mut out, tables)?;
    alert_kinds(&mut out, tables)?;
    let kinds = kinds(tables)?;
    let mut cx = Emit { tables, kinds, next_id: 0, out };
    for group in &tables.groups {
        let rows = cx.rows(&group.rows, &group.prefix)?;
        let name = group.name.to_uppercase();
        let _ = writeln!(
            cx.out,
            "/// The rows of group `{}`.\npub static {name}: &[FieldSpec] = &[{rows}];",
            group.name
        );
        if group.name == "record" {
            let evidence = cx.evidence(&group.name, &group.evidence)?;
            let _ = writeln!(
                cx.out,
                "/// What any record proves about the stack or the kernel that wrote it.\n\
                 pub static RECORD_EVIDENCE: &[Evidence] = &[{evidence}];"
            );
        } else if !group.evidence.is_empty() {
            return Err(format!("group {}: only records prove anything", group.name));
        }
    }
    let mut events = String::new();
    for (at, event) in tables.events.iter().enumerate() {
        if event.id as usize != at + 1 {
            return Err(format!("event {} {}: ids must run from 1 without a gap", event.id, event.name));
        }
        let rows = cx.rows(&event.rows, &prefix(event))?;
        let titles = cx.titles(event)?;
        let categories = cx.categories(event)?;
        let says = cx.sentences(event, &event.says)?;
        let beside = cx.sentences(event, &event.beside)?;
        let alerts = cx.alerts(event)?;
        let timers = cx.timers(event)?;
        let evidence = cx.evidence(&event.name, &event.evidence)?;
        let (writers, takeovers) = (writers(event), cx.takeovers(event)?);
        let former: String = event
            .former_names
            .iter()
            .map(|n| format!("FormerName {{ kernels: {}, name: {:?}, c_name: {:?} }},", n.0, n.1, n.2))
            .collect();
        let _ = writeln!(
            events,
            "EventSpec {{ id: {}, name: {:?}, c_name: {:?}, former_names: &[{former}], label: {:?}, notes: &{:?}, logged_by: &{:?}, \
             fields: &[{rows}], titles: &[{titles}], categories: &[{categories}], says: &[{says}], \
             beside: &[{beside}], format: &[], alerts: &[{alerts}], timers: &[{timers}], \
             evidence: &[{evidence}], writers: {writers}, takeovers: &[{takeovers}], size: 0 }},",
            event.id, event.name, event.c_name, event.label, event.notes, event.logged_by,
        );
    }
    let _ =
        writeln!(cx.out, "/// BBLog's events, by id from 1.\npub static EVENTS: &[EventSpec] = &[{events}];");
    let _ = writeln!(
        cx.out,
        "/// How many rows there are: ids run from 0 to this, exclusive.\npub const ROWS: u32 = {};",
        cx.next_id
    );
    Ok(cx.out)
}

fn prefix(event: &Event) -> String {
    format!("bblog.{}", event.name.to_lowercase())
}

fn name_table(out: &mut String, table: &NameTable) {
    let values: String = table.values.iter().map(|(v, n)| format!("({v}, {n:?}),")).collect();
    let _ = writeln!(
        out,
        "static NAMES_{}: NameTable = NameTable {{ name: {:?}, values: &[{values}], words: &[] }};",
        table.name.to_uppercase(),
        table.name,
    );
}

/// Offsets of the members, numbers of the events, and values of the name tables that code refers to.
fn constants(out: &mut String, tables: &Tables) {
    let _ = writeln!(out, "/// Offsets of the record's members.\npub(crate) mod member {{");
    for (name, member) in tables.members.iter().filter(|member| member.0.starts_with("tlb_")) {
        let constant = name.to_uppercase().replace('.', "_");
        let _ = writeln!(out, "#[allow(dead_code)]\npub const {constant}: usize = {};", member.offset);
    }
    let _ = writeln!(out, "}}\n/// Numbers of BBLog's events, `tlb_eventid`.\npub mod id {{");
    for event in &tables.events {
        let (name, id) = (&event.name, event.id);
        let _ = writeln!(out, "/// `{}`: {}.\npub const {name}: u8 = {id};", event.c_name, event.label);
    }
    out.push_str("}\n");
    for (table, prefix, ty, what) in CONSTANTS {
        let _ = writeln!(out, "/// {what}\npub mod {table} {{");
        let values = tables.names.iter().filter(|names| names.name == table).flat_map(|names| &names.values);
        for (value, name) in values {
            let _ = writeln!(out, "/// `{prefix}{name}`.\npub const {name}: {ty} = {value};");
        }
        out.push_str("}\n");
    }
}

/// Where integers in the machine's byte order lie, and their sizes: of every record, and of the union by event.
fn byte_order(out: &mut String, tables: &Tables) -> Result<(), Fault> {
    let places = |is_wanted: &dyn Fn(&str) -> bool| -> String {
        let members = tables.members.iter().filter(|member| is_wanted(member.0));
        let integers =
            members.filter(|member| matches!(member.1.ty, Type::Unsigned(2..) | Type::Signed(2..)));
        integers.map(|(_, member)| format!("({}, {}),", member.offset, member.ty.size())).collect()
    };
    let of_record = places(&|name| name.starts_with("tlb_"));
    let _ = writeln!(out, "pub(crate) static HOST_MEMBERS: &[(u16, u8)] = &[{of_record}];");
    let _ = writeln!(
        out,
        "pub(crate) fn union_members(event_id: u8) -> &'static [(u16, u8)] {{ match event_id {{"
    );
    for event in &tables.events {
        // The union has several structures; a member is called `STRUCTURE.MEMBER` but in the common one.
        let structure = |name: &str| name.split(['.', '[']).next().unwrap_or_default().to_owned();
        let own = event.rows.iter().map(|row| &row.member.name).filter(|name| name.starts_with('u'));
        let mut structures: Vec<String> =
            own.filter(|name| name.contains(['.', '['])).map(|name| structure(name)).collect();
        structures.dedup();
        match &structures[..] {
            [] => {}
            [one] => {
                let of_union = places(&|name| structure(name) == *one && name.contains(['.', '[']));
                let _ = writeln!(out, "{} => &[{of_union}],", event.id);
            }
            more => return Err(format!("{}: members of {more:?}", event.name)),
        }
    }
    let in_union = |name: &str| tables.members.get(name).is_some_and(|member| UNION.contains(&member.offset));
    let common = places(&|name| in_union(name) && !name.contains(['.', '[']));
    let _ = writeln!(out, "_ => &[{common}] }} }}");
    Ok(())
}

/// Name tables whose values code refers to: name, prefix in C, type, what they are.
const CONSTANTS: [(&str, &str, &str, &str); 2] = [
    ("t_flags", "TF_", "u32", "Bits of `tlb_flags`."),
    ("tcp_state", "TCPS_", "i32", "Values of `tlb_state`."),
];

fn alert_kinds(out: &mut String, tables: &Tables) -> Result<(), Fault> {
    let _ = writeln!(out, "/// What deserves notice.\npub static ALERTS: &[AlertSpec] = &[");
    for alert in &tables.alerts {
        let severity = match alert.severity.as_str() {
            "chat" => "Chat",
            "note" => "Note",
            "warn" => "Warn",
            "error" => "Error",
            other => return Err(format!("alert {}: unknown severity {other}", alert.name)),
        };
        let group = match alert.group.as_str() {
            "sequence" => "Sequence",
            "response" => "Response",
            "protocol" => "Protocol",
            "undecoded" => "Undecoded",
            "malformed" => "Malformed",
            other => return Err(format!("alert {}: unknown group {other}", alert.name)),
        };
        let (name, label, category) = (&alert.name, &alert.label, category(&alert.category)?);
        let _ = writeln!(
            out,
            "AlertSpec {{ name: {name:?}, severity: Severity::{severity}, group: AlertGroup::{group}, category: {category}, label: {label:?} }},"
        );
    }
    out.push_str("];\n");
    Ok(())
}

/// The category that a table names.
fn category(word: &str) -> Result<String, Fault> {
    let category = Category::from_word(word).ok_or_else(|| format!("unknown category {word}"))?;
    Ok(format!("Category::{category:?}"))
}

/// The type of each filter name: the widest among its rows.
fn kinds(tables: &Tables) -> Result<BTreeMap<String, Kind>, Fault> {
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    let groups = tables.groups.iter().map(|g| (g.prefix.clone(), &g.rows));
    for (prefix, rows) in groups.chain(tables.events.iter().map(|e| (prefix(e), &e.rows))) {
        for row in rows {
            let filter = format!("{prefix}.{}", row.name);
            let kind = kind(tables, row)?;
            let both = match kinds.get(&filter) {
                None => kind,
                Some(have) => have.widest(kind).ok_or_else(|| format!("{filter}: {have:?} and {kind:?}"))?,
            };
            kinds.insert(filter, both);
        }
    }
    Ok(kinds)
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Unsigned(u16),
    Signed(u16),
    Bool,
    Text,
}

impl Kind {
    fn widest(self, other: Kind) -> Option<Kind> {
        match (self, other) {
            (Kind::Unsigned(a), Kind::Unsigned(b)) => Some(Kind::Unsigned(a.max(b))),
            (Kind::Signed(a), Kind::Signed(b)) => Some(Kind::Signed(a.max(b))),
            (a, b) => (a == b).then_some(a),
        }
    }
}

fn kind(tables: &Tables, row: &Row) -> Result<Kind, Fault> {
    let member = member(tables, &row.member)?;
    let bits = match (row.member.bits, &row.member.low) {
        (Some((low, high)), _) => u16::from(high - low + 1).next_power_of_two().max(8),
        (None, Some(_)) => 64,
        (None, None) => member.size() * 8,
    };
    Ok(match member {
        Type::Text(_) => Kind::Text,
        _ if row.unit == "bool" => Kind::Bool,
        Type::Signed(_) => Kind::Signed(bits),
        _ if row.signed => Kind::Signed(bits),
        _ => Kind::Unsigned(bits),
    })
}

fn member(tables: &Tables, member: &MemberRef) -> Result<Type, Fault> {
    Ok(tables.members.get(&member.name).ok_or_else(|| format!("no member {}", member.name))?.ty)
}

struct Emit<'a> {
    tables: &'a Tables,
    kinds: BTreeMap<String, Kind>,
    next_id: u32,
    out: String,
}

impl Emit<'_> {
    fn rows(&mut self, rows: &[Row], prefix: &str) -> Result<String, Fault> {
        let mut out = String::new();
        let whens =
            rows.iter().map(|row| self.when(&row.when, Some(&row.member))).collect::<Result<Vec<_>, _>>()?;
        for (at, row) in rows.iter().enumerate() {
            let id = self.next_id;
            self.next_id += 1;
            let filter = format!("{prefix}.{}", row.name);
            let valid = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._".contains(c);
            if !filter.chars().all(valid) {
                return Err(format!("{filter}: not a valid filter name"));
            }
            let (names, unit) = self.names(row)?;
            let yields: Vec<usize> =
                (0..rows.len()).filter(|&other| other != at && beats(&rows[other], row)).collect();
            let (kind, place) = (self.kinds[&filter], self.place(&row.member, row.network)?);
            let _ = writeln!(
                out,
                "FieldSpec {{ id: {id}, name: {:?}, filter: {filter:?}, label: {:?}, kind: Kind::{kind:?}, unit: Unit::{unit}, \
                 names: {names}, place: {place}, read: Read::of(Kind::{kind:?}, &{place}), when: &{}, span: {}, yields_to: &{yields:?}, common: {}, \
                 unset: &{:?}, at_least: {:?}, source: {:?} }},",
                row.name,
                row.label,
                whens[at],
                whens[at..].iter().take_while(|when| **when == whens[at]).count(),
                row.common,
                row.unset,
                row.at_least,
                row.source,
            );
        }
        Ok(out)
    }

    fn names(&self, row: &Row) -> Result<(String, String), Fault> {
        for (prefix, variant, flags) in [("enum:", "Enum", false), ("flags:", "Flags", true)] {
            if let Some(name) = row.unit.strip_prefix(prefix) {
                if !self.tables.names.iter().any(|t| t.name == name && t.flags == flags) {
                    return Err(format!("{}: no {variant} {name}", row.name));
                }
                return Ok((format!("ValueNames::{variant}(&NAMES_{})", name.to_uppercase()), "None".into()));
            }
        }
        let unit = match row.unit.as_str() {
            "text" => Unit::None,
            word => Unit::from_word(word).ok_or_else(|| format!("{}: unknown unit {word}", row.name))?,
        };
        Ok(("ValueNames::None".into(), format!("{unit:?}")))
    }

    fn place(&self, at: &MemberRef, network: bool) -> Result<String, Fault> {
        let member = self.tables.members.get(&at.name).ok_or_else(|| format!("no member {}", at.name))?;
        if at.bits.is_some_and(|(low, high)| low > high || u16::from(high) >= member.ty.size() * 8) {
            return Err(format!("{}: bits {:?} outside the member", at.name, at.bits));
        }
        let other = |name: &Option<String>| match name {
            Some(name) => {
                Ok(Some(self.tables.members.get(name).ok_or_else(|| format!("no member {name}"))?.offset))
            }
            None => Ok::<_, Fault>(None),
        };
        let (low, minus) = (other(&at.low)?, other(&at.minus)?);
        let order = if network || matches!(member.ty, Type::Network(_)) { "Network" } else { "Host" };
        Ok(format!(
            "Place {{ offset: {}, size: {}, bits: {:?}, low: {low:?}, minus: {minus:?}, order: Order::{order}, repeat: Repeat::Once }}",
            member.offset,
            member.ty.size(),
            at.bits,
        ))
    }

    fn when(&self, when: &When, of: Option<&MemberRef>) -> Result<String, Fault> {
        let in_union = |m: &MemberRef| {
            let own = !m.name.starts_with("tlv_") && !m.name.starts_with("tlb_");
            own && self.tables.members.get(&m.name).is_some_and(|m| UNION.contains(&m.offset))
        };
        let needs = of.into_iter().chain(when.conds.iter().map(|c| &c.member)).any(in_union);
        let mut conds = String::new();
        for Cond { member, test } in &when.conds {
            let test = match test {
                Test::In(v) => format!("In(&{v:?})"),
                Test::NotIn(v) => format!("NotIn(&{v:?})"),
                Test::Above(v) => format!("Above({v})"),
                Test::AnySet(v) => format!("AnySet({v:#x})"),
                Test::NoneSet(v) => format!("NoneSet({v:#x})"),
            };
            let bits = member.bits.map_or(String::new(), |(low, high)| format!("[{low}:{high}]"));
            let name = format!("{}{bits}", member.name);
            let _ = write!(
                conds,
                "Cond {{ member: {name:?}, place: {}, test: Test::{test} }},",
                self.place(member, false)?
            );
        }
        Ok(format!(
            "When {{ stacks: {}, kernels: {}, flags: {}, conds: &[{conds}] }}",
            when.stacks.map_or("ALL".into(), |s| s.to_string()),
            when.kernels.map_or("ALL".into(), |k| k.to_string()),
            if needs { STACKINFO } else { 0 },
        ))
    }

    fn titles(&self, event: &Event) -> Result<String, Fault> {
        let mut out = String::new();
        for (when, words) in &event.titles {
            let _ = write!(out, "Title {{ when: {}, words: {words:?} }},", self.when(when, None)?);
        }
        Ok(out)
    }

    fn categories(&self, event: &Event) -> Result<String, Fault> {
        let mut out = String::new();
        for (when, word) in &event.categories {
            let (when, category) = (self.when(when, None)?, category(word)?);
            let _ = write!(out, "EventCategory {{ when: {when}, category: {category} }},");
        }
        Ok(out)
    }

    fn sentences(&self, event: &Event, sentences: &[(When, String)]) -> Result<String, Fault> {
        let mut out = String::new();
        for (when, text) in sentences {
            let pieces = sentence::parse(text).map_err(|fault| format!("{}: {fault}", event.name))?;
            let (when, parts) = (self.when(when, None)?, self.parts(event, &pieces)?);
            let _ = write!(out, "SummaryTemplate {{ when: {when}, parts: &[{parts}] }},");
        }
        Ok(out)
    }

    fn alerts(&self, event: &Event) -> Result<String, Fault> {
        let mut out = String::new();
        for (when, name) in &event.alerts {
            let kind = self.tables.alerts.iter().position(|alert| alert.name == *name);
            let kind = kind.ok_or_else(|| format!("{}: no alert {name}", event.name))?;
            let _ = write!(out, "Alert {{ when: {}, kind: {kind} }},", self.when(when, None)?);
        }
        Ok(out)
    }

    fn timers(&self, event: &Event) -> Result<String, Fault> {
        let mut out = String::new();
        for (when, step) in &event.timers {
            let rows: Vec<usize> =
                (0..event.rows.len()).filter(|&at| event.rows[at].name == step.row).collect();
            if rows.is_empty() {
                return Err(format!("{}: its timer names {}, which no row has", event.name, step.row));
            }
            let verb = match step.verb.as_str() {
                "starts" => "Starts",
                "stops" => "Stops",
                "fires" => "Fires",
                _ => "Handles",
            };
            let _ = write!(
                out,
                "TimerStep {{ when: {}, does: TimerVerb::{verb}, chain: {:?}, keyed: {}, rows: &{rows:?} }},",
                self.when(when, None)?,
                step.chain,
                step.keyed
            );
        }
        Ok(out)
    }

    /// Which stack wrote a record that stands under the id of a stack that does not write the event.
    fn takeovers(&self, event: &Event) -> Result<String, Fault> {
        let of_records = self.tables.groups.iter().find(|group| group.name == "record");
        let of_records = of_records.map_or(&[][..], |group| &group.takeovers);
        let stacks: Vec<&String> =
            event.logged_by.iter().filter(|by| ["rack", "bbr"].contains(&by.as_str())).collect();
        let mut out = String::new();
        let mut takeover = |when: &When, stack: &str| {
            let bit = STACKS.iter().position(|known| known.0 == stack);
            let (_, variant) = STACKS[bit.ok_or_else(|| format!("{}: no stack {stack}", event.name))?];
            let _ = write!(out, "Takeover {{ when: {}, stack: Stack::{variant} }},", self.when(when, None)?);
            Ok::<_, Fault>(())
        };
        event.takeovers.iter().try_for_each(|(when, stack)| takeover(when, stack))?;
        if writers(event) != ALL_STACKS {
            if stacks.len() > 1 {
                of_records.iter().try_for_each(|(when, stack)| takeover(when, stack))?;
            }
            stacks.first().map_or(Ok(()), |stack| takeover(&When::default(), stack))?;
        }
        Ok(out)
    }

    fn evidence(&self, of: &str, all: &[(When, Evidence)]) -> Result<String, Fault> {
        let mut out = String::new();
        for (when, Evidence { next, stacks, kernels, compare }) in all {
            let next = match next {
                None => None,
                Some(name) => {
                    let event = self.tables.events.iter().find(|event| event.name == *name);
                    Some(event.ok_or_else(|| format!("{of}: no event {name}"))?.id as u8)
                }
            };
            let compare = match compare {
                None => "None".to_owned(),
                Some(Compare { member, above, times, other }) => format!(
                    "Some(Compare {{ place: {}, above: {above}, times: {times}, other: {} }})",
                    self.place(member, false)?,
                    self.place(other, false)?
                ),
            };
            let mask = |mask: &Option<u8>| mask.map_or("ALL".to_owned(), |mask| mask.to_string());
            let _ = write!(
                out,
                "Evidence {{ when: {}, compare: {compare}, next: {next:?}, stacks: {}, kernels: {} }},",
                self.when(when, None)?,
                mask(stacks),
                mask(kernels)
            );
        }
        Ok(out)
    }

    fn parts(&self, event: &Event, pieces: &[Piece]) -> Result<String, Fault> {
        let mut out = String::new();
        for piece in pieces {
            let value = |name: &String| self.operand(event, name);
            let part = match piece {
                Piece::Text(text) => format!("Text({text:?})"),
                Piece::Value(name) => format!("Value({})", value(name)?),
                Piece::Number(name) => format!("Number({})", value(name)?),
                Piece::Flags(name, mask) => format!("Flags({}, {mask:#x})", value(name)?),
                Piece::Difference(a, b) => format!("Difference({}, {})", value(a)?, value(b)?),
                Piece::Test(name, mask) => format!("Test({}, {mask:#x})", value(name)?),
                Piece::Either(texts) => {
                    let texts = texts.iter().map(|text| Ok(format!("&[{}],", self.parts(event, text)?)));
                    format!("Either(&[{}])", texts.collect::<Result<String, Fault>>()?)
                }
            };
            let _ = write!(out, "TemplatePart::{part},");
        }
        Ok(out)
    }

    /// The rows of a name: the event's, the record's, and the computed ones.
    fn operand(&self, event: &Event, name: &str) -> Result<String, Fault> {
        let of =
            |rows: &[Row]| -> Vec<usize> { (0..rows.len()).filter(|&at| rows[at].name == name).collect() };
        let group = |group: &str| {
            let found = self.tables.groups.iter().find(|have| have.name == group);
            found.map(|found| of(&found.rows)).ok_or_else(|| format!("no group {group}"))
        };
        let (own, common, derived) = (of(&event.rows), group("record")?, group("derived")?);
        if own.is_empty() && common.is_empty() && derived.is_empty() {
            return Err(format!("{}: a sentence names {name}, which no row has", event.name));
        }
        Ok(format!("Operand {{ own: &{own:?}, common: &{common:?}, derived: &{derived:?} }}"))
    }
}

/// Whether `a` takes the place of `b` where both apply: same bits, more conditions.
fn beats(a: &Row, b: &Row) -> bool {
    let overlap = |x: Option<u8>, y: Option<u8>| x.unwrap_or(0xff) & y.unwrap_or(0xff) != 0;
    let weight = |row: &Row| {
        row.when.conds.len()
            + usize::from(row.when.stacks.is_some())
            + usize::from(row.when.kernels.is_some())
    };
    let (a_low, a_high) = a.member.bits.unwrap_or((0, 63));
    let (b_low, b_high) = b.member.bits.unwrap_or((0, 63));
    a.member.name == b.member.name
        && a_low <= b_high
        && b_low <= a_high
        && overlap(a.when.stacks, b.when.stacks)
        && overlap(a.when.kernels, b.when.kernels)
        && weight(a) > weight(b)
}
