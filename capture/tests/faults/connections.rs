// SPDX-License-Identifier: BSD-2-Clause
//! More sessions of eventlog at once than the process may have files open.

use std::process::Command;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::bblogd::{Place, counter, start, until};
use crate::devices::Kernel;
use crate::load::{descriptors, peak_memory};
use crate::made;
use crate::reading;

pub fn run(connections: u64) -> String {
    let kernel = Kernel::new();
    let place = &kernel.place;
    let mut shell = Command::new("sh");
    shell.args(["-c", "ulimit -n 60 && exec \"$0\" \"$@\""]).arg(env!("CARGO_BIN_EXE_bblogd"));
    shell.arg("-D").arg(place.out()).args(["--eventlog", "tcp", "--buffer-size", "64M"]);
    kernel.preload(&mut shell);
    let daemon = start(place, shell);
    until("a subscription", || kernel.journal().contains("eventlog create"), || daemon.log());
    let mut open = 0;
    for step in 0..5 {
        for from in (1..=connections).step_by(1000) {
            let mut events = Vec::new();
            for session in from..=connections.min(from + 999) {
                events.extend(match step {
                    0 => made::session_begin(session, "web", session as u16),
                    4 => made::session_end(session),
                    _ => made::session_events(session, 2),
                });
            }
            kernel.log(&events);
            std::thread::sleep(Duration::from_millis(3));
            open = open.max(descriptors(daemon.pid()));
        }
    }
    until("all files", || place.records().len() as u64 == connections, || daemon.log());
    daemon.signal(Signal::SIGUSR1);
    daemon.wait_for("queue waits");
    let memory = peak_memory(daemon.pid());
    let log = daemon.stop();
    assert_eq!((counter(&log, "dropped"), counter(&log, "kernel drops")), (0, 0), "{log}");
    assert_eq!(counter(&log, "events"), connections * 11);
    let files = place.files();
    assert_eq!(files.len() as u64, connections);
    for file in files.iter().step_by(7) {
        assert_eq!(reading::events(&reading::blocks(file)).len(), 11, "{}", file.display());
    }
    assert!(!Place::names(&place.out()).iter().any(|name| name.ends_with(".part")));
    assert!(open <= 60);
    let events = connections * 11;
    format!(
        "{events} events in {connections} files, none lost; {open} descriptors, {memory} kB of memory at most"
    )
}
