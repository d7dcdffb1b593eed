// SPDX-License-Identifier: BSD-2-Clause
//! `bblog convert --split`: one file per connection.

mod support;

use std::path::{Path, PathBuf};

use support::{Folder, bytes, convert, fixture, run, tshark};

fn split(inputs: &[&Path], folder: &Path, more: &[&str]) -> support::Ran {
    let mut args = vec!["convert", "--split", "--stack", "1=freebsd,2=rack,3=bbr", "-o"];
    args.push(folder.to_str().unwrap());
    args.extend(more);
    args.extend(inputs.iter().map(|input| input.to_str().unwrap()));
    run(&args, b"")
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Frames as tshark shows them, without numbers and relative times.
fn frames(file: &Path) -> Vec<String> {
    let fields = [
        "frame.time_epoch",
        "frame.len",
        "ip.src",
        "ipv6.src",
        "tcp.srcport",
        "tcp.seq_raw",
        "_ws.col.Protocol",
    ];
    let mut args = vec!["-o", "tcp.analyze_sequence_numbers:FALSE", "-T", "fields"];
    fields.iter().for_each(|field| args.extend(["-e", field]));
    tshark(file, &args)
}

#[test]
fn entries_of_one_connection_are_in_one_file() {
    let folder = Folder::new();
    let out = folder.path("out");
    let inputs =
        ["default_refused.tcplog", "default_continual-cut.tcplog", "default_ipv6_linklocal-cut.tcplog"];
    let paths = inputs.map(fixture);
    let ran = split(&[&paths[0], &paths[1], &paths[2]], &out, &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(names(&out).join("\n"), @r"
    default_continual_limit64_39136_10.99.0.1_9252.0.pcapng
    default_ipv6_linklocal_31574_fe80::bb:ff:fe00:fe%2_9315.0.pcapng
    default_refused_35465_10.99.0.1_1.0.pcapng
    ");
    // Whatever is in one of the inputs is in the file of its connection, in the same order.
    for (input, path) in inputs.iter().zip(&paths) {
        let whole = folder.path(&format!("{input}.pcapng"));
        convert(path, &whole);
        let expected = frames(&whole);
        let found = names(&out).into_iter().filter(|name| frames(&out.join(name)) == expected).count();
        assert_eq!(found, 1, "{input}");
        // And no different from what convert makes of it.
        let whole = std::fs::read(&whole).unwrap();
        assert!(
            names(&out).into_iter().any(|name| std::fs::read(out.join(name)).unwrap() == whole),
            "{input}"
        );
    }
}

#[test]
fn sessions_of_a_capture() {
    let folder = Folder::new();
    let out = folder.path("out");
    let capture = fixture("small-plain.elog");
    let ran = split(&[&capture], &out, &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let whole = folder.path("whole.pcapng");
    convert(&capture, &whole);
    let mut expected = frames(&whole);
    let files = names(&out);
    insta::assert_snapshot!(files.join("\n"), @r"
    UNKNOWN_27505_2001:db8:ffff:1:2:3:4:ce_443.0.pcapng
    UNKNOWN_443_2001:db8:ffff:1:2:3:4:ad_52527.0.pcapng
    UNKNOWN_58824_198.51.100.62_80.0.pcapng
    UNKNOWN_8443_198.51.100.148_33117.0.pcapng
    cust-8_29688_198.51.100.227_80.0.pcapng
    hpts_global.0.pcapng
    ");
    let mut found = Vec::new();
    for name in &files {
        let own = frames(&out.join(name));
        assert!(!own.is_empty(), "{name}");
        let ports = tshark(&out.join(name), &["-Y", "tcp", "-T", "fields", "-e", "tcp.stream"]);
        assert!(ports.iter().all(|stream| stream == "0"), "{name}: one conversation");
        found.extend(own);
    }
    expected.sort();
    found.sort();
    assert!(found == expected, "{} and {}", found.len(), expected.len());
    // The same from pcapng, byte for byte but for the statistics at the end, which are no
    // connection's.
    let again = folder.path("again");
    assert_eq!(split(&[&whole], &again, &[]).code, 0);
    assert_eq!(
        names(&again).iter().filter(|name| !name.starts_with("other.")).collect::<Vec<_>>(),
        files.iter().collect::<Vec<_>>()
    );
    for name in &files {
        assert_eq!(frames(&again.join(name)), frames(&out.join(name)), "{name}");
    }
}

#[test]
fn numbers_go_on_and_start_over() {
    let folder = Folder::new();
    let out = folder.path("out");
    let refused = fixture("default_refused.tcplog");
    for expected in [1, 2, 3] {
        assert_eq!(split(&[&refused], &out, &[]).code, 0);
        assert_eq!(names(&out).len(), expected);
    }
    let stem = names(&out)[0].strip_suffix(".0.pcapng").unwrap().to_owned();
    assert_eq!(names(&out), [0, 1, 2].map(|number| format!("{stem}.{number}.pcapng")));
    std::fs::write(out.join(format!("{stem}.0.pcapng")), b"old").unwrap();
    std::fs::remove_file(out.join(format!("{stem}.1.pcapng"))).unwrap();
    assert_eq!(split(&[&refused], &out, &["--overwrite"]).code, 0);
    assert_eq!(names(&out).len(), 2);
    let file = |number| std::fs::read(out.join(format!("{stem}.{number}.pcapng"))).unwrap();
    assert_eq!(file(0), file(2));
    // A series, given by the name it begins with, becomes one file.
    let series = out.join(&stem);
    let joined = folder.path("joined");
    let ran = split(&[&series], &joined, &[]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(names(&joined), [format!("{stem}.0.pcapng")]);
    assert_eq!(
        frames(&joined.join(&names(&joined)[0])).len(),
        2 * frames(&out.join(format!("{stem}.0.pcapng"))).len()
    );
}

#[test]
fn hostile_ids_stay_in_the_folder() {
    let folder = Folder::new();
    let mut inputs: Vec<PathBuf> = Vec::new();
    let ids: [&[u8]; 6] = [b"../../x", b"/etc/passwd", b"..", b"-rf", b"a\nb", &[0xff; 64]];
    for (number, id) in ids.iter().enumerate() {
        let mut stream = bytes("default_refused.tcplog");
        stream[72..136].fill(0);
        stream[72..72 + id.len()].copy_from_slice(id);
        inputs.push(folder.write(&format!("{number}.tcplog"), &stream));
    }
    let out = folder.path("out");
    let inputs: Vec<&Path> = inputs.iter().map(PathBuf::as_path).collect();
    let ran = split(&inputs, &out, &[]);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let files = names(&out);
    assert_eq!(files.len(), ids.len());
    for name in files {
        assert!(
            !name.starts_with(['.', '-']) && name.bytes().all(|b| b.is_ascii_graphic() && b != b'/'),
            "{name}"
        );
    }
    assert_eq!(folder.names().len(), ids.len() + 1);
}

/// More connections than files may be open, taking turns, and more than windows have room for.
#[test]
fn many_connections_take_turns() {
    const CONNECTIONS: usize = 1000;
    let folder = Folder::new();
    let entry = bytes("default_refused.tcplog");
    let mut stream = Vec::new();
    for round in 0..2u8 {
        for connection in 0..CONNECTIONS as u16 {
            let mut entry = entry.clone();
            // tlh_ie.ie_lport and the serial numbers, which go on.
            entry[18..20].copy_from_slice(&connection.to_be_bytes());
            entry[16..18].copy_from_slice(&connection.to_be_bytes());
            for record in 0..3 {
                let at = 208 + record * 328 + 20;
                entry[at] = round * 3 + record as u8;
            }
            stream.extend(entry);
        }
    }
    let input = folder.write("many.tcplog", &stream);
    let out = folder.path("out");
    let mut command = std::process::Command::new("sh");
    let script =
        format!("ulimit -n 64 && exec \"$0\" convert --split -o {} {}", out.display(), input.display());
    let output = command.arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_bblog")).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(output.status.success());
    assert_eq!(names(&out).len(), CONNECTIONS);
    let sizes: Vec<u64> = names(&out).iter().map(|name| out.join(name).metadata().unwrap().len()).collect();
    assert!(sizes.iter().all(|&size| size == sizes[0]));
}

#[test]
fn wrong_usage_and_no_folder() {
    let folder = Folder::new();
    let refused = fixture("default_refused.tcplog");
    let text = refused.to_str().unwrap();
    let ran = run(&["convert", "--split", "--format", "elog", "-o", "x", text], b"");
    assert_eq!((ran.code, ran.stderr.as_str()), (2, "bblog: convert: --split writes pcapng only\n"));
    let ran = run(&["convert", "--split", "-o", "-", text], b"");
    assert_eq!((ran.code, ran.stderr.as_str()), (2, "bblog: convert: --split needs a folder to write to\n"));
    let file = folder.write("file", b"");
    let ran = split(&[&refused], &file, &[]);
    assert_eq!(ran.code, 1);
    assert_eq!(ran.stderr, format!("bblog: {}: Not a directory\n", file.display()));
}

/// Entries of one socket after another with the same addresses and id: a file for each socket.
#[test]
fn sockets_that_follow_each_other_have_files_of_their_own() {
    let log = bytes("default_refused.tcplog");
    let len = u64::from_le_bytes(log[8..16].try_into().unwrap()) as usize;
    // Serial numbers from `serial` on, and the initial sequence number.
    let entry = |serial: u32, iss: u32| {
        let mut entry = log[..len].to_vec();
        for (number, record) in entry[208..].chunks_exact_mut(328).enumerate() {
            record[20..24].copy_from_slice(&(serial + number as u32).to_le_bytes());
            record[64..68].copy_from_slice(&iss.to_le_bytes());
        }
        entry
    };
    let records = (len as u32 - 208) / 328;
    for (sockets, entries) in [
        // Three connections: the first has two entries, and the third began before it was logged.
        (vec![2, 1, 1], vec![entry(0, 7), entry(records, 7), entry(0, 8), entry(90, 9)]),
        // A listener has no initial sequence number.
        (vec![1, 2, 1], vec![entry(0, 0), entry(0, 0), entry(records, 0), entry(0, 0)]),
    ] {
        let folder = Folder::new();
        let stream = folder.path("in.tcplog");
        std::fs::write(&stream, entries.concat()).unwrap();
        let whole = folder.path("whole.pcapng");
        convert(&stream, &whole);
        for (input, out) in [(&stream, "of-stream"), (&whole, "of-pcapng")] {
            let out = folder.path(out);
            let ran = split(&[input], &out, &[]);
            assert_eq!(ran.code, 0, "{}", ran.stderr);
            let files =
                (0..sockets.len()).map(|number| format!("default_refused_35465_10.99.0.1_1.{number}.pcapng"));
            assert_eq!(names(&out), files.collect::<Vec<_>>());
            for (name, entries) in names(&out).iter().zip(&sockets) {
                let shown = run(&["show", "--stack", "1=freebsd", out.join(name).to_str().unwrap()], b"");
                let lines = String::from_utf8(shown.stdout).unwrap().lines().count() as u32;
                assert_eq!(lines, entries * records, "{name}: {}", shown.stderr);
            }
        }
    }
}

/// A block says how many records are missing, and stands before the record that follows them: its file is that one's.
#[test]
fn missing_records_are_of_the_socket_that_follows() {
    let log = bytes("default_refused.tcplog");
    let len = u64::from_le_bytes(log[8..16].try_into().unwrap()) as usize;
    let entry = |serials: &[u32], iss: u32| {
        let mut entry = log[..208].to_vec();
        let record = &log[208..len][..328];
        entry[8..16].copy_from_slice(&(208 + 328 * serials.len() as u64).to_le_bytes());
        for serial in serials {
            let mut record = record.to_vec();
            record[20..24].copy_from_slice(&serial.to_le_bytes());
            record[64..68].copy_from_slice(&iss.to_le_bytes());
            entry.extend(record);
        }
        entry
    };
    let folder = Folder::new();
    let stream = folder.path("in.tcplog");
    // The second socket's first record here is number 5: after number 2, two seem to be missing.
    std::fs::write(&stream, [entry(&[0, 1, 2], 7), entry(&[5, 6], 8)].concat()).unwrap();
    let whole = folder.path("whole.pcapng");
    convert(&stream, &whole);
    for (input, out) in [(&stream, "of-stream"), (&whole, "of-pcapng")] {
        let out = folder.path(out);
        let ran = split(&[input], &out, &[]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let missing = |number: u32| {
            let file = out.join(format!("default_refused_35465_10.99.0.1_1.{number}.pcapng"));
            let json = run(&["json", file.to_str().unwrap()], b"");
            let lines = String::from_utf8(json.stdout).unwrap();
            let lines: Vec<serde_json::Value> =
                lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
            // The block itself: a custom one with Netflix's enterprise number, and type 2.
            let bytes = std::fs::read(&file).unwrap();
            let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
            let (mut at, mut marked) = (0, 0);
            while at < bytes.len() {
                marked += u32::from(word(at) == 0xbad && (word(at + 8), word(at + 12)) == (10949, 2));
                at += word(at + 4) as usize;
            }
            (lines.len(), lines[0]["missing"].as_u64().unwrap(), marked)
        };
        assert_eq!([missing(0), missing(1)], [(3, 0, 0), (2, 2, 1)], "{}", input.display());
    }
}
