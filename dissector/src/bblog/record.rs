// SPDX-License-Identifier: BSD-2-Clause
//! A record, and the members that every record has.
//!
//! Their offsets are in `tables/bblog/members.tbl`, from which the build makes the constants used here.

use super::{EventFlags, RECORD_LEN, TCPINFO_LEN, VERBOSE_LEN, Verbose, id, t_flags};
use crate::tables::member;
use crate::tcp_header::TcpHeader;
use crate::{DecodeError, Micros};

/// One record: `struct tcp_log_buffer`, whole (328 bytes) or up to `tlb_th` (268).
///
/// Its methods give the members that every record has, as they were logged; [`Event`](crate::event::Event)
/// gives all values under their names and units. Sequence numbers are absolute, modulo 2^32.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    /// The members up to `tlb_th`, which both forms have.
    info: &'a [u8; TCPINFO_LEN],
    bytes: &'a [u8],
    verbose: Option<&'a [u8; VERBOSE_LEN]>,
}

/// Methods that read a member of 32 bits.
macro_rules! members {
    ($($(#[$doc:meta])* $name:ident: $member:ident as $type:ty;)*) => {$(
        $(#[$doc])*
        #[inline]
        pub fn $name(&self) -> $type {
            <$type>::from_le_bytes(self.at::<{ member::$member }, _>())
        }
    )*};
}

impl<'a> Record<'a> {
    /// Takes one record, and its verbose part if it has one, off the front of an entry's body.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if `body` ends before the record or its verbose part does.
    #[inline]
    pub fn split(body: &'a [u8]) -> Result<(Record<'a>, &'a [u8]), DecodeError> {
        let truncated = |what, needed: usize| DecodeError::Truncated {
            what,
            needed: needed as u64,
            found: body.len() as u64,
        };
        let Some((whole, rest)) = body.split_first_chunk::<RECORD_LEN>() else {
            return Err(truncated("BBLog record", RECORD_LEN));
        };
        let record = Record::from_bytes(whole);
        if !record.flags().has(EventFlags::VERBOSE) {
            return Ok((record, rest));
        }
        match rest.split_first_chunk() {
            Some((verbose, rest)) => Ok((Record { verbose: Some(verbose), ..record }, rest)),
            None => Err(truncated("BBLog verbose record", RECORD_LEN + VERBOSE_LEN)),
        }
    }

    /// The 268-byte form kept in pcapng's TCPINFO option; longer input is a whole record.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] with fewer than 268 bytes.
    #[inline]
    pub fn from_tcpinfo(bytes: &'a [u8]) -> Result<Record<'a>, DecodeError> {
        let Some(info) = bytes.first_chunk() else {
            let needed = TCPINFO_LEN as u64;
            return Err(DecodeError::Truncated { what: "BBLog record", needed, found: bytes.len() as u64 });
        };
        Ok(Record { info, bytes: &bytes[..bytes.len().min(RECORD_LEN)], verbose: None })
    }

    /// The record in `bytes`, without a verbose part.
    #[inline]
    pub fn from_bytes(bytes: &'a [u8; RECORD_LEN]) -> Record<'a> {
        let info = bytes.first_chunk().expect("328 bytes are more than 268");
        Record { info, bytes, verbose: None }
    }

    /// The same record with the verbose part that was stored beside it.
    pub fn with_verbose(self, verbose: Option<&'a [u8; VERBOSE_LEN]>) -> Record<'a> {
        Record { verbose, ..self }
    }

    /// Whether `front`, the first 28 bytes of a record, can be what FreeBSD writes: an uptime below 2^32 seconds,
    /// microseconds below 10^6, an event number other than 0, no flag that [`EventFlags`] does not have. The header
    /// of an entry and zeros are not. `true` with fewer than 28 bytes, which are too few to decide.
    #[inline]
    pub fn is_plausible(front: &[u8]) -> bool {
        const FLAGS: u16 = 0x1f;
        let Some(front) = front.first_chunk::<{ Record::FRONT }>() else { return true };
        let eight = |at: usize| front[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        let flags = u16::from_le_bytes([front[member::TLB_EVENTFLAGS], front[member::TLB_EVENTFLAGS + 1]]);
        eight(member::TLB_TV_TV_SEC) < 1 << 32
            && eight(member::TLB_TV_TV_USEC) < 1_000_000
            && front[member::TLB_EVENTID] != 0
            && flags & !FLAGS == 0
    }

    /// Bytes that [`Record::is_plausible`] looks at.
    pub const FRONT: usize = 28;

    /// The record's bytes: 328, or 268 for a TCPINFO, without the verbose part.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes before `tlb_th`.
    pub fn tcpinfo(&self) -> &'a [u8; TCPINFO_LEN] {
        self.info
    }

    /// The `N` bytes at `AT`.
    #[inline]
    fn at<const AT: usize, const N: usize>(&self) -> [u8; N] {
        const { assert!(AT + N <= TCPINFO_LEN) };
        std::array::from_fn(|byte| self.info[AT + byte])
    }

    /// `tlb_tv`: the uptime; add [`Header::boot_time`](super::Header::boot_time) for UTC.
    pub fn time(&self) -> Micros {
        Micros::from_timeval(
            i64::from_le_bytes(self.at::<{ member::TLB_TV_TV_SEC }, _>()),
            i64::from_le_bytes(self.at::<{ member::TLB_TV_TV_USEC }, _>()),
        )
    }

    /// `tlb_stackid`: the TCP stack's number on that machine; its name stands elsewhere.
    #[inline]
    pub fn stack_id(&self) -> u8 {
        self.info[member::TLB_STACKID]
    }

    /// `tlb_eventid`, one of [`id`].
    #[inline]
    pub fn event_id(&self) -> u8 {
        self.info[member::TLB_EVENTID]
    }

    /// `tlb_eventflags`.
    #[inline]
    pub fn flags(&self) -> EventFlags {
        EventFlags(u16::from_le_bytes(self.at::<{ member::TLB_EVENTFLAGS }, _>()))
    }

    members! {
        /// `tlb_ticks`: the kernel's tick counter; a second has `hz` ticks (`kern.hz`).
        ticks: TLB_TICKS as u32;
        /// `tlb_sn`: counts the connection's records from 0; a gap means lost records.
        serial: TLB_SN as u32;
        /// `tlb_errno`: FreeBSD's error number of the event, 0 none, -1 not known (yet).
        errno: TLB_ERRNO as i32;
        /// `tlb_state`: the TCP state, one of [`tcp_state`](super::tcp_state).
        state: TLB_STATE as i32;
        /// `tlb_starttime`: the tick counter when the connection began.
        starttime: TLB_STARTTIME as u32;
        /// `tlb_iss`: the initial send sequence number; 0 before there is one.
        iss: TLB_ISS as u32;
        /// `tlb_flags`: the connection's flags, bits of [`t_flags`].
        t_flags: TLB_FLAGS as u32;
        /// `tlb_flags2`: the second word of the connection's flags.
        t_flags2: TLB_FLAGS2 as u32;
        /// `tlb_snd_una`: the oldest sequence number sent and not acknowledged.
        snd_una: TLB_SND_UNA as u32;
        /// `tlb_snd_max`: the highest sequence number sent, plus 1.
        snd_max: TLB_SND_MAX as u32;
        /// `tlb_snd_nxt`: the next sequence number to send.
        snd_nxt: TLB_SND_NXT as u32;
        /// `tlb_snd_cwnd`: the congestion window, bytes; 1073725440 before the connection is established.
        snd_cwnd: TLB_SND_CWND as u32;
        /// `tlb_snd_wnd`: the window that the peer advertises, bytes.
        snd_wnd: TLB_SND_WND as u32;
        /// `tlb_snd_ssthresh`: the slow-start threshold, bytes; 1073725440 before the first loss.
        snd_ssthresh: TLB_SND_SSTHRESH as u32;
        /// `tlb_snd_recover`: the sequence number that ends loss recovery.
        snd_recover: TLB_SND_RECOVER as u32;
        /// `tlb_srtt`: the smoothed round-trip time, 0 before the first sample. Its unit depends on stack and
        /// kernel: the row `srtt` of `tables/bblog/record.tbl` has it.
        srtt: TLB_SRTT as u32;
        /// `tlb_rttvar`: the variance of the round-trip time; see [`Record::srtt`] for its unit.
        rttvar: TLB_RTTVAR as u32;
        /// `tlb_rcv_nxt`: the next sequence number expected; 0 before the peer's SYN was processed.
        rcv_nxt: TLB_RCV_NXT as u32;
        /// `tlb_rcv_adv`: the right edge of the window that was advertised, a sequence number.
        rcv_adv: TLB_RCV_ADV as u32;
        /// `tlb_rcv_wnd`: the receive window, bytes.
        rcv_wnd: TLB_RCV_WND as u32;
        /// `tlb_dupacks`: duplicate acknowledgements in a row.
        dupacks: TLB_DUPACKS as u32;
        /// `tlb_segqlen`: segments in the reassembly queue.
        segqlen: TLB_SEGQLEN as i32;
        /// `tlb_snd_numholes`: holes that the peer's SACK blocks leave.
        snd_numholes: TLB_SND_NUMHOLES as i32;
        /// `tlb_len`: payload bytes of the segment.
        len: TLB_LEN as u32;
    }

    /// Whether the segment carries no payload.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Sent and not acknowledged: `snd_max - snd_una`, bytes (SYN and FIN count as one each).
    #[inline]
    pub fn flight(&self) -> u32 {
        self.snd_max().wrapping_sub(self.snd_una())
    }

    /// `tlb_snd_scale`: the shift of the windows that the peer advertises, 0 to 14.
    #[inline]
    pub fn snd_scale(&self) -> u8 {
        self.info[member::TLB_SCALE] & 0x0f
    }

    /// `tlb_rcv_scale`: the shift of the windows that this side advertises, 0 to 14.
    #[inline]
    pub fn rcv_scale(&self) -> u8 {
        self.info[member::TLB_SCALE] >> 4
    }

    /// `tlb_rxbuf.tls_sb_acc`: bytes in the receive buffer that the program can read. `None` without
    /// [`EventFlags::RXBUF`].
    #[inline]
    pub fn rxb_acc(&self) -> Option<u32> {
        let logged = self.flags().has(EventFlags::RXBUF);
        logged.then(|| u32::from_le_bytes(self.at::<{ member::TLB_RXBUF_TLS_SB_ACC }, _>()))
    }

    /// `tlb_rxbuf.tls_sb_ccc`: bytes in the receive buffer. `None` without [`EventFlags::RXBUF`].
    #[inline]
    pub fn rxb_ccc(&self) -> Option<u32> {
        let logged = self.flags().has(EventFlags::RXBUF);
        logged.then(|| u32::from_le_bytes(self.at::<{ member::TLB_RXBUF_TLS_SB_CCC }, _>()))
    }

    /// `tlb_txbuf.tls_sb_acc`: bytes in the send buffer that can be sent, those in flight among them. `None`
    /// without [`EventFlags::TXBUF`].
    #[inline]
    pub fn txb_acc(&self) -> Option<u32> {
        let logged = self.flags().has(EventFlags::TXBUF);
        logged.then(|| u32::from_le_bytes(self.at::<{ member::TLB_TXBUF_TLS_SB_ACC }, _>()))
    }

    /// `tlb_txbuf.tls_sb_ccc`: bytes in the send buffer. `None` without [`EventFlags::TXBUF`].
    #[inline]
    pub fn txb_ccc(&self) -> Option<u32> {
        let logged = self.flags().has(EventFlags::TXBUF);
        logged.then(|| u32::from_le_bytes(self.at::<{ member::TLB_TXBUF_TLS_SB_CCC }, _>()))
    }

    /// Whether the event is a segment received ([`id::IN`]) or sent ([`id::OUT`]).
    #[inline]
    pub fn is_segment(&self) -> bool {
        matches!(self.event_id(), id::IN | id::OUT)
    }

    /// Whether the event says that the connection ended ([`id::CONNEND`]).
    #[inline]
    pub fn is_connection_end(&self) -> bool {
        self.event_id() == id::CONNEND
    }

    /// Whether the connection is in loss recovery or answers a congestion signal: `TF_FASTRECOVERY` or
    /// `TF_CONGRECOVERY`. BBR keeps its recovery elsewhere and sets neither.
    #[inline]
    pub fn is_in_recovery(&self) -> bool {
        self.t_flags() & (t_flags::FASTRECOVERY | t_flags::CONGRECOVERY) != 0
    }

    /// Whether the segment of the record came from the peer. IN and OUT say it themselves; another event with
    /// a TCP header is taken as sent unless its ports, source first, are `from_peer`.
    #[inline]
    pub fn is_received(&self, from_peer: (u16, u16)) -> bool {
        match self.event_id() {
            id::IN => true,
            id::OUT => false,
            _ => {
                self.tcp_header().is_some_and(|tcp| (tcp.source_port(), tcp.destination_port()) == from_peer)
            }
        }
    }

    /// The TCP header with its options, in network order: `th_off * 4` bytes, 20 to 60.
    ///
    /// `None` without [`EventFlags::HDR`], in a TCPINFO, or if `th_off` is below 5.
    #[inline]
    pub fn tcp(&self) -> Option<&'a [u8]> {
        self.tcp_header().map(|header| header.as_bytes())
    }

    /// The TCP header with its options; `None` as for [`Record::tcp`].
    #[inline]
    pub fn tcp_header(&self) -> Option<TcpHeader<'a>> {
        if !self.flags().has(EventFlags::HDR) {
            return None;
        }
        TcpHeader::parse(self.bytes.get(TCPINFO_LEN..)?)
    }

    /// The verbose part, if the record came with one.
    pub fn verbose(&self) -> Option<Verbose<'a>> {
        self.verbose.map(Verbose)
    }

    /// Whether this record was cut by FreeBSD's lldb script, which for records without a TCP
    /// header keeps the first 60 bytes only and leaves the rest zero.
    #[inline]
    pub fn is_lldb_cut(&self) -> bool {
        !self.flags().has(EventFlags::HDR) && self.bytes[Record::LLDB_LEN..].iter().all(|&b| b == 0)
    }

    /// The bytes that FreeBSD's lldb script keeps of a record without a TCP header.
    const LLDB_LEN: usize = 60;

    /// The record's bytes without those that FreeBSD's lldb script left out: what it does not have is no zero.
    #[inline]
    pub fn known_bytes(&self) -> &'a [u8] {
        if self.is_lldb_cut() { &self.bytes[..Record::LLDB_LEN] } else { self.bytes }
    }
}
