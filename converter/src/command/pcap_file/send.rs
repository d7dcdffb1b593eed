// SPDX-License-Identifier: BSD-2-Clause
//! What a record says of a packet's send.

use bblog_dissector::tables;

use crate::event::item::LogItem;

/// What an item says of a send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SendResult {
    /// Nothing.
    Unsaid,
    /// It was tried, by the record with this serial number. Where it failed, the next record says so.
    Tried(u32),
    /// It failed.
    Failed,
    /// The one that the record before this one, with this serial number, was about failed.
    LastFailed(u32),
}

/// Finds out what items say of sends.
pub(super) struct SendResults {
    /// The number of the event OUT.
    out: Option<u32>,
}

impl Default for SendResults {
    fn default() -> SendResults {
        SendResults { out: tables::EVENTS.iter().find(|event| event.name == "OUT").map(|event| event.id) }
    }
}

impl SendResults {
    /// What `item` says of a send. RACK and BBR write the result into the record itself; the default stack writes -1,
    /// and one more record without a TCP header if it failed.
    pub(super) fn of(&self, item: Option<LogItem<'_>>) -> SendResult {
        let Some(LogItem::Bblog(item)) = item else { return SendResult::Unsaid };
        let record = item.record;
        if Some(u32::from(record.event_id())) != self.out {
            return SendResult::Unsaid;
        }
        match (record.tcp().is_some(), record.errno()) {
            (true, -1) => SendResult::Tried(record.serial()),
            (true, 1..) => SendResult::Failed,
            (false, 1..) => SendResult::LastFailed(record.serial().wrapping_sub(1)),
            _ => SendResult::Unsaid,
        }
    }
}
