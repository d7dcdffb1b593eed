// SPDX-License-Identifier: BSD-2-Clause
//! The process: command line, privileges, sandbox, signals, and the thread that writes.

mod answer;
pub mod broker;
pub mod check;
pub mod cli;
mod daemon;
pub mod health;
mod opened;
mod privileges;
pub mod run;
mod sandbox;
mod signals;
mod status;
mod stdin;
mod writer;
