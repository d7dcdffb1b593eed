// SPDX-License-Identifier: BSD-2-Clause
//! What bblog costs: `convert`, `show`, `json` and `csv` of a generated ELOG capture and BBLog stream, to
//! /dev/null for CPU time and peak memory, and `convert` to a file beside `cat` of that file for
//! wall time, in turns. Then wall time with two threads beside one, in turns.
//!
//! ```sh
//! make bench                       # or with BBLOG_BENCH_EVENTS=5000000
//! ```
//!
//! CPU time and memory are those of the process alone, as the kernel counts them.

mod cost;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use cost::{Cost, children, cost};

const RUNS: usize = 5;
/// Records of an entry.
const ENTRY: usize = 2_000;
const ELOG_HEADER: usize = 40;

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)).unwrap()
}

/// A capture with the fixture's events over and over: each time later, and of other sessions.
fn elog(path: &Path, least: u64) -> io::Result<u64> {
    let capture = fixture("small-plain.elog");
    let table = 4 + 34 * u32::from_le_bytes(capture[40..44].try_into().unwrap()) as usize;
    let (head, mut rest) = capture.split_at(ELOG_HEADER + table);
    let mut events = Vec::new();
    while rest.len() >= 32 {
        let (event, after) = rest.split_at(usize::from(u16::from_le_bytes([rest[0], rest[1]])));
        events.push(event);
        rest = after;
    }
    let mut out = BufWriter::new(File::create(path)?);
    let mut head = head.to_vec();
    head[24..40].fill(0);
    out.write_all(&head)?;
    let (mut written, mut round) = (0, 0u64);
    let mut event = Vec::new();
    while written < least {
        for from in &events {
            event.clear();
            event.extend_from_slice(from);
            for (at, add) in [(8, round * 100_000), (16, round % 1000 * 10_000)] {
                let value = u64::from_le_bytes(event[at..at + 8].try_into().unwrap());
                let none = at == 16 && (value == 0 || value == u64::MAX);
                let value = if none { value } else { value + add };
                event[at..at + 8].copy_from_slice(&value.to_le_bytes());
            }
            out.write_all(&event)?;
        }
        written += events.len() as u64;
        round += 1;
    }
    out.flush()?;
    Ok(written)
}

/// A stream of entries with the fixture's records over and over, with new serial numbers.
fn tcplog(path: &Path, least: u64) -> io::Result<u64> {
    let stream = fixture("rack_reqresp.tcplog");
    let mut records = stream[208..].chunks_exact(328).cycle();
    let mut out = BufWriter::new(File::create(path)?);
    let mut header = stream[..208].to_vec();
    header[8..16].copy_from_slice(&(208 + 328 * ENTRY as u64).to_le_bytes());
    let mut serial = 0u32;
    while u64::from(serial) < least {
        out.write_all(&header)?;
        for record in records.by_ref().take(ENTRY) {
            let mut record = record.to_vec();
            record[20..24].copy_from_slice(&serial.to_le_bytes());
            serial += 1;
            out.write_all(&record)?;
        }
    }
    out.flush()?;
    Ok(u64::from(serial))
}

fn bblog(arguments: &[&str], input: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bblog"));
    command.args(arguments).args(["--stack", "1=freebsd,2=rack,3=bbr"]).arg(input);
    command
}

fn median(costs: &[Cost], of: impl Fn(&Cost) -> i64) -> i64 {
    let mut all: Vec<i64> = costs.iter().map(of).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

fn best(costs: &[Cost], of: impl Fn(&Cost) -> i64) -> i64 {
    costs.iter().map(of).min().unwrap_or_default()
}

fn main() -> io::Result<()> {
    let events =
        std::env::var("BBLOG_BENCH_EVENTS").map_or(1_000_000, |text| text.parse().expect("a number"));
    let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let (captures, streams) = (place.path().join("in.elog"), place.path().join("in.tcplog"));
    let inputs =
        [("ELOG", &captures, elog(&captures, events)?), ("BBLog", &streams, tcplog(&streams, events)?)];
    println!("user CPU per event to /dev/null: best of {RUNS} runs; to a file: medians, in turns with cat");
    for (kind, input, events) in inputs {
        println!("{kind}: {events} events, {} bytes", input.metadata()?.len());
        for verb in [&["convert", "-o", "-"][..], &["show"], &["json", "-j", "1"], &["csv", "-j", "1"]] {
            let run = || cost(bblog(verb, input).stdout(File::create("/dev/null").unwrap()));
            let costs: Vec<Cost> = (0..RUNS).map(|_| run()).collect();
            let user = best(&costs, |cost| cost.user);
            println!("  {:8} {:.3} us", verb[0], user as f64 / events as f64);
        }
        let (out, copy) = (place.path().join("out.pcapng"), place.path().join("copy"));
        let arguments = ["convert", "-o", out.to_str().unwrap()];
        let (mut ours, mut cats) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            // Both make a new file: what one costs that replaces another depends on the file system.
            for file in [&out, &copy] {
                if file.exists() {
                    fs::remove_file(file)?;
                }
            }
            ours.push(cost(&mut bblog(&arguments, input)));
            let mut cat = Command::new("cat");
            cats.push(cost(cat.arg(&out).stdout(File::create(&copy)?)));
        }
        let bytes = out.metadata()?.len();
        let line = |what: &str, our: i64, cat: i64| {
            let ratio = our as f64 / cat.max(1) as f64;
            println!(
                "  to a file of {bytes} bytes: {what} {} ms, cat {} ms: {ratio:.2}",
                our / 1000,
                cat / 1000
            );
        };
        let wall = |cost: &Cost| cost.wall as i64;
        line("wall", median(&ours, wall), median(&cats, wall));
        let together = Cost::cpu;
        line("CPU", median(&ours, together), median(&cats, together));
    }
    println!("peak memory of any run: {} KiB", children().max_rss());
    threads(place.path(), &streams)
}

/// Files of so many bytes each, one after the other.
fn packed_series(bytes: &[u8], folder: &Path, len: usize) -> io::Result<Vec<PathBuf>> {
    fs::create_dir(folder)?;
    let mut files = Vec::new();
    for (number, part) in bytes.chunks(len).enumerate() {
        let file = folder.join(format!("{number}.tcplog.xz"));
        let mut packed = liblzma::write::XzEncoder::new(File::create(&file)?, 1);
        packed.write_all(part)?;
        packed.finish()?;
        files.push(file);
    }
    Ok(files)
}

/// One file of several blocks.
fn packed_blocks(bytes: &[u8], place: &Path) -> io::Result<PathBuf> {
    let file = place.join("blocks.tcplog.xz");
    let mut packed = liblzma::write::XzEncoder::new(File::create(&file)?, 1);
    for block in bytes.chunks(8 << 20) {
        packed.write_all(block)?;
        // A block ends here.
        packed.flush()?;
    }
    packed.finish()?;
    Ok(file)
}

/// Wall time of two threads beside that of one: the median of the pairs.
fn threads(place: &Path, stream: &Path) -> io::Result<()> {
    println!("wall time to /dev/null with -j 2 beside -j 1, medians of {RUNS} runs in turns");
    let (other, series) = (place.join("other.tcplog"), place.join("series"));
    let mut bytes = fs::read(stream)?;
    // Another connection: the peer's address is in the header of each entry.
    let entry = 208 + 328 * ENTRY;
    bytes.chunks_mut(entry).for_each(|entry| entry[32] ^= 1);
    fs::write(&other, &bytes)?;
    let (files, blocks) = (packed_series(&bytes, &series, 12 * entry)?, packed_blocks(&bytes, place)?);
    let (one, two): (&[&Path], &[&Path]) = (&[stream], &[stream, &other]);
    let files: Vec<&Path> = files.iter().map(|file| &**file).collect();
    let tables = place.join("tables");
    let parquet = ["convert", "--format", "parquet", "-o", tables.to_str().unwrap()];
    let works: [(&str, &[&str], &[&Path]); 12] = [
        ("json", &["json"], one),
        ("json, two files", &["json"], two),
        ("csv", &["csv"], one),
        ("csv, two files", &["csv"], two),
        ("why", &["why"], one),
        ("why, two files", &["why"], two),
        ("info, two files", &["info"], two),
        ("stats, two files", &["stats"], two),
        ("parquet, two files", &parquet, two),
        ("convert, xz blocks", &["convert", "-o", "-"], &[&blocks]),
        ("convert, xz series", &["convert", "-o", "-"], &files),
        ("json, xz series", &["json"], &files),
    ];
    for (what, verb, inputs) in works {
        let run = |jobs: &str| {
            // Tables of another run would be appended to.
            let _ = fs::remove_dir_all(&tables);
            let mut command = Command::new(env!("CARGO_BIN_EXE_bblog"));
            command.args(verb).args(["-j", jobs]).args(inputs);
            cost(command.stdout(File::create("/dev/null").unwrap()))
        };
        let (alone, both): (Vec<Cost>, Vec<Cost>) = (0..RUNS).map(|_| (run("1"), run("2"))).unzip();
        let wall = |cost: &Cost| cost.wall as i64;
        let (alone, both) = (median(&alone, wall), median(&both, wall));
        println!(
            "  {what:18} {} ms, {} ms: {:.2}",
            both / 1000,
            alone / 1000,
            both as f64 / alone.max(1) as f64
        );
    }
    println!("peak memory of any run: {} KiB", children().max_rss());
    Ok(())
}
