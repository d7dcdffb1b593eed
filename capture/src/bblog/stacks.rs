// SPDX-License-Identifier: BSD-2-Clause
//! Names of TCP stacks, asked again when a stack appears that has none: stacks can be loaded at
//! any time.

use std::time::{Duration, Instant};

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
}

impl Stacks {
    /// Names that the user gave.
    pub fn given(names: StackNames) -> Stacks {
        Stacks { names, ask: None, asked: None }
    }

    /// The running kernel's names.
    pub fn asking(ask: Ask) -> Stacks {
        Stacks { names: StackNames::none(), ask: Some(ask), asked: None }
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
