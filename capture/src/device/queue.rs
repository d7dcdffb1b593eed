// SPDX-License-Identifier: BSD-2-Clause
//! The way from the threads that read devices to the one that writes files: bounded in bytes.
//!
//! A device thread that finds the queue full waits and does not read. New data stays in the kernel, which
//! counts what it drops. Buffers are reused, so that the high-water mark bounds memory and no page is touched
//! for the first time twice.
//!
//! While the writer makes progress, the device thread keeps only a few buffers ahead of it: their data is
//! still in the processor's cache when it is written. The others are filled only when the writer waits for
//! the disk.
//!
//! Handing a buffer to another thread costs as much as its processing. So while the device thread waits in
//! this way, the writer may take a turn and read the device itself.
//!
//! The turns, as states of the thread that reads BBLog and what leads from one to the next:
//!
//! ```text
//! READS     The device thread fills a buffer.
//!           -> RESTS    it needs the next buffer, and AHEAD of its buffers are queued (`is_ahead` is set)
//!           -> WAITS    it needs the next buffer, and the queue is full (`full` is set)
//! WAITS     The queue is full. New data stays in the kernel.
//!           -> READS    pop() takes the queue down to half of its mark (`full` is cleared)
//! RESTS     The device thread is ahead of the writer.
//!           -> TURN     begin_turn(): the writer finds none of its buffers queued (`has_turn` is set)
//!           -> READS    pop() finds nothing queued and is about to wait (`is_ahead` is cleared), or
//!                       no turn was taken for STILL: the writer stands still
//! TURN      The writer reads the device; the device thread does not.
//!           -> RESTS    end_turn() (`has_turn` is cleared, `turns` counts it)
//! ```
//!
//! Only one thread at a time reads the device: the device thread in READS, the writer in TURN. What
//! the writer read in its turn is older than whatever of that device is queued after it. If messages are queued,
//! the writer takes one of them after each turn.
//!
//! There are no turns with `/dev/eventlog`, nor without [`Queue::take_turns`]: then RESTS ends when half of
//! AHEAD is queued.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::device::buffer::Buffer;
use crate::device::message::{CHUNK, Device, DeviceChunk, Message, TURN};

/// Buffers queued ahead of a writer that makes progress.
const AHEAD: usize = 2;
/// A writer that takes no turn for this time stands still: then more buffers are filled.
const STILL: Duration = Duration::from_millis(10);

/// The queue; see the module.
pub struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    emptied: Condvar,
    /// Buffers that may be under way at a time.
    high_water: usize,
    /// See [`STILL`].
    still: Duration,
}

#[derive(Default)]
struct State {
    messages: VecDeque<Message>,
    /// Whether the high-water mark was reached and the low one not yet.
    full: bool,
    tcp_log: DeviceReading,
    eventlog: DeviceReading,
    /// Whether the writer may read BBLog itself, whether it does so now, how often it has, and whether it has not
    /// taken a message since.
    takes_turns: bool,
    has_turn: bool,
    turns: u64,
    had_turn: bool,
    spare: Vec<Buffer>,
    /// The buffer of [`TURN`] bytes for the writer, while it is not used.
    turn: Option<Buffer>,
    load: Load,
}

/// The state of a device's thread.
#[derive(Default)]
struct DeviceReading {
    /// Its buffers that are queued.
    queued: usize,
    /// Whether it waits because it is ahead of the writer.
    is_ahead: bool,
}

/// How full the queue is and was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Bytes of buffers now.
    pub bytes: u64,
    /// The most there were.
    pub peak: u64,
    /// How often a device thread had to wait.
    pub waits: u64,
}

impl State {
    /// A buffer that was given back, or a new one.
    fn take_spare(&mut self) -> Buffer {
        self.spare.pop().unwrap_or_else(|| Buffer::new(CHUNK))
    }

    fn of(&mut self, device: Device) -> &mut DeviceReading {
        match device {
            Device::TcpLog => &mut self.tcp_log,
            Device::Eventlog => &mut self.eventlog,
        }
    }

    /// Buffers queued.
    fn queued(&self) -> usize {
        self.tcp_log.queued + self.eventlog.queued
    }

    /// Ends the rest of the threads that are ahead; whether there are any.
    fn end_rests(&mut self) -> bool {
        let are_ahead = [&mut self.tcp_log, &mut self.eventlog].map(|one| std::mem::take(&mut one.is_ahead));
        are_ahead.contains(&true)
    }
}

impl Queue {
    /// A queue for up to `bytes` bytes of buffers, at least two buffers.
    pub fn new(bytes: usize) -> Queue {
        Queue {
            state: Mutex::default(),
            filled: Condvar::new(),
            emptied: Condvar::new(),
            high_water: (bytes / CHUNK).max(2),
            still: STILL,
        }
    }

    /// An empty buffer of [`CHUNK`] bytes for the thread of `device`; waits while the queue is over its mark.
    pub fn buffer(&self, device: Device) -> Buffer {
        let mut state = self.lock();
        if state.full {
            state.load.waits += 1;
        }
        while state.full {
            state = self.emptied.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.of(device).queued >= AHEAD {
            state.of(device).is_ahead = true;
            let mut turns = None;
            // As long as the writer takes turns it does not stand still.
            while state.of(device).is_ahead && (state.has_turn || turns != Some(state.turns)) {
                turns = Some(state.turns);
                let is_ahead = |state: &mut State| state.of(device).is_ahead;
                let waited = self.emptied.wait_timeout_while(state, self.still, is_ahead);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
            state.of(device).is_ahead = false;
        }
        state.take_spare()
    }

    /// Takes a buffer back.
    pub fn recycle(&self, chunk: DeviceChunk) {
        self.give_back(chunk.into_buffer());
    }

    /// Takes back a buffer that was not used.
    pub fn give_back(&self, buffer: Buffer) {
        let mut state = self.lock();
        if buffer.len() == TURN {
            state.turn = Some(buffer);
        } else if state.spare.len() < self.high_water {
            state.spare.push(buffer);
        }
    }

    /// From now on the thread that reads BBLog rests while the writer takes turns.
    pub fn take_turns(&self) {
        self.lock().takes_turns = true;
    }

    /// A buffer of [`TURN`] bytes for the writer to read BBLog into, if none is queued and its thread rests, which it does until
    /// [`Queue::end_turn`] at least.
    pub fn begin_turn(&self) -> Option<Buffer> {
        let mut state = self.lock();
        let is_free = state.takes_turns && state.tcp_log.is_ahead && state.tcp_log.queued == 0;
        if !is_free || state.had_turn && !state.messages.is_empty() {
            return None;
        }
        state.has_turn = true;
        Some(state.turn.take().unwrap_or_else(|| Buffer::new(TURN)))
    }

    /// The writer has read. It processes this before anything that is queued from now on.
    pub fn end_turn(&self) {
        let mut state = self.lock();
        state.has_turn = false;
        state.had_turn = true;
        state.turns += 1;
    }

    /// Appends a message.
    pub fn push(&self, message: Message) {
        let mut state = self.lock();
        if let Message::Data(chunk) = &message {
            state.of(chunk.device).queued += 1;
            let queued = state.queued();
            state.full |= queued >= self.high_water;
            state.load.bytes = (queued * CHUNK) as u64;
            state.load.peak = state.load.peak.max(state.load.bytes);
        }
        state.messages.push_back(message);
        drop(state);
        self.filled.notify_one();
    }

    /// The next message; waits for it, at most until `deadline` if there is one.
    pub fn pop(&self, deadline: Option<Instant>) -> Option<Message> {
        let mut state = self.lock();
        state.had_turn = false;
        loop {
            if let Some(message) = state.messages.pop_front() {
                if let Message::Data(chunk) = &message {
                    self.taken(&mut state, chunk.device);
                }
                return Some(message);
            }
            if state.end_rests() {
                self.emptied.notify_all();
            }
            state = match deadline {
                None => self.filled.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left == Duration::ZERO {
                        return None;
                    }
                    let waited = self.filled.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// After a buffer of `device` was taken: wakes threads that wait for that.
    fn taken(&self, state: &mut State, device: Device) {
        state.of(device).queued -= 1;
        let queued = state.queued();
        state.load.bytes = (queued * CHUNK) as u64;
        let has_room = state.full && queued <= self.high_water / 2;
        state.full &= !has_room;
        let has_turns = state.takes_turns && device == Device::TcpLog;
        let one = state.of(device);
        let is_next = one.is_ahead && !has_turns && one.queued <= AHEAD / 2;
        one.is_ahead &= !is_next;
        if has_room || is_next {
            self.emptied.notify_all();
        }
    }

    /// How full it may be, in bytes.
    pub fn limit(&self) -> u64 {
        (self.high_water * CHUNK) as u64
    }

    /// How full the queue is and was.
    pub fn load(&self) -> Load {
        self.lock().load
    }

    /// No code between lock and unlock can panic, so a poisoned lock cannot be met.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;

    use super::*;

    #[test]
    fn a_full_queue_stops_the_reader() {
        let queue = Arc::new(Queue::new(4 * CHUNK));
        let reader = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                for number in 0..20u8 {
                    let mut buffer = queue.buffer(Device::TcpLog);
                    buffer[0] = number;
                    queue.push(Message::Data(DeviceChunk::new(Device::TcpLog, buffer, 1)));
                }
            })
        };
        while !queue.lock().full {
            thread::yield_now();
        }
        thread::sleep(3 * STILL);
        assert_eq!(queue.lock().queued(), 4, "it went on");
        for number in 0..20u8 {
            let Some(Message::Data(chunk)) = queue.pop(None) else { panic!("no data") };
            assert_eq!(chunk.bytes(), [number]);
            queue.recycle(chunk);
        }
        reader.join().unwrap();
        let load = queue.load();
        assert_eq!((load.bytes, load.peak), (0, 4 * CHUNK as u64));
        assert!(load.waits > 0);
    }

    /// A queue whose writer takes turns, and a reader that is `more` buffers faster than it.
    fn turns(still: Duration, more: usize) -> (Arc<Queue>, thread::JoinHandle<()>) {
        let queue = Arc::new(Queue { still, ..Queue::new(64 * CHUNK) });
        queue.take_turns();
        assert!(queue.begin_turn().is_none(), "the device thread does not rest");
        let reader = Arc::clone(&queue);
        let reader = thread::spawn(move || {
            for number in 0..AHEAD + more {
                let mut buffer = reader.buffer(Device::TcpLog);
                buffer[0] = number as u8;
                reader.push(Message::Data(DeviceChunk::new(Device::TcpLog, buffer, 1)));
            }
        });
        (queue, reader)
    }

    fn take(queue: &Queue, expected: usize) {
        let Some(Message::Data(chunk)) = queue.pop(None) else { panic!("no data") };
        assert_eq!(chunk.bytes(), [expected as u8]);
    }

    /// Waits until the reader rests.
    fn rests(queue: &Queue) {
        while !queue.lock().tcp_log.is_ahead {
            thread::yield_now();
        }
    }

    #[test]
    fn the_reader_rests_until_the_writer_finds_nothing() {
        let (queue, reader) = turns(Duration::MAX, 2);
        rests(&queue);
        assert!(queue.begin_turn().is_none(), "something is queued");
        (0..AHEAD).for_each(|number| take(&queue, number));
        for _ in 0..3 {
            assert!(queue.begin_turn().is_some());
            queue.end_turn();
        }
        assert!(queue.lock().tcp_log.is_ahead);
        // Nothing is queued: the reader is waked, and has not been forgotten.
        take(&queue, AHEAD);
        take(&queue, AHEAD + 1);
        reader.join().unwrap();
    }

    #[test]
    fn the_reader_does_not_read_during_a_turn_and_does_when_the_writer_stands_still() {
        let still = Duration::from_millis(20);
        let (queue, reader) = turns(still, 1000);
        let mut taken = 0..AHEAD + 1000;
        let mut take_next = || take(&queue, taken.next().unwrap() % 256);
        // A writer that gets no processor for a while has missed its turn, and tries again.
        loop {
            rests(&queue);
            let queued = queue.lock().messages.len();
            (0..queued).for_each(|_| take_next());
            if queue.begin_turn().is_some() {
                break;
            }
        }
        thread::sleep(3 * still);
        let state = queue.lock();
        assert!(state.messages.is_empty() && state.tcp_log.is_ahead, "read during the writer's turn");
        drop(state);
        queue.end_turn();
        // It goes on without being waked.
        while queue.lock().messages.is_empty() {
            thread::yield_now();
        }
        taken.for_each(|number| take(&queue, number % 256));
        reader.join().unwrap();
    }

    #[test]
    fn the_writer_reads_into_one_large_buffer() {
        let queue = Queue::new(0);
        queue.take_turns();
        queue.lock().tcp_log.is_ahead = true;
        let buffer = queue.begin_turn().unwrap();
        queue.end_turn();
        let (at, len) = (buffer.as_ptr(), buffer.len());
        assert_eq!(len, TURN);
        queue.recycle(DeviceChunk::new(Device::TcpLog, buffer, len));
        assert_eq!(queue.begin_turn().map(|buffer| buffer.as_ptr()), Some(at), "another one");
        queue.end_turn();
        queue.lock().tcp_log.is_ahead = false;
        assert_eq!(queue.buffer(Device::TcpLog).len(), CHUNK);
    }

    #[test]
    fn turns_and_messages_alternate() {
        let (queue, reader) = turns(Duration::MAX, 1);
        rests(&queue);
        let event = || Message::Data(DeviceChunk::new(Device::Eventlog, Buffer::new(CHUNK), 2));
        queue.push(event());
        queue.push(event());
        assert!(queue.begin_turn().is_none(), "BBLog is queued");
        (0..AHEAD).for_each(|number| take(&queue, number));
        // Events that wait keep the writer from no turn, nor turns from the events.
        for _ in 0..2 {
            assert!(queue.begin_turn().is_some());
            queue.end_turn();
            assert!(queue.begin_turn().is_none(), "an event waits");
            let Some(Message::Data(chunk)) = queue.pop(None) else { panic!("no data") };
            assert_eq!((chunk.device, chunk.bytes().len()), (Device::Eventlog, 2));
        }
        assert!(queue.begin_turn().is_some());
        queue.end_turn();
        assert!(queue.begin_turn().is_some(), "nothing else waits");
        queue.end_turn();
        take(&queue, AHEAD);
        reader.join().unwrap();
    }

    #[test]
    fn a_thread_without_turns_rests_until_half_is_taken() {
        let queue = Arc::new(Queue { still: Duration::MAX, ..Queue::new(64 * CHUNK) });
        queue.take_turns();
        let thread = {
            let queue = Arc::clone(&queue);
            thread::spawn(move || {
                for _ in 0..AHEAD + 1 {
                    let buffer = queue.buffer(Device::Eventlog);
                    queue.push(Message::Data(DeviceChunk::new(Device::Eventlog, buffer, 1)));
                }
            })
        };
        while !queue.lock().eventlog.is_ahead {
            thread::yield_now();
        }
        assert!(queue.begin_turn().is_none(), "the other device's thread does not rest");
        (0..AHEAD - AHEAD / 2).for_each(|_| assert!(queue.pop(None).is_some()));
        thread.join().unwrap();
    }

    #[test]
    fn waiting_ends_at_the_deadline() {
        let queue = Queue::new(0);
        let deadline = Instant::now() + Duration::from_millis(10);
        assert!(queue.pop(Some(deadline)).is_none());
        assert!(Instant::now() >= deadline);
    }
}
