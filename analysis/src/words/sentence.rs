// SPDX-License-Identifier: BSD-2-Clause
//! What stalls and accounts say in words.

use std::fmt::{self, Write};

use bblog_dissector::Micros;
use bblog_dissector::counted::Counted;
use bblog_dissector::spec::ValueNames;

use crate::follow::account::Account;
use crate::limits::limit::Limit;
use crate::limits::stall::{Stall, StallCause, StallEnd};
use crate::tcp::timer::Timer;
use crate::words::quantity::{Between, Percent, TimeText, were};

impl Stall {
    /// What happened, in a sentence without a period; times are relative to `first`:
    /// `0.107-0.366 s: the last 4 segments of a burst were lost and 2 tail loss probes too; ended when new data
    /// was sent`.
    pub fn text(&self, first: Micros) -> String {
        let mut text = Between((self.start - first).0, (self.end - first).0).to_string();
        text.push_str(": ");
        // Writing to a String does not fail.
        let _ = self.happened(&mut text);
        text.push_str(self.ending());
        text
    }

    fn happened(&self, text: &mut String) -> fmt::Result {
        let segments = Counted(self.segments().into(), "segment");
        let was = if self.segments() == 1 { "was" } else { "were" };
        match self.cause {
            StallCause::TailLoss if self.segments() == 1 => {
                write!(text, "the last segment of a burst was lost{}", self.timers())
            }
            StallCause::TailLoss => {
                write!(text, "the last {segments} of a burst {was} lost{}", self.timers())
            }
            StallCause::ProbeLost => self.probes_lost(text),
            StallCause::FlightLost => {
                write!(text, "all {segments} in flight {was} lost or unanswered{}", self.timers())
            }
            StallCause::RetransmissionLost => {
                let resent = Counted(self.resent.into(), "retransmission");
                write!(
                    text,
                    "of {segments} in flight one was lost, and {resent} did not help{}",
                    self.timers()
                )
            }
            StallCause::FewDuplicateAcks => write!(
                text,
                "{segments} in flight gave {}: too few to send again before the timeout",
                Counted(self.dupacks.into(), "duplicate ACK")
            ),
            StallCause::SlowRepair => {
                write!(
                    text,
                    "a loss was repaired slowly, {} sent again",
                    Counted(self.resent.into(), "segment")
                )
            }
            StallCause::LateAcks if self.resent > 0 => {
                write!(text, "the ACKs of {segments} were late; the peer had what was sent again")
            }
            StallCause::LateAcks => write!(text, "the ACKs of {segments} were late"),
            StallCause::ZeroWindow => {
                let probes = u64::from(self.fired(Timer::Persist));
                write!(text, "the peer's window was closed or full")?;
                if probes > 0 { write!(text, ", probed {}", Counted(probes, "time")) } else { Ok(()) }
            }
            StallCause::ApplicationSilent => write!(text, "the application had nothing to send"),
            StallCause::SendFailed => match self.errno {
                Some(errno) => write!(text, "a send failed ({})", errno_name(errno)),
                None => write!(text, "a send failed"),
            },
            StallCause::Pacing => write!(text, "the pacer held output back"),
            StallCause::PeerSilent => self.silent(text),
            StallCause::LogGap if self.missing == 0 => write!(text, "records were passed over"),
            StallCause::LogGap => {
                write!(text, "{} missing in the log", Counted(self.missing.into(), "record"))
            }
            StallCause::Unknown => write!(text, "no progress, and the log does not say why"),
        }
    }

    /// The last segments of a burst, and what was sent to probe for them.
    fn probes_lost(&self, text: &mut String) -> fmt::Result {
        let tlps = u64::from(self.fired(Timer::Tlp));
        match self.segments() {
            1 => write!(text, "the last segment of a burst was lost")?,
            segments => write!(text, "the last {segments} segments of a burst were lost")?,
        }
        write!(text, " and {} too", Counted(tlps, "tail loss probe"))?;
        match u64::from(self.fired(Timer::Rto)) {
            0 => Ok(()),
            rtos => write!(text, ", so the retransmission timer fired {}", Counted(rtos, "time")),
        }
    }

    fn silent(&self, text: &mut String) -> fmt::Result {
        let keepalives = u64::from(self.fired(Timer::Keepalive));
        if self.in_handshake {
            write!(text, "the SYN was not answered")?;
            match u64::from(self.resent) {
                0 => Ok(()),
                resent => write!(text, " and sent again {}", Counted(resent, "time")),
            }
        } else if keepalives > 0 {
            write!(text, "the peer left {} unanswered", Counted(keepalives, "keepalive"))
        } else {
            write!(text, "the peer left our FIN unanswered")
        }
    }

    /// The timers that fired, in brackets.
    fn timers(&self) -> String {
        let fired = [Timer::Tlp, Timer::Rack, Timer::Rto].map(|timer| (timer, self.fired(timer)));
        let fired: Vec<String> = fired
            .iter()
            .filter(|fired| fired.1 > 0)
            .map(|(timer, times)| format!("{times} {}", timer.name()))
            .collect();
        if fired.is_empty() { String::new() } else { format!(" ({})", fired.join(", ")) }
    }

    fn ending(&self) -> &'static str {
        match (self.ended_by, self.cause) {
            (StallEnd::Ack, StallCause::PeerSilent) => "; then it was answered",
            (StallEnd::Ack, _) => "; ended when data was acknowledged",
            (StallEnd::NewData, StallCause::ApplicationSilent) => "",
            (StallEnd::NewData, _) => "; ended when new data was sent",
            (StallEnd::ConnectionEnd, _) => "; the connection ended so",
            (StallEnd::LogEnd, _) => "; the log ends so",
        }
    }
}

/// The name of an error number of FreeBSD: `no buffers (ENOBUFS)`.
pub fn errno_name(errno: i32) -> String {
    record_name("errno", errno.into()).map_or_else(|| format!("error {errno}"), str::to_owned)
}

/// The name of a TCP state of tcp_fsm.h: `ESTABLISHED`; `None` if there is no such state.
pub fn state_name(state: u8) -> Option<&'static str> {
    record_name("state", state.into())
}

/// The name that the tables have for a value of every record.
fn record_name(row: &str, value: i64) -> Option<&'static str> {
    match bblog_dissector::tables::RECORD.iter().find(|known| known.name == row)?.names {
        ValueNames::Enum(table) => table.get(value),
        ValueNames::Flags(_) | ValueNames::None => None,
    }
}

impl Account {
    /// What limited it, in one or two sentences.
    pub fn verdict(&self) -> String {
        let mut text = String::new();
        // Writing to a String does not fail.
        let _ = self.first_sentence(&mut text);
        if let Some(stall) = self.worst_stall() {
            let _ = write!(text, " Longest stall: {}.", stall.text(self.first));
        }
        text
    }

    /// The longest stall, if it is a tenth of the time and not the application's.
    fn worst_stall(&self) -> Option<&Stall> {
        let stalls = self.stalls.iter().filter(|stall| stall.cause != StallCause::ApplicationSilent);
        let longest = stalls.max_by_key(|stall| stall.us())?;
        (self.established && longest.us() * 10 >= self.duration_us).then_some(longest)
    }

    fn first_sentence(&self, text: &mut String) -> fmt::Result {
        let Some(main) = self.sending.main() else {
            return write!(text, "The log holds no time of this connection.");
        };
        let of = Of(self, main);
        match main {
            Limit::Handshake => self.never_established(text),
            Limit::Application => {
                write!(text, "The application limits it: nothing was left to send for {of}.")
            }
            Limit::CongestionWindow => {
                write!(text, "The congestion window limits it: it was full for {of}{}.", self.windows())
            }
            Limit::ReceiverWindow => {
                write!(text, "The peer's window limits it: it was full or closed for {of}")?;
                match self.tally.zero_windows {
                    0 => write!(text, "."),
                    closed => write!(text, ", closed {}.", Counted(closed.into(), "time")),
                }
            }
            Limit::Pacing => write!(text, "The pacer limits it: it held segments back for {of}."),
            Limit::Recovery => write!(
                text,
                "Loss limits it: for {of} lost segments were sent again, {} in {}.",
                Counted(self.sent.retransmissions, "retransmission"),
                Counted(self.recoveries.into(), "recovery episode")
            ),
            Limit::Timeout => write!(
                text,
                "Loss limits it: for {of} what was in flight was lost or unanswered and only a timer helped ({}).",
                self.loss_timers()
            ),
            Limit::SendBuffer => write!(
                text,
                "The send buffer limits it: for {of} it was full, all of it was in flight, and the writer waited \
                 for ACKs (inferred)."
            ),
            Limit::SendError => {
                let failed = self.failed.iter().map(|failed| u64::from(failed.1)).sum();
                write!(
                    text,
                    "Failed sends limit it: nothing left for {of}, {} failed.",
                    Counted(failed, "send")
                )
            }
            Limit::Sending => write!(
                text,
                "Nothing limits it but the CPU or the interface: segments left back to back for {of}."
            ),
            Limit::Closing => write!(text, "All was sent: it was closing for {of}."),
            Limit::Unknown => {
                write!(text, "The log does not say what limits it: records or members are missing for {of}.")
            }
        }
    }

    fn never_established(&self, text: &mut String) -> fmt::Result {
        let time = TimeText(self.duration_us);
        match (self.handshake.refused, self.handshake.syns) {
            _ if self.established => write!(text, "The log ends with the handshake, after {time}."),
            (true, _) => write!(text, "Never established: the peer refused it (RST) after {time}."),
            (false, 0) => write!(text, "Never established in {time}."),
            (false, syns) => {
                write!(text, "Never established: {} not answered in {time}.", were(syns.into(), "SYN"))
            }
        }
    }

    /// The range of cwnd and the RTT.
    fn windows(&self) -> String {
        let mut text = String::new();
        if let Some((least, greatest)) = self.cwnd {
            let _ = write!(text, "; cwnd was {least} to {greatest} bytes");
        }
        if let Some(rtt) = self.rtts.percentile_us(50) {
            let _ = write!(text, " at an RTT of {}", TimeText(rtt.into()));
        }
        text
    }

    /// The loss timers that fired.
    fn loss_timers(&self) -> String {
        let timers = [(Timer::Rto, "RTO"), (Timer::Tlp, "TLP"), (Timer::Rack, "RACK timer")];
        let fired = timers.iter().map(|(timer, name)| Counted(self.fired(*timer).into(), name));
        let fired: Vec<String> = fired.filter(|count| count.0 > 0).map(|count| count.to_string()).collect();
        fired.join(", ")
    }

    /// The rate that the peer's largest window allows at the least RTT, bits per second.
    pub(crate) fn window_rate(&self) -> Option<u64> {
        let rtt = u64::from(self.rtts.min_us()?).max(1);
        Some(u64::from(self.tally.largest_window) * 8_000_000 / rtt)
    }
}

/// The time in a state: `1.30 of 1.50 s (87 %)`.
struct Of<'a>(&'a Account, Limit);

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Of(account, limit) = *self;
        let (time, all) = (account.sending.time_us(limit), account.duration_us);
        write!(f, "{} of {} ({})", TimeText(time), TimeText(all), Percent(account.sending.share(limit)))
    }
}
