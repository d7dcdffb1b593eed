// SPDX-License-Identifier: BSD-2-Clause
//! The progress bar on standard error: bytes, events a second, time left.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bblog_converter::input::{InputName, Inputs};
use indicatif::{HumanCount, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Work shorter than this shows no bar.
const PATIENCE: Duration = Duration::from_millis(400);
/// How often the bar is drawn anew.
const TICK: Duration = Duration::from_millis(100);

/// The bar for inputs of known size, and for others.
const OF_TOTAL: &str = "{bar:30} {bytes} of {total_bytes}, {msg}, {eta} left";
const WITHOUT_TOTAL: &str = "{spinner} {bytes}, {msg}, {elapsed}";

/// The bar, while it is shown.
#[derive(Clone, Default)]
pub struct Bar(Arc<Mutex<Option<ProgressBar>>>);

impl Bar {
    /// Runs what prints lines on standard error, above the bar if there is one.
    pub fn above(&self, print: impl FnOnce()) {
        match &*self.lock() {
            Some(bar) => bar.suspend(print),
            None => print(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<ProgressBar>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Shows the bar until it is dropped.
pub struct Progress {
    /// Dropping it ends the thread; `None` if no bar is shown.
    drawing: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// For work that writes standard output: no bar if that is a terminal.
    pub fn of_listing(inputs: &Inputs, bar: &Bar) -> Progress {
        Progress::of(inputs, io::stdout().is_terminal(), bar)
    }

    /// For work that prints its result at the end.
    pub fn of_report(inputs: &Inputs, bar: &Bar) -> Progress {
        Progress::of(inputs, false, bar)
    }

    /// For work that writes the file `output`.
    pub fn of_file(inputs: &Inputs, output: &Path, bar: &Bar) -> Progress {
        Progress::of(inputs, output == Path::new("-") && io::stdout().is_terminal(), bar)
    }

    fn of(inputs: &Inputs, hidden: bool, shown: &Bar) -> Progress {
        if hidden || !io::stderr().is_terminal() {
            return Progress { drawing: None };
        }
        let size = |name: &InputName| {
            let metadata = std::fs::metadata(name.path()).ok().filter(|_| !name.is_stdin())?;
            metadata.is_file().then_some(metadata.len())
        };
        let total: Option<u64> = inputs.names.iter().map(size).sum();
        let (meter, shown) = (Arc::clone(&inputs.meter), shown.clone());
        let (sender, end) = mpsc::channel();
        let draw = move || {
            let started = Instant::now();
            if end.recv_timeout(PATIENCE) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            let bar = bar(total);
            *shown.lock() = Some(bar.clone());
            loop {
                bar.set_position(meter.bytes());
                let events = meter.events() as f64 / started.elapsed().as_secs_f64();
                bar.set_message(format!("{} events/s", HumanCount(events as u64)));
                if end.recv_timeout(TICK) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            *shown.lock() = None;
            bar.finish_and_clear();
        };
        // Without a thread there is no bar, which is no reason not to work.
        let thread = std::thread::Builder::new().name("progress".into()).spawn(draw);
        Progress { drawing: thread.ok().map(|thread| (sender, thread)) }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((sender, thread)) = self.drawing.take() {
            drop(sender);
            // It has nothing to say if it failed.
            let _ = thread.join();
        }
    }
}

fn bar(total: Option<u64>) -> ProgressBar {
    let form = if total.is_some() { OF_TOTAL } else { WITHOUT_TOTAL };
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stderr());
    bar.with_style(ProgressStyle::with_template(form).unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_forms_are_right() {
        for form in [OF_TOTAL, WITHOUT_TOTAL] {
            assert!(ProgressStyle::with_template(form).is_ok(), "{form}");
        }
    }
}
