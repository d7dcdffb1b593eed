// SPDX-License-Identifier: BSD-2-Clause
//! What tables cost: `stats`, and `convert` to Parquet, of a generated BBLog stream of many connections, beside `cat` of that
//! stream and beside DuckDB, which imports what `bblog json` prints of it.
//!
//! ```sh
//! make bench                       # or with BBLOG_BENCH_EVENTS=5000000
//! ```
//!
//! CPU time and memory are those of the process alone, as the kernel counts them. DuckDB comes from PyPI, into a virtual
//! environment in the target folder; without Python it is left out.

mod cost;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cost::{Cost, children, cost};

const RUNS: usize = 5;
/// Genuine logs; each stands for one connection.
const LOGS: [&str; 4] =
    ["rack_tailloss_rto.tcplog", "rack_reqresp.tcplog", "bbr_keepalive.tcplog", "default_v4mapped.tcplog"];
const HEADER: usize = 208;
const RECORD: usize = 328;
/// Where a header has the last bytes of the foreign address.
const FOREIGN: std::ops::Range<usize> = 33..36;

/// A stream of the logs over and over, each time with another foreign address, which are counted from `first`; the
/// number of records.
fn stream(path: &Path, least: u64, first: u32) -> io::Result<u64> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    let mut logs = Vec::new();
    for name in LOGS {
        logs.push(fs::read(folder.join(name))?);
    }
    let mut out = BufWriter::new(File::create(path)?);
    let (mut records, mut connection) = (0, first);
    while records < least {
        for log in &mut logs {
            connection += 1;
            log[FOREIGN].copy_from_slice(&connection.to_be_bytes()[1..]);
            out.write_all(log)?;
            records += ((log.len() - HEADER) / RECORD) as u64;
        }
    }
    out.flush()?;
    Ok(records)
}

/// The least user time and the least wall time of some runs, microseconds.
fn best(mut run: impl FnMut() -> Cost) -> (i64, u128) {
    let costs: Vec<Cost> = (0..RUNS).map(|_| run()).collect();
    let user = costs.iter().map(|cost| cost.user).min().unwrap_or_default();
    (user, costs.iter().map(|cost| cost.wall).min().unwrap_or_default())
}

fn bblog(arguments: &[&str], inputs: &[&Path]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bblog"));
    command.args(arguments).args(["--stack", "1=freebsd,2=rack,3=bbr", "--kernel", "13"]).args(inputs);
    command.stdout(Stdio::null());
    command
}

/// Bytes of all files of a folder and of the folders in it.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(there) if there.is_dir() => size(&entry.path()),
            Ok(there) => there.len(),
            Err(_) => 0,
        })
        .sum()
}

/// A Python with DuckDB, from a virtual environment; `None` where that cannot be made.
fn python() -> Option<PathBuf> {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).join("duckdb-venv");
    let python = venv.join("bin/python");
    let runs = |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    let has_duckdb = || runs(Command::new(&python).args(["-c", "import duckdb"]));
    if !has_duckdb() {
        runs(Command::new("python3").args(["-m", "venv"]).arg(&venv));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "duckdb>=1.1,<3"];
        runs(Command::new(&python).args(pip));
    }
    has_duckdb().then_some(python)
}

struct Place {
    folder: tempfile::TempDir,
    records: u64,
    whole: PathBuf,
    halves: [PathBuf; 2],
}

impl Place {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn per_record(&self, micros: i64) -> f64 {
        micros as f64 / self.records as f64
    }
}

fn main() -> io::Result<()> {
    let least = std::env::var("BBLOG_BENCH_EVENTS").map_or(1_000_000, |text| text.parse().expect("a number"));
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let [whole, a, b] = ["whole", "a", "b"].map(|name| folder.path().join(name));
    let records = stream(&whole, least, 0)?;
    // Of other connections: files of one connection are read one after the other.
    stream(&a, least / 2, 0)?;
    stream(&b, least / 2, 1 << 22)?;
    let place = Place { folder, records, whole, halves: [a, b] };
    println!("tables of {records} records, {} bytes: best of {RUNS} runs", place.whole.metadata()?.len());
    let (_, cat) =
        best(|| cost(Command::new("cat").arg(&place.whole).stdout(File::create("/dev/null").unwrap())));
    println!("  cat: wall {} ms", cat / 1000);
    stats(&place);
    tables(&place)?;
    duckdb(&place)?;
    println!("peak memory of any run: {} KiB", children().max_rss());
    Ok(())
}

fn stats(place: &Place) {
    let (user, alone) = best(|| cost(&mut bblog(&["stats", "--json"], &[&place.whole])));
    println!("  stats: user {:.3} us a record, wall {} ms", place.per_record(user), alone / 1000);
    let halves = place.halves.each_ref().map(PathBuf::as_path);
    let (_, both) = best(|| cost(&mut bblog(&["stats", "--json"], &halves)));
    let ratio = alone as f64 / both.max(1) as f64;
    println!("  stats of two halves, two at a time: wall {} ms, {ratio:.2} times as fast", both / 1000);
}

fn tables(place: &Place) -> io::Result<()> {
    let pcapng = place.path("whole.pcapng");
    cost(&mut bblog(&["convert", "-o", pcapng.to_str().unwrap()], &[&place.whole]));
    let bytes = pcapng.metadata()?.len();
    let halves = place.halves.each_ref().map(PathBuf::as_path);
    for table in ["connections", "events"] {
        let out = place.path(table);
        let runs = |jobs: &str, inputs: &[&Path]| {
            let to = ["--table", table, "-o", out.to_str().unwrap()];
            let arguments = [&["convert", "--format", "parquet", "-j", jobs][..], &to].concat();
            best(|| {
                let _ = fs::remove_dir_all(&out);
                cost(&mut bblog(&arguments, inputs))
            })
        };
        let (user, alone) = runs("1", &[&place.whole]);
        let share = size(&out.join(table)) as f64 / bytes as f64 * 100.0;
        println!(
            "  parquet, {table}: user {:.3} us a record, wall {} ms, {share:.2} % of the pcapng's bytes",
            place.per_record(user),
            alone / 1000
        );
        let (_, together) = runs("2", &[&place.whole]);
        println!("    {}", beside("-j 2", together, alone));
        let (_, alone) = runs("1", &halves);
        let (_, together) = runs("2", &halves);
        println!("    two halves: {}", beside("-j 2", together, alone));
    }
    Ok(())
}

/// A wall time beside that of one thread.
fn beside(name: &str, together: u128, alone: u128) -> String {
    let ratio = together as f64 / alone.max(1) as f64;
    format!("{name}: wall {} ms, -j 1: {} ms, ratio {ratio:.2}", together / 1000, alone / 1000)
}

/// DuckDB makes a table of the JSON of a tenth of the records, which has 2 kB each.
fn duckdb(place: &Place) -> io::Result<()> {
    let Some(python) = python() else {
        println!("  DuckDB: no virtual environment could be made, left out");
        return Ok(());
    };
    let [log, json, database] = ["tenth", "events.json", "events.duckdb"].map(|name| place.path(name));
    let records = stream(&log, place.records / 10, 0)?;
    let printed = cost(bblog(&["json"], &[&log]).stdout(File::create(&json)?));
    let script = "import duckdb, sys\n\
        duckdb.connect(sys.argv[2]).sql(f\"create table events as from read_json('{sys.argv[1]}')\")";
    let imported = cost(Command::new(python).args(["-c", script]).arg(&json).arg(&database));
    let [print, import] = [printed.cpu(), imported.cpu()].map(|cpu| cpu as f64 / records as f64);
    println!(
        "  DuckDB, {records} records: CPU: json {print:.3} us a record, import {import:.3} us; {} bytes of JSON, {} of its table",
        json.metadata()?.len(),
        database.metadata()?.len()
    );
    Ok(())
}
