// SPDX-License-Identifier: BSD-2-Clause
//! Events that wait for their connection's addresses.
//!
//! The first events of a session come before the event with its addresses. They and all events after
//! them wait here in a queue of bounded size, so that the order is kept.

use std::collections::VecDeque;

use bblog_pcapng::sessions::{SessionContext, SessionKey, WaitId};

/// The most bytes of events that wait.
const MAX_BYTES: usize = 4 << 20;
/// The most events that wait.
const MAX_EVENTS: usize = 32_768;

/// The queue of events that wait, or stand behind one that does.
#[derive(Default)]
pub struct Backfill {
    /// The events' bytes, back to back from `start` on.
    bytes: Vec<u8>,
    start: usize,
    events: VecDeque<Queued>,
    waits: Vec<Wait>,
    /// Elements of `waits` that are not used.
    unused: Vec<WaitId>,
}

/// Facts about a queued event.
#[derive(Clone, Copy, Debug)]
pub enum Knowledge {
    /// Its connection.
    Known(SessionContext),
    /// It waits.
    Waits(WaitId),
}

struct Queued {
    len: usize,
    knowledge: Knowledge,
}

struct Wait {
    session: SessionKey,
    /// The result of the wait: the addresses, or that they will not come.
    answer: Option<SessionContext>,
    /// How many events in the queue wait for it.
    events: u32,
}

impl Backfill {
    /// Whether no event is queued.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// Whether the first event has to go before another comes in.
    pub fn is_full(&self) -> bool {
        self.bytes.len() - self.start > MAX_BYTES || self.events.len() >= MAX_EVENTS
    }

    /// Begins the wait of `session`, for which an event is going to be queued.
    pub fn wait(&mut self, session: SessionKey) -> WaitId {
        let wait = Wait { session, answer: None, events: 0 };
        if let Some(id) = self.unused.pop() {
            self.waits[id as usize] = wait;
            return id;
        }
        self.waits.push(wait);
        (self.waits.len() - 1) as WaitId
    }

    /// Ends a wait; its events can go.
    pub fn settle(&mut self, id: WaitId, answer: SessionContext) {
        if let Some(wait) = self.waits.get_mut(id as usize) {
            wait.answer = Some(answer);
        }
    }

    /// Appends an event.
    pub fn push(&mut self, event: &[u8], knowledge: Knowledge) {
        if self.start > MAX_BYTES {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        if let Knowledge::Waits(id) = knowledge
            && let Some(wait) = self.waits.get_mut(id as usize)
        {
            wait.events += 1;
        }
        self.bytes.extend_from_slice(event);
        self.events.push_back(Queued { len: event.len(), knowledge });
    }

    /// The first event's bytes.
    pub fn first(&self) -> Option<&[u8]> {
        let len = self.events.front()?.len;
        self.bytes.get(self.start..self.start + len)
    }

    /// Facts about the first event, or `None` if it still waits.
    pub fn first_context(&self) -> Option<SessionContext> {
        match self.events.front()?.knowledge {
            Knowledge::Known(context) => Some(context),
            Knowledge::Waits(id) => self.waits.get(id as usize)?.answer,
        }
    }

    /// Gives up the wait of the first event: all its session's events can go without addresses.
    /// Returns which session and wait that is, if it does wait.
    pub fn give_up(&mut self) -> Option<(SessionKey, WaitId)> {
        let Knowledge::Waits(id) = self.events.front()?.knowledge else { return None };
        self.settle(id, SessionContext::default());
        Some((self.waits.get(id as usize)?.session, id))
    }

    /// Takes the first event off.
    pub fn pop(&mut self) {
        let Some(event) = self.events.pop_front() else { return };
        self.start += event.len;
        if self.events.is_empty() {
            self.bytes.clear();
            self.start = 0;
        }
        if let Knowledge::Waits(id) = event.knowledge
            && let Some(wait) = self.waits.get_mut(id as usize)
        {
            wait.events -= 1;
            if wait.events == 0 && wait.answer.is_some() {
                self.unused.push(id);
            }
        }
    }
}
