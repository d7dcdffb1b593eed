// SPDX-License-Identifier: BSD-2-Clause
//! Connections followed by several threads. Each reads all inputs by itself and follows its part of the connections: to
//! read a record takes a sixth of the time that it takes to follow its connection, and less than to bring it from
//! another processor's cache.

use std::panic::resume_unwind;
use std::thread::{self, Builder};

use bblog_analysis::Shards;

use crate::input::Inputs;
use crate::jobs::Jobs;

/// More threads would add little: each reads everything.
const MOST: usize = 8;

/// The results of `first` and `other`, each of which follows the connections of the shards that it is given. `first` works
/// in this thread and reports what is wrong with the inputs; `other` works in up to `jobs` - 1 threads beside it. If the
/// inputs cannot be read by each thread, there is but the result of `first`, of all shards.
pub fn in_parts<R: Send>(
    inputs: &Inputs,
    jobs: Jobs,
    first: impl FnOnce(&Inputs, Shards) -> R,
    other: impl Fn(&Inputs, Shards) -> R + Sync,
) -> Vec<R> {
    let jobs = jobs.at_most(MOST);
    let several = if jobs == Jobs::ONE { None } else { inputs.of_each_thread() };
    let Some(inputs) = several else { return vec![first(inputs, Shards::ALL)] };
    let inputs = &inputs;
    // A meter is for one thread.
    let other = &|part| other(&inputs.uncounted(), part);
    let mut parts = Shards::parts(jobs.count());
    let own = parts.next().unwrap_or(Shards::ALL);
    thread::scope(|scope| {
        let begin = |part| {
            let work = move || other(part);
            (part, Builder::new().spawn_scoped(scope, work).ok())
        };
        let others: Vec<_> = parts.map(begin).collect();
        let mut results = vec![first(inputs, own)];
        results.extend(others.into_iter().map(|(part, thread)| match thread {
            Some(thread) => thread.join().unwrap_or_else(|panic| resume_unwind(panic)),
            // The system allows no more threads.
            None => other(part),
        }));
        results
    })
}

#[cfg(test)]
mod tests {
    use bblog_analysis::Shard;

    use super::*;
    use crate::input::InputName;

    #[test]
    fn all_shards_are_followed_once() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let inputs = Inputs::new(vec![InputName::new(file.path())], &Default::default());
        for (jobs, threads) in [(1, 1), (2, 2), (3, 3), (100, MOST)] {
            let parts = in_parts(&inputs, Jobs::new(jobs), |_, part| part, |_, part| part);
            assert_eq!(parts.len(), threads);
            assert_eq!(parts, Shards::parts(threads).collect::<Vec<_>>());
        }
        let pipe = Inputs::new(vec![InputName::new("-")], &Default::default());
        assert_eq!(in_parts(&pipe, Jobs::new(4), |_, part| part, |_, part| part), [Shards::ALL]);
        const { assert!(MOST <= Shard::COUNT) };
    }
}
