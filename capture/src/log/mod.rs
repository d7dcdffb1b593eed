// SPDX-License-Identifier: BSD-2-Clause
//! Messages to the operator: lines on standard error or in the system's log.

mod level;
pub mod syslog;

use std::cell::RefCell;
use std::fmt::Display;
use std::io::Write;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bblog_dissector::counted::Counted;
use bblog_pcapng::escape::{OneLine, PrintableJson};
use clap::ValueEnum;
use serde_json::{Map, Value};

pub use level::Level;
use syslog::Syslog;

/// Lines in [`WINDOW`] before the rest is only counted: hostile input can cause any number.
const LIMIT: u32 = 50;
const WINDOW: Duration = Duration::from_secs(10);

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// `bblogd: what: why`
    Text,
    /// One JSON object per line
    Json,
}

/// The log.
pub struct Log {
    format: LogFormat,
    /// The system's log; without it standard error.
    syslog: Option<Syslog>,
    rate: RefCell<RateLimit>,
    last_error: RefCell<Option<(SystemTime, String)>>,
}

struct RateLimit {
    since: Instant,
    lines: u32,
    suppressed: u32,
}

impl Log {
    /// A log on standard error, or in the system's log.
    pub fn new(format: LogFormat, to_syslog: bool) -> Log {
        let rate = RateLimit { since: Instant::now(), lines: 0, suppressed: 0 };
        Log {
            format,
            syslog: to_syslog.then(Syslog::connect),
            rate: RefCell::new(rate),
            last_error: RefCell::default(),
        }
    }

    /// The system's log, if this is it.
    pub fn syslog(&self) -> Option<&Syslog> {
        self.syslog.as_ref()
    }

    /// The last error, and when it was.
    pub fn last_error(&self) -> Option<(SystemTime, String)> {
        self.last_error.borrow().clone()
    }

    /// Reports that something was lost or does not work.
    pub fn error(&self, what: impl Display) {
        self.line(Level::Error, what, &[]);
    }

    /// Reports that something is not as it should be.
    pub fn warning(&self, what: impl Display) {
        self.line(Level::Warning, what, &[]);
    }

    /// Reports something of interest to an operator.
    pub fn info(&self, what: impl Display) {
        self.line(Level::Info, what, &[]);
    }

    /// Reports what an operator requested. In JSON `fields` are beside the text.
    pub fn answer(&self, what: impl Display, fields: &[(&str, Value)]) {
        self.write(Level::Info, &what.to_string(), fields);
    }

    /// Reports `what`. In JSON `fields` are beside the text.
    pub fn line(&self, level: Level, what: impl Display, fields: &[(&str, Value)]) {
        if level == Level::Error {
            *self.last_error.borrow_mut() = Some((SystemTime::now(), OneLine(&what.to_string()).to_string()));
        }
        let mut rate = self.rate.borrow_mut();
        if rate.since.elapsed() > WINDOW {
            let suppressed = std::mem::take(&mut rate.suppressed);
            *rate = RateLimit { since: Instant::now(), lines: 0, suppressed: 0 };
            if suppressed > 0 {
                self.write(
                    Level::Warning,
                    &format!("{} like these", Counted(suppressed.into(), "more message")),
                    &[],
                );
            }
        }
        rate.lines += 1;
        if rate.lines > LIMIT {
            rate.suppressed += 1;
            return;
        }
        self.write(level, &what.to_string(), fields);
    }

    fn write(&self, level: Level, what: &str, fields: &[(&str, Value)]) {
        let line = match self.format {
            LogFormat::Text => OneLine(what).to_string(),
            LogFormat::Json => json(level, what, fields),
        };
        match (&self.syslog, self.format) {
            (Some(syslog), _) => syslog.send(level, &line),
            // A closed standard error cannot be reported.
            (None, LogFormat::Text) => drop(writeln!(std::io::stderr(), "bblogd: {line}")),
            (None, LogFormat::Json) => drop(writeln!(std::io::stderr(), "{line}")),
        }
    }
}

fn json(level: Level, what: &str, fields: &[(&str, Value)]) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut object = Map::new();
    object.insert("time".into(), now.as_secs_f64().into());
    object.insert("level".into(), level.name().into());
    object.insert("program".into(), "bblogd".into());
    object.insert("message".into(), what.into());
    object.extend(fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())));
    PrintableJson(&Value::Object(object).to_string()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_one_line_whatever_is_told() {
        let message = "id \"a\"\nb\u{9b}2J\u{7f}\u{202e}";
        let line = json(Level::Error, message, &[("drops", 3.into())]);
        let back: Value = serde_json::from_str(&line).unwrap();
        assert_eq!((&back["message"], &back["drops"]), (&message.into(), &3.into()));
        assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line}");
    }
}
