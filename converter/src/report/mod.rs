// SPDX-License-Identifier: BSD-2-Clause
//! Reports on inputs: what `bblog info` shows.

pub mod connection;
mod gather;
pub mod info;
mod info_text;
mod rules;
mod tracker;
