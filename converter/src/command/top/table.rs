// SPDX-License-Identifier: BSD-2-Clause
//! The table as it is shown: grouped, narrowed, sorted.

use super::column::TopColumn;
use super::group::{self, ConnectionGroup, Grouping};
use super::model::ConnectionLine;

/// How the table is arranged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrangement {
    /// What lines are sorted by.
    pub sort: TopColumn,
    /// Whether in the other order.
    pub is_reversed: bool,
    /// What connections are grouped by.
    pub grouping: Grouping,
    /// The group whose connections alone are shown.
    pub inside: Option<(Grouping, ConnectionGroup)>,
    /// Whether connections whose end was seen are left out.
    pub hides_ended: bool,
}

impl Default for Arrangement {
    fn default() -> Arrangement {
        Arrangement {
            sort: TopColumn::Lost,
            is_reversed: false,
            grouping: Grouping::None,
            inside: None,
            hides_ended: false,
        }
    }
}

/// A line of the table.
pub struct Entry {
    /// What stands in its first column.
    pub name: String,
    /// The group that it is; `None` for a connection.
    pub group: Option<ConnectionGroup>,
    /// Its values.
    pub line: ConnectionLine,
}

/// The lines of the table.
pub fn arrange(mut lines: Vec<ConnectionLine>, arrangement: &Arrangement) -> Vec<Entry> {
    if arrangement.hides_ended {
        lines.retain(|line| !line.is_ended);
    }
    if let Some((grouping, group)) = &arrangement.inside {
        lines.retain(|line| grouping.of(line) == *group);
    }
    let mut entries: Vec<Entry> = match (arrangement.grouping, &arrangement.inside) {
        (Grouping::None, _) | (_, Some(_)) => {
            lines.into_iter().map(|line| Entry { name: name(&line), group: None, line }).collect()
        }
        (grouping, None) => group::groups(&lines, grouping)
            .into_iter()
            .map(|(group, line)| Entry { name: group.to_string(), group: Some(group), line })
            .collect(),
    };
    entries.sort_by(|a, b| {
        let order = arrangement.sort.compare((&a.name, &a.line), (&b.name, &b.line));
        if arrangement.is_reversed { order.reverse() } else { order }
    });
    entries
}

/// A connection's name: its ends, or its session.
pub fn name(line: &ConnectionLine) -> String {
    match (line.identity.addresses, line.identity.session) {
        (Some((local, remote)), _) => format!("{local} - {remote}"),
        (None, Some(session)) => format!("session {session}"),
        (None, None) => "not known".to_owned(),
    }
}
