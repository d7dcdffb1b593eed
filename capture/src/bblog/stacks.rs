// SPDX-License-Identifier: BSD-2-Clause
//! Facts about the kernel that records do not have: release, ticks per second, and the names of TCP stacks.
//! The names are read again when a stack without one appears, because stacks can be loaded at any time.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use bblog_pcapng::machine::Machine;
use bblog_pcapng::stacks::StackNames;

/// The least time between two requests for stack names, if a new stack appears. Entries come by the
/// thousand, but there are at most 256 stacks.
const AT_ONCE: Duration = Duration::from_millis(20);
/// The least time before the name of a stack without a name is requested again.
const AGAIN: Duration = Duration::from_secs(5);

/// Reads the names from the kernel; `None` if that is not possible.
pub type ReadNames = Box<dyn FnMut() -> Option<StackNames>>;

/// The names.
pub struct Stacks {
    names: StackNames,
    ask: Option<ReadNames>,
    /// The time of the last request.
    last_read: Option<Instant>,
    /// The time of the last request for each stack without a name.
    nameless: HashMap<u8, Instant>,
    machine: Machine,
}

impl Stacks {
    /// Names that the user gave.
    pub fn given(names: StackNames) -> Stacks {
        Stacks { names, ask: None, last_read: None, nameless: HashMap::new(), machine: Machine::default() }
    }

    /// The running kernel's names.
    pub fn asking(ask: ReadNames) -> Stacks {
        Stacks { ask: Some(ask), ..Stacks::given(StackNames::none()) }
    }

    /// The same stacks, of this machine.
    pub fn of(self, machine: Machine) -> Stacks {
        Stacks { machine, ..self }
    }

    fn ask_if_unknown(&mut self, id: u8) {
        if !self.knows(id) && self.may_ask(id) {
            self.ask_for(id);
        }
    }

    /// Name of stack `id` and what is known of the machine; and whether that is a name, or the word
    /// for none.
    pub fn facts(&mut self, id: u8) -> (&[u8], &Machine, bool) {
        self.ask_if_unknown(id);
        let is_named = self.knows(id);
        (self.names.get(id), &self.machine, is_named)
    }

    /// As [`Stacks::facts`], if the stack has a name: for a file that was begun without it.
    pub fn late_facts(&mut self, id: u8) -> Option<(&[u8], &Machine)> {
        self.ask_if_unknown(id);
        self.knows(id).then(|| (self.names.get(id), &self.machine))
    }

    /// Whether stack `id` has a name.
    fn knows(&self, id: u8) -> bool {
        self.names.get(id) != StackNames::none().get(id)
    }

    fn may_ask(&self, id: u8) -> bool {
        let since = |asked: &Instant| asked.elapsed();
        self.ask.is_some()
            && self.last_read.as_ref().map(since).is_none_or(|since| since >= AT_ONCE)
            && self.nameless.get(&id).map(since).is_none_or(|since| since >= AGAIN)
    }

    fn ask_for(&mut self, id: u8) {
        let Some(ask) = &mut self.ask else { return };
        let now = Instant::now();
        self.last_read = Some(now);
        if let Some(names) = ask() {
            self.names = names;
        }
        if self.knows(id) {
            self.nameless.remove(&id);
        } else {
            self.nameless.insert(id, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::rc::Rc;

    use super::*;

    #[test]
    fn asks_for_each_stack_at_once_but_not_all_the_time() {
        let (asked, loaded) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(vec![(2, b"rack".as_slice())])));
        let (count, known) = (Rc::clone(&asked), Rc::clone(&loaded));
        let mut stacks = Stacks::asking(Box::new(move || {
            count.set(count.get() + 1);
            let mut names = StackNames::none();
            known.borrow().iter().for_each(|(id, name)| names.set(*id, name));
            Some(names)
        }));
        assert_eq!(stacks.facts(2).0, b"rack");
        // Loaded and used right after that.
        loaded.borrow_mut().push((3, b"bbr"));
        std::thread::sleep(AT_ONCE);
        assert_eq!(stacks.facts(3).0, b"bbr");
        assert_eq!(asked.get(), 2);
        // One that has no name costs a question once in a while, not one for each record.
        std::thread::sleep(AT_ONCE);
        for _ in 0..1000 {
            assert!(stacks.late_facts(4).is_none());
        }
        assert_eq!(asked.get(), 3);
    }
}
