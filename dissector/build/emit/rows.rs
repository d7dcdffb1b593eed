// SPDX-License-Identifier: BSD-2-Clause
//! Rows: members with their places and conditions.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::kinds::ValueKind;
use crate::condition::ParsedTest;
use crate::model::{Condition, MemberRef, Row, TableError, Tables, Type, When};
use crate::unit::Unit;

/// TLB_FLAG_STACKINFO: without it the union at 160..264 says nothing.
const STACKINFO: u16 = 0x10;

/// Where `tlb_stackinfo`, the union, lies.
pub const UNION: std::ops::Range<u16> = 160..264;

/// The tables on their way into Rust.
pub struct Emit<'a> {
    pub tables: &'a Tables,
    pub kinds: BTreeMap<String, ValueKind>,
    /// The id of the next row.
    pub next_id: u32,
}

impl Emit<'_> {
    pub fn rows(&mut self, rows: &[Row], prefix: &str) -> Result<String, TableError> {
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
                "FieldSpec {{ id: {id}, name: {:?}, filter: {filter:?}, label: {:?}, kind: ValueKind::{kind:?}, unit: Unit::{unit}, \
                 names: {names}, place: {place}, read: ReadMethod::of(ValueKind::{kind:?}, &{place}), when: &{}, span: {}, yields_to: &{yields:?}, common: {}, \
                 unset: &{:?}, implausible: &{:?}, at_least: {:?}, source: {:?} }},",
                row.name,
                row.label,
                whens[at],
                whens[at..].iter().take_while(|when| **when == whens[at]).count(),
                row.common,
                [&row.unset[..], &row.implausible].concat(),
                row.implausible,
                row.at_least,
                row.source,
            );
        }
        Ok(out)
    }

    pub fn names(&self, row: &Row) -> Result<(String, String), TableError> {
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

    pub fn place(&self, at: &MemberRef, network: bool) -> Result<String, TableError> {
        let member = self.tables.members.get(&at.name).ok_or_else(|| format!("no member {}", at.name))?;
        if at.bits.is_some_and(|(low, high)| low > high || u16::from(high) >= member.ty.size() * 8) {
            return Err(format!("{}: bits {:?} outside the member", at.name, at.bits));
        }
        let other = |name: &Option<String>| match name {
            Some(name) => {
                Ok(Some(self.tables.members.get(name).ok_or_else(|| format!("no member {name}"))?.offset))
            }
            None => Ok::<_, TableError>(None),
        };
        let (low, minus) = (other(&at.low)?, other(&at.minus)?);
        let order = if network || matches!(member.ty, Type::Network(_)) { "Network" } else { "Host" };
        Ok(format!(
            "Place {{ offset: {}, size: {}, bits: {:?}, low: {low:?}, minus: {minus:?}, order: ByteOrder::{order}, repeat: Repeat::Once }}",
            member.offset,
            member.ty.size(),
            at.bits,
        ))
    }

    pub fn when(&self, when: &When, of: Option<&MemberRef>) -> Result<String, TableError> {
        let in_union = |m: &MemberRef| {
            let own = !m.name.starts_with("tlv_") && !m.name.starts_with("tlb_");
            own && self.tables.members.get(&m.name).is_some_and(|m| UNION.contains(&m.offset))
        };
        let needs = of.into_iter().chain(when.conds.iter().map(|c| &c.member)).any(in_union);
        let mut conds = String::new();
        for Condition { member, test } in &when.conds {
            let test = match test {
                ParsedTest::In(v) => format!("In(&{v:?})"),
                ParsedTest::NotIn(v) => format!("NotIn(&{v:?})"),
                ParsedTest::Above(v) => format!("Above({v})"),
                ParsedTest::AnySet(v) => format!("AnySet({v:#x})"),
                ParsedTest::NoneSet(v) => format!("NoneSet({v:#x})"),
            };
            let bits = member.bits.map_or(String::new(), |(low, high)| format!("[{low}:{high}]"));
            let name = format!("{}{bits}", member.name);
            let _ = write!(
                conds,
                "Condition {{ member: {name:?}, place: {}, test: MemberTest::{test} }},",
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
}

/// Whether `a` takes the place of `b` where both apply: same bits, more conditions.
pub fn beats(a: &Row, b: &Row) -> bool {
    let overlap = |x: Option<u8>, y: Option<u8>| x.unwrap_or(0xff) & y.unwrap_or(0xff) != 0;
    let (a_low, a_high) = a.member.bits.unwrap_or((0, 63));
    let (b_low, b_high) = b.member.bits.unwrap_or((0, 63));
    a.member.name == b.member.name
        && a_low <= b_high
        && b_low <= a_high
        && overlap(a.when.stacks, b.when.stacks)
        && overlap(a.when.kernels, b.when.kernels)
        && a.when.weight() > b.when.weight()
}
