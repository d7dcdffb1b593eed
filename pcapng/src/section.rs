// SPDX-License-Identifier: BSD-2-Clause
//! The contents of a section's header and interfaces.

use bblog_dissector::Micros;
use bblog_dissector::bblog::{HEADER_LEN, Header, VERSION};
use bblog_dissector::elog::{FILE_HEADER_LEN, FileHeader, ProviderTable};
use bblog_dissector::spec::Kernel;

use crate::block::{OPT_CUSTOM, OPT_CUSTOM_NO_COPY};
use crate::machine::{self, Machine};
use crate::read::{Block, BlockOptions, Endianness};
use crate::{elog, netflix};

/// Codes of custom options with binary data: tcplog_dumper writes the first.
const CUSTOM: [u16; 2] = [OPT_CUSTOM, OPT_CUSTOM_NO_COPY];
/// if_tsresol and if_tsoffset.
const IF_TSRESOL: u16 = 9;
const IF_TSOFFSET: u16 = 14;
/// shb_os.
pub const SHB_OS: u16 = 3;
/// if_name.
const IF_NAME: u16 = 2;
/// The most bytes of an option that is repeated: a file header of ELOG with all 32 providers fits.
const MAX_REPEATED: usize = 2048;
/// The most options of an interface that are repeated.
const MAX_KEPT: usize = 4;
/// Where a section header's options begin in its body.
const SECTION_OPTIONS: usize = 16;
/// Where an interface description's options begin in its body.
const INTERFACE_OPTIONS: usize = 8;

/// A section: its header, and its interfaces so far.
#[derive(Default)]
pub struct Section {
    /// The byte order of its blocks.
    pub order: Endianness,
    /// Counts the file's sections.
    pub number: u64,
    /// The section header block.
    pub header: Vec<u8>,
    /// The interface description blocks, back to back.
    interface_blocks: Vec<u8>,
    /// What of them is repeated.
    repeated_interfaces: Vec<u8>,
    /// The interfaces.
    pub interfaces: Vec<Interface>,
    /// Facts about the BBLog records of the section.
    pub bblog: Option<BblogFacts>,
    /// Facts about the eventlog events of the section.
    pub elog: Option<ElogFacts>,
    /// Facts about the machine that wrote them.
    pub machine: Machine,
    /// The kernel, if it is known. If it may be one of several, the newest.
    pub kernel: Option<Kernel>,
    /// Whether there is an shb_os.
    pub has_os: bool,
}

/// An interface.
#[derive(Clone, Copy, Debug)]
pub struct Interface {
    /// The type of its packets' link headers.
    pub link: u16,
    /// if_tsresol.
    resolution: u8,
    /// if_tsoffset, seconds.
    offset: i64,
}

/// Facts about the BBLog records of a section.
pub struct BblogFacts {
    /// TCP_LOG_BUF_VER of the kernel.
    pub version: u32,
    /// The entry's header (DUMPINFO), or zeros if the section has none.
    pub header: [u8; HEADER_LEN],
    /// The boot time of the machine, or 0 if it is not known.
    pub boot_time: Micros,
    /// The stack's number.
    pub stack_id: u8,
    /// The stack's name, or an empty string if it has none.
    pub stack_name: Vec<u8>,
}

/// Facts about the eventlog events of a section.
pub struct ElogFacts {
    /// The ELOG file header.
    pub header: FileHeader,
    /// The provider table with its count.
    pub table: Vec<u8>,
}

impl Section {
    /// The section that `block`, a section header, begins.
    pub fn new(block: &Block<'_>, number: u64) -> Section {
        let order = block.order;
        let mut section = Section { order, number, header: block.bytes.to_vec(), ..Section::default() };
        let options = block.body().get(SECTION_OPTIONS..).unwrap_or_default();
        let mut bblog = BblogFacts {
            version: VERSION,
            header: [0; HEADER_LEN],
            boot_time: Micros(0),
            stack_id: 0,
            stack_name: Vec::new(),
        };
        let mut is_bblog = false;
        for (code, value) in BlockOptions::new(options, order) {
            if code == SHB_OS {
                section.has_os = true;
                section.machine.take_os(value);
            } else if let Some((kind, data)) = netflix_option(code, value, order) {
                is_bblog |= bblog.take(kind, data);
            } else if let Some(data) = elog_option(code, value, order) {
                section.elog = ElogFacts::parse(data).or(section.elog);
            } else if let Some(data) = machine_option(code, value, order) {
                section.machine.take_option(data);
            }
        }
        section.bblog = is_bblog.then_some(bblog);
        section.kernel = section.machine.kernel.map(|kernel| kernel.value.newest());
        section
    }

    /// Adds an interface description block.
    pub fn add_interface(&mut self, block: &Block<'_>) {
        let body = block.body();
        let mut interface =
            Interface { link: self.order.u16(body, 0).unwrap_or_default(), resolution: 6, offset: 0 };
        let options = body.get(INTERFACE_OPTIONS..).unwrap_or_default();
        for (code, value) in BlockOptions::new(options, self.order) {
            match (code, value) {
                (IF_TSRESOL, &[resolution, ..]) => interface.resolution = resolution,
                (IF_TSOFFSET, value) if value.len() == 8 => {
                    let words = (self.order.u32(value, 0), self.order.u32(value, 4));
                    let (first, second) = (words.0.unwrap_or_default(), words.1.unwrap_or_default());
                    let (low, high) = match self.order {
                        Endianness::Little => (first, second),
                        Endianness::Big => (second, first),
                    };
                    interface.offset = (u64::from(high) << 32 | u64::from(low)) as i64;
                }
                _ => {}
            }
        }
        self.interfaces.push(interface);
        self.interface_blocks.extend_from_slice(block.bytes);
        let kept = BlockOptions::new(options, self.order).filter(|(code, value)| {
            [IF_NAME, IF_TSRESOL, IF_TSOFFSET].contains(code) && value.len() <= MAX_REPEATED
        });
        let mut repeated = block.bytes.get(..8 + INTERFACE_OPTIONS).unwrap_or_default().to_vec();
        for (code, value) in kept.take(MAX_KEPT) {
            self.append_option(&mut repeated, code, value);
        }
        self.end_block(&mut repeated);
        self.repeated_interfaces.extend_from_slice(&repeated);
    }

    /// Its interface description blocks so far, back to back.
    pub fn interface_blocks(&self, extent: Extent) -> &[u8] {
        match extent {
            Extent::Whole => &self.interface_blocks,
            Extent::Repeated => &self.repeated_interfaces,
        }
    }

    /// The section header block for another file. Its section length is "unknown", and facts of `more` replace its own.
    pub fn header_to_write(&self, more: &MoreFacts, extent: Extent) -> Vec<u8> {
        let mut header = match extent {
            Extent::Whole => self.header.clone(),
            Extent::Repeated => self.repeated_header(),
        };
        if let Some(length) = header.get_mut(16..24) {
            length.fill(0xff);
        }
        if *more == MoreFacts::default() {
            return header;
        }
        let body_end = header.len().saturating_sub(4);
        let before = header.get(8 + SECTION_OPTIONS..body_end).unwrap_or_default().to_vec();
        header.truncate(8 + SECTION_OPTIONS);
        let stack = more.stack.as_ref().map(|(id, name)| {
            [&self.order.u32_bytes(netflix::PEN)[..], &netflix::STACKNAME.to_le_bytes(), &[*id], name]
                .concat()
        });
        let machine =
            more.machine.as_ref().map(|value| [&self.order.u32_bytes(elog::PEN)[..], value].concat());
        for (code, value) in BlockOptions::new(&before, self.order) {
            let is_stack = netflix_option(code, value, self.order).is_some_and(|o| o.0 == netflix::STACKNAME);
            let is_machine = machine_option(code, value, self.order).is_some();
            let is_replaced = match code {
                SHB_OS => more.os.is_some(),
                _ => is_stack && stack.is_some() || is_machine && machine.is_some(),
            };
            if !is_replaced {
                self.append_option(&mut header, code, value);
            }
        }
        for value in stack.iter().chain(&machine) {
            self.append_option(&mut header, OPT_CUSTOM, value);
        }
        if let Some(os) = &more.os {
            self.append_option(&mut header, SHB_OS, os.as_bytes());
        }
        self.end_block(&mut header);
        header
    }

    /// The section header with the options that this project reads, each once: of several the last one counts.
    fn repeated_header(&self) -> Vec<u8> {
        let end = self.header.len().saturating_sub(4);
        let options = self.header.get(8 + SECTION_OPTIONS..end).unwrap_or_default();
        let mut kept: Vec<(HeaderOption, u16, &[u8])> = Vec::new();
        for (code, value) in BlockOptions::new(options, self.order) {
            let Some(known) =
                HeaderOption::of(code, value, self.order).filter(|_| value.len() <= MAX_REPEATED)
            else {
                continue;
            };
            match kept.iter_mut().find(|kept| kept.0 == known) {
                Some(kept) => *kept = (known, code, value),
                None => kept.push((known, code, value)),
            }
        }
        let mut header = self.header.get(..8 + SECTION_OPTIONS).unwrap_or_default().to_vec();
        for (_, code, value) in kept {
            self.append_option(&mut header, code, value);
        }
        self.end_block(&mut header);
        header
    }

    /// Ends a block of options.
    fn end_block(&self, block: &mut Vec<u8>) {
        block.extend_from_slice(&[0; 4]);
        let length = self.order.u32_bytes(block.len() as u32 + 4);
        block.extend_from_slice(&length);
        if let Some(first) = block.get_mut(4..8) {
            first.copy_from_slice(&length);
        }
    }

    fn append_option(&self, out: &mut Vec<u8>, code: u16, value: &[u8]) {
        out.extend_from_slice(&self.order.u16_bytes(code));
        out.extend_from_slice(&self.order.u16_bytes(value.len() as u16));
        out.extend_from_slice(value);
        out.resize(out.len().next_multiple_of(4), 0);
    }
}

/// What of a section's header is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// What this project reads, of bounded length: the section was begun before, and may be begun again for every
    /// packet.
    Repeated,
}

/// An option of a section header that this project reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HeaderOption {
    Os,
    Netflix(u32),
    Elog,
    Machine,
}

impl HeaderOption {
    fn of(code: u16, value: &[u8], order: Endianness) -> Option<HeaderOption> {
        const KINDS: [u32; 4] =
            [netflix::VERSION_OPTION, netflix::DUMPINFO, netflix::STACKNAME, netflix::DUMPTIME];
        if code == SHB_OS {
            return Some(HeaderOption::Os);
        }
        if let Some((kind, _)) = netflix_option(code, value, order) {
            return KINDS.contains(&kind).then_some(HeaderOption::Netflix(kind));
        }
        if let Some(data) = elog_option(code, value, order) {
            return ElogFacts::parse(data).map(|_| HeaderOption::Elog);
        }
        machine_option(code, value, order).map(|_| HeaderOption::Machine)
    }
}

/// Facts to add to a section header that was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MoreFacts {
    /// Number and name of the stack.
    pub stack: Option<(u8, Vec<u8>)>,
    /// shb_os; at most 65,535 bytes.
    pub os: Option<String>,
    /// [`Machine::option_value`].
    pub machine: Option<Vec<u8>>,
}

impl Interface {
    /// The time of a packet's time stamp, which consists of two words.
    #[inline]
    pub fn time(&self, high: u32, low: u32) -> Micros {
        let ticks = u64::from(high) << 32 | u64::from(low);
        if self.resolution == 6 && self.offset == 0 {
            return Micros(i64::try_from(ticks).unwrap_or(i64::MAX));
        }
        self.scaled(ticks)
    }

    #[cold]
    fn scaled(&self, ticks: u64) -> Micros {
        let exponent = u32::from(self.resolution & 0x7f);
        let ticks = u128::from(ticks);
        let micros = if self.resolution & 0x80 == 0 {
            match exponent.checked_sub(6) {
                // 10^39 is beyond what 128 bits hold.
                Some(finer) => 10u128.checked_pow(finer).map_or(0, |unit| ticks / unit),
                None => ticks * 10u128.pow(6 - exponent),
            }
        } else {
            (ticks * 1_000_000).checked_shr(exponent).unwrap_or(0)
        };
        let micros = i64::try_from(micros).unwrap_or(i64::MAX);
        Micros(micros.saturating_add(self.offset.saturating_mul(1_000_000)))
    }
}

impl BblogFacts {
    /// Reads an option of a section header. Returns `false` if it is not about BBLog.
    fn take(&mut self, kind: u32, data: &[u8]) -> bool {
        match kind {
            netflix::VERSION_OPTION => {
                self.version = Endianness::Little.u32(data, 0).unwrap_or_default();
                true
            }
            netflix::DUMPINFO => {
                if let Some(header) = data.first_chunk::<HEADER_LEN>() {
                    self.header = *header;
                    self.boot_time = Header::unchecked(header).map_or(Micros(0), |header| header.boot_time());
                }
                true
            }
            netflix::STACKNAME => {
                if let Some((&id, name)) = data.split_first() {
                    self.stack_id = id;
                    self.stack_name = name.split(|&b| b == 0).next().unwrap_or_default().to_vec();
                }
                true
            }
            netflix::DUMPTIME => true,
            _ => false,
        }
    }
}

impl ElogFacts {
    fn parse(data: &[u8]) -> Option<ElogFacts> {
        let header = FileHeader::parse(data).ok()?;
        let table = data.get(FILE_HEADER_LEN..)?;
        let (_, rest) = ProviderTable::split(table).ok()?;
        let table = table.get(..table.len() - rest.len())?.to_vec();
        Some(ElogFacts { header, table })
    }

    /// Ids and names of the providers.
    pub fn providers(&self) -> impl Iterator<Item = (u16, &[u8])> {
        ProviderTable::split(&self.table).into_iter().flat_map(|(table, _)| table.iter())
    }
}

/// Type and data of a custom option of Netflix. The enterprise number is in the byte order of the
/// section; what follows is always little-endian.
#[inline]
pub fn netflix_option(code: u16, value: &[u8], order: Endianness) -> Option<(u32, &[u8])> {
    if !CUSTOM.contains(&code) || order.u32(value, 0) != Some(netflix::PEN) {
        return None;
    }
    Some((Endianness::Little.u32(value, 4)?, value.get(8..)?))
}

/// The data of a custom option of this project's.
#[inline]
pub fn elog_option(code: u16, value: &[u8], order: Endianness) -> Option<&[u8]> {
    if !CUSTOM.contains(&code) || order.u32(value, 0) != Some(elog::PEN) {
        return None;
    }
    value.get(4..)?.strip_prefix(&elog::TAG)
}

/// The data of the custom option with facts about the machine.
#[inline]
fn machine_option(code: u16, value: &[u8], order: Endianness) -> Option<&[u8]> {
    if !CUSTOM.contains(&code) || order.u32(value, 0) != Some(elog::PEN) {
        return None;
    }
    value.get(4..)?.strip_prefix(&machine::TAG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let at = |resolution, offset| Interface { link: 0, resolution, offset }.time(1, 5).0;
        let ticks = (1i64 << 32) + 5;
        assert_eq!(at(6, 0), ticks);
        assert_eq!(at(9, 0), ticks / 1000);
        assert_eq!(at(3, 2), ticks * 1000 + 2_000_000);
        assert_eq!(at(0x80 | 20, 0), ((ticks as i128 * 1_000_000) >> 20) as i64);
        for resolution in 0..=255 {
            let interface = Interface { link: 0, resolution, offset: i64::MIN };
            interface.time(u32::MAX, u32::MAX);
        }
    }
}
