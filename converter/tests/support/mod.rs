// SPDX-License-Identifier: BSD-2-Clause
//! What the tests of the program share: running it, fixtures, and a folder that goes away.
#![allow(dead_code, reason = "every test file uses a part")]

pub mod seen;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, OnceLock};

/// A fixture's path.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A fixture's bytes.
pub fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

/// The records `from..to` of a log of one entry and records without verbose parts, as an entry of their own.
pub fn part_of(log: &[u8], from: usize, to: usize) -> Vec<u8> {
    let mut part = log[..208].to_vec();
    part.extend(&log[208 + from * 328..208 + to * 328]);
    let len = (part.len() as u64).to_le_bytes();
    part[8..16].copy_from_slice(&len);
    part
}

/// A folder of its own for one test.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new() -> Folder {
        Folder(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Names of what is in it, sorted.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// What a run of bblog said, with folders taken out of the messages.
pub struct Ran {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

/// The program, to be given arguments.
pub fn bblog() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bblog"))
}

/// Runs bblog with arguments and what it finds on standard input.
pub fn run<S: AsRef<std::ffi::OsStr>>(args: &[S], stdin: &[u8]) -> Ran {
    use std::io::Write;
    let mut child = bblog()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    let bytes = stdin.to_vec();
    let feeder = std::thread::spawn(move || {
        let _ = input.write_all(&bytes);
    });
    let output: Output = child.wait_with_output().unwrap();
    feeder.join().unwrap();
    Ran {
        code: output.status.code().expect("not ended by a signal"),
        stdout: output.stdout,
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Converts one input with the stack names of the fixtures; panics unless that works.
pub fn convert(input: &Path, output: &Path) {
    let args = ["convert", "--stack", "1=freebsd,2=rack,3=bbr", "-o"];
    let status = bblog().args(args).arg(output).arg(input).status().unwrap();
    assert!(status.success(), "{}", input.display());
}

/// Converts bytes through the library, with the faults found.
pub fn convert_bytes(inputs: &[&[u8]]) -> (Vec<u8>, Vec<String>) {
    use bblog_converter::event::merge::MergeInput;
    use bblog_converter::frame::stream::{FrameStream, MergedFrames};
    use bblog_converter::input::assumptions::Assumptions;
    use bblog_converter::input::{Input, InputName, InputPosition};
    // Made once: tables live as long as the process.
    static TABLES: OnceLock<Arc<Assumptions>> = OnceLock::new();
    let tables = TABLES.get_or_init(|| Arc::new(Assumptions::new("1=freebsd,2=rack,3=bbr".parse().unwrap())));
    let mut faults = Vec::new();
    let mut on_error = |_: &InputName, fault: &bblog_converter::InputError| faults.push(fault.to_string());
    let mut streams = Vec::new();
    for (index, bytes) in inputs.iter().enumerate() {
        let name = InputName::new(format!("input-{index}"));
        let position = InputPosition { index, count: inputs.len(), series: index };
        let reader = Box::new(std::io::Cursor::new(bytes.to_vec()));
        let stream = Input::recognise(name.clone(), reader)
            .and_then(|input| FrameStream::open(input, position, tables, &mut on_error));
        match stream {
            Ok(stream) => streams.push((name, stream)),
            Err(fault) => on_error(&name, &fault),
        }
    }
    let mut frames = MergedFrames::of(streams, &mut on_error);
    let (_, out) =
        bblog_converter::command::convert::write(&mut frames, None, Vec::new(), &mut on_error).unwrap();
    (out, faults)
}

/// Runs tshark on a file and returns its lines; it must have nothing to complain about.
pub fn tshark(file: &Path, args: &[&str]) -> Vec<String> {
    let output = Command::new("tshark").arg("-r").arg(file).args(args).output();
    let output = output.expect("tshark is needed (Debian: apt-get install tshark)");
    let complaints: Vec<_> = String::from_utf8_lossy(&output.stderr)
        .lines()
        .filter(|line| !line.starts_with("Running as user"))
        .map(str::to_owned)
        .collect();
    assert!(output.status.success() && complaints.is_empty(), "{complaints:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Bytes, compressed.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
