// SPDX-License-Identifier: BSD-2-Clause
//! Events as JSON Lines: one object a line, its keys documented by [`schema_doc`].
//!
//! The text is written straight into a buffer that is used again; the keys of all rows are made
//! once. Strings are escaped by serde_json.
//!
//! - A number is a JSON number up to 2^53 - 1 in size, what every reader of JSON holds exactly; a
//!   larger one is a string of its decimal digits.
//! - A truth value is `true` or `false`; a number other than 0 and 1 in its place stands as it is.
//! - Text that is not UTF-8 has U+FFFD in place of what is wrong, and beside it a key with `_hex`
//!   at the end of its name that holds the bytes.
//! - Bytes are strings of hexadecimal digits, addresses strings.
//! - Values in a variable-length tail are an array.

mod keys;
mod lines;
mod schema_doc;
mod value;

pub use lines::JsonLines;
pub use schema_doc::schema_doc;
