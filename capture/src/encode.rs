// SPDX-License-Identifier: BSD-2-Clause
//! pcapng blocks, appended to a buffer.
//!
//! Section headers, interfaces and statistics are those of the converter's writer. The two blocks
//! that come by the million, packets and BBLog events, are laid out here without any detour: the
//! tests compare them byte for byte with the converter's.

use bblog_converter::WriteError;
use bblog_converter::packet::Headers;
use bblog_converter::pcapng::netflix::{self, tcpinfo_parts, verbose_parts};
use bblog_converter::pcapng::{Direction, Section, Sink};
use bblog_dissector::Micros;
use bblog_dissector::bblog::{TCPINFO_LEN, VERBOSE_LEN};
use pcap_types::{CUSTOM_BLOCK, ENHANCED_PACKET, EPB_FLAGS, OPT_CUSTOM};

/// Numbers of pcapng.
pub mod pcap_types {
    /// Custom block that may be copied.
    pub const CUSTOM_BLOCK: u32 = 0xbad;
    /// Enhanced packet block.
    pub const ENHANCED_PACKET: u32 = 6;
    /// opt_custom with binary data that may be copied.
    pub const OPT_CUSTOM: u16 = 2989;
    /// epb_flags.
    pub const EPB_FLAGS: u16 = 2;
}

/// An option of a packet: code, and value in parts.
pub type PacketOption<'a> = (u16, &'a [&'a [u8]]);

/// A packet block.
pub struct Packet<'a> {
    /// The interface's number within the section.
    pub interface: u32,
    /// Since 1970.
    pub time: Micros,
    /// Bytes the packet had.
    pub original_len: u32,
    /// The captured bytes, in parts.
    pub data: &'a [&'a [u8]],
    /// Options in order.
    pub options: &'a [PacketOption<'a>],
}

/// Appends a section header and its interfaces.
///
/// # Errors
/// [`WriteError`] if pcapng cannot express it.
pub fn section(out: &mut Vec<u8>, section: Section<'_>) -> Result<(), WriteError> {
    let mut sink = Sink::new(std::mem::take(out));
    sink.section((0, 0), || section)?;
    *out = sink.into_inner()?;
    Ok(())
}

/// Appends a BBLog record without TCP header.
#[inline]
pub fn event(out: &mut Vec<u8>, tcpinfo: &[u8], verbose: Option<&[u8; VERBOSE_LEN]>) {
    /// Block header, number of the enterprise, kind EVENT; code, length and start of the option.
    const INTRO: usize = 16 + 12;
    const LEN: usize = INTRO + TCPINFO_LEN + 4 + 4;
    const PLAIN: [u8; INTRO] = {
        let mut intro = [0; INTRO];
        let words: [u32; 7] = [
            CUSTOM_BLOCK,
            LEN as u32,
            netflix::PEN,
            1,
            OPT_CUSTOM as u32 | ((TCPINFO_LEN as u32 + 8) << 16),
            netflix::PEN,
            2,
        ];
        let mut at = 0;
        while at < words.len() * 4 {
            intro[at] = words[at / 4].to_le_bytes()[at % 4];
            at += 1;
        }
        intro
    };
    let begin = out.len();
    out.extend_from_slice(&PLAIN);
    out.extend_from_slice(tcpinfo);
    if let Some(verbose) = verbose {
        option(out, (OPT_CUSTOM, &verbose_parts(verbose)));
    }
    end_of_options(out);
    end_block(out, begin);
}

/// Appends the count of missing BBLog records, and an end of options.
pub fn skipped(out: &mut Vec<u8>, records: u32) {
    let begin = begin_block(out, CUSTOM_BLOCK);
    for word in [netflix::PEN, 2, records, 0] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    end_block(out, begin);
}

/// Appends a BBLog record with a TCP header, as a packet.
#[inline]
pub fn segment(
    out: &mut Vec<u8>,
    time: Micros,
    headers: &Headers,
    direction: Direction,
    tcpinfo: &[u8],
    verbose: Option<&[u8; VERBOSE_LEN]>,
) {
    let data = [headers.as_bytes()];
    let (tcpinfo, flags) = (tcpinfo_parts(tcpinfo), (direction as u32).to_le_bytes());
    let flags = [&flags[..]];
    let (first, last) = ((OPT_CUSTOM, &tcpinfo[..]), (EPB_FLAGS, &flags[..]));
    let mut write = |options: &[PacketOption<'_>]| {
        packet(
            out,
            &Packet { interface: 0, time, original_len: headers.original_len(), data: &data, options },
        );
    };
    match verbose {
        None => write(&[first, last]),
        Some(verbose) => write(&[first, (OPT_CUSTOM, &verbose_parts(verbose)), last]),
    }
}

/// Appends an event of eventlog's that is a segment.
pub fn eventlog_segment(
    out: &mut Vec<u8>,
    (interface, time): (u32, Micros),
    headers: &Headers,
    direction: Direction,
    event_parts: &[&[u8]],
) {
    let flags = (direction as u32).to_le_bytes();
    packet(
        out,
        &Packet {
            interface,
            time,
            original_len: headers.original_len(),
            data: &[headers.as_bytes()],
            options: &[(EPB_FLAGS, &[&flags]), (OPT_CUSTOM, event_parts)],
        },
    );
}

/// Appends a packet.
#[inline]
pub fn packet(out: &mut Vec<u8>, packet: &Packet<'_>) {
    let begin = begin_block(out, ENHANCED_PACKET);
    let time = packet.time.0.max(0) as u64;
    let captured: usize = packet.data.iter().map(|part| part.len()).sum();
    for word in [packet.interface, (time >> 32) as u32, time as u32, captured as u32, packet.original_len] {
        out.extend_from_slice(&word.to_le_bytes());
    }
    packet.data.iter().for_each(|part| out.extend_from_slice(part));
    pad(out, captured);
    packet.options.iter().for_each(|&one| option(out, one));
    if !packet.options.is_empty() {
        end_of_options(out);
    }
    end_block(out, begin);
}

#[inline]
fn option(out: &mut Vec<u8>, (code, parts): PacketOption<'_>) {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    out.extend_from_slice(&code.to_le_bytes());
    out.extend_from_slice(&(len as u16).to_le_bytes());
    parts.iter().for_each(|part| out.extend_from_slice(part));
    pad(out, len);
}

#[inline]
fn pad(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&[0; 3][..len.wrapping_neg() % 4]);
}

#[inline]
fn end_of_options(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0; 4]);
}

#[inline]
fn begin_block(out: &mut Vec<u8>, kind: u32) -> usize {
    let begin = out.len();
    out.extend_from_slice(&kind.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    begin
}

/// Both lengths of the block that begins at `begin`.
#[inline]
fn end_block(out: &mut Vec<u8>, begin: usize) {
    let len = ((out.len() - begin + 4) as u32).to_le_bytes();
    out.extend_from_slice(&len);
    if let Some(place) = out.get_mut(begin + 4..begin + 8) {
        place.copy_from_slice(&len);
    }
}

#[cfg(test)]
mod tests {
    use bblog_converter::packet::Link;
    use bblog_converter::pcapng::netflix::{EntryInfo, NetflixBlock};
    use bblog_converter::pcapng::{EnhancedPacket, RawOption};

    use super::*;

    fn info() -> Section<'static> {
        EntryInfo { dump_time: 7, header: &[0; 208], stack_id: 1, stack_name: b"rack" }.section()
    }

    /// What the converter's writer makes after the section header.
    fn converters(write: impl FnOnce(&mut Sink<Vec<u8>>)) -> Vec<u8> {
        let mut header = Vec::new();
        section(&mut header, info()).unwrap();
        let mut sink = Sink::new(Vec::new());
        sink.section((0, 0), info).unwrap();
        write(&mut sink);
        sink.into_inner().unwrap().split_off(header.len())
    }

    #[test]
    fn as_the_converter_writes_them() {
        let record: Vec<u8> = (0..268).map(|at| at as u8).collect();
        let verbose = [7u8; VERBOSE_LEN];
        for verbose in [None, Some(&verbose)] {
            let mut ours = Vec::new();
            event(&mut ours, &record, verbose);
            skipped(&mut ours, 5);
            let theirs = converters(|sink| {
                sink.netflix(&NetflixBlock::Event { tcpinfo: &record, verbose }).unwrap();
                sink.netflix(&NetflixBlock::Skipped(5)).unwrap();
            });
            assert_eq!(ours, theirs);

            let mut tcp = [0x55u8; 33];
            tcp[12] = 0x80;
            let (a, b) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
            let headers = Headers::new(Link::Null, a, b, &tcp, 100, true);
            let time = Micros(1_795_299_681_000_123);
            let mut ours = Vec::new();
            segment(&mut ours, time, &headers, Direction::Outbound, &record, verbose);
            let tcpinfo = tcpinfo_parts(&record);
            let parts = verbose.map(verbose_parts);
            let mut options = vec![RawOption { code: 2989, parts: &tcpinfo }];
            options.extend(parts.as_ref().map(|parts| RawOption { code: 2989, parts }));
            options.push(RawOption { code: 2, parts: &[&[2, 0, 0, 0]] });
            let theirs = converters(|sink| {
                let packet = EnhancedPacket {
                    interface: 0,
                    time,
                    original_len: headers.original_len(),
                    data: &[headers.as_bytes()],
                    options: &options,
                };
                sink.packet(&packet).unwrap();
            });
            assert_eq!(ours, theirs);
        }
    }
}
