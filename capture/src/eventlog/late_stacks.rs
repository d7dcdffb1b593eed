// SPDX-License-Identifier: BSD-2-Clause
//! TCP stacks that are loaded after the subscription. The kernel does not deliver their events to it.

use std::time::{Duration, Instant};

use bblog_pcapng::escape::Escaped;
use bblog_pcapng::stacks::StackNames;

use crate::bblog::stacks::ReadNames;
use crate::log::Log;

/// The least time between two requests for the names of stacks.
const AGAIN: Duration = Duration::from_secs(10);

/// Looks for them.
pub struct LateStacks {
    ask: ReadNames,
    known: StackNames,
    last_read: Instant,
}

impl LateStacks {
    /// The stacks that are not loaded yet; `None` if the stacks' names cannot be read.
    pub fn new(mut ask: ReadNames) -> Option<LateStacks> {
        let known = ask()?;
        Some(LateStacks { ask, known, last_read: Instant::now() })
    }

    /// Reports stacks that are new. Call it often: the kernel is queried at a bounded rate.
    pub fn look(&mut self, log: &Log) {
        if self.last_read.elapsed() < AGAIN {
            return;
        }
        self.last_read = Instant::now();
        for name in self.new_names() {
            log.warning(format_args!(
                "/dev/eventlog: stack {} was loaded after the subscription: its events are not delivered; restart \
                 bblogd",
                Escaped(&name)
            ));
        }
    }

    /// Names of stacks that were not there when this was called before.
    fn new_names(&mut self) -> Vec<Vec<u8>> {
        let Some(names) = (self.ask)() else { return Vec::new() };
        let all = (0..=u8::MAX).filter_map(|id| names.find(id));
        let is_known = |name: &[u8]| (0..=u8::MAX).any(|id| self.known.find(id) == Some(name));
        let new = all.filter(|name| !is_known(name)).map(<[u8]>::to_vec).collect();
        self.known = names;
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_stack_that_comes_is_new_once() {
        let mut answers =
            ["1=freebsd,2=rack", "1=freebsd,2=rack", "1=freebsd,2=rack,3=bbr", "2=rack,3=bbr"].into_iter();
        let ask = move || answers.next().and_then(|names| names.parse().ok());
        let mut stacks = LateStacks::new(Box::new(ask)).expect("names");
        assert_eq!(stacks.new_names(), [b""; 0]);
        assert_eq!(stacks.new_names(), [b"bbr"]);
        assert_eq!(stacks.new_names(), [b""; 0]);
        // The kernel does not answer.
        assert_eq!(stacks.new_names(), [b""; 0]);
        assert!(LateStacks::new(Box::new(|| None)).is_none());
    }
}
