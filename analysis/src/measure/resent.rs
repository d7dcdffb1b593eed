// SPDX-License-Identifier: BSD-2-Clause
//! What a connection sends again and why, and no more than that: at a fraction of what it costs to follow
//! the [`Connection`](crate::Connection), which gives the same retransmissions.

use bblog_dissector::Micros;
use bblog_dissector::bblog::Serial;

use crate::evidence::{Facts, ItemKind, Plans, read};
use crate::item::{Item, RecordItem};
use crate::measure::transmit::{Retransmission, Sent};

/// Follows what one connection sends again.
#[derive(Clone, Debug, Default)]
pub struct Resent {
    facts: Facts,
    sent: Sent,
    /// The serial number of the last BBLog record.
    serial: Option<u32>,
    /// The latest time of any event (eventlog).
    now: Option<Micros>,
}

impl Resent {
    /// Takes in the connection's next item; returns the segment if it is sent again.
    #[inline]
    pub fn feed(&mut self, plans: &mut Plans, item: &Item<'_>) -> Option<Retransmission> {
        let stack = match item {
            Item::Bblog(item) => {
                if self.is_repeated(item) || !plans.says_of_segments(item) {
                    return None;
                }
                Some(item.context.stack)
            }
            Item::Eventlog(_) => None,
        };
        let is_late = stack.is_none() && self.is_late(item.time());
        let una = self.facts.snd_una;
        let seen = read(plans, &mut self.facts, item);
        if let Some(timer) = seen.timer {
            self.sent.fired(timer);
        }
        if seen.timer_cut {
            self.sent.timer_cut();
        }
        match seen.kind {
            ItemKind::In(_) | ItemKind::Acked => {
                if let (Some(_), Some(una)) = (una, self.facts.snd_una) {
                    self.sent.acked(una);
                }
            }
            ItemKind::Out(segment, _) if is_late => self.sent.late(&segment),
            ItemKind::Out(segment, errno) => {
                return self.sent.segment(&segment, errno, stack, seen.sent_before);
            }
            ItemKind::NotSent(errno) => {
                self.sent.not_sent(errno);
            }
            ItemKind::UserWrite | ItemKind::Other | ItemKind::End => {}
        }
        None
    }

    /// Notes the time of an event. Whether it was logged late: several CPUs write a capture of eventlog, and not in
    /// order.
    #[inline]
    fn is_late(&mut self, time: Micros) -> bool {
        let now = self.now.map_or(time, |now| now.max(time));
        self.now = Some(now);
        time < now
    }

    /// Notes how a record follows the last one. Whether it was read before, as in files that overlap.
    #[inline]
    fn is_repeated(&mut self, item: &RecordItem<'_>) -> bool {
        let (serial, iss) = (item.record.serial(), item.record.iss());
        let follows = Serial::of(serial, self.serial.map(|last| last.wrapping_add(1)));
        if follows != Serial::Next {
            // Another connection has another initial sequence number, and begins with serial number 0.
            let is_other = match self.facts.iss {
                Some(_) if iss == 0 => serial == 0,
                Some(ours) => ours != iss,
                None => true,
            };
            match follows {
                _ if is_other => *self = Resent::default(),
                Serial::Restart => return true,
                Serial::Gap(_) | Serial::Next => {
                    self.sent.gap();
                    self.facts = Facts { iss: self.facts.iss, ..Facts::default() };
                }
            }
        }
        self.serial = Some(serial);
        if iss != 0 {
            self.facts.iss = Some(iss);
        }
        false
    }
}
