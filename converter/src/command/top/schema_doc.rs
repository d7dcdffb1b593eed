// SPDX-License-Identifier: BSD-2-Clause
//! A JSON Schema of `bblog top --json`.

use bblog_analysis::Limit;
use serde_json::{Value, json};

/// The schema (JSON Schema, draft 2020-12) of what `bblog top --json` prints.
pub fn schema_doc() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "bblog top --json",
        "description": "One reading: the connections as they are now, sorted as --sort says. null is what is not known.",
        "type": "object",
        "additionalProperties": false,
        "required": ["input", "clock", "time_us", "ended", "events", "lost_records", "forgotten_connections",
                     "problems", "connections"],
        "properties": {
            "input": { "description": "The input's name.", "type": "string" },
            "clock": { "description": "uptime if the time of the machine's boot is not known; null before the \
                                       first event.",
                       "enum": ["utc", "uptime", null] },
            "time_us": { "description": "The latest event, microseconds since 1970 or since boot.",
                         "type": ["integer", "null"] },
            "ended": { "description": "Whether the input has ended.", "type": "boolean" },
            "events": { "description": "Records and events read.", "$ref": "#/$defs/count" },
            "lost_records": { "description": "Records missing by their serial numbers (BBLog).",
                              "$ref": "#/$defs/count" },
            "forgotten_connections": { "description": "Connections that made room for others.",
                                       "$ref": "#/$defs/count" },
            "problems": { "description": "Problems of the input, as on standard error.", "$ref": "#/$defs/count" },
            "connections": { "type": "array", "items": connection() },
        },
        "$defs": {
            "count": { "type": "integer", "minimum": 0 },
            "us": { "description": "Microseconds.", "type": "integer", "minimum": 0 },
            "bytes": { "type": ["integer", "null"], "minimum": 0 },
        },
    })
}

fn connection() -> Value {
    let text = || json!({ "type": ["string", "null"] });
    let port = || json!({ "type": ["integer", "null"], "minimum": 0, "maximum": 65535 });
    json!({
        "description": "A connection, or with --group the sum of a group.",
        "type": "object",
        "additionalProperties": false,
        "required": ["members", "local", "local_port", "remote", "remote_port", "session", "log_id", "stack",
                     "stack_inferred", "cc", "state", "ended", "last_us", "age_us", "recent", "srtt_us",
                     "min_rtt_us", "cwnd", "flight", "limit", "lost_us", "last_event"],
        "properties": {
            "group": { "description": "With --group: its name.", "type": "string" },
            "members": { "description": "Connections of the group, else 1.", "type": "integer", "minimum": 1 },
            "local": text(),
            "local_port": port(),
            "remote": text(),
            "remote_port": port(),
            "session": { "description": "eventlog's session id.", "type": ["integer", "null"] },
            "log_id": text(),
            "stack": { "description": "The TCP stack's name.", "type": ["string", "null"] },
            "stack_inferred": { "description": "Whether the stack was inferred from the records.",
                                "type": "boolean" },
            "cc": { "description": "The congestion control; BBLog does not log it.", "type": ["string", "null"] },
            "state": { "description": "The TCP state.", "type": ["string", "null"] },
            "ended": { "description": "Whether its end was seen.", "type": "boolean" },
            "last_us": { "description": "Its last event, on the clock of time_us.", "type": "integer" },
            "age_us": { "description": "From its last event to time_us.", "$ref": "#/$defs/us" },
            "recent": recent(),
            "srtt_us": { "description": "The smoothed RTT, microseconds; of a group the greatest.",
                         "$ref": "#/$defs/bytes" },
            "min_rtt_us": { "description": "The least RTT logged, or srtt_us if that is less, microseconds.", "$ref": "#/$defs/bytes" },
            "cwnd": { "description": "The congestion window, bytes.", "$ref": "#/$defs/bytes" },
            "flight": { "description": "Bytes in flight.", "$ref": "#/$defs/bytes" },
            "limit": { "description": "What limits it now; null if the connections of a group differ.",
                       "enum": limits().into_iter().map(Value::from).chain([Value::Null]).collect::<Vec<_>>() },
            "lost_us": { "description": "Time in recovery, timeout and send_error since it is followed.",
                         "$ref": "#/$defs/us" },
            "last_event": {
                "description": "The last notable event.",
                "type": ["object", "null"],
                "additionalProperties": false,
                "required": ["time_us", "text"],
                "properties": { "time_us": { "type": "integer" }, "text": { "type": "string" } },
            },
        },
    })
}

fn recent() -> Value {
    json!({
        "description": "The last ten seconds before its last event.",
        "type": "object",
        "additionalProperties": false,
        "required": ["duration_us", "goodput_bps", "sent_bytes", "retransmitted_bytes", "limits"],
        "properties": {
            "duration_us": { "description": "How much of them the log has.", "$ref": "#/$defs/us" },
            "goodput_bps": { "description": "Bits acknowledged per second.", "$ref": "#/$defs/bytes" },
            "sent_bytes": { "description": "Bytes of data sent.", "$ref": "#/$defs/count" },
            "retransmitted_bytes": { "description": "Bytes of them that were sent before.",
                                     "$ref": "#/$defs/count" },
            "limits": {
                "description": "The states that took time, the longest first.",
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["state", "time_us"],
                    "properties": { "state": { "enum": limits() }, "time_us": { "$ref": "#/$defs/us" } },
                },
            },
        },
    })
}

fn limits() -> Vec<&'static str> {
    Limit::ALL.map(Limit::name).to_vec()
}
