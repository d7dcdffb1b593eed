// SPDX-License-Identifier: BSD-2-Clause
//! Damaged and joined inputs: everything readable before and after the damage is kept, one line says
//! what was left out, and nothing is invented.

mod support;

use support::{Folder, Ran, bytes, fixture, run};

fn show(input: &[u8]) -> Ran {
    run(&["show", "--no-pager", "--stack", "1=freebsd,2=rack", "-"], input)
}

fn lines(ran: &Ran) -> usize {
    ran.stdout.iter().filter(|&&b| b == b'\n').count()
}

/// What was said about the input, without its name.
fn told(ran: &Ran) -> Vec<&str> {
    ran.stderr.lines().map(|line| line.split_once("standard input: ").map_or(line, |line| line.1)).collect()
}

#[test]
fn a_log_behind_a_torn_entry_is_read() {
    let ran = show(&bytes("damaged/torn-append.tcplog"));
    assert_eq!((lines(&ran), ran.code), (28, 1), "{}", ran.stderr);
    assert_eq!(
        told(&ran),
        ["offset 1848: the entry ends 40900 bytes early: another begins; 100 bytes skipped"]
    );
    assert!(!String::from_utf8_lossy(&ran.stdout).contains("219953"));
}

/// Wherever an entry is cut off: what is whole of it, and all of the log behind it.
#[test]
fn an_entry_may_be_torn_anywhere() {
    let log = bytes("rack_reqresp.tcplog");
    let whole = lines(&show(&log));
    for cut in [208, 208 + 10, 208 + 328, 208 + 328 + 1, 208 + 5 * 328 + 200, 208 + 5 * 328 + 327] {
        let joined = [&log[..cut], &log[..]].concat();
        let ran = show(&joined);
        assert_eq!((lines(&ran), ran.code), ((cut - 208) / 328 + whole, 1), "cut at {cut}: {}", ran.stderr);
        // A restarted log has its serial numbers anew, which is a line as well.
        assert!(told(&ran)[0].contains("bytes early: another begins"), "cut at {cut}: {}", ran.stderr);
    }
}

/// A record of zeros or noise costs that record.
#[test]
fn one_bad_record_is_left_out() {
    let log = bytes("rack_reqresp.tcplog");
    let whole = lines(&show(&log));
    for fill in [0, 0xff] {
        let mut log = log.clone();
        log[208 + 7 * 328..208 + 8 * 328].fill(fill);
        let ran = show(&log);
        assert_eq!((lines(&ran), ran.code), (whole - 1, 1), "{}", ran.stderr);
        assert!(told(&ran)[0].starts_with("offset 2504: no BBLog record"), "{}", ran.stderr);
        assert!(told(&ran)[0].ends_with("328 bytes skipped"), "{}", ran.stderr);
    }
}

/// Bytes that are missing in an entry, or too many, move the records behind them: these are found all the same, and no
/// other is.
#[test]
fn records_behind_a_shift_are_found() {
    for name in ["rack_reqresp.tcplog", "rack_verbose-cut.tcplog"] {
        let log = bytes(name);
        let rows = |log: &[u8]| {
            let ran = run(&["csv", "--fields", "time,event,bblog.serial_nr", "-"], log);
            let rows = String::from_utf8(ran.stdout).unwrap();
            (rows.lines().skip(1).map(str::to_owned).collect::<Vec<_>>(), ran.code)
        };
        let (whole, _) = rows(&log);
        for at in [208 + 9 * 328 + 10, 208 + 20 * 328 + 327, 208 + 14 * 328] {
            for len in [1, 8, 100, 327, 328, 500] {
                let (before, behind) = log.split_at(at);
                let cut = [before, &behind[len..]].concat();
                let inserted = [before, &vec![0; len], behind].concat();
                let replaced = [before, &vec![0xa5; len], &behind[len..]].concat();
                for (how, damaged) in [("cut", cut), ("inserted", inserted), ("replaced", replaced)] {
                    let (found, code) = rows(&damaged);
                    let known = found.iter().filter(|row| whole.contains(row)).count();
                    let what = format!("{name}: {len} bytes {how} at {at}: {known} of {}", found.len());
                    // The one that the damage begins in, and what it covers. A verbose record may be the one that is cut.
                    let lost = 2 + len.div_ceil(328);
                    assert!(known + lost >= whole.len(), "{what}, of {}", whole.len());
                    // Its front may be whole.
                    assert!(found.len() - known <= 1, "{what}: {found:?}");
                    assert!(code == 1 || found.len() == whole.len(), "{what}");
                }
            }
        }
    }
}

#[test]
fn pcapng_is_read_on_behind_a_hole() {
    let ran = show(&bytes("damaged/zero-hole.pcapng"));
    assert_eq!((lines(&ran), ran.code), (20, 1), "{}", ran.stderr);
    let expected = "offset 4172: pcapng block length 0, expected 12 to 16777216; 512 bytes skipped";
    assert_eq!(told(&ran), [expected]);
}

/// A pcapng file that is torn anywhere and a whole one behind it.
#[test]
fn pcapng_may_be_torn_anywhere() {
    let file = bytes("damaged/unkcb.pcapng");
    let whole = lines(&show(&file));
    assert_eq!(whole, 40);
    for cut in (400..file.len()).step_by(997) {
        let before = lines(&show(&file[..cut]));
        let ran = show(&[&file[..cut], &file[..]].concat());
        assert_eq!(lines(&ran), before + whole, "cut at {cut}: {}", ran.stderr);
    }
}

#[test]
fn what_a_decoder_gave_before_an_error_is_used() {
    let ran = show(&bytes("damaged/flip.pcapng.xz"));
    assert_eq!((lines(&ran), ran.code), (73, 1), "{}", ran.stderr);
    assert!(told(&ran).last().is_some_and(|last| last.ends_with("lzma data error")), "{}", ran.stderr);
}

/// Values of a damaged block are shown as such, and nothing is concluded from them; values that no kernel writes are
/// no numbers.
#[test]
fn what_a_damaged_block_says_does_not_count() {
    let file = bytes("damaged/flip.pcapng.xz");
    let shown = String::from_utf8(show(&file).stdout).unwrap();
    assert_eq!(shown.lines().filter(|line| line.ends_with(" [damaged block]")).count(), 1, "{shown}");
    assert!(shown.lines().last().is_some_and(|last| last.ends_with(" [damaged block]")));
    let why: serde_json::Value = serde_json::from_slice(&run(&["why", "--json", "-"], &file).stdout).unwrap();
    assert!(why["verdict"].as_str().unwrap().contains("cwnd was 14480 to 63712 bytes"), "{why}");
    assert!(!String::from_utf8(run(&["why", "-"], &file).stdout).unwrap().contains("17.69 s"));
    let json = run(&["json", "-"], &file);
    let lines: Vec<serde_json::Value> = json
        .stdout
        .split(|&b| b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).unwrap())
        .collect();
    assert_eq!(lines.iter().filter(|line| line["damaged"] == true).count(), 1);
    assert!(lines.last().unwrap()["bblog"]["snd_cwnd"].is_null());
    // The same number without other damage.
    let mut log = bytes("rack_reqresp.tcplog");
    log[208 + 80..208 + 84].copy_from_slice(&1_593_840_000_u32.to_le_bytes());
    let detailed = run(&["show", "--no-pager", "-e", "--stack", "2=rack", "--limit", "1", "-"], &log);
    assert!(String::from_utf8(detailed.stdout).unwrap().contains("implausible"), "{}", detailed.stderr);
    let csv = run(&["csv", "--fields", "bblog.snd_cwnd", "--limit", "1", "-"], &log);
    assert_eq!(String::from_utf8(csv.stdout).unwrap(), "bblog.snd_cwnd\r\n\"\"\r\n");
}

#[test]
fn lz4_is_read() {
    let ran = show(&bytes("damaged/lz4.pcapng.lz4"));
    assert_eq!((lines(&ran), ran.code), (40, 0), "{}", ran.stderr);
    let path = fixture("damaged/lz4.pcapng.lz4");
    let info = run(&["info", "--json", path.to_str().unwrap()], b"");
    let report: serde_json::Value = serde_json::from_slice(&info.stdout).unwrap();
    assert_eq!((&report["compression"], &report["events"]), (&"lz4".into(), &40.into()));
    let bzip2 = show(b"BZh91AY&SY");
    assert!(told(&bzip2)[0].contains("compressed with bzip2"), "{}", bzip2.stderr);
}

/// A login shell that greets, in front of each kind of log.
#[test]
fn text_before_a_log_is_left_out() {
    let ran = show(&bytes("damaged/motd.pcapng"));
    assert_eq!((lines(&ran), ran.code), (20, 0), "{}", ran.stderr);
    let expected = "offset 0: text before the log: \"Welcome to FreeBSD!\\u{a}\"; 20 bytes skipped";
    assert_eq!(told(&ran), [expected]);
    for name in ["rack_reqresp.tcplog", "small-plain.elog"] {
        let log = bytes(name);
        let greeting = "Last login: Sat Nov 28\n".repeat(200);
        let ran = show(&[greeting.as_bytes(), &log].concat());
        assert_eq!(lines(&ran), lines(&show(&log)), "{name}: {}", ran.stderr);
        assert!(told(&ran)[0].ends_with("; 4600 bytes skipped"), "{}", ran.stderr);
    }
    let text = show("no log at all\n".repeat(20).as_bytes());
    assert_eq!((text.code, told(&text).len()), (1, 1));
    assert!(told(&text)[0].contains("expected an ELOG file"), "{}", text.stderr);
}

/// Wireshark takes a Netflix block of another type for the end of the file, so it is not passed on.
#[test]
fn blocks_that_wireshark_refuses_are_left_out() {
    let folder = Folder::new();
    let out = folder.path("out.pcapng");
    let path = fixture("damaged/unkcb.pcapng");
    let ran = run(&["convert", path.to_str().unwrap(), "-o", out.to_str().unwrap()], b"");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("left out: Wireshark reads types 1 and 2; "), "{}", ran.stderr);
    assert_eq!(support::tshark(&out, &[]).len(), 40);
}

/// A section header alone keeps its options.
#[test]
fn a_section_without_a_block_is_kept() {
    let file = bytes("damaged/unkcb.pcapng");
    let len = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
    assert_eq!(support::convert_bytes(&[&file[..len]]), (file[..len].to_vec(), vec![]));
}

/// A capture of another program, without any of our events, is reported as such.
#[test]
fn a_file_without_events_says_so() {
    let file = bytes("damaged/unkcb.pcapng");
    let section = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
    // A name resolution block with nothing in it.
    let block = [4, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 16, 0, 0, 0];
    let ran = show(&[&file[..section], &block].concat());
    assert_eq!((lines(&ran), ran.code), (0, 0));
    assert_eq!(told(&ran), ["no BBLog record and no eventlog event in 0 packets and 1 other block"]);
}

/// What getsockopt(TCP_LOGBUF) gives has no header: the records are shown, without addresses and date.
#[test]
fn records_without_a_header_are_read() {
    let ran = show(&bytes("damaged/logbuf.bin"));
    assert_eq!((lines(&ran), ran.code, ran.stderr.as_str()), (40, 0, ""));
    let json = run(&["json", "-"], &bytes("damaged/logbuf.bin"));
    for line in json.stdout.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
        let line: serde_json::Value = serde_json::from_slice(line).unwrap();
        assert_eq!((&line["connection"], &line["clock"]), (&serde_json::Value::Null, &"uptime".into()));
    }
    let path = fixture("damaged/logbuf.bin");
    let info = run(&["info", "--json", path.to_str().unwrap()], b"");
    let report: serde_json::Value = serde_json::from_slice(&info.stdout).unwrap();
    assert_eq!((&report["kind"], &report["events"]), (&"bblog".into(), &40.into()));
    assert!(report["connections"][0]["local"].is_null());
    // The records of a log that has headers are the same without them.
    let log = bytes("rack_reqresp.tcplog");
    assert_eq!(lines(&show(&log[208..])), lines(&show(&log)));
    let cut = show(&log[208..208 + 328 * 3 + 100]);
    assert_eq!((lines(&cut), cut.code), (3, 1), "{}", cut.stderr);
}

/// FreeBSD's lldb script keeps 60 bytes of a record without a TCP header: what is not there is not 0.
#[test]
fn members_that_lldb_left_out_are_absent() {
    let folder = Folder::new();
    let mut log = bytes("rack_reqresp.tcplog");
    for record in log[208..].chunks_mut(328) {
        if record[26] & 4 == 0 {
            record[60..].fill(0);
        }
    }
    let cut = folder.write("cut.tcplog", &log);
    let options = ["--stack", "2=rack", "--kernel", "13"];
    let again = folder.path("cut.pcapng");
    assert_eq!(run(&["convert", cut.to_str().unwrap(), "-o", again.to_str().unwrap()], b"").code, 0);
    for file in [&cut, &again] {
        let file = file.to_str().unwrap();
        let json = run(&[&["json", file][..], &options].concat(), b"");
        let mut found = 0;
        for line in json.stdout.split(|&b| b == b'\n').filter(|line| !line.is_empty()) {
            let line: serde_json::Value = serde_json::from_slice(line).unwrap();
            if line["tcp"].is_null() {
                found += 1;
                let members = line["bblog"].as_object().unwrap();
                for absent in ["snd_cwnd", "snd_una", "srtt", "srtt_us", "flight", "t_flags", "iss"] {
                    assert!(!members.contains_key(absent), "{line}");
                }
                assert!(members.contains_key("state"), "{line}");
                // The error number is a member that was kept.
                assert!(line["values"].as_object().unwrap().keys().all(|name| name == "error"), "{line}");
            }
        }
        assert!(found > 100, "{found}");
        let csv = run(&[&["csv", "--fields", "tcp.len,bblog.snd_cwnd", file][..], &options].concat(), b"");
        let csv = String::from_utf8(csv.stdout).unwrap();
        assert_eq!(csv.lines().filter(|line| *line == ",").count(), found);
        let shown = run(&[&["show", "-e", file][..], &options].concat(), b"");
        let shown = String::from_utf8(shown.stdout).unwrap();
        assert!(!shown.contains("cwnd 0") && !shown.contains("= 0 bytes"), "{shown}");
    }
}

/// Of records without a header the user names the connection.
#[test]
fn ends_of_records_without_a_header() {
    let path = fixture("damaged/logbuf.bin");
    let path = path.to_str().unwrap();
    let ends = ["--connection", "10.0.0.1:80-10.0.0.2:5000"];
    let json = run(&[&["json", path][..], &ends].concat(), b"");
    assert_eq!(json.stdout.iter().filter(|&&b| b == b'\n').count(), 40);
    let first = json.stdout.split(|&b| b == b'\n').next().unwrap();
    let first: serde_json::Value = serde_json::from_slice(first).unwrap();
    let connection = &first["connection"];
    assert_eq!((&connection["local"], &connection["local_port"]), (&"10.0.0.1".into(), &80.into()));
    assert_eq!((&connection["remote"], &connection["remote_port"]), (&"10.0.0.2".into(), &5000.into()));
    let ipv6 = run(&["info", "--connection", "[2001:db8::1]:80-[2001:db8::2]:5000", path], b"");
    let ipv6 = String::from_utf8(ipv6.stdout).unwrap();
    assert!(ipv6.contains("[2001:db8::1]:80 - [2001:db8::2]:5000: 40 records"), "{ipv6}");
    // Where something is left open it selects, and records of no connection are none of it.
    let open = run(&["show", "--connection", "10.0.0.1", path], b"");
    assert_eq!(open.stderr, "bblog: 0 of 40 events selected\n");
}
