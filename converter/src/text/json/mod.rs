// SPDX-License-Identifier: BSD-2-Clause
//! Events as JSON Lines: one object a line, its keys documented by [`schema_doc`].
//!
//! The text is written into a buffer that is reused. The keys of all rows are formatted once. serde_json
//! escapes strings.
//!
//! - A number up to 2^53 - 1 in size is a JSON number, which every JSON reader represents exactly. A larger
//!   one is a string of its decimal digits.
//! - A truth value is `true` or `false`. If the number is neither 0 nor 1, it is that number.
//! - Text that is not UTF-8 has U+FFFD for the invalid bytes, and a second key that ends with `_hex` has all
//!   bytes.
//! - Bytes are strings of hexadecimal digits, addresses strings.
//! - Values in a variable-length tail are an array.

mod keys;
mod lines;
mod schema_doc;
mod state;
pub(crate) mod value;

pub use lines::JsonLines;
pub use schema_doc::schema_doc;
