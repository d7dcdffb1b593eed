// SPDX-License-Identifier: BSD-2-Clause
//! Threads that work side by side. Results come in the order of the tasks, and no thread runs ahead without limit.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::{self, Scope};

/// How many threads work at a time: `-j`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jobs(NonZeroUsize);

impl Jobs {
    /// One: no other thread works.
    pub const ONE: Jobs = Jobs(NonZeroUsize::MIN);

    /// So many; one if `count` is 0.
    pub fn new(count: usize) -> Jobs {
        Jobs(NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN))
    }

    /// As many as this process may use processors.
    pub fn of_processors() -> Jobs {
        Jobs(thread::available_parallelism().unwrap_or(NonZeroUsize::MIN))
    }

    /// As many, but `most` at most.
    #[must_use]
    pub fn at_most(self, most: usize) -> Jobs {
        Jobs::new(self.count().min(most))
    }

    /// How many.
    pub fn count(self) -> usize {
        self.0.get()
    }
}

/// Threads that inputs of a command may have.
#[derive(Clone)]
pub struct Threads(Arc<AtomicUsize>);

impl Threads {
    /// One for each job; `None` if there is but one job.
    pub fn new(jobs: Jobs) -> Option<Threads> {
        (jobs != Jobs::ONE).then(|| Threads(Arc::new(AtomicUsize::new(jobs.count()))))
    }

    /// Takes one, if one is left.
    pub fn take(&self) -> Option<Permit> {
        let taken = self.0.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        taken.ok().map(|_| Permit(Arc::clone(&self.0)))
    }
}

/// One of the [`Threads`], until it is dropped.
pub struct Permit(Arc<AtomicUsize>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_add(1, Relaxed);
    }
}

/// The results of `work` for the numbers of `order`, each at the place of its number; all together they are 0 to the
/// number of them less 1. Work is begun in that order.
pub fn results<R: Send + Sync + Default>(
    jobs: Jobs,
    order: &[usize],
    work: impl Fn(usize) -> R + Sync,
) -> Vec<R> {
    let places: Vec<OnceLock<R>> = order.iter().map(|_| OnceLock::new()).collect();
    let next = AtomicUsize::new(0);
    let turn = || {
        while let Some(&at) = order.get(next.fetch_add(1, Relaxed)) {
            // Each place is taken once.
            let _ = places[at].set(work(at));
        }
    };
    let threads = jobs.count().min(order.len());
    if threads <= 1 {
        turn();
    } else {
        thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(turn))));
    }
    places.into_iter().map(|place| place.into_inner().unwrap_or_default()).collect()
}

/// Threads that turn tasks into results, which come in the order of the tasks.
pub struct InOrder<T, R> {
    tasks: Sender<Task<T, R>>,
    /// Tasks that no thread has begun.
    waiting: Arc<AtomicUsize>,
    threads: usize,
    /// A place for the result of each task that was handed over.
    results: VecDeque<TaskResult<R>>,
}

/// The result of a task.
enum TaskResult<R> {
    /// It is made already.
    Made(R),
    /// A thread makes it.
    Coming(Receiver<R>),
}

/// A task, and where its result goes.
type Task<T, R> = (T, Sender<R>);

impl<T: Send, R: Send> InOrder<T, R> {
    /// Starts `jobs` threads, each with a function that `worker` makes; fewer if the system allows no more. `None` if
    /// it allows none.
    pub fn start<'scope, 'env, W: FnMut(T) -> R>(
        scope: &'scope Scope<'scope, 'env>,
        jobs: Jobs,
        worker: &'env (impl Fn() -> W + Sync),
    ) -> Option<InOrder<T, R>>
    where
        T: 'scope,
        R: 'scope,
    {
        let (tasks, queue) = mpsc::channel::<Task<T, R>>();
        let (queue, waiting) = (Arc::new(Mutex::new(queue)), Arc::<AtomicUsize>::default());
        let mut threads = 0;
        for _ in 0..jobs.count() {
            let (queue, waiting) = (Arc::clone(&queue), Arc::clone(&waiting));
            let work = move || {
                let mut turn = worker();
                // A lock is not poisoned: nothing panics while it is held.
                let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                while let Ok((task, result)) = next() {
                    waiting.fetch_sub(1, Relaxed);
                    // No one waits for it after an error of the output.
                    let _ = result.send(turn(task));
                }
            };
            threads += usize::from(thread::Builder::new().spawn_scoped(scope, work).is_ok());
        }
        (threads > 0).then(|| InOrder { tasks, waiting, threads, results: VecDeque::new() })
    }

    /// Whether each thread has another task to begin when it is done with its own. Then the caller had better make the
    /// next result itself: see [`InOrder::push_made`].
    pub fn is_busy(&self) -> bool {
        self.waiting.load(Relaxed) >= self.threads
    }

    /// Hands over a task. If many are under way, waits for the oldest and returns its result.
    pub fn push(&mut self, task: T) -> Option<R> {
        let (result, place) = mpsc::channel();
        self.waiting.fetch_add(1, Relaxed);
        // It fails only if all threads panicked, which ends the scope.
        let _ = self.tasks.send((task, result));
        self.results.push_back(TaskResult::Coming(place));
        self.pop_of_many()
    }

    /// Takes the result of a task that the caller did itself, behind those that were handed over. If many are under way,
    /// waits for the oldest and returns its result.
    pub fn push_made(&mut self, result: R) -> Option<R> {
        self.results.push_back(TaskResult::Made(result));
        self.pop_of_many()
    }

    /// The result of the oldest task, if as many as may be are under way.
    fn pop_of_many(&mut self) -> Option<R> {
        if self.results.len() > 2 * (self.threads + 1) { self.pop() } else { None }
    }

    /// The result of the oldest task, waiting for it; `None` if there is none.
    pub fn pop(&mut self) -> Option<R> {
        match self.results.pop_front()? {
            TaskResult::Made(result) => Some(result),
            TaskResult::Coming(place) => place.recv().ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

    use super::*;

    #[test]
    fn results_keep_the_order_and_wait() {
        let (under_way, highest) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let worker = || {
            |task: u64| {
                // Later tasks are done sooner.
                (0..(1000 - task) * 50).for_each(|step| _ = std::hint::black_box(step));
                task * 3
            }
        };
        let mut results = Vec::new();
        thread::scope(|scope| {
            let mut workers = InOrder::start(scope, Jobs::new(3), &worker).unwrap();
            for task in 0..1000 {
                highest.fetch_max(under_way.fetch_add(1, SeqCst) + 1, SeqCst);
                let done = workers.push(task);
                under_way.fetch_sub(done.iter().count(), SeqCst);
                results.extend(done);
            }
            results.extend(std::iter::from_fn(|| workers.pop()));
        });
        assert!(results.iter().copied().eq((0..1000).map(|task| task * 3)));
        assert_eq!(highest.into_inner(), 2 * (3 + 1) + 1);
    }

    #[test]
    fn results_of_the_caller_keep_their_place() {
        let worker = || |task: u64| task * 3;
        let (mut results, mut own) = (Vec::new(), 0);
        thread::scope(|scope| {
            let mut workers = InOrder::start(scope, Jobs::new(2), &worker).unwrap();
            for task in 0..1000 {
                if task % 7 == 3 || workers.is_busy() {
                    own += 1;
                    results.extend(workers.push_made(task * 3));
                } else {
                    results.extend(workers.push(task));
                }
            }
            results.extend(std::iter::from_fn(|| workers.pop()));
        });
        assert!(results.iter().copied().eq((0..1000).map(|task| task * 3)));
        assert!(own >= 142);
    }

    #[test]
    fn results_may_be_left() {
        thread::scope(|scope| {
            let mut workers = InOrder::start(scope, Jobs::new(2), &|| |task: u8| task).unwrap();
            (0..3).for_each(|task| assert_eq!(workers.push(task), None));
        });
    }
}
