// SPDX-License-Identifier: BSD-2-Clause
//! Connections in shards, which can be followed apart from each other.
//!
//! A connection's shard depends on nothing but its key. What is bounded for many connections is bounded for each shard.
//! So whatever becomes of a connection does not depend on which other shards are followed beside its own, and several
//! threads come to what one thread comes to.

use crate::follow::key::ConnectionKey;

/// How many shards there are.
const COUNT: usize = 16;

/// A shard of all connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shard(u8);

impl Shard {
    /// How many shards there are.
    pub const COUNT: usize = COUNT;

    /// The shard of a connection.
    #[inline]
    pub fn of(key: &ConnectionKey) -> Shard {
        // SplitMix64's finalizer for each word: addresses and ids that follow each other fall into different shards.
        let mix = |hash: u64, word: u64| {
            let hash = (hash ^ word).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
            hash ^ hash >> 31
        };
        let hash = match key {
            ConnectionKey::Endpoints(ends, family) => {
                let (words, _) = ends.as_chunks();
                words.iter().fold((*family).into(), |hash, word| mix(hash, u64::from_le_bytes(*word)))
            }
            ConnectionKey::Session(capture, id) => mix((*capture).into(), *id),
        };
        // Below COUNT.
        Shard((hash >> 32) as u8 % COUNT as u8)
    }

    /// Its number, from 0.
    #[inline]
    pub fn index(self) -> usize {
        self.0.into()
    }
}

/// Some of the shards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shards(u16);

impl Shards {
    /// All of them.
    pub const ALL: Shards = Shards(u16::MAX);

    /// Whether `shard` is one of them.
    #[inline]
    pub fn has(self, shard: Shard) -> bool {
        self.0 >> shard.0 & 1 != 0
    }

    /// All shards in so many parts, in [`Shard::COUNT`] at most and one at least.
    pub fn parts(count: usize) -> impl ExactSizeIterator<Item = Shards> {
        let count = count.clamp(1, COUNT);
        (0..count)
            .map(move |part| Shards((part..COUNT).step_by(count).fold(0, |all, shard| all | 1_u16 << shard)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_all_shards_once() {
        for count in 0..=40 {
            let parts: Vec<Shards> = Shards::parts(count).collect();
            assert_eq!(parts.len(), count.clamp(1, COUNT));
            for shard in (0..COUNT as u8).map(Shard) {
                assert_eq!(parts.iter().filter(|part| part.has(shard)).count(), 1);
                assert!(Shards::ALL.has(shard));
            }
        }
    }

    /// Peers, ports and sessions that follow each other fill the shards evenly.
    #[test]
    fn shards_are_about_the_same_size() {
        let endpoints = |at: u32, place: usize| {
            let mut ends = [0; 40];
            ends[place..place + 4].copy_from_slice(&at.to_be_bytes());
            ConnectionKey::Endpoints(ends, 2)
        };
        let keys: [&dyn Fn(u32) -> ConnectionKey; 5] = [
            &|at| endpoints(at, 0),
            &|at| endpoints(at, 20),
            &|at| endpoints(at << 16, 36),
            &|at| ConnectionKey::Session(1, at.into()),
            &|at| ConnectionKey::Session(1, 0xffff_f800_0000_0000 + u64::from(at) * 1_280),
        ];
        for (kind, key) in keys.iter().enumerate() {
            let mut sizes = [0_u32; COUNT];
            (0..16_000).for_each(|at| sizes[Shard::of(&key(at)).index()] += 1);
            assert!(sizes.iter().all(|size| (850..1_150).contains(size)), "{kind}: {sizes:?}");
        }
    }
}
