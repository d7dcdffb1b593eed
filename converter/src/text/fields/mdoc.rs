// SPDX-License-Identifier: BSD-2-Clause
//! The reference as a manual page: `bblog-fields.7`, in mdoc(7).

use std::fmt::Write;

use super::ReferenceRow;

const HEAD: &str = r#".\" Generated: bblog fields --mdoc > packaging/man/bblog-fields.7
.Dd November 21, 2026
.Dt BBLOG-FIELDS 7
.Os
.Sh NAME
.Nm bblog-fields
.Nd events and fields of BBLog and eventlog
.Sh DESCRIPTION
Every value that
.Xr bblog 1
and its Wireshark plugin can name, by the name that filters use.
The last part of the name is the value's key in the output of
.Ic bblog json .
After the name stand the type, the unit or the names of values, and in brackets when the value is
there: the TCP stacks, the kernels, and conditions on members of the record; for eventlog the layouts
of the provider.
"#;

const TAIL: &str = ".Sh SEE ALSO
.Xr bblog 1
";

/// The page.
pub fn mdoc(rows: &[ReferenceRow]) -> String {
    let mut out = HEAD.to_owned();
    let mut section = String::new();
    let mut open = false;
    for row in rows {
        let title = title(row);
        if title != section {
            if std::mem::replace(&mut open, true) {
                out.push_str(".El\n");
            }
            let _ = writeln!(out, ".Ss {}", escape(&title));
            out.push_str(".Bl -tag -width 4n -compact\n");
            section = title;
        }
        let _ = writeln!(out, ".It Va {}", escape(row.filter));
        let unit = if row.names.is_empty() { row.unit } else { &row.names };
        let _ = write!(out, "{}", escape(&row.kind));
        if !unit.is_empty() {
            let _ = write!(out, ", {}", escape(unit));
        }
        let when = when(row);
        if !when.is_empty() {
            let _ = write!(out, " [{}]", escape(&when));
        }
        let _ = writeln!(out, ": {}", escape(row.about));
    }
    if open {
        out.push_str(".El\n");
    }
    out.push_str(TAIL);
    out
}

fn title(row: &ReferenceRow) -> String {
    match (row.provider, row.event, row.event_id) {
        (Some(provider), Some(event), Some(id)) => format!("eventlog {provider}: {event} ({id})"),
        (None, Some(event), Some(id)) => format!("BBLog: {event} ({id})"),
        _ if row.log == "bblog" => format!("BBLog: {}", row.group),
        _ => format!("eventlog: {}", row.group),
    }
}

fn when(row: &ReferenceRow) -> String {
    let mut parts = Vec::new();
    if row.stack != "any" {
        parts.push(row.stack.clone());
    }
    if row.kernel != "any" {
        parts.push(format!("kernel {}", row.kernel));
    }
    if !row.layouts.is_empty() {
        parts.push(format!("layout {}", row.layouts.join(" ")));
    }
    if !row.condition.is_empty() {
        parts.push(row.condition.clone());
    }
    parts.join("; ")
}

/// Text that is not taken as a request, even if it begins like one.
fn escape(text: &str) -> String {
    let text = text.replace('\\', "\\e");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}
