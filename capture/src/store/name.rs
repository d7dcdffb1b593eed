// SPDX-License-Identifier: BSD-2-Clause
//! File names from log ids, which unprivileged programs choose, with a number.

pub use bblog_pcapng::name::{of_connection, safe};

/// FNV-1a, 64 bits. Names that meet share a counter of numbers, which costs nothing.
pub fn hash(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// How names of complete files end.
const ENDS: [&str; 6] = [".pcapng", ".pcapng.xz", ".pcapng.zst", ".elog", ".elog.xz", ".elog.zst"];

/// The parts of a file name: its beginning and its number.
pub fn split(name: &str) -> Option<(&str, u32)> {
    let stem = ENDS.iter().find_map(|end| name.strip_suffix(end))?;
    let (base, number) = stem.rsplit_once('.')?;
    let plain = number == "0" || (!number.starts_with('0') && number.bytes().all(|b| b.is_ascii_digit()));
    if base.is_empty() || !plain { None } else { Some((base, number.parse().ok()?)) }
}

/// Whether bblogd could have given a file this name: `ID_LPORT_FADDR_FPORT`, `PROVIDER_SESSION` or
/// `PROVIDER_global`, then its number and one of the ends. (An id may hold `_`, so the first looks
/// like the second with a longer name.)
pub fn is_ours(name: &str) -> bool {
    let Some((base, _)) = split(name) else { return false };
    let is_safe = |part: &str| {
        let mut bytes = part.bytes();
        bytes.next().is_some_and(|first| first.is_ascii_alphanumeric() || b"_~".contains(&first))
            && bytes.all(|b| b.is_ascii_alphanumeric() || b"-_.:~%".contains(&b))
    };
    let Some((rest, last)) = base.rsplit_once('_') else { return false };
    is_safe(rest) && (last == "global" || is_number(last))
}

/// Whether a text is a number as it is written here: a session's, or a port.
fn is_number(text: &str) -> bool {
    text.parse::<u64>().is_ok_and(|number| number.to_string() == text)
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
    #[test]
    fn names_that_bblogd_could_have_written() {
        for ours in [
            "web-1_443_192.0.2.7_50123.0.pcapng",
            "UNKNOWN_22_2001:db8::1_50123.17.pcapng.xz",
            "a_b~0123456789abcdef0123456789abcdef_1_10.0.0.2_2.3.elog.zst",
            "UNKNOWN_22_fe80::1%2_50123.0.pcapng",
            "tcp_7.0.pcapng",
            "hpts_global.12.elog",
        ] {
            assert!(is_ours(ours), "{ours}");
        }
        for other in [
            "holiday.2019.pcapng",
            "backup.1.pcapng",
            "mine.0.elog",
            "thesis.3.pcapng.xz",
            "id_443_192.0.2.7_50123.pcapng",
            "id_443_192.0.2.9_050123.0.pcapng",
            "id_443_192.0.2.9_port.0.pcapng",
            "_global.0.pcapng",
            "../tcp_7.0.pcapng",
            "records",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }
}
