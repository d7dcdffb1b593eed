// SPDX-License-Identifier: BSD-2-Clause
//! BBLog's bytes as borrowed views: the entry header, records and verbose parts.
//!
//! Layouts: `struct tcp_log_header`, `struct tcp_log_buffer` and `struct tcp_log_verbose`
//! of tcp_log_buf.h, `TCP_LOG_BUF_VER` 9 (FreeBSD 13 to main). Integers are little-endian
//! unless a method says otherwise.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::cursor::Cursor;
use crate::{Micros, Problem};

/// `TCP_LOG_BUF_VER`: the one version read here.
pub const VERSION: u32 = 9;
/// `sizeof(struct tcp_log_header)`.
pub const HEADER_LEN: usize = 208;
/// `sizeof(struct tcp_log_buffer)`.
pub const RECORD_LEN: usize = 328;
/// `sizeof(struct tcp_log_verbose)`, which follows a record that has [`EventFlags::VERBOSE`].
pub const VERBOSE_LEN: usize = 72;
/// The part of a record before `tlb_th`, which is what pcapng files hold ("TCPINFO").
pub const TCPINFO_LEN: usize = 268;
/// Where `tlb_stackinfo`, the union whose meaning depends on event and stack, begins.
pub const STACKINFO_AT: usize = 160;

/// `TCP_LOG_DEV_TYPE_BBR`, the only entry type defined.
const TYPE_BBR: u32 = 1;
/// FreeBSD's `AF_INET6`.
const AF_INET6: u8 = 28;

/// The header of an entry (208 bytes): one dump of one connection.
#[derive(Clone, Copy)]
pub struct Header<'a>(&'a [u8; HEADER_LEN]);

impl<'a> Header<'a> {
    /// Reads the header that `bytes` begin with.
    ///
    /// # Errors
    /// [`Problem::Truncated`] with fewer than 208 bytes, [`Problem::Version`] or
    /// [`Problem::ByteOrder`] if `tlch_version` is not 9, [`Problem::EntryType`] if
    /// `tlch_type` is not 1 and [`Problem::Length`] if `tlch_length` is below 208.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Problem> {
        let header = Header::unchecked(bytes)?;
        let version = header.version();
        if version != VERSION {
            let what = "BBLog";
            return Err(if version.swap_bytes() == VERSION {
                Problem::ByteOrder { what, found: version, supported: VERSION }
            } else {
                Problem::Version { what, found: version, supported: VERSION }
            });
        }
        if header.entry_type() != TYPE_BBR {
            return Err(Problem::EntryType { found: header.entry_type() });
        }
        if header.entry_len() < HEADER_LEN as u64 {
            return Err(Problem::Length {
                what: "entry length",
                found: header.entry_len(),
                min: HEADER_LEN as u64,
                max: u64::MAX,
            });
        }
        Ok(header)
    }

    /// Takes the bytes as a header whatever they hold: for DUMPINFO options, whose version stands
    /// elsewhere and whose length is that of the rest.
    ///
    /// # Errors
    /// [`Problem::Truncated`] with fewer than 208 bytes.
    pub fn unchecked(bytes: &'a [u8]) -> Result<Self, Problem> {
        bytes.first_chunk().map(Header).ok_or(Problem::Truncated {
            what: "BBLog entry header",
            needed: HEADER_LEN as u64,
            found: bytes.len() as u64,
        })
    }

    /// The 208 bytes.
    pub fn as_bytes(&self) -> &'a [u8; HEADER_LEN] {
        self.0
    }

    fn at(&self) -> Cursor<'a> {
        Cursor(self.0)
    }

    /// `tlch_version`.
    pub fn version(&self) -> u32 {
        self.at().u32(0).unwrap_or_default()
    }

    /// `tlch_type`.
    pub fn entry_type(&self) -> u32 {
        self.at().u32(4).unwrap_or_default()
    }

    /// `tlch_length`: bytes of the whole entry, header included.
    pub fn entry_len(&self) -> u64 {
        self.at().u64(8).unwrap_or_default()
    }

    /// Bytes of the records that follow the header.
    pub fn body_len(&self) -> u64 {
        self.entry_len().saturating_sub(HEADER_LEN as u64)
    }

    /// `ie_fport`: the peer's port (stored in network order).
    pub fn fport(&self) -> u16 {
        self.at().be16(16).unwrap_or_default()
    }

    /// `ie_lport`: our port (stored in network order).
    pub fn lport(&self) -> u16 {
        self.at().be16(18).unwrap_or_default()
    }

    /// The peer's address.
    pub fn faddr(&self) -> IpAddr {
        self.address(20)
    }

    /// Our address.
    pub fn laddr(&self) -> IpAddr {
        self.address(36)
    }

    /// An `in_dependaddr`: 16 bytes, of which IPv4 uses the last four.
    fn address(&self, at: usize) -> IpAddr {
        let bytes: [u8; 16] = self.0[at..].first_chunk().copied().unwrap_or_default();
        if self.is_ipv6() {
            IpAddr::V6(Ipv6Addr::from(bytes))
        } else {
            IpAddr::V4(Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15]))
        }
    }

    /// `ie6_zoneid`: the IPv6 scope zone, 0 if none.
    pub fn zone(&self) -> u32 {
        self.at().u32(52).unwrap_or_default()
    }

    /// `tlh_offset`: when the machine booted, since 1970. A record's time plus this is UTC.
    /// Zero in files made from core dumps.
    pub fn boot_time(&self) -> Micros {
        let at = self.at();
        Micros::from_timeval(at.i64(56).unwrap_or_default(), at.i64(64).unwrap_or_default())
    }

    /// `tlh_id`, the log id (at most 64 bytes, set by an unprivileged program: any bytes);
    /// `UNKNOWN` if unset.
    pub fn id(&self) -> &'a [u8] {
        self.at().text(72, 64).unwrap_or_default()
    }

    /// `tlh_reason`: why the log was dumped (at most 32 bytes, any bytes).
    pub fn reason(&self) -> &'a [u8] {
        self.at().text(136, 32).unwrap_or_default()
    }

    /// `tlh_tag`: the tag of the log (at most 32 bytes, any bytes); `UNKNOWN` if unset.
    pub fn tag(&self) -> &'a [u8] {
        self.at().text(168, 32).unwrap_or_default()
    }

    /// Whether `tlh_af` is AF_INET6 (28); anything else counts as AF_INET (2).
    pub fn is_ipv6(&self) -> bool {
        self.0[200] == AF_INET6
    }
}

/// `tlb_eventflags`: which optional parts of a record are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventFlags(pub u16);

impl EventFlags {
    /// `TLB_FLAG_RXBUF`: the receive buffer's counts.
    pub const RXBUF: u16 = 0x01;
    /// `TLB_FLAG_TXBUF`: the send buffer's counts.
    pub const TXBUF: u16 = 0x02;
    /// `TLB_FLAG_HDR`: the TCP header and options.
    pub const HDR: u16 = 0x04;
    /// `TLB_FLAG_VERBOSE`: a verbose part follows the record.
    pub const VERBOSE: u16 = 0x08;
    /// `TLB_FLAG_STACKINFO`: the stack-specific union.
    pub const STACKINFO: u16 = 0x10;

    /// Whether every bit of `mask` is set.
    #[inline]
    pub fn has(self, mask: u16) -> bool {
        self.0 & mask == mask
    }
}

/// One record: `struct tcp_log_buffer`, whole (328 bytes) or up to `tlb_th` (268).
#[derive(Clone, Copy)]
pub struct Record<'a> {
    bytes: &'a [u8],
    verbose: Option<&'a [u8; VERBOSE_LEN]>,
}

impl<'a> Record<'a> {
    /// Takes one record, and its verbose part if it has one, off the front of an entry's body.
    ///
    /// # Errors
    /// [`Problem::Truncated`] if `body` ends before the record or its verbose part does.
    #[inline]
    pub fn split(body: &'a [u8]) -> Result<(Record<'a>, &'a [u8]), Problem> {
        let Some((bytes, rest)) = body.split_at_checked(RECORD_LEN) else {
            let needed = RECORD_LEN as u64;
            return Err(Problem::Truncated { what: "BBLog record", needed, found: body.len() as u64 });
        };
        let record = Record { bytes, verbose: None };
        if !record.flags().has(EventFlags::VERBOSE) {
            return Ok((record, rest));
        }
        match rest.split_first_chunk() {
            Some((verbose, rest)) => Ok((Record { bytes, verbose: Some(verbose) }, rest)),
            None => Err(Problem::Truncated {
                what: "BBLog verbose record",
                needed: (RECORD_LEN + VERBOSE_LEN) as u64,
                found: body.len() as u64,
            }),
        }
    }

    /// The 268-byte form kept in pcapng's TCPINFO option; longer input is a whole record.
    ///
    /// # Errors
    /// [`Problem::Truncated`] with fewer than 268 bytes.
    pub fn from_tcpinfo(bytes: &'a [u8]) -> Result<Record<'a>, Problem> {
        if bytes.len() < TCPINFO_LEN {
            let needed = TCPINFO_LEN as u64;
            return Err(Problem::Truncated { what: "BBLog record", needed, found: bytes.len() as u64 });
        }
        Ok(Record { bytes: &bytes[..bytes.len().min(RECORD_LEN)], verbose: None })
    }

    /// The same record with the verbose part that was stored beside it.
    pub fn with_verbose(self, verbose: Option<&'a [u8; VERBOSE_LEN]>) -> Record<'a> {
        Record { verbose, ..self }
    }

    /// The record's bytes: 328, or 268 for a TCPINFO, without the verbose part.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes before `tlb_th`.
    pub fn tcpinfo(&self) -> &'a [u8] {
        &self.bytes[..TCPINFO_LEN.min(self.bytes.len())]
    }

    #[inline]
    fn at(&self) -> Cursor<'a> {
        Cursor(self.bytes)
    }

    /// `tlb_tv`: uptime; add [`Header::boot_time`] for UTC.
    pub fn time(&self) -> Micros {
        Micros::from_timeval(self.at().i64(0).unwrap_or_default(), self.at().i64(8).unwrap_or_default())
    }

    /// `tlb_ticks`: the kernel's tick counter.
    pub fn ticks(&self) -> u32 {
        self.at().u32(16).unwrap_or_default()
    }

    /// `tlb_sn`: counts the connection's records from 0; a gap means lost records.
    pub fn serial(&self) -> u32 {
        self.at().u32(20).unwrap_or_default()
    }

    /// `tlb_stackid`: the TCP stack's number on that machine; its name stands elsewhere.
    pub fn stack_id(&self) -> u8 {
        self.bytes[24]
    }

    /// `tlb_eventid`.
    #[inline]
    pub fn event_id(&self) -> u8 {
        self.bytes[25]
    }

    /// `tlb_eventflags`.
    #[inline]
    pub fn flags(&self) -> EventFlags {
        EventFlags(self.at().u16(26).unwrap_or_default())
    }

    /// `tlb_errno`: FreeBSD's error number of the event, 0 none, -1 not known (yet).
    pub fn errno(&self) -> i32 {
        self.at().i32(28).unwrap_or_default()
    }

    /// `tlb_len`: payload bytes of the segment.
    pub fn len(&self) -> u32 {
        self.at().u32(264).unwrap_or_default()
    }

    /// Whether the segment carries no payload.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The TCP header with its options, in network order: `th_off * 4` bytes, 20 to 60.
    ///
    /// `None` without [`EventFlags::HDR`], in a TCPINFO, or if `th_off` is below 5.
    pub fn tcp(&self) -> Option<&'a [u8]> {
        if !self.flags().has(EventFlags::HDR) {
            return None;
        }
        let header_len = usize::from(self.bytes.get(280)? >> 4) * 4;
        if header_len < 20 {
            return None;
        }
        self.bytes.get(TCPINFO_LEN..TCPINFO_LEN + header_len)
    }

    /// The verbose part, if the record came with one.
    pub fn verbose(&self) -> Option<Verbose<'a>> {
        self.verbose.map(Verbose)
    }

    /// Whether this record was cut by FreeBSD's lldb script, which for records without a TCP
    /// header keeps the first 60 bytes only and leaves the rest zero.
    pub fn is_lldb_cut(&self) -> bool {
        self.bytes.len() == RECORD_LEN
            && !self.flags().has(EventFlags::HDR)
            && self.bytes[60..].iter().all(|&b| b == 0)
    }
}

/// `struct tcp_log_verbose` (72 bytes): where in the kernel the record was made.
#[derive(Clone, Copy)]
pub struct Verbose<'a>(&'a [u8; VERBOSE_LEN]);

impl<'a> Verbose<'a> {
    /// The 72 bytes.
    pub fn as_bytes(&self) -> &'a [u8; VERBOSE_LEN] {
        self.0
    }

    /// `tlv_snd_frm`: the caller of the output function; may be empty.
    pub fn caller(&self) -> &'a [u8] {
        Cursor(self.0).text(0, 32).unwrap_or_default()
    }

    /// `tlv_trace_func`: the function that logged.
    pub fn function(&self) -> &'a [u8] {
        Cursor(self.0).text(32, 32).unwrap_or_default()
    }

    /// `tlv_trace_line`: its source line.
    pub fn line(&self) -> u32 {
        Cursor(self.0).u32(64).unwrap_or_default()
    }
}

/// The records of an entry's body.
pub fn records(body: &[u8]) -> Records<'_> {
    Records { rest: body, failed: false }
}

/// Iterator over an entry's records; ends after the first fault.
#[derive(Clone)]
pub struct Records<'a> {
    rest: &'a [u8],
    failed: bool,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.rest.is_empty() {
            return None;
        }
        match Record::split(self.rest) {
            Ok((record, rest)) => {
                self.rest = rest;
                Some(Ok(record))
            }
            Err(problem) => {
                self.failed = true;
                Some(Err(problem))
            }
        }
    }
}

/// The entries of a device stream, or of a core-dump file, held in memory.
///
/// Each is its header and its body; a body that the bytes end in is given as far as it goes,
/// followed by the fault. The position of the faulty entry is [`Entries::offset`].
pub fn entries(stream: &[u8]) -> Entries<'_> {
    Entries { stream, offset: 0, problem: None }
}

/// Iterator over entries; ends after the first fault.
#[derive(Clone)]
pub struct Entries<'a> {
    stream: &'a [u8],
    offset: usize,
    problem: Option<Problem>,
}

impl Entries<'_> {
    /// Bytes consumed so far: where the next entry begins.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(Header<'a>, &'a [u8]), Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(problem) = self.problem.take() {
            self.offset = self.stream.len();
            return Some(Err(problem));
        }
        let bytes = &self.stream[self.offset..];
        if bytes.is_empty() {
            return None;
        }
        let header = match Header::parse(bytes) {
            Ok(header) => header,
            Err(problem) => {
                self.offset = self.stream.len();
                return Some(Err(problem));
            }
        };
        let body = &bytes[HEADER_LEN..];
        let wanted = header.body_len();
        if wanted <= body.len() as u64 {
            let body = &body[..wanted as usize];
            self.offset += HEADER_LEN + body.len();
            return Some(Ok((header, body)));
        }
        self.problem = Some(Problem::Truncated {
            what: "BBLog entry",
            needed: header.entry_len(),
            found: bytes.len() as u64,
        });
        Some(Ok((header, body)))
    }
}
