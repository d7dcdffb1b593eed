// SPDX-License-Identifier: BSD-2-Clause
//! `/dev/eventlog`, as the kernel plays it in `fake_devices.c`.

use std::fs;
use std::time::Duration;

use bblog_tests::fixtures;
use bblog_tests::tshark::Tshark;

use crate::bblogd::{Daemon, Place, counter, program, start, until};
use crate::devices::Kernel;
use crate::made::{self, DUMP_COMPLETE, session_begin, session_end, session_events};
use crate::reading::{self, Read};

/// The events of a genuine capture, as if they were logged now.
fn genuine() -> Vec<u8> {
    let bytes = fs::read(fixtures::fixture("small-plain.elog")).unwrap();
    let providers = usize::from(bytes[40]);
    let mut events = reading::split(&bytes[44 + 34 * providers..]);
    let table: Vec<(u16, String)> = bytes[44..44 + 34 * providers]
        .chunks(34)
        .map(|entry| {
            let name = entry[2..].split(|&b| b == 0).next().unwrap();
            (u16::from_le_bytes([entry[0], entry[1]]), String::from_utf8(name.to_vec()).unwrap())
        })
        .collect();
    let stamp = |event: &[u8]| u64::from_le_bytes(event[8..16].try_into().unwrap());
    let last = events.iter().map(|event| stamp(event)).max().unwrap();
    let now = made::uptime();
    events.retain_mut(|event| {
        let time = now - 1_000 - (last - stamp(event)) % 900_000;
        event[8..16].copy_from_slice(&time.to_le_bytes());
        let provider = u16::from_le_bytes([event[4], event[5]]);
        let number = match table.iter().find(|(id, _)| *id == provider).map(|(_, name)| name.as_str()) {
            Some("tcp") => 1_u16,
            Some("hpts") => 2,
            _ => return false,
        };
        event[4..6].copy_from_slice(&number.to_le_bytes());
        true
    });
    events.concat()
}

/// A capture of a running kernel, from the collection beside the checkout, as if it was logged until
/// now: times are moved, and providers have this kernel's numbers. `None` where it is not there.
fn replayed(name: &str) -> Option<Vec<u8>> {
    let mut bytes = fs::read(fixtures::stream(&format!("elog/{name}"))?).unwrap();
    if name.ends_with(".xz") {
        let mut plain = Vec::new();
        std::io::Read::read_to_end(&mut liblzma::read::XzDecoder::new(&bytes[..]), &mut plain).unwrap();
        bytes = plain;
    }
    let providers = usize::from(bytes[40]);
    let hpts = bytes[44..44 + 34 * providers].chunks(34).find(|entry| entry[2..].starts_with(b"hpts\0"));
    let hpts = hpts.map(|entry| [entry[0], entry[1]]);
    let mut events = reading::split(&bytes[44 + 34 * providers..]);
    let stamp = |event: &[u8]| u64::from_le_bytes(event[8..16].try_into().unwrap());
    let moved = made::uptime() - 1_000 - events.iter().map(|event| stamp(event)).max().unwrap();
    for event in &mut events {
        let (time, provider) = (stamp(event).wrapping_add(moved), [event[4], event[5]]);
        event[8..16].copy_from_slice(&time.to_le_bytes());
        event[4] = match (Some(provider) == hpts, provider) {
            (true, _) => 2,
            (_, [1, 0]) => 1,
            _ => 4,
        };
    }
    Some(events.concat())
}

/// Logs all of `events` before the program can read any of them.
fn log_at_once(kernel: &Kernel, daemon: &Daemon, events: &[u8]) {
    daemon.signal(nix::sys::signal::Signal::SIGSTOP);
    kernel.log(events);
    daemon.signal(nix::sys::signal::Signal::SIGCONT);
}

fn time(event: &[u8]) -> u64 {
    u64::from_le_bytes(event[8..16].try_into().unwrap())
}

#[test]
fn events_of_many_cpus_come_into_order() {
    // 900 connections on a machine with 4 CPUs: one event of five comes late.
    let Some(events) = replayed("genuine_d_4cpu_900conn.elog.xz") else { return };
    let mut expected = reading::split(&events);
    let late = expected.iter().scan(0, |newest, event| {
        let late = time(event) < *newest;
        *newest = time(event).max(*newest);
        Some(late)
    });
    let late = late.filter(|late| *late).count() as u64;
    assert!(late > 10_000, "{late}");
    let kernel = Kernel::new();
    let daemon =
        kernel.start(&["--eventlog", "tcp:TRACE", "--eventlog", "hpts:TRACE", "--buffer-size", "8M"]);
    log_at_once(&kernel, &daemon, &events);
    let log = stop_after(&kernel, daemon, expected.len());
    assert_eq!((counter(&log, "late events"), counter(&log, "kernel drops")), (late, 0), "{log}");
    expected.sort();
    assert_eq!(all(&kernel), expected);
    for file in kernel.place.files() {
        let events = reading::events(&reading::blocks(&file));
        assert!(events.is_sorted_by_key(|(_, event)| time(event)), "{}", file.display());
        // A session's end is the last of it, whatever came late.
        let ends = events.iter().position(|(_, event)| event[24..28] == made::SESSION_END.to_le_bytes());
        assert!(ends.is_none_or(|at| at + 1 == events.len()), "{}", file.display());
    }
}

#[test]
fn a_connection_that_comes_back_to_its_stack_keeps_its_addresses() {
    // Through bbr, which has no provider: the session ends and begins again with the same tcpcb.
    let Some(events) = replayed("genuine_d_stack_switch_same_id.elog") else { return };
    let kernel = Kernel::new();
    let daemon = kernel.start(&["--eventlog", "tcp:TRACE"]);
    log_at_once(&kernel, &daemon, &events);
    let log = stop_after(&kernel, daemon, reading::split(&events).len());
    let names = Place::names(&kernel.place.out());
    // Three files of session 2, whose ports are 59065 and 49551.
    let of = |name: &&String| name.starts_with("UNKNOWN_59065_127.0.0.1_49551.");
    assert_eq!(names.iter().filter(of).count(), 3, "{names:#?}\n{log}");
    assert!(!names.iter().any(|name| name.starts_with("tcp_2.")), "{names:#?}");
    // The stack is that of CONN_PARAMS, or what the connection changed to.
    let stacks: Vec<_> = kernel
        .place
        .records()
        .into_iter()
        .filter(|line| line["lport"] == 59065)
        .map(|line| line["stack"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(stacks, ["bbr", "bbr", "UNKNOWN"]);

    // In a stream, too: packets, which need addresses.
    let kernel = Kernel::new();
    let out = kernel.place.join("all.pcapng");
    let daemon = {
        let mut command = program();
        command.args(["--eventlog", "tcp:TRACE", "-o", out.to_str().unwrap()]);
        kernel.preload(&mut command);
        let daemon = start(&kernel.place, command);
        until("a subscription", || kernel.journal().contains("eventlog create"), || daemon.log());
        daemon
    };
    log_at_once(&kernel, &daemon, &events);
    stop_after(&kernel, daemon, reading::split(&events).len());
    let of_session_2 = reading::split(&events)
        .into_iter()
        .filter(|event| {
            event[16..24] == 2_u64.to_le_bytes() && [100, 101].contains(&event[24]) && event[25..28] == [0; 3]
        })
        .count();
    let filter = "tcp.port == 59065 && tcp.port == 49551";
    let text =
        Tshark::stock().text(&["-Y", filter, "-T", "fields", "-e", "frame.number"], &fs::read(&out).unwrap());
    assert!(text.lines().count() >= of_session_2, "{} of {of_session_2}", text.lines().count());
}

#[test]
fn jails_whose_sessions_have_equal_numbers() {
    let Some(events) = replayed("genuine_d_vnet_same_ids.elog") else { return };
    let kernel = Kernel::new();
    let daemon = kernel.start(&["--eventlog", "tcp:TRACE"]);
    log_at_once(&kernel, &daemon, &events);
    let log = stop_after(&kernel, daemon, reading::split(&events).len());
    // Each jail's connection has its file, and it is said that events may be mixed.
    let names = Place::names(&kernel.place.out());
    for name in ["UNKNOWN_41544_127.0.0.1_1111.0.pcapng", "UNKNOWN_62579_127.0.0.1_2222.0.pcapng"] {
        assert!(names.iter().any(|found| found == name), "{names:#?}");
    }
    assert!(
        log.contains("UNKNOWN_41544_127.0.0.1_1111: session 2 of tcp began again before its end"),
        "{log}"
    );
}

#[test]
fn a_session_of_the_pacer_may_be_number_0() {
    let kernel = Kernel::new();
    let daemon = kernel.start(&["--eventlog", "tcp", "--eventlog", "hpts"]);
    let mut event = session_end(0);
    event[4] = 2;
    event[24..28].copy_from_slice(&1_u32.to_le_bytes());
    kernel.log(&event);
    stop_after(&kernel, daemon, 1);
    assert_eq!(Place::names(&kernel.place.out()), ["hpts_0.0.pcapng", "records"]);
}

/// Waits until so many events are in files, then stops.
fn stop_after(kernel: &Kernel, daemon: Daemon, events: usize) -> String {
    until(
        "the events",
        || {
            daemon.signal(nix::sys::signal::Signal::SIGUSR1);
            std::thread::sleep(Duration::from_millis(20));
            let log = daemon.log();
            log.contains("queue waits") && counter(&log, "events") >= events as u64
        },
        || format!("{}\n{}", kernel.journal(), daemon.log()),
    );
    daemon.stop()
}

/// All events in the finished files.
fn all(kernel: &Kernel) -> Vec<Vec<u8>> {
    let blocks = kernel.place.files().into_iter().map(|file| reading::blocks(&file));
    let mut events: Vec<_> =
        blocks.flat_map(|blocks| reading::events(&blocks)).map(|(_, event)| event).collect();
    events.sort();
    events
}

#[test]
fn a_capture() {
    let kernel = Kernel::new();
    let daemon = kernel.start(&["--eventlog", "tcp:TRACE", "--eventlog", "hpts:5:0xff"]);
    let events = genuine();
    kernel.log(&events);
    let mut expected = reading::split(&events);
    stop_after(&kernel, daemon, expected.len());
    assert_eq!(
        kernel.journal(),
        "eventlog open\n\
         eventlog subscribe tcp level 5 keywords 0xffffffff flags 0\n\
         eventlog subscribe hpts level 5 keywords 0x800000ff flags 0\n\
         eventlog create 524288\n\
         eventlog close\n",
        "and no DESTROY"
    );
    expected.sort();
    assert_eq!(all(&kernel), expected);
    // A file for each session; those without events of another are in files of their own.
    for file in kernel.place.files() {
        let sessions = reading::events(&reading::blocks(&file));
        let of = |event: &[u8]| (event[4..6].to_vec(), event[16..24].to_vec());
        assert!(sessions.iter().all(|(_, event)| of(event) == of(&sessions[0].1)), "{}", file.display());
        let text = Tshark::stock().text(&["-T", "fields", "-e", "frame.number"], &fs::read(&file).unwrap());
        assert_eq!(text.lines().count(), sessions.len());
    }
    let records = kernel.place.records();
    assert_eq!(records.len(), kernel.place.files().len());
    assert!(records.iter().all(|line| line["source"] == "eventlog" && line["reason"] == "eventlog"));
}

#[test]
fn levels_and_keywords_choose_events() {
    // One event each: MSS (INFO, CONN), IN (VERBOSE, RX), OUT (VERBOSE, TX), ENTER_RECOVERY (WARN,
    // CC|LOSS), HYSTART (TRACE, CC); by the number of what is to be delivered.
    const MSS: u32 = 4;
    const OTHERS: [u32; 4] = [100, 101, 202, 206];
    const SESSION: [u32; 2] = [made::SESSION_CREATE, made::SESSION_END];
    let cases: [(&str, &[u32]); 6] = [
        ("tcp:TRACE", &[MSS, 100, 101, 202, 206]),
        ("tcp", &[MSS, 100, 101, 202]),
        ("tcp:INFO", &[MSS, 202]),
        ("tcp:VERBOSE:RX|LOSS", &[100, 202]),
        ("tcp:5:0x8", &[202, 206]),
        ("tcp:WARN", &[202]),
    ];
    for (subscription, chosen) in cases {
        let kernel = Kernel::new();
        let daemon = kernel.start(&["--eventlog", subscription]);
        let time = made::uptime();
        let mut events = made::event(1, 7, time, SESSION[0], &[0; 8]);
        for id in [MSS].into_iter().chain(OTHERS) {
            events.extend(made::event(1, 7, time, id, &[0; 40]));
        }
        events.extend(made::event(1, 7, time, SESSION[1], &[]));
        kernel.log(&events);
        // What is below INFO has no beginning and end of sessions either.
        let mut expected: Vec<u32> = if subscription == "tcp:WARN" { Vec::new() } else { SESSION.to_vec() };
        expected.extend(chosen);
        expected.sort_unstable();
        stop_after(&kernel, daemon, expected.len());
        let id = |event: &Vec<u8>| u32::from_le_bytes(event[24..28].try_into().unwrap());
        let mut found: Vec<u32> = all(&kernel).iter().map(id).collect();
        found.sort_unstable();
        assert_eq!(found, expected, "{subscription}");
    }
}

#[test]
fn packets_have_addresses_and_ports() {
    let kernel = Kernel::new();
    let daemon = kernel.start(&["--eventlog", "tcp:TRACE", "--eventlog", "hpts:TRACE"]);
    let events = genuine();
    kernel.log(&events);
    let count = reading::split(&events).len();
    stop_after(&kernel, daemon, count);
    let blocks: Vec<_> = kernel.place.files().iter().flat_map(|file| reading::blocks(file)).collect();
    let segments = blocks.iter().filter(|block| matches!(block, Read::Event { is_packet: true, .. })).count();
    let in_out = |block: &&Read| {
        let Read::Event { event, .. } = block else { return false };
        [100, 101].contains(&u32::from_le_bytes(event[24..28].try_into().unwrap())) && event[4] == 1
    };
    let expected = blocks.iter().filter(in_out).count();
    assert!(segments > 10 && segments * 10 >= expected * 9, "{segments} of {expected}");
}

#[test]
fn times_are_right() {
    let kernel = Kernel::new();
    let daemon = kernel.start(&["--eventlog", "tcp"]);
    // Long before the first read of it, and just now; read late, as at low rates.
    std::thread::sleep(Duration::from_millis(300));
    let logged = (made::uptime(), made::utc());
    let events: Vec<u8> = [250_000, 100_000, 0]
        .iter()
        .flat_map(|before| made::event(1, 7, logged.0 - before, 4, &[0; 4]))
        .collect();
    kernel.log(&events);
    std::thread::sleep(Duration::from_millis(300));
    stop_after(&kernel, daemon, 3);
    let found = reading::events(&reading::blocks(&kernel.place.files()[0]));
    for ((time, _), before) in found.iter().zip([250_000, 100_000, 0]) {
        let wrong = (*time as i64 - (logged.1 - before) as i64).abs();
        assert!(wrong < 2_000, "{wrong} us");
    }
    let date = kernel.place.records()[0]["date"].as_str().unwrap().to_owned();
    let year = format!("{:?}", made::utc());
    assert!(!date.starts_with("1970"), "{date} {year}");
}

#[test]
fn a_clock_that_is_set_back() {
    for option in [&[][..], &["--format", "elog"]] {
        let kernel = Kernel::new();
        kernel.set("clock", "0");
        let daemon = kernel.start(&[&["--eventlog", "tcp"], option].concat());
        kernel.log(&[session_begin(7, "before", 1), session_end(7)].concat());
        until("the first", || kernel.place.files().len() == 1, || daemon.log());
        kernel.log(&session_begin(8, "across", 2));
        until(
            "the second",
            || {
                let names = Place::names(&kernel.place.out());
                // The first has two names for a moment.
                names.iter().any(|name| name.contains("across") && name.ends_with(".part"))
            },
            || daemon.log(),
        );
        // An hour back, as ntpdate does it at boot.
        kernel.set("clock", "-3600");
        kernel.log(&[session_end(8), session_begin(9, "after", 3), session_end(9)].concat());
        until("the rest", || kernel.place.files().len() == 3, || daemon.log());
        let log = daemon.stop();
        assert!(log.contains("the clock was set by -3600.0 s"), "{log}");
        let time = |id: &str| {
            let file =
                kernel.place.files().into_iter().find(|path| path.to_str().unwrap().contains(id)).unwrap();
            let bytes = fs::read(&file).unwrap();
            let utc = match option {
                [] => {
                    reading::events(&reading::parse(&bytes).unwrap()).iter().map(|(time, _)| *time).collect()
                }
                _ => vec![u64::from_le_bytes(bytes[16..24].try_into().unwrap())],
            };
            let seconds = |time: &u64| ((made::utc() - time) as f64 / 1e6 / 60.0).round() as i64;
            utc.iter().map(seconds).collect::<Vec<_>>()
        };
        assert!(time("before").iter().all(|minutes| *minutes == 0));
        assert!(time("across").iter().all(|minutes| *minutes == 0), "one file, one clock");
        assert!(time("after").iter().all(|minutes| *minutes == 60));
    }
}

#[test]
fn what_the_kernel_refuses() {
    let refused = |kernel: &Kernel, arguments: &[&str]| {
        let (status, log) = start(&kernel.place, kernel.bblogd(arguments)).wait();
        assert_eq!(status.code(), Some(1), "{log}");
        assert_eq!(log.lines().count(), 1, "{log}");
        assert!(kernel.place.files().is_empty());
        log
    };
    let kernel = Kernel::new();
    // ENOENT: the whole subscription is undone, and nothing says for which of them.
    let log = refused(&kernel, &["--eventlog", "tcp", "--eventlog", "quic", "--strict"]);
    assert_eq!(log, "bblogd: /dev/eventlog: no provider quic, expected registered ones\n");
    let log = refused(&kernel, &["--eventlog", "quic", "--eventlog", "sctp"]);
    assert_eq!(log, "bblogd: /dev/eventlog: no providers quic, sctp, expected registered ones\n");
    // Sizes that the kernel would refuse are reported before the device is used.
    for size in ["65535", "1G", "1"] {
        let log = refused(&Kernel::new(), &["--eventlog", "tcp", "--buffer-size", size]);
        assert!(
            log.starts_with("bblogd: --buffer-size: ") && log.contains("expected 65536 to 1073741823 bytes"),
            "{log}"
        );
    }
    // In a jail.
    kernel.set("jailed", "");
    let log = refused(&kernel, &["--eventlog", "tcp"]);
    assert_eq!(log, "bblogd: /dev/eventlog: not permitted; it cannot be opened in a jail\n");
    // Without eventlog(9).
    let log = refused(&Kernel::bare(), &["--eventlog", "tcp"]);
    assert!(log.contains("/dev/eventlog: no such device, expected a kernel with eventlog(9)"), "{log}");
    // More than an ioctl's number can hold.
    let many: Vec<&str> = ["--eventlog", "tcp"].into_iter().cycle().take(2 * 186).collect();
    let log = refused(&Kernel::new(), &many);
    assert!(log.contains("--eventlog: 186 providers, expected at most 185"), "{log}");
}

#[test]
fn the_others_are_subscribed_without_one_that_is_unknown() {
    let kernel = Kernel::new();
    let daemon = kernel.start(&["--eventlog", "quic", "--eventlog", "tcp:INFO", "--eventlog", "hpts"]);
    kernel.log(&session_begin(7, "web", 1000));
    let log = stop_after(&kernel, daemon, 4);
    assert!(log.starts_with("bblogd: /dev/eventlog: no provider quic: the others are subscribed\n"), "{log}");
    let journal = kernel.journal();
    let (_, last) = journal.rsplit_once("eventlog open\n").unwrap();
    assert_eq!(
        last,
        "eventlog subscribe tcp level 3 keywords 0xffffffff flags 0\n\
         eventlog subscribe hpts level 4 keywords 0xffffffff flags 0\n\
         eventlog create 524288\n\
         eventlog close\n"
    );
}

#[test]
fn elog_files_are_no_stream() {
    let place = Place::new();
    let out = place.join("all.elog");
    let mut command = program();
    command.args(["--eventlog", "tcp", "--format", "elog", "-o", out.to_str().unwrap()]);
    let (status, log) = start(&place, command).wait();
    assert_eq!(status.code(), Some(2), "{log}");
    assert!(
        log.contains("--format elog writes a file per session; it cannot be used with --output"),
        "{log}"
    );
    assert!(!out.exists());
}

#[test]
fn the_smallest_and_the_largest_request() {
    let kernel = Kernel::new();
    let daemon = kernel.start(&["--eventlog", "tcp", "--buffer-size", "64K"]);
    daemon.stop();
    assert!(kernel.journal().contains("eventlog create 65536\n"));
    let kernel = Kernel::new();
    let many: Vec<&str> = ["--eventlog", "hpts"].into_iter().cycle().take(2 * 30).collect();
    let daemon = kernel.start(&many);
    daemon.stop();
    assert_eq!(kernel.journal().matches("subscribe hpts").count(), 30);
}

#[test]
fn drops_are_in_the_file_and_in_the_log() {
    let kernel = Kernel::new();
    let daemon = kernel.start(&["--eventlog", "tcp", "--buffer-size", "64K"]);
    kernel.log(&session_begin(7, "web", 1000));
    until("the first", || !Place::names(&kernel.place.out()).is_empty(), || daemon.log());
    // 9,000 events of 36 bytes at once; the two buffers hold 3,640 of them, and how many bblogd takes
    // out meanwhile is the scheduler's.
    kernel.log(&session_events(7, 9_000));
    daemon.wait_for("the kernel dropped");
    kernel.log(&session_end(7));
    until("the file", || kernel.place.files().len() == 1, || daemon.log());
    daemon.signal(nix::sys::signal::Signal::SIGUSR1);
    daemon.wait_for("queue waits");
    let log = daemon.stops_with_a_loss();
    let blocks = reading::blocks(&kernel.place.files()[0]);
    let dropped = 9_005 - reading::events(&blocks).len() as u64;
    assert!(dropped > 0, "nothing was dropped");
    assert_eq!(blocks.last(), Some(&Read::Dropped(Some(dropped))));
    assert!(
        log.contains(&format!("/dev/eventlog: the kernel dropped {dropped} events, {dropped} in all")),
        "{log}"
    );
    assert_eq!(counter(&log, "kernel drops"), dropped);
    assert_eq!(kernel.place.records()[0]["missing"], dropped);
}

/// The counts in an ELOG file's header, events and dropped ones, and the events that it holds.
fn elog_counts(file: &std::path::Path) -> (u64, u64, usize) {
    let bytes = fs::read(file).unwrap();
    let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
    (long(24), long(32), reading::split(&bytes[44 + 34 * usize::from(bytes[40])..]).len())
}

#[test]
fn an_elog_file_holds_the_drops_of_its_session() {
    let kernel = Kernel::new();
    let daemon = kernel.start(&["--eventlog", "tcp", "--buffer-size", "64K", "--format", "elog"]);
    // The whole session begins while nothing is read: its file is begun when the drops are counted already.
    log_at_once(&kernel, &daemon, &[session_begin(7, "web", 1000), session_events(7, 9_000)].concat());
    daemon.wait_for("the kernel dropped");
    kernel.log(&session_end(7));
    until("its file", || kernel.place.files().len() == 1, || daemon.log());
    // The next one loses nothing.
    kernel.log(&[session_begin(8, "api", 2000), session_end(8)].concat());
    until("the next file", || kernel.place.files().len() == 2, || daemon.log());
    daemon.signal(nix::sys::signal::Signal::SIGUSR1);
    daemon.wait_for("queue waits");
    let log = daemon.stops_with_a_loss();
    let file = |id: &str| {
        let mut files = kernel.place.files().into_iter();
        files.find(|file| file.file_name().unwrap().to_str().unwrap().starts_with(id)).unwrap()
    };
    let (events, dropped, held) = elog_counts(&file("web"));
    // The two buffers hold 128 KiB of 184 + 9,000 * 36 bytes.
    assert_eq!((events, dropped), (held as u64, 9_005 - held as u64), "{log}");
    assert!(dropped > 5_000, "{dropped}");
    assert_eq!(counter(&log, "kernel drops"), dropped);
    assert_eq!(elog_counts(&file("api")), (5, 0, 5));
}

#[test]
fn the_state_of_existing_sessions() {
    let kernel = Kernel::new();
    kernel.set("dump", [session_begin(3, "old", 1), session_begin(4, "older", 2)].concat());
    let daemon = kernel.start(&["--eventlog", "tcp", "--dump-state"]);
    kernel.log(&session_events(3, 2));
    stop_after(&kernel, daemon, 4 * 4 + 2 + 2);
    assert!(kernel.journal().contains("subscribe tcp level 4 keywords 0xffffffff flags 1\n"));
    let names: Vec<_> = kernel
        .place
        .files()
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    // DUMP_COMPLETE is of no session.
    assert_eq!(
        names,
        ["old_1_10.0.0.2_2000.0.pcapng", "older_2_10.0.0.2_2000.0.pcapng", "tcp_global.0.pcapng"]
    );
    let global = reading::events(&reading::blocks(&kernel.place.files()[2]));
    assert!(global.iter().all(|(_, event)| event[24..28] == DUMP_COMPLETE.to_le_bytes()));
    // Without the option none comes.
    let kernel = Kernel::new();
    kernel.set("dump", session_begin(3, "old", 1));
    let daemon = kernel.start(&["--eventlog", "tcp"]);
    std::thread::sleep(Duration::from_millis(100));
    daemon.stop();
    assert!(kernel.place.files().is_empty());
}

#[test]
fn sigterm_takes_what_is_in_the_buffers() {
    let kernel = Kernel::new();
    let daemon = kernel.start(&["--eventlog", "tcp"]);
    kernel.log(&[session_begin(7, "web", 1000), session_events(7, 500)].concat());
    daemon.stop();
    assert_eq!(all(&kernel).len(), 504);
}

#[test]
fn reads_of_nothing_are_normal() {
    let kernel = Kernel::new();
    kernel.set("zero", "3");
    let daemon = kernel.start(&["--eventlog", "tcp"]);
    kernel.log(&session_begin(7, "web", 1000));
    stop_after(&kernel, daemon, 4);
    assert_eq!(all(&kernel).len(), 4);
    // At the end, too.
    let kernel = Kernel::new();
    kernel.set("zero", "3");
    let daemon = kernel.start(&["--eventlog", "tcp"]);
    kernel.log(&session_begin(7, "web", 1000));
    daemon.stop();
    assert_eq!(all(&kernel).len(), 4);
}

#[test]
fn an_idle_device_and_one_that_fails() {
    let kernel = Kernel::new();
    let daemon = kernel.start(&["--eventlog", "tcp"]);
    // Several times EAGAIN.
    std::thread::sleep(Duration::from_millis(350));
    assert_eq!(daemon.stop(), "");
    let kernel = Kernel::new();
    kernel.set("errors", format!("eventlog 184 {} 1000\n", libc::EIO));
    let daemon = kernel.start(&["--eventlog", "tcp"]);
    let begin = session_begin(7, "web", 1000);
    kernel.log(&begin);
    let (status, log) = daemon.wait();
    assert_eq!(begin.len(), 184 + 36);
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("/dev/eventlog: Input/output error"), "{log}");
}

#[test]
fn elog_files_hold_the_same_bytes() {
    let kernel = Kernel::new();
    let daemon = kernel.start(&["--eventlog", "tcp:TRACE", "--eventlog", "hpts", "--format", "elog"]);
    let events = genuine();
    kernel.log(&events);
    let mut expected = reading::split(&events);
    stop_after(&kernel, daemon, expected.len());
    let mut found = Vec::new();
    for file in kernel.place.files() {
        let bytes = fs::read(&file).unwrap();
        let long = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap());
        assert_eq!(bytes[..8], *b"ELOG\x01\0\0\0");
        // The kernel's table, in its order.
        assert_eq!(bytes[40..44], [3, 0, 0, 0]);
        let events = reading::split(&bytes[44 + 3 * 34..]);
        assert_eq!(long(8).to_le_bytes(), events[0][8..16], "capture_start is the first event's");
        let behind = made::utc() - long(16);
        assert!(behind < 60_000_000, "start_utc_us is {behind} us ago");
        assert_eq!((long(24), long(32)), (events.len() as u64, 0));
        found.extend(events);
    }
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn files_change_by_size_and_by_time() {
    let kernel = Kernel::new();
    let daemon = kernel.start(&["--eventlog", "tcp", "--rotate-size", "20K"]);
    kernel.log(&session_begin(7, "web", 1000));
    for _ in 0..10 {
        kernel.log(&session_events(7, 50));
        std::thread::sleep(Duration::from_millis(10));
    }
    stop_after(&kernel, daemon, 504);
    let files = kernel.place.files();
    assert!(files.len() > 3, "{files:?}");
    let mut numbers = Vec::new();
    for file in &files {
        let blocks = reading::blocks(file);
        // A file knows its connection by itself.
        assert!(file.metadata().unwrap().len() <= 21 << 10);
        assert_eq!(blocks[0], Read::Eventlog);
        numbers.push(reading::events(&blocks).len());
    }
    assert_eq!(numbers.iter().sum::<usize>(), 504);
    let hosts = Tshark::stock().text(
        &["-T", "fields", "-e", "ip.src", "-e", "exported_pdu.ipv4_src"],
        &fs::read(&files[2]).unwrap(),
    );
    assert!(hosts.lines().all(|line| line.contains("10.0.0.1")), "{hosts}");

    let kernel = Kernel::new();
    let daemon = kernel.start(&["--eventlog", "tcp", "--rotate-time", "1s"]);
    kernel.log(&session_begin(7, "web", 1000));
    until("a finished file", || kernel.place.files().len() == 1, || daemon.log());
    kernel.log(&session_events(7, 1));
    let log = stop_after(&kernel, daemon, 5);
    assert_eq!(kernel.place.files().len(), 2, "{log}");
}

#[test]
fn sessions_end_restart_and_stay_apart() {
    let kernel = Kernel::new();
    let daemon = kernel.start(&["--eventlog", "tcp"]);
    kernel.log(
        &[
            session_begin(7, "one", 1),
            session_end(7),
            session_begin(7, "two", 2),
            session_end(7),
            session_events(7, 1),
        ]
        .concat(),
    );
    // Of another provider of the same name.
    let mut other = session_begin(8, "three", 3);
    other[4] = 4;
    kernel.log(&other);
    stop_after(&kernel, daemon, 4 + 1 + 4 + 1 + 1 + 4);
    let names: Vec<_> = kernel
        .place
        .files()
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "one_1_10.0.0.2_2000.0.pcapng",
            "tcp_7.0.pcapng",
            "three_3_10.0.0.2_2000.0.pcapng",
            "two_2_10.0.0.2_2000.0.pcapng"
        ]
    );
    let ended: Vec<_> = kernel
        .place
        .records()
        .iter()
        .filter(|line| line["connection_ended"] == true)
        .map(|line| line["pbcid"].clone())
        .collect();
    assert_eq!(ended, ["one", "two"]);
}

#[test]
fn one_stream() {
    let kernel = Kernel::new();
    let out = kernel.place.join("all.pcapng");
    let mut command = program();
    command.args(["--eventlog", "tcp:TRACE", "--eventlog", "hpts", "-o", out.to_str().unwrap()]);
    kernel.preload(&mut command);
    let daemon = start(&kernel.place, command);
    until("a subscription", || kernel.journal().contains("eventlog create"), || daemon.log());
    let events = genuine();
    log_at_once(&kernel, &daemon, &events);
    let mut expected = reading::split(&events);
    stop_after(&kernel, daemon, expected.len());
    expected.sort_by_key(|event| time(event));
    let blocks = reading::blocks(&out);
    let found: Vec<_> = reading::events(&blocks).into_iter().map(|(_, event)| event).collect();
    // In the order of their times, and of those of one time as the kernel gave them.
    assert_eq!(found, expected);
    assert_eq!(blocks.last(), Some(&Read::Dropped(Some(0))));
}
