//! Captures as Wireshark's tools save them: whatever is left of a capture decodes as before.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::LazyLock;

use bblog_tests::fixtures::fixture;
use bblog_tests::programs::convert;
use bblog_tests::tshark::Tshark;

static TSHARK: LazyLock<Tshark> = LazyLock::new(Tshark::with_plugin);

/// What is compared of each frame: events of both logs, values of records, packets and events.
const FIELDS: [&str; 12] = [
    "-e",
    "bblog.event",
    "-e",
    "bblog.summary",
    "-e",
    "bblog.snd_cwnd",
    "-e",
    "bblog.flight",
    "-e",
    "eventlog.tcp.out.cwnd",
    "-e",
    "tcp.seq_raw",
];

/// A capture in a file that tshark's user may read, in a folder where it may write.
fn capture(name: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = TSHARK.home().join(format!("{name}.pcapng"));
    std::fs::write(&path, convert(&fixture(name))).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    path
}

fn frames(file: &Path) -> Vec<String> {
    let file = file.to_str().unwrap();
    let text = TSHARK.text(&[&["-r", file, "-T", "fields", "-E", "occurrence=f"][..], &FIELDS].concat(), b"");
    text.lines().map(str::to_owned).collect()
}

/// Runs one of Wireshark's tools, which must say nothing is wrong.
fn run(program: &str, arguments: &[&str]) {
    let output = TSHARK.command(program).args(arguments).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
}

fn saved(name: &str) -> PathBuf {
    TSHARK.home().join(name)
}

#[test]
fn editcap_and_tshark_keep_everything() {
    for name in ["rack_reqresp.tcplog", "rack_verbose_40.tcplog", "small-plain.elog"] {
        let file = capture(name);
        let all = frames(&file);
        assert!(all.len() > 30 && all.iter().all(|line| !line.starts_with('\t')), "{name}: {all:#?}");
        let (file, copy) = (file.to_str().unwrap(), saved(&format!("{name}-copy.pcapng")));
        run("editcap", &[file, copy.to_str().unwrap()]);
        assert_eq!(frames(&copy), all, "editcap, {name}");
        run("tshark", &["-r", file, "-w", copy.to_str().unwrap()]);
        assert_eq!(frames(&copy), all, "tshark -w, {name}");
        // Some frames, as "Export specified packets" saves them.
        run("editcap", &["-r", file, copy.to_str().unwrap(), "5-20"]);
        let some = frames(&copy);
        let kept = all[4..20].iter().map(|line| line.split('\t').take(2).collect::<Vec<_>>());
        assert!(kept.eq(some.iter().map(|line| line.split('\t').take(2).collect::<Vec<_>>())), "{name}");
        run("tshark", &["-r", file, "-Y", "bblog.event == OUT", "-w", copy.to_str().unwrap()]);
        // What an event of eventlog(9) is relative to stands in events that were left out; a BBLog record holds it.
        let columns = if name.ends_with(".elog") { 1 } else { usize::MAX };
        let of = |line: &String| line.split('\t').take(columns).map(str::to_owned).collect::<Vec<_>>();
        let out: Vec<_> = all.iter().filter(|line| line.starts_with("OUT\t")).map(of).collect();
        assert!(!out.is_empty(), "{name}");
        assert_eq!(frames(&copy).iter().map(of).collect::<Vec<_>>(), out, "{name}");
    }
}

/// Merges files one after the other (logs of different times), and gives the frames of the result and
/// those of the files.
fn merged(names: &[&str]) -> (Vec<String>, Vec<String>) {
    let files: Vec<PathBuf> = names.iter().map(|name| capture(name)).collect();
    let merged = tempfile::Builder::new().suffix(".pcapng").tempfile_in(TSHARK.home()).unwrap();
    let merged = merged.path().with_extension("merged.pcapng");
    let inputs = files.iter().map(|file| file.to_str().unwrap());
    let arguments: Vec<&str> = ["-a", "-w", merged.to_str().unwrap()].into_iter().chain(inputs).collect();
    run("mergecap", &arguments);
    (frames(&merged), files.iter().flat_map(|file| frames(file)).collect())
}

/// Without the values that depend on earlier frames of a connection.
fn names(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| line.split('\t').take(2).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn mergecap_keeps_the_events_of_all_files() {
    let (got, expected) = merged(&["small-plain.elog", "small-short.elog"]);
    assert_eq!(names(&got), names(&expected));
    // The merged file has one section, with the options of the first file's: what the others' said of their
    // stacks and providers is lost, but no event is, and none gets another connection.
    let (got, expected) = merged(&["rack_reqresp.tcplog", "default_v4mapped.tcplog", "bbr_120.tcplog"]);
    let events = |lines: &[String]| -> Vec<String> {
        lines.iter().map(|line| line.split('\t').next().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(events(&got), events(&expected));
    assert_eq!(names(&got)[..130], names(&expected)[..130]);
    let (got, expected) = merged(&["rack_reqresp.tcplog", "small-plain.elog"]);
    assert_eq!(got.len(), expected.len());
    assert!(got.iter().all(|line| !line.starts_with('\t')), "{got:#?}");
}

#[test]
fn merged_records_keep_their_connections() {
    let logs = ["rack_reqresp.tcplog", "default_v4mapped.tcplog"].map(capture);
    let both = saved("both.pcapng");
    let [one, other] = logs.each_ref().map(|file| file.to_str().unwrap());
    run("mergecap", &["-a", "-w", both.to_str().unwrap(), one, other]);
    let streams = ["-2", "-T", "fields", "-e", "bblog.stream", "-e", "tcp.stream", "-r"];
    let text = TSHARK.text(&[&streams[..], &[both.to_str().unwrap()]].concat(), b"");
    let lines: Vec<&str> = text.lines().collect();
    let (of_one, of_other) = lines.split_at(130);
    let has = |line: &&str, stream: &str| line.split('\t').next() == Some(stream);
    assert!(of_one.iter().all(|line| has(line, "0")), "{text}");
    assert!(of_other.iter().all(|line| has(line, "1")), "{text}");
}

#[test]
fn files_one_after_the_other_are_one_capture() {
    let logs = ["rack_reqresp.tcplog", "small-plain.elog", "default_v4mapped.tcplog"];
    let all: Vec<u8> = logs.iter().flat_map(|name| convert(&fixture(name))).collect();
    let file = saved("all.pcapng");
    std::fs::write(&file, all).unwrap();
    let got: Vec<String> = frames(&file);
    let expected: Vec<String> = logs.iter().flat_map(|name| frames(&capture(name))).collect();
    assert_eq!(names(&got), names(&expected));
}
