// SPDX-License-Identifier: BSD-2-Clause
//! Reads ahead: a thread reads the next records and events of an input while the last ones are processed.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use bblog_dissector::Micros;

use super::batch::Batch;
use super::item::LogItem;
use super::source::EventSource;
use crate::input::error::InputError;
use crate::jobs::Threads;

/// Items after which an input is long enough for a thread.
const LONG: u32 = 512;
/// Batches of an input that are read ahead, or are being filled.
const BATCHES: usize = 4;
/// Errors of a batch: a damaged input can have millions.
const MAX_ERRORS: usize = 64;

/// A source that is read by a thread of its own, if it is long and a thread is left. It gives items and errors only:
/// not captures, counts and drops.
pub struct AheadSource {
    reader: AheadReader,
    threads: Threads,
}

enum AheadReader {
    /// The source, and how many items it gave.
    Here(Box<dyn EventSource>, u32),
    There(AheadThread),
    Ended,
}

/// What a thread reads.
struct AheadThread {
    filled: Receiver<Piece>,
    empty: Sender<Piece>,
    handle: JoinHandle<()>,
    /// The current piece, and how many of its items were given out.
    piece: Piece,
    at: usize,
}

/// A piece of what a source gives.
#[derive(Default)]
struct Piece {
    items: Batch,
    /// Errors, each with the number of items of the piece before it.
    errors: VecDeque<(usize, InputError)>,
}

impl AheadSource {
    /// Reads `source` ahead when that is worth it.
    pub fn new(source: Box<dyn EventSource>, threads: &Threads) -> AheadSource {
        AheadSource { reader: AheadReader::Here(source, 0), threads: threads.clone() }
    }

    /// Hands the source to a thread; keeps it if there can be none.
    #[cold]
    fn begin(&mut self) {
        let Some(permit) = self.threads.take() else { return };
        let AheadReader::Here(source, _) = std::mem::replace(&mut self.reader, AheadReader::Ended) else {
            return;
        };
        let (full, filled) = mpsc::channel();
        let (empty, given) = mpsc::channel();
        // Neither fails while both ends are here.
        (0..BATCHES).for_each(|_| _ = empty.send(Piece::default()));
        // Handed over by a channel, so that the source is not lost if there can be no thread.
        let (hand, over) = mpsc::channel::<Box<dyn EventSource>>();
        let read = move || {
            let _permit = permit;
            if let Ok(source) = over.recv() {
                read_all(source, &full, &given);
            }
        };
        self.reader = match thread::Builder::new().name("events".into()).spawn(read) {
            Ok(handle) => {
                // The thread waits for it.
                let _ = hand.send(source);
                AheadReader::There(AheadThread { filled, empty, handle, piece: Piece::default(), at: 0 })
            }
            Err(_) => AheadReader::Here(source, 0),
        };
    }
}

/// Reads a source to its end, or until nothing more is wanted.
fn read_all(mut source: Box<dyn EventSource>, full: &Sender<Piece>, given: &Receiver<Piece>) {
    while let Ok(mut piece) = given.recv() {
        let more = loop {
            match source.advance() {
                Ok(true) => source.item().iter().for_each(|item| piece.items.push(0, item)),
                Ok(false) => break false,
                Err(error) => piece.errors.push_back((piece.items.len(), error)),
            }
            if piece.items.is_full() || piece.errors.len() >= MAX_ERRORS {
                break true;
            }
        };
        if full.send(piece).is_err() || !more {
            return;
        }
    }
}

impl AheadThread {
    /// Steps to the next item of the current piece.
    #[inline]
    fn advance(&mut self) -> Option<Result<bool, InputError>> {
        if let Some((before, _)) = self.piece.errors.front()
            && *before == self.at
        {
            return self.piece.errors.pop_front().map(|(_, error)| Err(error));
        }
        let is_there = self.at < self.piece.items.len();
        self.at += usize::from(is_there);
        is_there.then_some(Ok(true))
    }

    /// Goes on with the next piece; `false` behind the last.
    #[cold]
    fn next_piece(&mut self) -> bool {
        let Ok(piece) = self.filled.recv() else { return false };
        let mut used = std::mem::replace(&mut self.piece, piece);
        self.at = 0;
        used.items.clear();
        // It is not needed any more after the end.
        let _ = self.empty.send(used);
        true
    }
}

impl EventSource for AheadSource {
    #[inline]
    fn advance(&mut self) -> Result<bool, InputError> {
        loop {
            match &mut self.reader {
                AheadReader::Here(source, given) if *given < LONG => {
                    *given += 1;
                    return source.advance();
                }
                AheadReader::Here(..) => {
                    self.begin();
                    if let AheadReader::Here(source, given) = &mut self.reader {
                        *given = 0;
                        return source.advance();
                    }
                }
                AheadReader::There(reading) => match reading.advance() {
                    Some(step) => return step,
                    None if reading.next_piece() => {}
                    None => {
                        let AheadReader::There(reading) =
                            std::mem::replace(&mut self.reader, AheadReader::Ended)
                        else {
                            return Ok(false);
                        };
                        let gone = |_| io::Error::other("the thread that reads is gone");
                        reading.handle.join().map_err(gone).map_err(|error| InputError::at(0, error))?;
                    }
                },
                AheadReader::Ended => return Ok(false),
            }
        }
    }

    #[inline]
    fn time(&self) -> Micros {
        match &self.reader {
            AheadReader::Here(source, _) => source.time(),
            AheadReader::There(reading) => {
                reading.piece.items.time(reading.at.wrapping_sub(1)).unwrap_or_default()
            }
            AheadReader::Ended => Micros::default(),
        }
    }

    #[inline]
    fn item(&self) -> Option<LogItem<'_>> {
        match &self.reader {
            AheadReader::Here(source, _) => source.item(),
            AheadReader::There(reading) => reading.piece.items.get(reading.at.wrapping_sub(1)),
            AheadReader::Ended => None,
        }
    }
}
