// SPDX-License-Identifier: BSD-2-Clause
//! TCP segments of captures, and whether a log and a capture of the same run agree on them.

use std::collections::HashMap;
use std::fs::File;
use std::net::IpAddr;
use std::path::Path;

use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, TcpHeaderSlice};
use pcap_file::pcap::PcapReader;
use pcap_file::pcapng::{Block, PcapNgReader};

use crate::programs;

/// What a log and a wire can both say of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Sender.
    pub source: (IpAddr, u16),
    /// Receiver.
    pub destination: (IpAddr, u16),
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// TCP flags, FIN in the lowest bit, nine of them.
    pub flags: u16,
    /// Window, as the header has it.
    pub window: u16,
    /// Options.
    pub options: Vec<u8>,
    /// Payload bytes.
    pub len: u32,
}

const FIN: u16 = 0x01;
const PSH: u16 = 0x08;
/// Bytes of the address family in front of a DLT_NULL packet.
const NULL_LEN: usize = 4;
const ETHERNET_LEN: usize = 14;

/// The segments of a pcap file of Ethernet frames, in order.
///
/// # Panics
/// If the file cannot be read.
pub fn of_pcap(path: &Path) -> Vec<Segment> {
    let mut reader = PcapReader::new(File::open(path).expect("a pcap file")).expect("a pcap header");
    let mut segments = Vec::new();
    while let Some(packet) = reader.next_packet() {
        let packet = packet.expect("a packet");
        if packet.data().len() > ETHERNET_LEN {
            segments.extend(segment(&packet.data()[ETHERNET_LEN..], None));
        }
    }
    segments
}

/// The segments of a pcapng file that `bblog convert` wrote from a BBLog stream, in order.
///
/// # Panics
/// If the bytes are no pcapng file.
pub fn of_pcapng(bytes: &[u8]) -> Vec<Segment> {
    let mut reader = PcapNgReader::new(bytes).expect("a section header");
    let mut segments = Vec::new();
    while let Some(block) = reader.next_block() {
        if let (Block::EnhancedPacket(packet), _) = block.expect("a block") {
            let original = packet.original_len.checked_sub(NULL_LEN as u32);
            segments.push(segment(&packet.data[NULL_LEN..], original).expect("a TCP packet"));
        }
    }
    segments
}

/// A segment of an IP packet that is `original` bytes long, or as long as its header says.
fn segment(ip: &[u8], original: Option<u32>) -> Option<Segment> {
    let (source, destination, header_len, total_len) = match ip.first()? >> 4 {
        4 => {
            let header = Ipv4HeaderSlice::from_slice(ip).ok()?;
            let (source, destination) = (header.source_addr(), header.destination_addr());
            (IpAddr::V4(source), IpAddr::V4(destination), header.slice().len(), header.total_len().into())
        }
        _ => {
            let header = Ipv6HeaderSlice::from_slice(ip).ok()?;
            let (source, destination) = (header.source_addr(), header.destination_addr());
            let header_len = header.slice().len();
            let total_len = header_len as u32 + u32::from(header.payload_length());
            (IpAddr::V6(source), IpAddr::V6(destination), header_len, total_len)
        }
    };
    let tcp = TcpHeaderSlice::from_slice(&ip[header_len..]).ok()?;
    let headers = (header_len + tcp.slice().len()) as u32;
    Some(Segment {
        source: (source, tcp.source_port()),
        destination: (destination, tcp.destination_port()),
        seq: tcp.sequence_number(),
        ack: tcp.acknowledgment_number(),
        flags: u16::from_be_bytes([tcp.slice()[12], tcp.slice()[13]]) & 0x1ff,
        window: tcp.window_size(),
        options: tcp.options().to_vec(),
        len: original.unwrap_or(total_len).checked_sub(headers)?,
    })
}

/// Compares `bblog convert` of `log` with the capture of the same run: every packet of the log is
/// on the wire with the same ports, sequence numbers, flags, window, options and length. What
/// the log has as one and the driver sent in pieces (TSO) agrees if the pieces do.
///
/// Returns how many packets agreed.
///
/// # Panics
/// With the first packet that does not agree.
pub fn assert_agree(log: &Path, capture: &Path) -> usize {
    let logged = of_pcapng(&programs::convert(log));
    let wire = of_pcap(capture);
    let mut by_start: HashMap<_, Vec<usize>> = HashMap::new();
    for (index, segment) in wire.iter().enumerate() {
        by_start.entry((segment.source, segment.destination, segment.seq)).or_default().push(index);
    }
    let mut used = vec![false; wire.len()];
    for (number, segment) in logged.iter().enumerate() {
        let starts = by_start.get(&(segment.source, segment.destination, segment.seq));
        let found = starts.into_iter().flatten().find_map(|&start| pieces(segment, &wire, start, &used));
        let Some(pieces) = found else {
            let near: Vec<_> = starts.into_iter().flatten().map(|&index| &wire[index]).collect();
            panic!("{}: packet {number} is not on the wire:\n{segment:?}\nnear: {near:#?}", log.display());
        };
        for index in pieces {
            used[index] = true;
        }
    }
    logged.len()
}

/// The unused wire segments, from `start` on, that make up `whole`.
fn pieces(whole: &Segment, wire: &[Segment], start: usize, used: &[bool]) -> Option<Vec<usize>> {
    let mut found = Vec::new();
    let mut len = 0;
    for (index, piece) in wire.iter().enumerate().skip(start) {
        if piece.source != whole.source || used[index] || piece.seq != whole.seq.wrapping_add(len) {
            continue;
        }
        let last = len + piece.len == whole.len;
        let flags = if last { whole.flags } else { whole.flags & !(FIN | PSH) };
        let same = Segment { seq: piece.seq, len: piece.len, flags, ..whole.clone() };
        if *piece != same || len + piece.len > whole.len {
            return None;
        }
        found.push(index);
        len += piece.len;
        if last {
            return Some(found);
        }
    }
    None
}
