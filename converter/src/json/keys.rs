//! The keys of values, made once.

use bblog_dissector::catalog::Catalog;
use bblog_dissector::spec::FieldSpec;

/// `"name":` of each row, by its id.
pub struct Keys(Vec<Box<[u8]>>);

impl Keys {
    /// The keys of all rows of `catalog`.
    pub fn new(catalog: &Catalog) -> Keys {
        Keys(catalog.rows().iter().map(|row| key(row.name)).collect())
    }

    /// That of a row.
    #[inline]
    pub fn get(&self, spec: &FieldSpec) -> &[u8] {
        self.0.get(spec.id as usize).map_or(b"\"?\":", |key| key)
    }
}

/// `"name":`; a user's schema may have any name.
fn key(name: &str) -> Box<[u8]> {
    let mut key = Vec::new();
    super::value::string(name, &mut key);
    key.push(b':');
    key.into()
}
