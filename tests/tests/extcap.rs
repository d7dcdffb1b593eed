// SPDX-License-Identifier: BSD-2-Clause
//! bblogdump, the extcap program, in the real tshark: with a stand-in for ssh that runs its
//! command here, and bblogd on genuine logs.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread::sleep;
use std::time::{Duration, Instant};

use bblog_tests::fixtures::{STACKS, fixture};
use bblog_tests::programs::{self, program};
use bblog_tests::tshark::Tshark;

/// What sshd does with a command: it gives it to the user's shell. What ssh was given, and which
/// process it is, is kept in its home.
const SSH: &str = r#"#!/bin/sh
printf '%s\n' "$@" >"$HOME/ssh.arguments"
echo $$ >"$HOME/ssh.pid"
for last; do :; done
exec sh -c "$last"
"#;

/// A tshark whose home has the extcap program, a stand-in for ssh, and bblogd.
struct Bench {
    tshark: Tshark,
}

impl Bench {
    fn new(ssh: &str) -> Bench {
        let mut tshark = Tshark::with_plugin();
        let home = tshark.home().to_owned();
        fs::create_dir(home.join("bin")).unwrap();
        for name in ["bblogdump", "bblogd"] {
            programs::copy(&program(name), &home.join("bin").join(name));
        }
        tshark.install("install-extcap.sh", &[home.join("bin/bblogdump").to_str().unwrap()]);
        fs::write(home.join("bin/ssh"), ssh).unwrap();
        fs::set_permissions(home.join("bin/ssh"), fs::Permissions::from_mode(0o755)).unwrap();
        let path = std::env::var("PATH").unwrap_or_default();
        tshark.set("PATH", &format!("{}:{path}", home.join("bin").display()));
        Bench { tshark }
    }

    fn home(&self) -> &Path {
        self.tshark.home()
    }

    /// A log where any user can read it.
    fn log(&self, name: &str) -> PathBuf {
        let copy = self.home().join(name);
        fs::copy(fixture(name), &copy).unwrap();
        copy
    }

    /// Captures on an interface with these options of ours, into a file.
    fn capture(&self, interface: &str, options: &[(&str, &str)], more: &[&str]) -> (Output, PathBuf) {
        let out = self.home().join(format!("{interface}.pcapng"));
        let mut arguments: Vec<String> =
            ["-q", "-i", interface, "-w", out.to_str().unwrap()].map(str::to_owned).into();
        let bblogd = self.home().join("bin/bblogd");
        let bblogd = ("bblogd", bblogd.to_str().unwrap());
        for (option, value) in [&[bblogd], options].concat() {
            let module = interface.replace('-', "_");
            arguments.extend(["-o".to_owned(), format!("extcap.{module}.{option}:{value}")]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        (self.tshark.run(&arguments, b""), out)
    }

    /// The records of a file.
    fn listing(&self, file: &Path) -> String {
        self.tshark.text(&["-r", file.to_str().unwrap(), "-t", "r"], b"")
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn alive(pid: &str) -> bool {
    // A zombie has ended.
    fs::read_to_string(format!("/proc/{}/stat", pid.trim())).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn both_interfaces_are_listed() {
    let interfaces = Bench::new(SSH).tshark.text(&["-D"], b"");
    for name in ["bblog-local (FreeBSD BBLog (local))", "bblog-ssh (FreeBSD BBLog over ssh)"] {
        assert!(interfaces.contains(name), "{interfaces}");
    }
}

#[test]
fn a_capture_is_what_bblogd_writes() {
    let bench = Bench::new(SSH);
    // A name that a shell would take apart.
    let log = bench.home().join("a log; exit 'here' $(exit).tcplog");
    fs::copy(bench.log("rack_reqresp.tcplog"), &log).unwrap();
    let direct = Command::new(program("bblogd"))
        .args(["-u", "nobody", "-o", "-", "--live", "--stack", STACKS, "-f", log.to_str().unwrap()])
        .output()
        .unwrap();
    let expected = bench.tshark.text(&["-t", "r"], &direct.stdout);
    assert!(expected.lines().count() > 100);

    let options = [
        ("device", log.to_str().unwrap()),
        ("stack", STACKS),
        ("remotehost", "bsd.example.org"),
        ("remoteport", "2222"),
        ("remoteusername", "operator"),
    ];
    let (output, file) = bench.capture("bblog-ssh", &options, &[]);
    assert!(output.status.success() && !said(&output).contains("rror"), "{}", said(&output));
    assert_eq!(bench.listing(&file), expected);
    let arguments = fs::read_to_string(bench.home().join("ssh.arguments")).unwrap();
    let start = "-T\n-x\n-o\nBatchMode=yes\n-p\n2222\n-l\noperator\n--\nbsd.example.org\n";
    assert!(arguments.starts_with(start), "{arguments}");

    let (output, file) = bench.capture("bblog-local", &options[..2], &[]);
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(bench.listing(&file), expected);
}

#[test]
fn stopping_ends_ssh_and_bblogd() {
    let bench = Bench::new(SSH);
    // A device that says something and then no more, like a quiet server's. (dumpcap waits for the
    // first block before it looks at the clock.)
    let device = bench.home().join("device");
    assert!(Command::new("mkfifo").args(["-m", "666"]).arg(&device).status().unwrap().success());
    let open = fs::OpenOptions::new().read(true).write(true).open(&device).unwrap();
    (&open).write_all(&fs::read(fixture("rack_reqresp.tcplog")).unwrap()).unwrap();
    let options = [("device", device.to_str().unwrap()), ("remotehost", "quiet")];
    let started = Instant::now();
    let (output, _) = bench.capture("bblog-ssh", &options, &["-a", "duration:2"]);
    assert!(started.elapsed() < Duration::from_secs(60), "{:?}", started.elapsed());
    assert!(!said(&output).contains("rror"), "{}", said(&output));
    // The stand-in became its shell, and that became bblogd.
    let pid = fs::read_to_string(bench.home().join("ssh.pid")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    while alive(&pid) {
        assert!(Instant::now() < deadline, "process {pid} is still there");
        sleep(Duration::from_millis(50));
    }
    drop(open);
}

#[test]
fn a_reader_that_goes_away_ends_the_capture() {
    let folder = tempfile::tempdir().unwrap();
    let (fifo, device) = (folder.path().join("fifo"), folder.path().join("device"));
    for path in [&fifo, &device] {
        assert!(Command::new("mkfifo").args(["-m", "666"]).arg(path).status().unwrap().success());
    }
    let open = fs::OpenOptions::new().read(true).write(true).open(&device).unwrap();
    let mut bblogdump = Command::new(program("bblogdump"))
        .args(["--capture", "--extcap-interface", "bblog-local", "--fifo"])
        .args([&fifo, Path::new("--device"), &device, Path::new("--bblogd"), &program("bblogd")])
        .spawn()
        .unwrap();
    let reader = fs::File::open(&fifo).unwrap();
    sleep(Duration::from_millis(300));
    assert!(bblogdump.try_wait().unwrap().is_none(), "it ended by itself");
    drop(reader);
    let deadline = Instant::now() + Duration::from_secs(10);
    let status = loop {
        if let Some(status) = bblogdump.try_wait().unwrap() {
            break status;
        }
        assert!(Instant::now() < deadline, "it still waits");
        sleep(Duration::from_millis(50));
    };
    assert!(status.success(), "{status}");
    drop(open);
}

#[test]
fn a_killed_capture_leaves_nothing_behind() {
    // A device that says nothing: neither ssh nor bblogd has anything to write.
    let folder = tempfile::tempdir().unwrap();
    let (fifo, device) = (folder.path().join("fifo"), folder.path().join("device"));
    for path in [&fifo, &device] {
        assert!(Command::new("mkfifo").args(["-m", "666"]).arg(path).status().unwrap().success());
    }
    let open = fs::OpenOptions::new().read(true).write(true).open(&device).unwrap();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    fs::write(bin.join("ssh"), SSH).unwrap();
    fs::set_permissions(bin.join("ssh"), fs::Permissions::from_mode(0o755)).unwrap();
    let mut bblogdump = Command::new(program("bblogdump"))
        .env("PATH", format!("{}:{}", bin.display(), std::env::var("PATH").unwrap()))
        .env("HOME", folder.path())
        .args(["--capture", "--extcap-interface", "bblog-ssh", "--remote-host", "quiet", "--fifo"])
        .args([&fifo, Path::new("--device"), &device, Path::new("--bblogd"), &program("bblogd")])
        .spawn()
        .unwrap();
    let reader = fs::File::open(&fifo).unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    let bblogd = loop {
        // The stand-in for ssh becomes bblogd, under the same number.
        let pid = fs::read_to_string(folder.path().join("ssh.pid")).unwrap_or_default();
        let name = fs::read_to_string(format!("/proc/{}/comm", pid.trim())).unwrap_or_default();
        if name == "bblogd\n" {
            break pid;
        }
        assert!(Instant::now() < deadline, "bblogd has not been started");
        sleep(Duration::from_millis(20));
    };
    bblogdump.kill().unwrap();
    bblogdump.wait().unwrap();
    while alive(&bblogd) {
        assert!(Instant::now() < deadline, "process {bblogd} is still there");
        sleep(Duration::from_millis(20));
    }
    drop((open, reader));
}

#[test]
fn what_the_server_prints_is_shown() {
    // A login shell with a greeting, as csh prints it from its start file.
    let greeting = SSH.replace("exec sh", "printf 'Welcome \\033[2J to web17.\\n'\nexec sh");
    let bench = Bench::new(&greeting);
    let log = bench.log("rack_reqresp.tcplog");
    let options = [("device", log.to_str().unwrap()), ("stack", STACKS), ("remotehost", "web17")];
    let (output, file) = bench.capture("bblog-ssh", &options, &[]);
    let expected = "bblogdump: ssh to web17: printed \"Welcome  [2J to web17.\" before the log, left out";
    assert!(output.status.success() && said(&output).contains(expected), "{}", said(&output));
    let direct = Command::new(program("bblogd"))
        .args(["-u", "nobody", "-o", "-", "--live", "--stack", STACKS, "-f", log.to_str().unwrap()])
        .output()
        .unwrap();
    assert_eq!(bench.listing(&file), bench.tshark.text(&["-t", "r"], &direct.stdout));

    // An account without a login.
    let bench = Bench::new("#!/bin/sh\necho 'This account is not available.'\nexit 1\n");
    let (output, _) = bench.capture("bblog-ssh", &[("remotehost", "web17")], &[]);
    let expected =
        "bblogdump: ssh to web17: printed \"This account is not available.\", expected a log in pcapng; exit";
    assert!(said(&output).contains(expected), "{}", said(&output));

    // A menu that goes on for ever.
    let bench = Bench::new("#!/bin/sh\nyes 'Your choice?' | head -c 70000\nexec sleep 100\n");
    let (output, _) = bench.capture("bblog-ssh", &[("remotehost", "web17")], &[]);
    let expected = "bblogdump: ssh to web17: printed \"Your choice?; Your choice?; ";
    assert!(said(&output).contains(expected) && said(&output).contains("stopped"), "{}", said(&output));
}

#[test]
fn failures_are_shown() {
    let bench = Bench::new(
        "#!/bin/sh\nprintf 'Warning\\033[2J: x\\nPermission denied (publickey).\\n' >&2\nexit 255\n",
    );
    let (output, _) = bench.capture("bblog-ssh", &[("remotehost", "closed")], &[]);
    let expected =
        "bblogdump: ssh to closed: Warning [2J: x; Permission denied (publickey).; exit status: 255";
    assert!(said(&output).contains(expected), "{}", said(&output));

    let bench = Bench::new(SSH);
    let (output, _) = bench.capture("bblog-ssh", &[("remotehost", "open"), ("device", "/no/device")], &[]);
    let expected = "bblogdump: ssh to open: bblogd: /no/device: No such file or directory";
    assert!(said(&output).contains(expected), "{}", said(&output));

    let (output, _) = bench.capture("bblog-ssh", &[("remotehost", "-oProxyCommand=id")], &[]);
    assert!(said(&output).contains("--remote-host: \"-oProxyCommand=id\", expected"), "{}", said(&output));
}
