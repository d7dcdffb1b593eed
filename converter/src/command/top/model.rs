// SPDX-License-Identifier: BSD-2-Clause
//! What is shown after which events: connections as they are now. No terminal, no clock of this machine.

use std::collections::HashMap;

use bblog_analysis::{Account, Connection, Limit, Number, Wanted, state_name};
use bblog_dissector::Micros;
use foldhash::fast::RandomState;

use super::connection::{ConnectionIdentity, TrackedConnection};
use super::history::Sample;
use super::last_event::LastEvent;
use super::notable::Notable;
use super::recent::{self, ByLimit, Bytes};
use crate::event::decode::{DecodedItem, ItemAnalysis, ItemDecoder};
use crate::event::follow::Follower;
use crate::event::item::{Clock, LogItem};
use crate::select::filter::Filter;

/// States in which time is lost.
const LOST: [Limit; 3] = [Limit::Recovery, Limit::Timeout, Limit::SendError];

/// The connections of a live input.
///
/// Memory is bounded: some 20 kB for each connection that is followed, and those are at most as many as given.
pub struct Model {
    follower: Follower,
    decoder: ItemDecoder,
    connections: HashMap<Number, Box<TrackedConnection>, RandomState>,
    filter: Option<Filter>,
    counts: ModelCounts,
}

/// Counts of everything that was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ModelCounts {
    /// Records and events of all kinds.
    pub events: u64,
    /// Records missing by their serial numbers (BBLog).
    pub lost: u64,
    /// Connections that had to make room for others.
    pub forgotten: u64,
    /// The latest time of any event, and its clock.
    pub now: Option<(Clock, Micros)>,
}

/// A connection as it is now.
#[derive(Clone)]
pub struct ConnectionLine {
    /// Its number in order of appearance.
    pub number: Number,
    /// The ends and names that identify it.
    pub identity: ConnectionIdentity,
    /// The TCP state: `ESTABLISHED`.
    pub state: Option<&'static str>,
    /// Whether its end was seen.
    pub is_ended: bool,
    /// The time of its last event.
    pub last: Micros,
    /// How long ago its last event was by the clock of all events, microseconds.
    pub age_us: u64,
    /// Bytes of its last ten seconds.
    pub bytes: Bytes,
    /// How much of the ten seconds the log has, microseconds.
    pub recent_us: u64,
    /// Bits acknowledged per second, in the last ten seconds.
    pub goodput_bps: Option<u64>,
    /// The smoothed round-trip time, microseconds.
    pub srtt_us: Option<u32>,
    /// The least round-trip time logged, or the smoothed one if that is less, microseconds.
    pub min_rtt_us: Option<u32>,
    /// The congestion window, bytes.
    pub cwnd: Option<u32>,
    /// Bytes in flight.
    pub flight: Option<u32>,
    /// What limits it now; `None` of a group whose connections differ.
    pub limit: Option<Limit>,
    /// Time in each state of the last ten seconds, microseconds.
    pub recent: ByLimit,
    /// Time lost since it is followed, microseconds: in recovery, waiting for timers, and with failed sends.
    pub lost_us: u64,
    /// The last notable event.
    pub notable: Option<Notable>,
    /// Of a group: how many connections it has.
    pub members: usize,
}

impl ConnectionLine {
    /// The state that took most of the last ten seconds, and its share of them, 0 to 1.
    pub fn recent_main(&self) -> Option<(Limit, f64)> {
        let all: u64 = self.recent.iter().sum();
        let main = Limit::ALL.into_iter().rev().max_by_key(|&limit| self.recent[limit as usize])?;
        (all > 0).then(|| (main, self.recent[main as usize] as f64 / all as f64))
    }

    /// The time lost in the last ten seconds, microseconds.
    pub fn recent_lost_us(&self) -> u64 {
        lost(&self.recent)
    }
}

/// The time of these that is lost.
fn lost(times: &ByLimit) -> u64 {
    LOST.iter().map(|&limit| times[limit as usize]).sum()
}

/// Everything that is shown of one connection.
pub struct Detail {
    /// As in the table.
    pub line: ConnectionLine,
    /// Its time, stalls and notes, if no event followed.
    pub account: Account,
    /// How its values went, the oldest first.
    pub samples: Vec<Sample>,
    /// The length of a sample, microseconds.
    pub sample_us: u64,
    /// What happened that matters, the oldest first.
    pub notables: Vec<Notable>,
}

impl Model {
    /// One that follows at most `most` connections at a time, and has seen nothing yet.
    pub fn new(most: usize) -> Model {
        Model {
            follower: Follower::bounded(Wanted { spans: true }, most),
            decoder: ItemDecoder::new(),
            connections: HashMap::default(),
            filter: None,
            counts: ModelCounts::default(),
        }
    }

    /// Takes in the next record or event, which is of input number `input`.
    #[inline]
    pub fn feed(&mut self, input: usize, item: LogItem<'_>) {
        let mut decoded = self.decoder.decode(input, item);
        self.count(&decoded);
        let Some((number, step)) = self.follower.feed(input, decoded.number, &decoded.item) else { return };
        for (over, _) in self.follower.take_closed() {
            self.connections.remove(&over);
        }
        let Some(connection) = self.follower.latest_mut() else { return };
        let kept = self.connections.entry(number).or_default();
        kept.take(connection, &step, &decoded);
        if let Some(filter) = &mut self.filter {
            decoded.analysis = Some(ItemAnalysis { step, stall: None });
            if filter.selects(&decoded) {
                kept.selected = Some(connection.last());
            }
        }
    }

    fn count(&mut self, decoded: &DecodedItem<'_>) {
        let (clock, time) = (decoded.item.clock(), decoded.item.time());
        let counts = &mut self.counts;
        counts.events += 1;
        if let LogItem::Bblog(item) = &decoded.item {
            counts.lost += u64::from(item.missing);
        }
        counts.now = Some((clock, counts.now.map_or(time, |(_, now)| now.max(time))));
    }

    /// What was counted so far.
    pub fn counts(&self) -> ModelCounts {
        ModelCounts { forgotten: self.follower.forgotten(), ..self.counts }
    }

    /// From now on, only connections with an event in their last ten seconds that `filter` selects are shown;
    /// the last event of each, and its last segment, count whenever they were. All are followed nevertheless.
    pub fn set_filter(&mut self, filter: Option<Filter>) {
        self.filter = filter;
        for kept in self.connections.values_mut() {
            kept.selected = None;
            let Some(filter) = &mut self.filter else { continue };
            for mut decoded in kept.last_events.iter().filter_map(LastEvent::decoded) {
                decoded.analysis = kept.step.map(|step| ItemAnalysis { step, stall: None });
                if filter.selects(&decoded) {
                    // As if it were now: it is the last there was.
                    kept.selected = Some(kept.last);
                }
            }
        }
    }

    /// The connections that are followed and that the filter selects, in order of appearance. Sockets without a
    /// connection are left out.
    pub fn lines(&self) -> Vec<ConnectionLine> {
        let mut lines: Vec<ConnectionLine> = self
            .follower
            .followed()
            .filter_map(|(number, connection)| {
                let kept = self.connections.get(&number)?;
                self.is_shown(connection, kept).then(|| self.line(number, connection, kept))
            })
            .collect();
        lines.sort_unstable_by_key(|line| line.number);
        lines
    }

    fn is_shown(&self, connection: &Connection, kept: &TrackedConnection) -> bool {
        let nowhere = kept.identity.addresses.is_none_or(|(_, remote)| remote.port() == 0);
        let is_listener = connection.is_listener() || (nowhere && !connection.facts().established);
        let is_recent = |at: Micros| connection.last().0.saturating_sub(at.0) <= recent::WINDOW_US;
        !is_listener && (self.filter.is_none() || kept.selected.is_some_and(is_recent))
    }

    fn line(&self, number: Number, connection: &Connection, kept: &TrackedConnection) -> ConnectionLine {
        let (facts, last) = (connection.facts(), connection.last());
        let first = connection.first().unwrap_or(last);
        let mut limits = kept.limits;
        connection.unsettled_spans().for_each(|span| recent::add(&mut limits, &span));
        let sums = kept.recent.sums(first, last, connection.unsettled_spans());
        let now = self.counts.now.map_or(last, |(_, now)| now);
        let bits = u128::from(sums.bytes.acked) * 8_000_000;
        let rate = bits.checked_div(u128::from(sums.us)).and_then(|rate| u64::try_from(rate).ok());
        ConnectionLine {
            number,
            identity: kept.identity.clone(),
            state: facts.tcp_state.and_then(state_name),
            is_ended: connection.is_ended(),
            last,
            age_us: now.0.saturating_sub(last.0).max(0).unsigned_abs(),
            bytes: sums.bytes,
            recent_us: sums.us,
            goodput_bps: rate.filter(|_| connection.acked_bytes().is_some()),
            srtt_us: connection.srtt_us(),
            // A smoothed time below all that were logged is made of some that were not.
            min_rtt_us: connection.rtts().min_us().into_iter().chain(connection.srtt_us()).min(),
            cwnd: facts.cwnd,
            flight: facts.flight(),
            limit: kept.step.map(|step| step.limit),
            recent: sums.limits,
            lost_us: lost(&limits),
            notable: kept.notables.back().copied(),
            members: 1,
        }
    }

    /// Everything that is shown of connection `number`; `None` if it is not followed any more.
    pub fn detail(&self, number: Number) -> Option<Detail> {
        let kept = self.connections.get(&number)?;
        let (_, connection) = self.follower.followed().find(|(of, _)| *of == number)?;
        Some(Detail {
            line: self.line(number, connection, kept),
            account: connection.account(),
            samples: kept.history.samples().copied().collect(),
            sample_us: kept.history.width_us(),
            notables: kept.notables.iter().copied().collect(),
        })
    }
}
