// SPDX-License-Identifier: BSD-2-Clause
//! The serial number of the next record of each connection.

use std::collections::HashMap;

use bblog_pcapng::bblog_entry::EntryKey;

/// How many connections' serial numbers are remembered between their entries.
const CONNECTIONS: usize = 65_536;

/// The next expected serial number of each connection. Records that were not written are missing.
#[derive(Default)]
pub struct Serials {
    next: HashMap<EntryKey, u32>,
    /// Those used before `next` was last begun anew.
    older: HashMap<EntryKey, u32>,
}

impl Serials {
    /// The serial number to be expected next of a connection, if any record of it was written.
    pub fn expected(&self, key: &EntryKey) -> Option<u32> {
        self.next.get(key).or_else(|| self.older.get(key)).copied()
    }

    /// Restores an earlier expectation.
    pub fn set(&mut self, key: EntryKey, expected: Option<u32>) {
        match expected {
            Some(next) => self.written(key, next.wrapping_sub(1)),
            None => {
                self.next.remove(&key);
                self.older.remove(&key);
            }
        }
    }

    /// Remembers that `serial` was written.
    pub fn written(&mut self, key: EntryKey, serial: u32) {
        if self.next.len() >= CONNECTIONS {
            self.older = std::mem::take(&mut self.next);
        }
        self.next.insert(key, serial.wrapping_add(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serials_are_remembered_within_bounds() {
        let mut serials = Serials::default();
        for number in 0..3 * CONNECTIONS as u32 {
            let mut key = [0; 41];
            key[..4].copy_from_slice(&number.to_le_bytes());
            serials.written(key, number);
        }
        assert!(serials.next.len() + serials.older.len() <= 2 * CONNECTIONS);
        let mut key = [0; 41];
        key[..4].copy_from_slice(&(3 * CONNECTIONS as u32 - 1).to_le_bytes());
        assert_eq!(serials.expected(&key), Some(3 * CONNECTIONS as u32));
    }
}
