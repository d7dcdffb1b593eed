// SPDX-License-Identifier: BSD-2-Clause
//! The output, block for block, read back with pcap-file.

mod support;

use pcap_file::DataLink;
use pcap_file::pcapng::blocks::custom::CustomBinaryOption;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionOption;
use pcap_file::pcapng::blocks::interface_statistics::InterfaceStatisticsOption;
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::blocks::section_header::SectionHeaderOption;
use pcap_file::pcapng::{Block, PcapNgReader};

use support::{bytes, convert_bytes};

fn blocks(file: &[u8]) -> Vec<Block<'static>> {
    let mut reader = PcapNgReader::new(file).unwrap();
    let mut blocks = vec![Block::SectionHeader(reader.section().clone())];
    while let Some(block) = reader.next_block() {
        let (block, _) = block.unwrap();
        blocks.push(block.into_owned());
    }
    blocks
}

/// Types and lengths of a file's blocks, as they stand there.
fn lengths(file: &[u8]) -> Vec<(u32, usize)> {
    let mut at = 0;
    let mut lengths = Vec::new();
    while at < file.len() {
        let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
        let len = word(at + 4) as usize;
        assert_eq!(word(at + len - 4) as usize, len);
        lengths.push((word(at), len));
        at += len;
    }
    lengths
}

fn custom(option: &SectionHeaderOption<'_>) -> (u32, Vec<u8>) {
    match option {
        SectionHeaderOption::Common(CommonOption::CustomBinaryCopiable(option)) => {
            (option.pen, option.value.to_vec())
        }
        other => panic!("{other:?}"),
    }
}

/// userappl with its header, padded.
const APPLICATION: usize = 4 + 12;
/// What was inferred of the machine.
const MACHINE: &[u8] = b"BBLGinferred hz 1000\ninferred kernel 13\n";
/// shb_os, and what was inferred, with their headers, padded.
const MACHINE_OPTIONS: usize = (4 + 12) + (4 + (4 + MACHINE.len()).next_multiple_of(4));

#[test]
fn bblog_section_is_tcplog_dumpers_and_ours() {
    let input = bytes("default_refused.tcplog");
    let (out, faults) = convert_bytes(&[&input]);
    assert_eq!(faults, [""; 0]);
    // tcplog_dumper's SHB has 308 bytes for the name "freebsd", its IDB 24; ours has if_tsresol.
    // IPv4 with 40 (SYN with options) and 20 bytes (RST) of TCP, then CONNEND as custom block.
    let epb = |tcp: usize| 32 + 4 + 20 + tcp + 280 + 8 + 4;
    assert_eq!(
        lengths(&out),
        [
            (0x0a0d0d0a, 308 + MACHINE_OPTIONS + APPLICATION),
            (1, 20 + 8 + 4),
            (6, epb(40)),
            (6, epb(20)),
            (0xbad, 304)
        ]
    );
    let blocks = blocks(&out);
    let Block::SectionHeader(header) = &blocks[0] else { panic!() };
    assert_eq!((header.major_version, header.minor_version, header.section_length), (1, 0, -1));
    let (pens, values): (Vec<_>, Vec<_>) = header.options[..4].iter().map(custom).unzip();
    assert_eq!(pens, [10949; 4]);
    assert_eq!(values[0], [1, 0, 0, 0, 9, 0, 0, 0]);
    assert_eq!(values[1][..4], [5, 0, 0, 0]);
    assert_eq!((&values[2][..4], &values[2][4..]), (&[4u8, 0, 0, 0][..], &input[..208]));
    assert_eq!(values[3], b"\x06\0\0\0\x01freebsd");
    let application = format!("bblog {}", env!("CARGO_PKG_VERSION"));
    assert_eq!(header.options[4], SectionHeaderOption::OS("FreeBSD 13".into()));
    assert_eq!(custom(&header.options[5]), (2238, MACHINE.to_vec()));
    assert_eq!(header.options[6..], [SectionHeaderOption::UserApplication(application.into())]);

    let Block::InterfaceDescription(interface) = &blocks[1] else { panic!() };
    assert_eq!((interface.linktype, interface.snaplen), (DataLink::NULL, 104));
    assert_eq!(interface.ts_resolution().to_u8(), 6);

    let Block::EnhancedPacket(packet) = &blocks[2] else { panic!() };
    let record = &input[208..208 + 328];
    let tcpinfo = CustomBinaryOption { pen: 10949, value: [&[2, 0, 0, 0], &record[..268]].concat().into() };
    assert_eq!(
        packet.options,
        [
            EnhancedPacketOption::Common(CommonOption::CustomBinaryCopiable(tcpinfo)),
            EnhancedPacketOption::Flags(2)
        ]
    );
    assert_eq!((packet.original_len, packet.data.len()), (64, 64));
    assert_eq!(packet.data[..4], [2, 0, 0, 0]);
    // DUMPTIME is when the last record was made.
    let boot = i64::from_le_bytes(input[56..64].try_into().unwrap());
    let boot_usec = i64::from_le_bytes(input[64..72].try_into().unwrap());
    let last = &input[208 + 2 * 328..];
    let second = i64::from_le_bytes(last[..8].try_into().unwrap());
    let usec = i64::from_le_bytes(last[8..16].try_into().unwrap());
    let time = boot + second + (boot_usec + usec) / 1_000_000;
    assert_eq!(i64::from_le_bytes(values[1][4..12].try_into().unwrap()), time);

    let Block::CustomCopiable(event) = &blocks[4] else { panic!() };
    assert_eq!(event.pen, 10949);
    assert_eq!(event.payload[..16], [1, 0, 0, 0, 0xad, 0x0b, 20, 1, 0xc5, 0x2a, 0, 0, 2, 0, 0, 0]);
    assert_eq!(event.payload[16..284], last[..268]);
    assert_eq!(event.payload[284..], [0; 4]);
}

#[test]
fn verbose_parts_follow_their_records() {
    let input = bytes("rack_verbose-cut.tcplog");
    let (out, _) = convert_bytes(&[&input]);
    let verbose: usize = blocks(&out)
        .iter()
        .map(|block| match block {
            Block::EnhancedPacket(packet) => packet.options.len() - 2,
            Block::CustomCopiable(block) if block.payload.len() == 288 => 0,
            Block::CustomCopiable(block) => {
                assert_eq!(block.payload.len(), 288 + 4 + 80);
                assert_eq!(block.payload[284..296], [0xad, 0x0b, 80, 0, 0xc5, 0x2a, 0, 0, 3, 0, 0, 0]);
                1
            }
            _ => 0,
        })
        .sum();
    assert_eq!(verbose, 2);
}

#[test]
fn gaps_are_skipped_blocks_also_between_entries() {
    let (out, faults) = convert_bytes(&[&bytes("default_continual-cut.tcplog")]);
    assert_eq!(faults, [""; 0]);
    let skipped: Vec<_> = blocks(&out)
        .iter()
        .filter_map(|block| match block {
            Block::CustomCopiable(block) if block.payload[0] == 2 => Some(block.payload.to_vec()),
            _ => None,
        })
        .collect();
    assert_eq!(skipped, [[2, 0, 0, 0, 44, 0, 0, 0, 0, 0, 0, 0]; 2]);
    assert_eq!(lengths(&out).iter().filter(|block| **block == (0xbad, 28)).count(), 2);
}

#[test]
fn serials_that_run_back_are_no_gap() {
    let mut input = bytes("default_v4mapped.tcplog");
    let serial = 208 + 10 * 328 + 20;
    input[serial..serial + 4].copy_from_slice(&3u32.to_le_bytes());
    let (out, faults) = convert_bytes(&[&input]);
    // Back to 3 where 10 was due; then 11 where 4 is due, as if 7 were missing.
    assert_eq!(faults, ["offset 3488: serial number 3, expected 10: records out of order"]);
    let skipped = blocks(&out)
        .iter()
        .filter(|block| matches!(block, Block::CustomCopiable(block) if block.payload[..8] == [2, 0, 0, 0, 7, 0, 0, 0]))
        .count();
    assert_eq!(skipped, 1);
    // An entry behind another of the same addresses: from 0 on it is another connection's; else the log began anew,
    // which is only worth knowing.
    let first = bytes("default_refused.tcplog");
    let mut second = first.clone();
    let (_, faults) = convert_bytes(&[&[&first[..], &second].concat()]);
    assert_eq!(faults, [""; 0]);
    for (record, serial) in second[208..].chunks_mut(328).zip(1_u32..) {
        record[20..24].copy_from_slice(&serial.to_le_bytes());
    }
    let (_, faults) = convert_bytes(&[&[&first[..], &second].concat()]);
    assert_eq!(faults, ["offset 1400: serial number 1, expected 3: the connection's log began anew"]);
}

#[test]
fn a_stack_change_begins_a_section() {
    let mut input = bytes("default_v4mapped.tcplog");
    for record in 20..40 {
        input[208 + record * 328 + 24] = 2;
    }
    let (out, _) = convert_bytes(&[&input]);
    let names: Vec<_> = blocks(&out)
        .iter()
        .filter_map(|block| match block {
            Block::SectionHeader(header) => Some(custom(&header.options[3]).1[4..].to_vec()),
            _ => None,
        })
        .collect();
    assert_eq!(names, [&b"\x01freebsd"[..], b"\x02rack", b"\x01freebsd"]);
}

#[test]
fn dumpinfo_strings_end_at_their_nul() {
    let mut input = bytes("default_refused.tcplog");
    input[72..136].copy_from_slice(&[b"id\0", &[b'x'; 61][..]].concat());
    let (out, _) = convert_bytes(&[&input]);
    let Block::SectionHeader(header) = &blocks(&out)[0] else { panic!() };
    let dumpinfo = custom(&header.options[2]).1;
    assert_eq!(dumpinfo[4 + 72..4 + 136], [b"id", &[0; 62][..]].concat());
}

#[test]
fn records_cut_by_lldb_are_noticed() {
    let mut input = bytes("default_refused.tcplog");
    let last = 208 + 2 * 328;
    input[last + 60..].fill(0);
    let (_, faults) = convert_bytes(&[&input]);
    assert_eq!(faults.len(), 1);
    assert!(faults[0].contains("of 1 record only the first 60 bytes are there"), "{faults:?}");
}

#[test]
fn big_segments_have_no_ip_length() {
    let mut input = bytes("default_refused.tcplog");
    input[208 + 264..208 + 268].copy_from_slice(&65_536u32.to_le_bytes());
    let (out, _) = convert_bytes(&[&input]);
    let Block::EnhancedPacket(packet) = &blocks(&out)[2] else { panic!() };
    assert_eq!(packet.data[6..8], [0, 0]);
    assert_eq!(packet.original_len, 64 + 65_536);
}

#[test]
fn scope_zones_are_not_on_the_wire() {
    let (out, _) = convert_bytes(&[&bytes("default_ipv6_linklocal-cut.tcplog")]);
    let packets = blocks(&out).into_iter().filter_map(Block::into_enhanced_packet).collect::<Vec<_>>();
    assert!(!packets.is_empty());
    for packet in packets {
        assert_eq!((packet.data[..4].to_vec(), packet.data[4] >> 4), (vec![28, 0, 0, 0], 6));
        let addresses = [&packet.data[12..28], &packet.data[28..44]];
        let link_local: Vec<_> = addresses.iter().filter(|address| address[0] == 0xfe).collect();
        assert_eq!(link_local.len(), 1);
        assert_eq!(link_local[0][..4], [0xfe, 0x80, 0, 0]);
    }
}

#[test]
fn eventlog_section() {
    let input = bytes("small-plain.elog");
    let (out, faults) = convert_bytes(&[&input]);
    assert_eq!(faults, [""; 0]);
    let blocks = blocks(&out);
    let Block::SectionHeader(header) = &blocks[0] else { panic!() };
    let (pen, value) = custom(&header.options[0]);
    let table = 4 + 34 * input[40] as usize;
    assert_eq!(pen, 2238);
    assert_eq!(value, [b"ELOG", &input[..40 + table]].concat());
    let interfaces: Vec<_> = blocks[1..3]
        .iter()
        .map(|block| {
            let Block::InterfaceDescription(interface) = block else { panic!() };
            assert_eq!(interface.ts_resolution().to_u8(), 6);
            let InterfaceDescriptionOption::IfName(name) = &interface.options[0] else { panic!() };
            (interface.linktype, name.to_string())
        })
        .collect();
    let expected = [(DataLink::RAW, "tcp"), (DataLink::WIRESHARK_UPPER_PDU, "eventlog")];
    assert_eq!(interfaces, expected.map(|(linktype, name)| (linktype, name.to_owned())));
    let Block::InterfaceStatistics(statistics) = blocks.last().unwrap() else { panic!() };
    assert_eq!(statistics.options, [InterfaceStatisticsOption::IsbOsDrop(3)]);

    // Every event of the file is there, byte for byte and in order.
    let mut rest = &input[40 + table..];
    for block in &blocks[3..blocks.len() - 1] {
        let Block::EnhancedPacket(packet) = block else { panic!() };
        let len = u16::from_le_bytes([rest[0], rest[1]]) as usize;
        let (event, after) = rest.split_at(len);
        rest = after;
        if packet.interface_id == 1 {
            assert!(packet.data.starts_with(b"\0\x0c\0\x08eventlog\0\x21\0\x08EVENTLOG"));
            assert!(packet.data.ends_with(event));
            assert_eq!(packet.original_len as usize, packet.data.len());
            continue;
        }
        let direction = if event[24] == 100 { 1 } else { 2 };
        let option = CustomBinaryOption { pen: 2238, value: [b"ELOG", event].concat().into() };
        assert_eq!(
            packet.options,
            [
                EnhancedPacketOption::Flags(direction),
                EnhancedPacketOption::Common(CommonOption::CustomBinaryCopiable(option))
            ]
        );
    }
    assert!(rest.is_empty());
}

#[test]
fn empty_is_an_empty_file() {
    let (out, faults) = convert_bytes(&[b""]);
    assert_eq!(faults, ["offset 0: empty: a capture that saw no event"]);
    assert_eq!(blocks(&out).len(), 3);
}

#[test]
fn inputs_merge_in_time_order() {
    let (a, b) = (bytes("default_refused.tcplog"), bytes("rack_reqresp.tcplog"));
    let mut later = a.clone();
    // The first connection's records now lie between those of the second.
    let (boot_a, boot_b) = (boot(&a), boot(&b));
    later[56..64].copy_from_slice(&(boot_b + 1).to_le_bytes());
    assert_ne!(boot_a, boot_b + 1);
    let (out, _) = convert_bytes(&[&b, &later, &bytes("small-plain.elog"), b""]);
    let (alone, _) = convert_bytes(&[&b]);
    let packets = |file: &[u8]| blocks(file).into_iter().filter_map(Block::into_enhanced_packet).count();
    assert_eq!(packets(&out), packets(&alone) + 2 + 296);
    let mut time = std::time::Duration::ZERO;
    for packet in blocks(&out).into_iter().filter_map(Block::into_enhanced_packet) {
        assert!(packet.timestamp >= time);
        time = packet.timestamp;
    }
}

fn boot(stream: &[u8]) -> i64 {
    i64::from_le_bytes(stream[56..64].try_into().unwrap())
}
