// SPDX-License-Identifier: BSD-2-Clause
//! STRUCTs: C types, and where they put their fields.

use std::collections::HashMap;

use super::word::Word;
use super::{Annotation, SchemaError, Struct, StructField};

/// A C type that a schema can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CType {
    /// Unsigned integer of so many bytes.
    Unsigned(u8),
    /// Signed integer of so many bytes.
    Signed(u8),
    /// A kernel address.
    Pointer,
    /// struct in_addr.
    Ipv4,
    /// struct in6_addr.
    Ipv6,
    /// `char[N]`.
    Text(u16),
}

impl CType {
    fn parse(name: &str) -> Option<CType> {
        Some(match name {
            "uint8_t" | "u_char" => CType::Unsigned(1),
            "int8_t" | "char" => CType::Signed(1),
            "uint16_t" | "u_short" => CType::Unsigned(2),
            "int16_t" | "short" => CType::Signed(2),
            // elog(1) shows lwpid_t as unsigned.
            "uint32_t" | "u_int" | "lwpid_t" => CType::Unsigned(4),
            "int32_t" | "int" => CType::Signed(4),
            "uint64_t" | "u_long" | "size_t" | "uintptr_t" => CType::Unsigned(8),
            "int64_t" | "long" | "intptr_t" => CType::Signed(8),
            "void*" => CType::Pointer,
            "in_addr_t" => CType::Ipv4,
            "in6_addr_t" => CType::Ipv6,
            _ => CType::Text(name.strip_prefix("char[")?.strip_suffix(']')?.parse().ok().filter(|&n| n > 0)?),
        })
    }

    /// `sizeof`.
    pub fn size(self) -> u16 {
        match self {
            CType::Unsigned(n) | CType::Signed(n) => u16::from(n),
            CType::Pointer => 8,
            CType::Ipv4 => 4,
            CType::Ipv6 => 16,
            CType::Text(n) => n,
        }
    }

    /// `_Alignof`, on amd64 and arm64.
    fn align(self) -> u16 {
        match self {
            CType::Ipv6 => 4,
            CType::Text(_) => 1,
            other => other.size(),
        }
    }
}

/// The largest structure that fits into an event.
const MAX_STRUCT: u32 = 65_535 - 32;

/// The structure whose fields `words` are.
pub(super) fn structure(words: &[Word<'_>]) -> Result<Struct, SchemaError> {
    let mut builder = Builder { by_name: HashMap::new(), fields: Vec::new(), end: 0, align: 1 };
    words.iter().try_for_each(|word| builder.add(*word))?;
    let size = builder.end.next_multiple_of(builder.align).min(MAX_STRUCT) as u16;
    Ok(Struct { fields: builder.fields, size })
}

/// A structure, field by field.
struct Builder<'a> {
    /// Indexes of the fields.
    by_name: HashMap<&'a str, usize>,
    fields: Vec<StructField>,
    /// Where the last field ends.
    end: u32,
    align: u32,
}

impl<'a> Builder<'a> {
    /// Adds a field, `name:type` or `name:type:annotation`.
    fn add(&mut self, word: Word<'a>) -> Result<(), SchemaError> {
        let Some((name, rest)) = word.text.split_once(':').filter(|(name, _)| !name.is_empty()) else {
            return word.fault(format!("\"{}\", expected name:type", word.text));
        };
        if self.by_name.insert(name, self.fields.len()).is_some() {
            return word.fault(format!("field {name} defined twice"));
        }
        if let Some(field) = self.fields.last().filter(|field| field.tail.is_some()) {
            return word.fault(format!("field {name} after the variable-length {}", field.name));
        }
        let name = name.to_owned();
        let of_type = word.part(rest);
        let mut field = match rest.split_once('[').filter(|(elem, _)| *elem != "char") {
            Some((elem, tail)) => {
                let ctype = ctype(of_type, elem)?;
                let tail = Some(self.tail(of_type, elem, tail)?);
                StructField { name, ctype, offset: 0, shown: Annotation::Plain, tail }
            }
            None => {
                let (text, shown) = rest.split_once(':').map_or((rest, None), |(t, s)| (t, Some(s)));
                let ctype = ctype(of_type, text)?;
                let shown = shown.map(|shown| annotation(word.part(shown), ctype)).transpose()?;
                StructField { name, ctype, offset: 0, shown: shown.unwrap_or_default(), tail: None }
            }
        };
        self.place(word, &mut field)?;
        self.fields.push(field);
        Ok(())
    }

    /// `[countfield:max]` behind the type of a tail's elements: the index of the field, and the most.
    fn tail(&self, of_type: Word<'_>, elem: &str, tail: &str) -> Result<(usize, u32), SchemaError> {
        let Some((count, max)) = tail.strip_suffix(']').and_then(|tail| tail.split_once(':')) else {
            return of_type.fault(format!("\"{}\", expected {elem}[countfield:max]", of_type.text));
        };
        let counts = |at: &&usize| {
            self.fields.get(**at).is_some_and(|field| matches!(field.ctype, CType::Unsigned(_)))
        };
        let Some(&counter) = self.by_name.get(count).filter(counts) else {
            return of_type.fault(format!("count field {count}, expected an earlier unsigned integer"));
        };
        match max.parse() {
            Ok(max) if max > 0 => Ok((counter, max)),
            _ => of_type.fault(format!("maximum \"{max}\", expected a positive number")),
        }
    }

    /// Puts the field behind the ones before it.
    fn place(&mut self, word: Word<'_>, field: &mut StructField) -> Result<(), SchemaError> {
        let (own, size) = (u32::from(field.ctype.align()), u32::from(field.ctype.size()));
        self.align = self.align.max(own);
        self.end = self.end.next_multiple_of(own);
        // A tail begins where the structure, padded for the tail's elements, ends.
        if field.tail.is_some() {
            self.end = self.end.next_multiple_of(self.align);
        }
        match u16::try_from(self.end) {
            Ok(offset) if self.end + size <= MAX_STRUCT => field.offset = offset,
            _ => return word.fault(format!("structure of more than {MAX_STRUCT} bytes")),
        }
        if field.tail.is_none() {
            self.end += size;
        }
        Ok(())
    }
}

fn ctype(word: Word<'_>, text: &str) -> Result<CType, SchemaError> {
    CType::parse(text).map_or_else(|| word.fault(format!("unknown type \"{text}\"")), Ok)
}

fn annotation(word: Word<'_>, ctype: CType) -> Result<Annotation, SchemaError> {
    let integer = matches!(ctype, CType::Unsigned(_) | CType::Signed(_));
    match word.text {
        "hex" if integer => Ok(Annotation::Hex),
        "ntohs" if ctype.size() == 2 && integer => Ok(Annotation::Ntohs),
        text if integer && text.starts_with("enum_") => Ok(Annotation::Enum(text[5..].to_owned())),
        text if integer && text.starts_with("flag_") => Ok(Annotation::Flag(text[5..].to_owned())),
        text => word.fault(format!("annotation \"{text}\", expected hex, ntohs, enum_NAME or flag_NAME")),
    }
}
