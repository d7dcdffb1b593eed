// SPDX-License-Identifier: BSD-2-Clause
//! The thread that reads the input into the model.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bblog_dissector::Micros;

use super::model::Model;
use crate::event::merge::Events;
use crate::input::Inputs;
use crate::input::meter::Meter;

/// Problems of the input that are kept as text.
const KEPT_PROBLEMS: usize = 20;
/// How long the thread sleeps at most before it looks whether it is still to wait.
const NAP: Duration = Duration::from_millis(50);

/// What the thread that reads and the one that shows have in common.
pub struct LiveReading {
    shared: Arc<ReaderState>,
    meter: Arc<Meter>,
    /// Closed when the input has ended.
    ended: Receiver<()>,
    has_ended: bool,
    thread: Option<JoinHandle<()>>,
}

struct ReaderState {
    model: Mutex<Model>,
    problems: Mutex<Problems>,
    /// The model is wanted: the reader steps aside.
    is_wanted: AtomicBool,
    /// A replay waits.
    is_paused: AtomicBool,
}

/// What was wrong with the input.
#[derive(Clone, Default)]
pub struct Problems {
    /// How many there were, notices included.
    pub count: u64,
    /// How many of them are no notices.
    pub faults: u64,
    /// The first of them.
    pub first: Vec<InputProblem>,
    /// The last.
    pub last: Option<Arc<str>>,
    /// Whether nothing could be opened.
    pub nothing_opened: bool,
}

/// A problem of an input.
#[derive(Clone)]
pub struct InputProblem {
    /// Name, place, and what was found, on one line.
    pub text: Arc<str>,
    /// Whether it is a notice only.
    pub is_notice: bool,
}

impl LiveReading {
    /// Begins to read `inputs` into `model`: as they come, or with `replay` that many times as fast as they were
    /// logged.
    ///
    /// # Errors
    /// The system's, if there cannot be a thread.
    pub fn begin(inputs: Inputs, model: Model, replay: Option<f64>) -> std::io::Result<LiveReading> {
        let shared = Arc::new(ReaderState {
            model: Mutex::new(model),
            problems: Mutex::default(),
            is_wanted: AtomicBool::new(false),
            is_paused: AtomicBool::new(false),
        });
        let (sender, ended) = mpsc::channel();
        let meter = Arc::clone(&inputs.meter);
        let theirs = Arc::clone(&shared);
        let pace = replay.map(Pace::new);
        let read = move || read(&inputs, &theirs, pace, sender);
        let thread = std::thread::Builder::new().name("reader".into()).spawn(read)?;
        Ok(LiveReading { shared, meter, ended, has_ended: false, thread: Some(thread) })
    }

    /// The model, which no event reaches meanwhile.
    pub fn model(&self) -> MutexGuard<'_, Model> {
        self.shared.is_wanted.store(true, Ordering::Relaxed);
        let model = lock(&self.shared.model);
        self.shared.is_wanted.store(false, Ordering::Relaxed);
        model
    }

    /// Whether any byte of the input was read.
    pub fn has_begun(&self) -> bool {
        self.meter.bytes() > 0
    }

    /// What was wrong so far.
    pub fn problems(&self) -> Problems {
        lock(&self.shared.problems).clone()
    }

    /// Waits for the end of the input, at most so long; `true` if it has ended.
    pub fn wait(&mut self, longest: Duration) -> bool {
        if !self.has_ended {
            self.has_ended = self.ended.recv_timeout(longest) == Err(RecvTimeoutError::Disconnected);
        }
        self.has_ended
    }

    /// Whether the thread ended in a panic.
    pub fn has_failed(&mut self) -> bool {
        let is_over = self.has_ended && self.thread.as_ref().is_some_and(JoinHandle::is_finished);
        is_over && self.thread.take().is_some_and(|thread| thread.join().is_err())
    }

    /// Makes a replay wait, or go on.
    pub fn pause(&self, is_paused: bool) {
        self.shared.is_paused.store(is_paused, Ordering::Relaxed);
        self.thread.iter().for_each(|thread| thread.thread().unpark());
    }
}

/// A poisoned lock is that of a thread that panicked, which is reported elsewhere.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(inputs: &Inputs, shared: &ReaderState, mut pace: Option<Pace>, _ended: Sender<()>) {
    let on_error = &mut |name: &_, error: &crate::InputError| {
        lock(&shared.problems)
            .add(InputProblem { text: format!("{name}: {error}").into(), is_notice: error.is_notice() });
    };
    let mut events = Events::open(inputs, on_error);
    lock(&shared.problems).nothing_opened = events.is_empty();
    while events.advance(on_error) {
        let Some((input, item)) = events.item() else { continue };
        if let Some(pace) = &mut pace {
            pace.wait(item.time(), shared);
        }
        lock(&shared.model).feed(input, item);
        while shared.is_wanted.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
    }
}

impl Problems {
    fn add(&mut self, problem: InputProblem) {
        self.count += 1;
        self.faults += u64::from(!problem.is_notice);
        self.last = Some(Arc::clone(&problem.text));
        if self.first.len() < KEPT_PROBLEMS {
            self.first.push(problem);
        }
    }
}

/// The pace of a replay.
struct Pace {
    /// Log seconds per second.
    speed: f64,
    /// Time of the first event, and when it was shown; what was waited in pauses is added.
    start: Option<(Micros, Instant)>,
}

impl Pace {
    fn new(speed: f64) -> Pace {
        Pace { speed, start: None }
    }

    /// Waits until it is the turn of an event of this time.
    fn wait(&mut self, time: Micros, shared: &ReaderState) {
        let (first, started) = *self.start.get_or_insert_with(|| (time, Instant::now()));
        let since = time.0.saturating_sub(first.0).max(0) as f64 / 1e6 / self.speed;
        let mut due = Duration::try_from_secs_f64(since).ok().and_then(|since| started.checked_add(since));
        loop {
            let now = Instant::now();
            if shared.is_paused.load(Ordering::Relaxed) {
                std::thread::park_timeout(NAP);
                let paused = now.elapsed();
                due = due.and_then(|due| due.checked_add(paused));
                if let Some((_, started)) = &mut self.start {
                    *started += paused;
                }
                continue;
            }
            match due {
                Some(due) if due <= now => return,
                Some(due) => std::thread::park_timeout((due - now).min(NAP)),
                // Beyond the clock of this machine.
                None => std::thread::park_timeout(NAP),
            }
        }
    }
}
