// SPDX-License-Identifier: BSD-2-Clause
//! The blocks of a pcapng file, and their options.
//!
//! pcap-file's reader is not used here: it keeps 8 MB for each file, rejects a file for a string that is
//! not UTF-8 or an option that it cannot read, makes a vector of options for every packet, and does not
//! return the offset of a block. Here a block is a slice of the window, and its contents are parsed on
//! demand.

use bblog_dissector::DecodeError;
use bblog_pcapng::block::{
    CUSTOM, CUSTOM_NO_COPY, ENHANCED_PACKET, OLD_PACKET, SECTION_HEADER, SIMPLE_PACKET,
};
use bblog_pcapng::read::{self, Block, Endianness, FRAME};
use bblog_pcapng::section::Interface;

use crate::input::disorder::Disorder;
use crate::input::error::{InputError, InputErrorKind, Recovery};
use crate::input::window::Window;
use crate::source::order::{Ahead, TimeOrder};

/// The longest block that is read, as in Wireshark; longer ones are left out.
const MAX_BLOCK: u64 = 16 << 20;
/// The version of pcapng there is.
const MAJOR_VERSION: u32 = 1;
/// Bytes that every enhanced packet block has.
const PACKET_FRAME: usize = 32;
/// Bytes that every section header has.
const SECTION_FRAME: usize = 28;

/// A reader of blocks.
pub struct BlockReader {
    window: Window,
    order: Endianness,
    kind: u32,
    /// Bytes of the current block; 0 if none.
    len: usize,
    /// The current block was not given out yet: an error of it was reported first.
    held: bool,
    /// The current block is the one that was held back: its second length is wrong.
    is_damaged: bool,
    ended: bool,
    order_of_times: TimeOrder,
}

impl BlockReader {
    /// A reader in front of the first block.
    pub fn new(window: Window) -> BlockReader {
        BlockReader {
            window,
            order: Endianness::Little,
            kind: 0,
            len: 0,
            held: false,
            is_damaged: false,
            ended: false,
            order_of_times: TimeOrder::default(),
        }
    }

    /// Steps to the next block and returns its type; `None` at the end.
    ///
    /// # Errors
    /// An [`InputError`]. Call again for what is readable after it.
    #[inline]
    pub fn step(&mut self) -> Result<Option<u32>, InputError> {
        self.is_damaged = std::mem::take(&mut self.held);
        if self.is_damaged {
            return Ok(Some(self.kind));
        }
        self.window.consume(self.len);
        self.len = 0;
        if self.ended {
            return Ok(None);
        }
        let front = self.window.fill(FRAME);
        if front.len() < FRAME {
            return self.end();
        }
        let kind = self.order.u32(front, 0).unwrap_or_default();
        if kind == SECTION_HEADER {
            self.begin_section()?;
        }
        self.kind = kind;
        let length = self.order.u32(self.window.bytes(), 4).unwrap_or_default();
        let here = FRAME..=self.window.bytes().len();
        if here.contains(&(length as usize)) && length.is_multiple_of(4) && kind != SECTION_HEADER {
            self.len = length as usize;
        } else {
            self.fill_block(length)?;
        }
        let trailer = self.order.u32(self.window.bytes(), self.len - 4).unwrap_or_default();
        if trailer == length { Ok(Some(self.kind)) } else { Err(self.wrong_trailer(trailer)) }
    }

    /// The current block; `None` unless [`BlockReader::step`] just stepped to one.
    #[inline]
    pub fn block(&self) -> Option<Block<'_>> {
        if self.len == 0 {
            return None;
        }
        let bytes = self.window.bytes().get(..self.len)?;
        Some(Block { kind: self.kind, order: self.order, bytes })
    }

    /// Whether the current block is damaged: its second length is not the first one.
    #[inline]
    pub fn is_damaged(&self) -> bool {
        self.is_damaged
    }

    /// Makes the current block, an enhanced packet block of an interface of `interfaces`, that of its place in
    /// the order of times. Packets do not move across other blocks.
    #[inline]
    pub(super) fn restore_order(&mut self, interfaces: &[Interface]) {
        if !self.order_of_times.is_ready(self.window.offset()) {
            self.arrange(interfaces);
        }
    }

    #[cold]
    fn arrange(&mut self, interfaces: &[Interface]) {
        let order = self.order;
        self.order_of_times.arrange(&mut self.window, |bytes| ahead(bytes, order, interfaces));
        let length = self.order.u32(self.window.bytes(), 4).unwrap_or_default();
        self.len = (length as usize).min(self.window.bytes().len());
    }

    /// Takes note of the time of the current block, an event's, in microseconds.
    #[inline]
    pub(super) fn taken(&mut self, time: u64) {
        self.order_of_times.taken(time);
    }

    /// How many events were out of order so far.
    pub(super) fn disorder(&self) -> Disorder {
        self.order_of_times.disorder()
    }

    /// The current block and those that follow it in its section, as far as `bytes` show.
    pub fn lookahead(&mut self, bytes: usize) -> impl Iterator<Item = Block<'_>> {
        read::blocks(self.window.fill_ready(bytes), self.order)
    }

    /// Whether the next block that may be a record or event has to be waited for, since the input is live.
    pub fn is_dry(&mut self) -> bool {
        const PACKETS: [u32; 3] = [OLD_PACKET, SIMPLE_PACKET, ENHANCED_PACKET];
        const CUSTOMS: [u32; 2] = [CUSTOM, CUSTOM_NO_COPY];
        let mut at = self.len;
        let needed = loop {
            let next = self.window.bytes().get(at..).unwrap_or_default();
            let len = self.order.u32(next, 4).map_or(FRAME, |len| (len as usize).max(FRAME));
            let kind = self.order.u32(next, 0).unwrap_or(SECTION_HEADER);
            let passes = kind != SECTION_HEADER && !PACKETS.contains(&kind) && !CUSTOMS.contains(&kind);
            if !passes || next.len() < len {
                break len;
            }
            at += len;
        };
        self.window.is_dry(at.saturating_add(needed))
    }

    /// As [`BlockReader::lookahead`], but not further than can be read without waiting; and the offset
    /// up to which that is.
    pub fn lookahead_at_once(&mut self, bytes: usize) -> (u64, impl Iterator<Item = Block<'_>>) {
        let at = self.window.offset();
        let bytes = self.window.ahead(bytes);
        (at + bytes.len() as u64, read::blocks(bytes, self.order))
    }

    /// Offset of the current block.
    pub fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// Gives up: nothing but `None` follows.
    pub fn give_up(&mut self) {
        self.ended = true;
    }

    /// The order of the section that begins here.
    #[cold]
    fn begin_section(&mut self) -> Result<(), InputError> {
        let at = self.window.offset();
        let front = self.window.fill(SECTION_FRAME);
        let (needed, found) = (SECTION_FRAME as u64, front.len() as u64);
        if found < needed {
            self.ended = true;
            return Err(self.torn("pcapng section header", needed));
        }
        let problem = match Endianness::of_section(front) {
            Some(order) => {
                self.order = order;
                let found = u32::from(order.u16(front, 12).unwrap_or_default());
                if found == MAJOR_VERSION {
                    return Ok(());
                }
                DecodeError::Version { what: "pcapng", found, supported: MAJOR_VERSION }.into()
            }
            None => {
                InputErrorKind::ByteOrderMagic { found: Endianness::Big.u32(front, 8).unwrap_or_default() }
            }
        };
        Err(self.resume(InputError::at(at, problem), true))
    }

    /// Makes the block of `length` bytes that begins here the current one.
    #[cold]
    fn fill_block(&mut self, length: u32) -> Result<(), InputError> {
        let at = self.window.offset();
        let min = if self.kind == SECTION_HEADER { SECTION_FRAME } else { FRAME } as u64;
        let long = u64::from(length);
        let problem = DecodeError::Length { what: "pcapng block length", found: long, min, max: MAX_BLOCK };
        if long < min || long % 4 != 0 {
            return Err(self.resume(InputError::at(at, problem), false));
        }
        if long > MAX_BLOCK {
            return Err(self.resume(InputError::at(at, problem), false));
        }
        if (self.window.fill(length as usize).len() as u64) < long {
            let torn = self.torn("pcapng block", long);
            let resumed = self.resume(torn, false);
            // At the end there is nothing more to leave out.
            let is_end = resumed.recovery == Recovery::RestSkipped;
            return Err(if is_end { resumed.recovered(Recovery::Nothing) } else { resumed });
        }
        self.len = length as usize;
        Ok(())
    }

    /// The block's second length is wrong. If the first one leads to a block, or to the end, this one is
    /// used all the same; else it is torn, and reading goes on at the next block.
    #[cold]
    fn wrong_trailer(&mut self, found: u32) -> InputError {
        let (len, section) = (self.len, self.order);
        let behind = self.window.fill(len + SECTION_FRAME).get(len..).unwrap_or_default();
        let leads_to_block = behind.is_empty() || begins_block(behind, section);
        if !leads_to_block {
            let kind = InputErrorKind::BlockTrailer { found, expected: len as u32 };
            self.len = 0;
            return self.resume(InputError::at(self.window.offset(), kind), false);
        }
        self.held = true;
        let kind = InputErrorKind::BlockTrailer { found, expected: self.len as u32 };
        InputError::at(self.window.offset(), kind)
    }

    /// Takes bytes off the front, one at least, until a block is in front that is certain: it has a known
    /// type, ends with the length it begins with, and a block or the end follows. `error` is what was in
    /// front. Behind a section header that cannot be read only another one will do.
    #[cold]
    fn resume(&mut self, error: InputError, only_section: bool) -> InputError {
        let (at, section) = (self.window.offset(), self.order);
        self.window.consume(1);
        loop {
            let bytes = self.window.fill(SECTION_FRAME);
            let searched = bytes.len().saturating_sub(SECTION_FRAME - 1);
            let is_candidate = |bytes: &[u8]| {
                begins_block(bytes, section)
                    && (!only_section || section.u32(bytes, 0) == Some(SECTION_HEADER))
            };
            let candidate = (0..searched).find(|&at| is_candidate(&bytes[at..]));
            match candidate {
                None if searched == 0 => {
                    // What is left is shorter than a section header, but may be a block.
                    let rest = self.window.bytes().len();
                    let last = (0..rest).find(|&at| !only_section && self.is_block(at));
                    self.window.consume(last.unwrap_or(rest));
                    if last.is_some() {
                        break;
                    }
                    self.ended = true;
                    return error.recovered(Recovery::RestSkipped);
                }
                None => self.window.consume(searched),
                Some(candidate) => {
                    self.window.consume(candidate);
                    if self.is_block(0) {
                        break;
                    }
                    self.window.consume(1);
                }
            }
        }
        error.recovered(Recovery::Skipped(self.window.offset() - at))
    }

    /// Whether a whole block is `at` bytes from the front, and a block or the end behind it.
    fn is_block(&mut self, at: usize) -> bool {
        let section = self.order;
        let bytes = self.window.bytes().get(at..).unwrap_or_default();
        if !begins_block(bytes, section) {
            return false;
        }
        let order = match section.u32(bytes, 0) {
            Some(SECTION_HEADER) => Endianness::of_section(bytes).unwrap_or(section),
            _ => section,
        };
        let length = order.u32(bytes, 4).unwrap_or_default();
        let end = at + length as usize;
        let bytes = self.window.fill(end + SECTION_FRAME);
        if end < 4 || order.u32(bytes, end - 4) != Some(length) {
            return false;
        }
        let behind = bytes.get(end..).unwrap_or_default();
        let kind = behind.first_chunk().map(|&kind| u32::from_le_bytes(kind));
        // A hole may follow, or the other byte order.
        behind.is_empty() || begins_block(behind, section) || kind == Some(SECTION_HEADER) || kind == Some(0)
    }

    /// The end, or less than the frame of a block.
    #[cold]
    fn end(&mut self) -> Result<Option<u32>, InputError> {
        self.ended = true;
        if self.window.bytes().is_empty() && !self.window.has_error() {
            return Ok(None);
        }
        Err(self.torn("pcapng block", FRAME as u64))
    }

    /// A block that the input ends in: a read that failed is the reason, if there is one.
    #[cold]
    fn torn(&mut self, what: &'static str, needed: u64) -> InputError {
        let at = self.window.offset();
        match self.window.take_error() {
            Some(error) => InputError::at(at, error),
            None => {
                let found = self.window.bytes().len() as u64;
                InputError::at(at, DecodeError::Truncated { what, needed, found })
            }
        }
    }
}

/// What stands in front of `bytes`, as a packet with a time.
fn ahead(bytes: &[u8], order: Endianness, interfaces: &[Interface]) -> Ahead {
    let word = |at| order.u32(bytes, at);
    let (Some(kind), Some(length)) = (word(0), word(4)) else { return Ahead::Part };
    let len = length as usize;
    if kind != ENHANCED_PACKET
        || length % 4 != 0
        || !(PACKET_FRAME as u64..=MAX_BLOCK).contains(&length.into())
    {
        return Ahead::Other;
    }
    if bytes.len() < len {
        return Ahead::Part;
    }
    let interface = word(8).and_then(|number| interfaces.get(number as usize));
    match (interface, word(12), word(16)) {
        (Some(interface), Some(high), Some(low)) if word(len - 4) == Some(length) => {
            Ahead::Item(len, interface.time(high, low).0.max(0) as u64)
        }
        _ => Ahead::Other,
    }
}

/// Whether `bytes` begin as a known block of a section in this byte order, or as a section.
fn begins_block(bytes: &[u8], section: Endianness) -> bool {
    const SECRETS: u32 = 10;
    let Some(kind) = section.u32(bytes, 0) else { return false };
    let order = match kind {
        SECTION_HEADER => Endianness::of_section(bytes),
        1..=6 | SECRETS | CUSTOM | CUSTOM_NO_COPY => Some(section),
        _ => None,
    };
    let least = if kind == SECTION_HEADER { SECTION_FRAME } else { FRAME } as u64;
    let length = order.and_then(|order| order.u32(bytes, 4)).map_or(0, u64::from);
    length % 4 == 0 && (least..=MAX_BLOCK).contains(&length)
}
