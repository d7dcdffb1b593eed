// SPDX-License-Identifier: BSD-2-Clause
//! The columns of the table of connections.

use std::borrow::Cow;

use bblog_analysis::Limit;
use bblog_dissector::Micros;

use super::row::{ConnectionRow, Figures};
use crate::event::connection::Address;

/// How like a name of a column a name must be to be taken for it mistyped.
const LIKE: f64 = 0.6;

/// A value of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell<'a> {
    /// Not known.
    Null,
    /// Text.
    Text(Cow<'a, str>),
    /// A number.
    Integer(i64),
    /// A truth value.
    Bool(bool),
    /// A time of day, UTC.
    Time(Micros),
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellKind {
    /// Text, mostly another in each row.
    Text,
    /// One of few different texts.
    Word,
    /// A number of 64 bits, signed.
    Integer,
    /// A truth value.
    Bool,
    /// A time of day, UTC, microseconds.
    Time,
}

/// A column.
pub struct ConnectionColumn {
    /// Its name in JSON, CSV and Parquet.
    pub name: &'static str,
    /// What it holds.
    pub kind: CellKind,
    /// What it is, with its unit.
    pub about: &'static str,
    get: fn(&ConnectionRow) -> Cell<'_>,
}

impl ConnectionColumn {
    /// Its value in a row.
    pub fn get<'a>(&self, row: &'a ConnectionRow) -> Cell<'a> {
        (self.get)(row)
    }

    /// The column called `name`.
    pub fn find(name: &str) -> Option<&'static ConnectionColumn> {
        COLUMNS.iter().find(|column| column.name == name)
    }

    /// What a message says of a name that no column has: the columns whose names hold it, or else the most like it.
    pub fn suggestion(name: &str) -> String {
        let name = name.to_ascii_lowercase();
        let likeness = |column: &ConnectionColumn| strsim::normalized_damerau_levenshtein(column.name, &name);
        let holding = COLUMNS.iter().filter(|column| name.len() > 1 && column.name.contains(&name));
        let mut names: Vec<&str> = holding.map(|column| column.name).take(3).collect();
        if names.is_empty() {
            let like = COLUMNS.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
            names.extend(like.filter(|column| likeness(column) >= LIKE).map(|column| column.name));
        }
        if names.is_empty() { String::new() } else { format!(", did you mean {}?", names.join(" or ")) }
    }

    /// Whether its numbers are amounts, to be compared and summed up: not ports.
    pub fn is_amount(&self) -> bool {
        self.kind == CellKind::Integer && !self.name.ends_with("_port")
    }
}

impl Cell<'_> {
    /// Its number, if it is one.
    pub fn integer(&self) -> Option<i64> {
        match self {
            Cell::Integer(number) => Some(*number),
            Cell::Bool(truth) => Some(i64::from(*truth)),
            Cell::Time(time) => Some(time.0),
            Cell::Null | Cell::Text(_) => None,
        }
    }
}

fn text<'a>(text: Option<impl Into<Cow<'a, str>>>) -> Cell<'a> {
    text.map_or(Cell::Null, |text| Cell::Text(text.into()))
}

/// A number that does not fit is not shown.
fn number<T: TryInto<i64>>(number: Option<T>) -> Cell<'static> {
    number.and_then(|number| number.try_into().ok()).map_or(Cell::Null, Cell::Integer)
}

fn count(number: impl Into<u64>) -> Cell<'static> {
    i64::try_from(number.into()).map_or(Cell::Null, Cell::Integer)
}

fn time(row: &ConnectionRow, time: Micros) -> Cell<'static> {
    if row.party.is_uptime { Cell::Null } else { Cell::Time(time) }
}

fn inferred(row: &ConnectionRow) -> Cell<'_> {
    let (stack, kernel) = (row.party.is_stack_inferred, row.party.is_kernel_inferred);
    text(match (stack, kernel) {
        (true, true) => Some("stack,kernel"),
        (true, false) => Some("stack"),
        (false, true) => Some("kernel"),
        (false, false) => None,
    })
}

macro_rules! columns {
    ($($name:literal $kind:ident $get:expr, $about:literal;)*) => {
        /// The columns, in their order.
        pub const COLUMNS: &[ConnectionColumn] =
            &[$(ConnectionColumn { name: $name, kind: CellKind::$kind, about: $about, get: $get },)*];
    };
}

columns! {
    "connection_id" Text |row| text(Some(row.party.id.to_string())),
        "the same in every file and run: a hash of host, boot, addresses, ports and initial sequence number";
    "host" Word |row| text(row.party.host.as_deref()), "the machine that logged it, by --host or the folder host=NAME";
    "local" Word |row| text(row.party.addresses.map(|ends| Address(ends.0).to_string())), "local address";
    "local_port" Integer |row| number(row.party.addresses.map(|ends| ends.0.port())), "local port";
    "remote" Text |row| text(row.party.addresses.map(|ends| Address(ends.1).to_string())), "the peer's address";
    "remote_port" Integer |row| number(row.party.addresses.map(|ends| ends.1.port())), "the peer's port";
    "log_id" Text |row| text(row.party.log_id.as_deref()), "set by the program that owns the socket";
    "tag" Word |row| text(row.party.tag.as_deref()), "set by the program that owns the socket (BBLog)";
    "stack" Word |row| text(row.party.stack.as_deref()), "the last TCP stack that it changed to";
    "cc" Word |row| text(row.party.cc.as_deref()), "the last congestion control algorithm that it changed to (eventlog)";
    "kernel" Word |row| text(row.party.kernel.as_deref()), "the release that wrote the records, or those that may have";
    "inferred" Word inferred, "which of stack and kernel were concluded from the records";
    "first" Time |row| time(row, row.first), "time of the first event; null if the log does not have the time of day";
    "last" Time |row| time(row, row.last), "time of the last event";
    "duration_us" Integer |row| count(row.duration_us()), "from the first to the last event, microseconds";
    "established" Bool |row| Cell::Bool(row.established), "whether it was established";
    "ended" Bool |row| Cell::Bool(row.ended), "whether its end was seen";
    "lost_us" Integer |row| count(row.figures.lost_us), "time lost: recovery, timeouts and failed sends, microseconds";
    "sent_packets" Integer |row| count(row.figures.sent_packets), "segments sent";
    "sent_bytes" Integer |row| count(row.figures.sent_bytes), "bytes of data in them, those sent again included";
    "retransmits" Integer |row| count(row.figures.retransmits), "segments sent again";
    "retransmitted_bytes" Integer |row| count(row.figures.retransmitted_bytes), "bytes of data sent again";
    "spurious_retransmits" Integer |row| number(row.figures.spurious_retransmits),
        "retransmissions of what the peer had, by its D-SACKs; null without SACK";
    "failed_sends" Integer |row| count(row.figures.failed_sends), "sends that failed";
    "received_packets" Integer |row| count(row.figures.received_packets), "segments received";
    "received_bytes" Integer |row| count(row.figures.received_bytes), "bytes of data in them, those received again included";
    "rtos" Integer |row| number(row.figures.rtos), "retransmission timeouts; null if the stack is not known";
    "tlps" Integer |row| number(row.figures.tlps), "tail loss probes; null if the stack is not known";
    "recoveries" Integer |row| count(row.figures.recoveries), "times that fast recovery began";
    "rtt_min_us" Integer |row| number(row.figures.rtt_min_us), "the least round-trip time, microseconds";
    "rtt_p50_us" Integer |row| number(row.figures.rtt_percentiles_us[0]), "median round-trip time, right to 3 %, microseconds";
    "rtt_p95_us" Integer |row| number(row.figures.rtt_percentiles_us[1]), "95th percentile of the round-trip time, right to 3 %, microseconds";
    "rtt_p99_us" Integer |row| number(row.figures.rtt_percentiles_us[2]), "99th percentile of the round-trip time, right to 3 %, microseconds";
    "cwnd_min" Integer |row| number(row.figures.cwnd.map(|cwnd| cwnd.0)), "the least congestion window, bytes";
    "cwnd_max" Integer |row| number(row.figures.cwnd.map(|cwnd| cwnd.1)), "the greatest congestion window, bytes";
    "goodput_bps" Integer |row| number(row.figures.goodput_bps), "bytes acknowledged, in bits per second since the handshake";
    "limit_handshake_us" Integer |row| count(row.limit_us(Limit::Handshake)), "time not established yet, microseconds";
    "limit_application_us" Integer |row| count(row.limit_us(Limit::Application)), "time with nothing unsent, microseconds";
    "limit_congestion_window_us" Integer |row| count(row.limit_us(Limit::CongestionWindow)), "time with a full congestion window, microseconds";
    "limit_receiver_window_us" Integer |row| count(row.limit_us(Limit::ReceiverWindow)), "time with the peer's window full or closed, microseconds";
    "limit_pacing_us" Integer |row| count(row.limit_us(Limit::Pacing)), "time that the pacer held segments back, microseconds";
    "limit_recovery_us" Integer |row| count(row.limit_us(Limit::Recovery)), "time in which lost segments were sent again, microseconds";
    "limit_timeout_us" Integer |row| count(row.limit_us(Limit::Timeout)), "time in which only a timer helped, microseconds";
    "limit_send_buffer_us" Integer |row| count(row.limit_us(Limit::SendBuffer)), "time with a full send buffer, microseconds";
    "limit_send_error_us" Integer |row| count(row.limit_us(Limit::SendError)), "time after a failed send, microseconds";
    "limit_sending_us" Integer |row| count(row.limit_us(Limit::Sending)), "time in which segments left back to back, microseconds";
    "limit_closing_us" Integer |row| count(row.limit_us(Limit::Closing)), "time after our FIN, microseconds";
    "limit_unknown_us" Integer |row| count(row.limit_us(Limit::Unknown)), "time that the log does not account for, microseconds";
    "main_limit" Word |row| text(row.main_limit.map(Limit::name)), "what limited it most";
    "stalls" Integer |row| count(row.figures.stalls), "gaps without progress";
    "longest_stall_us" Integer |row| count(row.figures.longest_stall_us), "the longest of them, microseconds; 0 without any";
    "verdict" Text |row| Cell::Text(Cow::Borrowed(&row.verdict)), "what bblog why says";
    "events" Integer |row| count(row.figures.events), "records or events";
    "lost_records" Integer |row| number(row.figures.lost_records), "records missing; null for eventlog, which does not number events";
    "file" Text |row| Cell::Text(Cow::Borrowed(&row.party.file)), "the first file that it was found in";
}

impl Figures {
    /// The share of the time that was lost, of `duration_us`; `None` without time.
    pub fn lost_share(&self, duration_us: u64) -> Option<f64> {
        (duration_us > 0).then(|| self.lost_us as f64 / duration_us as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistyped_names() {
        let said = [
            ("lost", ", did you mean lost_us or lost_records?"),
            ("Lost_us", ", did you mean lost_us?"),
            ("goodput", ", did you mean goodput_bps?"),
            ("stak", ", did you mean stack?"),
            ("x", ""),
            ("nonsense", ""),
        ];
        for (name, expected) in said {
            assert_eq!(ConnectionColumn::suggestion(name), expected, "{name}");
        }
    }

    #[test]
    fn every_limit_has_a_column() {
        let names: Vec<_> = COLUMNS.iter().filter_map(|column| column.name.strip_prefix("limit_")).collect();
        let expected: Vec<_> = Limit::ALL.iter().map(|limit| format!("{}_us", limit.name())).collect();
        assert_eq!(names, expected);
    }
}
