// SPDX-License-Identifier: BSD-2-Clause
//! sharkd: Wireshark's dissection as a process that opens one file after the other. tshark needs a
//! fifth of a second to start; sharkd pays that once.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde_json::{Value, json};

use crate::damage::faults;
use crate::tshark::Tshark;

/// The number of requests for its status: those that surely have a reply.
const STATUS: u64 = 1;
/// What their replies begin with.
const STATUS_REPLY: &[u8] = br#"{"jsonrpc":"2.0","id":1,"#;
/// The number of all others; 0 is not allowed.
const OTHER: u64 = 2;
/// Requests that are sent before replies are read: they must fit into a pipe.
const BATCH: usize = 100;

/// A running sharkd.
pub struct Sharkd {
    child: Child,
    requests: ChildStdin,
    replies: BufReader<ChildStdout>,
    /// Its stderr: a file, so that what it said is there once it has replied.
    said: File,
}

impl Sharkd {
    /// Starts it with the home, and the plugin, of `tshark`.
    ///
    /// # Panics
    /// If it does not start: it comes with tshark.
    pub fn start(tshark: &Tshark) -> Sharkd {
        Sharkd::run(tshark.command("sharkd"))
    }

    /// Starts it with a command of one's own.
    ///
    /// # Panics
    /// If it does not start: it comes with tshark.
    pub fn run(mut command: Command) -> Sharkd {
        let said = tempfile::tempfile().expect("a file for stderr");
        let mut child = command
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(said.try_clone().expect("a second handle"))
            .spawn()
            .expect("sharkd runs (make deps)");
        let requests = child.stdin.take().expect("a pipe");
        let replies = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut sharkd = Sharkd { child, requests, replies, said };
        assert!(sharkd.frames().is_some(), "sharkd does not answer");
        sharkd.said();
        sharkd
    }

    /// Sends a request. To some, loading a damaged file among them, there is no reply.
    fn request(&mut self, id: u64, method: &str, parameters: Value) -> Option<()> {
        let request = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": parameters });
        writeln!(self.requests, "{request}").ok()
    }

    /// How many frames it has loaded, once it is done with all requests before; `None` if it has
    /// died.
    fn frames(&mut self) -> Option<u64> {
        self.request(STATUS, "status", json!({}))?;
        self.requests.flush().ok()?;
        let mut line = Vec::new();
        loop {
            line.clear();
            if self.replies.read_until(b'\n', &mut line).ok()? == 0 {
                return None;
            }
            // The others are long, and may be no JSON: damaged texts are not always UTF-8.
            if line.starts_with(STATUS_REPLY) {
                return serde_json::from_slice::<Value>(&line).ok()?["result"]["frames"].as_u64();
            }
        }
    }

    /// Opens a file and looks at each of its frames, in detail; gives how many there are, or `None` if it
    /// has died.
    pub fn look_at(&mut self, file: &Path) -> Option<u64> {
        // A file that is read up to a damaged place is open all the same.
        self.request(OTHER, "load", json!({ "file": file }))?;
        let frames = self.frames()?;
        self.request(OTHER, "frames", json!({}))?;
        for first in (1..=frames).step_by(BATCH) {
            for frame in first..=frames.min(first + BATCH as u64 - 1) {
                self.request(OTHER, "frame", json!({ "frame": frame, "proto": true }))?;
            }
            self.frames()?;
        }
        Some(frames)
    }

    /// What it has said on stderr since the last call.
    pub fn said(&mut self) -> Vec<u8> {
        let mut said = Vec::new();
        // Both handles share one position: what is read is gone, once the file is empty again.
        self.said.seek(SeekFrom::Start(0)).expect("a position");
        self.said.read_to_end(&mut said).expect("its stderr");
        self.said.set_len(0).expect("an empty file");
        self.said.seek(SeekFrom::Start(0)).expect("a position");
        said
    }

    /// The signal it died by, if it did.
    pub fn signal(mut self) -> Option<i32> {
        drop(self.requests);
        self.child.wait().expect("its end").signal()
    }
}

/// Stock Wireshark's sharkd, started at its first use.
pub struct StockSharkd<'a> {
    stock: &'a Tshark,
    sharkd: Option<Sharkd>,
}

impl<'a> StockSharkd<'a> {
    /// That of `stock`.
    pub fn new(stock: &'a Tshark) -> StockSharkd<'a> {
        StockSharkd { stock, sharkd: None }
    }

    /// Those of the faults `found` in `file` that it does not have with the same file.
    ///
    /// # Panics
    /// If it dies of the file.
    pub fn lacks(&mut self, mut found: Vec<String>, file: &Path) -> Vec<String> {
        if !found.is_empty() {
            let sharkd = self.sharkd.get_or_insert_with(|| Sharkd::start(self.stock));
            sharkd.look_at(file).expect("stock Wireshark dies of the file");
            let known = faults(&sharkd.said());
            found.retain(|fault| !known.contains(fault));
        }
        found
    }
}
