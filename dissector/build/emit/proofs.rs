// SPDX-License-Identifier: BSD-2-Clause
//! Timers, and what a record proves about the stack and the kernel that wrote it.

use std::fmt::Write;

use super::rows::Emit;
use crate::model::{Compare, Event, Proof, TableError, When};
use crate::stack::Stack;

/// Every bit of a set of stacks.
const ALL_STACKS: u8 = 0xff;

/// The stacks that write an event, as bits; all of them if others than stacks write it.
pub fn writers(event: &Event) -> u8 {
    let bit = |by: &String| match by.as_str() {
        "default" => Some(Stack::Freebsd.bit()),
        "rack" => Some(Stack::Rack.bit()),
        "bbr" => Some(Stack::Bbr.bit()),
        _ => None,
    };
    let stacks: Option<Vec<u8>> = event.logged_by.iter().map(bit).collect();
    match stacks.as_deref() {
        None | Some([]) => ALL_STACKS,
        Some(stacks) => stacks.iter().fold(0, |mask, bit| mask | bit),
    }
}

impl Emit<'_> {
    pub fn timers(&self, event: &Event) -> Result<String, TableError> {
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
    pub fn takeovers(&self, event: &Event) -> Result<String, TableError> {
        let of_records = self.tables.groups.iter().find(|group| group.name == "record");
        let of_records = of_records.map_or(&[][..], |group| &group.takeovers);
        let stacks: Vec<&String> =
            event.logged_by.iter().filter(|by| ["rack", "bbr"].contains(&by.as_str())).collect();
        let mut out = String::new();
        let mut takeover = |when: &When, stack: &str| {
            let known = Stack::ALL.into_iter().find(|known| known.name() == stack);
            let known = known.ok_or_else(|| format!("{}: no stack {stack}", event.name))?;
            let _ = write!(out, "Takeover {{ when: {}, stack: Stack::{known:?} }},", self.when(when, None)?);
            Ok::<_, TableError>(())
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

    pub fn proofs(&self, of: &str, all: &[(When, Proof)]) -> Result<String, TableError> {
        let mut out = String::new();
        for (when, Proof { next, stacks, kernels, compare }) in all {
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
                "Proof {{ when: {}, compare: {compare}, next: {next:?}, stacks: {}, kernels: {} }},",
                self.when(when, None)?,
                mask(stacks),
                mask(kernels)
            );
        }
        Ok(out)
    }
}
