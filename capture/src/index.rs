//! The index `records`: one JSON object per line and file.
//!
//! Keys, their order and spacing are those of tcplog_dumper, since scripts cut these lines with
//! sed; what is ours comes behind.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Write as _};
use std::net::IpAddr;

use bblog_dissector::Micros;

use crate::folder::Folder;

/// What a line tells about a file.
pub struct Line<'a> {
    /// When the log was dumped or ended, seconds since 1970.
    pub date: i64,
    /// The log id.
    pub id: &'a [u8],
    /// Why it was dumped.
    pub reason: &'a [u8],
    /// Foreign address and port.
    pub remote: Option<(IpAddr, u16)>,
    /// Local address and port.
    pub local: Option<(IpAddr, u16)>,
    /// The file's name.
    pub file: &'a str,
    /// Its number among the connection's.
    pub number: u32,
    /// Records or events in it.
    pub records: u64,
    /// Name of the TCP stack.
    pub stack: &'a [u8],
    /// From the first to the last record.
    pub duration: Micros,
    /// Whether the connection's end is in it.
    pub ended: bool,
    /// The log's tag.
    pub tag: &'a [u8],
    /// What compresses the file, if anything.
    pub compressor: &'static str,
    /// `bblog` or `eventlog`.
    pub source: &'static str,
    /// Records missing in it.
    pub missing: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

impl Line<'_> {
    fn to_json(&self) -> String {
        let mut line = String::with_capacity(512);
        let duration = Micros(self.duration.0.max(0));
        let address = |side: Option<(IpAddr, u16)>| match side {
            Some((address, _)) => text(address.to_string().as_bytes()),
            None => text(b"unknown"),
        };
        let port = |side: Option<(IpAddr, u16)>| side.map_or(0, |(_, port)| port);
        // Writing to a string cannot fail.
        let _ = writeln!(
            line,
            "{{\"date\":\"{}\", \"pbcid\":{}, \"reason\":{}, \"faddr\":{}, \"fport\":{}, \"laddr\":{}, \
             \"lport\":{}, \"filename\":{}, \"record_count\":{}, \"stack\":{}, \"duration\":{}.{:06}, \
             \"connection_ended\":{}, \"tag\":{}, \"compressor\":\"{}\", \"frag_seq\":{}, \
             \"source\":\"{}\", \"missing\":{}, \"bytes\":{}}}",
            date(self.date),
            text(self.id),
            text(self.reason),
            address(self.remote),
            port(self.remote),
            address(self.local),
            port(self.local),
            text(self.file.as_bytes()),
            self.records,
            text(self.stack),
            duration.seconds(),
            duration.subsec_micros(),
            self.ended,
            text(self.tag),
            self.compressor,
            self.number,
            self.source,
            self.missing,
            self.bytes,
        );
        line
    }
}

/// Bytes as a JSON string; what is not UTF-8 is replaced.
fn text(bytes: &[u8]) -> String {
    serde_json::Value::from(String::from_utf8_lossy(bytes)).to_string()
}

/// Seconds since 1970 as `2026-11-21 20:48:01 +0000`.
fn date(seconds: i64) -> String {
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // Gregorian calendar, counted from 1 March 0000 in cycles of 400 years.
    let days = days.saturating_add(719_468);
    let (cycle, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, after) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = cycle * 400 + year + after;
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} +0000")
}

/// The index, open while there is something to write.
#[derive(Default)]
pub struct Index {
    file: Option<File>,
    /// Whether the last write may have left a line without its end.
    torn: bool,
}

impl Index {
    /// Appends a line.
    ///
    /// # Errors
    /// The system's.
    pub fn append(&mut self, folder: &Folder, line: &Line<'_>) -> io::Result<()> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(folder.records()?),
        };
        let mut json = line.to_json();
        if self.torn {
            json.insert(0, '\n');
        }
        let written = file.write_all(json.as_bytes());
        self.torn = written.is_err();
        if written.is_err() {
            self.file = None;
        }
        written
    }

    /// Closes the file, so that the next line goes to the one that has the name then.
    pub fn close(&mut self) {
        self.file = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        assert_eq!(date(0), "1970-01-01 00:00:00 +0000");
        assert_eq!(date(951_782_400), "2000-02-29 00:00:00 +0000");
        assert_eq!(date(1_795_299_681), "2026-11-21 22:21:21 +0000");
        let (_, _) = (date(i64::MIN), date(i64::MAX));
    }

    #[test]
    fn a_line_is_json_whatever_the_id() {
        let line = Line {
            date: 0,
            id: b"a\"b\\\n\xff",
            reason: b"error",
            remote: Some(("::1".parse().unwrap(), 80)),
            local: None,
            file: "x.0.pcapng",
            number: 0,
            records: 3,
            stack: b"rack",
            duration: Micros(1_500_000),
            ended: true,
            tag: b"t",
            compressor: "",
            source: "bblog",
            missing: 1,
            bytes: 9,
        };
        let json = line.to_json();
        assert!(
            json.starts_with(
                "{\"date\":\"1970-01-01 00:00:00 +0000\", \"pbcid\":\"a\\\"b\\\\\\n\u{fffd}\", "
            )
        );
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["duration"], 1.5);
        assert_eq!(value["faddr"], "::1");
        assert_eq!(json.lines().count(), 1);
    }
}
