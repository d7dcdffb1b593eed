// SPDX-License-Identifier: BSD-2-Clause
//! What events of the `tcp` provider say about their connection in words: its log id, its stack.

use bblog_dissector::elog::RawEvent;

/// The event id of LOG_ID, equal in all schema versions of the `tcp` provider.
const LOG_ID: u32 = 2;
/// TCP_STACK_CHANGE, and what it was called in the oldest version.
const STACK_CHANGES: [u32; 2] = [6, 7];
/// Bytes of its payload.
const STACK_NAME: usize = 32;

/// The log id that an event of a `tcp` provider tells.
pub fn log_id(event: &RawEvent<'_>) -> Option<Vec<u8>> {
    (event.event_id() == LOG_ID).then(|| text(event.payload(), 64))
}

/// The name of the stack that a connection changed to. The event's number differs between schema
/// versions, and each number means something longer or shorter in the others.
pub fn stack_name(event: &RawEvent<'_>) -> Option<Vec<u8>> {
    let is_name = STACK_CHANGES.contains(&event.event_id()) && event.payload().len() == STACK_NAME;
    is_name.then(|| text(event.payload(), STACK_NAME))
}

/// A fixed-size string up to its NUL.
fn text(payload: &[u8], size: usize) -> Vec<u8> {
    let field = &payload[..payload.len().min(size)];
    field.split(|&b| b == 0).next().unwrap_or_default().to_vec()
}
