// SPDX-License-Identifier: BSD-2-Clause
//! A page of `bblog plot` as its scripts read it (converter/src/picture/page/README.md).

use std::io::Read;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::GzDecoder;
use serde_json::Value;

/// A page.
pub struct Page {
    text: String,
    /// Its JSON object.
    pub data: Value,
}

/// The numbers of one connection of a page.
pub struct Numbers(Vec<u8>);

impl Page {
    /// Reads the page at `path`.
    ///
    /// # Panics
    /// If there is none, or it has no data.
    pub fn read(path: &Path) -> Page {
        let text = std::fs::read_to_string(path).expect("a page");
        let data = serde_json::from_str(element(&text, "data")).expect("JSON");
        Page { text, data }
    }

    /// What the element `id` holds, decompressed.
    pub fn bytes(&self, id: &str) -> Vec<u8> {
        let compressed = STANDARD.decode(element(&self.text, id)).expect("base64");
        let mut bytes = Vec::new();
        GzDecoder::new(&*compressed).read_to_end(&mut bytes).expect("gzip");
        bytes
    }

    /// The numbers of connection number `index`.
    pub fn numbers(&self, index: usize) -> Numbers {
        Numbers(self.bytes(self.data["connections"][index]["blob"].as_str().expect("its element")))
    }

    /// The page with the contents of its elements of bytes replaced by digests of what they hold.
    pub fn with_digests(&self) -> String {
        let mut text = self.text.clone();
        for connection in self.data["connections"].as_array().expect("connections") {
            for key in ["blob", "sentences"] {
                let id = connection[key].as_str().expect("its element");
                let digest = format!("{:016x}", digest(&self.bytes(id)));
                text = text.replacen(element(&self.text, id), &digest, 1);
            }
        }
        text
    }
}

/// FNV-1a, 64 bits.
fn digest(bytes: &[u8]) -> u64 {
    let step = |digest: u64, byte: &u8| (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

/// The content of the script element `id`.
fn element<'a>(page: &'a str, id: &str) -> &'a str {
    let (_, rest) = page.split_once(&format!(" id=\"{id}\">")).expect("the page has it");
    rest.split_once("</script>").expect("an end").0
}

impl Numbers {
    /// A column; absent values are NaN.
    ///
    /// # Panics
    /// If its type is not known.
    pub fn column(&self, column: &Value) -> Vec<f64> {
        let number = |at: usize| column[at].as_u64().expect("a number") as usize;
        let (offset, length) = (number(1), number(2));
        let at = |size: usize| self.0[offset..offset + size * length].chunks(size);
        let sums = || {
            let differences = at(4).map(|bytes| u32::from_le_bytes(bytes.try_into().expect("4 bytes")));
            differences.scan(0_u32, |sum, difference| {
                *sum = sum.wrapping_add(difference);
                Some(*sum)
            })
        };
        match column[0].as_str() {
            Some("u16") => {
                at(2).map(|bytes| f64::from(u16::from_le_bytes(bytes.try_into().expect("2 bytes")))).collect()
            }
            Some("f64") => {
                at(8).map(|bytes| f64::from_le_bytes(bytes.try_into().expect("8 bytes"))).collect()
            }
            Some("d32") => sums().map(f64::from).collect(),
            Some("n32") => sums().map(|sum| sum.checked_sub(1).map_or(f64::NAN, f64::from)).collect(),
            other => panic!("{other:?}: no such type"),
        }
    }
}
