//! Reports on inputs: what `bblog info` shows.

pub mod info;
mod info_bblog;
mod info_eventlog;
mod info_text;
