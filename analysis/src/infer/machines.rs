// SPDX-License-Identifier: BSD-2-Clause
//! Machines whose records come in one input, distinguished by when they booted; where the log does not say that, as
//! in files made from core dumps, by what their records prove.

use bblog_dissector::Micros;
use bblog_dissector::bblog::Record;
use bblog_dissector::spec::Stack;

use super::Inference;

/// The boot time where none is known.
const UNKNOWN: Micros = Micros(0);
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
    /// Its boot time is not known, and whether its connection is of a machine that was met before is not decided.
    is_unsettled: bool,
}

impl MachineInference {
    fn new(boot_time: Micros) -> MachineInference {
        MachineInference {
            boot_time,
            inference: Inference::default(),
            looks: FIRST_LOOKS,
            met: 0,
            is_unsettled: false,
        }
    }
}

impl Default for Machines {
    fn default() -> Machines {
        // It is left without a trace as soon as a connection begins.
        Machines {
            current: MachineInference { is_unsettled: true, ..MachineInference::new(UNKNOWN) },
            others: Vec::new(),
        }
    }
}

impl Machines {
    /// Says that the next records are of a connection of the machine that booted at `boot_time`, or at an
    /// unknown time (0).
    pub fn begin_connection(&mut self, boot_time: Micros) {
        if boot_time == UNKNOWN {
            self.leave_for(MachineInference { is_unsettled: true, ..MachineInference::new(boot_time) });
        } else if self.current.boot_time != boot_time {
            let at = self.others.iter().position(|machine| machine.boot_time == boot_time);
            let next = at.map_or_else(|| MachineInference::new(boot_time), |at| self.others.remove(at));
            self.leave_for(next);
        }
        self.current.inference.begin_connection();
    }

    fn leave_for(&mut self, next: MachineInference) {
        let last = std::mem::replace(&mut self.current, next);
        if last.is_unsettled {
            return;
        }
        if self.others.len() == MACHINES {
            self.others.remove(0);
        }
        self.others.push(last);
    }

    /// Decides whether the connection, of a machine that booted at an unknown time, is of the last such machine
    /// that its records do not contradict.
    fn settle(&mut self) {
        self.current.is_unsettled = false;
        let same = |machine: &MachineInference| {
            machine.boot_time == UNKNOWN && !machine.inference.contradicts(&self.current.inference)
        };
        if let Some(at) = self.others.iter().rposition(same) {
            let mut known = self.others.remove(at);
            known.inference.absorb(&self.current.inference);
            self.current = known;
        }
    }

    /// Says that so many records of the connection came by, looked at or not.
    pub fn met(&mut self, records: u32) {
        if self.current.is_unsettled {
            self.settle();
        }
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
