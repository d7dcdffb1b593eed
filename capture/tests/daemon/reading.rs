// SPDX-License-Identifier: BSD-2-Clause
//! Reading back what bblogd wrote, with pcap-file.

use std::fs;
use std::path::Path;

use pcap_file::pcapng::blocks::custom::CustomBinaryOption;
use pcap_file::pcapng::blocks::enhanced_packet::EnhancedPacketOption;
use pcap_file::pcapng::blocks::interface_statistics::InterfaceStatisticsOption;
use pcap_file::pcapng::blocks::opt_common::CommonOption;
use pcap_file::pcapng::blocks::section_header::SectionHeaderOption;
use pcap_file::pcapng::{Block, PcapNgReader};

/// Netflix's number, and that under which eventlog's events are kept.
const NETFLIX: u32 = 10_949;

/// A block, as far as tests look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read {
    /// A section of BBLog: DUMPINFO and STACKNAME without its number.
    Bblog { header: Vec<u8>, stack: String },
    /// A section of eventlog.
    Eventlog,
    /// A BBLog record as custom block: its first 268 bytes.
    Record(Vec<u8>),
    /// A BBLog record with a packet.
    Segment { time: u64, packet: Vec<u8>, original_len: u32, record: Vec<u8>, flags: u32 },
    /// So many are missing.
    Skipped(u32),
    /// An event of eventlog, without the tags or headers in front of it.
    Event { time: u64, event: Vec<u8>, is_packet: bool },
    /// isb_osdrop.
    Dropped(Option<u64>),
}

/// The blocks of a file.
pub fn blocks(path: &Path) -> Vec<Read> {
    parse(&fs::read(path).unwrap()).unwrap_or_else(|why| panic!("{}: {why}", path.display()))
}

/// The blocks of a file's content, or what is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Vec<Read>, String> {
    let mut reader = PcapNgReader::new(bytes).map_err(|error| error.to_string())?;
    let mut read = vec![section(&reader.section().options)];
    while let Some(block) = reader.next_block() {
        match block.map_err(|error| error.to_string())?.0 {
            Block::SectionHeader(header) => read.push(section(&header.options)),
            Block::InterfaceDescription(_) => {}
            Block::CustomCopiable(block) if block.pen == NETFLIX => match block.payload.split_at(4) {
                ([1, 0, 0, 0], rest) => read.push(Read::Record(rest[12..12 + 268].to_vec())),
                ([2, 0, 0, 0], rest) => {
                    read.push(Read::Skipped(u32::from_le_bytes(rest[..4].try_into().unwrap())))
                }
                other => return Err(format!("custom block {other:?}")),
            },
            Block::EnhancedPacket(packet) => {
                let time = u64::try_from(packet.timestamp.as_micros()).unwrap();
                let mut flags = 0;
                let mut custom = Vec::new();
                for option in &packet.options {
                    match option {
                        EnhancedPacketOption::Flags(value) => flags = *value,
                        EnhancedPacketOption::Common(CommonOption::CustomBinaryCopiable(option)) => {
                            custom.push((option.pen, option.value.to_vec()));
                        }
                        other => return Err(format!("{other:?}")),
                    }
                }
                let data = packet.data.to_vec();
                read.push(match custom.into_iter().next() {
                    Some((NETFLIX, value)) => Read::Segment {
                        time,
                        packet: data,
                        original_len: packet.original_len,
                        record: value[4..].to_vec(),
                        flags,
                    },
                    Some((_, value)) => Read::Event { time, event: value[4..].to_vec(), is_packet: true },
                    None => Read::Event { time, event: untagged(&data).to_vec(), is_packet: false },
                });
            }
            Block::InterfaceStatistics(statistics) => {
                read.push(Read::Dropped(statistics.options.iter().find_map(|option| match option {
                    InterfaceStatisticsOption::IsbOsDrop(drops) => Some(*drops),
                    _ => None,
                })));
            }
            other => return Err(format!("{other:?}")),
        }
    }
    Ok(read)
}

/// The whole blocks of a file whose end a kill may have torn, or that it left empty.
pub fn until_torn(bytes: &[u8]) -> Vec<Read> {
    let word = |at: usize| {
        bytes.get(at..at + 4).map_or(0, |four| u32::from_le_bytes(four.try_into().unwrap()) as usize)
    };
    let mut at = 0;
    while word(at + 4) >= 12 && at + word(at + 4) <= bytes.len() {
        at += word(at + 4);
    }
    if at == 0 { Vec::new() } else { parse(&bytes[..at]).unwrap() }
}

fn section(options: &[SectionHeaderOption<'_>]) -> Read {
    let mut read = (Vec::new(), String::new());
    for option in options {
        let SectionHeaderOption::Common(CommonOption::CustomBinaryCopiable(CustomBinaryOption {
            pen,
            value,
        })) = option
        else {
            continue;
        };
        match (*pen, value[0]) {
            (NETFLIX, 4) => read.0 = value[4..].to_vec(),
            (NETFLIX, 6) => read.1 = String::from_utf8_lossy(&value[5..]).into_owned(),
            (NETFLIX, _) => {}
            _ => return Read::Eventlog,
        }
    }
    Read::Bblog { header: read.0, stack: read.1 }
}

/// What stands behind the tags of an upper PDU.
fn untagged(data: &[u8]) -> &[u8] {
    let mut rest = data;
    while let [t0, t1, l0, l1, after @ ..] = rest {
        rest = &after[usize::from(u16::from_be_bytes([*l0, *l1]))..];
        if [*t0, *t1] == [0, 0] {
            break;
        }
    }
    rest
}

/// The serial numbers of a file's BBLog records.
pub fn serials(blocks: &[Read]) -> Vec<u32> {
    let records = blocks.iter().filter_map(|block| match block {
        Read::Record(record) | Read::Segment { record, .. } => Some(record),
        _ => None,
    });
    records.map(|record| u32::from_le_bytes(record[20..24].try_into().unwrap())).collect()
}

/// The events of a file, and when they were.
pub fn events(blocks: &[Read]) -> Vec<(u64, Vec<u8>)> {
    let events = blocks.iter().filter_map(|block| match block {
        Read::Event { time, event, .. } => Some((*time, event.clone())),
        _ => None,
    });
    events.collect()
}

/// The events of ELOG bytes, one by one.
pub fn split(mut bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    while bytes.len() >= 32 {
        let (event, rest) = bytes.split_at(usize::from(u16::from_le_bytes([bytes[0], bytes[1]])));
        events.push(event.to_vec());
        bytes = rest;
    }
    assert!(bytes.is_empty());
    events
}
