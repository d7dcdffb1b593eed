// SPDX-License-Identifier: BSD-2-Clause
//! Sessions that ended, for those that continue them.
//!
//! A connection that changes to a TCP stack without a provider ends its session. When it changes back, a
//! session with the same number and tcpcb begins, and its addresses are not logged again.

use std::collections::HashMap;

use bblog_pcapng::sessions::{SessionContext, SessionKey};

/// Sessions remembered in each of two generations.
const SESSIONS: usize = 16_384;

/// The state of a session that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndedSession {
    /// The connection's tcpcb, not 0.
    pub tcpcb: u64,
    /// Facts about its connection.
    pub context: SessionContext,
    /// Its log id; empty if it had none.
    pub log_id: Vec<u8>,
}

/// Sessions that ended.
#[derive(Default)]
pub struct EndedSessions {
    young: HashMap<SessionKey, EndedSession>,
    old: HashMap<SessionKey, EndedSession>,
}

impl EndedSessions {
    /// Keeps a session, unless its tcpcb is unknown.
    pub fn remember(&mut self, key: SessionKey, session: EndedSession) {
        if session.tcpcb == 0 || session.context.addresses.is_none() {
            return;
        }
        if self.young.len() >= SESSIONS {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, session);
    }

    /// The session of that number, if a session that begins now with this tcpcb continues it.
    pub fn resume(&mut self, key: SessionKey, tcpcb: u64) -> Option<EndedSession> {
        let ended = self.young.remove(&key).or_else(|| self.old.remove(&key))?;
        (ended.tcpcb == tcpcb).then_some(ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_go_on_with_the_same_tcpcb_only() {
        let context = SessionContext {
            addresses: Some(("10.0.0.1:1".parse().unwrap(), "10.0.0.2:2".parse().unwrap())),
            ..SessionContext::default()
        };
        let session = EndedSession { tcpcb: 7, context, log_id: b"web".to_vec() };
        let mut ended = EndedSessions::default();
        ended.remember((0, 1), session.clone());
        ended.remember((0, 2), session.clone());
        assert_eq!(ended.resume((0, 1), 7), Some(session.clone()));
        assert_eq!(ended.resume((0, 1), 7), None);
        assert_eq!(ended.resume((0, 2), 8), None);
        for number in 0..5 * SESSIONS as u64 {
            ended.remember((1, number), session.clone());
        }
        assert!(ended.young.len() + ended.old.len() <= 2 * SESSIONS);
    }
}
