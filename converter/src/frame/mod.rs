// SPDX-License-Identifier: BSD-2-Clause
//! Inputs as pcapng: each record and event becomes a packet or another block, in a section of its
//! input's. What a pcapng file holds is passed on as it stands.
//!
//! Whenever the next frame is of another section than the last, the section begins anew in the
//! output. That costs about 350 bytes for BBLog and 500 for eventlog each time: as much as a
//! record where two busy connections alternate, nothing where they follow one another.

pub mod owner;
mod pcapng;
pub mod sink;
pub mod stream;
