// SPDX-License-Identifier: BSD-2-Clause
//! Logs of big-endian machines (powerpc64): each integer is turned round, so that what follows is as a little-endian
//! machine would have logged it.
//!
//! Headers, records and events are turned round as a whole, in place. Where the members of a record lie stands in
//! `tables/bblog/members.tbl`, and where those of an event lie in its provider's schema; an event that no schema
//! describes keeps its payload as it is.

use crate::bblog::{HEADER_LEN, RECORD_LEN, TCPINFO_LEN, VERBOSE_LEN, VERSION};
use crate::elog::{self, EVENT_HEADER_LEN, FILE_HEADER_LEN, PROVIDER_LEN};
use crate::spec::{ByteOrder, EventSpec, Repeat, ValueKind};
use crate::tables::{self, member};

/// Where the integers of an entry's header lie, and their sizes; ports and addresses are in network order.
const HEADER: [(u16, u8); 6] = [(0, 4), (4, 4), (8, 8), (52, 4), (56, 8), (64, 8)];
/// The one of a verbose part.
const VERBOSE: [(u16, u8); 1] = [(64, 4)];
/// Integers of an ELOG file's header, behind the magic.
const FILE_HEADER: [(u16, u8); 5] = [(4, 4), (8, 8), (16, 8), (24, 8), (32, 8)];
/// Integers of an event's header.
const EVENT_HEADER: [(u16, u8); 8] = [(0, 2), (2, 2), (4, 2), (6, 2), (8, 8), (16, 8), (24, 4), (28, 4)];

/// Whether `bytes` begin with the entry header of a BBLog stream that a big-endian machine wrote.
pub fn is_big_endian_bblog(bytes: &[u8]) -> bool {
    // `tlch_version`, and `tlch_type` 1.
    let [version, kind] = [VERSION.to_be_bytes(), 1_u32.to_be_bytes()];
    bytes.starts_with(&version) && bytes.get(4..8) == Some(&kind)
}

/// Whether `bytes` begin with the header of an ELOG file that a big-endian machine wrote.
pub fn is_big_endian_elog(bytes: &[u8]) -> bool {
    bytes.starts_with(&elog::MAGIC) && bytes.get(4..8) == Some(&elog::VERSION.to_be_bytes())
}

/// Turns an entry's header round.
pub fn swap_header(header: &mut [u8; HEADER_LEN]) {
    swap(header, &HEADER);
}

/// Turns a record round: whole, or up to `tlb_th`. Its flags then say whether a verbose part follows.
pub fn swap_record(record: &mut [u8]) {
    swap(record, tables::HOST_MEMBERS);
    if let Some(&event_id) = record.get(member::TLB_EVENTID) {
        swap(record, tables::union_members(event_id));
    }
    // The first of two bit fields is the low half on a little-endian machine, the high half on a big-endian one.
    if let Some(scale) = record.get_mut(member::TLB_SCALE) {
        *scale = scale.rotate_left(4);
    }
    const { assert!(member::TLB_SCALE < TCPINFO_LEN && TCPINFO_LEN < RECORD_LEN) };
}

/// Turns a verbose part round.
pub fn swap_verbose(verbose: &mut [u8; VERBOSE_LEN]) {
    swap(verbose, &VERBOSE);
}

/// Turns the header of an ELOG file round.
pub fn swap_file_header(header: &mut [u8; FILE_HEADER_LEN]) {
    swap(header, &FILE_HEADER);
}

/// Turns a provider table round, its count included.
pub fn swap_providers(table: &mut [u8]) {
    swap(table, &[(0, 4)]);
    table.get_mut(4..).unwrap_or_default().chunks_mut(PROVIDER_LEN).for_each(|entry| swap(entry, &[(0, 2)]));
}

/// Turns the header of an event round, but not its payload.
pub fn swap_event_header(header: &mut [u8; EVENT_HEADER_LEN]) {
    swap(header, &EVENT_HEADER);
}

/// Turns the payload of an event round that `spec` describes.
pub fn swap_payload(payload: &mut [u8], spec: &EventSpec) {
    // Other rows of a field have conditions, and lie where its own does.
    for row in spec.fields.iter().filter(|row| row.when.conds.is_empty()) {
        let size = row.place.size;
        let is_integer =
            !matches!(row.kind, ValueKind::Text | ValueKind::Bytes | ValueKind::Ipv4 | ValueKind::Ipv6);
        if !is_integer || row.place.order == ByteOrder::Network {
            continue;
        }
        match row.place.repeat {
            Repeat::Once => swap(payload, &[(row.place.offset, size as u8)]),
            Repeat::Tail { .. } => {
                let tail = payload.get_mut(usize::from(row.place.offset)..).unwrap_or_default();
                tail.chunks_exact_mut(usize::from(size).max(1)).for_each(<[u8]>::reverse);
            }
        }
    }
}

/// Turns round what lies at these places, as far as it is there.
fn swap(bytes: &mut [u8], places: &[(u16, u8)]) {
    for &(at, size) in places {
        let (at, size) = (usize::from(at), usize::from(size));
        if let Some(integer) = bytes.get_mut(at..at + size) {
            integer.reverse();
        }
    }
}
