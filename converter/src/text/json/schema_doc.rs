// SPDX-License-Identifier: BSD-2-Clause
//! A JSON Schema of the lines.

use serde_json::{Value, json};

/// The schema (JSON Schema, draft 2020-12) of a line of `bblog json`.
pub fn schema_doc() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A line of bblog json",
        "description": "One BBLog record or eventlog event. The names of values are those of \
                        `bblog fields --json`.",
        "oneOf": [{ "$ref": "#/$defs/bblog" }, { "$ref": "#/$defs/eventlog" }],
        "$defs": { "number": number(), "values": values(), "hex": hex(), "connection": connection(),
                   "bblog": bblog(), "eventlog": eventlog() },
    })
}

fn number() -> Value {
    json!({
        "description": "An integer. One larger than 2^53 - 1 in size is a string of decimal digits.",
        "oneOf": [{ "type": "integer" }, { "type": "string", "pattern": "^-?[0-9]{16,20}$" }],
    })
}

fn hex() -> Value {
    json!({ "description": "Bytes.", "type": "string", "pattern": "^([0-9a-f]{2})*$" })
}

fn values() -> Value {
    json!({
        "description": "Values by name. A truth value that is neither 0 nor 1 is a number; text that is not \
                        UTF-8 has its bytes beside it, under its name and `_hex`; a variable-length tail is \
                        an array, or of single bytes a string of hexadecimal digits.",
        "type": "object",
        "additionalProperties": { "anyOf": [
            { "$ref": "#/$defs/number" }, { "type": "boolean" }, { "type": "string" },
            { "type": "array", "items": { "$ref": "#/$defs/number" } },
        ] },
    })
}

fn connection() -> Value {
    let port = json!({ "type": "integer", "minimum": 0, "maximum": 65535 });
    let text = json!({ "type": "string" });
    json!({
        "description": "The connection of the event; null if its addresses are not known.",
        "type": ["object", "null"],
        "required": ["local", "local_port", "remote", "remote_port"],
        "properties": {
            "local": { "description": "An address; of IPv6 with its zone after %.", "type": "string" },
            "local_port": port,
            "remote": text,
            "remote_port": port,
            "log_id": { "description": "Set by the program that owns the socket.", "type": "string" },
            "tag": text,
            "reason": { "description": "Why the log was dumped.", "type": "string" },
            "log_id_hex": { "$ref": "#/$defs/hex" },
            "tag_hex": { "$ref": "#/$defs/hex" },
            "reason_hex": { "$ref": "#/$defs/hex" },
        },
    })
}

/// The members of both kinds of line, with those of one kind.
fn line(own: Value, required: &[&str]) -> Value {
    let mut properties = json!({
        "time": {
            "description": "UTC; null if the time of the machine's boot is not known.",
            "type": ["string", "null"], "format": "date-time",
        },
        "clock": { "enum": ["utc", "uptime"] },
        "time_us": {
            "description": "Microseconds since 1970, or since the machine booted (clock uptime).",
            "$ref": "#/$defs/number",
        },
        "event": { "description": "Its name; null if no table has it.", "type": ["string", "null"] },
        "event_id": { "type": "integer" },
        "connection": { "$ref": "#/$defs/connection" },
        "values": { "description": "The event's own values, without those that mean \"not set\".", "$ref": "#/$defs/values" },
        "names": {
            "description": "With --names: enumerated values and flags in words.",
            "type": "object", "additionalProperties": { "type": "string" },
        },
        "damaged": { "description": "Its block in the input is damaged: values may be wrong.", "const": true },
        "bytes": { "description": "With --raw: the whole record or event.", "$ref": "#/$defs/hex" },
    });
    if let (Value::Object(all), Value::Object(own)) = (&mut properties, own) {
        all.extend(own);
    }
    let common = ["time", "clock", "time_us", "log", "event", "event_id", "connection", "values"];
    let required: Vec<&str> = common.iter().chain(required).copied().collect();
    json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    })
}

fn bblog() -> Value {
    let own = json!({
        "log": { "const": "bblog" },
        "stack": { "description": "The TCP stack's name, or unknown.", "type": "string" },
        "stack_hex": { "$ref": "#/$defs/hex" },
        "kernel": {
          "description": "The kernel: a release if the kernel stated it, or else 13, 14, main or 14 or newer; null if it is not known, and then the record is read as one of main.",
          "type": ["string", "null"]
        },
        "hz": { "description": "Ticks per second; null if they are not known.", "type": ["integer", "null"] },
        "inferred": {
          "description": "Which of stack, kernel and hz were concluded from the records; absent if none was.",
          "type": "array",
          "items": { "enum": ["stack", "kernel", "hz"] }
        },
        "serial": { "description": "The record's number within its connection.", "type": "integer" },
        "missing": { "description": "Records missing before this one.", "type": "integer" },
        "bblog": {
            "description": "What every record holds, without values that mean \"not set\"; computed: flight, time_delta, gap, what ends in _rel, and srtt_us, the smoothed RTT in microseconds for all stacks.",
            "$ref": "#/$defs/values",
        },
        "tcp": {
            "description": "The segment's TCP header, if the record has one.",
            "type": "object",
            "properties": {
                "source_port": { "type": "integer" }, "destination_port": { "type": "integer" },
                "seq": { "type": "integer" }, "ack": { "type": "integer" },
                "flags": { "description": "Nine bits, FIN the lowest.", "type": "integer" },
                "window": { "description": "Not scaled.", "type": "integer" },
                "checksum": { "type": "integer" }, "urgent": { "type": "integer" },
                "options": { "$ref": "#/$defs/hex" },
            },
        },
        "verbose": { "description": "Where in the kernel it was made.", "$ref": "#/$defs/values" },
        "raw": {
            "description": "With --raw, and of events without a table: the members of u_bbr.",
            "$ref": "#/$defs/values",
        },
    });
    line(own, &["stack", "kernel", "hz", "serial", "missing", "bblog"])
}

fn eventlog() -> Value {
    let own = json!({
        "log": { "const": "eventlog" },
        "provider": { "description": "Its name; null if the capture does not have it.",
                      "type": ["string", "null"] },
        "provider_hex": { "$ref": "#/$defs/hex" },
        "session": { "$ref": "#/$defs/number" },
        "hz": { "description": "Ticks per second; null if they are not known. The default stack's RTTs are in thousandths of ticks.", "type": ["integer", "null"] },
        "inferred": {
          "description": "That hz was concluded from the events; absent if it was not.",
          "type": "array",
          "items": { "const": "hz" }
        },
        "eventlog": { "description": "The event's header; computed: time_delta, and srtt_us, the smoothed RTT in microseconds for all stacks.", "$ref": "#/$defs/values" },
        "truncated": { "description": "The payload ends before its structure does.", "const": true },
        "payload": { "description": "All of it, if no schema describes it or it is truncated.",
                     "$ref": "#/$defs/hex" },
        "trailing": { "description": "Bytes after the structure.", "$ref": "#/$defs/hex" },
    });
    line(own, &["provider", "session", "hz", "eventlog"])
}
