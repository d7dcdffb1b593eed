// SPDX-License-Identifier: BSD-2-Clause
//! The columns of the table: what each shows, how wide it is, and how lines are sorted by it.

use std::cmp::Ordering;
use std::fmt::Write;

use super::model::Line;
use super::quantity::{Share, Si, Time};

/// A column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
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

impl Column {
    /// All of them, from left to right.
    pub const ALL: [Column; 14] = [
        Column::Connection,
        Column::Id,
        Column::Stack,
        Column::Cc,
        Column::State,
        Column::Age,
        Column::Goodput,
        Column::Retransmit,
        Column::Srtt,
        Column::Cwnd,
        Column::Limit,
        Column::Recent,
        Column::Lost,
        Column::Event,
    ];

    /// Its name for `--sort`: `retransmit`.
    pub fn name(self) -> &'static str {
        match self {
            Column::Connection => "connection",
            Column::Id => "id",
            Column::Stack => "stack",
            Column::Cc => "cc",
            Column::State => "state",
            Column::Age => "age",
            Column::Goodput => "goodput",
            Column::Retransmit => "retransmit",
            Column::Srtt => "srtt",
            Column::Cwnd => "cwnd",
            Column::Limit => "limit",
            Column::Recent => "recent",
            Column::Lost => "lost",
            Column::Event => "event",
        }
    }

    /// Its heading.
    pub fn title(self) -> &'static str {
        match self {
            Column::Connection => "CONNECTION",
            Column::Id => "ID",
            Column::Stack => "STACK",
            Column::Cc => "CC",
            Column::State => "STATE",
            Column::Age => "AGE",
            Column::Goodput => "GOODPUT",
            Column::Retransmit => "RETX",
            Column::Srtt => "SRTT/MIN",
            Column::Cwnd => "FLIGHT/CWND",
            Column::Limit => "LIMIT",
            Column::Recent => "LAST 10 S",
            Column::Lost => "LOST",
            Column::Event => "LAST EVENT",
        }
    }

    /// What it shows, and why it may be absent.
    pub fn about(self) -> &'static str {
        match self {
            Column::Connection => "local and remote address; session: a log without addresses",
            Column::Id => "log id; -: none was set",
            Column::Stack => "TCP stack, * inferred from the records; -: they do not tell, use --stack",
            Column::Cc => "congestion control; -: BBLog does not log it, eventlog when it is set",
            Column::State => "TCP state; -: not logged yet, or the connections of a group differ",
            Column::Age => "since its last record, by the newest record of all",
            Column::Goodput => "bits acknowledged per second, last 10 s; -: no ACKs in the log, or no time",
            Column::Retransmit => "bytes sent again of bytes sent, last 10 s; -: nothing was sent",
            Column::Srtt => "smoothed RTT and least RTT logged; -: not measured or not logged",
            Column::Cwnd => "bytes in flight of the congestion window; -: not logged",
            Column::Limit => "what limits it now; unknown: records are missing; -: a group's differ",
            Column::Recent => "what limited it most in the last 10 s, and its share",
            Column::Lost => "time in recovery, timeout and send_error since it is followed",
            Column::Event => "last loss, timer, recovery, error, stall or change of state; -: none",
        }
    }

    /// How wide it is, characters.
    pub fn width(self) -> u16 {
        match self {
            Column::Connection => 38,
            Column::Id => 12,
            Column::Stack | Column::Cc => 8,
            Column::State => 12,
            Column::Age | Column::Goodput | Column::Lost => 7,
            Column::Retransmit => 5,
            Column::Srtt => 15,
            Column::Cwnd => BAR + 12,
            Column::Limit => 17,
            Column::Recent => 22,
            Column::Event => 24,
        }
    }

    /// How wide it is at most, where there is room.
    pub fn most(self) -> u16 {
        match self {
            Column::Connection => 96,
            Column::Id | Column::Event => 60,
            _ => self.width(),
        }
    }

    /// Which columns are left out first in a narrow terminal: those with the greatest.
    pub fn rank(self) -> u8 {
        match self {
            Column::Connection => 0,
            Column::Limit => 1,
            Column::Lost => 2,
            Column::Goodput => 3,
            Column::Retransmit => 4,
            Column::Age => 5,
            Column::Srtt => 6,
            Column::Recent => 7,
            Column::Cwnd => 8,
            Column::Stack => 9,
            Column::Event => 10,
            Column::State => 11,
            Column::Cc => 12,
            Column::Id => 13,
        }
    }

    /// Whether its values stand at its right.
    pub fn is_number(self) -> bool {
        matches!(
            self,
            Column::Age | Column::Goodput | Column::Retransmit | Column::Srtt | Column::Cwnd | Column::Lost
        )
    }

    /// What it shows of `line`, which is called `name`.
    pub fn cell(self, name: &str, line: &Line) -> String {
        let text = match self {
            Column::Connection => Some(match line.members {
                1 => name.to_owned(),
                members => format!("{name} ({members})"),
            }),
            Column::Id => line.identity.log_id.as_deref().map(str::to_owned),
            Column::Stack => line.identity.stack.as_deref().map(|stack| {
                let mark = if line.identity.is_stack_inferred { "*" } else { "" };
                format!("{stack}{mark}")
            }),
            Column::Cc => line.identity.cc.as_deref().map(str::to_owned),
            Column::State => line.state.map(str::to_owned),
            Column::Age => Some(Time(line.age_us).to_string()),
            Column::Goodput => line.goodput_bps.map(|rate| Si(rate).to_string()),
            Column::Retransmit => line.bytes.retransmitted().map(|share| Share(share).to_string()),
            Column::Srtt => line.srtt_us.map(|srtt| {
                let min = line.min_rtt_us.map_or(UNKNOWN.to_owned(), |min| Time(min.into()).to_string());
                format!("{}/{min}", Time(srtt.into()))
            }),
            Column::Cwnd => match (line.flight, line.cwnd) {
                (None, None) => None,
                (flight, cwnd) => {
                    let text =
                        |bytes: Option<u32>| bytes.map_or(UNKNOWN.to_owned(), |b| Si(b.into()).to_string());
                    Some(format!("{}/{}", text(flight), text(cwnd)))
                }
            },
            Column::Limit => line.limit.map(|limit| limit.name().to_owned()),
            Column::Recent => {
                line.recent_main().map(|(limit, share)| format!("{} {}", limit.name(), Share(share)))
            }
            Column::Lost => Some(Time(line.lost_us).to_string()),
            Column::Event => line.notable.map(|notable| {
                let mut text = String::new();
                // Writing to a string cannot fail.
                let _ = write!(text, "{}", notable.what);
                text
            }),
        };
        text.unwrap_or_else(|| UNKNOWN.to_owned())
    }

    /// The cell on a screen, where the window has a bar: how much of it is in flight.
    pub fn drawn(self, name: &str, line: &Line) -> String {
        let text = self.cell(name, line);
        let (Column::Cwnd, Some(flight), Some(cwnd)) = (self, line.flight, line.cwnd) else { return text };
        let full = usize::from(BAR);
        let filled =
            (u64::from(flight) * full as u64).div_ceil(u64::from(cwnd.max(1))).min(full as u64) as usize;
        format!("{:full$} {text:>11}", "|".repeat(filled))
    }

    /// How two lines are sorted by it: numbers with the greatest first, text by the alphabet. What is absent comes
    /// last.
    pub fn compare(self, (a_name, a): (&str, &Line), (b_name, b): (&str, &Line)) -> Ordering {
        match self {
            Column::Connection => {
                let ends = |line: &Line| line.identity.addresses.filter(|_| line.members == 1);
                ascending(ends(a), ends(b)).then_with(|| a_name.cmp(b_name))
            }
            Column::Id => ascending(a.identity.log_id.as_ref(), b.identity.log_id.as_ref()),
            Column::Stack => ascending(a.identity.stack.as_ref(), b.identity.stack.as_ref()),
            Column::Cc => ascending(a.identity.cc.as_ref(), b.identity.cc.as_ref()),
            Column::State => ascending(a.state, b.state),
            // The busiest first.
            Column::Age => a.age_us.cmp(&b.age_us),
            Column::Goodput => b.goodput_bps.cmp(&a.goodput_bps),
            Column::Retransmit => {
                let share = |line: &Line| line.bytes.retransmitted().unwrap_or(-1.0);
                share(b).total_cmp(&share(a))
            }
            Column::Srtt => b.srtt_us.cmp(&a.srtt_us),
            Column::Cwnd => b.cwnd.cmp(&a.cwnd),
            Column::Limit => ascending(a.limit, b.limit),
            Column::Recent => b.recent_lost_us().cmp(&a.recent_lost_us()),
            Column::Lost => b.lost_us.cmp(&a.lost_us),
            Column::Event => {
                let time = |line: &Line| line.notable.map(|notable| notable.time);
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
pub fn fit(width: u16, wanted: impl Fn(Column) -> u16) -> Vec<(Column, u16)> {
    let mut ranked = Column::ALL;
    ranked.sort_unstable_by_key(|column| column.rank());
    let least = |column: Column| column.width().min(wanted(column).max(column.title().len() as u16));
    let mut chosen: Vec<(Column, u16)> = Vec::new();
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
        let wanted = |column: Column| if column == Column::Connection { 33 } else { column.width() };
        for width in [0_u16, 1, 20, 40, 80, 132, 300] {
            let chosen = fit(width, wanted);
            let all = chosen.iter().map(|(_, own)| own + 1).sum::<u16>();
            assert!(all <= width + 1, "{width}: {chosen:?}");
            assert_eq!(chosen.first().map(|(column, _)| *column), Some(Column::Connection), "{width}");
        }
        assert_eq!(fit(20, wanted), [(Column::Connection, 20)]);
        assert_eq!(fit(300, wanted).len(), Column::ALL.len());
        let narrow: Vec<Column> = fit(80, wanted).into_iter().map(|(column, _)| column).collect();
        for column in [Column::Limit, Column::Lost, Column::Goodput, Column::Retransmit] {
            assert!(narrow.contains(&column), "{column:?}");
        }
    }
}
