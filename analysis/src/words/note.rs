// SPDX-License-Identifier: BSD-2-Clause
//! What else is worth a sentence.

use crate::evidence::RttKind;
use crate::follow::account::Account;
use crate::limits::limit::Limit;
use crate::measure::handshake::Offer;
use crate::measure::slow_start::{SlowStart, SlowStartEnd};
use crate::measure::tally::EndSegment;
use crate::measure::transmit::Cause;
use crate::words::quantity::{Percent, RateText, TimeText, were};
use crate::words::sentence::errno_name;
use bblog_dissector::counted::Counted;

/// Something worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Note {
    /// Its kind: `never_established`, `rtt_inflation`.
    pub kind: &'static str,
    /// What it says, in a sentence.
    pub text: String,
    /// The numbers and words in it, by name.
    pub values: Vec<(&'static str, NoteValue)>,
}

/// A value of a note.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoteValue {
    /// A number, in the unit that its name says.
    Number(u64),
    /// A word.
    Word(&'static str),
}

/// RTTs that are needed before a rise of them is reported.
const ENOUGH_RTTS: u64 = 10;
/// A mean RTT this much above the least is reported, percent.
const INFLATED: u64 = 150;
/// A share of time from which the peer's window is reported as a cap.
const CAPPED: f64 = 0.1;

impl Account {
    /// What else is worth knowing.
    pub fn notes(&self) -> Vec<Note> {
        let mut notes = Notes(Vec::new());
        notes.opening(self);
        notes.options(self);
        notes.failures(self);
        notes.retransmissions(self);
        notes.cached_rtt(self);
        notes.rtts(self);
        notes.windows(self);
        notes.slow_start(self);
        notes.changes(self);
        notes.goodput(self);
        notes.missing(self);
        notes.0
    }
}

struct Notes(Vec<Note>);

use NoteValue::{Number, Word};

impl Notes {
    fn add(&mut self, kind: &'static str, text: String, values: &[(&'static str, NoteValue)]) {
        self.0.push(Note { kind, text, values: values.to_vec() });
    }

    fn opening(&mut self, account: &Account) {
        let syns = u64::from(account.handshake.syns);
        if account.handshake.refused {
            let text = "The peer refused the connection: it answered the SYN with RST.".to_owned();
            self.add("refused", text, &[("syns", Number(syns))]);
        } else if !account.established && syns > 0 {
            let text = format!("The connection was never established: {} not answered.", were(syns, "SYN"));
            self.add("never_established", text, &[("syns", Number(syns))]);
        }
        let reset = account.ends.iter().find_map(|end| match end {
            EndSegment::RstSent => Some(("us", "We")),
            EndSegment::RstReceived => Some(("peer", "The peer")),
            EndSegment::FinSent | EndSegment::FinReceived => None,
        });
        if let Some((by, who)) = reset.filter(|_| !account.handshake.refused) {
            self.add("reset", format!("{who} reset the connection."), &[("by", Word(by))]);
        }
    }

    /// Options that are not in use, and who did not offer them.
    fn options(&mut self, account: &Account) {
        if !account.established {
            return;
        }
        let in_use = &account.options;
        let options = [
            ("sack_not_negotiated", "SACK is", in_use.sack),
            ("timestamps_not_negotiated", "Time stamps are", in_use.timestamps),
            ("window_scaling_not_negotiated", "Window scaling is", in_use.scaling),
            ("ecn_not_negotiated", "ECN is", in_use.ecn),
        ];
        let offers = |offer: &Offer| [offer.sack, offer.timestamps, offer.shift.is_some(), offer.ecn];
        let (ours, theirs) = (account.handshake.ours, account.handshake.theirs);
        for (at, (kind, what, used)) in options.into_iter().enumerate() {
            if used != Some(false) {
                continue;
            }
            let offered = |offer: Option<Offer>| offer.map(|offer| offers(&offer)[at]);
            let (word, who) = match (offered(ours), offered(theirs)) {
                (Some(false), _) => ("us", "we did not offer it"),
                (Some(true), Some(false)) => ("peer", "the peer did not offer it"),
                (None, Some(false)) => ("peer", "the peer did not offer it"),
                _ => ("unknown", "the log does not hold the SYNs' options"),
            };
            self.add(kind, format!("{what} not in use: {who}."), &[("not_offered_by", Word(word))]);
        }
    }

    fn failures(&mut self, account: &Account) {
        for &(errno, times) in &account.failed {
            let text = format!("{} failed: {}.", Counted(times.into(), "send"), errno_name(errno));
            let values = [("errno", Number(errno.unsigned_abs().into())), ("sends", Number(times.into()))];
            self.add("failed_sends", text, &values);
        }
    }

    fn retransmissions(&mut self, account: &Account) {
        let (segments, bytes) = (account.sent.retransmissions, account.sent.retransmitted_bytes);
        if segments > 0 {
            let causes = Cause::ALL.map(|cause| (cause, account.resent[cause as usize]));
            let known = causes.iter().filter(|cause| cause.1 > 0);
            let known: Vec<String> =
                known.map(|(cause, times)| format!("{times} by {}", cause.name())).collect();
            let known = if known.is_empty() { String::new() } else { format!(": {}", known.join(", ")) };
            let text = format!("{}, {}{known}.", Counted(segments, "retransmission"), Counted(bytes, "byte"));
            let names = ["rto", "tlp", "rack", "dupacks"];
            let mut values = vec![("segments", Number(segments)), ("bytes", Number(bytes))];
            values.extend(names.iter().zip(causes).map(|(name, cause)| (*name, Number(cause.1.into()))));
            self.add("retransmissions", text, &values);
        }
        let seen = &account.tally;
        if seen.spurious > 0 {
            let times = u64::from(seen.spurious);
            let text = format!("{} not needed: the peer reported duplicates.", were(times, "retransmission"));
            self.add("spurious_retransmissions", text, &[("duplicates", Number(times))]);
        }
        if seen.reordered > 0 {
            let (times, by) = (u64::from(seen.reordered), u64::from(seen.reordered_by));
            let text = format!(
                "Segments arrived out of order {}, by up to {}.",
                Counted(times, "time"),
                Counted(by, "byte")
            );
            self.add("reordering", text, &[("times", Number(times)), ("bytes", Number(by))]);
        }
    }

    fn cached_rtt(&mut self, account: &Account) {
        let Some(us) = account.cached_rtt_us else { return };
        let text = format!(
            "The connection began with a smoothed RTT of {} from the host cache, which is not its own: it is left out \
             of the RTTs, and the first timeouts are as long.",
            TimeText(us.into())
        );
        self.add("cached_rtt", text, &[("srtt_us", Number(us.into()))]);
    }

    fn rtts(&mut self, account: &Account) {
        let rtts = &account.rtts;
        let (Some(min), Some(mean)) = (rtts.min_us(), rtts.mean_us()) else { return };
        let (min, mean) = (u64::from(min), u64::from(mean));
        if rtts.count() < ENOUGH_RTTS || mean * 100 < min.max(1) * INFLATED {
            return;
        }
        let percentile = |percent| u64::from(rtts.percentile_us(percent).unwrap_or(0));
        let (p50, p95, max) = (percentile(50), percentile(95), u64::from(rtts.max_us().unwrap_or(0)));
        let smoothed = if rtts.kind() == Some(RttKind::Smoothed) { "smoothed " } else { "" };
        let inflation = (mean - min) * 100 / min.max(1);
        let text = format!(
            "The {smoothed}RTT rose from {} to {} on average ({} at the 95th percentile): queues on the path \
             filled, or ACKs came late.",
            TimeText(min),
            TimeText(mean),
            TimeText(p95)
        );
        let values = [
            ("min_us", Number(min)),
            ("mean_us", Number(mean)),
            ("p50_us", Number(p50)),
            ("p95_us", Number(p95)),
            ("max_us", Number(max)),
            ("samples", Number(rtts.count())),
            ("inflation_percent", Number(inflation)),
        ];
        self.add("rtt_inflation", text, &values);
    }

    fn windows(&mut self, account: &Account) {
        let seen = &account.tally;
        if seen.zero_windows > 0 {
            let times = u64::from(seen.zero_windows);
            let text = format!("The peer closed its window {}.", Counted(times, "time"));
            self.add("zero_window", text, &[("times", Number(times))]);
        }
        let share = account.sending.share(Limit::ReceiverWindow);
        let window = u64::from(seen.largest_window);
        if share < CAPPED || window == 0 {
            return;
        }
        let (Some(cap), Some(rtt)) = (account.window_rate(), account.rtts.min_us()) else { return };
        let scale = match account.options.scaling {
            Some(false) => " (windows are not scaled)",
            _ => "",
        };
        let goodput = account.goodput_bps();
        let against = goodput.map_or(String::new(), |rate| format!("; the goodput was {}", RateText(rate)));
        let text = format!(
            "The peer's window, {window} bytes at most{scale}, allows {} at the least RTT of {}{against}.",
            RateText(cap),
            TimeText(rtt.into())
        );
        let mut values =
            vec![("window", Number(window)), ("min_rtt_us", Number(rtt.into())), ("cap_bps", Number(cap))];
        values.extend(goodput.map(|rate| ("goodput_bps", Number(rate))));
        self.add("window_cap", text, &values);
    }

    fn slow_start(&mut self, account: &Account) {
        let SlowStart::Ended(how, at, cwnd) = account.tally.slow_start else { return };
        let (word, why) = match how {
            SlowStartEnd::Loss => ("loss", "a loss was found"),
            SlowStartEnd::HyStart => ("hystart", "HyStart++ saw the RTT rise"),
            SlowStartEnd::Ssthresh => ("ssthresh", "cwnd came to ssthresh"),
            SlowStartEnd::Congestion => ("congestion", "ssthresh was lowered without a loss, as by ECN"),
        };
        let after = (at - account.first).0.max(0) as u64;
        let text = format!("Slow start ended after {} at a cwnd of {cwnd} bytes: {why}.", TimeText(after));
        let values = [("how", Word(word)), ("after_us", Number(after)), ("cwnd", Number(cwnd.into()))];
        self.add("slow_start_end", text, &values);
    }

    fn changes(&mut self, account: &Account) {
        let changes = [
            ("stack_change", "The TCP stack", account.stack_changes),
            ("congestion_control_change", "The congestion control", account.cc_changes),
        ];
        for (kind, what, times) in changes.into_iter().filter(|change| change.2 > 0) {
            let text = format!("{what} changed {}.", Counted(times.into(), "time"));
            self.add(kind, text, &[("times", Number(times.into()))]);
        }
    }

    fn goodput(&mut self, account: &Account) {
        let (Some(estimate), Some(goodput)) = (account.tally.goodput, account.goodput_bps()) else { return };
        let estimate = estimate.saturating_mul(8);
        let share = Percent(goodput as f64 / estimate.max(1) as f64);
        let text = format!(
            "The goodput was {}, {share} of the stack's last estimate of {}.",
            RateText(goodput),
            RateText(estimate)
        );
        let values = [("goodput_bps", Number(goodput)), ("estimate_bps", Number(estimate))];
        self.add("goodput_estimate", text, &values);
    }

    fn missing(&mut self, account: &Account) {
        if account.missing > 0 {
            let text = format!(
                "{} missing in {}: that time is unknown.",
                were(account.missing, "record"),
                Counted(account.gaps.into(), "place")
            );
            let values = [("records", Number(account.missing)), ("gaps", Number(account.gaps.into()))];
            self.add("records_missing", text, &values);
        }
    }
}
