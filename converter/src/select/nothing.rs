// SPDX-License-Identifier: BSD-2-Clause
//! The message when a selection is empty, with hints about what the input cannot have.

use std::fmt;

use bblog_analysis::Timer;
use bblog_dissector::spec::{ALL, Stack};
use bblog_dissector::tables;

/// The message when a selection is empty: the number of events, and hints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NothingSelected {
    events: u64,
    hints: Vec<String>,
}

impl NothingSelected {
    /// None of `events` events, of these `stacks` ([`Stack::bit`]s), by a filter that selects the events `names`.
    pub(super) fn new<'a>(events: u64, stacks: u8, names: impl Iterator<Item = &'a str>) -> NothingSelected {
        let stacks = stacks & !Stack::Unknown.bit();
        let hints = names.filter(|_| stacks != 0).filter_map(|name| hint(name, stacks)).collect();
        NothingSelected { events, hints }
    }
}

/// `0 of 649 events selected; a timer that fires is BBR_LOG_RTO with rack: ...`
impl fmt::Display for NothingSelected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0 of {} events selected", self.events)?;
        self.hints.iter().try_for_each(|hint| write!(f, "; {hint}"))
    }
}

/// What to select instead of the event `name`, where `stacks` log another one or do not log it.
fn hint(name: &str, stacks: u8) -> Option<String> {
    if let Some(timer) = Timer::from_name(name) {
        let events: Vec<&str> = timer.events(stacks).map(|event| event.name).collect();
        let instead = format!("bblog.timer_fired == {name} selects it for every stack");
        return Some(match events.is_empty() {
            true => instead,
            false => {
                format!("a timer that fires is {} with {}: {instead}", list(&events), stack_names(stacks))
            }
        });
    }
    let event = tables::EVENTS.iter().find(|event| event.name == name)?;
    (event.writers != ALL && event.writers & stacks == 0).then(|| {
        format!(
            "{name} is an event of {}, and the input has {}",
            stack_names(event.writers),
            stack_names(stacks)
        )
    })
}

fn stack_names(stacks: u8) -> String {
    let known = Stack::ALL.into_iter().filter(|stack| *stack != Stack::Unknown);
    list(&known.filter(|stack| stacks & stack.bit() != 0).map(Stack::name).collect::<Vec<_>>())
}

/// `a`, `a and b`, `a, b and c`
fn list(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str, stacks: u8) -> String {
        NothingSelected::new(649, stacks, [name].into_iter()).to_string()
    }

    #[test]
    fn what_other_stacks_call_it() {
        assert_eq!(
            said("RTO", Stack::Rack.bit()),
            "0 of 649 events selected; a timer that fires is BBR_LOG_RTO with rack: \
             bblog.timer_fired == RTO selects it for every stack"
        );
        assert_eq!(
            said("RTO", Stack::Freebsd.bit()),
            "0 of 649 events selected; bblog.timer_fired == RTO selects it for every stack"
        );
        assert_eq!(
            said("BBR_LOG_RTO", Stack::Freebsd.bit() | Stack::Unknown.bit()),
            "0 of 649 events selected; BBR_LOG_RTO is an event of rack and bbr, and the input has freebsd"
        );
    }

    /// An event that the stack logs is not there, and that is all.
    #[test]
    fn nothing_to_add() {
        for (name, stacks) in [("JUSTRET", Stack::Rack.bit()), ("BBR_LOG_RTO", 0), ("IN", Stack::Bbr.bit())] {
            assert_eq!(said(name, stacks), "0 of 649 events selected", "{name}");
        }
    }
}
