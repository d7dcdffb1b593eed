//! File names from log ids, which unprivileged programs choose.
//!
//! A name is made of letters, digits and `-_.:` only, begins with none of the last four, and has
//! a limited length. What had to be changed or cut gets a mark (a hash of what it was) at its
//! end, so that two ids that would look alike stay apart; an unchanged id that looks as if it had
//! such a mark gets one too, so that no id can pass for another.

use std::fmt::Write;
use std::net::IpAddr;

/// Bytes of an id that are kept.
const MAX_ID: usize = 64;
/// Bytes of a mark: `~` and 16 hexadecimal digits.
const MARK: char = '~';

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
        // Writing to a string cannot fail.
        let _ = write!(name, "{MARK}{:016x}", hash(id));
    }
    name
}

/// The name that all files of a connection begin with: `ID_LPORT_FADDR_FPORT`.
pub fn of_connection(id: &[u8], lport: u16, faddr: IpAddr, fport: u16) -> String {
    format!("{}_{lport}_{faddr}_{fport}", safe(id))
}

/// FNV-1a, 64 bits: stable between runs and machines, as names have to be.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// How names of complete files end.
const ENDS: [&str; 6] = [".pcapng", ".pcapng.xz", ".pcapng.zst", ".elog", ".elog.xz", ".elog.zst"];

/// The parts of a file name of ours: what it begins with and its number.
pub fn split(name: &str) -> Option<(&str, u32)> {
    let stem = ENDS.iter().find_map(|end| name.strip_suffix(end))?;
    let (base, number) = stem.rsplit_once('.')?;
    let plain = number == "0" || (!number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit()));
    if base.is_empty() || !plain { None } else { Some((base, number.parse().ok()?)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_ids_stay() {
        for id in ["UNKNOWN", "web-1", "a.b:c_d", "0", &"x".repeat(64)] {
            assert_eq!(safe(id.as_bytes()), id);
        }
    }

    #[test]
    fn hostile_ids_are_harmless_and_stay_apart() {
        let ids: [&[u8]; 12] = [
            b"",
            b".",
            b"..",
            b"../../etc/passwd",
            b"a/b",
            b"a_b",
            b"a\nb",
            b"a\0b",
            &[0xff; 64],
            &[0xfe; 64],
            &[b'x'; 65],
            b"-rf",
        ];
        let names: std::collections::HashSet<String> = ids.iter().map(|id| safe(id)).collect();
        assert_eq!(names.len(), ids.len());
        for name in &names {
            assert!(name.len() <= MAX_ID + 17 && !name.starts_with(['.', '-']), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:~".contains(&b)), "{name}");
            // A name with a mark is not the name of the id that looks like it.
            assert!(!name.contains(MARK) || safe(name.as_bytes()) != *name, "{name}");
        }
        assert!(safe(b"../../etc/passwd").starts_with("_._.._etc_passwd~"));
    }

    #[test]
    fn numbers() {
        assert_eq!(split("id_1_::1_2.17.pcapng"), Some(("id_1_::1_2", 17)));
        assert_eq!(split("id.0.pcapng.xz"), Some(("id", 0)));
        for other in ["records", "id.pcapng", "id.x.pcapng", "id.01.pcapng", ".1.pcapng", "id.1.pcapng.part"]
        {
            assert_eq!(split(other), None, "{other}");
        }
    }
}
