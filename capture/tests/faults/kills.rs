// SPDX-License-Identifier: BSD-2-Clause
//! kill -9 while files grow, are completed and compressed. What stood in files at that moment is
//! in finished files, byte by byte, after the next start.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::signal::Signal;

use crate::bblogd::{Daemon, Place, files, run as run_to_its_end, start};
use crate::devices::Kernel;
use crate::made::{connection, records, session_begin, session_end, session_events};
use crate::random::Random;
use crate::reading;

/// What a round is about.
const MODES: [&[&str]; 5] = [
    &[],
    &["--zstd"],
    &["-J"],
    &["--eventlog", "tcp", "--rotate-size", "4K"],
    &["--eventlog", "tcp", "--rotate-size", "4K", "--format", "elog"],
];

/// Bytes at the beginning of an ELOG file that are written last: its header.
const ELOG_HEADER: usize = 40;

/// A file's content as it is without compression, as far as it is whole.
struct Content {
    name: String,
    bytes: Vec<u8>,
    /// Whether it holds any record or event.
    is_empty: bool,
}

pub fn run(kills: u64) -> String {
    let mut random = Random::new("kills");
    let kernel = Kernel::new();
    let place = &kernel.place;
    let nothing = place.file("nothing", b"");
    let (fifo, mut fifo_writer) = place.fifo("fifo");
    let (mut flushed, mut lost, mut torn, mut unfinished, mut finished) = (0, 0, 0, 0, 0);
    let mut serial = 0;
    for kill in 0..kills {
        let mode = MODES[kill as usize % MODES.len()];
        let moment = Duration::from_micros(random.below(40_000));
        let daemon = if mode.contains(&"--eventlog") {
            kernel.set("events", "");
            let daemon = kernel.start(mode);
            log_events(&kernel, moment, &mut random);
            daemon
        } else {
            let daemon = start(place, place.bblogd(&[&["-f", fifo.to_str().unwrap()], mode].concat()));
            write_entries(&mut fifo_writer, moment, &mut random, &mut serial);
            daemon
        };
        std::thread::sleep(Duration::from_micros(random.below(3000)));
        killed(daemon);
        discard(&mut fifo_writer);

        let before = contents(&place.out(), &mut torn);
        unfinished += before.iter().filter(|file| file.name.ends_with(".part")).count();
        run_to_its_end(place, place.bblogd(&["-f", nothing.to_str().unwrap()]));
        let mut torn_after = 0;
        let after = contents(&place.out(), &mut torn_after);
        assert_eq!(torn_after, 0, "finished files are whole");
        assert!(after.iter().all(|file| !file.name.ends_with(".part")), "all are finished");
        for file in before.iter().filter(|file| !file.is_empty) {
            let from = if file.name.contains(".elog") { ELOG_HEADER } else { 0 };
            let body = &file.bytes[from..];
            flushed += body.len();
            let kept = after.iter().map(|other| common(body, other.bytes.get(from..).unwrap_or_default()));
            let kept = kept.max().unwrap_or(0);
            if kept < body.len() {
                eprintln!("{}: {} bytes are gone after kill {kill} {mode:?}", file.name, body.len() - kept);
            }
            lost += body.len() - kept;
        }
        // Each file has one line in the index.
        let lines: Vec<_> =
            place.records().iter().map(|line| line["filename"].as_str().unwrap().to_owned()).collect();
        let listed: HashSet<_> = lines.iter().cloned().collect();
        let names: HashSet<_> = after.iter().map(|file| file.name.clone()).collect();
        assert_eq!((&listed, lines.len()), (&names, names.len()), "after kill {kill} {mode:?}");
        finished += after.len();
        // Numbers go on from what is there, so names come again.
        files(&place.out()).iter().for_each(|path| fs::remove_file(path).unwrap());
        let _ = fs::remove_file(place.out().join("records"));
    }
    assert_eq!(lost, 0, "bytes that had been flushed");
    format!(
        "{flushed} bytes flushed, {lost} of them lost; {finished} files, each with its line in the index, \
         {unfinished} of them unfinished when killed, {torn} torn bytes cut off"
    )
}

/// Entries of several connections until the moment has come.
fn write_entries(fifo: &mut File, moment: Duration, random: &mut Random, serial: &mut u32) {
    let begin = Instant::now();
    while begin.elapsed() < moment {
        let count = 1 + random.below(150) as u32;
        let id = connection(format!("id{}", random.below(3)));
        fifo.write_all(&id.entry(&records(*serial..*serial + count))).unwrap();
        *serial += count;
    }
}

fn log_events(kernel: &Kernel, moment: Duration, random: &mut Random) {
    let begin = Instant::now();
    let mut session = 1;
    while begin.elapsed() < moment {
        let mut events = session_begin(session, &format!("id{}", random.below(3)), 1000 + session as u16);
        events.extend(session_events(session, random.below(150) as u32));
        if random.below(2) == 0 {
            events.extend(session_end(session));
        }
        kernel.log(&events);
        session += 1;
        std::thread::sleep(Duration::from_micros(random.below(4000)));
    }
}

fn killed(daemon: Daemon) {
    daemon.signal(Signal::SIGKILL);
    let (status, log) = daemon.wait();
    assert!(std::os::unix::process::ExitStatusExt::signal(&status) == Some(9), "{status}: {log}");
}

/// What is still in the FIFO belongs to an entry whose beginning is gone.
fn discard(fifo: &mut File) {
    let flags = |fifo: &File, flags| fcntl(fifo.as_fd(), FcntlArg::F_SETFL(flags)).unwrap();
    flags(fifo, OFlag::O_NONBLOCK);
    let mut rest = [0; 1 << 16];
    while fifo.read(&mut rest).is_ok_and(|got| got > 0) {}
    flags(fifo, OFlag::empty());
}

/// All files but the index and those that are being compressed, whose source is there as well.
fn contents(out: &Path, torn: &mut usize) -> Vec<Content> {
    let mut found = Vec::new();
    for name in Place::names(out) {
        let plain = name.strip_suffix(".part").unwrap_or(&name);
        let is_compressed = plain.ends_with(".zst") || plain.ends_with(".xz");
        if name == "records" || (is_compressed && name != plain) {
            continue;
        }
        let mut bytes = fs::read(out.join(&name)).unwrap();
        if name.ends_with(".zst") {
            bytes = zstd::decode_all(&bytes[..]).unwrap();
        } else if name.ends_with(".xz") {
            let mut whole = Vec::new();
            liblzma::read::XzDecoder::new(&bytes[..]).read_to_end(&mut whole).unwrap();
            bytes = whole;
        }
        let (len, is_empty) = match plain.contains(".elog") {
            true => whole_events(&bytes),
            false => {
                let blocks = reading::until_torn(&bytes);
                let is_empty = reading::serials(&blocks).is_empty() && reading::events(&blocks).is_empty();
                (whole_blocks(&bytes), is_empty)
            }
        };
        *torn += bytes.len() - len;
        bytes.truncate(len);
        found.push(Content { name, bytes, is_empty });
    }
    found
}

fn whole_blocks(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(len) = bytes.get(at + 4..at + 8) {
        let len = u32::from_le_bytes(len.try_into().unwrap()) as usize;
        if len < 12 || at + len > bytes.len() {
            break;
        }
        at += len;
    }
    at
}

/// How far an ELOG file is whole, and whether it holds no event.
fn whole_events(bytes: &[u8]) -> (usize, bool) {
    let Some(count) = bytes.get(ELOG_HEADER..ELOG_HEADER + 4) else { return (0, true) };
    let begin = ELOG_HEADER + 4 + 34 * u32::from_le_bytes(count.try_into().unwrap()) as usize;
    if bytes.len() < begin {
        return (0, true);
    }
    let mut at = begin;
    while let Some(len) = bytes.get(at..at + 2) {
        let len = usize::from(u16::from_le_bytes(len.try_into().unwrap()));
        if len < 32 || at + len > bytes.len() {
            break;
        }
        at += len;
    }
    (at, at == begin)
}

fn common(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}
