// SPDX-License-Identifier: BSD-2-Clause
//! The status file: counters in Prometheus' text format, for node_exporter's textfile collector and for
//! `bblogd status`.
//!
//! It is replaced atomically: a reader finds the old one or the new one.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::device::queue::Load;
use crate::failure::{Failure, io_text};
use crate::log::Log;
use crate::process::privileges::RunAs;
use crate::store::counters::Counters;
use crate::store::folder::Folder;

/// How often it is written.
pub const EVERY: Duration = Duration::from_secs(15);
/// Anyone may read it: a collector has another user.
const MODE: u32 = 0o644;

/// How it begins.
const BEGINNING: &[u8] = b"# HELP bblogd_";

/// Reads the kernel's limits: names of sysctls, and their values.
pub type AskLimits = Box<dyn FnMut() -> Vec<(String, i64)>>;

/// The status file.
pub struct StatusFile {
    folder: Folder,
    name: String,
    path: PathBuf,
    ask_limits: AskLimits,
    begun: SystemTime,
    written: Option<Instant>,
    /// The number of lost records when it was last written, and when it last grew.
    lost: u64,
    last_loss: Option<SystemTime>,
    /// Whether the last write failed.
    failed: bool,
}

/// What is written.
pub struct Snapshot<'a> {
    /// Counters.
    pub counters: &'a Counters,
    /// How full the queue is.
    pub load: Load,
    /// How full it may be, in bytes.
    pub queue_limit: u64,
    /// Whether the output cannot be written.
    pub in_trouble: bool,
    /// The last error, and when it was.
    pub last_error: Option<(SystemTime, String)>,
    /// Whether the daemon goes on.
    pub is_up: bool,
}

impl StatusFile {
    /// The status file `path`, which `run_as` has to be able to write. It replaces no other file than an
    /// earlier status file: a slip in the option would cost the index of logs, or a device.
    ///
    /// # Errors
    /// A [`Failure`]: it cannot be written, or another file has that name.
    pub fn open(path: &Path, run_as: &RunAs) -> Result<StatusFile, Failure> {
        let failed = |error| Failure::io(path.display(), error);
        let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
        let Some(name) = name else { return Err(failed(io::ErrorKind::InvalidFilename.into())) };
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let folder = parent.canonicalize().and_then(|parent| Folder::open(&parent, MODE)).map_err(failed)?;
        let found = run_as.try_as_user(|| {
            folder.probe()?;
            folder.beginning(&name, BEGINNING.len() as u64)
        })?;
        let found = found.map_err(failed)?.unwrap_or_default();
        if !BEGINNING.starts_with(&found) {
            return Err(Failure::new(path.display(), "is no status file of bblogd, expected one or no file"));
        }
        Ok(StatusFile {
            folder,
            name,
            path: path.to_owned(),
            ask_limits: Box::new(Vec::new),
            begun: SystemTime::now(),
            written: None,
            lost: 0,
            last_loss: None,
            failed: false,
        })
    }

    /// Sets the function that reads the kernel's limits.
    pub fn set_ask_limits(&mut self, ask_limits: AskLimits) {
        self.ask_limits = ask_limits;
    }

    /// The folder it lies in, for the sandbox.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Whether it is time to write it.
    pub fn is_due(&self) -> bool {
        self.written.is_none_or(|written| written.elapsed() >= EVERY)
    }

    /// Writes it. An error is reported once, until a write succeeds again.
    pub fn write(&mut self, snapshot: &Snapshot<'_>, log: &Log) {
        self.written = Some(Instant::now());
        let lost = snapshot.counters.lost();
        if lost > self.lost {
            self.last_loss = Some(SystemTime::now());
        }
        self.lost = lost;
        let limits = (self.ask_limits)();
        let text = text(snapshot, &limits, self.begun, self.last_loss);
        match self.folder.replace(&self.name, text.as_bytes()) {
            Ok(()) => self.failed = false,
            Err(error) if !self.failed => {
                self.failed = true;
                log.warning(format_args!("{}: {}", self.path.display(), io_text(&error)));
            }
            Err(_) => {}
        }
    }
}

/// The file's text.
fn text(
    snapshot: &Snapshot<'_>,
    limits: &[(String, i64)],
    begun: SystemTime,
    last_loss: Option<SystemTime>,
) -> String {
    let mut out = Metrics(String::with_capacity(8192));
    out.process(snapshot, begun);
    out.done(snapshot.counters, snapshot.load);
    out.lost(snapshot.counters, last_loss);
    out.now(snapshot, limits);
    out.0
}

fn seconds(time: SystemTime) -> f64 {
    // Milliseconds are enough, and stay exact.
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_millis() as f64 / 1000.0
}

/// Metrics in the making.
struct Metrics(String);

type Labels<'a> = &'a [(&'a str, &'a str)];

impl Metrics {
    /// What runs, and since when.
    fn process(&mut self, snapshot: &Snapshot<'_>, begun: SystemTime) {
        let version = [("version", bblog_version::VERSION)];
        self.gauge("build_info", "The version of bblogd.", &[(&version, 1.0)]);
        self.gauge(
            "up",
            "1 while bblogd runs, 0 after it has ended.",
            &[(&[], f64::from(u8::from(snapshot.is_up)))],
        );
        self.gauge("start_time_seconds", "When bblogd was started, since 1970.", &[(&[], seconds(begun))]);
        let now = seconds(SystemTime::now());
        self.gauge("status_time_seconds", "When this file was written, since 1970.", &[(&[], now)]);
    }

    /// What was read and written.
    fn done(&mut self, counters: &Counters, load: Load) {
        for (name, help, value) in [
            ("entries_total", "BBLog entries that began.", counters.entries),
            ("records_total", "BBLog records read.", counters.records),
            ("events_total", "Events of eventlog read.", counters.events),
            (
                "late_events_total",
                "Events that came after a newer one, and were put in order.",
                counters.late_events,
            ),
            ("read_bytes_total", "Bytes read from the devices.", counters.bytes_in),
            ("written_bytes_total", "Bytes written to files or the stream.", counters.bytes_out),
            ("files_total", "Files completed.", counters.files),
            ("deleted_files_total", "Files deleted for --max-total-size and --max-age.", counters.deleted),
            ("left_out_entries_total", "Entries left out by --reason and --drop-small.", counters.left_out),
            ("queue_waits_total", "How often a device was not read because the queue was full.", load.waits),
        ] {
            self.counter(name, help, &[(&[], value)]);
        }
    }

    /// What was lost.
    fn lost(&mut self, counters: &Counters, last_loss: Option<SystemTime>) {
        self.counter(
            "lost_total",
            "What was lost. cause=\"output\": records and events that could not be written; \"kernel\": events that \
             the kernel dropped; \"skipped\": entries of an unknown kind or too long; \"cut\": entries cut short; \
             \"index\": lines of the index; \"unfinished\": files that could not be completed.",
            &[
                (&[("cause", "output")], counters.dropped),
                (&[("cause", "kernel")], counters.kernel_drops),
                (&[("cause", "skipped")], counters.skipped_entries),
                (&[("cause", "cut")], counters.cut_entries),
                (&[("cause", "index")], counters.lost_lines),
                (&[("cause", "unfinished")], counters.unfinished),
            ],
        );
        self.counter(
            "missing_records_total",
            "BBLog records missing by their serial numbers: the kernel did not keep them.",
            &[(&[], counters.missing)],
        );
        let last_loss = last_loss.map_or(0.0, seconds);
        self.gauge(
            "last_loss_time_seconds",
            "When something was last lost, since 1970; 0 for never.",
            &[(&[], last_loss)],
        );
    }

    /// How things are now.
    fn now(&mut self, snapshot: &Snapshot<'_>, limits: &[(String, i64)]) {
        let Snapshot { load, queue_limit, in_trouble, last_error, .. } = snapshot;
        self.gauge("queue_bytes", "Bytes read and not yet written.", &[(&[], load.bytes as f64)]);
        self.gauge("queue_peak_bytes", "The most that queue_bytes was.", &[(&[], load.peak as f64)]);
        self.gauge(
            "queue_limit_bytes",
            "The most that queue_bytes may be (--queue-size).",
            &[(&[], *queue_limit as f64)],
        );
        let trouble = f64::from(u8::from(*in_trouble));
        self.gauge("output_in_trouble", "1 while the output cannot be written.", &[(&[], trouble)]);
        let labels: Vec<_> = limits.iter().map(|(name, _)| [("sysctl", name.as_str())]).collect();
        let values: Vec<(&[(&str, &str)], f64)> =
            labels.iter().zip(limits).map(|(label, (_, value))| (&label[..], *value as f64)).collect();
        if !values.is_empty() {
            self.gauge(
                "kernel_sysctl",
                "What the kernel says about BBLog: its limits, and what it keeps.",
                &values,
            );
        }
        if let Some((when, message)) = last_error {
            let labels = [("message", message.as_str())];
            self.gauge(
                "last_error_time_seconds",
                "When the last error was, since 1970.",
                &[(&labels, seconds(*when))],
            );
        }
    }

    fn counter(&mut self, name: &str, help: &str, values: &[(Labels<'_>, u64)]) {
        self.head(name, help, "counter");
        values.iter().for_each(|(labels, value)| self.sample(name, labels, *value));
    }

    fn gauge(&mut self, name: &str, help: &str, values: &[(Labels<'_>, f64)]) {
        self.head(name, help, "gauge");
        values.iter().for_each(|(labels, value)| self.sample(name, labels, *value));
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP bblogd_{name} {help}\n# TYPE bblogd_{name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: Labels<'_>, value: impl std::fmt::Display) {
        let labels: Vec<_> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "bblogd_{name}{labels} {value}");
    }
}

/// The value of a label.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status() {
        let counters = Counters { entries: 3, dropped: 7, ..Counters::default() };
        let when = UNIX_EPOCH + Duration::from_millis(1_795_000_000_250);
        let snapshot = Snapshot {
            counters: &counters,
            load: Load { bytes: 5, peak: 6, waits: 0 },
            queue_limit: 100,
            in_trouble: true,
            last_error: Some((when, "a \"quoted\"\nback\\slash".to_owned())),
            is_up: true,
        };
        let limits = [("net.inet.tcp.bb.log_global_limit".to_owned(), 5_000_000)];
        let text = text(&snapshot, &limits, when, Some(when));
        assert!(text.as_bytes().starts_with(BEGINNING));
        for line in [
            "bblogd_up 1",
            "bblogd_start_time_seconds 1795000000.25",
            "bblogd_entries_total 3",
            "bblogd_lost_total{cause=\"output\"} 7",
            "bblogd_lost_total{cause=\"kernel\"} 0",
            "bblogd_queue_bytes 5",
            "bblogd_output_in_trouble 1",
            "bblogd_last_loss_time_seconds 1795000000.25",
            "bblogd_kernel_sysctl{sysctl=\"net.inet.tcp.bb.log_global_limit\"} 5000000",
            "bblogd_last_error_time_seconds{message=\"a \\\"quoted\\\"\\nback\\\\slash\"} 1795000000.25",
            "# TYPE bblogd_lost_total counter",
        ] {
            assert!(text.lines().any(|found| found == line), "{line}\n{text}");
        }
    }
}
