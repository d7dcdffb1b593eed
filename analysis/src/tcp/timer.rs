// SPDX-License-Identifier: BSD-2-Clause
//! Timers that fire, under one name for all stacks and both logs.

use bblog_dissector::event::Event;
use bblog_dissector::spec::{ALL, EventSpec, FieldSpec, Stack, TimerVerb, ValueNames, When};
use bblog_dissector::tables;

/// A timer of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Timer {
    /// The retransmission timeout.
    Rto,
    /// The tail loss probe.
    Tlp,
    /// RACK's reordering timer.
    Rack,
    /// The persist timer: the peer's window is closed.
    Persist,
    /// The keepalive timer.
    Keepalive,
    /// The delayed ACK timer.
    DelayedAck,
    /// The pacer.
    Pacing,
    /// The timer that ends TIME_WAIT.
    TwoMsl,
}

impl Timer {
    /// All of them.
    pub const ALL: [Timer; 8] = [
        Timer::Rto,
        Timer::Tlp,
        Timer::Rack,
        Timer::Persist,
        Timer::Keepalive,
        Timer::DelayedAck,
        Timer::Pacing,
        Timer::TwoMsl,
    ];

    /// Its name as a value of `bblog.timer_fired`: `RTO`, `TLP`, `2MSL`.
    pub fn name(self) -> &'static str {
        match self {
            Timer::Rto => "RTO",
            Timer::Tlp => "TLP",
            Timer::Rack => "RACK",
            Timer::Persist => "PERSIST",
            Timer::Keepalive => "KEEPALIVE",
            Timer::DelayedAck => "DELACK",
            Timer::Pacing => "PACING",
            Timer::TwoMsl => "2MSL",
        }
    }

    /// Whether it fires because something sent was not answered in time: what was in flight is lost or
    /// late.
    pub fn is_loss(self) -> bool {
        matches!(self, Timer::Rto | Timer::Tlp | Timer::Rack)
    }

    /// The timer called `name`.
    pub fn from_name(name: &str) -> Option<Timer> {
        Timer::ALL.into_iter().find(|timer| timer.name() == name)
    }

    /// The events of BBLog that say of this timer that it fired, of those that some of `stacks`
    /// ([`Stack::bit`]s) log in a way of their own.
    pub fn events(self, stacks: u8) -> impl Iterator<Item = &'static EventSpec> {
        let of_stacks = move |when: &When| when.stacks != ALL && when.stacks & stacks != 0;
        tables::EVENTS.iter().filter(move |spec| match Fires::of(spec, of_stacks) {
            Fires::ByStep(values) => values.iter().any(|(_, timer)| *timer == self),
            Fires::Never | Fires::ByAlert(_) => false,
        })
    }

    /// The stacks ([`Stack::bit`]s) that log in BBLog that it fired.
    pub fn stacks(self) -> u8 {
        let logs = |stack: Stack| {
            let of_stack = |when: &When| when.stacks & stack.bit() != 0;
            let mut events = tables::EVENTS.iter().filter(|spec| spec.writers & stack.bit() != 0);
            events.any(|spec| match Fires::of(spec, of_stack) {
                Fires::ByStep(values) => values.iter().any(|(_, timer)| *timer == self),
                Fires::ByAlert(timer) => timer == self,
                Fires::Never => false,
            })
        };
        let known = Stack::ALL.into_iter().filter(|stack| *stack != Stack::Unknown && logs(*stack));
        known.fold(0, |stacks, stack| stacks | stack.bit())
    }

    /// The timer that fired, if `event` says that one did.
    pub fn fired_by(event: &Event<'_>) -> Option<Timer> {
        match event.timer() {
            Some((step, field)) if step.does == TimerVerb::Fires => {
                let field = field?;
                Timer::of_value(field.spec, field.value.as_int()?)
            }
            Some(_) => None,
            None => {
                let mut alerts = event.alerts();
                alerts
                    .find_map(|alert| ALERTS.iter().find(|known| known.0 == alert.name))
                    .map(|known| known.1)
            }
        }
    }

    /// The timer that `value` of `row` stands for. Of the several that flags may name, the pacer's comes last: it
    /// runs beside any other.
    pub fn of_value(row: &FieldSpec, value: i64) -> Option<Timer> {
        let table = match row.names {
            ValueNames::Enum(table) => table,
            ValueNames::Flags(table) => {
                let flags = FLAGS.iter().find(|known| known.0 == table.name)?.1;
                return flags.iter().find(|known| known.0 & value != 0).map(|known| known.1);
            }
            ValueNames::None => return None,
        };
        let values = VALUES.iter().find(|known| known.0 == table.name)?.1;
        values.iter().find(|known| known.0 == value).map(|known| known.1)
    }
}

/// The timers that run, as far as events say: a set of [`Timer`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RunningTimers(u8);

impl RunningTimers {
    /// Whether `timer` runs.
    pub fn has(self, timer: Timer) -> bool {
        self.0 & RunningTimers::bit(timer) != 0
    }

    /// Takes in what `event` does to timers. Flags that name what is armed name all that run; a value names one.
    pub fn take(&mut self, event: &Event<'_>) {
        let Some((step, field)) = event.timer() else { return };
        let named = field.and_then(|field| Some((field.spec, field.value.as_int()?)));
        let timers = named.map_or(RunningTimers::STACK, |(row, value)| RunningTimers::of_value(row, value));
        let is_all = named.is_some_and(|(row, _)| matches!(row.names, ValueNames::Flags(_)));
        match step.does {
            TimerVerb::Starts if is_all => *self = timers,
            TimerVerb::Starts => self.0 |= timers.0,
            // The pacer goes on when the stack's timer is stopped.
            TimerVerb::Stops if is_all => self.0 &= !(timers.0 & RunningTimers::STACK.0),
            TimerVerb::Stops | TimerVerb::Fires => self.0 &= !timers.0,
            TimerVerb::Handles => {}
        }
    }

    /// A segment was sent: the pacer let it go.
    pub fn sent(&mut self) {
        self.0 &= !RunningTimers::bit(Timer::Pacing);
    }

    /// All timers but the pacer.
    const STACK: RunningTimers = RunningTimers(!RunningTimers::bit(Timer::Pacing));

    const fn bit(timer: Timer) -> u8 {
        1 << timer as u8
    }

    /// The timers that `value` of `row` stands for.
    fn of_value(row: &FieldSpec, value: i64) -> RunningTimers {
        let ValueNames::Flags(table) = row.names else {
            return RunningTimers(Timer::of_value(row, value).map_or(0, RunningTimers::bit));
        };
        let flags = FLAGS.iter().find(|known| known.0 == table.name).map_or(&[][..], |known| known.1);
        RunningTimers(
            flags
                .iter()
                .filter(|known| known.0 & value != 0)
                .fold(0, |set, known| set | RunningTimers::bit(known.1)),
        )
    }
}

/// The tables of flags that name timers (PACE_ of tcp_hpts.h), the pacer's last.
const FLAGS: &[(&str, &[(i64, Timer)])] = &[(
    "pace_tmr",
    &[
        (0x8, Timer::Rto),
        (0x4, Timer::Tlp),
        (0x2, Timer::Rack),
        (0x10, Timer::Persist),
        (0x20, Timer::Keepalive),
        (0x1, Timer::DelayedAck),
        (0x40, Timer::Pacing),
    ],
)];

/// The tables of value names that name timers, and what their values stand for: the kernel's numbers (PACE_TMR_ of
/// tcp_log_buf.h, TT_ of tcp_timer.h, eventlog's timer_reason).
const VALUES: &[(&str, &[(i64, Timer)])] = &[
    (
        "to_frm",
        &[
            (1, Timer::Rto),
            (2, Timer::Tlp),
            (3, Timer::Rack),
            (4, Timer::Keepalive),
            (5, Timer::Persist),
            (6, Timer::DelayedAck),
        ],
    ),
    ("to_ret", &[(-1, Timer::Pacing)]),
    (
        "tt_which",
        &[
            (0, Timer::Rto),
            (1, Timer::Persist),
            (2, Timer::Keepalive),
            (3, Timer::TwoMsl),
            (4, Timer::DelayedAck),
        ],
    ),
    (
        "timer_reason",
        &[
            (0, Timer::Pacing),
            (1, Timer::DelayedAck),
            (2, Timer::Rack),
            (3, Timer::Tlp),
            (4, Timer::Rto),
            (5, Timer::Persist),
            (6, Timer::Keepalive),
            (7, Timer::TwoMsl),
        ],
    ),
];

/// Whether an event says that a timer fired, resolved once for each event of a stack and a kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fires {
    /// It never does.
    #[default]
    Never,
    /// A step of the table says so, and a value names the timer: values and what they stand for.
    ByStep(Vec<(i64, Timer)>),
    /// An alert says so: a log that has no more than that.
    ByAlert(Timer),
}

/// Alerts that name a timer where no step does.
const ALERTS: &[(&str, Timer)] = &[("rto", Timer::Rto)];

impl Fires {
    /// What `spec` says where `holds` is true of its conditions on stack and kernel.
    pub(crate) fn of(spec: &'static EventSpec, holds: impl Fn(&When) -> bool) -> Fires {
        let fires = spec.timers.iter().find(|step| step.does == TimerVerb::Fires && holds(&step.when));
        if let Some(step) = fires {
            let rows = step.rows.iter().filter_map(|&row| spec.fields.get(usize::from(row)));
            let values = rows.flat_map(|row| {
                let ValueNames::Enum(table) = row.names else { return Vec::new() };
                let known = table.values.iter().map(|value| value.0);
                known.filter_map(|value| Some((value, Timer::of_value(row, value)?))).collect()
            });
            return Fires::ByStep(values.collect());
        }
        let alert = spec.alerts.iter().filter(|alert| holds(&alert.when)).find_map(|alert| {
            let name = tables::ALERTS.get(usize::from(alert.kind))?.name;
            ALERTS.iter().find(|known| known.0 == name)
        });
        alert.map_or(Fires::Never, |alert| Fires::ByAlert(alert.1))
    }

    /// The timer that fired by this event.
    #[inline]
    pub(crate) fn timer(&self, event: &Event<'_>) -> Option<Timer> {
        match self {
            Fires::Never => None,
            Fires::ByStep(values) => {
                let (step, field) = event.timer()?;
                if step.does != TimerVerb::Fires {
                    return None;
                }
                let value = field?.value.as_int()?;
                values.iter().find(|known| known.0 == value).map(|known| known.1)
            }
            Fires::ByAlert(timer) => event.alerts().next().is_some().then_some(*timer),
        }
    }
}
