// SPDX-License-Identifier: BSD-2-Clause
//! `bblog convert --format parquet` and `--format arrow`: the tables hold what `bblog json`, `stats` and `why` print; runs
//! append, and nothing is there twice or by half. Tables are read by DuckDB, from a virtual environment under target/.
#![cfg(feature = "parquet")]

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use support::{Folder, Ran, part_of, run};

const STACKS: [&str; 4] = ["--stack", "1=freebsd,2=rack,3=bbr", "--kernel", "13"];
const LOGS: [&str; 6] = [
    "rack_tailloss_rto.tcplog",
    "rack_reqresp.tcplog",
    "bbr_keepalive.tcplog",
    "default_v4mapped.tcplog",
    "each_event.tcplog",
    "small-plain.elog",
];

/// A log of the end-to-end tests.
fn log(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

fn bblog(args: &[&str], paths: &[&Path]) -> Ran {
    let mut all: Vec<&Path> = vec![Path::new(args[0])];
    all.extend(STACKS.iter().map(Path::new));
    all.extend(args[1..].iter().map(Path::new));
    all.extend(paths);
    run(&all, b"")
}

/// Converts logs to tables in `folder`.
fn to_parquet(folder: &Path, args: &[&str], logs: &[&Path]) -> Ran {
    let args = [&["convert", "--format", "parquet", "-o", folder.to_str().unwrap()], args].concat();
    bblog(&args, logs)
}

/// The files of a folder and the folders in it, without what engines leave out, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            match path.is_dir() {
                true if entry.file_name() == "_bblog" => {}
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    found.sort();
    found
}

/// A Python with DuckDB, from a virtual environment; `None`, said on stderr, where that cannot be made.
fn python() -> Option<&'static Path> {
    static PYTHON: OnceLock<Option<PathBuf>> = OnceLock::new();
    let made = PYTHON.get_or_init(|| {
        let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("duckdb-venv");
        let python = venv.join("bin/python");
        let has_duckdb = || {
            let tried = Command::new(&python).args(["-c", "import duckdb"]).output();
            tried.is_ok_and(|output| output.status.success())
        };
        if !has_duckdb() {
            let made = Command::new("python3").args(["-m", "venv"]).arg(&venv).output();
            let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "duckdb>=1.1,<3"];
            if !made.is_ok_and(|output| output.status.success())
                || !Command::new(&python).args(pip).output().is_ok_and(|output| output.status.success())
            {
                eprintln!("no virtual environment with duckdb could be made: tables are not read, left out");
                return None;
            }
        }
        has_duckdb().then_some(python)
    });
    made.as_deref()
}

/// Compares tables with JSON by DuckDB: tables.py says how.
fn compare(folder: &Path, logs: &[&Path], name: &str) {
    compare_without(&[], folder, logs, name);
}

/// The same without these columns.
fn compare_without(columns: &[&str], folder: &Path, logs: &[&Path], name: &str) {
    let Some(python) = python() else { return };
    let place = Folder::new();
    for (command, file) in
        [(&["json"][..], "events"), (&["stats", "--json"], "connections"), (&["why", "--json"], "why")]
    {
        // Each log on its own: numbers of events count from 1 in each.
        let mut lines = Vec::new();
        for log in logs {
            let ran = bblog(command, &[log]);
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            lines.extend(ran.stdout);
        }
        place.write(file, &lines);
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/tables.py");
    let mut command = Command::new(python);
    let output = command.arg(script).arg(folder).arg(place.path("")).args(columns).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&said));
}

/// Counts, sums, percentiles, values and joins are those of `json`, `stats` and `why`.
#[test]
fn duckdb_reads_what_json_says() {
    for name in LOGS {
        let folder = Folder::new();
        let ran = to_parquet(&folder.path("tables"), &[], &[&log(name)]);
        assert_eq!((ran.code, &*ran.stderr), (0, ""), "{name}");
        compare(&folder.path("tables"), &[&log(name)], name);
    }
}

/// Runs append; all logs together hold what each holds.
#[test]
fn runs_append() {
    let folder = Folder::new();
    let tables = folder.path("tables");
    let logs: Vec<PathBuf> = LOGS.iter().map(|name| log(name)).collect();
    let logs: Vec<&Path> = logs.iter().map(PathBuf::as_path).collect();
    let mut before: Vec<(PathBuf, Vec<u8>)> = Vec::new();
    for part in logs.chunks(2) {
        let ran = to_parquet(&tables, &[], part);
        assert_eq!((ran.code, &*ran.stderr), (0, ""));
        for (path, bytes) in &before {
            assert!(std::fs::read(path).unwrap() == *bytes, "{}: rewritten", path.display());
        }
        before =
            files(&tables).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect();
    }
    compare(&tables, &logs, "all");
}

/// With --new, a run converts what the folder does not have.
#[test]
fn new_files_alone() {
    let folder = Folder::new();
    let (tables, captures) = (folder.path("t"), folder.path("captures"));
    std::fs::create_dir(&captures).unwrap();
    let names = ["rack_reqresp.tcplog", "bbr_keepalive.tcplog", "rack_tailloss_rto.tcplog"];
    for (at, name) in names.iter().enumerate() {
        std::fs::copy(log(name), captures.join(name)).unwrap();
        let ran = to_parquet(&tables, &["--new"], &[&captures]);
        let said = match at {
            0 => String::new(),
            1 => "bblog: 1 file left out, converted before; -v names them\n".to_owned(),
            _ => format!("bblog: {at} files left out, converted before; -v names them\n"),
        };
        assert_eq!((ran.code, &*ran.stderr), (0, &*said));
    }
    let logs = names.map(|name| captures.join(name));
    compare(&tables, &logs.each_ref().map(PathBuf::as_path), "one after the other");
    let before = files(&tables);
    let ran = to_parquet(&tables, &["--new", "-v"], &[&captures]);
    assert_eq!(
        (ran.code, ran.stderr.matches(": converted before, left out\n").count()),
        (0, 3),
        "{}",
        ran.stderr
    );
    assert_eq!(files(&tables), before);
    assert_eq!(std::fs::read_dir(tables.join("_bblog")).unwrap().count(), 3);
    let wrong = bblog(&["convert", "--format", "arrow", "--new", "-o", "-"], &[&captures]);
    assert_eq!((wrong.code, &*wrong.stderr), (2, "bblog: convert: --new needs --format parquet\n"));
    assert_eq!(to_parquet(&tables, &["--new", "--overwrite"], &[&captures]).code, 2);
}

/// The folders are Hive's, with the day and the machine.
#[test]
fn folders_are_those_of_hive() {
    let folder = Folder::new();
    let ran = to_parquet(&folder.path("t"), &["--host", "web/1"], &[&log("rack_tailloss_rto.tcplog")]);
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    let names: Vec<String> = files(&folder.path("t"))
        .iter()
        .map(|path| path.strip_prefix(folder.path("t")).unwrap().parent().unwrap().display().to_string())
        .collect();
    assert_eq!(names.len(), 3);
    assert!(names[0].starts_with("connections/date=20") && names[0].ends_with("/host=web%2F1"), "{names:?}");
    assert!(names[1].starts_with("events/date=20") && names[1].ends_with("/host=web%2F1"), "{names:?}");
    assert_eq!(names[2], "schema");
}

/// The folder may be named from the one that the program runs in.
#[test]
fn a_relative_folder() {
    let folder = Folder::new();
    for name in ["t", "./u", "deep/v/"] {
        let mut command = support::bblog();
        command.current_dir(folder.path("")).args(["convert", "--format", "parquet", "-o", name]);
        let output = command.args(STACKS).arg(log("rack_reqresp.tcplog")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let found = files(&folder.path(name));
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(found.iter().all(|path| path.extension().is_some_and(|end| end == "parquet")), "{found:?}");
    }
}

/// Parts of one BBLog connection are one connection, whatever their names; records that two of them have are there once. A
/// compressed copy of a capture of eventlog adds nothing.
#[test]
fn parts_are_one_connection() {
    let input = std::fs::read(log("rack_tailloss_rto.tcplog")).unwrap();
    let part = |from, to| part_of(&input, from, to);
    let records = (input.len() - 208) / 328;
    let folder = Folder::new();
    let captures = folder.path("captures");
    std::fs::create_dir_all(captures.join("old")).unwrap();
    for (name, part) in [("y", part(0, 200)), ("x", part(150, 400)), ("old/z", part(390, records))] {
        std::fs::write(captures.join(name), part).unwrap();
    }
    let capture = std::fs::read(log("small-plain.elog")).unwrap();
    std::fs::write(captures.join("capture"), &capture).unwrap();
    std::fs::write(captures.join("capture.gz"), support::gzip(&capture)).unwrap();
    let ran = to_parquet(&folder.path("t"), &[], &[&captures]);
    let said = "bblog: 1 file left out, the same as others; -v names them\n";
    assert_eq!((ran.code, &*ran.stderr), (0, said));
    let whole = [log("rack_tailloss_rto.tcplog"), log("small-plain.elog")];
    // What follows from records before counts anew in each file.
    let but = ["file", "time_delta", "rcv_nxt_rel"];
    compare_without(&but, &folder.path("t"), &whole.each_ref().map(PathBuf::as_path), "parts");
    // As Arrow has it, too.
    let ran = bblog(&["convert", "--format", "arrow", "--table", "events", "-o", "-"], &[&captures]);
    assert_eq!((ran.code, &*ran.stderr), (0, said));
}

/// The same input is refused or replaced, under whatever name.
#[test]
fn nothing_is_there_twice() {
    let folder = Folder::new();
    let tables = folder.path("t");
    let (a, b) = (log("rack_reqresp.tcplog"), log("bbr_keepalive.tcplog"));
    let copy = folder.path("copy");
    std::fs::copy(&a, &copy).unwrap();
    assert_eq!(to_parquet(&tables, &[], &[&a, &b]).code, 0);
    let first = files(&tables);
    let ran = to_parquet(&tables, &[], &[&copy]);
    assert!(ran.code == 1 && ran.stderr.contains("copy: converted before, see "), "{}", ran.stderr);
    let ran = to_parquet(&tables, &["--overwrite"], &[&copy]);
    assert!(
        ran.code == 1 && ran.stderr.contains("converted before together with other files"),
        "{}",
        ran.stderr
    );
    let ran = to_parquet(&tables, &[], &[&a, &copy]);
    assert!(ran.code == 1 && ran.stderr.contains(": the same as "), "{}", ran.stderr);
    assert_eq!(files(&tables), first);
    let c = log("rack_tailloss_rto.tcplog");
    let ran = to_parquet(&tables, &["--overwrite"], &[&copy, &b, &c]);
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    compare(&tables, &[&copy, &b, &c], "replaced");
    // What is replaced by the same is there once.
    let ran = to_parquet(&tables, &["--overwrite"], &[&copy, &b, &c]);
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    compare(&tables, &[&copy, &b, &c], "replaced by the same");
    assert_eq!(std::fs::read_dir(tables.join("_bblog")).unwrap().count(), 1);
}

/// Files of folders that are no logs, and copies, are left out, counted, and named with -v.
#[test]
fn foreign_files_and_copies() {
    let folder = Folder::new();
    let captures = folder.path("captures");
    std::fs::create_dir(&captures).unwrap();
    let input = log("rack_reqresp.tcplog");
    for name in ["a", "b", "c"] {
        std::fs::copy(&input, captures.join(name)).unwrap();
    }
    // Two that are the same, and a pcapng file with a packet and without an event.
    std::fs::write(captures.join("notes"), "no log").unwrap();
    std::fs::write(captures.join("notes.old"), "no log").unwrap();
    let section: [u32; 7] = [0x0a0d_0d0a, 28, 0x1a2b_3c4d, 1, u32::MAX, u32::MAX, 28];
    let interface: [u32; 5] = [1, 20, 1, 0, 20];
    let packet: [u32; 9] = [6, 36, 0, 0, 0, 4, 4, 0, 36];
    let blocks = section.iter().chain(&interface).chain(&packet);
    let bytes: Vec<u8> = blocks.flat_map(|word| word.to_le_bytes()).collect();
    std::fs::write(captures.join("packets.pcapng"), bytes).unwrap();
    let ran = to_parquet(&folder.path("t"), &[], &[&captures]);
    let said = "bblog: 3 files left out, no logs; -v names them\nbblog: 2 files left out, the same as others; -v names them\n";
    assert_eq!((ran.code, &*ran.stderr), (0, said));
    compare(&folder.path("t"), &[&captures.join("a")], "one of three copies");
    let ran = to_parquet(&folder.path("u"), &["-v"], &[&captures]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for (name, what) in
        [("notes", "no log"), ("notes.old", "no log"), ("packets.pcapng", "no log"), ("b", "the same as ")]
    {
        let line = format!("/{name}: {what}");
        assert!(ran.stderr.contains(&line) && ran.stderr.contains(", left out\n"), "{line}: {}", ran.stderr);
    }
    // One that the user names is a problem.
    let ran = to_parquet(&folder.path("v"), &[], &[&captures.join("notes")]);
    assert!(ran.code == 1 && ran.stderr.contains("expected an ELOG file"), "{}", ran.stderr);
}

/// A damaged file gives what can be read, and a line.
#[test]
fn a_damaged_file() {
    let folder = Folder::new();
    let whole = std::fs::read(log("rack_tailloss_rto.tcplog")).unwrap();
    let torn = folder.write("torn", &whole[..208 + 100 * 328 + 7]);
    let good = log("bbr_keepalive.tcplog");
    let ran = to_parquet(&folder.path("t"), &[], &[&torn, &good]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.stderr.lines().filter(|line| line.contains("torn: ")).count(), 1, "{}", ran.stderr);
    assert_eq!(files(&folder.path("t")).len(), 3);
    // What is left of it without the torn record, under the same name.
    let mut cut = whole[..208 + 100 * 328].to_vec();
    cut[8..16].copy_from_slice(&(208 + 100 * 328u64).to_le_bytes());
    folder.write("torn", &cut);
    compare(&folder.path("t"), &[&torn, &good], "the readable part");
}

/// A number that does not fit 64 bits with a sign is a text, not another number.
#[test]
fn large_numbers_are_texts() {
    let folder = Folder::new();
    let mut bytes = std::fs::read(log("rack_tailloss_rto.tcplog")).unwrap();
    // The member cur_del_rate is the first of the union: a u64.
    for record in bytes[208..].chunks_exact_mut(328) {
        record[160..168].copy_from_slice(&(u64::MAX - 1).to_le_bytes());
    }
    let input = folder.write("large", &bytes);
    let ran = to_parquet(&folder.path("t"), &[], &[&input]);
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    let json = bblog(&["json"], &[&input]);
    assert!(String::from_utf8(json.stdout).unwrap().contains(&(u64::MAX - 1).to_string()));
    compare(&folder.path("t"), &[&input], "large");
}

/// The questions of docs/fleet.md have the answers that stand there.
#[test]
fn questions_of_the_page() {
    let Some(python) = python() else { return };
    let folder = Folder::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap();
    std::os::unix::fs::symlink(root.join("tests"), folder.path("tests")).unwrap();
    let programs = Path::new(env!("CARGO_BIN_EXE_bblog")).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(programs.to_owned()).chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let script = root.join("converter/tests/questions.py");
    let mut command = Command::new(python);
    command.arg(script).arg(root.join("docs/fleet.md")).current_dir(folder.path(""));
    let output = command.env("PATH", path.unwrap()).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

/// A run that fails leaves no file.
#[test]
fn a_failed_run_leaves_nothing() {
    let folder = Folder::new();
    let tables = folder.path("t");
    std::fs::create_dir(&tables).unwrap();
    // Where the table of connections goes there is a file.
    std::fs::write(tables.join("connections"), b"").unwrap();
    let ran = to_parquet(&tables, &[], &[&log("rack_reqresp.tcplog")]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("connections"), "{}", ran.stderr);
    assert_eq!(files(&tables), [tables.join("connections")]);
    std::fs::remove_file(tables.join("connections")).unwrap();
    assert_eq!(to_parquet(&tables, &[], &[&log("rack_reqresp.tcplog")]).code, 0);
}

/// A full disk ends the run with a line, and leaves no file.
#[test]
#[cfg(target_os = "linux")]
fn a_full_disk() {
    let folder = Folder::new();
    let tables = folder.path("t");
    let script =
        "ulimit -f 4; trap '' XFSZ; exec \"$0\" convert --format parquet -o \"$1\" --stack 2=rack \"$2\"";
    let mut command = Command::new("sh");
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_bblog")])
        .arg(&tables)
        .arg(log("rack_tailloss_rto.tcplog"));
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("File too large"), "{stderr}");
    assert_eq!(files(&tables), [] as [PathBuf; 0]);
}

/// Tables of one event have a column for each value.
#[test]
fn tables_of_one_event() {
    let folder = Folder::new();
    let ran =
        to_parquet(&folder.path("t"), &["--event", "TIMERSTAR,RTO"], &[&log("rack_tailloss_rto.tcplog")]);
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    let tables: Vec<_> =
        folder.path("t").read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(tables.iter().any(|name| name == "event=TIMERSTAR"), "{tables:?}");
    assert!(!tables.iter().any(|name| name == "connections" || name == "events"), "{tables:?}");
    if let Some(python) = python() {
        let query = "import duckdb, json, sys\n\
            table = sys.argv[1] + '/event=TIMERSTAR/**/*.parquet'\n\
            rows = duckdb.sql(f\"select timeout from read_parquet('{table}') order by number\").fetchall()\n\
            print(json.dumps([row[0] for row in rows]))";
        let output = Command::new(python).args(["-c", query]).arg(folder.path("t")).output().unwrap();
        let found: Vec<i64> = serde_json::from_slice(&output.stdout).unwrap();
        let json = bblog(&["json"], &[&log("rack_tailloss_rto.tcplog")]);
        let lines = String::from_utf8(json.stdout).unwrap();
        let events = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let expected: Vec<i64> = events
            .filter(|event| event["event"] == "TIMERSTAR")
            .map(|event| event["values"]["timeout"].as_i64().unwrap())
            .collect();
        assert!(!expected.is_empty());
        assert_eq!(found, expected);
    }
    let ran = to_parquet(&folder.path("u"), &["--event", "NOTHING"], &[&log("rack_tailloss_rto.tcplog")]);
    assert_eq!((ran.code, &*ran.stderr), (2, "bblog: --event: no event is called NOTHING\n"));
}

/// The Arrow stream holds the same events; its end is the end of the stream.
#[test]
fn arrow_streams() {
    let table = |args: &[&str]| {
        let args = [&["convert", "--format", "arrow", "-o", "-"], args].concat();
        let ran = bblog(&args, &[&log("rack_tailloss_rto.tcplog")]);
        assert_eq!((ran.code, &*ran.stderr), (0, ""));
        let batches = arrow_ipc::reader::StreamReader::try_new(&ran.stdout[..], None).unwrap();
        let schema = batches.schema();
        let rows: usize = batches.map(|batch| batch.unwrap().num_rows()).sum();
        (schema, rows)
    };
    let (schema, rows) = table(&[]);
    assert_eq!(rows, 649);
    for name in ["connection_id", "time", "event", "snd_cwnd", "srtt", "flight", "values", "texts", "limit"] {
        assert!(schema.field_with_name(name).is_ok(), "{name}");
    }
    assert!(schema.field_with_name("summary").is_err());
    assert!(table(&["--summary"]).0.field_with_name("summary").is_ok());
    assert_eq!(
        table(&["--filter", "bblog.event == TIMERSTAR", "--event", "TIMERSTAR"]).1,
        table(&["--event", "TIMERSTAR"]).1
    );
    let (schema, rows) = table(&["--table", "connections"]);
    assert_eq!(rows, 1);
    assert!(schema.field_with_name("limit_timeout_us").is_ok());
    let ran = bblog(
        &["convert", "--format", "arrow", "-o", "-", "--table", "connections,events"],
        &[&log("bbr_keepalive.tcplog")],
    );
    assert_eq!((ran.code, &*ran.stderr), (2, "bblog: convert: --format arrow writes one table\n"));
}
