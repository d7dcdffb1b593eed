// SPDX-License-Identifier: BSD-2-Clause
//! File names from log ids, which unprivileged programs choose.
//!
//! A name is made of letters, digits and `-_.:` only, begins with none of the last four, and has
//! a limited length. An id that was changed or cut gets a mark at its end, a hash of the original, so that
//! ids that would look alike stay different. The hash is cryptographic, because the program that chooses
//! the ids may try to make two of them collide.

use std::fmt::Write;
use std::net::IpAddr;

use sha2::{Digest, Sha256};

use crate::packet::Scoped;

/// Bytes of an id that are kept.
const MAX_ID: usize = 64;
/// Begins a mark. An id that is not changed cannot contain it.
const MARK: char = '~';
/// Bytes of the hash in a mark, each two hexadecimal digits.
const HASH: usize = 16;

/// An id, or another text from outside, as part of a file name.
pub fn safe(id: &[u8]) -> String {
    let keep = |&(at, byte): &(usize, &u8)| match byte {
        b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' => true,
        b'-' | b'_' | b'.' | b':' => at > 0,
        _ => false,
    };
    let mut name: String = id
        .iter()
        .enumerate()
        .take(MAX_ID)
        .map(|place| if keep(&place) { char::from(*place.1) } else { '_' })
        .collect();
    let changed = id.is_empty() || id.len() > MAX_ID || !id.iter().enumerate().all(|place| keep(&place));
    if changed {
        name.push(MARK);
        for byte in &Sha256::digest(id)[..HASH] {
            // Writing to a string cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
    }
    name
}

/// The name that all files of a connection begin with: `ID_LPORT_FADDR_FPORT`, with a scope zone as in `fe80::1%2`.
pub fn of_connection(id: &[u8], lport: u16, faddr: IpAddr, fport: u16) -> String {
    format!("{}_{lport}_{}_{fport}", safe(id), Scoped(faddr))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_of_addresses() {
        let name = |address: &str| of_connection(b"id", 1, address.parse().unwrap(), 2);
        assert_eq!(name("fe80:2::bb"), "id_1_fe80::bb%2_2");
        assert_eq!(name("fe80::bb"), "id_1_fe80::bb_2");
        assert_eq!(name("2001:db8:2::1"), "id_1_2001:db8:2::1_2");
        assert_eq!(name("192.0.2.1"), "id_1_192.0.2.1_2");
    }

    #[test]
    fn plain_ids_stay() {
        for id in ["UNKNOWN", "web-1", "a.b:c_d", "0", &"x".repeat(64)] {
            assert_eq!(safe(id.as_bytes()), id);
        }
    }

    #[test]
    fn hostile_ids_are_harmless_and_stay_apart() {
        let ids: [&[u8]; 10] = [
            b"",
            b".",
            b"..",
            b"../../etc/passwd",
            b"a/b",
            b"a_b",
            b"a\nb",
            &[0xff; 64],
            &[b'x'; 65],
            b"-rf",
        ];
        let names: std::collections::HashSet<String> = ids.iter().map(|id| safe(id)).collect();
        assert_eq!(names.len(), ids.len());
        for name in &names {
            assert!(name.len() <= MAX_ID + 1 + 2 * HASH && !name.starts_with(['.', '-']), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:~".contains(&b)), "{name}");
        }
    }
}
