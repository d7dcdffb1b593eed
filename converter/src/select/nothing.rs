// SPDX-License-Identifier: BSD-2-Clause
//! The message when a selection is empty, with hints about what the input cannot have.

use std::fmt;

use bblog_analysis::Timer;
use bblog_dissector::counted::Counted;
use bblog_dissector::spec::{ALL, Stack};
use bblog_dissector::tables;

/// The message when a selection is empty: the number of events, and hints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NothingSelected {
    events: u64,
    hints: Vec<String>,
}

impl NothingSelected {
    /// None of `events` events, of these `stacks` ([`Stack::bit`]s), by a filter that selects the events and timers
    /// in `wanted`.
    pub(super) fn new(events: u64, stacks: u8, wanted: &Wanted<'_>) -> NothingSelected {
        let stacks = stacks & !Stack::Unknown.bit();
        let hints = match stacks {
            0 => Vec::new(),
            _ => {
                let events = wanted.events.iter().filter_map(|name| event_hint(name, stacks));
                events.chain(wanted.timers.iter().filter_map(|name| timer_hint(name, stacks))).collect()
            }
        };
        NothingSelected { events, hints }
    }
}

/// What a filter selects by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wanted<'a> {
    /// Values of `bblog.event`.
    pub events: Vec<&'a str>,
    /// Values of `bblog.timer_fired`.
    pub timers: Vec<&'a str>,
}

/// `0 of 649 events selected; a timer that fires is BBR_LOG_RTO with rack: ...`
impl fmt::Display for NothingSelected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0 of {} selected", Counted(self.events, "event"))?;
        self.hints.iter().try_for_each(|hint| write!(f, "; {hint}"))
    }
}

/// What to select instead of the event `name`, where `stacks` log another one or do not log it.
fn event_hint(name: &str, stacks: u8) -> Option<String> {
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

/// That `stacks` do not log that the timer `name` fires, where others do.
fn timer_hint(name: &str, stacks: u8) -> Option<String> {
    let by = Timer::from_name(name)?.stacks();
    (by & stacks == 0).then(|| {
        let stacks = stack_names(stacks);
        match by {
            0 => format!("no event of BBLog has {name}"),
            _ => format!("{name} is logged by {}, and the input has {stacks}", stack_names(by)),
        }
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
        let wanted = Wanted { events: vec![name], ..Wanted::default() };
        NothingSelected::new(649, stacks, &wanted).to_string()
    }

    fn said_of_timer(name: &str, stacks: u8) -> String {
        let wanted = Wanted { timers: vec![name], ..Wanted::default() };
        NothingSelected::new(649, stacks, &wanted).to_string()
    }

    /// rack does not log whether its pacer runs a connection, and keeps no delayed ACK timer of tcp_timer.c.
    #[test]
    fn timers_that_a_stack_does_not_log() {
        assert_eq!(
            said_of_timer("PACING", Stack::Rack.bit()),
            "0 of 649 events selected; PACING is logged by bbr, and the input has rack"
        );
        for (name, stack) in [("PACING", Stack::Bbr), ("RTO", Stack::Rack), ("RTO", Stack::Freebsd)] {
            assert_eq!(said_of_timer(name, stack.bit()), "0 of 649 events selected", "{name}");
        }
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
