// SPDX-License-Identifier: BSD-2-Clause
//! What an event changes in the summary of its connection, as a table. Names are those of the tables of events
//! and of their fields and values.

use bblog_dissector::event::{Event, Field};
use bblog_dissector::spec::{Unit, ValueNames};

/// Which log a rule is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Log {
    /// BBLog, whatever the stack.
    Bblog,
    /// The `tcp` provider of eventlog(9).
    Tcp,
}

/// A row: what an event tells.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) log: Log,
    /// The event's name, or [`EVERY`].
    pub(super) event: &'static str,
    /// Values that the event must have, by their names.
    pub(super) needs: &'static [(&'static str, &'static str)],
    /// Values that it must not have; an empty name stands for any.
    pub(super) unless: &'static [(&'static str, &'static str)],
    pub(super) tells: Tells,
}

/// Every event; such rules look at what all events have in common.
pub(super) const EVERY: &str = "*";

/// What is told; the string is the name of the value that tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tells {
    /// A segment was sent or received.
    Segment,
    /// The retransmit timer fired.
    Rto,
    /// The timer of a tail loss probe fired.
    Tlp,
    /// Loss recovery begins.
    Recovery,
    /// Flags of which one is set as long as the connection is in loss recovery.
    RecoveryFlag(&'static str, &'static str),
    /// A round-trip time.
    Rtt(RttKind, &'static str),
    /// The congestion window.
    Cwnd(&'static str),
    /// The TCP state.
    State(&'static str),
    /// The stack.
    Stack(&'static str),
    /// The congestion control algorithm.
    Cc(&'static str),
    /// The log id.
    LogId(&'static str),
    /// The connection, or its log, ends.
    End,
    /// Why it ends: every value whose name begins like this.
    EndReasons(&'static str),
}

/// How a round-trip time came about. Of several kinds a connection's first one here is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RttKind {
    /// One sample.
    Sample = 0,
    /// What the stack goes by after one or more samples.
    Used = 1,
    /// The smoothed RTT, after every event.
    Smoothed = 2,
}

/// How many kinds there are.
pub(super) const RTT_KINDS: usize = 3;

const fn rule(log: Log, event: &'static str, tells: Tells) -> Rule {
    Rule { log, event, needs: &[], unless: &[], tells }
}

use self::Log::{Bblog, Tcp};

/// Before a connection is open its window is the largest there can be, which limits nothing.
const NOT_OPEN: &[(&str, &str)] =
    &[("state", "CLOSED"), ("state", "LISTEN"), ("state", "SYN_SENT"), ("state", "SYN_RECEIVED")];

/// The table.
pub(super) static RULES: &[Rule] = &[
    rule(Bblog, "IN", Tells::Segment),
    rule(Bblog, "OUT", Tells::Segment),
    // FreeBSD 13 fills no members, and logs the retransmit timer only.
    Rule { unless: &[("timer", "")], ..rule(Bblog, "RTO", Tells::Rto) },
    Rule { needs: &[("timer", "RTO"), ("action", "fired")], ..rule(Bblog, "RTO", Tells::Rto) },
    Rule { needs: &[("timer", "RTO")], ..rule(Bblog, "BBR_LOG_RTO", Tells::Rto) },
    Rule { needs: &[("timer", "TLP")], ..rule(Bblog, "BBR_LOG_RTO", Tells::Tlp) },
    rule(Bblog, EVERY, Tells::RecoveryFlag("t_flags", "FASTRECOVERY")),
    // RACK logs a sample twice: as computed, with its send time, and as taken.
    Rule { unless: &[("send_time", "")], ..rule(Bblog, "RTT", Tells::Rtt(RttKind::Sample, "rtt")) },
    rule(Bblog, "BBRRTT", Tells::Rtt(RttKind::Used, "rtt")),
    rule(Bblog, EVERY, Tells::Rtt(RttKind::Smoothed, "srtt")),
    Rule { unless: NOT_OPEN, ..rule(Bblog, EVERY, Tells::Cwnd("snd_cwnd")) },
    rule(Bblog, EVERY, Tells::State("state")),
    rule(Bblog, "CONNEND", Tells::End),
    rule(Bblog, "CONNEND", Tells::EndReasons("end_reason")),
    rule(Tcp, "IN", Tells::Segment),
    rule(Tcp, "OUT", Tells::Segment),
    rule(Tcp, "IN", Tells::State("state")),
    rule(Tcp, "OUT", Tells::State("state")),
    rule(Tcp, "OUT", Tells::Cwnd("cwnd")),
    rule(Tcp, "CWND", Tells::Cwnd("cwnd")),
    rule(Tcp, "ENTER_RECOVERY", Tells::Cwnd("cwnd")),
    rule(Tcp, "EXIT_RECOVERY", Tells::Cwnd("cwnd")),
    rule(Tcp, "ENTER_RECOVERY", Tells::Recovery),
    rule(Tcp, "RTO", Tells::Rto),
    Rule { needs: &[("reason", "TLP")], ..rule(Tcp, "TIMER_FIRED", Tells::Tlp) },
    rule(Tcp, "RTT_SAMPLE", Tells::Rtt(RttKind::Sample, "rtt")),
    rule(Tcp, "RTT", Tells::Rtt(RttKind::Used, "rtt")),
    rule(Tcp, "CONN_PARAMS", Tells::Stack("tcp_stack")),
    rule(Tcp, "CONN_PARAMS_V2", Tells::Stack("tcp_stack")),
    rule(Tcp, "TCP_STACK_CHANGE", Tells::Stack("tcp_stack")),
    rule(Tcp, "CONN_PARAMS", Tells::Cc("cc_algo")),
    rule(Tcp, "CONN_PARAMS_V2", Tells::Cc("cc_algo")),
    rule(Tcp, "CC_ALGO_CHANGE", Tells::Cc("cc_algo")),
    rule(Tcp, "LOG_ID", Tells::LogId("log_id")),
    rule(Tcp, "SESSION_END", Tells::End),
];

impl Rule {
    /// Whether the event has what the rule asks for.
    pub(super) fn applies(&self, event: &Event<'_>) -> bool {
        let is = |&(value, name): &(&str, &str)| {
            self.value(event, value).is_some_and(|field| name.is_empty() || value_name(&field) == Some(name))
        };
        self.needs.iter().all(is) && !self.unless.iter().any(is)
    }

    /// The value of that name.
    pub(super) fn value<'a>(&self, event: &Event<'a>, name: &str) -> Option<Field<'a>> {
        match self.event {
            EVERY => event.common().find(|field| field.spec.name == name),
            _ => event.get(name),
        }
    }
}

/// The name of a value that has one.
pub(super) fn value_name(field: &Field<'_>) -> Option<&'static str> {
    match field.spec.names {
        ValueNames::Enum(table) => table.get(field.value.as_int()?),
        ValueNames::Flags(_) | ValueNames::None => None,
    }
}

/// Whether the flag called `name` is set.
pub(super) fn has_flag(field: &Field<'_>, name: &str) -> bool {
    let ValueNames::Flags(table) = field.spec.names else { return false };
    let mask = table.values.iter().find(|flag| flag.1 == name).map_or(0, |flag| flag.0);
    field.value.as_int().is_some_and(|value| mask != 0 && value & mask == mask)
}

/// A span of time in microseconds; `None` for ticks of a machine whose hz is not known.
pub(super) fn micros(field: &Field<'_>) -> Option<u64> {
    let value = u64::try_from(field.value.as_int()?).ok()?;
    match (field.spec.unit, field.spec.unit.ticks_scale()) {
        (Unit::Us, _) => Some(value),
        (Unit::Ms, _) => Some(value.saturating_mul(1000)),
        (_, Some(scale)) => Some(value.saturating_mul(1_000_000) / scale / u64::from(field.hz?.get())),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use bblog_dissector::catalog::Catalog;
    use bblog_dissector::spec::EventSpec;
    use bblog_dissector::tables;

    use super::*;

    /// Every name in the table is one that the tables of events have.
    #[test]
    fn names_are_known() {
        let catalog = Catalog::builtin();
        let bblog: Vec<&EventSpec> = (0..=u8::MAX).filter_map(tables::event).collect();
        let tcp: Vec<&EventSpec> = catalog
            .providers()
            .iter()
            .filter(|provider| provider.name == "tcp")
            .flat_map(|provider| provider.events)
            .chain([Catalog::event(None, bblog_dissector::elog::SESSION_END)])
            .collect();
        for rule in RULES {
            let of_log = if rule.log == Bblog { &bblog } else { &tcp };
            let events: Vec<_> =
                of_log.iter().filter(|event| rule.event == EVERY || event.name == rule.event).collect();
            assert!(!events.is_empty(), "{}", rule.event);
            let has = |name: &str, is: &dyn Fn(&str) -> bool| {
                let rows = events.iter().flat_map(|event| event.fields).chain(tables::RECORD);
                assert!(rows.into_iter().any(|row| is(row.name)), "{} of {}", name, rule.event);
            };
            for need in rule.needs.iter().chain(rule.unless) {
                has(need.0, &|row| row == need.0);
                if need.1.is_empty() {
                    continue;
                }
                let rows = events.iter().flat_map(|event| event.fields).chain(tables::RECORD);
                let rows = rows.filter(|row| row.name == need.0);
                let mut names = rows.filter_map(|row| match row.names {
                    ValueNames::Enum(table) => Some(table.values),
                    _ => None,
                });
                assert!(names.any(|names| names.iter().any(|name| name.1 == need.1)), "{need:?}");
            }
            match rule.tells {
                Tells::RecoveryFlag(name, _)
                | Tells::Rtt(_, name)
                | Tells::Cwnd(name)
                | Tells::State(name)
                | Tells::Stack(name)
                | Tells::Cc(name)
                | Tells::LogId(name) => has(name, &|row| row == name),
                Tells::EndReasons(begin) => has(begin, &|row| row.starts_with(begin)),
                Tells::Segment | Tells::Rto | Tells::Tlp | Tells::Recovery | Tells::End => {}
            }
        }
    }
}
