//! A map that forgets what was not used for longest, so that memory is bounded whatever a file
//! holds.

use std::collections::HashMap;
use std::hash::Hash;

/// A map of at most a fixed number of entries; when it is full, the half that was used longest
/// ago goes.
pub struct RecentMap<K, V> {
    entries: HashMap<K, (u64, V)>,
    limit: usize,
    clock: u64,
}

impl<K: Hash + Eq + Copy, V> RecentMap<K, V> {
    /// An empty map for up to `limit` entries.
    pub fn new(limit: usize) -> RecentMap<K, V> {
        RecentMap { entries: HashMap::new(), limit, clock: 0 }
    }

    /// The value of `key`, which counts as used now.
    #[inline]
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.clock += 1;
        let (used, value) = self.entries.get_mut(key)?;
        *used = self.clock;
        Some(value)
    }

    /// The value of `key`, made first if there is none.
    #[inline]
    pub fn get_or_insert_with(&mut self, key: K, make: impl FnOnce() -> V) -> &mut V {
        self.clock += 1;
        if self.entries.len() >= self.limit && !self.entries.contains_key(&key) {
            self.forget();
        }
        let (used, value) = self.entries.entry(key).or_insert_with(|| (0, make()));
        *used = self.clock;
        value
    }

    /// Sets the value of `key`.
    pub fn insert(&mut self, key: K, value: V) {
        if self.entries.len() >= self.limit && !self.entries.contains_key(&key) {
            self.forget();
        }
        self.clock += 1;
        self.entries.insert(key, (self.clock, value));
    }

    /// Forgets `key`.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.entries.remove(key).map(|(_, value)| value)
    }

    #[cold]
    fn forget(&mut self) {
        let mut ages: Vec<u64> = self.entries.values().map(|&(used, _)| used).collect();
        let middle = ages.len() / 2;
        let (_, &mut median, _) = ages.select_nth_unstable(middle);
        self.entries.retain(|_, &mut (used, _)| used >= median);
    }
}

#[cfg(test)]
mod tests {
    use super::RecentMap;

    #[test]
    fn the_oldest_half_goes() {
        let mut map = RecentMap::new(4);
        (0..4).for_each(|key| map.insert(key, key));
        assert_eq!(map.get_mut(&0).copied(), Some(0));
        map.insert(4, 4);
        assert!(map.get_mut(&0).is_some() && map.get_mut(&4).is_some());
        assert!(map.get_mut(&1).is_none() && map.get_mut(&2).is_none());
    }
}
