// SPDX-License-Identifier: BSD-2-Clause
//! What the end-to-end tests share: the built programs ([`programs`]), the real tshark with the
//! plugin in it ([`tshark`]), genuine logs ([`fixtures`]), a record for each row of the tables
//! ([`rows`]), packets to compare ([`segments`]), what hostile bytes are thrown at ([`attacks`]),
//! damaged captures ([`damage`]), a browser ([`chromium`]), the numbers of a page ([`page`]), a terminal ([`tmux`]), and
//! logs of any length ([`repeat`]).
//!
//! A test takes a log from `fixtures`, runs a program on it, and compares what tshark shows.

pub mod attacks;
pub mod chromium;
pub mod damage;
pub mod fixtures;
pub mod page;
pub mod programs;
pub mod repeat;
pub mod rows;
pub mod segments;
pub mod sharkd;
pub mod tmux;
pub mod tshark;
