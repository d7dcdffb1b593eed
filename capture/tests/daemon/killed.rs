// SPDX-License-Identifier: BSD-2-Clause
//! kill -9 at any moment: what had been flushed is there, whole, and the next start finishes it.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::bblogd::{Place, run, start, until};
use crate::devices::Kernel;
use crate::made::{self, connection, records};
use crate::reading;

/// The connections' serial numbers, of finished files and, if asked, of unfinished ones. Every
/// file must be readable to its end.
fn serials(out: &Path, unfinished: bool) -> BTreeMap<String, Vec<u32>> {
    let mut found: BTreeMap<String, Vec<(u32, Vec<u32>)>> = BTreeMap::new();
    for name in Place::names(out) {
        let finished = name.strip_suffix(".part").unwrap_or(&name);
        let plain = finished.strip_suffix(".zst").unwrap_or(finished);
        let Some(stem) = plain.strip_suffix(".pcapng") else { continue };
        let (base, number) = stem.rsplit_once('.').unwrap();
        let is_unfinished = name != finished;
        if is_unfinished && !unfinished {
            panic!("{name} is left");
        }
        // The kill may come between a file's getting its name and the loss of the other one; and
        // what is compressed is still there otherwise.
        let exists = |end: &str| out.join(format!("{plain}{end}")).exists();
        if is_unfinished && (finished != plain || exists("") || exists(".zst")) {
            continue;
        }
        let bytes = fs::read(out.join(&name)).unwrap();
        let blocks = match (is_unfinished, finished == plain) {
            // The kernel itself may be killed in the middle of a write.
            (true, _) => reading::until_torn(&bytes),
            (false, true) => reading::parse(&bytes).unwrap_or_else(|why| panic!("{name}: {why}")),
            (false, false) => reading::parse(&zstd::decode_all(&bytes[..]).unwrap()).unwrap(),
        };
        if reading::serials(&blocks).is_empty() {
            continue;
        }
        found.entry(base.to_owned()).or_default().push((number.parse().unwrap(), reading::serials(&blocks)));
    }
    let ordered = found.into_iter().map(|(base, mut files)| {
        files.sort();
        (base, files.into_iter().flat_map(|(_, serials)| serials).collect())
    });
    ordered.collect()
}

#[test]
fn at_random_moments() {
    // A different sequence each run; printed, so that a failure can be repeated.
    let mut seed = u64::from(std::process::id()) | 1;
    eprintln!("seed {seed}");
    let mut random = |below: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % below
    };
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let mut next = [0; 3];
    for round in 0..12 {
        let options: &[&str] = if round % 3 == 2 { &["--zstd"] } else { &[] };
        let arguments = [&["-f", fifo.to_str().unwrap()], options].concat();
        let daemon = start(&place, place.bblogd(&arguments));
        let moment = std::time::Instant::now() + Duration::from_micros(random(20_000));
        while std::time::Instant::now() < moment {
            let which = random(3) as usize;
            let count = 1 + random(400) as u32;
            let entry = connection(format!("id{which}")).port(1000 + which as u16);
            // The pipe may be full when the reader is gone: never more than fits.
            let entry = entry.entry(&records(next[which]..next[which] + count.min(150)));
            next[which] += count.min(150);
            writer.write_all(&entry).unwrap();
            std::thread::sleep(Duration::from_micros(300));
        }
        daemon.signal(Signal::SIGKILL);
        daemon.wait();
        // Readable at once.
        let flushed = serials(&place.out(), true);
        // What is still in the pipe belongs to a stream whose beginning is lost.
        let mut rest = vec![0; 1 << 20];
        use std::os::fd::AsFd;
        nix::fcntl::fcntl(writer.as_fd(), nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::O_NONBLOCK))
            .unwrap();
        while std::io::Read::read(&mut writer, &mut rest).is_ok_and(|got| got > 0) {}
        nix::fcntl::fcntl(writer.as_fd(), nix::fcntl::FcntlArg::F_SETFL(nix::fcntl::OFlag::empty())).unwrap();

        // The next start finishes every file, with all that was there and nothing else.
        let nothing = place.file("nothing", b"");
        run(&place, place.bblogd(&["-f", nothing.to_str().unwrap()]));
        assert_eq!(serials(&place.out(), false), flushed, "round {round}");
        for (id, serials) in &flushed {
            assert!(serials.windows(2).all(|two| two[0] < two[1]), "{id}: {serials:?}");
        }
    }
    // Each finished file has its line, but for those whose kill came between the two.
    let files = place.files().len();
    let lines = place.records().len();
    assert!(lines <= files && files <= lines + 12, "{files} files, {lines} lines");
}

#[test]
fn what_was_flushed_is_in_the_file_and_in_the_index() {
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let daemon = start(&place, place.bblogd(&["-f", fifo.to_str().unwrap(), "--stack", "2=rack"]));
    let mut all = records(0..20);
    all.remove(7);
    all[12] = made::connection_end(13);
    let entry = connection("id").entry(&all);
    writer.write_all(&entry[..entry.len() - 400]).unwrap();
    let part = place.out().join("id_1000_10.0.0.2_2000.0.pcapng.part");
    let flushed = || {
        fs::read(&part)
            .is_ok_and(|bytes| reading::parse(&bytes).is_ok_and(|b| reading::serials(&b).len() == 17))
    };
    until("the flush", flushed, || daemon.log());
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
    // A write that the kill tore.
    fs::File::options()
        .append(true)
        .open(&part)
        .unwrap()
        .write_all(&[0xad, 0x0b, 0, 0, 0x30, 1, 0, 0, 9])
        .unwrap();
    let nothing = place.file("nothing", b"");
    let log = run(&place, place.bblogd(&["-f", nothing.to_str().unwrap()]));
    assert!(
        log.contains("id_1000_10.0.0.2_2000.0.pcapng.part: unfinished, finished now, 9 torn bytes cut off"),
        "{log}"
    );
    let blocks = reading::blocks(&place.files()[0]);
    let expected: Vec<u32> = (0..18).filter(|serial| *serial != 7).collect();
    assert_eq!(reading::serials(&blocks), expected);
    let line = &place.records()[0];
    let expected = serde_json::json!({
        "date": line["date"], "pbcid": "id", "reason": "auto-dumped from continual", "faddr": "10.0.0.2",
        "fport": 2000, "laddr": "10.0.0.1", "lport": 1000, "filename": "id_1000_10.0.0.2_2000.0.pcapng",
        "record_count": 17, "stack": "rack",
        "duration": 0.017,
        "connection_ended": true, "tag": "web", "compressor": "", "frag_seq": 0, "source": "bblog", "missing": 1,
        "bytes": place.files()[0].metadata().unwrap().len(),
    });
    assert_eq!(*line, expected);
}

#[test]
fn two_that_write_to_one_folder_leave_each_others_files() {
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let daemon = start(&place, place.bblogd(&["-f", fifo.to_str().unwrap()]));
    let entry = connection("id").entry(&records(0..20));
    writer.write_all(&entry[..2000]).unwrap();
    let part = place.out().join("id_1000_10.0.0.2_2000.0.pcapng.part");
    until("the flush", || part.exists(), || daemon.log());
    let input = place.file("stream", &connection("id").entry(&records(0..3)));
    let log = run(&place, place.bblogd(&["-f", input.to_str().unwrap()]));
    assert!(log.contains("another bblogd writes here; its unfinished files are left"), "{log}");
    assert!(part.exists() && place.out().join("id_1000_10.0.0.2_2000.1.pcapng").exists());
    writer.write_all(&entry[2000..]).unwrap();
    until("the other file", || place.files().len() == 2, || daemon.log());
    daemon.stop();
    assert_eq!(serials(&place.out(), false)["id_1000_10.0.0.2_2000"].len(), 23);
}

#[test]
fn files_of_others_are_left_alone() {
    let place = Place::new();
    fs::create_dir(place.out()).unwrap();
    let _ = std::os::unix::fs::chown(place.out(), Some(65534), Some(65534));
    for name in ["notes.part", "x.pcapng.part", "movie.0.mkv.part"] {
        fs::write(place.out().join(name), "somebody's").unwrap();
    }
    let nothing = place.file("nothing", b"");
    run(&place, place.bblogd(&["-f", nothing.to_str().unwrap()]));
    assert_eq!(Place::names(&place.out()), ["movie.0.mkv.part", "notes.part", "x.pcapng.part"]);
}

#[test]
fn sessions_of_eventlog() {
    for (format, end) in [("pcapng", ".pcapng"), ("elog", ".elog")] {
        let kernel = Kernel::new();
        let daemon = kernel.start(&["--eventlog", "tcp", "--format", format]);
        let events = [made::session_begin(7, "web", 1000), made::session_events(7, 5)].concat();
        kernel.log(&events);
        let part = |out: &Path| Place::names(out).into_iter().find(|name| name.ends_with(".part"));
        let out = kernel.place.out();
        until(
            "the flush",
            || part(&out).is_some_and(|name| out.join(name).metadata().unwrap().len() > 400),
            || daemon.log(),
        );
        daemon.signal(Signal::SIGKILL);
        daemon.wait();
        let name = part(&out).unwrap();
        fs::File::options().append(true).open(out.join(&name)).unwrap().write_all(&[36, 0, 1, 0, 1]).unwrap();
        let nothing = kernel.place.file("nothing", b"");
        let log = run(&kernel.place, kernel.place.bblogd(&["-f", nothing.to_str().unwrap()]));
        assert!(log.contains("finished now, 5 torn bytes cut off"), "{log}");
        let files = kernel.place.files();
        assert_eq!(files.len(), 1);
        assert!(files[0].to_str().unwrap().ends_with(&format!("web_1000_10.0.0.2_2000.0{end}")), "{files:?}");
        let bytes = fs::read(&files[0]).unwrap();
        let found: Vec<_> = match format {
            "elog" => {
                assert_eq!(u64::from_le_bytes(bytes[24..32].try_into().unwrap()), 9, "event_count");
                reading::split(&bytes[40 + 4 + 2 * 34..])
            }
            _ => reading::events(&reading::parse(&bytes).unwrap())
                .into_iter()
                .map(|(_, event)| event)
                .collect(),
        };
        assert_eq!(found, reading::split(&events));
        let line = &kernel.place.records()[0];
        assert_eq!(
            (&line["pbcid"], &line["record_count"], &line["source"]),
            (&"web".into(), &9.into(), &"eventlog".into())
        );
        assert_eq!((&line["faddr"], &line["lport"]), (&"10.0.0.2".into(), &1000.into()));
    }
}
