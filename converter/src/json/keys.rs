// SPDX-License-Identifier: BSD-2-Clause
//! The keys of values, made once.

use bblog_dissector::catalog::Catalog;
use bblog_dissector::spec::FieldSpec;

/// `,"name":` of each row, by its id.
pub struct Keys(Vec<Key>);

/// Bytes that a short key is copied as, which costs less than a copy of unknown length.
const SHORT: usize = 32;

enum Key {
    /// With its length, at most [`SHORT`].
    Short([u8; SHORT], u8),
    Long(Box<[u8]>),
}

impl Keys {
    /// The keys of all rows of `catalog`.
    pub fn new(catalog: &Catalog) -> Keys {
        Keys(catalog.rows().iter().map(|row| Key::new(row.name)).collect())
    }

    /// Appends that of a row, with the comma before it.
    #[inline]
    pub fn write(&self, spec: &FieldSpec, out: &mut Vec<u8>) {
        match self.0.get(spec.id as usize) {
            Some(Key::Short(bytes, len)) => {
                let end = out.len() + usize::from(*len);
                out.extend_from_slice(bytes);
                out.truncate(end);
            }
            Some(Key::Long(bytes)) => out.extend_from_slice(bytes),
            None => out.extend_from_slice(b",\"?\":"),
        }
    }
}

impl Key {
    /// A user's schema may have any name.
    fn new(name: &str) -> Key {
        let mut key = vec![b','];
        super::value::string(name, &mut key);
        key.push(b':');
        let mut short = [0; SHORT];
        match short.get_mut(..key.len()) {
            Some(place) => {
                place.copy_from_slice(&key);
                Key::Short(short, key.len() as u8)
            }
            None => Key::Long(key.into()),
        }
    }
}
