// SPDX-License-Identifier: GPL-2.0-or-later
//! Wireshark plugin for FreeBSD's BBLog records, beyond what Wireshark itself decodes, and for eventlog(9).
//!
//! The plugin has two halves. The C half (`shim/`) makes every call into epan; this half decides about
//! bytes. Wireshark's exceptions are longjmps, which must not cross a Rust frame, so C collects bytes, calls
//! `exports::bblog_decode`, and gets a flat list of items back, which it adds to the tree after Rust has
//! returned. `shim/shim.h` is the border; bindgen translates it (`ffi`).
//!
//! ```text
//! epan ─► shim/dissect.c ─► exports ─► decode ─► record, eventlog, answer ─► bblog_dissector
//!                                                  │    └─► frames ─► bblog_analysis: what a frame
//!              ▲                                   ▼                  is beside others
//!              └────── items (flat) ◄───────────  line
//! epan ◄─ shim/stats.c, shim/stream.c: statistics; one number for events and packets
//! epan ◄─ shim/menu.c: Tools → BBLog, which runs `bblog plot`
//! epan ─► shim/asked.c ─► registry: which fields are needed
//! epan ◄─ shim/register.c ◄─ registry ◄─ the dissector's catalogue of fields
//! wiretap ─► shim/section.c ─► sections: stack names, connection, providers
//! ```
#![warn(clippy::missing_safety_doc)]

mod answer;
mod catalog;
mod decode;
mod eventlog;
mod exports;
mod ffi;
mod flows;
mod follow;
mod frames;
mod items;
mod line;
mod packet;
mod per_frame;
mod record;
mod registry;
mod request;
mod sections;
