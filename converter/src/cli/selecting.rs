// SPDX-License-Identifier: BSD-2-Clause
//! Options that select events.

use bblog_converter::input::assumptions::Assumptions;
use bblog_converter::select::filter::Filter;
use bblog_converter::select::{Bound, Criteria, Ends, Selection};
use bblog_dissector::tcp_provider::Addresses;

use super::usage::UsageError;

/// Options that select events.
#[derive(clap::Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArgs {
    /// Select events by a display filter of Wireshark: 'bblog.timer_fired in {RTO, TLP} &&
    /// bblog.snd_cwnd < 20000'. `bblog fields` lists the names
    #[arg(short = 'Y', long, value_name = "EXPR")]
    filter: Option<String>,
    /// Select a connection by its ends, in either order: '10.0.0.1:80-10.0.0.2:5000',
    /// '[2001:db8::1]:80-*'. A part that is absent or * matches anything. Both ends in full, the local one
    /// first, also name the connection of BBLog records without an entry's header
    #[arg(long, value_name = "ENDS")]
    connection: Option<Ends>,
    /// Select events at this time or later: 2026-11-21T20:48:01Z (UTC also without Z), the time of day
    /// 20:48:01.5 (UTC), seconds since 1970, or a time after the first event such as +1.5s
    #[arg(long, value_name = "TIME")]
    from: Option<Bound>,
    /// Select events before this time
    #[arg(long, value_name = "TIME")]
    to: Option<Bound>,
    /// Select at most COUNT events
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
}

impl SelectionArgs {
    /// Both ends of the connection, if they are given in full.
    pub fn ends(&self) -> Option<Addresses> {
        self.connection.as_ref().and_then(Ends::in_full)
    }

    /// The selection of these options.
    ///
    /// # Errors
    /// One line with the problem of the filter and its place.
    pub fn selection(self, assumptions: &Assumptions) -> Result<Selection, UsageError> {
        let filter = self.filter.map(|text| Filter::new(&text, &assumptions.catalog)).transpose();
        let filter = filter.map_err(|error| format!("--filter, {error}"))?;
        let SelectionArgs { from, to, connection, limit, .. } = self;
        Ok(Selection::new(Criteria { from, to, connection, filter, limit }))
    }
}
