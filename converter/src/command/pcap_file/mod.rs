// SPDX-License-Identifier: BSD-2-Clause
//! `convert --format pcap`: the packets alone, for tcpdump, tcptrace and other programs that read libpcap's
//! files.
//!
//! Frames are made as for pcapng, and of their blocks the packets are taken: those of BBLog records with
//! a TCP header, of IN and OUT events, and IP packets of pcapng files. Those whose sends failed are left out: they
//! were on no wire. The link type is raw IP (101), times are microseconds.

mod held;
mod send;

use bblog_dissector::Micros;
use bblog_pcapng::WriteError;
use bblog_pcapng::block::{ENHANCED_PACKET, INTERFACE, SECTION_HEADER};
use bblog_pcapng::read::{Block, Endianness, blocks};
use bblog_pcapng::section::Section;

use self::held::HeldPackets;
use self::send::{SendResult, SendResults};
use super::convert::open;
use crate::buffered_sink::BufferedSink;
use crate::event::merge::Turn;
use crate::frame::sink::PcapngSink;
use crate::frame::stream::{FrameStream, FrameTurn, MergedFrames};
use crate::input::Inputs;
use crate::input::error::{InputError, InputErrorKind, OnError, Recovery};
use crate::output::error::OutputError;
use crate::output::{Destination, Output};
use crate::select::walk::Picker;

/// What to write as pcap, and where to.
pub struct PcapFile {
    /// What is read.
    pub inputs: Inputs,
    /// Where the file goes.
    pub output: Destination,
}

/// Magic number (microseconds), version 2.4, two unused words, the largest packet, LINKTYPE_RAW.
const FILE_HEADER: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 101];

impl PcapFile {
    /// Writes the file, and returns how many packets it has. Errors of inputs, and how many packets had
    /// to be left out of them, go to `on_error`.
    ///
    /// # Errors
    /// [`OutputError`]; then there is no output.
    pub fn run(&self, picker: Option<&mut Picker>, on_error: &mut OnError<'_>) -> Result<u64, OutputError> {
        Output::check(&self.output)?;
        let mut frames = open(&self.inputs, on_error);
        if frames.is_empty() {
            return Ok(0);
        }
        let mut output = Output::create(&self.output)?;
        let mut packets = Packets::new(self.inputs.names.len());
        let mut sink = PcapngSink::new(Vec::new());
        let header = FILE_HEADER.map(u32::to_le_bytes);
        let begun = output.buffer().map(|out| out.extend_from_slice(header.as_flattened()));
        let written = begun.map_err(WriteError::Io).and_then(|()| -> Result<(), WriteError> {
            frames.each(picker, on_error, |stream, turn| {
                match turn {
                    FrameTurn::Frame => {
                        stream.write(&mut sink)?;
                        packets.append(stream, sink.get_mut(), output.buffer()?);
                    }
                    FrameTurn::PassedOver => packets.pass_over(stream, output.buffer()?),
                    FrameTurn::Pause => packets.held.release_all(output.buffer()?),
                    FrameTurn::End => {}
                }
                let done = if turn == FrameTurn::Pause { output.show() } else { output.appended() };
                done.map_err(WriteError::Io)
            })?;
            packets.finish(&mut frames, output.buffer()?, on_error);
            Ok(output.appended()?)
        });
        written.map_err(|error| Output::error(&self.output.path, error))?;
        for (name, left_out) in self.inputs.names.iter().zip(&packets.left_out) {
            let kinds = [
                (left_out.not_ip, InputErrorKind::NotIp { packets: left_out.not_ip }),
                (left_out.not_sent, InputErrorKind::NotSent { packets: left_out.not_sent }),
            ];
            for (_, kind) in kinds.into_iter().filter(|kind| kind.0 > 0) {
                on_error(name, &InputError { offset: None, kind, recovery: Recovery::Nothing });
            }
        }
        output.commit().map(|()| packets.held.written())
    }
}

/// The packets of the blocks that are written.
struct Packets {
    section: Section,
    held: HeldPackets,
    sends: SendResults,
    /// By the index of their input.
    left_out: Vec<NotWritten>,
}

/// Packets that are not written.
#[derive(Clone, Copy, Default)]
struct NotWritten {
    not_ip: u64,
    not_sent: u64,
}

impl Packets {
    fn new(inputs: usize) -> Packets {
        let (section, held, sends) = Default::default();
        Packets { section, held, sends, left_out: vec![NotWritten::default(); inputs] }
    }

    /// Takes note of what the current frame of `stream`, which is not written, says of the packet before it.
    fn pass_over(&mut self, stream: &FrameStream, out: &mut Vec<u8>) {
        let input = stream.input();
        let is_dropped = self.held.decide(input, self.sends.of(stream.item()), out);
        if let Some(left_out) = self.left_out.get_mut(input) {
            left_out.not_sent += u64::from(is_dropped);
        }
    }

    /// Writes the packets that wait, after those frames that say whether they were sent: `frames` has more of them where
    /// the last one that could be picked is passed.
    fn finish(&mut self, frames: &mut MergedFrames, out: &mut Vec<u8>, on_error: &mut OnError<'_>) {
        while self.held.waits() && !frames.is_dry() {
            match frames.step(on_error) {
                Some(Turn::Item(at)) => {
                    if let Some((_, stream)) = frames.stream(at) {
                        self.pass_over(stream, out);
                    }
                }
                Some(Turn::End(_)) => {}
                None => break,
            }
        }
        self.held.release_all(out);
    }

    /// Appends the packet of the current frame of `stream`, which is `written`, to `out`, as soon as the next frame
    /// can say no more that it was not sent. `written` is emptied.
    fn append(&mut self, stream: &FrameStream, written: &mut Vec<u8>, out: &mut Vec<u8>) {
        let (input, send) = (stream.input(), self.sends.of(stream.item()));
        let not_sent = u64::from(self.held.decide(input, send, out)) + u64::from(send == SendResult::Failed);
        if let Some(left_out) = self.left_out.get_mut(input) {
            left_out.not_sent += not_sent;
        }
        let mut rest = written.as_slice();
        while !rest.is_empty() {
            let order = Endianness::of_section(rest).unwrap_or(self.section.order);
            let mut here = blocks(rest, order);
            let Some(block) = here.next() else { break };
            rest = &rest[block.bytes.len()..];
            match block.kind {
                SECTION_HEADER => self.section = Section::new(&block, 0),
                INTERFACE => self.section.add_interface(&block),
                ENHANCED_PACKET if send != SendResult::Failed => self.packet(input, send, &block, out),
                _ => {}
            }
        }
        written.clear();
    }

    fn packet(&mut self, input: usize, send: SendResult, block: &Block<'_>, out: &mut Vec<u8>) {
        const DATA: usize = 20;
        const UPPER_PDU: u16 = 252;
        let (body, order) = (block.body(), block.order);
        let word = |at| order.u32(body, at).unwrap_or_default();
        let Some(interface) = self.section.interfaces.get(word(0) as usize) else { return };
        let Some(data) = body.get(DATA..).and_then(|data| data.get(..word(12) as usize)) else { return };
        let Some(ip) = ip_packet(interface.link, data) else {
            // An upper PDU is an event, which has no packet.
            if interface.link != UPPER_PDU
                && let Some(left_out) = self.left_out.get_mut(input)
            {
                left_out.not_ip += 1;
            }
            return;
        };
        let before = (data.len() - ip.len()) as u32;
        let Micros(time) = interface.time(word(4), word(8));
        let (seconds, micros) = (time.div_euclid(1_000_000), time.rem_euclid(1_000_000));
        let head = [seconds as u32, micros as u32, ip.len() as u32, word(16).saturating_sub(before)];
        self.held.push(input, send, [head.map(u32::to_le_bytes).as_flattened(), ip], out);
    }
}

/// The IP packet in a packet with this link type; `None` if it is not known to be one.
fn ip_packet(link: u16, data: &[u8]) -> Option<&[u8]> {
    const NULL: u16 = 0;
    const ETHERNET: u16 = 1;
    const RAW: u16 = 101;
    const LOOP: u16 = 108;
    let ip = match link {
        NULL | LOOP => data.get(4..)?,
        RAW => data,
        ETHERNET if matches!(data.get(12..14), Some([0x08, 0x00] | [0x86, 0xdd])) => &data[14..],
        _ => return None,
    };
    matches!(ip.first()? >> 4, 4 | 6).then_some(ip)
}
