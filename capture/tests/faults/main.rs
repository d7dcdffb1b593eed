// SPDX-License-Identifier: BSD-2-Clause
//! What bblogd has to survive, many times over and counted; a table at the end. `make test` runs a
//! short form of it, `make faults` the long one:
//!
//! ```sh
//! make faults KILLS=200 FULL_DISKS=50 IDS=10000 CONNECTIONS=10000 REOPENS=500 MINUTES=30
//! cargo test -p bblog-capture --test faults -- kills      # one of them
//! ```
//!
//! Each fault is a module with one function, which panics if anything is lost that may not be, and
//! otherwise says what came of it.

#[allow(dead_code)]
#[path = "../daemon/bblogd.rs"]
mod bblogd;
#[allow(dead_code)]
#[path = "../daemon/devices.rs"]
mod devices;
#[allow(dead_code)]
#[path = "../daemon/made.rs"]
mod made;
#[allow(dead_code)]
#[path = "../daemon/reading.rs"]
mod reading;
#[path = "../daemon/small_disk.rs"]
mod small_disk;

mod connections;
mod full_disks;
mod ids;
mod kills;
mod load;
mod random;
mod reopens;

use std::panic::catch_unwind;
use std::process::ExitCode;
use std::time::Instant;

/// A row of the table.
struct Fault {
    /// Its name on the command line.
    name: &'static str,
    what: &'static str,
    /// The variable that says how often, and how often in the short form.
    variable: &'static str,
    short: u64,
    run: fn(u64) -> String,
}

const FAULTS: [Fault; 6] = [
    Fault {
        name: "kills",
        what: "kill -9 at a random moment",
        variable: "BBLOG_FAULT_KILLS",
        short: 10,
        run: kills::run,
    },
    Fault {
        name: "full_disks",
        what: "disk full, and room again, under load",
        variable: "BBLOG_FAULT_FULL_DISKS",
        short: 2,
        run: full_disks::run,
    },
    Fault { name: "ids", what: "hostile log ids", variable: "BBLOG_FAULT_IDS", short: 500, run: ids::run },
    Fault {
        name: "connections",
        what: "connections at once, 60 descriptors allowed",
        variable: "BBLOG_FAULT_CONNECTIONS",
        short: 1000,
        run: connections::run,
    },
    Fault {
        name: "reopens",
        what: "SIGHUP and a new index, files rotated, under load of both devices",
        variable: "BBLOG_FAULT_REOPENS",
        short: 10,
        run: reopens::run,
    },
    Fault {
        name: "load",
        what: "seconds of all that a FIFO gives",
        variable: "BBLOG_FAULT_SECONDS",
        short: 2,
        run: load::run,
    },
];

fn main() -> ExitCode {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if std::env::args().any(|argument| argument == "--list") {
        FAULTS.iter().for_each(|fault| println!("{}: test", fault.name));
        return ExitCode::SUCCESS;
    }
    let is_wanted = |fault: &&Fault| wanted.is_empty() || wanted.iter().any(|name| fault.name.contains(name));
    let mut rows = Vec::new();
    let mut good = true;
    for fault in FAULTS.iter().filter(is_wanted) {
        let count = std::env::var(fault.variable).map_or(Ok(fault.short), |text| text.parse());
        let Ok(count) = count else {
            eprintln!("{}: not a number", fault.variable);
            return ExitCode::from(2);
        };
        let begin = Instant::now();
        // Who fails has said why by then, as panics do.
        let result = catch_unwind(|| (fault.run)(count));
        good &= result.is_ok();
        let result = result.unwrap_or_else(|_| "FAILED".to_owned());
        println!("{} {count}: {result} ({:.0?})", fault.name, begin.elapsed());
        rows.push(format!("| {} | {count} | {result} |", fault.what));
    }
    if !rows.is_empty() {
        println!("\n| fault | times | what came of it |\n|---|---|---|\n{}", rows.join("\n"));
    }
    if good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
