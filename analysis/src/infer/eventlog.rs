// SPDX-License-Identifier: BSD-2-Clause
//! Ticks per second of a machine whose default stack wrote events of eventlog.
//!
//! Its RTT events hold a round-trip time in ticks, and the lowest one so far. With time stamps both come from the same
//! clock, the lowest one in milliseconds: a time of `l` ms is `l * hz / 1000` ticks, and one more is logged
//! (tcp_input.c: `TCP_TS_TO_TICKS(t) + 1`). So an event that changes the lowest one shows within which bounds hz is.

use std::collections::HashMap;

use bblog_dissector::elog::{RawEvent, SESSION_END};
use bblog_dissector::tcp_provider::{self, TicksRtt, id};

use super::hz::USUAL;
use super::{CLEARLY, ENOUGH, Inferred};

/// Sessions that are remembered.
const SESSIONS: usize = 4_096;
/// Samples after which a machine that nothing was concluded of is given up.
const MOST: u32 = 1_024;

/// What the events of one machine prove about its ticks per second.
#[derive(Clone, Debug, Default)]
pub struct EventlogTicks {
    sessions: HashMap<(u16, u64), SessionRtt>,
    /// How many samples each usual rate agrees with.
    votes: [u32; USUAL.len()],
    /// Samples that agree with any.
    samples: u32,
}

/// What of a session decides whether its next RTT is a sample.
#[derive(Clone, Copy, Debug, Default)]
struct SessionRtt {
    /// Time stamps were agreed on.
    has_timestamps: bool,
    /// Its beginning was seen: replays of a session that exists have no MSS.
    has_mss: bool,
    /// The lowest RTT logged last.
    lowest: Option<u32>,
}

impl EventlogTicks {
    /// Looks at an event of the `tcp` provider. Events come in the order in which they stand in the log.
    pub fn observe(&mut self, event: &RawEvent<'_>) {
        let key = (event.provider_id(), event.session_id());
        match event.event_id() {
            id::MSS => self.session(key).has_mss = true,
            id::CONN_PARAMS | id::A_CONN_PARAMS_V2 => {
                if let Some(has_timestamps) = tcp_provider::timestamps(event) {
                    self.session(key).has_timestamps = has_timestamps;
                }
            }
            id::RTT => {
                // RACK's are no ticks, and need no look for their session.
                if let Some(rtt) = tcp_provider::ticks_rtt(event)
                    && let Some(session) = self.sessions.get_mut(&key)
                    && session.next(rtt)
                {
                    self.sample(rtt);
                }
            }
            SESSION_END => drop(self.sessions.remove(&key)),
            _ => {}
        }
    }

    fn session(&mut self, key: (u16, u64)) -> &mut SessionRtt {
        if self.sessions.len() >= SESSIONS && !self.sessions.contains_key(&key) {
            self.sessions.clear();
        }
        self.sessions.entry(key).or_default()
    }

    /// Takes in a time that is known in ticks and in milliseconds.
    fn sample(&mut self, TicksRtt { rtt, lowest }: TicksRtt) {
        let whole = u64::from(rtt).saturating_sub(1) * 1000;
        let agrees = USUAL.map(|hz| {
            let scaled = u64::from(hz) * u64::from(lowest);
            (whole..whole + 1000).contains(&scaled)
        });
        // A time that no usual rate explains is of an event out of order.
        if !agrees.contains(&true) {
            return;
        }
        self.samples = self.samples.saturating_add(1);
        for (votes, agrees) in self.votes.iter_mut().zip(agrees) {
            *votes = votes.saturating_add(agrees.into());
        }
    }

    /// Ticks per second (kern.hz): the one usual rate that clearly most samples agree with.
    pub fn hz(&self) -> Option<Inferred<u32>> {
        let inferred = |(value, votes): (u32, u32)| Inferred { value, votes, against: self.samples - votes };
        let rates = USUAL.into_iter().zip(self.votes).map(inferred);
        let mut fitting = rates.filter(|rate| rate.votes > rate.against.saturating_mul(CLEARLY));
        fitting.next().filter(|_| fitting.next().is_none())
    }

    /// Whether more events can still change much.
    pub fn is_open(&self) -> bool {
        self.samples < ENOUGH || self.samples < MOST && self.hz().is_none()
    }
}

impl SessionRtt {
    /// Takes in the session's next RTT. Returns whether the lowest one is this one.
    fn next(&mut self, rtt: TicksRtt) -> bool {
        let is_new = self.lowest.replace(rtt.lowest).map_or(self.has_mss, |before| before != rtt.lowest);
        // 0 stands for none, and for one shorter than a millisecond.
        is_new && self.has_timestamps && rtt.lowest > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(session: u64, id: u32, payload: &[u8]) -> Vec<u8> {
        let mut event = vec![0; 32];
        event[..2].copy_from_slice(&(32 + payload.len() as u16).to_le_bytes());
        event[16..24].copy_from_slice(&session.to_le_bytes());
        event[24..28].copy_from_slice(&id.to_le_bytes());
        event.extend_from_slice(payload);
        event
    }

    fn parameters(flags: u8) -> Vec<u8> {
        let mut payload = [0; 64];
        payload[14] = flags;
        event(7, id::CONN_PARAMS, &payload)
    }

    fn rtt(ticks: u32, lowest: u32) -> Vec<u8> {
        let words = [ticks * 1000, 0, 0, lowest, 0, 0];
        event(7, id::RTT, &words.map(u32::to_le_bytes).concat())
    }

    fn hz(events: &[Vec<u8>]) -> Option<u32> {
        let mut ticks = EventlogTicks::default();
        for event in events {
            ticks.observe(&RawEvent::whole(event).unwrap());
        }
        ticks.hz().map(|inferred| inferred.value)
    }

    /// One session from its beginning, with this RTT in milliseconds.
    fn of(rate: u32, ms: u32) -> Option<u32> {
        hz(&[event(7, id::MSS, &[0; 4]), parameters(2), rtt(ms * rate / 1000 + 1, ms)])
    }

    #[test]
    fn usual_rates() {
        for rate in USUAL {
            assert_eq!(of(rate, 40), Some(rate));
        }
        assert_eq!(of(100, 9), None, "at 50, too, it is 1 tick");
        assert_eq!(of(1000, 1), Some(1000));
        assert_eq!(of(300, 40), None, "not a usual rate");
    }

    #[test]
    fn what_proves_nothing() {
        let (mss, with, without) = (event(7, id::MSS, &[0; 4]), parameters(2), parameters(0));
        // Without time stamps both are ticks.
        assert_eq!(hz(&[mss.clone(), without, rtt(4, 4)]), None);
        // The lowest one is from before the log; once it changes, it is not.
        assert_eq!(hz(&[with.clone(), rtt(21, 20)]), None);
        assert_eq!(hz(&[with.clone(), rtt(21, 20), rtt(19, 20)]), None);
        assert_eq!(hz(&[with.clone(), rtt(21, 20), rtt(2, 19)]), Some(100));
        // Another session under the same id.
        let end = event(7, SESSION_END, &[]);
        assert_eq!(hz(&[mss, with, rtt(1, 0), end, rtt(3, 20)]), None);
    }

    #[test]
    fn rack_has_no_ticks() {
        let words = [3000_u32, 1000, 1000, 20, 20, 20];
        let rack = event(7, id::RTT, &words.map(u32::to_le_bytes).concat());
        assert_eq!(hz(&[event(7, id::MSS, &[0; 4]), parameters(2), rack]), None);
    }
}
