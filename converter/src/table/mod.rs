// SPDX-License-Identifier: BSD-2-Clause
//! Connections as rows of a table: one row each, from files of any format.
//!
//! ```text
//! item ─► Gatherer: analysis, identity ─► ConnectionRow ─► COLUMNS: name, kind, value
//! ```
//!
//! A [`Gatherer`](gather::Gatherer) follows connections and makes a [`ConnectionRow`](row::ConnectionRow) of each that
//! is over. [`COLUMNS`](column::COLUMNS) says what the columns are; JSON, CSV, texts, Parquet and Arrow follow from it.

#[cfg(feature = "parquet")]
mod arrow_column;
#[cfg(feature = "parquet")]
pub mod arrow_row;
pub mod column;
#[cfg(feature = "parquet")]
mod column_chunk;
#[cfg(feature = "parquet")]
mod column_memory;
#[cfg(feature = "parquet")]
pub mod events;
#[cfg(feature = "parquet")]
mod fixed_member;
pub mod gather;
pub mod id;
pub mod overlap;
#[cfg(feature = "parquet")]
mod own_values;
#[cfg(feature = "parquet")]
mod record_block;
pub mod row;
#[cfg(feature = "parquet")]
pub mod row_group;
