// SPDX-License-Identifier: BSD-2-Clause
//! Rules resolved: for each event of a stack and a kernel, what it is and which rows of the tables tell
//! what. This is worked out when the event is first met.

use std::collections::HashMap;
use std::sync::LazyLock;

use bblog_dissector::bblog::Record;
use bblog_dissector::event::Context;
use bblog_dissector::spec::{
    ALL, EventSpec, FieldSpec, Kernel, NameTable, Names, Place, Stack, UNKNOWN, Unit, When,
};
use bblog_dissector::tables;

use super::facts::Stop;
use super::rules::{EVERY, FACTS, Fact, HYSTART_ENDS, Log, ROLES, Role, STOPS, WAYS_OUT, WayOut, bits};
use crate::timer::{Fires, Timer};

/// Stacks and kernels that the tables tell apart.
const STACKS: usize = 4;
const KERNELS: usize = 3;
/// Numbers that a BBLog event can have.
const EVENTS: usize = 256;

/// What an event tells.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) role: Role,
    pub(super) fires: Fires,
    pub(super) reads: Box<[Read]>,
    /// Whether the record is made outside the processing of a segment, so that its state holds.
    pub(super) settles: bool,
}

/// A row to read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read {
    pub(super) fact: Fact,
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
    pub(super) members: Members,
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
        Plans { members: Members::new(), names: Meanings::new(), bblog, eventlog: HashMap::new() }
    }

    /// What the BBLog event `id` tells.
    #[inline]
    pub(super) fn bblog(&mut self, context: Context, id: u8) -> (&Plan, &Members, &Meanings) {
        let at = (context.stack as usize * KERNELS + context.kernel as usize) * EVENTS + usize::from(id);
        let plan = self.bblog[at].get_or_insert_with(|| Box::new(of_bblog(context, id)));
        (plan, &self.members, &self.names)
    }

    /// What an eventlog event tells that `spec` describes.
    #[inline]
    pub(super) fn eventlog(&mut self, spec: &'static EventSpec) -> (&Plan, &Meanings) {
        let address = std::ptr::from_ref(spec) as usize;
        let plan = self.eventlog.entry(address).or_insert_with(|| of(Log::Eventlog, spec, |_| true));
        (plan, &self.names)
    }
}

fn of_bblog(context: Context, id: u8) -> Plan {
    let Context { stack, kernel } = context;
    let holds = |when: &When| when.stacks & stack.bit() != 0 && when.kernels & kernel.bit() != 0;
    of(Log::Bblog, tables::event(id).unwrap_or(&UNKNOWN), holds)
}

fn of(log: Log, spec: &'static EventSpec, holds: impl Fn(&When) -> bool) -> Plan {
    let role = ROLES.iter().find(|rule| rule.log == log && rule.event == spec.name);
    let rows = |name: &'static str| {
        let rows = spec.fields.iter().enumerate();
        rows.filter(move |(_, row)| row.name == name).filter(|(_, row)| holds(row.when)).map(|(at, _)| at)
    };
    let rules = FACTS.iter().filter(|rule| rule.log == log && [spec.name, EVERY].contains(&rule.event));
    let reads = rules.flat_map(|rule| {
        let unless = rows(rule.unless).next();
        rows(rule.value).map(move |row| Read { fact: rule.fact, row, unless }).collect::<Vec<_>>()
    });
    let reads: Box<[Read]> = reads.collect();
    let role = role.map_or(Role::None, |rule| rule.role);
    let settles = role != Role::None || reads.iter().any(|read| read.fact == Fact::Stop);
    Plan { role, fires: Fires::of(spec, &holds), reads, settles }
}

/// A member that every BBLog record has: 32 bits at a place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Member(usize);

impl Member {
    fn named(name: &str) -> Member {
        let row = tables::RECORD.iter().find(|row| row.name == name);
        Member(row.map_or(usize::MAX - 4, |row| usize::from(row.place.offset)))
    }

    /// Its value.
    #[inline]
    pub(super) fn get(self, record: &[u8]) -> Option<u32> {
        record.get(self.0..self.0 + 4)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }
}

/// The members of a record that are looked at.
#[derive(Debug)]
pub(super) struct Members {
    pub(super) state: Member,
    pub(super) iss: Member,
    pub(super) t_flags: Member,
    pub(super) t_flags2: Member,
    pub(super) snd_una: Member,
    pub(super) snd_max: Member,
    pub(super) snd_cwnd: Member,
    pub(super) snd_recover: Member,
    pub(super) snd_wnd: Member,
    pub(super) snd_ssthresh: Member,
    pub(super) srtt: Member,
    pub(super) rcv_adv: Member,
    pub(super) rcv_nxt: Member,
    pub(super) dupacks: Member,
    pub(super) seg_qlen: Member,
    pub(super) txb_acc: Member,
    /// Where the shift of the peer's windows lies, and its bits.
    snd_shift: Place,
    /// The unit of the smoothed RTT, by stack and kernel.
    srtt_units: [[Unit; KERNELS]; STACKS],
}

impl Members {
    fn new() -> Members {
        let units = |stack: Stack| {
            [Kernel::Freebsd13, Kernel::Freebsd14, Kernel::Main].map(|kernel| srtt_unit(stack, kernel))
        };
        let shift = tables::RECORD.iter().find(|row| row.name == "snd_shift");
        Members {
            state: Member::named("state"),
            iss: Member::named("iss"),
            t_flags: Member::named("t_flags"),
            t_flags2: Member::named("t_flags2"),
            snd_una: Member::named("snd_una"),
            snd_max: Member::named("snd_max"),
            snd_cwnd: Member::named("snd_cwnd"),
            snd_recover: Member::named("snd_recover"),
            snd_wnd: Member::named("snd_wnd"),
            snd_ssthresh: Member::named("snd_ssthresh"),
            srtt: Member::named("srtt"),
            rcv_adv: Member::named("rcv_adv"),
            rcv_nxt: Member::named("rcv_nxt"),
            dupacks: Member::named("dupacks"),
            seg_qlen: Member::named("seg_qlen"),
            txb_acc: Member::named("txb_acc"),
            snd_shift: shift.map_or(UNREADABLE, |row| row.place),
            srtt_units: [Stack::Unknown, Stack::Freebsd, Stack::Rack, Stack::Bbr].map(units),
        }
    }

    /// The shift of the peer's windows.
    #[inline]
    pub(super) fn shift(&self, record: &[u8]) -> Option<u8> {
        let byte = *record.get(usize::from(self.snd_shift.offset))?;
        let (low, high) = self.snd_shift.bits.unwrap_or((0, 7));
        Some(byte >> low & (u8::MAX >> (7 - (high - low))))
    }

    /// The unit of the smoothed RTT.
    #[inline]
    pub(super) fn srtt_unit(&self, context: Context) -> Unit {
        self.srtt_units[context.stack as usize][context.kernel as usize]
    }
}

/// The initial send sequence number of a record's connection; `None` where there is none yet.
pub(crate) fn iss(record: &Record<'_>) -> Option<u32> {
    static ISS: LazyLock<Member> = LazyLock::new(|| Member::named("iss"));
    ISS.get(record.as_bytes()).filter(|&iss| iss != 0)
}

/// A place that no record reaches.
const UNREADABLE: Place = Place {
    offset: u16::MAX,
    size: 1,
    bits: None,
    low: None,
    minus: None,
    order: bblog_dissector::spec::Order::Host,
    repeat: bblog_dissector::spec::Repeat::Once,
};

fn srtt_unit(stack: Stack, kernel: Kernel) -> Unit {
    let holds = |row: &&FieldSpec| {
        row.name == "srtt" && row.when.stacks & stack.bit() != 0 && row.when.kernels & kernel.bit() != 0
    };
    tables::RECORD.iter().find(holds).map_or(Unit::None, |row| row.unit)
}

/// What names of values stand for.
#[derive(Debug)]
pub(super) struct Meanings {
    pub(super) paced: u32,
    pub(super) persist: u32,
    pub(super) fast_recovery: u32,
    pub(super) congestion_recovery: u32,
    pub(super) sent_fin: u32,
    pub(super) sack: u32,
    pub(super) timestamps: u32,
    pub(super) scaling: u32,
    pub(super) ecn: u32,
}

impl Meanings {
    fn new() -> Meanings {
        Meanings {
            paced: bit(bits::PACED),
            persist: bit(bits::PERSIST),
            fast_recovery: bit(bits::FAST_RECOVERY),
            congestion_recovery: bit(bits::CONGESTION_RECOVERY),
            sent_fin: bit(bits::SENT_FIN),
            sack: bit(bits::SACK),
            timestamps: bit(bits::TIMESTAMPS),
            scaling: bit(bits::SCALING),
            ecn: bit(bits::ECN) | bit(bits::ACE),
        }
    }

    /// The reason that `value` of `row` is.
    pub(super) fn stop(row: &FieldSpec, value: i64) -> Option<Stop> {
        named(row, value, STOPS)
    }

    /// The way out that `value` of `row` is.
    pub(super) fn way_out(row: &FieldSpec, value: i64) -> Option<WayOut> {
        named(row, value, WAYS_OUT)
    }

    /// Whether `value` of `row` is a step of HyStart++ that ends slow start.
    pub(super) fn ends_slow_start(row: &FieldSpec, value: i64) -> bool {
        named(row, value, HYSTART_ENDS).is_some()
    }

    /// The timer that `value` of `row` is.
    pub(super) fn timer(row: &FieldSpec, value: i64) -> Option<Timer> {
        let Names::Enum(table) = row.names else { return None };
        Timer::named(table.get(value)?)
    }

    /// Whether `value` of `row` has the flag called `name`.
    pub(super) fn has_flag(row: &FieldSpec, value: i64, name: &str) -> Option<bool> {
        let Names::Flags(table) = row.names else { return None };
        let mask = table.values.iter().find(|flag| flag.1 == name)?.0;
        Some(value & mask != 0)
    }
}

fn named<T: Copy>(row: &FieldSpec, value: i64, meanings: &[(&str, T)]) -> Option<T> {
    let Names::Enum(table) = row.names else { return None };
    let name = table.get(value)?;
    meanings.iter().find(|known| known.0 == name).map(|known| known.1)
}

/// The mask of a flag; 0 if no row has a table of that name.
fn bit((table, flag): (&str, &str)) -> u32 {
    let rows = tables::RECORD.iter().chain(events().flat_map(|event| event.fields));
    let mut tables = rows.filter_map(|row| match row.names {
        Names::Flags(names) if names.name == table => Some(names),
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

const _: () = assert!(ALL == u8::MAX);

#[cfg(test)]
mod tests {
    use bblog_dissector::catalog::Catalog;

    use super::*;

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
        let of_log = |log: Log| if log == Log::Bblog { &bblog } else { &tcp };
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
        let all = bblog.iter().chain(&tcp).flat_map(|event| event.fields);
        let names: Vec<&str> = all
            .filter_map(|row| match row.names {
                Names::Enum(table) | Names::Flags(table) => Some(table.values),
                Names::None => None,
            })
            .flatten()
            .map(|value| value.1)
            .collect();
        let known = STOPS.iter().map(|stop| stop.0);
        let known = known.chain(WAYS_OUT.iter().map(|way| way.0)).chain(HYSTART_ENDS.iter().map(|end| end.0));
        for name in known {
            assert!(names.contains(&name), "{name}");
        }
    }

    #[test]
    fn members_and_flags_are_found() {
        let plans = Plans::new();
        let found = format!("{:?}", plans.members);
        assert!(!found.contains(&format!("Member({})", usize::MAX - 4)), "{found}");
        assert_ne!(plans.members.snd_shift.offset, u16::MAX);
        let masks = format!("{:?}", plans.names);
        assert!(!masks.contains(": 0"), "{masks}");
    }

    /// Each stack's reason for a stop is read, and each timer's name is known.
    #[test]
    fn stops_and_timers_of_stacks() {
        for stack in [Stack::Rack, Stack::Bbr] {
            for kernel in [Kernel::Freebsd13, Kernel::Freebsd14, Kernel::Main] {
                let context = Context { stack, kernel };
                let plans: Vec<Plan> = (0..=u8::MAX).map(|id| of_bblog(context, id)).collect();
                assert!(plans.iter().any(|plan| plan.reads.iter().any(|read| read.fact == Fact::Stop)));
                let fires = plans.iter().filter_map(|plan| match &plan.fires {
                    Fires::ByStep(timers) => Some(timers),
                    _ => None,
                });
                for timer in [Timer::Rto, Timer::Tlp, Timer::Rack, Timer::Persist, Timer::Keepalive] {
                    assert!(fires.clone().flatten().any(|known| known.1 == timer), "{timer:?}");
                }
            }
        }
        let thirteen = Context { stack: Stack::Freebsd, kernel: Kernel::Freebsd13 };
        let rto = (0..=u8::MAX).map(|id| of_bblog(thirteen, id)).find(|plan| plan.fires != Fires::Never);
        assert_eq!(rto.map(|plan| plan.fires), Some(Fires::ByAlert(Timer::Rto)));
    }
}
