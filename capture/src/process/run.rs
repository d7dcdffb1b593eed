// SPDX-License-Identifier: BSD-2-Clause
//! From the command line to work: opens everything as root, gives rights up, starts.

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

use bblog_pcapng::machine::Machine;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::{Mode, umask};

use crate::bblog::cutter::EntryCutter;
use crate::bblog::filter::EntryFilter;
use crate::bblog::stacks::Stacks;
use crate::device::eventlog::{BUFFER_SIZES, Eventlog};
use crate::device::kernel::{self, Helper};
use crate::device::queue::Queue;
use crate::device::tcp_log::TcpLog;
use crate::device::threads::DeviceThreads;
use crate::eventlog::capture::Capture;
use crate::failure::Failure;
use crate::log::Log;
use crate::output::bblog_files::BblogFiles;
use crate::output::eventlog_files::{EventlogFiles, Rotation};
use crate::output::eventlog_stream::EventlogOut;
use crate::output::stream::{BblogOut, StreamOut};
use crate::process::cli::CaptureArgs;
use crate::process::daemon::{self, PidFile};
use crate::process::privileges::RunAs;
use crate::process::sandbox::{self, Descriptors};
use crate::process::signals;
use crate::process::stdin;
use crate::process::writer::{FileOutput, Output, StreamOutput, Writer};
use crate::store::compress::Compressor;
use crate::store::files::{Limits, Store};
use crate::store::folder::Folder;

/// Where BBLog comes from.
const TCP_LOG: &str = "/dev/tcp_log";
/// Where events come from.
const EVENTLOG: &str = "/dev/eventlog";
/// Descriptors that are not files of sessions.
const OTHER_FILES: usize = 32;
/// Files of sessions open at a time, if the limit is far.
const OPEN_FILES: usize = 1024;

/// Captures, as `args` say.
pub fn run(args: CaptureArgs) -> ExitCode {
    let log = Rc::new(Log::new(args.log_format, args.syslog));
    match capture(args, &log) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            log.error(failure);
            ExitCode::FAILURE
        }
    }
}

/// What is opened before rights are given up.
struct Opened {
    tcp_log: Option<TcpLog>,
    eventlog: Option<Eventlog>,
    pid_file: Option<PidFile>,
    target: Target,
    /// What the kernel says of itself, if its device is read.
    machine: Machine,
}

enum Target {
    Folder(Folder, PathBuf),
    Stream(StreamOut),
}

fn capture(args: CaptureArgs, log: &Rc<Log>) -> Result<bool, Failure> {
    umask(Mode::from_bits_truncate(0o022));
    let run_as = RunAs::new(args.user.as_deref())?;
    let opened = open(&args, &run_as, log)?;
    run_as.drop_privileges()?;
    if let Target::Folder(folder, path) = &opened.target {
        folder.probe().map_err(|error| Failure::io(path.display(), error))?;
    }
    let log = if args.daemon {
        daemon::detach()?;
        Rc::new(Log::new(args.log_format, true))
    } else {
        Rc::clone(log)
    };
    let done = work(args, opened, &log);
    if let (true, Err(failure)) = (log.is_syslog(), &done) {
        log.error(failure);
    }
    done
}

/// Opens what only root may open, and everything else that is reached by a path.
fn open(args: &CaptureArgs, run_as: &RunAs, log: &Rc<Log>) -> Result<Opened, Failure> {
    let file = match &args.file {
        Some(file) => Some(file.as_path()),
        None if args.eventlog.is_empty() => Some(Path::new(TCP_LOG)),
        None => None,
    };
    if args.exit_on_eof && file == Some(Path::new("-")) {
        return Err(Failure::new("--exit-on-eof", "cannot be used with -f -, both read standard input"));
    }
    let mut machine = Machine::default();
    if file == Some(Path::new(TCP_LOG)) {
        kernel::check_version()?;
        machine = kernel::machine();
    }
    if !BUFFER_SIZES.contains(&args.buffer_size.0) {
        let (min, max) = (BUFFER_SIZES.start(), BUFFER_SIZES.end());
        let found = args.buffer_size.0;
        return Err(Failure::new("--buffer-size", format_args!("{found}, expected {min} to {max} bytes")));
    }
    // First of all: whether this is the only one.
    let pid_file = args.pid_file.as_deref().map(PidFile::open).transpose()?;
    let target = match &args.output {
        Some(path) => {
            let stream = StreamOut::open(path, args.retry.0, Rc::clone(log))
                .map_err(|error| Failure::io(path.display(), error))?;
            Target::Stream(stream)
        }
        None => Target::Folder(open_folder(&args.directory, run_as)?, args.directory.clone()),
    };
    let tcp_log = file.map(TcpLog::open).transpose()?;
    let eventlog = match args.eventlog.as_slice() {
        [] => None,
        subscriptions => {
            let buffer_size = u32::try_from(args.buffer_size.0).unwrap_or(u32::MAX);
            Some(Eventlog::open(Path::new(EVENTLOG), subscriptions, buffer_size, args.dump_state)?)
        }
    };
    Ok(Opened { tcp_log, eventlog, pid_file, target, machine })
}

fn open_folder(path: &Path, run_as: &RunAs) -> Result<Folder, Failure> {
    let failed = |error| Failure::io(path.display(), error);
    match std::fs::create_dir(path) {
        Ok(()) => run_as.own(path)?,
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(failed(error)),
    }
    Folder::open(path).map_err(failed)
}

fn work(args: CaptureArgs, opened: Opened, log: &Rc<Log>) -> Result<bool, Failure> {
    let Opened { tcp_log, eventlog, mut pid_file, target, machine } = opened;
    if let Some(pid_file) = &mut pid_file {
        pid_file.write()?;
    }
    let lock = lock_folder(&target, log)?;
    let helper = match &args.stack {
        None if cfg!(target_os = "freebsd") && tcp_log.is_some() => Helper::start().ok(),
        _ => None,
    };
    let (woken, wake) = nix::unistd::pipe().map_err(|error| Failure::io("pipe", error))?;
    enter_sandbox(&tcp_log, &eventlog, &pid_file, &target, helper.as_ref(), (&wake, &woken))?;

    let queue = Arc::new(Queue::new(usize::try_from(args.queue_size.0).unwrap_or(usize::MAX)));
    signals::watch(&queue)?;
    if args.exit_on_eof {
        stdin::watch(&queue)?;
    }
    let stacks = stacks(&args, helper).of(machine);
    let output = output(&args, target, (tcp_log.as_ref(), eventlog.as_ref()), stacks, lock.is_some(), log)?;
    let turns = tcp_log.as_ref().filter(|_| eventlog.is_none()).and_then(TcpLog::turns);
    let mut writer = Writer {
        output,
        cutter: EntryCutter::new(args.max_entry_size.0),
        limit: if args.single { 1 } else { u64::MAX },
        threads: DeviceThreads::new(wake),
        turns,
        log: Rc::clone(log),
        good: true,
    };
    if writer.turns.is_some() {
        queue.take_turns();
    }
    start(&mut writer.threads, tcp_log, eventlog, &queue, woken)?;
    let good = writer.run(&queue);
    if args.daemon || args.syslog {
        writer.output.counters().tell(log, queue.load());
    }
    if let Some(pid_file) = &mut pid_file {
        // Whoever reads it meanwhile finds it unlocked soon.
        let _ = pid_file.clear();
    }
    Ok(good)
}

/// Locks the folder, if there is one. The lock says that unfinished files in it are nobody else's.
fn lock_folder(target: &Target, log: &Log) -> Result<Option<Flock<OwnedFd>>, Failure> {
    let Target::Folder(folder, path) = target else { return Ok(None) };
    let dir = folder.descriptors()[0].try_clone_to_owned();
    let dir = dir.map_err(|error| Failure::io(path.display(), error))?;
    let lock = Flock::lock(dir, FlockArg::LockExclusiveNonblock).ok();
    if lock.is_none() {
        log.info(format_args!(
            "{}: another bblogd writes here; its unfinished files are left",
            path.display()
        ));
    }
    Ok(lock)
}

/// Makes what writes to `target`. `finish_others` says that unfinished files in a folder are nobody
/// else's.
fn output(
    args: &CaptureArgs,
    target: Target,
    (tcp_log, eventlog): (Option<&TcpLog>, Option<&Eventlog>),
    stacks: Stacks,
    finish_others: bool,
    log: &Rc<Log>,
) -> Result<Output, Failure> {
    let filter = EntryFilter {
        reason: args.reason.clone(),
        drop_small: args.drop_small,
        old: tcp_log.is_some_and(|tcp_log| tcp_log.is_file),
    };
    let has_bblog = tcp_log.is_some();
    let capture = eventlog.map(|one| Capture::new(one.anchor, one.table.clone(), Rc::clone(log)));
    Ok(match target {
        Target::Stream(stream) => Output::Stream(Box::new(StreamOutput {
            stream: stream.telling(log),
            bblog: has_bblog.then(|| BblogOut::new(filter, stacks, Rc::clone(log))),
            eventlog: capture.map(EventlogOut::new),
        })),
        Target::Folder(folder, path) => {
            let store = Store::new(folder, limits(args), finish_others, Rc::clone(log));
            Output::Files(Box::new(FileOutput {
                store: store.map_err(|error| Failure::io(path.display(), error))?,
                bblog: has_bblog.then(|| BblogFiles::new(filter, stacks, Rc::clone(log))),
                eventlog: capture.map(|capture| EventlogFiles::new(capture, rotation(args))),
            }))
        }
    })
}

/// Starts the threads that read.
fn start(
    threads: &mut DeviceThreads,
    tcp_log: Option<TcpLog>,
    eventlog: Option<Eventlog>,
    queue: &Arc<Queue>,
    woken: OwnedFd,
) -> Result<(), Failure> {
    if let Some(tcp_log) = tcp_log {
        tcp_log.start(Arc::clone(queue), Arc::clone(&threads.tcp_log), woken)?;
        threads.running += 1;
    }
    if let Some(eventlog) = eventlog {
        eventlog.start(Arc::clone(queue), Arc::clone(&threads.eventlog))?;
        threads.running += 1;
    }
    Ok(())
}

fn enter_sandbox(
    tcp_log: &Option<TcpLog>,
    eventlog: &Option<Eventlog>,
    pid_file: &Option<PidFile>,
    target: &Target,
    helper: Option<&Helper>,
    (wake, woken): (&OwnedFd, &OwnedFd),
) -> Result<(), Failure> {
    let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
    let mut descriptors = Descriptors { commands: Eventlog::commands(), ..Descriptors::default() };
    descriptors.written.extend([stderr.as_fd(), wake.as_fd()]);
    descriptors.read.push(woken.as_fd());
    descriptors.polled.extend(tcp_log.as_ref().map(TcpLog::descriptor));
    descriptors.asked.extend(eventlog.as_ref().map(Eventlog::descriptor));
    descriptors.written.extend(pid_file.as_ref().map(PidFile::descriptor));
    match target {
        Target::Folder(folder, _) => {
            descriptors.folders.extend(folder.descriptors());
            descriptors.written.push(stdout.as_fd());
        }
        Target::Stream(stream) => descriptors.written.push(stream.descriptor()),
    }
    if let Some(helper) = helper {
        let (to, from) = helper.descriptors();
        descriptors.written.push(to);
        descriptors.read.push(from);
    }
    sandbox::enter(&descriptors)
}

fn stacks(args: &CaptureArgs, helper: Option<Helper>) -> Stacks {
    match (&args.stack, helper) {
        (Some(names), _) => Stacks::given(names.clone()),
        (None, Some(mut helper)) => Stacks::asking(Box::new(move || helper.stack_names())),
        (None, None) => Stacks::asking(Box::new(kernel::stack_names)),
    }
}

fn limits(args: &CaptureArgs) -> Limits {
    let compressor = match (args.xz, args.zstd) {
        (true, _) => Compressor::Xz,
        (_, true) => Compressor::Zstd,
        _ => Compressor::None,
    };
    Limits { compressor, max_total: args.max_total_size.0, retry: args.retry.0 }
}

fn rotation(args: &CaptureArgs) -> Rotation {
    // Its type differs between systems.
    let limit =
        getrlimit(Resource::RLIMIT_NOFILE).map_or(256, |(soft, _)| soft.try_into().unwrap_or(usize::MAX));
    Rotation {
        format: args.format,
        size: args.rotate_size.0,
        time: args.rotate_time.0,
        max_open: limit.saturating_sub(OTHER_FILES).clamp(4, OPEN_FILES),
    }
}
