// SPDX-License-Identifier: BSD-2-Clause
//! Whatever the bytes are, they convert: no panic, and what is readable is the same however the
//! input ends.

mod support;

use proptest::prelude::*;

use support::{bytes, convert_bytes};

const FIXTURES: [&str; 4] =
    ["default_refused.tcplog", "rack_verbose-cut.tcplog", "small-plain.elog", "variant-E-cut.elog"];

/// Offsets at which the blocks of a file begin, and its end.
fn boundaries(file: &[u8]) -> Vec<usize> {
    let mut at = vec![0];
    while let Some(len) = file.get(at[at.len() - 1] + 4..).and_then(|rest| rest.first_chunk()) {
        at.push(at[at.len() - 1] + u32::from_le_bytes(*len) as usize);
    }
    assert_eq!(at.last(), Some(&file.len()));
    at
}

/// The frames of a file: its packets and custom blocks, without what depends on the end of the
/// input (DUMPTIME in section headers, statistics).
fn frames(file: &[u8]) -> Vec<&[u8]> {
    let blocks = boundaries(file);
    let blocks = blocks.windows(2).map(|block| &file[block[0]..block[1]]);
    blocks.filter(|block| matches!(block[..4], [6, 0, 0, 0] | [0xad, 0x0b, 0, 0])).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes(kind in 0..4usize, rest in prop::collection::vec(any::<u8>(), 0..2000)) {
        let begin: [&[u8]; 4] = [b"", b"ELOG\x01\0\0\0", b"\x09\0\0\0\x01\0\0\0", b"\x1f\x8b\x08"];
        convert_bytes(&[&[begin[kind], &rest].concat()]);
    }

    #[test]
    fn changed_bytes(
        which in 0..FIXTURES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let mut input = bytes(FIXTURES[which]);
        for (at, value) in changes {
            let at = at.index(input.len());
            input[at] = value;
        }
        let (out, _) = convert_bytes(&[&input]);
        boundaries(&out);
    }

    #[test]
    fn cut_bytes(which in 0..FIXTURES.len(), at in any::<prop::sample::Index>()) {
        let input = bytes(FIXTURES[which]);
        let (whole, faults) = convert_bytes(&[&input]);
        prop_assert!(faults.is_empty());
        let cut = &input[..at.index(input.len())];
        let (out, faults) = convert_bytes(&[cut]);
        prop_assert!(!faults.is_empty());
        let (out, whole) = (frames(&out), frames(&whole));
        // Events that wait for addresses that were cut off come without them.
        if FIXTURES[which].ends_with("tcplog") {
            prop_assert!(whole.starts_with(&out));
        } else {
            prop_assert!(out.len() <= whole.len());
        }
    }
}

/// At every byte of a small stream, not only at random ones.
#[test]
fn cut_everywhere() {
    let input = bytes("default_refused.tcplog");
    let (whole, _) = convert_bytes(&[&input]);
    let whole = frames(&whole).into_iter().map(<[u8]>::to_vec).collect::<Vec<_>>();
    for end in 1..input.len() {
        let (out, faults) = convert_bytes(&[&input[..end]]);
        assert_eq!(faults.len(), 1, "{end}: {faults:?}");
        let records = end.saturating_sub(208) / 328;
        assert_eq!(frames(&out), whole[..records], "{end}");
    }
}
