// SPDX-License-Identifier: BSD-2-Clause
//! The columns of the table: what each shows, how wide it is, and how lines are sorted by it.

use std::cmp::Ordering;
use std::fmt::Write;

use super::model::ConnectionLine;
use super::quantity::{Share, Si, SpanText};

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TopColumn {
    /// Local and remote address.
    Connection,
    /// The log id.
    Id,
    /// The TCP stack.
    Stack,
    /// The congestion control.
    Cc,
    /// The TCP state.
    State,
    /// How long ago its last event was.
    Age,
    /// Bits acknowledged per second.
    Goodput,
    /// The part of what was sent that was sent again.
    Retransmit,
    /// The smoothed round-trip time and the least.
    Srtt,
    /// Bytes in flight and the congestion window.
    Cwnd,
    /// What limits it now.
    Limit,
    /// What limited it most in the last ten seconds.
    Recent,
    /// Time lost.
    Lost,
    /// The last notable event.
    Event,
}

/// Characters of the bar before flight and congestion window.
const BAR: u16 = 10;

/// What stands where something is not known.
const UNKNOWN: &str = "-";

impl TopColumn {
    /// All of them, from left to right.
    pub const ALL: [TopColumn; 14] = [
        TopColumn::Connection,
        TopColumn::Id,
        TopColumn::Stack,
        TopColumn::Cc,
        TopColumn::State,
        TopColumn::Age,
        TopColumn::Goodput,
        TopColumn::Retransmit,
        TopColumn::Srtt,
        TopColumn::Cwnd,
        TopColumn::Limit,
        TopColumn::Recent,
        TopColumn::Lost,
        TopColumn::Event,
    ];

    /// Its name for `--sort`: `retransmit`.
    pub fn name(self) -> &'static str {
        match self {
            TopColumn::Connection => "connection",
            TopColumn::Id => "id",
            TopColumn::Stack => "stack",
            TopColumn::Cc => "cc",
            TopColumn::State => "state",
            TopColumn::Age => "age",
            TopColumn::Goodput => "goodput",
            TopColumn::Retransmit => "retransmit",
            TopColumn::Srtt => "srtt",
            TopColumn::Cwnd => "cwnd",
            TopColumn::Limit => "limit",
            TopColumn::Recent => "recent",
            TopColumn::Lost => "lost",
            TopColumn::Event => "event",
        }
    }

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            TopColumn::Connection => "CONNECTION",
            TopColumn::Id => "ID",
            TopColumn::Stack => "STACK",
            TopColumn::Cc => "CC",
            TopColumn::State => "STATE",
            TopColumn::Age => "AGE",
            TopColumn::Goodput => "GOODPUT",
            TopColumn::Retransmit => "RETX",
            TopColumn::Srtt => "SRTT/MIN",
            TopColumn::Cwnd => "FLIGHT/CWND",
            TopColumn::Limit => "LIMIT",
            TopColumn::Recent => "LAST 10 S",
            TopColumn::Lost => "LOST",
            TopColumn::Event => "LAST EVENT",
        }
    }

    /// What it shows, and why it may be absent.
    pub fn about(self) -> &'static str {
        match self {
            TopColumn::Connection => "local and remote address; session: a log without addresses",
            TopColumn::Id => "log id; -: none was set",
            TopColumn::Stack => "TCP stack, * inferred from the records; -: not known, use --stack",
            TopColumn::Cc => "congestion control; -: BBLog does not log it, eventlog when it is set",
            TopColumn::State => "TCP state; -: not logged yet, or the connections of a group differ",
            TopColumn::Age => "since its last record, by the newest record of all",
            TopColumn::Goodput => {
                "bits acknowledged per second, last 10 s; -: no ACKs in the log, or no time"
            }
            TopColumn::Retransmit => "bytes sent again of bytes sent, last 10 s; -: nothing was sent",
            TopColumn::Srtt => "smoothed RTT and least RTT logged; -: not measured or not logged",
            TopColumn::Cwnd => "bytes in flight of the congestion window; -: not logged",
            TopColumn::Limit => "what limits it now; unknown: records are missing; -: a group's differ",
            TopColumn::Recent => "what limited it most in the last 10 s, and its share",
            TopColumn::Lost => "time in recovery, timeout and send_error since it is followed",
            TopColumn::Event => "last loss, timer, recovery, error, stall or change of state; -: none",
        }
    }

    /// How wide it is, characters.
    pub fn width(self) -> u16 {
        match self {
            TopColumn::Connection => 38,
            TopColumn::Id => 12,
            TopColumn::Stack | TopColumn::Cc => 8,
            TopColumn::State => 12,
            TopColumn::Age | TopColumn::Goodput | TopColumn::Lost => 7,
            TopColumn::Retransmit => 5,
            TopColumn::Srtt => 15,
            TopColumn::Cwnd => BAR + 12,
            TopColumn::Limit => 17,
            TopColumn::Recent => 22,
            TopColumn::Event => 24,
        }
    }

    /// How wide it is at most, where there is room.
    pub fn most(self) -> u16 {
        match self {
            TopColumn::Connection => 96,
            TopColumn::Id | TopColumn::Event => 60,
            _ => self.width(),
        }
    }

    /// Which columns are left out first in a narrow terminal: those with the greatest.
    pub fn rank(self) -> u8 {
        match self {
            TopColumn::Connection => 0,
            TopColumn::Limit => 1,
            TopColumn::Lost => 2,
            TopColumn::Goodput => 3,
            TopColumn::Retransmit => 4,
            TopColumn::Age => 5,
            TopColumn::Srtt => 6,
            TopColumn::Recent => 7,
            TopColumn::Cwnd => 8,
            TopColumn::Stack => 9,
            TopColumn::Event => 10,
            TopColumn::State => 11,
            TopColumn::Cc => 12,
            TopColumn::Id => 13,
        }
    }

    /// Whether its values stand at its right.
    pub fn is_number(self) -> bool {
        matches!(
            self,
            TopColumn::Age
                | TopColumn::Goodput
                | TopColumn::Retransmit
                | TopColumn::Srtt
                | TopColumn::Cwnd
                | TopColumn::Lost
        )
    }

    /// What it shows of `line`, which is called `name`.
    pub fn cell(self, name: &str, line: &ConnectionLine) -> String {
        let text = match self {
            TopColumn::Connection => Some(match line.members {
                1 => name.to_owned(),
                members => format!("{name} ({members})"),
            }),
            TopColumn::Id => line.identity.log_id.as_deref().map(str::to_owned),
            TopColumn::Stack => line.identity.stack.as_deref().map(|stack| {
                let mark = if line.identity.is_stack_inferred { "*" } else { "" };
                format!("{stack}{mark}")
            }),
            TopColumn::Cc => line.identity.cc.as_deref().map(str::to_owned),
            TopColumn::State => line.state.map(str::to_owned),
            TopColumn::Age => Some(SpanText(line.age_us).to_string()),
            TopColumn::Goodput => line.goodput_bps.map(|rate| Si(rate).to_string()),
            TopColumn::Retransmit => line.bytes.retransmitted().map(|share| Share(share).to_string()),
            TopColumn::Srtt => line.srtt_us.map(|srtt| {
                let min = line.min_rtt_us.map_or(UNKNOWN.to_owned(), |min| SpanText(min.into()).to_string());
                format!("{}/{min}", SpanText(srtt.into()))
            }),
            TopColumn::Cwnd => match (line.flight, line.cwnd) {
                (None, None) => None,
                (flight, cwnd) => {
                    let text =
                        |bytes: Option<u32>| bytes.map_or(UNKNOWN.to_owned(), |b| Si(b.into()).to_string());
                    Some(format!("{}/{}", text(flight), text(cwnd)))
                }
            },
            TopColumn::Limit => line.limit.map(|limit| limit.name().to_owned()),
            TopColumn::Recent => {
                line.recent_main().map(|(limit, share)| format!("{} {}", limit.name(), Share(share)))
            }
            TopColumn::Lost => Some(SpanText(line.lost_us).to_string()),
            TopColumn::Event => line.notable.map(|notable| {
                let mut text = String::new();
                // Writing to a string cannot fail.
                let _ = write!(text, "{}", notable.what);
                text
            }),
        };
        text.unwrap_or_else(|| UNKNOWN.to_owned())
    }

    /// The cell on a screen, where the window has a bar: how much of it is in flight.
    pub fn drawn(self, name: &str, line: &ConnectionLine) -> String {
        let text = self.cell(name, line);
        let (TopColumn::Cwnd, Some(flight), Some(cwnd)) = (self, line.flight, line.cwnd) else { return text };
        let full = usize::from(BAR);
        let filled =
            (u64::from(flight) * full as u64).div_ceil(u64::from(cwnd.max(1))).min(full as u64) as usize;
        format!("{:full$} {text:>11}", "|".repeat(filled))
    }

    /// How two lines are sorted by it: numbers with the greatest first, text by the alphabet. What is absent comes
    /// last.
    pub fn compare(
        self,
        (a_name, a): (&str, &ConnectionLine),
        (b_name, b): (&str, &ConnectionLine),
    ) -> Ordering {
        match self {
            TopColumn::Connection => {
                let ends = |line: &ConnectionLine| line.identity.addresses.filter(|_| line.members == 1);
                ascending(ends(a), ends(b)).then_with(|| a_name.cmp(b_name))
            }
            TopColumn::Id => ascending(a.identity.log_id.as_ref(), b.identity.log_id.as_ref()),
            TopColumn::Stack => ascending(a.identity.stack.as_ref(), b.identity.stack.as_ref()),
            TopColumn::Cc => ascending(a.identity.cc.as_ref(), b.identity.cc.as_ref()),
            TopColumn::State => ascending(a.state, b.state),
            // The busiest first.
            TopColumn::Age => a.age_us.cmp(&b.age_us),
            TopColumn::Goodput => b.goodput_bps.cmp(&a.goodput_bps),
            TopColumn::Retransmit => {
                let share = |line: &ConnectionLine| line.bytes.retransmitted().unwrap_or(-1.0);
                share(b).total_cmp(&share(a))
            }
            TopColumn::Srtt => b.srtt_us.cmp(&a.srtt_us),
            TopColumn::Cwnd => b.cwnd.cmp(&a.cwnd),
            TopColumn::Limit => ascending(a.limit, b.limit),
            TopColumn::Recent => b.recent_lost_us().cmp(&a.recent_lost_us()),
            TopColumn::Lost => b.lost_us.cmp(&a.lost_us),
            TopColumn::Event => {
                let time = |line: &ConnectionLine| line.notable.map(|notable| notable.time);
                time(b).cmp(&time(a))
            }
        }
    }
}

/// What is absent comes last.
fn ascending<T: Ord>(a: Option<T>, b: Option<T>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.cmp(&b),
        (a, b) => a.is_none().cmp(&b.is_none()),
    }
}

/// The columns that fit into `width` characters, each with its own width; a blank stands between two. The room that
/// is left goes to those that have use for it: `wanted` is how wide a column's widest value is.
pub fn fit(width: u16, wanted: impl Fn(TopColumn) -> u16) -> Vec<(TopColumn, u16)> {
    let mut ranked = TopColumn::ALL;
    ranked.sort_unstable_by_key(|column| column.rank());
    let least = |column: TopColumn| column.width().min(wanted(column).max(column.title().len() as u16));
    let mut chosen: Vec<(TopColumn, u16)> = Vec::new();
    let mut left = width;
    for column in ranked {
        let own = least(column).min(if chosen.is_empty() { width } else { u16::MAX });
        let needed = own + u16::from(!chosen.is_empty());
        if needed > left {
            // A column that does not fit would be read as one that is not there.
            continue;
        }
        left -= needed;
        chosen.push((column, own));
    }
    for (column, own) in &mut chosen {
        let more = wanted(*column).min(column.most()).saturating_sub(*own).min(left);
        *own += more;
        left -= more;
    }
    chosen.sort_unstable_by_key(|(column, _)| *column as u8);
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_fit() {
        let wanted = |column: TopColumn| if column == TopColumn::Connection { 33 } else { column.width() };
        for width in [0_u16, 1, 20, 40, 80, 132, 300] {
            let chosen = fit(width, wanted);
            let all = chosen.iter().map(|(_, own)| own + 1).sum::<u16>();
            assert!(all <= width + 1, "{width}: {chosen:?}");
            assert_eq!(chosen.first().map(|(column, _)| *column), Some(TopColumn::Connection), "{width}");
        }
        assert_eq!(fit(20, wanted), [(TopColumn::Connection, 20)]);
        assert_eq!(fit(300, wanted).len(), TopColumn::ALL.len());
        let narrow: Vec<TopColumn> = fit(80, wanted).into_iter().map(|(column, _)| column).collect();
        for column in [TopColumn::Limit, TopColumn::Lost, TopColumn::Goodput, TopColumn::Retransmit] {
            assert!(narrow.contains(&column), "{column:?}");
        }
    }
}
