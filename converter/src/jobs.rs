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
    threads: usize,
    /// A place for the result of each task that was handed over.
    results: VecDeque<Receiver<R>>,
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
        let queue = Arc::new(Mutex::new(queue));
        let mut threads = 0;
        for _ in 0..jobs.count() {
            let queue = Arc::clone(&queue);
            let work = move || {
                let mut turn = worker();
                // A lock is not poisoned: nothing panics while it is held.
                let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
                while let Ok((task, result)) = next() {
                    // No one waits for it after an error of the output.
                    let _ = result.send(turn(task));
                }
            };
            threads += usize::from(thread::Builder::new().spawn_scoped(scope, work).is_ok());
        }
        (threads > 0).then(|| InOrder { tasks, threads, results: VecDeque::new() })
    }

    /// Hands over a task. If many are under way, waits for the oldest and returns its result.
    pub fn push(&mut self, task: T) -> Option<R> {
        let (result, place) = mpsc::channel();
        // It fails only if all threads panicked, which ends the scope.
        let _ = self.tasks.send((task, result));
        self.results.push_back(place);
        if self.results.len() > 2 * (self.threads + 1) { self.pop() } else { None }
    }

    /// The result of the oldest task, waiting for it; `None` if there is none.
    pub fn pop(&mut self) -> Option<R> {
        self.results.pop_front()?.recv().ok()
    }
}

/// What [`in_turns`] found when it took a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Another task can be taken.
    More,
    /// The next task has to be waited for. It is not, before this one is done.
    Pause,
    /// This task is the last.
    Last,
}

/// What only one thread has at a time: the source of tasks, and how the thread that took the last one passes on the sink.
struct Turn<S, D> {
    source: S,
    sink: Receiver<D>,
    is_over: bool,
}

/// Has `jobs` threads, this one among them, take turns. In its turn each takes a task from `source`. It does the task while
/// others take theirs, and then puts the result into `sink`, in the order of the tasks. So a task stays with one thread, and
/// with one processor's cache.
///
/// # Errors
/// The first of `put`, behind which nothing is put.
pub fn in_turns<S: Send, D: Send, T: Default, E: Send, W: FnMut(&mut T)>(
    jobs: Jobs,
    (source, take): (S, impl Fn(&mut S, &mut T) -> Taken + Sync),
    worker: impl Fn() -> W + Sync,
    (sink, put): (D, impl Fn(&mut D, &mut T) -> Result<(), E> + Sync),
) -> Result<(), E> {
    let (first, before) = mpsc::channel();
    // The receiver is there.
    let _ = first.send(sink);
    let turn = Mutex::new(Turn { source, sink: before, is_over: false });
    let work = || {
        let (mut task, mut work) = (T::default(), None);
        // The lock is poisoned if another thread panicked, and this one ends.
        while let Ok(mut turn) = turn.lock()
            && !turn.is_over
        {
            let taken = take(&mut turn.source, &mut task);
            turn.is_over = taken == Taken::Last;
            let (pass_on, next) = mpsc::channel();
            let sink = std::mem::replace(&mut turn.sink, next);
            let _waits = (taken == Taken::Pause).then_some(turn);
            work.get_or_insert_with(&worker)(&mut task);
            // It does not come if the thread before ended with an error, or panicked.
            let Ok(mut sink) = sink.recv() else { break };
            put(&mut sink, &mut task)?;
            // The next one has not begun, or ended as well.
            let _ = pass_on.send(sink);
        }
        Ok(())
    };
    thread::scope(|scope| {
        let others: Vec<_> =
            (1..jobs.count()).flat_map(|_| thread::Builder::new().spawn_scoped(scope, work)).collect();
        let mut done = work();
        for other in others {
            match other.join() {
                Ok(other) => done = done.and(other),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    })
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
    fn results_may_be_left() {
        thread::scope(|scope| {
            let mut workers = InOrder::start(scope, Jobs::new(2), &|| |task: u8| task).unwrap();
            (0..3).for_each(|task| assert_eq!(workers.push(task), None));
        });
    }

    /// Takes numbers from `from`, works on them, and puts them into a list: what there is in the end.
    fn turns(
        jobs: usize,
        take: impl Fn(&mut u64, &mut u64) -> Taken + Sync,
        put: impl Fn(&mut Vec<u64>, u64) -> Result<(), u64> + Sync,
    ) -> (Result<(), u64>, Vec<u64>, u64) {
        let (mut from, mut list) = (0, Vec::new());
        let worker = || {
            |task: &mut u64| {
                // Some tasks take longer than those behind them.
                (0..*task % 7 * 1000).for_each(|step| _ = std::hint::black_box(step));
                *task *= 3;
            }
        };
        let put = |list: &mut &mut Vec<u64>, task: &mut u64| put(list, *task);
        let take = |from: &mut &mut u64, task: &mut u64| take(from, task);
        let done = in_turns(Jobs::new(jobs), (&mut from, take), worker, (&mut list, put));
        (done, list, from)
    }

    /// The numbers below `end`.
    fn below(end: u64) -> impl Fn(&mut u64, &mut u64) -> Taken + Sync {
        move |from, task| {
            *task = *from;
            *from += 1;
            if *from < end { Taken::More } else { Taken::Last }
        }
    }

    #[test]
    fn turns_keep_the_order() {
        for jobs in 1..6 {
            let (done, list, _) = turns(jobs, below(1000), |list, task| {
                list.push(task);
                Ok(())
            });
            assert_eq!(done, Ok(()));
            assert!(list.iter().copied().eq((0..1000).map(|task| task * 3)), "{jobs}");
        }
    }

    #[test]
    fn an_error_ends_the_turns() {
        let put = |list: &mut Vec<u64>, task| {
            list.push(task);
            if task == 300 { Err(task) } else { Ok(()) }
        };
        let (done, list, taken) = turns(4, below(u64::MAX), put);
        assert_eq!((done, list.len()), (Err(300), 101));
        assert!(taken < 101 + 4 * 2, "each thread ends with its next task: {taken}");
    }

    #[test]
    fn nothing_is_taken_in_a_pause() {
        let put_so_far = AtomicUsize::new(0);
        let take = |from: &mut u64, task: &mut u64| {
            // What came before the pause is done.
            assert!(!from.is_multiple_of(10) || put_so_far.load(SeqCst) as u64 == *from);
            let taken = below(200)(from, task);
            if from.is_multiple_of(10) && taken == Taken::More { Taken::Pause } else { taken }
        };
        let put = |_: &mut Vec<u64>, _| {
            put_so_far.fetch_add(1, SeqCst);
            Ok(())
        };
        assert_eq!(turns(4, take, put).0, Ok(()));
        assert_eq!(put_so_far.into_inner(), 200);
    }

    #[test]
    #[should_panic(expected = "task 50")]
    fn a_panic_ends_the_turns() {
        let put = |_: &mut Vec<u64>, task| if task == 150 { panic!("task 50") } else { Ok(()) };
        drop(turns(4, below(u64::MAX), put));
    }
}
