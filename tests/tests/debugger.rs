// SPDX-License-Identifier: BSD-2-Clause
//! The debugger scripts of `packaging/debugger`: real gdb and lldb look at a program that has the
//! kernel's structures, and the files they write are compared byte for byte with the logs the
//! program was given.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bblog_tests::fixtures::{STACKS, fixture};
use bblog_tests::programs::bblog;
use tempfile::TempDir;

/// The program's `timehands`: a quarter of a second in, as a binary fraction there.
const BOOT_TIME: (i64, i64) = (1_763_750_000, 250_000);

#[derive(Clone, Copy, Debug)]
enum Debugger {
    Gdb,
    Lldb,
}

const DEBUGGERS: [Debugger; 2] = [Debugger::Gdb, Debugger::Lldb];

/// How the kernel's structures hang together: as from FreeBSD 14, as up to 13, and with VNETs, whose
/// magic number changed with 13.2.
const KERNELS: [&[&str]; 4] =
    [&[], &["-DFREEBSD_13"], &["-DVIMAGE"], &["-DFREEBSD_13", "-DVIMAGE", "-DVNET_MAGIC_N=0x3e0d8f29"]];

/// A log as it should come out.
struct Expected {
    log: &'static str,
    ipv6: bool,
    id: &'static str,
    tag: &'static str,
    reason: &'static str,
    stack: &'static str,
    addresses: &'static str,
}

/// Both families, three stacks, verbose records, no id, a closed connection, and logs that wait for
/// the device's reader.
const ARGUMENTS: [&[&str]; 8] = [
    &["-t", "beta 7", "-i", "plain", "rack_reqresp"],
    &["-6", "-i", "six", "rack_verbose_40"],
    &["-n", "bbr_keepalive"],
    &["-4", "bbr_120"],
    &["-i", "gone", "-c", "default_verbose_20"],
    &["-r", "auto-dumped from head", "rack_tailloss_rto"],
    &["-6", "-q", "auto-dumped from continual", "default_v4mapped", "-4"],
    &["default_refused"],
];

const EXPECTED: [Expected; 8] = [
    Expected {
        log: "rack_reqresp",
        ipv6: false,
        id: "plain",
        tag: "beta 7",
        reason: "core dump",
        stack: "rack",
        addresses: "10.99.0.2:59855 - 10.99.0.1:9334",
    },
    Expected {
        log: "rack_verbose_40",
        ipv6: true,
        id: "six",
        tag: "beta 7",
        reason: "core dump",
        stack: "rack",
        addresses: "[2001:db8::1]:43478 - [2001:db8::2]:9504",
    },
    Expected {
        log: "bbr_keepalive",
        ipv6: true,
        id: "UNKNOWN",
        tag: "UNKNOWN",
        reason: "core dump",
        stack: "bbr",
        addresses: "[2001:db8::1]:40327 - [2001:db8::2]:9489",
    },
    Expected {
        log: "bbr_120",
        ipv6: false,
        id: "UNKNOWN",
        tag: "UNKNOWN",
        reason: "core dump",
        stack: "bbr",
        addresses: "10.99.0.2:22622 - 10.99.0.1:9240",
    },
    Expected {
        log: "default_verbose_20",
        ipv6: false,
        id: "gone",
        tag: "beta 7",
        reason: "core dump",
        stack: "freebsd",
        addresses: "10.99.0.2:39169 - 10.99.0.1:9512",
    },
    Expected {
        log: "default_refused",
        ipv6: false,
        id: "gone",
        tag: "beta 7",
        reason: "core dump",
        stack: "freebsd",
        addresses: "10.99.0.2:35465 - 10.99.0.1:1",
    },
    Expected {
        log: "rack_tailloss_rto",
        ipv6: false,
        id: "gone",
        tag: "beta 7",
        reason: "auto-dumped from head",
        stack: "rack",
        addresses: "10.99.0.2:12270 - 10.99.0.1:9243",
    },
    Expected {
        log: "default_v4mapped",
        ipv6: true,
        id: "gone",
        tag: "beta 7",
        reason: "auto-dumped from continual",
        stack: "freebsd",
        addresses: "[2001:db8::1]:42665 - [2001:db8::2]:9111",
    },
];

impl Expected {
    fn records(&self) -> Vec<u8> {
        fs::read(fixture(&format!("{}.tcplog", self.log))).expect("a log")[208..].to_vec()
    }

    /// The device's entry: the header put together here, the log's records behind it.
    fn entry(&self, reason: &str) -> Vec<u8> {
        let log = fs::read(fixture(&format!("{}.tcplog", self.log))).expect("a log");
        let mut entry = Vec::new();
        entry.extend(9_u32.to_le_bytes());
        entry.extend(1_u32.to_le_bytes());
        entry.extend((log.len() as u64).to_le_bytes());
        entry.extend(&log[16..20]);
        if self.ipv6 {
            for last in [2, 1] {
                entry.extend([0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
            }
            entry.extend(5_u32.to_le_bytes());
        } else {
            entry.extend(&log[20..56]);
        }
        entry.extend(BOOT_TIME.0.to_le_bytes());
        entry.extend(BOOT_TIME.1.to_le_bytes());
        for (text, size) in [(self.id, 64), (reason, 32), (self.tag, 32)] {
            entry.extend(text.as_bytes());
            entry.resize(entry.len() - text.len() + size, 0);
        }
        entry.extend([if self.ipv6 { 28 } else { 2 }, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(entry.len(), 208);
        entry.extend(self.records());
        entry
    }
}

/// The program with connections in it, stopped.
struct Kernel {
    folder: TempDir,
    program: PathBuf,
    arguments: Vec<String>,
    core: PathBuf,
    /// The `struct tcpcb` of each open connection.
    tcpcbs: Vec<u64>,
}

impl Kernel {
    /// Builds it with these options, runs it, and takes a core of it.
    fn crashed(defines: &[&str], arguments: &[&str]) -> Kernel {
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("connections");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/debugger/connections.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-std=gnu11", "-g", "-O0", "-Wall", "-Wextra", "-Werror"]).args(defines);
        assert_success(&run(compiler.arg("-o").arg(&program).arg(source)));

        let arguments: Vec<String> = arguments
            .iter()
            .map(|argument| {
                let log = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{argument}.tcplog"));
                if log.exists() {
                    log.to_str().expect("a UTF-8 path").to_owned()
                } else {
                    (*argument).to_owned()
                }
            })
            .collect();
        let core = folder.path().join("core");
        let mut gdb = gdb();
        gdb.args(["-ex", "break ready", "-ex", "run", "-ex"]);
        gdb.arg(format!("generate-core-file {}", core.display()));
        let output = run(gdb.arg("--args").arg(&program).args(&arguments));
        assert_success(&output);
        assert!(core.exists(), "{output:?}");
        let tcpcbs = text(&output.stdout)
            .lines()
            .filter_map(|line| u64::from_str_radix(line.strip_prefix("0x")?, 16).ok())
            .collect();
        Kernel { folder, program, arguments, core, tcpcbs }
    }

    fn output_folder(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs a debugger with the script on the core.
    fn dump(&self, debugger: Debugger, command: &str) -> Output {
        look(debugger, &self.program, &self.core, command)
    }

    /// Runs the program anew in a debugger and dumps while it is stopped.
    fn dump_live(&self, debugger: Debugger, command: &str) -> Output {
        match debugger {
            Debugger::Gdb => {
                let mut gdb = gdb();
                gdb.arg("-x").arg(script("tcplog_gdb.py"));
                gdb.args(["-ex", "break ready", "-ex", "run", "-ex", command, "--args"]);
                run(gdb.arg(&self.program).args(&self.arguments))
            }
            Debugger::Lldb => {
                let mut lldb = lldb();
                lldb.args(["-o", "settings set target.disable-aslr false", "-o", &import()]);
                lldb.args(["-o", "breakpoint set --name ready", "-o", "run", "-o", command, "--"]);
                run(lldb.arg(&self.program).args(&self.arguments))
            }
        }
    }

    /// The name of the file for the connection `index`.
    fn name(&self, index: usize) -> String {
        format!("0x{:016x}_tcp_log.bin", self.tcpcbs[index])
    }
}

fn run(command: &mut Command) -> Output {
    let name = command.get_program().to_owned();
    command.output().unwrap_or_else(|error| {
        panic!("{}: {error} (packaging/deps.sh installs what the tests need)", name.display())
    })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn assert_success(output: &Output) {
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/debugger").join(name)
}

fn gdb() -> Command {
    let mut gdb = Command::new("gdb");
    gdb.args([
        "-nx",
        "-batch",
        "-iex",
        "set debuginfod enabled off",
        "-iex",
        "set disable-randomization off",
    ]);
    gdb
}

fn import() -> String {
    format!("command script import {}", script("tcplog_lldb.py").display())
}

fn lldb() -> Command {
    let mut lldb = Command::new("lldb");
    lldb.args(["--no-lldbinit", "--no-use-colors", "--batch"]);
    if let Some(modules) = debian_lldb_modules() {
        lldb.env("PYTHONPATH", modules);
    }
    lldb
}

/// Debian 12's lldb looks for its Python modules in a folder that does not exist. Where they are.
fn debian_lldb_modules() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let mut programs = std::env::split_paths(&path).map(|folder| folder.join("lldb"));
    let program = programs.find_map(|path| path.canonicalize().ok())?;
    let library = program.parent()?.parent()?.join("lib");
    let mut folders = library.read_dir().ok()?.flatten().map(|entry| entry.path().join("dist-packages"));
    folders.find(|folder| folder.join("lldb/embedded_interpreter.py").exists())
}

/// Runs a debugger with the script on a program and its core.
fn look(debugger: Debugger, program: &Path, core: &Path, command: &str) -> Output {
    match debugger {
        Debugger::Gdb => {
            let mut gdb = gdb();
            gdb.arg("-x").arg(script("tcplog_gdb.py")).args(["-ex", command]);
            run(gdb.arg(program).arg(core))
        }
        Debugger::Lldb => {
            let mut lldb = lldb();
            lldb.arg("--core").arg(core).args(["-o", &import(), "-o", command]);
            run(lldb.arg(program))
        }
    }
}

/// The files in a folder by name.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries: Vec<_> = folder.read_dir().map(|entries| entries.flatten().collect()).unwrap_or_default();
    let read = |path: PathBuf| fs::read(path).expect("a readable file");
    entries
        .iter()
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), read(entry.path())))
        .collect()
}

/// What the script complained about.
fn complaints(output: &Output) -> Vec<String> {
    let complaint = |line: &str| {
        let line = line.strip_prefix("error: ").unwrap_or(line);
        line.strip_prefix("tcplog-dump: ").map(str::to_owned)
    };
    text(&output.stderr).lines().filter_map(complaint).collect()
}

fn assert_all_there(folder: &Path, output: &Output, context: &str) {
    assert_success(output);
    assert_eq!(complaints(output), [""; 0], "{context}");
    let said = text(&output.stdout);
    assert!(said.contains("8 files with 1245 records\n"), "{context}: {said}");
    assert!(said.contains(&format!(" --stack {STACKS}\n")), "{context}: {said}");

    let mut files: Vec<_> = files(folder).into_iter().collect();
    for expected in &EXPECTED {
        let entry = expected.entry(expected.reason);
        let found = files.iter().position(|(_, data)| *data == entry);
        let found = found.unwrap_or_else(|| panic!("{context}: {}: not written as expected", expected.log));
        let (name, _) = files.swap_remove(found);
        assert!(name.starts_with("0x") && name.ends_with("_tcp_log.bin") && name.len() == 30, "{name}");

        let path = folder.join(&name);
        assert!(said.contains(&format!("{}: {}, ", path.display(), expected.addresses)), "{context}: {said}");
        let info = bblog(&["info", path.to_str().expect("a UTF-8 path"), "--stack", STACKS]);
        assert_success(&info);
        let info = text(&info.stdout);
        let reason = format!("\"{}\"", expected.reason);
        // The kernel writes UNKNOWN where a connection has no log id or tag.
        let given = |text: &'static str| if text == "UNKNOWN" { "" } else { text };
        let (id, tag) = (given(expected.id), given(expected.tag));
        for part in [expected.addresses, expected.stack, id, tag, &reason, "lost      0 "] {
            assert!(info.contains(part), "{context}: {part}: {info}");
        }
        assert!(info.contains("2025-11-21 18:33:"), "{context}: {info}");
    }
    assert!(files.is_empty(), "{context}: {:?}", files.iter().map(|(name, _)| name).collect::<Vec<_>>());
}

#[test]
fn a_core_gives_every_connection() {
    for defines in KERNELS {
        let kernel = Kernel::crashed(defines, &ARGUMENTS.concat());
        for debugger in DEBUGGERS {
            let folder = kernel.output_folder(&format!("{debugger:?}/out"));
            let output = kernel.dump(debugger, &format!("tcplog-dump {}", folder.display()));
            assert_all_there(&folder, &output, &format!("{debugger:?} {defines:?}"));
        }
        let [gdb, lldb] = DEBUGGERS.map(|name| files(&kernel.output_folder(&format!("{name:?}/out"))));
        assert!(gdb == lldb, "{:?} {:?}", gdb.keys(), lldb.keys());
    }
}

#[test]
fn a_live_process_gives_every_connection() {
    let kernel = Kernel::crashed(&[], &ARGUMENTS.concat());
    for debugger in DEBUGGERS {
        let folder = kernel.output_folder(&format!("{debugger:?}"));
        let output = kernel.dump_live(debugger, &format!("tcplog-dump {}", folder.display()));
        assert_all_there(&folder, &output, &format!("{debugger:?}"));
    }
}

#[test]
fn one_connection_by_its_address() {
    for defines in [KERNELS[0], KERNELS[1]] {
        let kernel = Kernel::crashed(defines, &ARGUMENTS.concat());
        for debugger in DEBUGGERS {
            let folder = kernel.output_folder(&format!("{debugger:?}"));
            let command = format!(
                "tcplog-dump --tcpcb {:#x} --reason 'by hand' {}",
                kernel.tcpcbs[1],
                folder.display()
            );
            assert_success(&kernel.dump(debugger, &command));
            assert_eq!(files(&folder), BTreeMap::from([(kernel.name(1), EXPECTED[1].entry("by hand"))]));

            let output = kernel.dump(debugger, &format!("tcplog-dump --tcpcb 0x10 {}", folder.display()));
            assert!(!output.status.success());
            assert_eq!(complaints(&output), ["0x10: memory at 0x10 is not readable", "1 fault, see above"]);
        }
    }
}

#[test]
fn one_connection_comes_with_what_waits_of_it_in_the_queue() {
    // A log in three parts: read in part, waiting, and still with its connection.
    let folder = tempfile::tempdir().expect("a folder");
    let log = fs::read(fixture("rack_verbose_40.tcplog")).expect("a log");
    let ends = [0, 10, 25, 40].map(|count| 208 + first_records(&log, count).len());
    let parts: Vec<String> = ends
        .windows(2)
        .map(|range| {
            let path = folder.path().join(format!("{}.tcplog", range[0]));
            fs::write(&path, [&log[..208], &log[range[0]..range[1]]].concat()).expect("a file");
            path.to_str().expect("a UTF-8 path").to_owned()
        })
        .collect();
    let arguments =
        ["-i", "id", "-r", "full", &parts[0], "-q", "full", "bbr_120", "-q", "full", &parts[1], &parts[2]];
    let kernel = Kernel::crashed(&[], &arguments);
    for debugger in DEBUGGERS {
        let out = kernel.output_folder(&format!("{debugger:?}"));
        let command = format!("tcplog-dump --tcpcb {:#x} {}", kernel.tcpcbs[0], out.display());
        let output = kernel.dump(debugger, &command);
        assert_success(&output);
        let said = text(&output.stdout);
        let end = "15 records, id id, waiting for a reader of /dev/tcp_log\n";
        assert!(said.contains(end) && said.contains("3 files with 40 records\n"), "{said}");

        let written = files(&out);
        assert_eq!(written.len(), 3, "{debugger:?}");
        for (range, reason) in ends.windows(2).zip(["full", "full", "core dump"]) {
            let records = &log[range[0]..range[1]];
            let found = written.values().find(|entry| entry[208..] == *records).expect("these records");
            assert!(found[136..].starts_with(reason.as_bytes()) && found[136 + reason.len()] == 0);
        }
        let paths: Vec<_> = written.keys().map(|name| out.join(name).display().to_string()).collect();
        let info = bblog(&[&["info"], &paths.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat());
        assert_success(&info);
        let info = text(&info.stdout);
        for count in [10, 15, 15] {
            let line = format!("10.99.0.2:43478 - 10.99.0.1:9504: {count} records in 1 entry, id \"id\"");
            assert!(info.contains(&line), "{info}");
        }
    }
}

#[test]
fn an_unknown_magic_number_is_a_fault_but_loses_nothing() {
    let kernel = Kernel::crashed(&["-DVIMAGE", "-DVNET_MAGIC_N=0x12345678"], &ARGUMENTS.concat());
    for debugger in DEBUGGERS {
        let folder = kernel.output_folder(&format!("{debugger:?}"));
        let output = kernel.dump(debugger, &format!("tcplog-dump {}", folder.display()));
        assert!(!output.status.success());
        let complaints = complaints(&output);
        let problem =
            ": magic number 0x12345678, expected 0x3e0d8f29 or 0x5e4a6f28; read all the same".to_owned();
        let [first, second, last] = &complaints[..] else { panic!("{complaints:#?}") };
        for complaint in [first, second] {
            assert!(complaint.starts_with("vnet 0x") && complaint.ends_with(&problem), "{complaint}");
        }
        assert_eq!(last, "2 faults, see above");
        assert_eq!(files(&folder).len(), EXPECTED.len());
    }
}

#[test]
fn a_stop_between_count_and_insert_is_no_fault() {
    let arguments = ["-a", "-i", "id", "-b", "counted", "default_refused", "-b", "counted", "-q", "full"];
    let kernel = Kernel::crashed(&[], &[&arguments[..], &["rack_verbose_40"]].concat());
    for debugger in DEBUGGERS {
        let folder = kernel.output_folder(&format!("{debugger:?}"));
        let output = kernel.dump(debugger, &format!("tcplog-dump {}", folder.display()));
        assert_success(&output);
        let said = complaints(&output);
        let stopped = "it stopped while it added or removed one";
        let [record, connection, queued] = &said[..] else { panic!("{said:#?}") };
        let expected =
            format!("{:#x}: records: 3 in the list, but the kernel counted 4; {stopped}", kernel.tcpcbs[0]);
        assert_eq!(*record, format!("note: {expected}"));
        let expected = "tcbinfo: connections: 2 on the list, but the kernel counted 3";
        assert_eq!(*connection, format!("note: {expected}; {stopped}"));
        let expected = ": records: 40 in the list, but the kernel counted 41";
        assert!(queued.starts_with("note: 0x") && queued.ends_with(&format!("{expected}; {stopped}")));
        assert!(text(&output.stdout).contains("2 files with 43 records\n"), "{output:?}");
    }
}

#[test]
fn lists_that_end_early_are_faults() {
    // Nothing is wrong with the lists but that the kernel counted more, or has their end elsewhere.
    let arguments = [
        &["-i", "a", "default_refused", "-l", "short", "default_verbose_20", "rack_reqresp", "bbr_120"][..],
        &["-e", "-q", "full", "rack_verbose_40", "-q", "full", "bbr_keepalive"],
        &["-c", "default_v4mapped"],
    ];
    for defines in [KERNELS[0], KERNELS[1], KERNELS[2]] {
        let kernel = Kernel::crashed(defines, &arguments.concat());
        for debugger in DEBUGGERS {
            let folder = kernel.output_folder(&format!("{debugger:?}"));
            let output = kernel.dump(debugger, &format!("tcplog-dump {}", folder.display()));
            assert!(!output.status.success());
            let said = complaints(&output);
            let [connections, queue, last] = &said[..] else { panic!("{said:#?}") };
            // With two VNETs every second connection is on the torn list.
            let numbers = if defines.contains(&"-DVIMAGE") {
                "connections: 2 on the list, 1 more in the hash tables, the kernel counted 4"
            } else {
                "connections: 4 on the list, 2 more in the hash tables, the kernel counted 8"
            };
            assert!(connections.ends_with(numbers), "{connections}");
            let expected = "the device's queue: the list ends after 1, but its tail pointer is elsewhere; it is \
                            torn, or the kernel stopped while it removed the last";
            assert_eq!((queue.as_str(), last.as_str()), (expected, "2 faults, see above"));
            assert!(text(&output.stdout).contains("6 files with 386 records\n"), "{output:?}");
        }
    }
}

#[test]
fn files_are_never_overwritten() {
    let kernel = Kernel::crashed(&[], &["-i", "plain", "default_refused"]);
    let folder = kernel.output_folder("out");
    fs::create_dir(&folder).expect("a folder");
    let name = kernel.name(0);
    let [first, second, third] = ["", ".1", ".2"].map(|n| name.replace(".bin", &format!("{n}.bin")));
    fs::write(folder.join(&first), "mine").expect("a file");
    std::os::unix::fs::symlink("/nowhere/else", folder.join(format!("{second}.part"))).expect("a link");
    for debugger in DEBUGGERS {
        assert_success(&kernel.dump(debugger, &format!("tcplog-dump {}", folder.display())));
    }
    fs::remove_file(folder.join(format!("{second}.part"))).expect("the link is still there");
    let written = files(&folder);
    let fourth = name.replace(".bin", ".3.bin");
    assert_eq!(written.keys().collect::<Vec<_>>(), [&third, &fourth, &first]);
    assert_eq!(written[&first], b"mine");
    assert!(written[&third].len() > 208 && written[&third] == written[&fourth]);
}

#[test]
fn broken_lists_cost_only_what_is_behind_them() {
    let unreadable = "memory at 0xdead0000dead0000 is not readable";
    let circle = "comes again, the list runs in a circle";
    for (kind, records, problem) in [("wild", 5, unreadable), ("circle", 40, circle)] {
        let arguments = [
            ["-i", "a", "-b", "circle", "default_refused"],
            ["-i", "a", "-b", kind, "rack_verbose_40"],
            ["-i", "a", "-b", "short", "bbr_120"],
            ["-i", "a", "-l", kind, "default_verbose_20"],
            ["-i", "after", "-t", "", "rack_reqresp"],
        ];
        let kernel = Kernel::crashed(&[], &arguments.concat());
        for debugger in DEBUGGERS {
            let folder = kernel.output_folder(&format!("{debugger:?}"));
            let output = kernel.dump(debugger, &format!("tcplog-dump {}", folder.display()));
            assert!(!output.status.success());
            let complaints = complaints(&output);
            let patterns = [
                (format!("{:#x}: records: tcp_log_mem 0x", kernel.tcpcbs[0]), format!(", after 3: {circle}")),
                (
                    format!("{:#x}: records: tcp_log_mem 0x", kernel.tcpcbs[1]),
                    format!(", after {records}: {problem}"),
                ),
                (
                    format!("{:#x}: records: 2 in the list", kernel.tcpcbs[2]),
                    ", but the kernel counted 120".to_owned(),
                ),
                ("tcbinfo: connections: inpcb 0x".to_owned(), format!(", after 8: {problem}")),
                (
                    "note: tcbinfo: connections: 8 on the list, 1 more in the hash tables".to_owned(),
                    ", the kernel counted 10".to_owned(),
                ),
                ("4 faults".to_owned(), ", see above".to_owned()),
            ];
            assert_eq!(complaints.len(), patterns.len(), "{complaints:#?}");
            for (complaint, (start, end)) in complaints.iter().zip(&patterns) {
                assert!(
                    complaint.starts_with(start) && complaint.ends_with(end),
                    "{complaint}: {start}...{end}"
                );
            }

            // Each list up to where it is broken, and the connection behind the torn list too.
            let written = files(&folder);
            assert_eq!(written.len(), arguments.len());
            for (index, count) in [3, records, 2, 20, 130].into_iter().enumerate() {
                let whole = fs::read(fixture(&format!("{}.tcplog", arguments[index][4]))).expect("a log");
                let entry = &written[&kernel.name(index)];
                assert!(entry[208..] == *first_records(&whole, count), "{}", arguments[index][4]);
                assert_eq!(entry[8..16], (entry.len() as u64).to_le_bytes());
                let path = folder.join(kernel.name(index));
                let info = bblog(&["info", path.to_str().expect("a UTF-8 path")]);
                assert_success(&info);
                assert!(text(&info.stdout).contains(&format!("records   {count} in 1 entry")));
            }
        }
    }
}

/// The first records of a log of one entry.
fn first_records(log: &[u8], count: usize) -> &[u8] {
    let size = |at: usize| if log[at + 26] & 8 == 0 { 328 } else { 400 };
    let end = (0..count).fold(208, |at, _| at + size(at));
    &log[208..end]
}

impl Kernel {
    /// Marks the program as FreeBSD's, as a kernel's file is.
    fn mark_as_freebsd(&self) {
        let mut program = fs::read(&self.program).expect("the program");
        program[7] = 9; // EI_OSABI: ELFOSABI_FREEBSD.
        fs::write(&self.program, program).expect("the program");
    }

    /// As `dump`, with what the README says for cores of a hypervisor.
    fn dump_without_notes(&self, debugger: Debugger, folder: &Path) -> Output {
        let command = format!("tcplog-dump {}", folder.display());
        match debugger {
            Debugger::Gdb => {
                let mut gdb = gdb();
                gdb.args(["-iex", "set osabi GNU/Linux", "-x"]).arg(script("tcplog_gdb.py"));
                run(gdb.args(["-ex", &command]).arg(&self.program).arg(&self.core))
            }
            Debugger::Lldb => {
                let load = format!("target modules load --file {} --slide 0", self.program.display());
                let mut lldb = lldb();
                lldb.arg("--core").arg(&self.core);
                lldb.args(["-o", &load, "-o", &import(), "-o", &command]);
                run(lldb.arg(&self.program))
            }
        }
    }
}

/// As an ELF core of a FreeBSD kernel from a hypervisor: the program is marked as FreeBSD's, the core
/// has no notes, and nothing is relocated.
#[test]
fn a_core_without_notes_needs_what_the_readme_says() {
    let kernel = Kernel::crashed(&["-no-pie"], &ARGUMENTS.concat());
    kernel.mark_as_freebsd();
    let output = qemu_core(&kernel.core, &["--no-notes"]);
    assert_success(&output);
    assert!(
        text(&output.stdout).ends_with(" program headers were cut; the notes are taken out\n"),
        "{output:?}"
    );

    let folders = DEBUGGERS.map(|debugger| {
        let folder = kernel.output_folder(&format!("{debugger:?}"));
        let output = kernel.dump_without_notes(debugger, &folder);
        assert_eq!(complaints(&output), [""; 0]);
        files(&folder)
    });
    assert_eq!(folders[0].len(), EXPECTED.len());
    assert!(folders[0] == folders[1]);
}

const NO_MEMORY: &str = "boot time: it is 0; the debugger shows the kernel's file, or zeros, and not the memory: \
                         see Requirements in README.md";

/// A core as QEMU writes it: the header of the data segment covers its beginning only, and the rest is at
/// another virtual address, a direct map of physical memory. Nothing is mapped from files. The number of
/// headers is in the first section's header if there are 65,535 or more.
fn cut_as_qemu_does(core: &Path, variable: u64, many: bool) -> usize {
    let mut bytes = fs::read(core).expect("the core");
    let u64_at = |bytes: &[u8], at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
    let count = usize::from(u16::from_le_bytes([bytes[56], bytes[57]]));
    let table = usize::try_from(u64_at(&bytes, 32)).expect("an offset");
    let mut headers: Vec<[u64; 7]> = (0..count)
        .map(|index| std::array::from_fn(|member| u64_at(&bytes, table + 56 * index + 8 * member)))
        .filter(|header| header[0] & 0xffff_ffff == 1 && header[4] != 0)
        .collect();
    let found = headers.iter_mut().find(|header| (header[2]..header[2] + header[4]).contains(&variable));
    let segment = found.expect("the data segment");
    let [kind, offset, start, _, size, ..] = *segment;
    let kept = 16; // Of the table of addresses before the variables.
    let physical = 0x4000_0000; // Above the other segments, all of which gdb puts at 0.
    *segment = [kind, offset, start, physical, kept, size + 0x1000, 0];
    // Two blocks of memory, the second in the middle of the file's part; a hole after them.
    let middle = kept + (size - kept) / 2;
    let direct = 0xffff_f800_0000_0000 + physical;
    headers.push([kind, offset, direct, physical, middle, middle, 0]);
    headers.push([
        kind,
        offset + middle,
        direct + middle,
        physical + middle,
        size - middle,
        size - middle,
        0,
    ]);
    if many {
        headers.resize(65_536, [kind, 0, 0, 0x10_0000_0000, 0, 0, 0]);
    }

    bytes.resize(bytes.len().next_multiple_of(8), 0);
    let section = bytes.len();
    bytes.resize(section + 64, 0);
    bytes[section + 44..section + 48]
        .copy_from_slice(&u32::try_from(headers.len()).expect("few").to_le_bytes());
    bytes[40..48].copy_from_slice(&(section as u64).to_le_bytes());
    bytes[32..40].copy_from_slice(&(section as u64 + 64).to_le_bytes());
    let number = u16::try_from(headers.len()).unwrap_or(u16::MAX);
    bytes[56..58].copy_from_slice(&number.to_le_bytes());
    bytes[58..64].copy_from_slice(&[64, 0, 1, 0, 0, 0]); // e_shentsize, e_shnum, e_shstrndx.
    bytes.extend(headers.iter().flatten().flat_map(|member| member.to_le_bytes()));
    fs::write(core, bytes).expect("the core");
    headers.len()
}

fn qemu_core(core: &Path, options: &[&str]) -> Output {
    run(Command::new("python3").arg("-B").arg(script("qemu_core.py")).args(options).arg(core))
}

#[test]
fn a_core_of_qemu_is_mended_before_it_is_read() {
    for many in [false, true] {
        let kernel = Kernel::crashed(&["-no-pie"], &ARGUMENTS.concat());
        let whole = kernel.output_folder("whole");
        assert_success(&kernel.dump(Debugger::Gdb, &format!("tcplog-dump {}", whole.display())));
        let nm = text(&run(Command::new("nm").arg(&kernel.program)).stdout);
        let line = nm.lines().find(|line| line.ends_with(" timehands")).expect("the symbol");
        let count =
            cut_as_qemu_does(&kernel.core, u64::from_str_radix(&line[..16], 16).expect("an address"), many);

        kernel.mark_as_freebsd();

        let output = kernel.dump_without_notes(Debugger::Gdb, &kernel.output_folder("out"));
        assert!(!output.status.success());
        assert!(complaints(&output).iter().any(|line| line == NO_MEMORY), "{output:?}");

        let output = qemu_core(&kernel.core, &[]);
        assert_success(&output);
        let expected = format!(
            "{}: 1 of {count} program headers was cut; mended with 2 more; 4096 bytes are not in the file\n",
            kernel.core.display()
        );
        assert_eq!(text(&output.stdout), expected);
        let output = qemu_core(&kernel.core, &[]);
        assert!(text(&output.stdout).contains(": nothing to mend, none of "), "{output:?}");
        for debugger in DEBUGGERS {
            let mended = kernel.output_folder(&format!("{debugger:?}"));
            let output = kernel.dump_without_notes(debugger, &mended);
            assert_eq!(complaints(&output), [""; 0]);
            assert!(files(&mended) == files(&whole));
        }
    }
}

#[test]
fn a_program_without_its_core_is_no_kernel_without_logs() {
    // gdb reads the program's file where there is no core.
    let kernel = Kernel::crashed(&[], &["-i", "plain", "default_refused"]);
    let folder = kernel.output_folder("out");
    let mut gdb = gdb();
    gdb.arg("-x").arg(script("tcplog_gdb.py")).args(["-ex", &format!("tcplog-dump {}", folder.display())]);
    let output = run(gdb.arg(&kernel.program));
    assert!(!output.status.success());
    assert_eq!(complaints(&output)[0], NO_MEMORY);
    assert!(files(&folder).is_empty());
}

#[test]
fn another_program_is_refused_in_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let source = folder.path().join("other.c");
    let program = folder.path().join("other");
    fs::write(
        &source,
        "struct tcpcb { int t_state; } tp;\nvoid ready(void) {}\nint main(void) { ready(); }\n",
    )
    .expect("a file");
    assert_success(&run(Command::new("cc").arg("-g").arg("-o").arg(&program).arg(&source)));
    let core = folder.path().join("core");
    let mut gdb = gdb();
    gdb.args(["-ex", "break ready", "-ex", "run", "-ex"])
        .arg(format!("generate-core-file {}", core.display()));
    assert_success(&run(gdb.arg(&program)));

    let out = folder.path().join("out");
    for debugger in DEBUGGERS {
        for (command, complaint) in [
            (
                format!("tcplog-dump {}", out.display()),
                "struct tcp_log_buffer: not found, expected a kernel with debug information and the option \
                 TCP_BLACKBOX"
                    .to_owned(),
            ),
            (
                "tcplog-dump --tcpcb".to_owned(),
                "argument --tcpcb: expected one argument; usage: tcplog-dump [-h] [--tcpcb ADDR] [--reason REASON] \
                 [DIR]"
                    .to_owned(),
            ),
            (format!("tcplog-dump {}", source.display()), format!("{}: File exists", source.display())),
        ] {
            let output = look(debugger, &program, &core, &command);
            assert!(!output.status.success(), "{debugger:?}: {command}");
            assert_eq!(complaints(&output), [complaint], "{debugger:?}");
        }
        assert!(files(&out).is_empty());
    }
}
