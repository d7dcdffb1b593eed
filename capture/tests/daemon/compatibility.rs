// SPDX-License-Identifier: BSD-2-Clause
//! What tcplog_dumper would have written, worked out here from the stream itself, and what bblogd
//! wrote: files, packets, records, skips, and the lines of the index.

use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::path::{Path, PathBuf};

use bblog_tests::fixtures::{self, STACKS};
use bblog_tests::tshark::Tshark;

use crate::bblogd::{Place, run};
use crate::made::{connection, connection_end, of_stack, records};
use crate::reading::{self, Read};

/// An entry of a stream.
struct Entry {
    header: Vec<u8>,
    records: Vec<Vec<u8>>,
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn long(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.split(|&b| b == 0).next().unwrap().to_vec()).unwrap()
}

fn entries(mut stream: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    while !stream.is_empty() {
        let (entry, rest) = stream.split_at(long(stream, 8) as usize);
        let (header, mut body) = entry.split_at(208);
        let mut records = Vec::new();
        while !body.is_empty() {
            let len = if body[26] & 8 != 0 { 400 } else { 328 };
            records.push(body[..328].to_vec());
            body = &body[len..];
        }
        entries.push(Entry { header: header.to_vec(), records });
        stream = rest;
    }
    entries
}

impl Entry {
    /// Sockets that listen have AF_INET and 0.0.0.1 for `::1`: tcplog_dumper shows what stands there.
    fn is_ipv6(&self) -> bool {
        self.header[200] == 28 || [20, 36].iter().any(|&at| self.header[at + 12..at + 16] == [0, 0, 0, 1])
    }

    /// An address, with a scope as in `fe80::1%2`: tcplog_dumper shows what the kernel keeps, `fe80:2::1`.
    fn address(&self, at: usize) -> String {
        match self.is_ipv6() {
            true => {
                let bytes = &self.header[at..at + 16];
                let wire = Ipv6Addr::from(<[u8; 16]>::try_from(on_the_wire(bytes)).unwrap());
                match u16::from_be_bytes([bytes[2], bytes[3]]) {
                    scope if wire.is_unicast_link_local() && scope != 0 => format!("{wire}%{scope}"),
                    _ => wire.to_string(),
                }
            }
            false => self.header[at + 12..at + 16].iter().map(u8::to_string).collect::<Vec<_>>().join("."),
        }
    }

    fn port(&self, at: usize) -> u16 {
        u16::from_be_bytes([self.header[at], self.header[at + 1]])
    }

    /// ID_LPORT_FADDR_FPORT.
    fn name(&self) -> String {
        format!("{}_{}_{}_{}", text(&self.header[72..136]), self.port(18), self.address(20), self.port(16))
    }

    /// The records in runs of one stack.
    fn runs(&self) -> Vec<&[Vec<u8>]> {
        self.records.chunk_by(|a, b| a[24] == b[24]).collect()
    }

    /// A record as tcplog_dumper writes it.
    fn block(&self, record: &[u8]) -> Read {
        if record[26] & 4 == 0 {
            return Read::Record(record[..268].to_vec());
        }
        let inbound = record[25] == 1;
        let tcp_len = usize::from(record[280] >> 4) * 4;
        let mut tcp = record[268..268 + tcp_len].to_vec();
        let payload = word(record, 264) as usize;
        let (from, to) = if inbound { (20, 36) } else { (36, 20) };
        let mut packet;
        let pseudo: Vec<u8>;
        if self.is_ipv6() {
            packet = vec![28, 0, 0, 0, 0x60, 0, 0, 0];
            packet.extend(((tcp_len + payload) as u16).to_be_bytes());
            packet.extend([6, 127]);
            let address = |at: usize| on_the_wire(&self.header[at..at + 16]);
            packet.extend([address(from), address(to)].concat());
            pseudo = [address(from), address(to)].concat();
        } else {
            packet = vec![2, 0, 0, 0, 0x45, 0];
            packet.extend(((20 + tcp_len + payload) as u16).to_be_bytes());
            packet.extend([0, 0, 0, 0, 127, 6, 0, 0]);
            let address = |at: usize| self.header[at + 12..at + 16].to_vec();
            packet.extend([address(from), address(to)].concat());
            let sum = checksum(&packet[4..24]);
            packet[14..16].copy_from_slice(&sum.to_be_bytes());
            pseudo = [address(from), address(to)].concat();
        }
        tcp[16..18].fill(0);
        let len = ((tcp_len + payload) as u32).to_be_bytes();
        let sum = checksum(&[&pseudo[..], &len, &[0, 0, 0, 6], &tcp].concat());
        tcp[16..18].copy_from_slice(&sum.to_be_bytes());
        packet.extend(&tcp);
        let micros = |seconds: u64, micros: u64| seconds * 1_000_000 + micros;
        Read::Segment {
            time: micros(long(record, 0), long(record, 8))
                + micros(long(&self.header, 56), long(&self.header, 64)),
            original_len: (packet.len() + payload) as u32,
            packet,
            record: record[..268].to_vec(),
            flags: if inbound { 1 } else { 2 },
        }
    }
}

/// The kernel keeps a link-local address's scope in its second 16 bits, which no packet shows.
fn on_the_wire(address: &[u8]) -> Vec<u8> {
    let mut address = address.to_vec();
    if address[0] == 0xfe && address[1] & 0xc0 == 0x80 {
        address[2..4].fill(0);
    }
    address
}

fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 =
        bytes.chunks(2).map(|two| u32::from(u16::from_be_bytes([two[0], *two.get(1).unwrap_or(&0)]))).sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

/// Compares the files in `out` with `stream`; how many records agreed.
fn compare(stream: &Path, place: &Place) -> usize {
    let mut numbers: HashMap<String, u32> = HashMap::new();
    let mut serials: HashMap<Vec<u8>, u32> = HashMap::new();
    let mut lines = place.records().into_iter();
    let mut expected_files = Vec::new();
    let mut compared = 0;
    for entry in entries(&std::fs::read(stream).unwrap()) {
        let runs = entry.runs();
        for run in runs {
            let number = numbers.entry(entry.name()).or_default();
            let name = format!("{}.{number}.pcapng", entry.name());
            let stack = ["", "freebsd", "rack", "bbr"][usize::from(run[0][24])];
            // The header as it came, but nothing behind the NUL of its strings.
            let mut expected = vec![Read::Bblog { header: entry.header.clone(), stack: stack.into() }];
            for record in run {
                // tcplog_dumper compares serial numbers within a file, bblogd with the
                // connection's file before as well.
                let serial = serials.entry(entry.header[16..56].to_vec()).or_insert(word(record, 20));
                let missing = word(record, 20).wrapping_sub(*serial);
                if missing > 0 && missing < u32::MAX / 2 {
                    expected.push(Read::Skipped(missing));
                }
                *serial = word(record, 20) + 1;
                expected.push(entry.block(record));
                compared += 1;
            }
            let found = reading::blocks(&place.out().join(&name));
            assert_eq!(found.len(), expected.len(), "{name}");
            for (at, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert_eq!(found, expected, "{name}, block {at}");
            }

            let line = lines.next().expect("a line of the index");
            let first = long(&run[0], 0) * 1_000_000 + long(&run[0], 8);
            let last = &run[run.len() - 1];
            let duration = (long(last, 0) * 1_000_000 + long(last, 8) - first) as f64 / 1e6;
            let is = serde_json::json!({
                "date": line["date"], "pbcid": text(&entry.header[72..136]),
                "reason": text(&entry.header[136..168]), "faddr": entry.address(20), "fport": entry.port(16),
                "laddr": entry.address(36), "lport": entry.port(18), "filename": name,
                "record_count": run.len(), "stack": stack, "duration": duration,
                "connection_ended": run.iter().any(|record| record[25] == 54),
                "tag": text(&entry.header[168..200]), "compressor": "", "frag_seq": number,
                "source": "bblog", "missing": line["missing"], "bytes": line["bytes"],
            });
            assert_eq!(line, is);
            assert_eq!(line["bytes"], place.out().join(&name).metadata().unwrap().len());
            expected_files.push(name);
            *number += 1;
        }
    }
    assert_eq!(lines.next(), None);
    expected_files.push("records".into());
    expected_files.sort();
    assert_eq!(Place::names(&place.out()), expected_files);
    compared
}

fn genuine() -> Vec<PathBuf> {
    let mut streams = fixtures::streams("bblog", "tcplog");
    let ours =
        ["bbr_keepalive", "default_refused", "default_v4mapped", "default_verbose_20", "rack_verbose_40"];
    streams.extend(ours.map(|name| fixtures::fixture(&format!("{name}.tcplog"))));
    streams
}

#[test]
fn genuine_streams_make_tcplog_dumpers_files() {
    let mut compared = 0;
    for stream in genuine() {
        let place = Place::new();
        let said = run(&place, place.bblogd(&["-f", stream.to_str().unwrap(), "--stack", STACKS]));
        assert_eq!(said, "", "{}", stream.display());
        compared += compare(&stream, &place);
    }
    assert!(compared > 300, "{compared}");
}

#[test]
fn the_order_and_spelling_of_index_keys_are_tcplog_dumpers() {
    let place = Place::new();
    let stream = fixtures::fixture("default_refused.tcplog");
    run(&place, place.bblogd(&["-f", stream.to_str().unwrap(), "--stack", STACKS]));
    let line = std::fs::read_to_string(place.out().join("records")).unwrap();
    let line = line.strip_suffix('\n').unwrap();
    // As its format string has them; existing scripts take lines apart with sed.
    let keys = [
        "{\"date\":\"20",
        "\", \"pbcid\":\"",
        "\", \"reason\":\"",
        "\", \"faddr\":\"",
        "\", \"fport\":",
        ", \"laddr\":\"",
        "\", \"lport\":",
        ", \"filename\":\"",
        "\", \"record_count\":",
        ", \"stack\":\"",
        "\", \"duration\":",
        ", \"connection_ended\":true, \"tag\":\"",
        "\", \"compressor\":\"\", \"frag_seq\":0, ",
    ];
    let mut rest = line;
    for key in keys {
        let at = rest.find(key).unwrap_or_else(|| panic!("{key} in {line}"));
        rest = &rest[at + key.len()..];
    }
    // 2026-11-21 20:48:01 +0000
    let date = &line["{\"date\":\"".len()..][..25];
    assert!(date[10..].starts_with(' ') && date.ends_with(" +0000") && date.as_bytes()[13] == b':', "{date}");
}

#[test]
fn a_stack_change_begins_a_file_and_a_gap_is_counted() {
    let place = Place::new();
    let mut all = records(0..5);
    all.push(of_stack(5, 3));
    all.push(of_stack(9, 3));
    all.push(connection_end(10));
    let two = connection("id");
    let stream = place.file("stream", &[two.entry(&all), two.entry(&records(12..14))].concat());
    let said = run(&place, place.bblogd(&["-f", stream.to_str().unwrap(), "--stack", STACKS]));
    assert_eq!(said, "");
    assert_eq!(compare(&stream, &place), 10);
    let lines = place.records();
    let of = |key: &str| lines.iter().map(|line| line[key].clone()).collect::<Vec<_>>();
    assert_eq!(of("stack"), ["rack", "bbr", "rack", "rack"]);
    assert_eq!(of("missing"), [0, 3, 0, 1]);
    assert_eq!(of("connection_ended"), [false, false, true, false]);
}

#[test]
fn stock_tshark_reads_every_file() {
    let tshark = Tshark::stock();
    for stream in genuine().into_iter().filter(|path| path.metadata().unwrap().len() < 200_000) {
        let place = Place::new();
        run(&place, place.bblogd(&["-f", stream.to_str().unwrap(), "--stack", STACKS]));
        let all: Vec<_> =
            entries(&std::fs::read(&stream).unwrap()).into_iter().flat_map(|e| e.records).collect();
        let mut frames = 0;
        for file in place.files() {
            let file = std::fs::read(file).unwrap();
            // Frames only: a block that is only a count is none.
            let text = tshark.text(
                &[
                    "-T",
                    "fields",
                    "-e",
                    "frame.number",
                    "-e",
                    "tcp.checksum.status",
                    "-o",
                    "tcp.check_checksum:TRUE",
                ],
                &file,
            );
            frames += text.lines().count();
        }
        assert_eq!(frames, all.len(), "{}", stream.display());
    }
}

#[test]
fn compressed_files_are_the_same_inside() {
    let stream = fixtures::fixture("bbr_keepalive.tcplog");
    let plain = Place::new();
    run(&plain, plain.bblogd(&["-f", stream.to_str().unwrap()]));
    let plain_blocks = reading::blocks(&plain.files()[0]);
    for (option, suffix, name) in [("-J", "xz", "xz"), ("--zstd", "zst", "zstd")] {
        let place = Place::new();
        run(&place, place.bblogd(&["-f", stream.to_str().unwrap(), option]));
        let files = place.files();
        assert!(files.len() == 1 && files[0].to_str().unwrap().ends_with(&format!(".0.pcapng.{suffix}")));
        let packed = std::fs::read(&files[0]).unwrap();
        let bytes = match suffix {
            "xz" => {
                // xz preset 0 has CRC64 as tcplog_dumper's.
                assert_eq!(packed[..8], [0xfd, b'7', b'z', b'X', b'Z', 0, 0, 4]);
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut liblzma::read::XzDecoder::new(&packed[..]), &mut bytes)
                    .unwrap();
                bytes
            }
            _ => zstd::decode_all(&packed[..]).unwrap(),
        };
        let blocks = reading::parse(&bytes).unwrap();
        assert_eq!(blocks[1..], plain_blocks[1..]);
        assert_eq!(place.records()[0]["compressor"], name);
        // The next run goes on counting.
        run(&place, place.bblogd(&["-f", stream.to_str().unwrap(), option]));
        assert!(place.files()[1].to_str().unwrap().ends_with(&format!(".1.pcapng.{suffix}")));
    }
}
