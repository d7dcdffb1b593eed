// SPDX-License-Identifier: GPL-2.0-or-later
//! Flows: the records of a connection, or the events of a session.
//!
//! Records of one flow mostly follow each other, so the last flow is found without a hash table.

use std::collections::HashMap;
use std::net::SocketAddr;

use bblog_analysis::links::OpenPairs;
use bblog_analysis::track::Track;
use bblog_analysis::{Numbers, Resent};
use bblog_dissector::text::InitialSeqs;
use bblog_pcapng::sessions::Session;
use foldhash::fast::RandomState;

use crate::sections::SectionKey;

/// The name of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Flow {
    /// A connection of a file: ours first.
    Connection(usize, SocketAddr, SocketAddr),
    /// The records of a section with this initial sequence number, whose connection the section does not
    /// name.
    Unnamed(SectionKey, u32),
    /// A session of an eventlog provider.
    Session(SectionKey, u16, u64),
    /// A session of eventlog's tcp provider: a connection that changes its stack changes the provider's number, not its
    /// name.
    TcpSession(SectionKey, u64),
}

/// A flow that was met: an index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowId(usize);

impl FlowId {
    /// It as a number.
    pub fn number(self) -> u64 {
        self.0 as u64
    }
}

/// The flows met so far.
#[derive(Default)]
pub struct Flows {
    ids: HashMap<Flow, FlowId, RandomState>,
    states: Vec<FlowState>,
    /// The flow met last.
    last: Option<(Flow, FlowId)>,
    /// The section whose own connection was met last, and its flow.
    last_of_section: Option<(SectionKey, FlowId)>,
    /// How many flows were given a number.
    numbered: u32,
}

/// Where a flow has got to.
#[derive(Default)]
pub struct FlowState {
    /// The record before, and what follows from it.
    pub track: Track,
    /// eventlog: the time of the event before.
    pub last: Option<u64>,
    /// What waits for its other half.
    pub open: OpenPairs,
    /// The connection, ours first, if packets name it and the section does not.
    pub connection: Option<(SocketAddr, SocketAddr)>,
    /// The peer's initial sequence numbers, each with the first frame it holds for; `None` from where it is not known.
    pub irs: Vec<(u32, Option<u32>)>,
    /// What numbers in texts are relative to.
    pub numbers: Numbers,
    /// From which frames on that is what.
    pub styles: Vec<(u32, InitialSeqs)>,
    /// What is sent again.
    pub resent: Resent,
    /// Whether Wireshark has a conversation for it.
    pub has_conversation: bool,
    /// Of a session of eventlog's tcp provider: the flow as which the analysis follows it.
    pub followed_as: Option<FlowId>,
    /// Of that flow: which connection it stands for.
    pub session: Session,
    /// Its number among those whose connection is not known.
    number: Option<u32>,
}

impl FlowState {
    /// Notes what numbers are relative to from a frame on.
    pub fn note_style(&mut self, frame: u32, style: InitialSeqs) {
        if self.styles.last().is_none_or(|last| last.1 != style) {
            self.styles.push((frame, style));
        }
    }
}

impl Flows {
    /// The flow called `flow`, a new one if it was not met before.
    pub fn id(&mut self, flow: Flow) -> FlowId {
        if let Some((last, id)) = self.last
            && last == flow
        {
            return id;
        }
        let next = FlowId(self.states.len());
        let id = *self.ids.entry(flow).or_insert(next);
        if id == next {
            self.states.push(FlowState::default());
        }
        self.last = Some((flow, id));
        id
    }

    /// The flow of a section's own connection, which is called `flow`.
    pub fn of_section(&mut self, section: SectionKey, flow: impl FnOnce() -> Flow) -> FlowId {
        if let Some((last, id)) = self.last_of_section
            && last == section
        {
            return id;
        }
        let id = self.id(flow());
        self.last_of_section = Some((section, id));
        id
    }

    /// Where a flow has got to.
    pub fn state(&mut self, id: FlowId) -> &mut FlowState {
        &mut self.states[id.0]
    }

    /// As [`Flows::state`], to be looked at.
    pub fn get(&self, id: FlowId) -> &FlowState {
        &self.states[id.0]
    }

    /// The number of a flow, counted from 0 in the order of their first frames.
    pub fn number(&mut self, id: FlowId) -> u32 {
        let next = self.numbered;
        let number = *self.states[id.0].number.get_or_insert(next);
        self.numbered += u32::from(number == next);
        number
    }
}
