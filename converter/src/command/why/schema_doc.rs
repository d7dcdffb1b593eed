// SPDX-License-Identifier: BSD-2-Clause
//! A JSON Schema of `bblog why --json`.

use bblog_analysis::{Evidence, Limit, Reception, StallCause, StallEnd};
use serde_json::{Value, json};

/// The schema (JSON Schema, draft 2020-12) of a line of `bblog why --json`.
pub fn schema_doc() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of bblog why --json",
        "description": "One connection: where its time went. The worst connection comes first.",
        "type": "object",
        "additionalProperties": false,
        "required": ["connection", "stacks", "kernel", "clock", "first_us", "duration_us", "established",
                     "sending", "receiving", "stalls", "more_stalls", "notes", "verdict"],
        "properties": {
            "connection": { "$ref": "#/$defs/connection" },
            "stacks": { "description": "Names of its TCP stacks.", "type": "array",
                        "items": { "type": "string" } },
            "kernel": { "description": "The kernel that BBLog records were decoded for; null for eventlog.",
                        "type": ["string", "null"] },
            "inferred": { "description": "What was inferred from the records: the names of stacks, the kernel. \
                                          Absent if nothing was.",
                          "type": "array", "items": { "enum": ["stack", "kernel"] } },
            "clock": { "description": "uptime if the time of the machine's boot is not known.",
                       "enum": ["utc", "uptime"] },
            "first_us": { "description": "Its first event, microseconds since 1970 or since boot.",
                          "type": "integer" },
            "duration_us": { "$ref": "#/$defs/us" },
            "established": { "type": "boolean" },
            "sending": sending(),
            "receiving": receiving(),
            "stalls": { "description": "Gaps without progress, in order of time; of more than 64 the longest.",
                        "type": "array", "items": stall() },
            "more_stalls": { "description": "Stalls there was no room for.", "type": "integer" },
            "notes": { "type": "array", "items": note() },
            "verdict": { "description": "One or two sentences.", "type": "string" },
            "spans": { "description": "With -v: every span of the sending side, in order of time.",
                       "type": "array", "items": span() },
        },
        "$defs": {
            "us": { "description": "Microseconds.", "type": "integer", "minimum": 0 },
            "evidence": { "description": "What decided on most of the time.",
                          "enum": Evidence::ALL.map(Evidence::name) },
            "connection": connection(),
        },
    })
}

fn connection() -> Value {
    json!({
        "description": "The connection of the account; null for what no event has.",
        "type": "object",
        "properties": {
            "local": { "description": "An address; of IPv6 with its zone after %.",
                       "type": ["string", "null"] },
            "local_port": { "type": ["integer", "null"] },
            "remote": { "type": ["string", "null"] },
            "remote_port": { "type": ["integer", "null"] },
            "session": { "description": "eventlog's session id.", "type": ["integer", "null"] },
            "log_id": { "type": ["string", "null"] },
        },
    })
}

/// The list of states of one side.
fn states(names: &[&str]) -> Value {
    json!({
        "description": "The states that took time, the largest share first. Their times add up to duration_us.",
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "state": { "enum": names },
                "time_us": { "$ref": "#/$defs/us" },
                "share": { "type": "number", "minimum": 0, "maximum": 1 },
                "spells": { "type": "integer", "minimum": 1 },
                "longest_us": { "$ref": "#/$defs/us" },
                "decided_by": { "$ref": "#/$defs/evidence" },
            },
        },
    })
}

fn sending() -> Value {
    json!({
        "description": "The sending side.",
        "type": "object",
        "properties": {
            "bytes": { "description": "Bytes of data that the peer acknowledged; null if the log does not say.",
                       "type": ["integer", "null"] },
            "retransmitted_bytes": { "type": "integer" },
            "goodput_bps": { "description": "bytes, in bits per second since the handshake.",
                             "type": ["integer", "null"] },
            "limits": states(&Limit::ALL.map(Limit::name)),
            "main": { "description": "The state with the largest share; handshake only where it never ended.",
                      "type": ["string", "null"] },
        },
    })
}

fn receiving() -> Value {
    json!({
        "description": "The receiving side.",
        "type": "object",
        "properties": {
            "bytes": { "description": "Bytes of data received, each once.", "type": "integer" },
            "retransmitted_bytes": { "type": "integer" },
            "goodput_bps": { "description": "bytes, in bits per second since the handshake.",
                             "type": ["integer", "null"] },
            "limits": states(&Reception::ALL.map(Reception::name)),
            "main": { "description": "The state with the largest share; handshake only where it never ended.",
                      "type": ["string", "null"] },
        },
    })
}

fn stall() -> Value {
    json!({
        "type": "object",
        "properties": {
            "start_us": { "description": "Microseconds since 1970 or since boot.", "type": "integer" },
            "duration_us": { "$ref": "#/$defs/us" },
            "cause": { "enum": StallCause::ALL.map(StallCause::name) },
            "ended_by": { "enum": StallEnd::ALL.map(StallEnd::name) },
            "first_number": { "description": "The event it begins with, as bblog show -n counts.",
                              "type": "integer" },
            "last_number": { "description": "The event that ends it.", "type": "integer" },
            "text": { "description": "A sentence; its times are since the connection's first event.",
                      "type": "string" },
        },
    })
}

fn note() -> Value {
    json!({
        "description": "Something worth knowing. The numbers in the text stand beside it, under names that \
                        depend on the kind.",
        "type": "object",
        "required": ["kind", "text"],
        "properties": { "kind": { "type": "string" }, "text": { "type": "string" } },
        "additionalProperties": { "type": ["integer", "string"] },
    })
}

fn span() -> Value {
    json!({
        "type": "object",
        "properties": {
            "start_us": { "type": "integer" },
            "duration_us": { "$ref": "#/$defs/us" },
            "state": { "enum": Limit::ALL.map(Limit::name) },
            "decided_by": { "$ref": "#/$defs/evidence" },
        },
    })
}
