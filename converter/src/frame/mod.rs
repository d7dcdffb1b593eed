// SPDX-License-Identifier: BSD-2-Clause
//! Inputs as pcapng: each record and event becomes a packet or another block, in a section of its input.
//! Blocks of pcapng files are passed on unchanged.
//!
//! If a frame is of another section than the one before, its section header is written again. That costs
//! about 350 bytes for BBLog and 500 for eventlog: as much as a record if two busy connections alternate.

pub mod owner;
mod pcapng;
pub mod sink;
pub mod stream;
