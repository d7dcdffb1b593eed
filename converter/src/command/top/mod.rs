// SPDX-License-Identifier: BSD-2-Clause
//! `bblog top`: what the connections of a live input do now.
//!
//! ```text
//! reader: a thread reads ─► model: what is shown after which events ─► table: grouped, sorted ─► once: text, JSON
//!                                                                  └► ui: what keys do ─► view ─► screen
//! ```
//!
//! The model uses no terminal and no clock of this machine: a connection's times are its log's. Memory is bounded
//! by the number of connections that are followed.

pub mod column;
pub mod connection;
pub mod group;
pub mod history;
pub mod keys;
pub mod last_event;
pub mod live;
pub mod model;
pub mod notable;
pub mod once;
pub mod quantity;
pub mod reader;
pub mod recent;
pub mod screen;
pub mod signals;
pub mod status;
pub mod table;
pub mod ui;
pub mod view;

mod schema_doc;

pub use schema_doc::schema_doc;
