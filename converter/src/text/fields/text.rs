// SPDX-License-Identifier: BSD-2-Clause
//! The reference as lines of text, and as JSON Lines.

use std::fmt::Write;
use std::io;

use super::ReferenceRow;

/// One line per row: filter name, type, unit, event, stacks, kernels or layouts, condition and meaning.
pub fn text(rows: &[ReferenceRow]) -> String {
    let mut out = String::new();
    let cells: Vec<[String; 6]> = rows.iter().map(cells).collect();
    let width = |column: usize| cells.iter().map(|cells| cells[column].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    for cells in &cells {
        for (cell, &width) in cells.iter().zip(&widths) {
            let _ = write!(out, "{cell:<width$}  ");
        }
        let _ = writeln!(out, "{}", cells[5]);
    }
    out
}

fn cells(row: &ReferenceRow) -> [String; 6] {
    let dash = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let event = match (row.event_id, row.event) {
        (Some(id), Some(name)) => format!("{id} {name}"),
        _ => row.group.to_owned(),
    };
    let unit = if row.names.is_empty() { row.unit } else { &row.names };
    let when = match (row.log, row.layouts.is_empty()) {
        ("bblog", _) => format!("{} / {}", row.stack, row.kernel),
        (_, true) => "-".to_owned(),
        _ => row.layouts.join(" "),
    };
    let condition = if row.condition.is_empty() { String::new() } else { format!("[{}] ", row.condition) };
    [row.filter.to_owned(), row.kind.clone(), dash(unit), event, when, format!("{condition}{}", row.about)]
}

/// One object per row and line.
///
/// # Errors
/// Those of `out`.
pub fn json(rows: &[ReferenceRow], out: &mut impl io::Write) -> io::Result<()> {
    for row in rows {
        serde_json::to_writer(&mut *out, row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
