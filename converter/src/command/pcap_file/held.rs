// SPDX-License-Identifier: BSD-2-Clause
//! Packets that wait for the next record of their input, which may say that they were not sent.

use std::collections::VecDeque;

use super::send::SendResult;

/// The most packets that wait, or stand behind one that does: the next record comes right after.
const MOST: usize = 4_096;

/// Packets on the way to the output: in their order, those that wait and those behind them.
#[derive(Default)]
pub(super) struct HeldPackets {
    queue: VecDeque<HeldPacket>,
    written: u64,
}

struct HeldPacket {
    input: usize,
    /// The serial number of its record, as long as the next one may say that it was not sent.
    serial: Option<u32>,
    bytes: Vec<u8>,
}

impl HeldPackets {
    /// Packets that were written.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Whether a packet waits for the next record of its input.
    pub(super) fn waits(&self) -> bool {
        self.queue.iter().any(|packet| packet.serial.is_some())
    }

    /// Takes note of the next record of `input`: what waits for it goes to `out`, or is dropped. Returns whether one is
    /// dropped.
    pub(super) fn decide(&mut self, input: usize, send: SendResult, out: &mut Vec<u8>) -> bool {
        let waits = |packet: &HeldPacket| packet.input == input && packet.serial.is_some();
        let Some(at) = self.queue.iter().position(waits) else { return false };
        let is_failed =
            matches!(send, SendResult::LastFailed(serial) if self.queue[at].serial == Some(serial));
        if is_failed {
            self.queue.remove(at);
        } else {
            self.queue[at].serial = None;
        }
        self.release(out);
        is_failed
    }

    /// Takes a packet of `input`, which goes to `out` at once if it neither waits nor stands behind one that does.
    pub(super) fn push(&mut self, input: usize, send: SendResult, parts: [&[u8]; 2], out: &mut Vec<u8>) {
        let serial = if let SendResult::Tried(serial) = send { Some(serial) } else { None };
        if self.queue.len() >= MOST {
            self.release_all(out);
        }
        if serial.is_some() || !self.queue.is_empty() {
            self.queue.push_back(HeldPacket { input, serial, bytes: parts.concat() });
        } else {
            parts.iter().for_each(|part| out.extend_from_slice(part));
            self.written += 1;
        }
    }

    /// Gives all that waits to `out`: there is no next record.
    pub(super) fn release_all(&mut self, out: &mut Vec<u8>) {
        self.queue.iter_mut().for_each(|packet| packet.serial = None);
        self.release(out);
    }

    fn release(&mut self, out: &mut Vec<u8>) {
        while let Some(packet) = self.queue.pop_front_if(|packet| packet.serial.is_none()) {
            out.extend_from_slice(&packet.bytes);
            self.written += 1;
        }
    }
}
