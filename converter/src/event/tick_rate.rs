// SPDX-License-Identifier: BSD-2-Clause
//! Ticks per second of the machine that wrote events of eventlog: the default stack's RTTs are in ticks. The user says
//! it, or the section does, or else the events prove it ([`EventlogTicks`]).

use std::num::NonZeroU32;

use bblog_analysis::infer::EventlogTicks;
use bblog_dissector::elog::RawEvent;
use bblog_dissector::tcp_provider;
use bblog_pcapng::machine::Fact;

use crate::input::assumptions::Assumptions;
use crate::input::error::{InputError, InputErrorKind, Recovery};

/// Finds out the ticks per second of an input's events.
pub struct TickRateFinder {
    assumed: Option<Fact<NonZeroU32>>,
    stated: Option<Fact<NonZeroU32>>,
    evidence: EventlogTicks,
    /// Whether events are looked at for what they prove.
    watches: bool,
    current: Option<Fact<NonZeroU32>>,
    /// RTTs in ticks of unknown length.
    unknown: u64,
}

impl TickRateFinder {
    /// For an input before its first byte.
    pub fn new(assumptions: &Assumptions) -> TickRateFinder {
        let mut finder = TickRateFinder {
            assumed: assumptions.hz.map(Fact::stated),
            stated: None,
            evidence: EventlogTicks::default(),
            watches: true,
            current: None,
            unknown: 0,
        };
        finder.begin(None);
        finder
    }

    /// Says that the next events are of another section, and what it states.
    pub fn begin(&mut self, stated: Option<Fact<NonZeroU32>>) {
        (self.stated, self.evidence) = (stated, EventlogTicks::default());
        self.conclude();
    }

    /// Looks through events of the `tcp` provider ahead for what they prove.
    pub fn look_ahead<'a>(&mut self, events: impl Iterator<Item = RawEvent<'a>>) {
        if !self.watches {
            return;
        }
        events.for_each(|event| self.evidence.observe(&event));
        self.conclude();
        if self.watches {
            // The same events follow.
            self.evidence = EventlogTicks::default();
        }
    }

    /// Takes in the next event of the `tcp` provider.
    #[inline]
    pub fn observe(&mut self, event: &RawEvent<'_>) {
        if self.watches {
            self.watch(event);
        }
    }

    #[cold]
    fn watch(&mut self, event: &RawEvent<'_>) {
        self.evidence.observe(event);
        if tcp_provider::ticks_rtt(event).is_none_or(|rtt| rtt.rtt == 0) {
            return;
        }
        self.conclude();
        self.unknown += u64::from(self.current.is_none());
    }

    /// What is known now goes before what the section was once concluded to have.
    fn conclude(&mut self) {
        let is_stated = |fact: &Fact<NonZeroU32>| !fact.is_inferred;
        let inferred = self.evidence.hz().and_then(|hz| NonZeroU32::new(hz.value)).map(Fact::inferred);
        let known = self.assumed.or(self.stated.filter(is_stated)).or(inferred);
        self.watches = known.is_none();
        self.current = known.or(self.stated);
    }

    /// Ticks per second, as far as is known now.
    #[inline]
    pub fn current(&self) -> Option<Fact<NonZeroU32>> {
        self.current
    }

    /// What is said at the end of the input: RTTs that are not shown as times. Once.
    pub fn finish(&mut self) -> Option<InputError> {
        let rtts = std::mem::take(&mut self.unknown);
        let kind = InputErrorKind::UnknownTicks { rtts };
        (rtts > 0).then_some(InputError { offset: None, kind, recovery: Recovery::Nothing })
    }
}
