// SPDX-License-Identifier: BSD-2-Clause
//! ELOG's bytes as borrowed views: file header, provider table and events.
//!
//! Layouts: elog(5), version 1. All three parts are packed and follow each other without
//! padding, so an event may begin at any offset. Integers are in the capturing host's
//! order, which is read as little-endian (amd64, arm64).

use crate::cursor::Cursor;
use crate::{DecodeError, Micros};

/// What an ELOG file begins with.
pub const MAGIC: [u8; 4] = *b"ELOG";
/// The one version read here.
pub const VERSION: u32 = 1;
/// Bytes of the file header.
pub const FILE_HEADER_LEN: usize = 40;
/// Bytes of one entry of the provider table.
pub const PROVIDER_LEN: usize = 34;
/// The most providers that elog(1) writes or accepts.
pub const MAX_PROVIDERS: u32 = 32;
/// Bytes of an event's header.
pub const EVENT_HEADER_LEN: usize = 32;

/// Event id of SESSION_END, for every provider.
pub const SESSION_END: u32 = 0xffff_ffff;
/// Event id of SESSION_CREATE, for every provider.
pub const SESSION_CREATE: u32 = 0xffff_fffe;
/// Event id of DUMP_COMPLETE, for every provider.
pub const DUMP_COMPLETE: u32 = 0xffff_fffd;

/// The file header (40 bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileHeader {
    /// Timestamp of the first event, microseconds since boot.
    pub capture_start: u64,
    /// Wall clock when elog(1) wrote that event, microseconds since 1970; late by the read
    /// latency. 0 if unknown.
    pub start_utc_us: u64,
    /// Events in the file. 0 means unknown: elog(1) fills it in on a clean end only.
    pub event_count: u64,
    /// Events the kernel dropped. 0 may mean unknown, as above.
    pub dropped_events: u64,
}

impl FileHeader {
    /// Reads the header that `bytes` begin with.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] with fewer than 40 bytes, [`DecodeError::Magic`],
    /// [`DecodeError::Version`], and [`DecodeError::ByteOrder`] for a big-endian file.
    pub fn parse(bytes: &[u8]) -> Result<FileHeader, DecodeError> {
        let what = "ELOG file header";
        let short =
            DecodeError::Truncated { what, needed: FILE_HEADER_LEN as u64, found: bytes.len() as u64 };
        let header: &[u8; FILE_HEADER_LEN] = bytes.first_chunk().ok_or(short)?;
        let at = Cursor(header);
        let magic = *header.first_chunk().ok_or(short)?;
        if magic != MAGIC {
            return Err(DecodeError::Magic { found: magic });
        }
        let version = at.u32(4).ok_or(short)?;
        if version != VERSION {
            let what = "ELOG";
            return Err(if version.swap_bytes() == VERSION {
                DecodeError::ByteOrder { what, found: version, supported: VERSION }
            } else {
                DecodeError::Version { what, found: version, supported: VERSION }
            });
        }
        Ok(FileHeader {
            capture_start: at.u64(8).ok_or(short)?,
            start_utc_us: at.u64(16).ok_or(short)?,
            event_count: at.u64(24).ok_or(short)?,
            dropped_events: at.u64(32).ok_or(short)?,
        })
    }

    /// The header's 40 bytes.
    pub fn to_bytes(&self) -> [u8; FILE_HEADER_LEN] {
        let mut bytes = [0; FILE_HEADER_LEN];
        bytes[..4].copy_from_slice(&MAGIC);
        bytes[4..8].copy_from_slice(&VERSION.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.capture_start.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.start_utc_us.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.event_count.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.dropped_events.to_le_bytes());
        bytes
    }

    /// UTC of an event: `start_utc_us + (timestamp - capture_start)`, a signed difference.
    /// Without a wall clock (`start_utc_us` 0) this is the uptime.
    pub fn utc(&self, timestamp: u64) -> Micros {
        if self.start_utc_us == 0 {
            return Micros(timestamp as i64);
        }
        Micros(self.start_utc_us.wrapping_add(timestamp.wrapping_sub(self.capture_start)) as i64)
    }
}

/// The provider table: which id is which provider. Several ids may bear one name (each TCP
/// stack registers its own `tcp`).
#[derive(Clone, Copy)]
pub struct ProviderTable<'a> {
    entries: &'a [u8],
}

impl<'a> ProviderTable<'a> {
    /// Reads the table that `bytes` begin with, and gives what follows it.
    ///
    /// # Errors
    /// [`DecodeError::Providers`] with a count above 32, [`DecodeError::Truncated`].
    pub fn split(bytes: &'a [u8]) -> Result<(ProviderTable<'a>, &'a [u8]), DecodeError> {
        let needed = ProviderTable::len_of(bytes)?;
        let Some((table, rest)) = bytes.split_at_checked(needed) else {
            return Err(DecodeError::Truncated {
                what: "ELOG provider table",
                needed: needed as u64,
                found: bytes.len() as u64,
            });
        };
        Ok((ProviderTable { entries: &table[4..] }, rest))
    }

    /// The bytes of the table that `bytes` begin with, its count included: at least 4 must be there.
    ///
    /// # Errors
    /// As [`ProviderTable::split`], but only the count has to be there.
    pub fn len_of(bytes: &[u8]) -> Result<usize, DecodeError> {
        let count = Cursor(bytes).u32(0).ok_or(DecodeError::Truncated {
            what: "ELOG provider count",
            needed: 4,
            found: bytes.len() as u64,
        })?;
        if count > MAX_PROVIDERS {
            return Err(DecodeError::Providers { found: count, max: MAX_PROVIDERS });
        }
        Ok(4 + count as usize * PROVIDER_LEN)
    }

    /// Ids and names (at most 32 bytes, any bytes), in the file's order.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &'a [u8])> + use<'a> {
        self.entries.chunks_exact(PROVIDER_LEN).map(|entry| {
            (Cursor(entry).u16(0).unwrap_or_default(), Cursor(entry).text(2, 32).unwrap_or_default())
        })
    }

    /// The name of provider `id`; the first entry wins if an id stands twice.
    pub fn name(&self, id: u16) -> Option<&'a [u8]> {
        self.iter().find(|entry| entry.0 == id).map(|entry| entry.1)
    }
}

/// One event: its 32-byte header and its payload.
#[derive(Clone, Copy)]
pub struct RawEvent<'a> {
    header: &'a [u8; EVENT_HEADER_LEN],
    /// Header and payload.
    bytes: &'a [u8],
}

impl<'a> RawEvent<'a> {
    /// Takes one event off the front of `bytes`. `None` if they end before the event does: the
    /// torn last event of a capture that was killed.
    ///
    /// # Errors
    /// [`DecodeError::Length`] if `event_length` is below 32.
    #[inline]
    pub fn split(bytes: &'a [u8]) -> Result<Option<(RawEvent<'a>, &'a [u8])>, DecodeError> {
        let Some(header) = bytes.first_chunk::<EVENT_HEADER_LEN>() else { return Ok(None) };
        let len = usize::from(u16::from_le_bytes([header[0], header[1]]));
        if len < EVENT_HEADER_LEN {
            return Err(DecodeError::Length {
                what: "event length",
                found: len as u64,
                min: EVENT_HEADER_LEN as u64,
                max: u64::from(u16::MAX),
            });
        }
        Ok(bytes.split_at_checked(len).map(|(bytes, rest)| (RawEvent { header, bytes }, rest)))
    }

    /// The bytes that the event at the front of `bytes` needs to be whole, as far as follows from what is
    /// there: `event_length`, but not less than a header.
    pub fn needed(bytes: &[u8]) -> usize {
        let length = bytes.first_chunk().map_or(0, |&length| usize::from(u16::from_le_bytes(length)));
        length.max(EVENT_HEADER_LEN)
    }

    /// Takes all of `bytes` as one event, and ignores its length field: the pcapng form.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] with fewer than 32 bytes.
    #[inline]
    pub fn whole(bytes: &'a [u8]) -> Result<RawEvent<'a>, DecodeError> {
        let Some(header) = bytes.first_chunk() else {
            let needed = EVENT_HEADER_LEN as u64;
            return Err(DecodeError::Truncated { what: "ELOG event", needed, found: bytes.len() as u64 });
        };
        Ok(RawEvent { header, bytes })
    }

    /// Header and payload.
    #[inline]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The bytes after the header.
    #[inline]
    pub fn payload(&self) -> &'a [u8] {
        self.bytes.get(EVENT_HEADER_LEN..).unwrap_or_default()
    }

    /// The CPU the event was written on.
    #[inline]
    pub fn cpu(&self) -> u16 {
        u16::from_le_bytes(self.at::<2, _>())
    }

    /// The provider's id, a key into the provider table.
    #[inline]
    pub fn provider_id(&self) -> u16 {
        u16::from_le_bytes(self.at::<4, _>())
    }

    /// Microseconds since boot.
    #[inline]
    pub fn timestamp(&self) -> u64 {
        u64::from_le_bytes(self.at::<8, _>())
    }

    /// The session, as the provider defines it: for `tcp` one connection.
    #[inline]
    pub fn session_id(&self) -> u64 {
        u64::from_le_bytes(self.at::<16, _>())
    }

    /// The provider's event number.
    #[inline]
    pub fn event_id(&self) -> u32 {
        u32::from_le_bytes(self.at::<24, _>())
    }

    /// The thread that wrote the event, 0 if none.
    #[inline]
    pub fn thread_id(&self) -> i32 {
        i32::from_le_bytes(self.at::<28, _>())
    }

    /// The header's `N` bytes at `AT`.
    #[inline]
    fn at<const AT: usize, const N: usize>(&self) -> [u8; N] {
        const { assert!(AT + N <= EVENT_HEADER_LEN) };
        std::array::from_fn(|byte| self.header[AT + byte])
    }
}
