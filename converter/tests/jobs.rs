// SPDX-License-Identifier: BSD-2-Clause
//! With any number of threads the output is the same, byte for byte, and so are messages and exit status.

mod support;

use std::path::{Path, PathBuf};

use support::{Folder, bytes, fixture, run};

/// Runs `bblog COMMAND -j JOBS ARGUMENTS INPUTS`.
fn ran(command: &[&str], jobs: &str, inputs: &[PathBuf]) -> support::Ran {
    let mut args: Vec<&Path> = command.iter().map(Path::new).collect();
    args.extend([Path::new("-j"), Path::new(jobs)]);
    args.extend(inputs.iter().map(PathBuf::as_path));
    run(&args, b"")
}

/// Fails unless each command says the same of `inputs` with one thread and with several.
fn same(commands: &[&[&str]], inputs: &[PathBuf], code: i32) {
    for command in commands {
        let alone = ran(command, "1", inputs);
        assert_eq!(alone.code, code, "{command:?}: {}", alone.stderr);
        for jobs in ["2", "5"] {
            let together = ran(command, jobs, inputs);
            assert!(together.stdout == alone.stdout, "{command:?} -j {jobs}: another output");
            assert_eq!(
                (together.code, &together.stderr),
                (alone.code, &alone.stderr),
                "{command:?} -j {jobs}"
            );
        }
    }
}

const COMMANDS: &[&[&str]] = &[
    &["json"],
    &["json", "--raw", "--names"],
    &["json", "--filter", "bblog.event == OUT", "--limit", "3000"],
    &["json", "--filter", "bblog.limit == application"],
    &[
        "csv",
        "--fields",
        "number,relative,connection,session,provider,bblog.limit,bblog.retransmission,summary",
    ],
    &["csv"],
    &["csv", "--filter", "bblog.event == OUT && bblog.snd_cwnd > 20000", "--limit", "3000"],
    &["csv", "--fields", "number,event,bblog.time_delta,bblog.gap,bblog.srtt_us,bblog.alert"],
    &["info"],
    &["info", "--json", "--limit", "700"],
    &["why"],
    &["why", "--json", "-v"],
    &["stats", "--json"],
    &["convert", "-o", "-"],
    #[cfg(feature = "parquet")]
    &["convert", "--format", "arrow", "-o", "-"],
];

/// A stream long enough for several batches: an entry again and again, of 40 connections in turns.
fn long(name: &str, entries: u32) -> Vec<u8> {
    of_connections(name, entries, 40)
}

/// An entry again and again, of so many connections in turns.
fn of_connections(name: &str, entries: u32, connections: u32) -> Vec<u8> {
    let stream = bytes(name);
    let mut long = Vec::new();
    for entry in 0..entries {
        let start = long.len();
        long.extend_from_slice(&stream);
        // The peer's address, the first of the header.
        long[start + 32..start + 36].copy_from_slice(&(0x0a00_0000 + entry % connections).to_be_bytes());
    }
    long
}

#[test]
fn a_long_stream_and_a_verbose_one() {
    let folder = Folder::new();
    let inputs = [
        folder.write("a.tcplog", &long("rack_reqresp.tcplog", 30)),
        folder.write("b.tcplog", &long("rack_verbose-cut.tcplog", 60)),
    ];
    let length = |path: &PathBuf| path.metadata().unwrap().len();
    assert!(inputs.iter().all(|input| length(input) > 4 * 64 * 1024), "too short for several batches");
    same(COMMANDS, &inputs[..1], 0);
    same(COMMANDS, &inputs, 0);
}

/// A pipe, which pauses when it is empty.
#[test]
fn standard_input() {
    let stream = long("rack_reqresp.tcplog", 30);
    for command in ["json", "csv"] {
        let alone = run(&[command, "-j", "1", "-"], &stream);
        assert_eq!((alone.code, alone.stderr.as_str()), (0, ""), "{command}");
        for jobs in ["2", "5"] {
            let together = run(&[command, "-j", jobs, "-"], &stream);
            assert!(together.stdout == alone.stdout, "{command} -j {jobs}: another output");
            assert_eq!((together.code, together.stderr), (0, String::new()));
        }
    }
}

#[test]
fn many_formats_in_one_order() {
    let folder = Folder::new();
    let saved = folder.path("c.pcapng");
    support::convert(&fixture("rack_reqresp.tcplog"), &saved);
    let elog = folder.path("d.pcapng");
    support::convert(&fixture("small-plain.elog"), &elog);
    let names = ["small-live.elog", "default_refused.tcplog", "default_v4mapped.tcplog", "small-quirks.elog"];
    let mut inputs: Vec<PathBuf> = names.iter().map(|name| fixture(name)).collect();
    inputs.extend([saved, elog]);
    let code = ran(&["json"], "1", &inputs).code;
    same(COMMANDS, &inputs, code);
}

#[test]
fn problems_stay_in_their_order() {
    let folder = Folder::new();
    let mut torn = long("rack_reqresp.tcplog", 20);
    // Entries that are no entries, now and then, and an end in the middle of a record.
    let entry = torn.len() / 20;
    for at in (1..20).step_by(3) {
        torn[at * entry..at * entry + 8].fill(0xff);
    }
    torn.truncate(torn.len() - 100);
    let inputs = [
        folder.write("torn", &torn),
        folder.path("absent"),
        folder.write("noise", b"#!/bin/sh\nexit 1\n"),
        folder.write("good", &long("rack_reqresp.tcplog", 10)),
        folder.write("torn again", &torn),
    ];
    assert!(ran(&["json"], "1", &inputs).stderr.lines().count() > 5);
    same(COMMANDS, &inputs, 1);
}

/// Those that follow connections by shards.
const FOLLOWING: &[&[&str]] = &[&["why"], &["why", "--json", "-v"], &["info"], &["info", "--json"]];

/// Fails unless each command that follows connections says the same of `inputs` with any number of threads; what it says
/// on standard output with one.
fn same_shards(commands: &[&[&str]], inputs: &[PathBuf]) -> Vec<Vec<u8>> {
    let outputs = commands.iter().map(|command| {
        let alone = ran(command, "1", inputs);
        for jobs in ["2", "3", "8"] {
            let together = ran(command, jobs, inputs);
            assert!(together.stdout == alone.stdout, "{command:?} -j {jobs} of {inputs:?}: another output");
            assert_eq!(
                (together.code, &together.stderr),
                (alone.code, &alone.stderr),
                "{command:?} -j {jobs}"
            );
        }
        alone.stdout
    });
    outputs.collect()
}

/// Every log that is here.
fn logs() -> Vec<PathBuf> {
    let folders = ["tests/fixtures", "tests/fixtures/damaged", "../tests/fixtures"];
    let mut logs = Vec::new();
    for folder in folders {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        logs.extend(folder.read_dir().unwrap().map(|entry| entry.unwrap().path()));
    }
    logs.retain(|path| path.is_file() && path.extension().is_none_or(|end| end != "md"));
    logs.sort();
    logs
}

#[test]
fn shards_of_every_log() {
    let logs = logs();
    assert!(logs.len() > 30);
    for log in &logs {
        same_shards(&FOLLOWING[1..], std::slice::from_ref(log));
    }
    // Compressed files are for one thread.
    let plain: Vec<PathBuf> =
        logs.into_iter().filter(|log| log.extension().is_none_or(|end| end != "xz")).collect();
    same_shards(FOLLOWING, &plain);
}

#[test]
fn shards_of_damaged_logs() {
    let folder = Folder::new();
    let mut torn = long("rack_reqresp.tcplog", 60);
    let entry = torn.len() / 60;
    for at in (1..60).step_by(7) {
        torn[at * entry..at * entry + 8].fill(0xff);
        torn[at * entry + 3_000..at * entry + 4_000].fill(0);
    }
    torn.truncate(torn.len() - 100);
    let torn = folder.write("torn", &torn);
    let saved = folder.path("saved.pcapng");
    let code = ran(&["convert", "-o", saved.to_str().unwrap()], "1", std::slice::from_ref(&torn)).code;
    assert_eq!(code, 1);
    let mut flipped = std::fs::read(&saved).unwrap();
    for at in (10_000..flipped.len()).step_by(50_021) {
        flipped[at] ^= 0x40;
    }
    let flipped = folder.write("flipped.pcapng", &flipped);
    let noise = folder.write("noise", b"#!/bin/sh\nexit 1\n");
    let empty = folder.write("empty", b"");
    for log in [&torn, &saved, &flipped, &noise, &empty] {
        same_shards(FOLLOWING, std::slice::from_ref(log));
    }
    assert_eq!(ran(&["why"], "2", std::slice::from_ref(&torn)).code, 1);
    same_shards(FOLLOWING, &[torn, flipped, noise, empty, fixture("small-quirks.elog")]);
}

/// More connections than are followed at a time, and than are listed. Those that made room go on as others.
#[test]
fn more_connections_than_there_is_room_for() {
    let folder = Folder::new();
    let refused = bytes("default_refused.tcplog");
    let of_peer =
        |entry: &mut [u8], peer: u32| entry[32..36].copy_from_slice(&(0x0a00_0000 + peer).to_be_bytes());
    let (first, rest) = (support::part_of(&refused, 0, 1), support::part_of(&refused, 1, 3));
    let mut log = Vec::new();
    for peer in 0..70_000 {
        let start = log.len();
        log.extend_from_slice(&first);
        of_peer(&mut log[start..], peer);
    }
    // From the latest on: each that begins anew makes room of one that does not come again.
    for peer in (0..6_000).rev() {
        let start = log.len();
        log.extend_from_slice(&rest);
        of_peer(&mut log[start..], peer);
    }
    let log = [folder.write("many", &log)];
    let outputs = same_shards(&[&["why", "--json"], &["info", "--json"]], &log);
    assert_eq!(outputs[0].split(|&byte| byte == b'\n').count(), 10_001);
    let report: serde_json::Value = serde_json::from_slice(&outputs[1]).unwrap();
    let listed = report["connections"].as_array().unwrap();
    let followed = listed.iter().filter(|connection| connection["events"] == 3).count();
    assert_eq!(listed.len(), 10_000);
    // Of the 6,000 that go on, some were forgotten, and none of those that came last.
    assert!((1_000..2_500).contains(&followed), "{followed}");
    let more = report["more_connections"].as_u64().unwrap();
    assert_eq!(more, 60_000 + 6_000 - followed as u64);
}

/// Threads that cannot open all files do not leave out connections without a word.
#[test]
fn shards_without_file_descriptors() {
    let folder = Folder::new();
    let stream = bytes("rack_reqresp.tcplog");
    let logs: Vec<PathBuf> = (0..16_u8)
        .map(|peer| {
            let mut stream = stream.clone();
            stream[35] = peer;
            folder.write(&format!("log{peer}"), &stream)
        })
        .collect();
    let all = ran(&["why", "--json"], "8", &logs);
    assert_eq!((all.code, all.stdout.split(|&byte| byte == b'\n').count()), (0, 17), "{}", all.stderr);
    let program = env!("CARGO_BIN_EXE_bblog");
    let script = format!("ulimit -n 40; exec {program} why --json -j 8 log*");
    let output = std::process::Command::new("sh").args(["-c", &script]).current_dir(folder.path("")).output();
    let output = output.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("Too many open files") || said.contains("not all threads"), "{said}");
}

/// What cannot be opened again is read by one thread.
#[test]
fn shards_of_a_pipe() {
    let stream = long("rack_reqresp.tcplog", 30);
    let folder = Folder::new();
    let file = ran(&["why", "--json"], "8", &[folder.write("log", &stream)]);
    let piped = run(&["why", "--json", "-j", "8", "-"], &stream);
    assert_eq!((piped.code, file.code), (0, 0));
    assert!(piped.stdout == file.stdout && !file.stdout.is_empty());
}

/// Files of one connection after another, compressed: what bblogd -J writes.
#[test]
fn a_compressed_series() {
    let folder = Folder::new();
    let stream = bytes("rack_reqresp.tcplog");
    for number in 0..24_u8 {
        let mut stream = stream.clone();
        stream[35] = number;
        let (plain, out) = (folder.write("plain", &stream), folder.path("out"));
        support::convert(&plain, &out);
        let mut packed = liblzma::write::XzEncoder::new(Vec::new(), 0);
        std::io::Write::write_all(&mut packed, &std::fs::read(&out).unwrap()).unwrap();
        let mut packed = packed.finish().unwrap();
        if number == 7 {
            packed.truncate(packed.len() / 2);
        }
        folder.write(&format!("a.{number}.pcapng.xz"), &packed);
        std::fs::remove_file(out).unwrap();
    }
    let series = [folder.path("a")];
    same(COMMANDS, &series, 1);
    let few: Vec<PathBuf> = (0..6).map(|number| folder.path(&format!("a.{number}.pcapng.xz"))).collect();
    same(COMMANDS, &few, 0);
}

/// A file of several blocks, and the same with a wrong byte.
#[test]
fn an_xz_file_of_several_blocks() {
    let folder = Folder::new();
    let stream = long("rack_reqresp.tcplog", 30);
    let mut packed = liblzma::write::XzEncoder::new(Vec::new(), 1);
    for block in stream.chunks(200_000) {
        std::io::Write::write_all(&mut packed, block).unwrap();
        // A block ends here.
        std::io::Write::flush(&mut packed).unwrap();
    }
    let mut packed = packed.finish().unwrap();
    let whole = [folder.write("whole.xz", &packed)];
    same(COMMANDS, &whole, 0);
    assert_eq!(
        ran(&["json"], "2", &whole).stdout,
        ran(&["json"], "2", &[folder.write("plain", &stream)]).stdout
    );
    let middle = packed.len() / 2;
    packed[middle] ^= 0xff;
    let all: &[&[&str]] = &[&["json"], &["info"], &["why"], &["convert", "-o", "-"]];
    same(all, &[folder.write("damaged.xz", &packed)], 1);
}

/// The files of a folder and of the folders in it, without manifests.
#[cfg(feature = "parquet")]
fn parquet_files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut files, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(at) = folders.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|end| end != "json") {
                files.push((path.strip_prefix(folder).unwrap().to_owned(), std::fs::read(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

/// Tables of several row groups, days, machines and files: rows and bytes are the same.
#[cfg(feature = "parquet")]
#[test]
fn parquet_is_the_same_too() {
    let folder = Folder::new();
    ["host=a", "host=b"].into_iter().for_each(|host| std::fs::create_dir(folder.path(host)).unwrap());
    let inputs = [
        // More than a row group.
        folder.write("host=a/a.tcplog", &of_connections("rack_reqresp.tcplog", 1100, 1100)),
        folder.write("host=a/b.tcplog", &long("default_v4mapped.tcplog", 40)),
        folder.write("host=b/c.tcplog", &long("rack_reqresp.tcplog", 40)),
        fixture("small-plain.elog"),
    ];
    let tables = |jobs: &str, command: &[&str]| {
        let out = folder.path(&format!("{jobs} {}", command.len()));
        let command = [command, &["-o", out.to_str().unwrap()]].concat();
        let ran = ran(&command, jobs, &inputs);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        parquet_files(&out)
    };
    let all = ["convert", "--format", "parquet"];
    for command in [&all[..], &["convert", "--format", "parquet", "--event", "OUT,TIMERSTAR"]] {
        let alone = tables("1", command);
        assert!(alone.len() > 3);
        for jobs in ["2", "5"] {
            let together = tables(jobs, command);
            let names = |files: &[(PathBuf, Vec<u8>)]| files.iter().map(|f| f.0.clone()).collect::<Vec<_>>();
            assert_eq!(names(&together), names(&alone), "-j {jobs}");
            assert!(together == alone, "-j {jobs}: other bytes");
        }
    }
}

/// An error of a file that another thread encodes columns for is one line, and no file is left.
#[cfg(all(feature = "parquet", target_os = "linux"))]
#[test]
fn a_full_disk_ends_the_run() {
    let folder = Folder::new();
    let log = folder.write("a.tcplog", &of_connections("rack_reqresp.tcplog", 1100, 1100));
    let script =
        "ulimit -f 150; trap '' XFSZ; exec \"$0\" convert --format parquet -j \"$1\" -o \"$2\" \"$3\"";
    for jobs in ["1", "2"] {
        let out = folder.path(jobs);
        let mut command = std::process::Command::new("sh");
        command.args(["-c", script, env!("CARGO_BIN_EXE_bblog"), jobs]).args([&out, &log]);
        let output = command.output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains("events") && stderr.contains("File too large"), "{stderr}");
        assert_eq!(stderr.lines().count(), 1, "{stderr}");
        assert_eq!(parquet_files(&out), [], "-j {jobs}");
    }
}

#[test]
fn a_number_is_needed() {
    for wrong in ["0", "many", "1.5"] {
        let ran = run(&["json", "-j", wrong, "-"], b"");
        assert_eq!((ran.code, ran.stdout.len()), (2, 0), "{}", ran.stderr);
        assert!(ran.stderr.contains("--jobs"), "{}", ran.stderr);
    }
}
