// SPDX-License-Identifier: BSD-2-Clause
//! The plugin in tshark and sharkd under valgrind (`make memcheck`): no byte is used that is not there
//! or was never set, and nothing is lost that grows with a capture.
//!
//! Wireshark's pools are set to take each piece of memory from malloc(3), or valgrind would see only
//! the large ones. No report is suppressed. Stock Wireshark loses some preferences at its start, so the lost bytes
//! are compared with those of stock Wireshark. For some damaged captures the reader of 4.0 makes a time stamp from
//! memory it never set. valgrind reports each use of that time; none is in the plugin.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use bblog_tests::damage::{Damaged, faults};
use bblog_tests::fixtures::fixture;
use bblog_tests::programs::convert;
use bblog_tests::sharkd::{Sharkd, StockSharkd};
use bblog_tests::tshark::{Tshark, output_of};

/// How many damaged captures.
const MUTATIONS: usize = 200;

static TSHARK: LazyLock<Tshark> = LazyLock::new(|| under_valgrind(Tshark::with_plugin()));
static STOCK: LazyLock<Tshark> = LazyLock::new(|| under_valgrind(Tshark::stock()));

fn under_valgrind(tshark: Tshark) -> Tshark {
    let mut tshark = tshark.without_tables();
    tshark.set("WIRESHARK_DEBUG_WMEM_OVERRIDE", "simple");
    tshark.set("G_SLICE", "always-malloc");
    tshark
}

/// Where a report is to be: another file each time.
fn report(tshark: &Tshark) -> PathBuf {
    static REPORTS: AtomicUsize = AtomicUsize::new(0);
    tshark.home().join(format!("report-{}", REPORTS.fetch_add(1, Ordering::Relaxed)))
}

/// valgrind's arguments, for a report in this file.
fn arguments(report: &Path) -> Vec<String> {
    let log = format!("--log-file={}", report.display());
    let fixed = ["--leak-check=full", "--errors-for-leak-kinds=none", "--num-callers=40", "--error-limit=no"];
    fixed.map(str::to_owned).into_iter().chain([log]).collect()
}

/// What valgrind has found.
#[derive(Debug, Default, PartialEq)]
struct Report {
    /// Uses of memory that is not there, or was not set.
    errors: u64,
    /// Bytes to which no pointer is left at the end, or only one that may be chance.
    lost: u64,
    /// Whether the plugin asked for any of those.
    ours_lost: bool,
    text: String,
}

impl Report {
    fn read(path: &Path) -> Report {
        let text = fs::read_to_string(path).expect("valgrind's report");
        let number = |label: &str| -> Option<u64> {
            let rest = text.split(label).nth(1)?;
            rest.trim_start().split(' ').next()?.replace(',', "").parse().ok()
        };
        let errors = number("ERROR SUMMARY:").unwrap_or_else(|| panic!("no summary in {text}"));
        let kinds = ["definitely lost:", "indirectly lost:", "possibly lost:"];
        // Without any of these valgrind has nothing to say about leaks.
        let lost = kinds.iter().filter_map(|kind| number(kind)).sum();
        let ours_lost = paragraphs(&text).any(|part| part.contains(" lost in loss record ") && is_ours(part));
        Report { errors, lost, ours_lost, text }
    }
}

/// valgrind's findings, each with its callers.
fn paragraphs(text: &str) -> impl Iterator<Item = &str> {
    text.split("== \n")
}

/// Whether the plugin is among the callers.
fn is_ours(part: &str) -> bool {
    let sources =
        ["bblog", "(register.c:", "(dissect.c:", "(section.c:", "(stream.c:", "(stats.c:", "(menu.c:"];
    sources.iter().any(|name| part.contains(name))
}

/// Whether memory was used that is not there, or, by the plugin, that was not set.
fn is_fault(part: &str) -> bool {
    let accesses = ["Invalid read", "Invalid write", "Invalid free", "Mismatched free", "overlap in "];
    accesses.iter().any(|access| part.contains(access)) || part.contains("uninitialised") && is_ours(part)
}

fn in_tshark(tshark: &Tshark, options: &[&str], capture: &[u8]) -> Report {
    let report = report(tshark);
    let arguments = arguments(&report);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let file = report.with_extension("pcapng");
    readable(&file, capture);
    let mut command = tshark.command_in("valgrind", &arguments, "tshark");
    let output = output_of(command.arg("-r").arg(&file).args(options), b"");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "tshark {options:?}: {}: {said}", output.status);
    assert!(!output.stdout.is_empty());
    Report::read(&report)
}

/// A running sharkd, and where its report is.
fn in_sharkd(tshark: &Tshark) -> (Sharkd, PathBuf) {
    let report = report(tshark);
    let arguments = arguments(&report);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    (Sharkd::run(tshark.command_in("valgrind", &arguments, "sharkd")), report)
}

fn readable(path: &Path, capture: &[u8]) {
    use std::os::unix::fs::PermissionsExt;
    fs::write(path, capture).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).unwrap();
}

#[test]
#[ignore = "minutes, and needs valgrind: make memcheck"]
fn samples_in_tshark() {
    let logs = [
        "each_event.tcplog",
        "default_refused.tcplog",
        "rack_verbose_40.tcplog",
        "bbr_120.tcplog",
        "small-plain.elog",
        "variant_a.elog",
        "variant_e.elog",
    ];
    for log in logs {
        let capture = convert(&fixture(log));
        let columns = ["-o", "bblog-record.info:tcp_state", "-o", "bblog-record.raw:TRUE"];
        let statistics = ["-q", "-z", "bblog,tree", "-z", "eventlog,tree", "-z", "expert"];
        let filter =
            ["-2", "-Y", "bblog.event == OUT or bblog.flight > 0 or bblog.flex1 or bblog.stream == 0"];
        for options in [&[&["-V"][..], &columns].concat()[..], &columns, &statistics, &filter] {
            let report = in_tshark(&TSHARK, options, &capture);
            assert_eq!(report.errors, 0, "{log} {options:?}: {}", report.text);
            assert!(!report.ours_lost, "{log} {options:?}: {}", report.text);
        }
    }
}

#[test]
#[ignore = "minutes, and needs valgrind: make memcheck"]
fn what_is_lost_does_not_grow() {
    let stock = in_tshark(&STOCK, &["-V"], &convert(&fixture("default_refused.tcplog")));
    for log in ["rack_reqresp.tcplog", "small-plain.elog"] {
        let once = convert(&fixture(log));
        let twice = [&once[..], &once].concat();
        for capture in [&once, &twice] {
            let report = in_tshark(&TSHARK, &["-V", "-2", "-Y", "bblog.event"], capture);
            assert_eq!(report.lost, stock.lost, "{log}: {}", report.text);
        }
    }
    println!("lost in tshark at the end, with the plugin as without, once as twice: {} bytes", stock.lost);

    // One capture after the other, in one process.
    let file = TSHARK.home().join("capture.pcapng");
    readable(&file, &convert(&fixture("rack_reqresp.tcplog")));
    let (mut sharkd, report) = in_sharkd(&TSHARK);
    for _ in 0..4 {
        assert_eq!(sharkd.look_at(&file), Some(130));
    }
    assert_eq!(sharkd.signal(), None);
    let report = Report::read(&report);
    assert_eq!(report.errors, 0, "{}", report.text);
    // sharkd itself loses its list of frames with every capture but the last.
    assert!(!report.ours_lost, "{}", report.text);
    println!("lost in sharkd after 4 captures: {} bytes, none of them the plugin's", report.lost);
}

#[test]
#[ignore = "minutes, and needs valgrind: make memcheck"]
fn damaged_captures_in_sharkd() {
    let captures = Damaged::new();
    let file = TSHARK.home().join("damaged.pcapng");
    let (mut sharkd, report) = in_sharkd(&TSHARK);
    let mut stock = StockSharkd::new(&STOCK);
    let (mut frames, mut seen) = (0, 0);
    for number in 0..MUTATIONS {
        readable(&file, &captures.capture(number));
        frames += sharkd.look_at(&file).unwrap_or_else(|| panic!("sharkd died of mutation {number}"));
        let found = stock.lacks(faults(&sharkd.said()), &file);
        assert!(found.is_empty(), "mutation {number}: {found:#?}");
        // Reported as it happens, so that it is known of which capture.
        let text = fs::read_to_string(&report).unwrap();
        let found: Vec<&str> = paragraphs(&text[seen..]).filter(|part| is_fault(part)).collect();
        assert!(found.is_empty(), "mutation {number}: {}", found.join("\n"));
        seen = text.len();
    }
    assert_eq!(sharkd.signal(), None);
    let report = Report::read(&report);
    assert!(!report.ours_lost, "{}", report.text);
    println!(
        "{MUTATIONS} damaged captures, {frames} frames: no fault; {} bytes lost, none of them the plugin's",
        report.lost
    );
    assert!(frames > 1000, "only {frames} frames");
}

/// What the plugin's runs are forgiven happens without it.
#[test]
#[ignore = "minutes, and needs valgrind: make memcheck"]
fn the_time_stamps_are_stock_wiresharks() {
    let captures = Damaged::new();
    let file = STOCK.home().join("damaged.pcapng");
    let (mut sharkd, report) = in_sharkd(&STOCK);
    for number in 0..8 {
        readable(&file, &captures.capture(number));
        sharkd.look_at(&file).expect("sharkd lives");
    }
    assert_eq!(sharkd.signal(), None);
    let report = Report::read(&report);
    assert!(report.errors > 0, "{}", report.text);
    assert!(!report.text.contains("bblog.so"), "{}", report.text);
    println!("without the plugin: {} uses of what was never set, of 8 damaged captures", report.errors);
}
