// SPDX-License-Identifier: GPL-2.0-or-later
//! Facts about the records of a section, from the options of its Section Header Block.

use std::collections::{BTreeMap, HashMap};
use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::num::NonZeroU32;

use bblog_analysis::infer::{EventlogTicks, Inference};
use bblog_dissector::bblog::{Header, Record};
use bblog_dissector::elog::{FILE_HEADER_LEN, MAGIC, ProviderTable, RawEvent};
use bblog_dissector::event::RecordContext;
use bblog_dissector::layout::{Layout, Votes};
use bblog_dissector::spec::{Kernel, KernelSet, Stack};
use bblog_dissector::tcp_provider;
use bblog_pcapng::machine::{self, Fact, Machine};
use bblog_pcapng::{elog, netflix};

/// Records of a section that are looked at for what it does not say, at most.
const OBSERVED: u32 = 1024;
/// The first records of a section, which are examined one by one; later ones in groups of this size.
const EACH: u32 = 32;
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

/// What the user's preferences say of all captures.
#[derive(Debug, Default)]
pub struct Assumed {
    /// Stacks by number.
    pub stacks: BTreeMap<u8, Stack>,
    /// The kernel.
    pub kernel: Option<Kernel>,
}

/// What is known of the machine that wrote a record.
#[derive(Clone, Copy, Debug, Default)]
pub struct MachineFacts {
    /// The stack.
    pub stack: Option<Fact<Stack>>,
    /// The kernels that it can be.
    pub kernel: Option<Fact<KernelSet>>,
    /// Ticks per second.
    pub hz: Option<Fact<NonZeroU32>>,
}

impl MachineFacts {
    /// What decides the meaning of a record: of several kernels the newest.
    pub fn context(&self) -> RecordContext {
        RecordContext {
            stack: self.stack.map_or(Stack::Unknown, |stack| stack.value),
            kernel: self.kernel.map(|kernel| kernel.value.newest()).unwrap_or_default(),
            hz: self.hz.map(|hz| hz.value),
        }
    }
}

/// `rack (inferred), kernel 14, hz not known`: the stack stands first.
impl Display for MachineFacts {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn fact<T>(fact: Option<Fact<T>>, name: impl Fn(T) -> String) -> String {
            match fact {
                Some(fact) if fact.is_inferred => name(fact.value) + " (inferred)",
                Some(fact) => name(fact.value),
                None => "not known".to_owned(),
            }
        }
        let stack = fact(self.stack, |stack| stack.name().to_owned());
        let kernel = fact(self.kernel, |kernel| kernel.to_string());
        write!(out, "{stack}, kernel {kernel}, hz {}", fact(self.hz, |hz| hz.to_string()))
    }
}

/// The facts of one section.
#[derive(Debug, Default)]
pub struct SectionFacts {
    /// Stack numbers and what they stand for.
    stacks: BTreeMap<u8, Stack>,
    /// What it says of the machine that wrote its records.
    machine: Machine,
    /// What its records prove about that machine, where it does not say it.
    inference: Option<Box<Inference>>,
    /// How many records were looked at for that.
    observed: u32,
    /// A stack number of which more records would not change much.
    decided: Option<u8>,
    /// What was concluded last, of a stack number: most records are of the same.
    concluded: Option<(u8, MachineFacts)>,
    /// BBLog: the connection, ours first.
    pub connection: Option<(SocketAddr, SocketAddr)>,
    /// BBLog: the initial sequence number of the first record that has one.
    iss: Option<u32>,
    /// eventlog: the provider table with its count, 32 providers at most.
    providers: Vec<u8>,
    /// eventlog: the layout of the tcp provider, if the file names it.
    layout: Option<Layout>,
    /// eventlog: what the events seen so far say about the layout of the tcp provider.
    votes: Votes,
    /// How many events have voted.
    voters: u32,
    /// eventlog: what the events prove about the machine's ticks per second.
    ticks: EventlogTicks,
}

impl SectionFacts {
    /// What decides the meaning of a record of stack number `id`; `assumed` is the user's word for it.
    pub fn machine(&mut self, id: u8, assumed: &Assumed) -> MachineFacts {
        if let Some((of, facts)) = self.concluded
            && of == id
        {
            return facts;
        }
        let facts = self.conclude(id, assumed);
        self.concluded = Some((id, facts));
        facts
    }

    fn conclude(&self, id: u8, assumed: &Assumed) -> MachineFacts {
        let infer = self.inference.as_deref();
        let named = assumed.stacks.get(&id).map(|&stack| Fact::stated(stack)).or_else(|| {
            let is_inferred = self.machine.is_stack_inferred;
            self.stacks
                .get(&id)
                .filter(|&&stack| stack != Stack::Unknown)
                .map(|&value| Fact { value, is_inferred })
        });
        let stack = named.or_else(|| Some(Fact::inferred(infer?.stack(id)?.value)));
        let kernel = assumed.kernel.map(|kernel| Fact::stated(kernel.into()));
        let kernel = kernel.or(self.machine.kernel).or_else(|| Some(Fact::inferred(infer?.kernel()?.value)));
        let hz = self.machine.hz.or_else(|| NonZeroU32::new(infer?.hz()?.value).map(Fact::inferred));
        MachineFacts { stack, kernel, hz }
    }

    /// Takes in what a record proves about the machine, as far as the section does not say it.
    pub fn observe(&mut self, record: &Record<'_>) {
        let id = record.stack_id();
        if self.observed >= OBSERVED || self.decided == Some(id) {
            return;
        }
        let stated = self.stacks.get(&id).copied().unwrap_or_default();
        let is_told = stated != Stack::Unknown && self.machine.kernel.is_some() && self.machine.hz.is_some();
        if is_told {
            return;
        }
        let inference = self.inference.get_or_insert_default();
        inference.observe(record, stated);
        self.observed += 1;
        if self.observed <= EACH || self.observed.is_multiple_of(EACH) {
            self.concluded = None;
            self.decided = (!inference.is_open(id)).then_some(id);
        }
    }

    /// Whether a record with this initial sequence number is of the section's own connection. A section is
    /// written for one connection, but tools that merge files put the records of all under the first
    /// file's header. 0 is what a connection has before it has chosen one.
    pub fn owns(&mut self, iss: u32) -> bool {
        iss == 0 || *self.iss.get_or_insert(iss) == iss
    }

    /// The name of an eventlog provider.
    pub fn provider(&self, id: u16) -> Option<&[u8]> {
        ProviderTable::split(&self.providers).ok()?.0.name(id)
    }

    /// The layout of the tcp provider's events: the one that the file names, or else the one that the events so
    /// far prove, `raw` included. An event is counted before it is decoded.
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

    /// Takes in what an eventlog event proves about the machine's ticks per second.
    pub fn observe_event(&mut self, raw: &RawEvent<'_>) {
        let wants = self.machine.hz.is_none() && self.ticks.is_open();
        if wants && self.provider(raw.provider_id()) == Some(tcp_provider::NAME) {
            self.ticks.observe(raw);
        }
    }

    /// Ticks per second of the machine that wrote the section's events.
    pub fn ticks_per_second(&self) -> Option<Fact<NonZeroU32>> {
        let inferred = || NonZeroU32::new(self.ticks.hz()?.value).map(Fact::inferred);
        self.machine.hz.or_else(inferred)
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
        let Ok((_, rest)) = ProviderTable::split(table) else {
            return;
        };
        // A section has one table. Of several the last is used, as by bblog.
        self.providers.clear();
        self.providers.extend_from_slice(&table[..table.len() - rest.len()]);
        self.layout = str::from_utf8(rest).ok().and_then(Layout::from_name);
    }
}

/// The sections met so far.
#[derive(Default)]
pub struct Sections {
    /// What the user's preferences say.
    assumed: Assumed,
    known: HashMap<SectionKey, usize>,
    sections: Vec<SectionFacts>,
    /// The one entered or asked for last, and its index: records of a section come together.
    current: Option<(SectionKey, usize)>,
}

impl Sections {
    /// Forgets all.
    pub fn clear(&mut self) {
        let assumed = std::mem::take(&mut self.assumed);
        *self = Sections { assumed, ..Sections::default() };
    }

    /// Takes the preference for stacks: `1=freebsd,2=rack`. What is not of that form is passed over.
    pub fn assume_stacks(&mut self, preference: &str) {
        let pairs = preference.split(',').filter_map(|pair| pair.split_once('='));
        let stacks = pairs.filter_map(|(id, name)| {
            Some((id.trim().parse().ok()?, Stack::from_name(name.trim().as_bytes())))
        });
        self.assumed.stacks = stacks.collect();
        self.clear();
    }

    /// Takes the preference for the kernel.
    pub fn assume_kernel(&mut self, kernel: Option<Kernel>) {
        if self.assumed.kernel != kernel {
            self.assumed.kernel = kernel;
            self.sections.iter_mut().for_each(|section| section.concluded = None);
        }
    }

    /// Makes `key` a section, if it is none yet, and the current one.
    pub fn enter(&mut self, key: SectionKey) {
        let next = self.sections.len();
        let index = *self.known.entry(key).or_insert(next);
        self.current = Some((key, index));
        if index == next {
            self.sections.push(SectionFacts::default());
        }
    }

    /// Notes an option of the current section.
    pub fn note(&mut self, option: SectionOption<'_>) {
        if let Some((_, index)) = self.current
            && let Some(section) = self.sections.get_mut(index)
        {
            section.note(option);
        }
    }

    /// The facts of a section that was entered. It is the current one from then on.
    #[inline]
    pub fn get(&mut self, key: SectionKey) -> Option<(&mut SectionFacts, &Assumed)> {
        let index = match self.current {
            Some((current, index)) if current == key => index,
            _ => {
                let index = *self.known.get(&key)?;
                self.current = Some((key, index));
                index
            }
        };
        Some((self.sections.get_mut(index)?, &self.assumed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_s_word_counts_more_than_the_section_s() {
        let mut sections = Sections::default();
        sections.assume_stacks("1=freebsd, 2 = bbr,nonsense,9=");
        let key = SectionKey { file: 1, number: 0 };
        sections.enter(key);
        sections.note(SectionOption::Netflix(netflix::STACKNAME, b"\x02rack"));
        let stack = |sections: &mut Sections, id| {
            let (section, assumed) = sections.get(key).unwrap();
            section.machine(id, assumed).to_string()
        };
        assert_eq!(stack(&mut sections, 2), "bbr, kernel not known, hz not known");
        assert_eq!(stack(&mut sections, 1), "freebsd, kernel not known, hz not known");
        sections.assume_kernel(Some(Kernel::Freebsd13));
        assert_eq!(stack(&mut sections, 1), "freebsd, kernel 13, hz not known");
    }

    #[test]
    fn sections_are_told_apart_by_file_and_number() {
        let mut sections = Sections::default();
        let (first, second) = (SectionKey { file: 8, number: 0 }, SectionKey { file: 8, number: 1 });
        assert!(sections.get(first).is_none());
        sections.enter(first);
        sections.note(SectionOption::Netflix(netflix::STACKNAME, b"\x02rack\0\0"));
        sections.enter(second);
        sections.note(SectionOption::Netflix(netflix::STACKNAME, b"\x02bbr"));
        assert_eq!(
            sections.get(first).map(|(s, assumed)| s.machine(2, assumed).context().stack),
            Some(Stack::Rack)
        );
        assert_eq!(
            sections.get(second).map(|(s, assumed)| s.machine(2, assumed).context().stack),
            Some(Stack::Bbr)
        );
        assert!(sections.get(SectionKey { file: 16, number: 0 }).is_none());
        sections.clear();
        assert!(sections.get(first).is_none());
    }

    #[test]
    fn records_of_another_connection_are_strangers() {
        let mut section = SectionFacts::default();
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
            ("FreeBSD 12.4-RELEASE", Some(Kernel::Freebsd13)),
            ("FreeBSD 8", None),
        ];
        for (os, kernel) in cases {
            let mut section = SectionFacts::default();
            section.note(SectionOption::Os(os.as_bytes()));
            assert_eq!(
                section.machine(0, &Assumed::default()).kernel.map(|kernel| kernel.value.newest()),
                kernel,
                "{os}"
            );
        }
    }

    #[test]
    fn options_of_any_length_are_survived() {
        let mut section = SectionFacts::default();
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
            let mut section = SectionFacts::default();
            section.note(SectionOption::Freebsd(&option));
            assert_eq!(section.layout.is_some(), option.ends_with(b"D2"));
            assert_eq!(section.provider(7), Some(&b"tcp"[..]));
            assert_eq!(section.provider(9), Some(&b"hpts"[..]));
            assert_eq!(section.provider(1), None);
            let mut other = option.clone();
            let at = other.windows(4).position(|bytes| bytes == b"hpts").expect("it is there");
            other[at..at + 4].copy_from_slice(b"test");
            section.note(SectionOption::Freebsd(&other));
            assert_eq!(section.provider(9), Some(&b"test"[..]), "the last table counts");
        }
    }
}
