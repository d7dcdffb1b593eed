// SPDX-License-Identifier: BSD-2-Clause
//! As many records as a FIFO can carry, for a long time, with a limit for the folder so that the
//! oldest files are deleted all the time, and a new index every few seconds. Nothing may grow.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::bblogd::{Place, counter, start, until};

/// Bytes that the folder may hold.
const LIMIT: u64 = 32 << 20;
/// Records of entries, in turns.
const SIZES: [usize; 5] = [1, 10, 100, 500, 2000];
const CONNECTIONS: usize = 100;
const SAMPLE: Duration = Duration::from_millis(500);
/// How many samples an index is kept.
const INDEX: u32 = 10;

/// What a process has.
#[derive(Clone, Copy, Default)]
struct Sample {
    memory: u64,
    descriptors: usize,
    folder: u64,
}

pub fn run(seconds: u64) -> String {
    // In memory, if it can be: this is about the daemon, not about a disk.
    let shared = Path::new("/dev/shm");
    let folder = if shared.is_dir() { shared.to_owned() } else { std::env::temp_dir() };
    let place = Place(tempfile::Builder::new().prefix("bblogd-").tempdir_in(folder).unwrap());
    fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let (fifo, writer) = place.fifo("fifo");
    let limit = LIMIT.to_string();
    let options =
        ["-f", fifo.to_str().unwrap(), "--max-total-size", &limit, "--stack", "1=freebsd,2=rack,3=bbr"];
    let daemon = start(&place, place.bblogd(&options));
    let pid = daemon.pid();
    let out = place.out();
    let begin = Instant::now();
    let over = AtomicBool::new(false);
    let mut samples = Vec::new();
    let (mut written, mut files) = (0, 0);
    let mut deleted_lines = 0;
    let mut sum = |mut lines: Vec<serde_json::Value>| {
        let all = lines.len();
        lines.retain(|line| line.get("deleted").is_none());
        deleted_lines += (all - lines.len()) as u64;
        files += lines.len();
        for line in lines {
            assert_eq!(line["missing"], 0, "{line}");
            written += line["record_count"].as_u64().unwrap();
        }
    };
    let fed = thread::scope(|scope| {
        let feeder = scope.spawn(|| feed(writer, &over));
        while begin.elapsed() < Duration::from_secs(seconds) {
            thread::sleep(SAMPLE);
            samples.push(Sample {
                memory: memory(pid, "VmRSS:"),
                descriptors: descriptors(pid),
                folder: size(&out),
            });
            if (samples.len() as u32).is_multiple_of(INDEX) {
                // As newsyslog(8) does it. The new one appears with the first line in it.
                let (index, old) = (out.join("records"), place.join("records.old"));
                fs::rename(&index, &old).unwrap();
                daemon.signal(Signal::SIGHUP);
                until("a new index", || index.exists(), || daemon.log());
                sum(lines(&old));
            }
        }
        over.store(true, Ordering::Relaxed);
        feeder.join().unwrap()
    });
    let took = begin.elapsed().as_secs_f64();
    let (fed, writer) = fed;
    let told = format!("records {fed},");
    until(
        "all records",
        || {
            daemon.signal(Signal::SIGUSR1);
            thread::sleep(Duration::from_millis(100));
            daemon.log().contains(&told)
        },
        || daemon.log(),
    );
    let peak = peak_memory(pid);
    let log = daemon.stop();
    drop(writer);
    sum(lines(&out.join("records")));
    let (dropped, deleted) = (counter(&log, "dropped"), counter(&log, "deleted"));
    assert_eq!(written + dropped, fed, "{log}");
    assert_eq!((counter(&log, "missing"), deleted_lines), (0, deleted));
    let of = |what: fn(&Sample) -> u64| {
        // The first seconds are those in which memory is taken that is kept.
        let first = samples.get(samples.len() / 10).map_or(0, what);
        let last = samples.last().map_or(0, what);
        format!(
            "{first} at the start, {last} at the end, {} at most",
            samples.iter().map(what).max().unwrap_or(0)
        )
    };
    let folder = samples.iter().map(|sample| sample.folder).max().unwrap_or(0);
    assert!(folder <= LIMIT + (2 << 20), "{folder} bytes in the folder");
    let open = samples.iter().map(|sample| sample.descriptors).max().unwrap_or(0);
    assert!(open < 20, "{open} descriptors");
    assert!(peak < 64 << 10, "{peak} kB");
    format!(
        "{fed} records in ({:.0} a second, {:.0} MB) = {written} written + {dropped} dropped, {files} files, {deleted} of \
         them deleted for --max-total-size; memory (kB) {}, {} of it for the queue; descriptors {}",
        fed as f64 / took,
        fed as f64 * 328.0 / 1e6,
        of(|sample| sample.memory),
        counter(&log, "queue peak") >> 10,
        of(|sample| sample.descriptors as u64),
    )
}

/// Writes entries of a genuine connection's records until it is `over`; how many, and the FIFO,
/// which stays open.
fn feed(mut fifo: File, over: &AtomicBool) -> (u64, File) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/rack_reqresp.tcplog");
    let genuine = fs::read(path).unwrap();
    let len = u64::from_le_bytes(genuine[8..16].try_into().unwrap()) as usize;
    let mut entry = genuine[..208].to_vec();
    let most = SIZES.iter().max().unwrap();
    for record in genuine[208..len].chunks_exact(328).cycle().take(*most) {
        entry.extend_from_slice(record);
    }
    let mut serials = [0_u32; CONNECTIONS];
    let mut fed = 0;
    for number in 0.. {
        if over.load(Ordering::Relaxed) {
            break;
        }
        let (connection, records) = (number % CONNECTIONS, SIZES[number % SIZES.len()]);
        let len = 208 + 328 * records;
        entry[8..16].copy_from_slice(&(len as u64).to_le_bytes());
        entry[18..20].copy_from_slice(&(1000 + connection as u16).to_be_bytes());
        for record in entry[208..len].chunks_exact_mut(328) {
            record[20..24].copy_from_slice(&serials[connection].to_le_bytes());
            serials[connection] = serials[connection].wrapping_add(1);
        }
        fifo.write_all(&entry[..len]).unwrap();
        fed += records as u64;
    }
    (fed, fifo)
}

/// The lines of an index, which is deleted.
fn lines(index: &Path) -> Vec<serde_json::Value> {
    // There is none before the first file.
    let text = fs::read_to_string(index).unwrap_or_default();
    let _ = fs::remove_file(index);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn size(folder: &Path) -> u64 {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    let files = entries.filter(|entry| entry.file_name() != "records");
    // Who was deleted meanwhile counts nothing.
    files.filter_map(|entry| entry.metadata().ok()).map(|status| status.len()).sum()
}

fn memory(pid: i32, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(what));
    line.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// The most memory a process had, in kB.
pub fn peak_memory(pid: i32) -> u64 {
    memory(pid, "VmHWM:")
}

/// How many descriptors a process has.
pub fn descriptors(pid: i32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}
