// SPDX-License-Identifier: BSD-2-Clause
//! Gaps without progress, and what caused them.
//!
//! Progress is an advance of snd_una, or new data sent. A gap with data in flight or unsent is a stall when it is
//! longer than two smoothed RTTs and than 200 ms; after a retransmission timeout, than two smoothed RTTs. A gap
//! with nothing to send is one when it is longer than a second.

use bblog_dissector::Micros;

use crate::limits::limit::Limit;
use crate::measure::transmit::Retransmission;
use crate::tcp::timer::Timer;

/// What caused a stall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StallCause {
    /// The last segments of a burst were lost, so no ACK showed that they were missing.
    TailLoss,
    /// The tail loss probe was lost, too.
    ProbeLost,
    /// Nothing of what was in flight was acknowledged.
    FlightLost,
    /// What was sent again was lost again.
    RetransmissionLost,
    /// Too few segments were in flight to give enough duplicate ACKs.
    FewDuplicateAcks,
    /// A loss was repaired without a timer, slowly.
    SlowRepair,
    /// The ACKs were late: nothing was lost, and what was sent again the peer had.
    LateAcks,
    /// The peer's window was closed or full.
    ZeroWindow,
    /// The application had nothing to send.
    ApplicationSilent,
    /// Sends failed.
    SendFailed,
    /// The pacer held output back.
    Pacing,
    /// The peer did not answer a SYN, a FIN or a keepalive.
    PeerSilent,
    /// Records are missing.
    LogGap,
    /// The log does not say.
    Unknown,
}

impl StallCause {
    /// All of them.
    pub const ALL: [StallCause; 14] = [
        StallCause::TailLoss,
        StallCause::ProbeLost,
        StallCause::FlightLost,
        StallCause::RetransmissionLost,
        StallCause::FewDuplicateAcks,
        StallCause::SlowRepair,
        StallCause::LateAcks,
        StallCause::ZeroWindow,
        StallCause::ApplicationSilent,
        StallCause::SendFailed,
        StallCause::Pacing,
        StallCause::PeerSilent,
        StallCause::LogGap,
        StallCause::Unknown,
    ];

    /// Its name in JSON: `tail_loss`.
    pub fn name(self) -> &'static str {
        match self {
            StallCause::TailLoss => "tail_loss",
            StallCause::ProbeLost => "probe_lost",
            StallCause::FlightLost => "flight_lost",
            StallCause::RetransmissionLost => "retransmission_lost",
            StallCause::FewDuplicateAcks => "few_duplicate_acks",
            StallCause::SlowRepair => "slow_repair",
            StallCause::LateAcks => "late_acks",
            StallCause::ZeroWindow => "zero_window",
            StallCause::ApplicationSilent => "application_silent",
            StallCause::SendFailed => "send_failed",
            StallCause::Pacing => "pacing",
            StallCause::PeerSilent => "peer_silent",
            StallCause::LogGap => "log_gap",
            StallCause::Unknown => "unknown",
        }
    }

    /// Whether loss is behind it.
    pub fn is_loss(self) -> bool {
        use StallCause::{FewDuplicateAcks, FlightLost, ProbeLost, RetransmissionLost, SlowRepair, TailLoss};
        matches!(self, TailLoss | ProbeLost | FlightLost | RetransmissionLost | FewDuplicateAcks | SlowRepair)
    }
}

/// What ended a stall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum StallEnd {
    /// New data was acknowledged.
    Ack,
    /// New data was sent, or written to be sent.
    NewData,
    /// The connection ended.
    ConnectionEnd,
    /// The log ends.
    LogEnd,
}

impl StallEnd {
    /// All of them.
    pub const ALL: [StallEnd; 4] =
        [StallEnd::Ack, StallEnd::NewData, StallEnd::ConnectionEnd, StallEnd::LogEnd];

    /// Its name in JSON: `log_end`.
    pub fn name(self) -> &'static str {
        match self {
            StallEnd::Ack => "ack",
            StallEnd::NewData => "new_data",
            StallEnd::ConnectionEnd => "connection_end",
            StallEnd::LogEnd => "log_end",
        }
    }
}

/// A gap without progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stall {
    /// When it begins: the last progress before it.
    pub start: Micros,
    /// When it ends.
    pub end: Micros,
    /// What caused it.
    pub cause: StallCause,
    /// What ended it.
    pub ended_by: StallEnd,
    /// Number of the item that it begins with.
    pub first_number: u64,
    /// Number of the item that ends it.
    pub last_number: u64,
    /// Bytes in flight in it.
    pub flight: u32,
    /// Size of a segment, bytes; 0 if it is not known.
    pub mss: u32,
    /// Segments sent again in it.
    pub resent: u32,
    /// How often each timer fired in it, by [`Timer`].
    pub fired: [u16; Timer::ALL.len()],
    /// Duplicate ACKs in it.
    pub dupacks: u32,
    /// Records missing in it; 0 for a log gap of records that were passed over.
    pub missing: u32,
    /// The error number of a send that failed in it.
    pub errno: Option<i32>,
    /// Whether the connection was not established yet.
    pub in_handshake: bool,
    /// The unacknowledged range when it began.
    pub(crate) range: (u32, u32),
}

impl Stall {
    /// Its length, microseconds.
    pub fn us(&self) -> u64 {
        (self.end - self.start).0.max(0) as u64
    }

    /// How often `timer` fired in it.
    pub fn fired(&self, timer: Timer) -> u16 {
        self.fired[timer as usize]
    }

    /// Segments in flight, at least 1 if anything was.
    pub fn segments(&self) -> u32 {
        match self.mss {
            0 => u32::from(self.flight > 0),
            mss => self.flight.div_ceil(mss),
        }
    }
}

/// Two smoothed RTTs, this, and the retransmission timeout: what a gap must exceed, microseconds.
const STALL_US: u64 = 200_000;
/// What a gap must exceed while there is nothing to send, microseconds.
const PAUSE_US: u64 = 1_000_000;
/// Stalls kept; of more the longest are.
const MAX_KEPT: usize = 64;

/// The connection now, as far as stalls go by it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Situation {
    pub(crate) now: Micros,
    pub(crate) number: u64,
    pub(crate) una: u32,
    pub(crate) max: u32,
    /// Whether data is in flight or unsent.
    pub(crate) waiting: bool,
    pub(crate) unsent: u32,
    pub(crate) mss: u32,
    pub(crate) srtt_us: u32,
    pub(crate) in_handshake: bool,
    pub(crate) fin_sent: bool,
    pub(crate) window_closed: bool,
    pub(crate) dupacks: u32,
}

impl Situation {
    /// Bytes in flight.
    fn flight(&self) -> u32 {
        crate::tcp::seq::distance(self.una, self.max)
    }
}

/// A gap that goes on.
#[derive(Clone, Copy, Debug)]
struct Gap {
    begin: Situation,
    resent: u32,
    /// How often what is at snd_una was sent again.
    head_resent: u16,
    fired: [u16; Timer::ALL.len()],
    dupacks: u32,
    missing: u32,
    /// Records in it are not known.
    is_broken: bool,
    /// A timer may have fired, the log does not say which.
    timer_cut: bool,
    errno: Option<i32>,
    window_closed: bool,
    fin_sent: bool,
    /// It, or the burst before it, began with an ACK of new data.
    after_ack: bool,
}

/// Finds stalls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stalls {
    gap: Option<Gap>,
    kept: Vec<Stall>,
    /// Stalls that are not kept.
    pub(crate) more: u32,
    /// The last stall, by its place.
    last: Option<usize>,
}

impl Stalls {
    /// Stalls so far, in order of time.
    pub(crate) fn kept(&self) -> Vec<Stall> {
        let mut stalls = self.kept.clone();
        stalls.sort_by_key(|stall| (stall.start, stall.first_number));
        stalls
    }

    /// The first item, or progress: a gap begins.
    fn begin(&mut self, situation: &Situation, after_ack: bool) {
        self.gap = Some(Gap {
            begin: *situation,
            resent: 0,
            head_resent: 0,
            fired: [0; Timer::ALL.len()],
            dupacks: situation.dupacks,
            missing: 0,
            is_broken: false,
            timer_cut: false,
            errno: None,
            window_closed: situation.window_closed,
            fin_sent: situation.fin_sent,
            after_ack,
        });
    }

    /// The stall that ended last.
    pub(crate) fn last(&self) -> Option<&Stall> {
        self.kept.get(self.last?)
    }

    /// A timer fired.
    pub(crate) fn fired(&mut self, timer: Timer) {
        if let Some(gap) = &mut self.gap {
            let count = &mut gap.fired[timer as usize];
            *count = count.saturating_add(1);
        }
    }

    /// A timer may have fired, the log does not say which.
    pub(crate) fn timer_cut(&mut self) {
        if let Some(gap) = &mut self.gap {
            gap.timer_cut = true;
        }
    }

    /// A segment was sent again.
    pub(crate) fn resent(&mut self, again: &Retransmission) {
        if let Some(gap) = &mut self.gap {
            gap.resent = gap.resent.saturating_add(1);
            if again.start == gap.begin.una {
                gap.head_resent = gap.head_resent.saturating_add(1);
            }
        }
    }

    /// A segment turned out not to have been sent.
    pub(crate) fn not_sent(&mut self, errno: i32, was_again: bool) {
        if let Some(gap) = &mut self.gap {
            gap.errno = Some(errno);
            gap.resent -= u32::from(was_again).min(gap.resent);
        }
    }

    /// Records are missing, or if none is, were passed over.
    pub(crate) fn gap(&mut self, missing: u32) {
        if let Some(gap) = &mut self.gap {
            gap.missing = gap.missing.saturating_add(missing);
            gap.is_broken = true;
        }
    }

    /// Takes in how the connection is now. Returns whether a stall ended.
    #[inline]
    pub(crate) fn observe(&mut self, situation: &Situation, limit: Limit) -> bool {
        let Some(gap) = &mut self.gap else {
            self.begin(situation, false);
            return false;
        };
        let acked = crate::tcp::seq::before(gap.begin.una, situation.una);
        // A probe of the closed window is no progress.
        let sent = crate::tcp::seq::before(gap.begin.max, situation.max) && !situation.window_closed;
        if !acked && !sent && gap.begin.waiting == situation.waiting {
            gap.dupacks = gap.dupacks.max(situation.dupacks);
            gap.window_closed |= situation.window_closed;
            gap.fin_sent |= situation.fin_sent;
            gap.begin.max = if situation.window_closed { situation.max } else { gap.begin.max };
            return false;
        }
        let gap = *gap;
        let ended_by = if acked { StallEnd::Ack } else { StallEnd::NewData };
        let ended = self.end(&gap, situation, ended_by, limit);
        // A burst goes on with each segment; it began after an ACK if its first one did.
        let after_ack = acked || (gap.after_ack && !ended && gap.begin.waiting);
        self.begin(situation, after_ack);
        ended
    }

    /// No item follows: the gap ends here.
    pub(crate) fn finish(&mut self, situation: &Situation, ended_by: StallEnd, limit: Limit) {
        if let Some(gap) = self.gap.take() {
            self.end(&gap, situation, ended_by, limit);
        }
        self.kept.shrink_to_fit();
    }

    /// The peer says that it received a range twice: the last stall's retransmission was not needed.
    pub(crate) fn duplicate(&mut self, range: (u32, u32)) {
        let last = self.last.and_then(|last| self.kept.get_mut(last));
        let Some(stall) = last.filter(|stall| stall.resent > 0) else { return };
        let within = !crate::tcp::seq::before(range.0, stall.range.0)
            && !crate::tcp::seq::before(stall.range.1, range.1);
        if within && stall.cause.is_loss() && stall.resent <= 1 {
            stall.cause = StallCause::LateAcks;
        }
    }

    fn end(&mut self, gap: &Gap, now: &Situation, ended_by: StallEnd, limit: Limit) -> bool {
        let us = (now.now - gap.begin.now).0.max(0) as u64;
        if us <= threshold(gap) || (now.fin_sent && !gap.begin.waiting) {
            return false;
        }
        let stall = Stall {
            start: gap.begin.now,
            end: now.now,
            cause: cause(gap, limit),
            ended_by,
            first_number: gap.begin.number,
            last_number: now.number,
            flight: gap.begin.flight(),
            mss: gap.begin.mss.max(now.mss),
            resent: gap.resent,
            fired: gap.fired,
            dupacks: gap.dupacks,
            missing: gap.missing,
            errno: gap.errno,
            in_handshake: gap.begin.in_handshake,
            range: (gap.begin.una, now.max),
        };
        self.keep(stall);
        true
    }

    fn keep(&mut self, stall: Stall) {
        self.last = None;
        let mut at = self.kept.len();
        if at < MAX_KEPT {
            self.kept.push(stall);
        } else {
            self.more += 1;
            let shortest = self.kept.iter().enumerate().min_by_key(|(_, kept)| kept.us());
            match shortest {
                Some((place, kept)) if kept.us() < stall.us() => at = place,
                _ => return,
            }
            self.kept[at] = stall;
        }
        self.last = Some(at);
    }
}

/// How long a gap may last, microseconds.
fn threshold(gap: &Gap) -> u64 {
    if !gap.begin.waiting {
        return PAUSE_US;
    }
    let rtts = 2 * u64::from(gap.begin.srtt_us);
    if gap.fired[Timer::Rto as usize] > 0 { rtts } else { rtts.max(STALL_US) }
}

/// The cause of a gap; `limit` was the state when it ended.
fn cause(gap: &Gap, limit: Limit) -> StallCause {
    let fired = |timer: Timer| gap.fired[timer as usize];
    let (rto, tlp, rack) = (fired(Timer::Rto), fired(Timer::Tlp), fired(Timer::Rack));
    if gap.is_broken {
        return StallCause::LogGap;
    }
    if !gap.begin.waiting {
        return StallCause::ApplicationSilent;
    }
    if gap.begin.in_handshake {
        return StallCause::PeerSilent;
    }
    if gap.errno.is_some() && gap.resent == 0 {
        return StallCause::SendFailed;
    }
    if gap.window_closed || fired(Timer::Persist) > 0 {
        return StallCause::ZeroWindow;
    }
    if gap.timer_cut {
        return StallCause::Unknown;
    }
    if rto + tlp + rack == 0 && gap.resent == 0 {
        return match limit {
            Limit::ReceiverWindow => StallCause::ZeroWindow,
            Limit::Pacing => StallCause::Pacing,
            Limit::SendError => StallCause::SendFailed,
            _ if gap.fin_sent && gap.begin.flight() <= 1 => StallCause::PeerSilent,
            _ if gap.begin.flight() > 0 => StallCause::LateAcks,
            _ => StallCause::Unknown,
        };
    }
    if rto > 0 && tlp > 0 {
        return StallCause::ProbeLost;
    }
    if rto > 1 || gap.head_resent > 1 || tlp > 1 {
        return if tlp > 1 { StallCause::ProbeLost } else { StallCause::RetransmissionLost };
    }
    if rto + tlp == 0 {
        return StallCause::SlowRepair;
    }
    if rto > 0 && gap.dupacks > 0 && gap.begin.flight() < 4 * gap.begin.mss.max(1) {
        return StallCause::FewDuplicateAcks;
    }
    if rto > 0 && gap.dupacks > 2 {
        return StallCause::RetransmissionLost;
    }
    // With more to send behind it, what was lost is no tail; and a burst that nothing is acknowledged of is a
    // flight of its own.
    if gap.after_ack && gap.begin.unsent < gap.begin.mss.max(1) {
        StallCause::TailLoss
    } else {
        StallCause::FlightLost
    }
}
