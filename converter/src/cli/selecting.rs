// SPDX-License-Identifier: BSD-2-Clause
//! Options about which events are taken.

use bblog_converter::input::assumptions::Assumptions;
use bblog_converter::select::filter::Filter;
use bblog_converter::select::{Bound, Criteria, Ends, Selection};

use super::usage::UsageError;

/// Options that select events.
#[derive(clap::Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArgs {
    /// Only events that this display filter selects, in Wireshark's language and over its names:
    /// 'bblog.event in {RTO, TLP} && bblog.snd_cwnd < 20000'. `bblog fields` lists the names
    #[arg(short = 'Y', long, value_name = "EXPR")]
    filter: Option<String>,
    /// Only events of the connection with these ends, in either order: '10.0.0.1:80-10.0.0.2:5000',
    /// '[2001:db8::1]:80-*'. What is left out or * may be anything
    #[arg(long, value_name = "ENDS")]
    connection: Option<Ends>,
    /// Only events at this time or later: 2026-11-21T20:48:01Z (without Z it is UTC as well), seconds
    /// since 1970, or +1.5s after the first event
    #[arg(long, value_name = "TIME")]
    from: Option<Bound>,
    /// Only events before this time
    #[arg(long, value_name = "TIME")]
    to: Option<Bound>,
    /// No more than COUNT events
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
}

impl SelectionArgs {
    /// What the options select.
    ///
    /// # Errors
    /// What is wrong with the filter, and where.
    pub fn selection(self, assumptions: &Assumptions) -> Result<Selection, UsageError> {
        let filter = self.filter.map(|text| Filter::new(&text, &assumptions.catalog)).transpose();
        let filter = filter.map_err(|error| format!("--filter, {error}"))?;
        let SelectionArgs { from, to, connection, limit, .. } = self;
        Ok(Selection::new(Criteria { from, to, connection, filter, limit }))
    }
}
