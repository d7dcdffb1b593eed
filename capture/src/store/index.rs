// SPDX-License-Identifier: BSD-2-Clause
//! The index `records`: one JSON object per line and file.
//!
//! Keys, their order and spacing are those of tcplog_dumper, because scripts parse these lines with sed. Keys
//! of this project follow.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Seek, Write as _};
use std::net::IpAddr;
use std::time::{SystemTime, UNIX_EPOCH};

use bblog_dissector::Micros;
use bblog_pcapng::escape::JsonString;
use bblog_pcapng::packet::Scoped;
use bblog_pcapng::utc::Second;

use crate::store::compress::Compressor;
use crate::store::folder::Folder;

/// A file that is complete.
pub struct Complete {
    /// Its name.
    pub name: String,
    /// Its number.
    pub number: u32,
    /// Its compressor.
    pub compressor: Compressor,
    /// Its size.
    pub bytes: u64,
}

/// The contents of a line about a file, except its name.
#[derive(Debug, Default)]
pub struct IndexLine {
    /// When the log was dumped or ended, seconds since 1970.
    pub date: i64,
    /// The log id.
    pub id: Vec<u8>,
    /// Why it was dumped.
    pub reason: Vec<u8>,
    /// Foreign address and port.
    pub remote: Option<(IpAddr, u16)>,
    /// Local address and port.
    pub local: Option<(IpAddr, u16)>,
    /// Records or events in it.
    pub records: u64,
    /// Name of the TCP stack.
    pub stack: Vec<u8>,
    /// From the first to the last record.
    pub duration: Micros,
    /// Whether the connection's end is in it.
    pub ended: bool,
    /// The log's tag.
    pub tag: Vec<u8>,
    /// `bblog` or `eventlog`.
    pub source: &'static str,
    /// Records missing in it.
    pub missing: u64,
}

impl IndexLine {
    fn to_json(&self, complete: &Complete) -> String {
        let mut line = String::with_capacity(512);
        let duration = Micros(self.duration.0.max(0));
        let address = |side: Option<(IpAddr, u16)>| match side {
            Some((address, _)) => text(Scoped(address).to_string().as_bytes()),
            None => text(b"unknown"),
        };
        let port = |side: Option<(IpAddr, u16)>| side.map_or(0, |(_, port)| port);
        // Writing to a string cannot fail.
        let _ = writeln!(
            line,
            "{{\"date\":\"{} +0000\", \"pbcid\":{}, \"reason\":{}, \"faddr\":{}, \"fport\":{}, \"laddr\":{}, \
             \"lport\":{}, \"filename\":{}, \"record_count\":{}, \"stack\":{}, \"duration\":{}.{:06}, \
             \"connection_ended\":{}, \"tag\":{}, \"compressor\":\"{}\", \"frag_seq\":{}, \
             \"source\":\"{}\", \"missing\":{}, \"bytes\":{}}}",
            Second(self.date),
            text(&self.id),
            text(&self.reason),
            address(self.remote),
            port(self.remote),
            address(self.local),
            port(self.local),
            text(complete.name.as_bytes()),
            self.records,
            text(&self.stack),
            duration.seconds(),
            duration.subsec_micros(),
            self.ended,
            text(&self.tag),
            complete.compressor.name(),
            complete.number,
            self.source,
            self.missing,
            complete.bytes,
        );
        line
    }
}

/// Bytes as a JSON string; what is not UTF-8 is replaced.
fn text(bytes: &[u8]) -> String {
    JsonString(&String::from_utf8_lossy(bytes)).to_string()
}

/// Lines that are kept when they cannot be written, in bytes: of about 10,000 files.
const PENDING: usize = 4 << 20;
/// How far from its end a line is looked for: further than the lines of the files that are
/// completed at the same time.
const LAST: u64 = 4 << 20;

/// The index, open while there is something to write.
#[derive(Default)]
pub struct Index {
    file: Option<File>,
    /// Whole lines not written yet.
    pending: String,
    /// Lines that were too many to keep.
    lost: u64,
    /// Whether the file ends with a piece of a line.
    torn: bool,
}

impl Index {
    /// Appends a line. If that fails it is kept for the next time.
    ///
    /// # Errors
    /// The system's.
    pub fn append(&mut self, folder: &Folder, line: &IndexLine, complete: &Complete) -> io::Result<()> {
        self.append_json(folder, &line.to_json(complete))
    }

    /// Appends a line that says that the file `name`, which took `bytes` on the disk, was deleted
    /// for the option `why`. If that fails it is kept for the next time.
    ///
    /// # Errors
    /// The system's.
    pub fn deleted(&mut self, folder: &Folder, name: &str, why: &str, bytes: u64) -> io::Result<()> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let date = Second(i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
        let name = text(name.as_bytes());
        let json = format!(
            "{{\"date\":\"{date} +0000\", \"filename\":{name}, \"deleted\":\"{why}\", \"bytes\":{bytes}}}\n"
        );
        self.append_json(folder, &json)
    }

    fn append_json(&mut self, folder: &Folder, json: &str) -> io::Result<()> {
        if self.pending.len() + json.len() > PENDING {
            self.lost += 1;
        } else {
            self.pending.push_str(json);
        }
        self.flush(folder)
    }

    /// Whether lines wait because they could not be written.
    pub fn is_in_trouble(&self) -> bool {
        !self.pending.is_empty()
    }

    /// The number of lines that were too many to keep.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Whether one of the last lines is about the file `name`.
    ///
    /// # Errors
    /// The system's.
    pub fn has(&self, folder: &Folder, name: &str) -> io::Result<bool> {
        let end = folder.end_of_records(LAST)?;
        let text = format!("\"filename\":{}", text(name.as_bytes()));
        Ok(end.windows(text.len()).any(|window| window == text.as_bytes()))
    }

    fn flush(&mut self, folder: &Folder) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            none => {
                // An earlier writer may not have completed its last line.
                self.torn |= folder.end_of_records(1)?.last().is_some_and(|&last| last != b'\n');
                none.insert(folder.records()?)
            }
        };
        if self.torn {
            self.pending.insert(0, '\n');
            self.torn = false;
        }
        match write_whole(file, self.pending.as_bytes()) {
            Ok(()) => {
                self.pending.clear();
                Ok(())
            }
            Err((torn, error)) => {
                self.torn = torn;
                self.file = None;
                Err(error)
            }
        }
    }

    /// Writes what could not be written so far.
    ///
    /// # Errors
    /// How many lines are not written, and why.
    pub fn finish(&mut self, folder: &Folder) -> Result<(), (u64, io::Error)> {
        let flushed = self.flush(folder);
        let kept = self.pending.lines().filter(|line| !line.is_empty()).count();
        flushed.map_err(|error| (kept as u64, error))
    }

    /// Closes the file, so that the next line goes to the one that has the name then.
    pub fn close(&mut self) {
        self.file = None;
    }
}

/// Writes all of `bytes`, or nothing: what was written before an error is taken back, unless
/// another process appended meanwhile; then the error says so.
fn write_whole(file: &mut File, bytes: &[u8]) -> Result<(), (bool, io::Error)> {
    let mut rest = bytes;
    while !rest.is_empty() {
        let error = match file.write(rest) {
            Ok(0) => io::ErrorKind::WriteZero.into(),
            Ok(written) => {
                rest = &rest[written..];
                continue;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => error,
        };
        let written = (bytes.len() - rest.len()) as u64;
        let end = file.stream_position().unwrap_or_default();
        let is_last = file.metadata().is_ok_and(|status| status.len() == end);
        let taken_back = written == 0 || (is_last && file.set_len(end - written).is_ok());
        return Err((!taken_back, error));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_json_whatever_the_id() {
        let line = IndexLine {
            date: 0,
            id: b"a\"b\\\n\xff".to_vec(),
            reason: b"error".to_vec(),
            remote: Some(("::1".parse().unwrap(), 80)),
            local: None,
            records: 3,
            stack: b"rack".to_vec(),
            duration: Micros(1_500_000),
            ended: true,
            tag: b"t".to_vec(),
            source: "bblog",
            missing: 1,
        };
        let complete =
            Complete { name: "x.0.pcapng".to_owned(), number: 0, compressor: Compressor::None, bytes: 9 };
        let json = line.to_json(&complete);
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
