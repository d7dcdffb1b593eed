// SPDX-License-Identifier: BSD-2-Clause
//! What a BBLog record does not say about the machine that wrote it: which TCP stack has which number,
//! which kernel it is, and how many ticks a second has. An event of eventlog does not say the last of these
//! ([`EventlogTicks`]).
//!
//! An [`Inference`] is about one machine between two boots. It looks at records in the order in which
//! they stand in the log, takes votes, and answers at any time: its answers may change as records
//! come. What is evidence stands in the tables (`proves` in `dissector/tables/bblog`); the votes are
//! counted here. Nothing is read and nothing is written; memory is at most some kilobytes.
//!
//! ```
//! use bblog_analysis::infer::Inference;
//! use bblog_dissector::bblog::{EventFlags, Record};
//! use bblog_dissector::spec::Stack;
//!
//! // IN (1) of stack number 7 without stack information: FreeBSD's default stack writes these alone.
//! let mut bytes = [0; 328];
//! (bytes[24], bytes[25]) = (7, 1);
//! let (record, _) = Record::split(&bytes).unwrap();
//!
//! let mut machine = Inference::default();
//! assert_eq!(machine.stack(7), None);
//! machine.observe(&record, Stack::Unknown);
//! assert_eq!(machine.stack(7).unwrap().value, Stack::Freebsd);
//! ```

mod eventlog;
mod hz;
mod kernel;
mod machines;
mod stack;

use bblog_dissector::bblog::Record;
use bblog_dissector::event::{Event, RecordContext};
use bblog_dissector::spec::{ALL, KernelSet, Proof, Stack};
use bblog_dissector::tables;

pub use self::eventlog::EventlogTicks;
pub use self::machines::Machines;

use self::hz::TickVotes;
use self::kernel::KernelVotes;
use self::stack::StackVotes;

/// A conclusion and what it rests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inferred<T> {
    /// What was concluded.
    pub value: T,
    /// How many pieces of evidence speak for it; at least 1.
    pub votes: u32,
    /// How many speak against it; less than a quarter of `votes`.
    pub against: u32,
}

/// Votes beyond which more of the same do not make a conclusion surer.
const ENOUGH: u32 = 16;
/// Proof of one side must outnumber that of the other by this factor.
const CLEARLY: u32 = 4;

/// What the records of one machine prove about it.
#[derive(Clone, Debug, Default)]
pub struct Inference {
    stacks: StackVotes,
    kernels: KernelVotes,
    ticks: TickVotes,
    /// Proof that the record with this serial number gives.
    awaited: Option<(u32, &'static Proof)>,
}

impl Inference {
    /// Says that the next record is of another connection than the last one, or that records in
    /// between were not looked at.
    pub fn begin_connection(&mut self) {
        self.awaited = None;
    }

    /// Looks at one record. `stated` is its stack if the log or the user names it; then no votes for
    /// stacks are taken from it.
    pub fn observe(&mut self, record: &Record<'_>, stated: Stack) {
        self.ticks.observe(record.time(), record.ticks());
        if let Some((serial, proof)) = self.awaited.take()
            && record.serial() == serial
        {
            self.kernels.count_next(proof, record.event_id());
        }
        let id = record.stack_id();
        self.stacks.look(id);
        let wants_stack = stated == Stack::Unknown && self.stacks.is_open(id);
        let of_event = tables::event(record.event_id()).map_or(&[][..], |event| event.proofs);
        let wanted = |proof: &Proof, kernels: &KernelVotes| {
            (wants_stack && proof.stacks != ALL) || (proof.kernels != ALL && kernels.wants(proof.kernels))
        };
        let mut event = None;
        for proof in tables::RECORD_PROOFS.iter().chain(of_event) {
            if wanted(proof, &self.kernels)
                && event.get_or_insert_with(|| self.event(record, stated)).proves(proof)
            {
                self.count(record, stated, proof);
            }
        }
    }

    /// The record as an event of its stack, as far as that is known.
    fn event<'a>(&self, record: &Record<'a>, stated: Stack) -> Event<'a> {
        let stack = match stated {
            Stack::Unknown => self.stack(record.stack_id()).map_or(Stack::Unknown, |inferred| inferred.value),
            stated => stated,
        };
        Event::of_record(record, RecordContext { stack, ..RecordContext::default() })
    }

    /// Counts `proof`, which the record gives.
    fn count(&mut self, record: &Record<'_>, stated: Stack, proof: &'static Proof) {
        if proof.next.is_some() {
            self.awaited = Some((record.serial().wrapping_add(1), proof));
            return;
        }
        if proof.stacks != ALL && stated == Stack::Unknown {
            self.stacks.count(record.stack_id(), proof.stacks);
        }
        if proof.kernels != ALL {
            self.kernels.count(proof.kernels);
        }
    }

    /// The stack with number `id`.
    pub fn stack(&self, id: u8) -> Option<Inferred<Stack>> {
        self.stacks.winner(id)
    }

    /// The kernels that the records can come from.
    pub fn kernel(&self) -> Option<Inferred<KernelSet>> {
        self.kernels.winner()
    }

    /// Ticks per second (kern.hz).
    pub fn hz(&self) -> Option<Inferred<u32>> {
        self.ticks.winner()
    }

    /// Whether the other records must come from another machine: of another kernel, tick rate or list of stacks.
    pub fn contradicts(&self, other: &Inference) -> bool {
        let kernels = self.kernel().zip(other.kernel());
        kernels.is_some_and(|(one, two)| one.value.bits() & two.value.bits() == 0)
            || self.hz().zip(other.hz()).is_some_and(|(one, two)| hz::differ(one.value, two.value))
            || self.stacks.contradict(&other.stacks)
    }

    /// Adds what the other records prove, which come from the same machine.
    pub fn absorb(&mut self, other: &Inference) {
        self.stacks.absorb(&other.stacks);
        self.kernels.absorb(&other.kernels);
        self.ticks.absorb(&other.ticks);
        self.awaited = None;
    }

    /// How many records of the stack with number `id` were looked at.
    pub fn looks(&self, id: u8) -> u32 {
        self.stacks.looks(id)
    }

    /// Whether more records of the stack with number `id` can still change much: callers with a
    /// budget look no further once this is false.
    pub fn is_open(&self, id: u8) -> bool {
        self.stacks.is_open(id) || self.kernels.votes() < ENOUGH || self.ticks.votes() < ENOUGH
    }
}
