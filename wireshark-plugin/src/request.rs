// SPDX-License-Identifier: GPL-2.0-or-later
//! A request of the C half, and what it gets besides the items.

use std::net::SocketAddr;
use std::ops::Range;

use bblog_dissector::spec::Kernel;

use crate::ffi;
use crate::items::{NONE, TextAt};
use crate::sections::SectionKey;

/// The bytes to decode.
#[derive(Clone, Copy)]
pub enum FrameBytes<'a> {
    /// A TCPINFO, and the verbose part (or no bytes).
    Record {
        /// The first 268 bytes of a record.
        data: &'a [u8],
        /// The 72-byte verbose part, or no bytes.
        verbose: &'a [u8],
        /// The packet that the record describes, or no bytes.
        packet: &'a [u8],
    },
    /// An ELOG event.
    Eventlog {
        /// Its header and payload.
        data: &'a [u8],
        /// The packet that was made from it, or no bytes.
        packet: &'a [u8],
    },
    /// Nothing: a block that stands for skipped records.
    Nothing,
}

/// A request of the C half.
pub struct Request<'a> {
    /// The bytes.
    pub input: FrameBytes<'a>,
    /// `BBLOG_WANT_*` bits.
    pub want: u32,
    /// The section they stand in.
    pub section: SectionKey,
    /// The frame's number, from 1.
    pub frame: u32,
    /// Whether this is the first pass over the capture, in the order of the file.
    pub first: bool,
}

impl Request<'_> {
    /// Whether one of these `BBLOG_WANT_*` bits is set.
    pub fn wants(&self, what: ffi::bblog_want) -> bool {
        self.want & what != 0
    }
}

/// The answer to C, besides the items.
pub struct Answer {
    /// The event's short name, if the tree or a statistic is requested.
    pub name: TextAt,
    /// Where the event's number lies, if the tree is requested.
    pub number: Range<usize>,
    /// The one-line summary.
    pub summary: TextAt,
    /// What is wrong with the bytes.
    pub problem: TextAt,
    /// eventlog: the provider's name.
    pub provider: TextAt,
    /// A few words about the connection's state.
    pub state: TextAt,
    /// BBLog: the stack's name.
    pub stack: TextAt,
    /// The timer that something happened to.
    pub timer: TextAt,
    /// What happened to it.
    pub action: TextAt,
    /// What limited the connection until this frame.
    pub limit: TextAt,
    /// The time since the frame before this one of its flow, microseconds.
    pub elapsed: u64,
    /// The flow's number, if its connection is not known.
    pub flow: u32,
    /// Whether it is a segment that was sent before.
    pub resent: bool,
    /// Whether no earlier record of the flow had a known connection, and this one has.
    pub new_conversation: bool,
    /// BBLog: the connection of a record without a packet, ours first.
    pub connection: Option<(SocketAddr, SocketAddr)>,
}

impl Default for Answer {
    fn default() -> Self {
        Answer {
            name: NONE,
            number: 0..0,
            summary: NONE,
            problem: NONE,
            provider: NONE,
            state: NONE,
            stack: NONE,
            timer: NONE,
            action: NONE,
            limit: NONE,
            elapsed: 0,
            flow: NONE,
            resent: false,
            new_conversation: false,
            connection: None,
        }
    }
}

/// The preference's value as the dissector has it; `None` if the section decides.
pub fn kernel(preference: i32) -> Option<Kernel> {
    match preference as ffi::bblog_kernel {
        ffi::BBLOG_KERNEL_13 => Some(Kernel::Freebsd13),
        ffi::BBLOG_KERNEL_14 => Some(Kernel::Freebsd14),
        ffi::BBLOG_KERNEL_MAIN => Some(Kernel::Main),
        _ => None,
    }
}
