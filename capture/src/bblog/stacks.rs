// SPDX-License-Identifier: BSD-2-Clause
//! What the kernel says of itself beside its records: release, ticks per second, and the names of TCP
//! stacks, which are asked again when a stack appears that has none: stacks can be loaded at
//! any time.

use std::time::{Duration, Instant};

use bblog_pcapng::machine::Machine;
use bblog_pcapng::stacks::StackNames;

/// The least time between two questions.
const AGAIN: Duration = Duration::from_secs(5);

/// Asks the kernel for the names; `None` if it cannot be asked.
pub type Ask = Box<dyn FnMut() -> Option<StackNames>>;

/// The names.
pub struct Stacks {
    names: StackNames,
    ask: Option<Ask>,
    asked: Option<Instant>,
    machine: Machine,
}

impl Stacks {
    /// Names that the user gave.
    pub fn given(names: StackNames) -> Stacks {
        Stacks { names, ask: None, asked: None, machine: Machine::default() }
    }

    /// The running kernel's names.
    pub fn asking(ask: Ask) -> Stacks {
        Stacks { names: StackNames::none(), ask: Some(ask), asked: None, machine: Machine::default() }
    }

    /// The same stacks, of this machine.
    pub fn of(self, machine: Machine) -> Stacks {
        Stacks { machine, ..self }
    }

    /// Name of stack `id` and what is known of the machine.
    pub fn facts(&mut self, id: u8) -> (&[u8], &Machine) {
        self.with(id);
        (self.names.get(id), &self.machine)
    }

    /// The names, with that of stack `id` if it can be known.
    pub fn with(&mut self, id: u8) -> &StackNames {
        let unknown = self.names.get(id) == StackNames::none().get(id);
        if unknown
            && self.asked.is_none_or(|asked| asked.elapsed() >= AGAIN)
            && let Some(ask) = &mut self.ask
        {
            self.asked = Some(Instant::now());
            if let Some(names) = ask() {
                self.names = names;
            }
        }
        &self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn asks_when_a_name_is_missing_but_not_all_the_time() {
        let asked = std::rc::Rc::new(std::cell::Cell::new(0));
        let count = std::rc::Rc::clone(&asked);
        let mut stacks = Stacks::asking(Box::new(move || {
            count.set(count.get() + 1);
            let mut names = StackNames::none();
            names.set(2, b"rack");
            Some(names)
        }));
        assert_eq!(stacks.with(2).get(2), b"rack");
        assert_eq!(stacks.with(3).get(3), b"unknown");
        assert_eq!(asked.get(), 1);
    }
}
