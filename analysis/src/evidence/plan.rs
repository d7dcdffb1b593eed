// SPDX-License-Identifier: BSD-2-Clause
//! Rules resolved: for each event of a stack and a kernel, what it is and which rows of the tables say
//! what. This is worked out when the event is first met.

use std::collections::HashMap;

use bblog_dissector::bblog::id as bblog_id;
use bblog_dissector::event::RecordContext;
use bblog_dissector::spec::{
    EventSpec, FieldSpec, Kernel, NameTable, Stack, UNKNOWN, Unit, ValueNames, When,
};
use bblog_dissector::tables;

use super::facts::StopReason;
use super::rules::{
    ECN, EVERY, EventRole, FACTS, HYSTART_ENDS, ROLES, RuleLog, STOPS, ValueRole, ValueTable, WAYS_OUT,
    WayOut,
};
use crate::item::RecordItem;
use crate::tcp::timer::{Fires, Timer};

/// Stacks and kernels that the tables distinguish.
const STACKS: usize = 4;
const KERNELS: usize = 3;
/// Numbers that a BBLog event can have.
const EVENTS: usize = 256;

/// What an event says.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) role: EventRole,
    pub(super) fires: Fires,
    pub(super) reads: Box<[PlannedRow]>,
    /// Whether the record is made outside the processing of a segment, so that its state holds.
    pub(super) settles: bool,
}

/// A row to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct PlannedRow {
    pub(super) fact: ValueRole,
    /// Its index among the event's rows.
    pub(super) row: usize,
    /// A row that must not be there.
    pub(super) unless: Option<usize>,
}

/// The rules, resolved for the events met so far.
///
/// Make one and use it for all connections: it does not depend on them.
#[derive(Debug)]
pub struct Plans {
    srtt_units: [[Unit; KERNELS]; STACKS],
    pub(super) names: Meanings,
    bblog: Vec<Option<Box<Plan>>>,
    /// By the address of what describes the event.
    eventlog: HashMap<usize, Plan>,
}

impl Default for Plans {
    fn default() -> Plans {
        Plans::new()
    }
}

impl Plans {
    /// Nothing resolved yet.
    pub fn new() -> Plans {
        let mut bblog = Vec::new();
        bblog.resize_with(STACKS * KERNELS * EVENTS, || None);
        let units = |stack: Stack| Kernel::ALL.map(|kernel| srtt_unit(stack, kernel));
        let srtt_units = [Stack::Unknown, Stack::Freebsd, Stack::Rack, Stack::Bbr].map(units);
        Plans { srtt_units, names: Meanings::new(), bblog, eventlog: HashMap::new() }
    }

    /// The unit of records' smoothed RTT.
    #[inline]
    pub(super) fn srtt_unit(&self, context: RecordContext) -> Unit {
        self.srtt_units[context.stack as usize][context.kernel as usize]
    }

    /// What the BBLog event `id` says.
    #[inline]
    pub(super) fn bblog(&mut self, context: RecordContext, id: u8) -> (&Plan, &Meanings) {
        let at = (context.stack as usize * KERNELS + context.kernel as usize) * EVENTS + usize::from(id);
        let plan = self.bblog[at].get_or_insert_with(|| Box::new(of_bblog(context, id)));
        (plan, &self.names)
    }

    /// Whether a record may be about a segment sent or received, or a timer that fired.
    #[inline]
    pub(crate) fn says_of_segments(&mut self, item: &RecordItem<'_>) -> bool {
        let id = item.record.event_id();
        let Some(spec) = tables::event(id) else { return false };
        // Most events can be neither, whatever the stack: their rules need not be resolved.
        if spec.timers.is_empty() && spec.alerts.is_empty() && !matches!(id, bblog_id::IN | bblog_id::OUT) {
            return false;
        }
        let (plan, _) = self.bblog(item.context, id);
        matches!(plan.role, EventRole::In | EventRole::Out) || plan.fires != Fires::Never
    }

    /// What an eventlog event that `spec` describes says.
    #[inline]
    pub(super) fn eventlog(&mut self, spec: &'static EventSpec) -> (&Plan, &Meanings) {
        let address = std::ptr::from_ref(spec) as usize;
        let plan = self.eventlog.entry(address).or_insert_with(|| of(RuleLog::Eventlog, spec, |_| true));
        (plan, &self.names)
    }
}

fn of_bblog(context: RecordContext, id: u8) -> Plan {
    let RecordContext { stack, kernel, .. } = context;
    let holds = |when: &When| when.stacks & stack.bit() != 0 && when.kernels & kernel.bit() != 0;
    of(RuleLog::Bblog, tables::event(id).unwrap_or(&UNKNOWN), holds)
}

fn of(log: RuleLog, spec: &'static EventSpec, holds: impl Fn(&When) -> bool) -> Plan {
    let role = ROLES.iter().find(|rule| rule.log == log && rule.event == spec.name);
    let rows = |name: &'static str| {
        let rows = spec.fields.iter().enumerate();
        rows.filter(move |(_, row)| row.name == name).filter(|(_, row)| holds(row.when)).map(|(at, _)| at)
    };
    let rules = FACTS.iter().filter(|rule| rule.log == log && [spec.name, EVERY].contains(&rule.event));
    let reads = rules.flat_map(|rule| {
        let unless = rows(rule.unless).next();
        rows(rule.value).map(move |row| PlannedRow { fact: rule.fact, row, unless }).collect::<Vec<_>>()
    });
    let reads: Box<[PlannedRow]> = reads.collect();
    let role = role.map_or(EventRole::None, |rule| rule.role);
    let settles = role != EventRole::None || reads.iter().any(|read| read.fact == ValueRole::Stop);
    Plan { role, fires: Fires::of(spec, &holds), reads, settles }
}

fn srtt_unit(stack: Stack, kernel: Kernel) -> Unit {
    let holds = |row: &&FieldSpec| {
        row.name == "srtt" && row.when.stacks & stack.bit() != 0 && row.when.kernels & kernel.bit() != 0
    };
    tables::RECORD.iter().find(holds).map_or(Unit::None, |row| row.unit)
}

/// What names of values stand for.
#[derive(Debug)]
pub(super) struct Meanings {
    pub(super) ecn: u32,
    /// Values of every record's cwnd that mean "not set".
    pub(super) unset_cwnd: &'static [(u64, u64)],
    /// Values of a window that no kernel writes.
    implausible_window: &'static [(u64, u64)],
}

impl Meanings {
    fn new() -> Meanings {
        let cwnd = tables::RECORD.iter().find(|row| row.name == "snd_cwnd");
        let unset_cwnd = cwnd.map_or(&[][..], |row| row.unset);
        let implausible_window = cwnd.map_or(&[][..], |row| row.implausible);
        Meanings {
            unset_cwnd,
            implausible_window,
            ecn: ECN.into_iter().map(bit).fold(0, |all, one| all | one),
        }
    }

    /// Whether a congestion window is one that means "not set".
    #[inline]
    pub(super) fn is_unset_cwnd(&self, cwnd: u32) -> bool {
        self.unset_cwnd.iter().any(|&(from, to)| (from..=to).contains(&cwnd.into()))
    }

    /// Whether a window is one that no kernel writes.
    #[inline]
    pub(super) fn is_implausible_window(&self, window: u32) -> bool {
        self.implausible_window.iter().any(|&(from, to)| (from..=to).contains(&window.into()))
    }

    /// The reason that `value` of `row` is.
    pub(super) fn stop(row: &FieldSpec, value: i64) -> Option<StopReason> {
        meaning(row, value, &STOPS)
    }

    /// The way out that `value` of `row` is.
    pub(super) fn way_out(row: &FieldSpec, value: i64) -> Option<WayOut> {
        meaning(row, value, &WAYS_OUT)
    }

    /// Whether `value` of `row` is a step of HyStart++ that ends slow start.
    pub(super) fn ends_slow_start(row: &FieldSpec, value: i64) -> bool {
        meaning(row, value, &HYSTART_ENDS).is_some()
    }

    /// The timer that `value` of `row` is.
    pub(super) fn timer(row: &FieldSpec, value: i64) -> Option<Timer> {
        Timer::of_value(row, value)
    }

    /// Whether `value` of `row` has the flag called `name`.
    pub(super) fn has_flag(row: &FieldSpec, value: i64, name: &str) -> Option<bool> {
        let ValueNames::Flags(table) = row.names else { return None };
        let mask = table.values.iter().find(|flag| flag.1 == name)?.0;
        Some(value & mask != 0)
    }
}

fn meaning<T: Copy>(row: &FieldSpec, value: i64, meanings: &ValueTable<T>) -> Option<T> {
    let ValueNames::Enum(table) = row.names else { return None };
    if table.name != meanings.table {
        return None;
    }
    meanings.values.iter().find(|known| known.0 == value).map(|known| known.1)
}

/// The mask of a flag; 0 if no row has a table of that name.
fn bit((table, flag): (&str, &str)) -> u32 {
    let rows = tables::RECORD.iter().chain(events().flat_map(|event| event.fields));
    let mut tables = rows.filter_map(|row| match row.names {
        ValueNames::Flags(names) if names.name == table => Some(names),
        _ => None,
    });
    tables.next().and_then(|names: &NameTable| mask_of(names, flag)).unwrap_or(0)
}

fn mask_of(names: &NameTable, flag: &str) -> Option<u32> {
    names.values.iter().find(|value| value.1 == flag).map(|value| value.0 as u32)
}

fn events() -> impl Iterator<Item = &'static EventSpec> {
    (0..=u8::MAX).filter_map(tables::event)
}

#[cfg(test)]
mod tests {
    use bblog_dissector::catalog::Catalog;

    use super::*;
    use crate::evidence::rules::armed;

    fn tcp() -> Vec<&'static EventSpec> {
        let catalog = Catalog::builtin();
        let of_tcp = catalog.providers().iter().filter(|provider| provider.name == "tcp");
        let mut events: Vec<&EventSpec> = of_tcp.flat_map(|provider| provider.events).collect();
        events.push(Catalog::event(None, bblog_dissector::elog::SESSION_END));
        events
    }

    /// Every event, value and name that the rules go by is one of the tables.
    #[test]
    fn names_are_known() {
        let (bblog, tcp): (Vec<_>, Vec<_>) = (events().collect(), tcp());
        let of_log = |log: RuleLog| if log == RuleLog::Bblog { &bblog } else { &tcp };
        for rule in ROLES {
            assert!(of_log(rule.log).iter().any(|event| event.name == rule.event), "{}", rule.event);
        }
        for rule in FACTS {
            let events = of_log(rule.log).iter().filter(|event| [event.name, EVERY].contains(&rule.event));
            let rows: Vec<&FieldSpec> = events.flat_map(|event| event.fields).collect();
            for name in [rule.value, rule.unless].into_iter().filter(|name| !name.is_empty()) {
                assert!(rows.iter().any(|row| row.name == name), "{name} of {}", rule.event);
            }
        }
        let all: Vec<&FieldSpec> = bblog.iter().chain(&tcp).flat_map(|event| event.fields).collect();
        let has = |table: &str, value: i64| {
            let mut tables = all.iter().filter_map(|row| match row.names {
                ValueNames::Enum(names) | ValueNames::Flags(names) if names.name == table => Some(names),
                _ => None,
            });
            tables.any(|names| names.values.iter().any(|known| known.0 == value))
        };
        STOPS.values.iter().for_each(|stop| assert!(has(STOPS.table, stop.0), "{stop:?}"));
        WAYS_OUT.values.iter().for_each(|way| assert!(has(WAYS_OUT.table, way.0), "{way:?}"));
        HYSTART_ENDS.values.iter().for_each(|end| assert!(has(HYSTART_ENDS.table, end.0)));
        for bit in [armed::PACED, armed::PERSIST] {
            assert!(has("pace_tmr", bit.into()), "{bit:#x}");
        }
    }

    #[test]
    fn flags_and_values_are_found() {
        let names = Plans::new().names;
        assert!(names.ecn != 0 && names.is_unset_cwnd(65535 << 14));
    }

    /// Each stack's reason for a stop is read, and each timer's name is known.
    #[test]
    fn stops_and_timers_of_stacks() {
        for stack in [Stack::Rack, Stack::Bbr] {
            for kernel in Kernel::ALL {
                let context = RecordContext::new(stack, kernel);
                let plans: Vec<Plan> = (0..=u8::MAX).map(|id| of_bblog(context, id)).collect();
                assert!(plans.iter().any(|plan| plan.reads.iter().any(|read| read.fact == ValueRole::Stop)));
                let fires = plans.iter().filter_map(|plan| match &plan.fires {
                    Fires::ByStep(timers) => Some(timers),
                    _ => None,
                });
                for timer in [Timer::Rto, Timer::Tlp, Timer::Rack, Timer::Persist, Timer::Keepalive] {
                    assert!(fires.clone().flatten().any(|known| known.1 == timer), "{timer:?}");
                }
            }
        }
        let thirteen = RecordContext::new(Stack::Freebsd, Kernel::Freebsd13);
        let rto = (0..=u8::MAX).map(|id| of_bblog(thirteen, id)).find(|plan| plan.fires != Fires::Never);
        assert_eq!(rto.map(|plan| plan.fires), Some(Fires::ByAlert(Timer::Rto)));
    }
}
