// SPDX-License-Identifier: BSD-2-Clause
//! Machines whose records come in one input, distinguished by when they booted.

use bblog_dissector::Micros;
use bblog_dissector::bblog::Record;
use bblog_dissector::spec::Stack;

use super::Inference;

/// Machines that are remembered.
const MACHINES: usize = 64;
/// Records looked at of every machine.
const FIRST_LOOKS: u32 = 1_024;
/// Records looked at of every stack that nothing is known of, whatever was looked at before.
const FIRST_LOOKS_OF_STACK: u32 = 256;
/// After that one record of so many is looked at, as long as there is something to learn.
const SHARE: u32 = 32;

/// What is known of the machines of one input.
///
/// Looking at a record costs as much as passing on some; so it is done for the first records, then for a
/// thirty-second of them, and not at all when nothing is left to learn.
#[derive(Clone, Debug)]
pub struct Machines {
    current: MachineInference,
    others: Vec<MachineInference>,
}

#[derive(Clone, Debug)]
struct MachineInference {
    boot_time: Micros,
    inference: Inference,
    /// Records that may still be looked at.
    looks: u32,
    /// Records met since the last look was earned.
    met: u32,
}

impl MachineInference {
    fn new(boot_time: Micros) -> MachineInference {
        MachineInference { boot_time, inference: Inference::default(), looks: FIRST_LOOKS, met: 0 }
    }
}

impl Default for Machines {
    fn default() -> Machines {
        Machines { current: MachineInference::new(Micros(0)), others: Vec::new() }
    }
}

impl Machines {
    /// Says that the next records are of a connection of the machine that booted at `boot_time`, or at an
    /// unknown time (0).
    pub fn begin_connection(&mut self, boot_time: Micros) {
        if self.current.boot_time != boot_time {
            let at = self.others.iter().position(|machine| machine.boot_time == boot_time);
            let next = at.map_or_else(|| MachineInference::new(boot_time), |at| self.others.remove(at));
            let last = std::mem::replace(&mut self.current, next);
            if self.others.len() == MACHINES {
                self.others.remove(0);
            }
            self.others.push(last);
        }
        self.current.inference.begin_connection();
    }

    /// Says that so many records came by, looked at or not.
    pub fn met(&mut self, records: u32) {
        let machine = &mut self.current;
        machine.met = machine.met.saturating_add(records);
        machine.looks = machine.looks.saturating_add(machine.met / SHARE);
        machine.met %= SHARE;
    }

    /// Whether to look at records of the stack with number `id`.
    pub fn wants(&self, id: u8) -> bool {
        let MachineInference { inference, looks, .. } = &self.current;
        (*looks > 0 && inference.is_open(id))
            || (inference.looks(id) < FIRST_LOOKS_OF_STACK && inference.stack(id).is_none())
    }

    /// Looks at a record, as [`Inference::observe`] does.
    pub fn observe(&mut self, record: &Record<'_>, stated: Stack) {
        self.current.looks = self.current.looks.saturating_sub(1);
        self.current.inference.observe(record, stated);
    }

    /// What is known of the current machine.
    pub fn current(&self) -> &Inference {
        &self.current.inference
    }

    /// As [`Inference::begin_connection`].
    pub fn skip(&mut self) {
        self.current.inference.begin_connection();
    }
}
