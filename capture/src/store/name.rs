// SPDX-License-Identifier: BSD-2-Clause
//! File names: the converter's, from log ids that unprivileged programs choose, with a number.

pub use bblog_pcapng::name::{of_connection, safe};

/// FNV-1a, 64 bits. Names that meet share a counter of numbers, which costs nothing.
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
    fn numbers() {
        assert_eq!(split("id_1_::1_2.17.pcapng"), Some(("id_1_::1_2", 17)));
        assert_eq!(split("id.0.pcapng.xz"), Some(("id", 0)));
        for other in ["records", "id.pcapng", "id.x.pcapng", "id.01.pcapng", ".1.pcapng", "id.1.pcapng.part"]
        {
            assert_eq!(split(other), None, "{other}");
        }
    }
}
