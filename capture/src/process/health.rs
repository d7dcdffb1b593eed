// SPDX-License-Identifier: BSD-2-Clause
//! `bblogd status`: reads the status file of a running bblogd, and prints whether it is healthy.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bblog_pcapng::escape::{OneLine, PrintableJson};
use nix::fcntl::OFlag;
use serde_json::json;

use crate::failure::io_text;
use crate::process::answer;
use crate::process::cli::StatusArgs;
use crate::process::status::EVERY;

/// A status file is at most so large.
const MAX: u64 = 1 << 20;
/// A loss is recent for so long.
const RECENT: Duration = Duration::from_secs(300);

/// The contents of a status file: values by name with labels.
type StatusValues = BTreeMap<String, f64>;

/// Reads the status file and prints the result. Status 0 if healthy, else 1.
pub fn run(args: &StatusArgs) -> ExitCode {
    let path = &args.status_file;
    let (values, problems) = match read(path) {
        Ok(text) => {
            let values = parse(&text);
            let problems = problems(&values, SystemTime::now());
            (values, problems)
        }
        Err(error) => (StatusValues::new(), vec![format!("{}: {}", path.display(), io_text(&error))]),
    };
    let text = match args.json {
        true => {
            let values: serde_json::Map<String, serde_json::Value> =
                values.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            let all = json!({"healthy": problems.is_empty(), "problems": problems, "values": values});
            format!("{}\n", PrintableJson(&all.to_string()))
        }
        false => summary(&values, &problems),
    };
    answer::print(&text, problems.is_empty())
}

fn read(path: &Path) -> io::Result<String> {
    let flags = (OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).bits();
    let file = std::fs::File::options().read(true).custom_flags(flags).open(path)?;
    let mut text = String::new();
    file.take(MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {MAX} bytes")));
    }
    Ok(text)
}

/// The samples of a file in Prometheus' text format, by name and labels without `bblogd_`.
fn parse(text: &str) -> StatusValues {
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let sample = |line: &str| {
        let (name, value) = line.rsplit_once(' ')?;
        // bblogd writes finite numbers only.
        let value = value.parse().ok().filter(|value: &f64| value.is_finite())?;
        Some((name.strip_prefix("bblogd_")?.to_owned(), value))
    };
    samples.filter_map(sample).collect()
}

/// The reasons not to be healthy at the time `now`.
fn problems(values: &StatusValues, now: SystemTime) -> Vec<String> {
    let now = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
    let value = |name: &str| values.get(name).copied();
    let mut problems = Vec::new();
    let Some(written) = value("status_time_seconds") else {
        return vec!["this is no status file of bblogd".to_owned()];
    };
    if value("up") != Some(1.0) {
        problems.push("bblogd has ended".to_owned());
    } else if now - written > 4.0 * EVERY.as_secs_f64() {
        problems.push(format!("bblogd has not written its status for {:.0} s", now - written));
    } else if written - now > 4.0 * EVERY.as_secs_f64() {
        // Without this a daemon that is gone would seem to run for so long.
        problems.push(format!("the status is dated {:.0} s ahead of the clock", written - now));
    }
    if value("output_in_trouble") == Some(1.0) {
        problems.push("the output cannot be written".to_owned());
    }
    if let Some(last) = value("last_loss_time_seconds").filter(|&last| last > 0.0)
        && written - last < RECENT.as_secs_f64()
    {
        let lost = |(name, value): (&String, &f64)| {
            let cause = name.strip_prefix("lost_total{cause=\"")?.strip_suffix("\"}")?;
            (*value > 0.0).then(|| format!("{cause} {value}"))
        };
        let lost: Vec<_> = values.iter().filter_map(lost).collect();
        let since = (now - last).max(0.0);
        problems.push(format!("something was lost {since:.0} s ago; in all: {}", lost.join(", ")));
    }
    if let (Some(bytes), Some(limit)) = (value("queue_bytes"), value("queue_limit_bytes"))
        && bytes >= limit
    {
        problems.push("the queue is full: devices are read no faster than the output is written".to_owned());
    }
    problems
}

fn summary(values: &StatusValues, problems: &[String]) -> String {
    let mut text = String::from(if problems.is_empty() { "healthy\n" } else { "not healthy\n" });
    problems.iter().for_each(|problem| text.push_str(&format!("  {}\n", OneLine(problem))));
    for (name, value) in values {
        text.push_str(&format!("{} {value}\n", OneLine(name)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# HELP bblogd_up x\nbblogd_up 1\nbblogd_status_time_seconds 1000\n\
                        bblogd_lost_total{cause=\"output\"} 5\nbblogd_last_loss_time_seconds 0\n\
                        bblogd_queue_bytes 1\nbblogd_queue_limit_bytes 10\nbblogd_output_in_trouble 0\n";

    fn problems_of(text: &str, now: u64) -> Vec<String> {
        problems(&parse(text), UNIX_EPOCH + Duration::from_secs(now))
    }

    #[test]
    fn health() {
        assert_eq!(problems_of(GOOD, 1010), [""; 0]);
        assert_eq!(problems_of(GOOD, 1070), ["bblogd has not written its status for 70 s"]);
        assert_eq!(problems_of(GOOD, 900), ["the status is dated 100 s ahead of the clock"]);
        assert_eq!(problems_of(&GOOD.replace("up 1", "up 0"), 1070), ["bblogd has ended"]);
        let lossy = GOOD.replace("loss_time_seconds 0", "loss_time_seconds 990");
        assert_eq!(problems_of(&lossy, 1010), ["something was lost 20 s ago; in all: output 5"]);
        assert_eq!(problems_of(&GOOD.replace("loss_time_seconds 0", "loss_time_seconds 600"), 1010), [""; 0]);
        assert_eq!(
            problems_of(&GOOD.replace("trouble 0", "trouble 1"), 1010),
            ["the output cannot be written"]
        );
        assert_eq!(problems_of(&GOOD.replace("bytes 1\n", "bytes 10\n"), 1010).len(), 1);
        assert_eq!(problems_of("node_load1 3\n", 1010), ["this is no status file of bblogd"]);
        // A time that is no number is not taken for now.
        for value in ["NaN", "inf", "-inf", "1e999", "", "x"] {
            let text = GOOD.replace("status_time_seconds 1000", &format!("status_time_seconds {value}"));
            assert_eq!(problems_of(&text, 1010), ["this is no status file of bblogd"], "{value}");
        }
        let ahead = GOOD.replace("loss_time_seconds 0", "loss_time_seconds 5000");
        assert_eq!(problems_of(&ahead, 1010), ["something was lost 0 s ago; in all: output 5"]);
    }
}
