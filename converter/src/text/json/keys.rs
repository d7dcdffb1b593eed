// SPDX-License-Identifier: BSD-2-Clause
//! Members of objects as text. The keys are formatted once. For most rows the last number is kept as text,
//! because the next event often has the same one.

use bblog_dissector::catalog::Catalog;
use bblog_dissector::event::{Field, Value};
use bblog_dissector::spec::{FieldSpec, Repeat};

use super::value;

/// `,"name":value` of each row, by its id.
pub struct JsonKeys(Vec<KeptMember>);

/// Bytes of a member that are kept. So many are copied, which costs less than a copy of unknown length.
const KEPT: usize = 48;
/// Bytes of the longest number: a quoted one of 20 digits.
const LONGEST: usize = 22;

/// The member of a row.
enum KeptMember {
    /// A key, and the number after it.
    Number(JsonMember),
    /// A key that is too long for a number beside it, or has other values.
    Key(Box<[u8]>),
}

struct JsonMember {
    text: [u8; KEPT],
    /// Bytes of the key, and with the number.
    key: u8,
    len: u8,
    /// The number in the text, as its bits are.
    number: Option<u64>,
}

impl JsonKeys {
    /// The keys of all rows of `catalog`.
    pub fn new(catalog: &Catalog) -> JsonKeys {
        JsonKeys(catalog.rows().iter().map(|row| KeptMember::new(row)).collect())
    }

    /// Appends a member, with the comma before it, if its row is one of those that have a number each;
    /// otherwise does nothing and returns `false`.
    #[inline(always)]
    pub fn number(&mut self, field: &Field<'_>, out: &mut Vec<u8>) -> bool {
        let Some(KeptMember::Number(member)) = self.0.get_mut(field.spec.id as usize) else { return false };
        let number = match field.value {
            Value::Unsigned(number) | Value::Bool(number) => number,
            Value::Signed(number) => number as u64,
            _ => return false,
        };
        if member.number != Some(number) {
            member.renew(number, &field.value);
        }
        let end = out.len() + usize::from(member.len);
        out.extend_from_slice(&member.text);
        out.truncate(end);
        true
    }

    /// Appends the key of a row, with the comma before it.
    pub fn key(&self, spec: &FieldSpec, out: &mut Vec<u8>) {
        match self.0.get(spec.id as usize) {
            Some(KeptMember::Number(member)) => out.extend(member.text.iter().take(usize::from(member.key))),
            Some(KeptMember::Key(key)) => out.extend_from_slice(key),
            None => out.extend_from_slice(b",\"?\":"),
        }
    }
}

impl KeptMember {
    /// A user's schema may have any name.
    fn new(row: &FieldSpec) -> KeptMember {
        let mut key = vec![b','];
        value::string(row.name, &mut key);
        key.push(b':');
        let mut text = [0; KEPT];
        match text.get_mut(..key.len()) {
            Some(place) if key.len() <= KEPT - LONGEST && row.place.repeat == Repeat::Once => {
                place.copy_from_slice(&key);
                let key = key.len() as u8;
                KeptMember::Number(JsonMember { text, key, len: key, number: None })
            }
            _ => KeptMember::Key(key.into()),
        }
    }
}

impl JsonMember {
    /// Puts another number after the key. Apart, so that the way of those that stay is short.
    #[inline(never)]
    fn renew(&mut self, number: u64, of: &Value<'_>) {
        let mut digits = value::Digits::default();
        let digits = digits.of(of);
        let (key, end) = (usize::from(self.key), usize::from(self.key) + digits.len());
        if let Some(place) = self.text.get_mut(key..end) {
            place.copy_from_slice(digits);
        }
        self.len = end as u8;
        self.number = Some(number);
    }
}
