// SPDX-License-Identifier: BSD-2-Clause
//! Conditions, members and what records prove.

use crate::condition::{self, ConditionError};
use crate::kernel::Kernel;
use crate::model::{Compare, Condition, MemberRef, Proof, TableError, When};
use crate::stack::Stack;

/// An open `when` block.
pub struct WhenBlock {
    pub indent: usize,
    pub when: When,
    pub source: String,
    /// How many rows there were when it was opened.
    pub rows_at: usize,
}

/// `stack=rack|bbr kernel=13 flex8=1|2 flex8!=0 flex3&0x400 flex8!&0x2 flex8>3`.
pub fn parse_when(rest: &str) -> Result<When, TableError> {
    let mut when = When::default();
    for word in rest.split_whitespace() {
        if let Some(names) = word.strip_prefix("stack=") {
            when.stacks = Some(stacks(names)?);
            continue;
        }
        if let Some(names) = word.strip_prefix("kernel=") {
            when.kernels = Some(kernels(names)?);
            continue;
        }
        let (member, test) = condition::parse(word).map_err(|error| match error {
            ConditionError::NoOperator => format!("{word} is not a condition"),
            ConditionError::NotANumber(text) => format!("{text} is not a number"),
        })?;
        let member = parse_member(member).ok_or_else(|| format!("{member} is not a member"))?;
        when.conds.push(Condition { member, test });
    }
    Ok(when)
}

/// `rack|bbr` as [`Stack::bit`]s.
fn stacks(names: &str) -> Result<u8, TableError> {
    bits(names, &Stack::ALL.map(|stack| (stack.name(), stack.bit())))
}

/// `13|main` as [`Kernel::bit`]s.
pub fn kernels(names: &str) -> Result<u8, TableError> {
    bits(names, &Kernel::ALL.map(|kernel| (kernel.name(), kernel.bit())))
}

fn bits(names: &str, known: &[(&str, u8)]) -> Result<u8, TableError> {
    names.split('|').try_fold(0, |mask, name| match known.iter().find(|known| known.0 == name) {
        Some((_, bit)) => Ok(mask | bit),
        None => Err(format!(
            "{name}, expected one of {:?}",
            known.iter().map(|known| known.0).collect::<Vec<_>>()
        )),
    })
}

/// The conditions of all open blocks and of a row.
pub fn merged(blocks: &[WhenBlock], row: &When) -> Result<When, TableError> {
    let mut all = When::default();
    for when in blocks.iter().map(|b| &b.when).chain([row]) {
        for (have, new, what) in
            [(&mut all.stacks, when.stacks, "stack"), (&mut all.kernels, when.kernels, "kernel")]
        {
            if let Some(new) = new {
                let both = have.map_or(new, |have| have & new);
                if both == 0 {
                    return Err(format!("no {what} left"));
                }
                *have = Some(both);
            }
        }
        all.conds.extend(when.conds.iter().cloned());
    }
    Ok(all)
}

/// `member`, `member[low:high]`, `high:low` or `member-member`.
pub fn parse_member(word: &str) -> Option<MemberRef> {
    let plain = |name: &str| MemberRef { name: name.to_owned(), bits: None, low: None, minus: None };
    if let Some((name, bits)) = word.strip_suffix(']').and_then(|w| w.rsplit_once('['))
        && let Some((low, high)) = bits.split_once(':')
    {
        let bits = Some((low.parse().ok()?, high.parse().ok()?));
        return Some(MemberRef { bits, ..plain(name) });
    }
    if let Some((high, low)) = word.split_once(':') {
        return Some(MemberRef { low: Some(low.to_owned()), ..plain(high) });
    }
    if let Some((from, what)) = word.split_once('-') {
        return Some(MemberRef { minus: Some(what.to_owned()), ..plain(from) });
    }
    Some(plain(word))
}

/// What follows `proves`: `stack=rack` or `kernel=14|main`, and perhaps `if flex2>100*flex6`.
pub fn parse_proof(next: Option<String>, rest: &str) -> Result<Proof, TableError> {
    let (what, compare) = match rest.split_once(" if ") {
        Some((what, compare)) => (what, Some(parse_compare(compare.trim())?)),
        None => (rest, None),
    };
    match parse_when(what)? {
        When { stacks, kernels, conds } if conds.is_empty() && stacks.is_some() != kernels.is_some() => {
            Ok(Proof { next, stacks, kernels, compare })
        }
        _ => Err(format!("proves {rest}: expected stack=NAMES or kernel=NAMES")),
    }
}

/// `flex2>100*flex6` or `flex2<=100*flex6`.
fn parse_compare(text: &str) -> Result<Compare, TableError> {
    let fault = || format!("{text}: expected MEMBER>NUMBER*MEMBER or MEMBER<=NUMBER*MEMBER");
    let (above, parts) = match text.split_once("<=") {
        Some(parts) => (false, parts),
        None => (true, text.split_once('>').ok_or_else(fault)?),
    };
    let (times, other) = parts.1.split_once('*').ok_or_else(fault)?;
    let member = |name: &str| parse_member(name).ok_or_else(fault);
    let times = times.parse().map_err(|_| fault())?;
    Ok(Compare { member: member(parts.0)?, above, times, other: member(other)? })
}
