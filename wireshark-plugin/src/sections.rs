// SPDX-License-Identifier: GPL-2.0-or-later
//! Facts about the records of a section, from the options of its Section Header Block.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::num::NonZeroU32;

use bblog_dissector::bblog::Header;
use bblog_dissector::elog::{FILE_HEADER_LEN, MAGIC, ProviderTable, RawEvent};
use bblog_dissector::layout::{Layout, Votes};
use bblog_dissector::spec::{Kernel, Stack};
use bblog_pcapng::machine::{self, Machine};
use bblog_pcapng::{elog, netflix};

/// Events that may vote for a layout: enough to be sure, and an end to counting.
const VOTERS: u32 = 4096;

/// A section: which file, as a number that is only compared, and which section of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SectionKey {
    /// The address of the capture file's handle.
    pub file: usize,
    /// The section's number in the file, from 0.
    pub number: u32,
}

/// The value of an option of a Section Header Block.
#[derive(Clone, Copy, Debug)]
pub enum SectionOption<'a> {
    /// shb_os: the system that wrote the section.
    Os(&'a [u8]),
    /// Netflix's: option type and data.
    Netflix(u32, &'a [u8]),
    /// The FreeBSD Project's: data.
    Freebsd(&'a [u8]),
}

/// The facts of one section.
#[derive(Debug, Default)]
pub struct Section {
    /// Stack numbers and what they stand for.
    stacks: BTreeMap<u8, Stack>,
    /// What it says of the machine that wrote its records.
    machine: Machine,
    /// BBLog: the connection, ours first.
    pub connection: Option<(SocketAddr, SocketAddr)>,
    /// BBLog: the initial sequence number of the first record that has one.
    iss: Option<u32>,
    /// eventlog: provider numbers and names.
    providers: BTreeMap<u16, Box<[u8]>>,
    /// eventlog: the layout of the tcp provider, if the file names it.
    layout: Option<Layout>,
    /// eventlog: what the events seen so far say about the layout of the tcp provider.
    votes: Votes,
    /// How many events have voted.
    voters: u32,
}

impl Section {
    /// The stack that a record's `tlb_stackid` stands for.
    pub fn stack(&self, id: u8) -> Stack {
        self.stacks.get(&id).copied().unwrap_or_default()
    }

    /// The kernel that wrote its records; of several that may have, the newest.
    pub fn kernel(&self) -> Option<Kernel> {
        self.machine.kernel.map(|kernel| kernel.value.newest())
    }

    /// Ticks per second of that kernel.
    pub fn hz(&self) -> Option<NonZeroU32> {
        self.machine.hz.map(|hz| hz.value)
    }

    /// Whether a record with this initial sequence number is of the section's own connection. A section is
    /// written for one connection, but tools that merge files put the records of all under the first
    /// file's header. 0 is what a connection has before it has chosen one.
    pub fn owns(&mut self, iss: u32) -> bool {
        iss == 0 || *self.iss.get_or_insert(iss) == iss
    }

    /// The name of an eventlog provider.
    pub fn provider(&self, id: u16) -> Option<&[u8]> {
        self.providers.get(&id).map(|name| &**name)
    }

    /// The layout of the tcp provider's events, `raw` among them. If the file does not name it, the events
    /// that have been decoded tell, each of them before it is decoded itself.
    pub fn layout_with(&mut self, raw: &RawEvent<'_>) -> Option<Layout> {
        if self.layout.is_some() {
            return self.layout;
        }
        if self.voters < VOTERS && self.provider(raw.provider_id()) == Some(b"tcp") {
            self.votes.count(raw);
            self.voters += 1;
        }
        self.votes.winner()
    }

    /// Notes what an option says; options of other kinds, or too short, say nothing.
    pub fn note(&mut self, option: SectionOption<'_>) {
        match option {
            SectionOption::Netflix(netflix::STACKNAME, [id, name @ ..]) => {
                // Writers may pad the name with NULs.
                let name = name.split(|&b| b == 0).next().unwrap_or_default();
                self.stacks.entry(*id).or_insert_with(|| Stack::from_name(name));
            }
            SectionOption::Netflix(netflix::DUMPINFO, bytes) => {
                if let Ok(header) = Header::unchecked(bytes) {
                    let local = SocketAddr::from((header.laddr(), header.lport()));
                    let foreign = SocketAddr::from((header.faddr(), header.fport()));
                    // A header of zeros, as converters of bare records write it, names none.
                    let known = |end: &SocketAddr| end.port() != 0 || !end.ip().is_unspecified();
                    if known(&local) || known(&foreign) {
                        self.connection = Some((local, foreign));
                    }
                }
            }
            SectionOption::Netflix(..) => {}
            SectionOption::Os(name) => self.machine.take_os(name),
            SectionOption::Freebsd(bytes) => match bytes.strip_prefix(&machine::TAG) {
                Some(lines) => self.machine.take_option(lines),
                None => self.note_providers(bytes),
            },
        }
    }

    /// `ELOG`, the file header (which itself begins with `ELOG`), the provider table, and perhaps the name of
    /// the tcp provider's layout.
    fn note_providers(&mut self, bytes: &[u8]) {
        let Some(file) = bytes.strip_prefix(&elog::TAG) else {
            return;
        };
        // The marker may also be the header's own magic.
        let file = if file.starts_with(&MAGIC) { file } else { bytes };
        let Some(table) = file.get(FILE_HEADER_LEN..) else {
            return;
        };
        let Ok((table, rest)) = ProviderTable::split(table) else {
            return;
        };
        for (id, name) in table.iter() {
            // The first entry wins if an id stands twice.
            self.providers.entry(id).or_insert_with(|| name.into());
        }
        self.layout = str::from_utf8(rest).ok().and_then(Layout::from_name);
    }
}

/// The sections met so far.
#[derive(Default)]
pub struct Sections {
    known: HashMap<SectionKey, usize>,
    sections: Vec<Section>,
    /// The one entered last, and its index: records of a section come together.
    current: Option<(SectionKey, usize)>,
}

impl Sections {
    /// Forgets all.
    pub fn clear(&mut self) {
        *self = Sections::default();
    }

    /// Makes `key` the current section. False if it is new, and nothing is known of it yet.
    pub fn enter(&mut self, key: SectionKey) -> bool {
        if self.current.is_some_and(|current| current.0 == key) {
            return true;
        }
        let next = self.sections.len();
        let index = *self.known.entry(key).or_insert(next);
        self.current = Some((key, index));
        if index < next {
            return true;
        }
        self.sections.push(Section::default());
        false
    }

    /// Notes an option of the current section.
    pub fn note(&mut self, option: SectionOption<'_>) {
        if let Some((_, index)) = self.current
            && let Some(section) = self.sections.get_mut(index)
        {
            section.note(option);
        }
    }

    /// The facts of a section.
    pub fn get(&mut self, key: SectionKey) -> Option<&mut Section> {
        let index = match self.current {
            Some((current, index)) if current == key => index,
            _ => *self.known.get(&key)?,
        };
        self.sections.get_mut(index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_told_apart_by_file_and_number() {
        let mut sections = Sections::default();
        let (first, second) = (SectionKey { file: 8, number: 0 }, SectionKey { file: 8, number: 1 });
        assert!(!sections.enter(first));
        sections.note(SectionOption::Netflix(netflix::STACKNAME, b"\x02rack\0\0"));
        assert!(!sections.enter(second));
        sections.note(SectionOption::Netflix(netflix::STACKNAME, b"\x02bbr"));
        assert!(sections.enter(first));
        assert_eq!(sections.get(first).map(|s| s.stack(2)), Some(Stack::Rack));
        assert_eq!(sections.get(second).map(|s| s.stack(2)), Some(Stack::Bbr));
        assert!(sections.get(SectionKey { file: 16, number: 0 }).is_none());
        sections.clear();
        assert!(!sections.enter(first));
    }

    #[test]
    fn records_of_another_connection_are_strangers() {
        let mut section = Section::default();
        assert!([0, 7, 7, 0].iter().all(|&iss| section.owns(iss)));
        assert!(!section.owns(8) && section.owns(7));
    }

    #[test]
    fn the_system_names_the_kernel() {
        let cases = [
            ("FreeBSD 14.2-RELEASE-p1 amd64", Some(Kernel::Freebsd14)),
            ("FreeBSD 13", Some(Kernel::Freebsd13)),
            ("FreeBSD main", Some(Kernel::Main)),
            ("FreeBSD 16.0-CURRENT", Some(Kernel::Main)),
            ("Linux 6.1", None),
            ("FreeBSD ", None),
            ("FreeBSD 8", Some(Kernel::Freebsd13)),
        ];
        for (os, kernel) in cases {
            let mut section = Section::default();
            section.note(SectionOption::Os(os.as_bytes()));
            assert_eq!(section.kernel(), kernel, "{os}");
        }
    }

    #[test]
    fn options_of_any_length_are_survived() {
        let mut section = Section::default();
        let bytes = [b"ELOGELOG".as_slice(), &[0xff; 300]].concat();
        for len in 0..bytes.len() {
            for option in [netflix::DUMPINFO, netflix::STACKNAME, 1, u32::MAX] {
                section.note(SectionOption::Netflix(option, &bytes[..len]));
            }
            section.note(SectionOption::Freebsd(&bytes[..len]));
        }
    }

    #[test]
    fn providers_come_from_the_table_behind_marker_and_header() {
        let mut table = vec![0; 4 + 2 * 34];
        table[0] = 2;
        table[4] = 7;
        table[6..9].copy_from_slice(b"tcp");
        table[38] = 9;
        table[40..44].copy_from_slice(b"hpts");
        let mut file = b"ELOG\x01\0\0\0".to_vec();
        file.resize(40, 0);
        file.extend(table);
        for option in [[b"ELOG", &file[..]].concat(), file.clone(), [&file[..], b"D2"].concat()] {
            let mut section = Section::default();
            section.note(SectionOption::Freebsd(&option));
            assert_eq!(section.layout.is_some(), option.ends_with(b"D2"));
            assert_eq!(section.provider(7), Some(&b"tcp"[..]));
            assert_eq!(section.provider(9), Some(&b"hpts"[..]));
            assert_eq!(section.provider(1), None);
        }
    }
}
