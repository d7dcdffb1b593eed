// SPDX-License-Identifier: BSD-2-Clause
//! A map that drops the least recently used entry, so that memory is bounded for any file.
//!
//! It is used for every event, so it hashes with foldhash, which needs a quarter of the time of the
//! standard library's SipHash and is seeded as well: a file cannot make keys collide.

use std::collections::HashMap;
use std::hash::Hash;

use foldhash::fast::RandomState;

/// A map of at most a fixed number of entries; when it is full, the half that was used longest
/// ago goes. The key used last is found without hashing: events of one connection come in
/// rows.
pub struct LruMap<K, V> {
    slots: Vec<Slot<K, V>>,
    places: HashMap<K, usize, RandomState>,
    limit: usize,
    clock: u64,
    /// The slot that was used last.
    last: usize,
}

struct Slot<K, V> {
    key: K,
    used: u64,
    value: V,
}

impl<K: Hash + Eq + Copy, V> LruMap<K, V> {
    /// An empty map for up to `limit` entries.
    pub fn new(limit: usize) -> LruMap<K, V> {
        LruMap { slots: Vec::new(), places: HashMap::default(), limit, clock: 0, last: 0 }
    }

    #[inline]
    fn find(&mut self, key: &K) -> Option<usize> {
        if self.slots.get(self.last).is_none_or(|slot| slot.key != *key) {
            self.last = *self.places.get(key)?;
        }
        Some(self.last)
    }

    #[inline]
    fn at(&mut self, place: usize) -> &mut V {
        self.clock += 1;
        let slot = &mut self.slots[place];
        slot.used = self.clock;
        &mut slot.value
    }

    /// The value of `key`, which counts as used now.
    #[inline]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.find(key)?;
        Some(self.at(place))
    }

    /// The value that was used last. Call it before another is added or removed.
    #[inline]
    pub fn latest(&self) -> Option<&V> {
        self.slots.get(self.last).map(|slot| &slot.value)
    }

    /// The value of `key`, made first if there is none.
    #[inline]
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        let place = match self.find(&key) {
            Some(place) => place,
            None => self.add(key, make()),
        };
        self.at(place)
    }

    /// Sets the value of `key`.
    pub fn insert(&mut self, key: K, value: V) {
        match self.find(&key) {
            Some(place) => *self.at(place) = value,
            None => {
                let place = self.add(key, value);
                self.at(place);
            }
        }
    }

    /// Forgets `key`.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        let place = self.places.remove(key)?;
        let slot = self.slots.swap_remove(place);
        if let Some(moved) = self.slots.get(place) {
            self.places.insert(moved.key, place);
        }
        Some(slot.value)
    }

    fn add(&mut self, key: K, value: V) -> usize {
        if self.slots.len() >= self.limit {
            self.forget();
        }
        self.slots.push(Slot { key, used: 0, value });
        self.last = self.slots.len() - 1;
        self.places.insert(key, self.last);
        self.last
    }

    #[cold]
    fn forget(&mut self) {
        let mut ages: Vec<u64> = self.slots.iter().map(|slot| slot.used).collect();
        let middle = ages.len() / 2;
        let (_, &mut median, _) = ages.select_nth_unstable(middle);
        self.slots.retain(|slot| slot.used >= median);
        self.places.clear();
        self.places.extend(self.slots.iter().enumerate().map(|(place, slot)| (slot.key, place)));
    }
}

#[cfg(test)]
mod tests {
    use super::LruMap;

    #[test]
    fn the_oldest_half_goes() {
        let mut map = LruMap::new(4);
        (0..4).for_each(|key| map.insert(key, key));
        assert_eq!(map.get_mut(&0).copied(), Some(0));
        map.insert(4, 4);
        assert!(map.get_mut(&0).is_some() && map.get_mut(&4).is_some());
        assert!(map.get_mut(&1).is_none() && map.get_mut(&2).is_none());
        assert_eq!((map.remove(&0), map.remove(&0)), (Some(0), None));
        assert_eq!(map.get_mut(&4).copied(), Some(4));
        assert_eq!(*map.get_or_insert_with(0, || 7), 7);
    }
}
