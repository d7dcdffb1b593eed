// SPDX-License-Identifier: BSD-2-Clause
//! Where BBLog records come from: stack, kernel and ticks per second, which decide what their values
//! mean. The user says it, or the log does, or else the records prove it
//! ([`bblog_analysis::infer`]).

use std::num::NonZeroU32;
use std::sync::Arc;

use bblog_analysis::infer::Machines;
use bblog_dissector::Micros;
use bblog_dissector::bblog::Record;
use bblog_dissector::event::RecordContext;
use bblog_dissector::spec::{KernelSet, Stack};
use bblog_dissector::tables;
use bblog_pcapng::machine::{Fact, Machine};

use crate::input::assumptions::Assumptions;
use crate::input::error::{InputError, InputErrorKind, Recovery, UnknownStack};

/// The name of a stack that has none.
const UNKNOWN: &[u8] = b"unknown";

/// Where a record comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The name of its stack, `unknown` if it has none.
    pub stack_name: Vec<u8>,
    /// What is known of the machine, and whether the stack's name was inferred.
    pub machine: Machine,
    context: RecordContext,
}

impl Default for Origin {
    fn default() -> Origin {
        Origin::new(UNKNOWN, Machine::default())
    }
}

impl Origin {
    /// A stack and a machine.
    pub fn new(stack_name: &[u8], machine: Machine) -> Origin {
        let kernel = machine.kernel.map_or_else(Default::default, |kernel| kernel.value.newest());
        let hz = machine.hz.map(|hz| hz.value);
        let context = RecordContext { stack: Stack::from_name(stack_name), kernel, hz };
        Origin { stack_name: stack_name.to_vec(), machine, context }
    }

    /// Whether the tables have the stack, so that all of a record's values can be decoded.
    #[inline]
    pub fn is_decoded(&self) -> bool {
        self.context.stack != Stack::Unknown
    }

    /// What decides on the meaning of the record's values. A kernel that is not known counts as the
    /// newest.
    #[inline]
    pub fn context(&self) -> RecordContext {
        self.context
    }
}

/// What a section of a pcapng file says of the origin of its records.
#[derive(Clone, Debug, Default)]
pub struct Stated {
    /// Number and name of the stack.
    pub stack: Option<(u8, Vec<u8>)>,
    /// The machine.
    pub machine: Machine,
}

/// Finds out where the records of an input come from.
pub struct OriginFinder {
    assumptions: Arc<Assumptions>,
    machines: Machines,
    stated: Stated,
    /// The number of the current stack.
    stack_id: u8,
    current: Origin,
    undecoded: Vec<UnknownStack>,
}

/// Stacks without a table that are distinguished.
const MAX_UNDECODED: usize = 256;

impl OriginFinder {
    /// Nothing is known yet.
    pub fn new(assumptions: &Arc<Assumptions>) -> OriginFinder {
        OriginFinder {
            assumptions: Arc::clone(assumptions),
            machines: Machines::default(),
            stated: Stated::default(),
            stack_id: 0,
            current: Origin::default(),
            undecoded: Vec::new(),
        }
    }

    /// Says that the next records are of a connection on the machine that booted at `boot_time` (0 if
    /// that is not known), and what the log says of it.
    pub fn begin_connection(&mut self, boot_time: Micros, stated: Stated) {
        self.machines.begin_connection(boot_time);
        self.stated = stated;
    }

    /// Looks through records ahead for what they prove, as far as that is worth it. Returns the last
    /// of them.
    pub fn look_ahead<'a>(&mut self, records: impl Iterator<Item = Record<'a>>) -> Option<Record<'a>> {
        let mut last: Option<Record<'a>> = None;
        let mut count = 0_u32;
        let mut wants = (0, self.wants(0));
        for record in records {
            count = count.wrapping_add(1);
            let id = record.stack_id();
            if wants.0 != id {
                self.machines.skip();
                wants = (id, self.wants(id));
            }
            if wants.1 {
                self.observe(&record);
                // Asked anew now and then: it costs as much as passing over a record.
                if count.is_multiple_of(16) && !self.wants(id) {
                    self.machines.skip();
                    wants.1 = false;
                }
            }
            last = Some(record);
        }
        if let Some(last) = last.filter(|_| !wants.1) {
            // The end of a connection proves more than most records.
            self.machines.skip();
            self.observe(&last);
        }
        self.machines.met(count);
        last
    }

    /// Whether records of stack number `id` could prove something that is not known.
    pub fn wants(&self, id: u8) -> bool {
        let is_stated = self.stack_stated(id).is_some_and(|name| Stack::from_name(name) != Stack::Unknown)
            && (self.assumptions.kernel.is_some() || is_stated(self.stated.machine.kernel))
            && (self.assumptions.hz.is_some() || is_stated(self.stated.machine.hz));
        !is_stated && self.machines.wants(id)
    }

    /// Looks at a record.
    pub fn observe(&mut self, record: &Record<'_>) {
        let stated = self.stack_stated(record.stack_id()).map_or(Stack::Unknown, Stack::from_name);
        self.machines.observe(record, stated);
    }

    /// Takes note that there are records of stack number `id`.
    pub fn meet(&self, id: u8) {
        self.assumptions.meet(id);
    }

    /// Finds out where records of stack number `id` come from, as far as is known now. Returns whether
    /// that is another place than before.
    pub fn find(&mut self, id: u8) -> bool {
        let (name, machine) = self.known(id);
        if self.stack_id == id && self.current.stack_name == name && self.current.machine == machine {
            return false;
        }
        (self.stack_id, self.current) = (id, Origin::new(name, machine));
        true
    }

    /// Where the current records come from.
    #[inline]
    pub fn current(&self) -> &Origin {
        &self.current
    }

    /// Takes note of a record that is passed on, to say in the end how many were not decoded.
    #[inline]
    pub fn pass(&mut self, record: &Record<'_>) {
        if self.current.context.stack == Stack::Unknown {
            self.pass_unknown(record);
        }
    }

    #[cold]
    fn pass_unknown(&mut self, record: &Record<'_>) {
        let depends = |bits: u8| bits & Stack::Unknown.bit() == 0;
        let event = tables::event(record.event_id());
        if !event.is_some_and(|event| event.fields.iter().any(|row| depends(row.when.stacks))) {
            return;
        }
        let (id, name) = (self.stack_id, &self.current.stack_name);
        let name = Some(name).filter(|name| *name != UNKNOWN);
        let is_full = self.undecoded.len() >= MAX_UNDECODED;
        match self.undecoded.iter_mut().find(|known| known.id == id && known.name.as_ref() == name) {
            Some(known) => known.records += 1,
            None if is_full => {}
            None => {
                let name = name.cloned();
                self.undecoded.push(UnknownStack { id, name, looks_like: None, records: 1 });
            }
        }
    }

    /// What is reported at the end of the input: records that were not decoded.
    pub fn finish(&mut self) -> Vec<InputError> {
        let undecoded = std::mem::take(&mut self.undecoded);
        let error = |mut known: UnknownStack| {
            known.looks_like = self.machines.current().stack(known.id).map(|inferred| inferred.value);
            InputError {
                offset: None,
                kind: InputErrorKind::UnknownStack(known),
                recovery: Recovery::Nothing,
            }
        };
        undecoded.into_iter().map(error).collect()
    }

    /// The name of stack number `id`, and what is known of the machine.
    fn known(&self, id: u8) -> (&[u8], Machine) {
        let inference = self.machines.current();
        let inferred = inference.stack(id).map(|inferred| inferred.value);
        let of_section = self.stack_of_section(id);
        let (name, is_stack_inferred) = match (self.stack_stated(id), inferred) {
            (Some(name), _) => (name, false),
            (None, Some(stack)) => match self.assumptions.local_stacks.find(id) {
                Some(name) if Stack::from_name(name) == stack => (name, false),
                _ => (stack.name().as_bytes(), true),
            },
            (None, None) if of_section.is_some() => (of_section.unwrap_or(UNKNOWN), true),
            (None, None) => (self.assumptions.local_stacks.find(id).unwrap_or(UNKNOWN), false),
        };
        let stated = &self.stated.machine;
        let given = self.assumptions.kernel.map(|kernel| Fact::stated(KernelSet::from(kernel)));
        let kernel = inference.kernel().map(|inferred| Fact::inferred(inferred.value));
        let hz = inference.hz().and_then(|inferred| NonZeroU32::new(inferred.value)).map(Fact::inferred);
        let machine = Machine {
            kernel: given.or(stated.kernel.filter(|fact| !fact.is_inferred)).or(kernel).or(stated.kernel),
            hz: self
                .assumptions
                .hz
                .map(Fact::stated)
                .or(stated.hz.filter(|fact| !fact.is_inferred))
                .or(hz)
                .or(stated.hz),
            release: stated.release.clone().filter(|_| given.is_none()),
            is_stack_inferred,
        };
        (name, machine)
    }

    /// The name of stack number `id`, if the user or the log says it.
    fn stack_stated(&self, id: u8) -> Option<&[u8]> {
        let stated = self.stack_of_section(id).filter(|_| !self.stated.machine.is_stack_inferred);
        self.assumptions.stacks.find(id).or(stated)
    }

    /// The name of stack number `id` in the section header.
    fn stack_of_section(&self, id: u8) -> Option<&[u8]> {
        let (of, name) = self.stated.stack.as_ref()?;
        Some(name.as_slice()).filter(|name| *of == id && !name.is_empty() && *name != UNKNOWN)
    }
}

fn is_stated<T>(fact: Option<Fact<T>>) -> bool {
    fact.is_some_and(|fact| !fact.is_inferred)
}
