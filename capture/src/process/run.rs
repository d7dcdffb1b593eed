// SPDX-License-Identifier: BSD-2-Clause
//! The start of a capture: opens everything as root, drops privileges, starts the threads.

use std::os::fd::{AsFd, OwnedFd};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;

use bblog_pcapng::bblog_entry::EventForm;
use nix::fcntl::{Flock, FlockArg};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::{Mode, umask};

use crate::bblog::filter::EntryFilter;
use crate::bblog::stacks::Stacks;
use crate::bblog::stream::EntryStream;
use crate::device::eventlog::Eventlog;
use crate::device::kernel;
use crate::device::queue::Queue;
use crate::device::tcp_log::TcpLog;
use crate::device::threads::DeviceThreads;
use crate::eventlog::capture::EventlogCapture;
use crate::eventlog::late_stacks::LateStacks;
use crate::eventlog::order::ReorderBuffer;
use crate::failure::Failure;
use crate::log::Log;
use crate::log::syslog::Syslog;
use crate::output::bblog_files::BblogFiles;
use crate::output::eventlog_files::{EventlogFiles, Rotation};
use crate::output::eventlog_stream::EventlogOut;
use crate::output::stream::BblogOut;
use crate::process::broker::Broker;
use crate::process::cli::CaptureArgs;
use crate::process::daemon::{self, PidFile};
use crate::process::opened::{self, CaptureTarget, Opened};
use crate::process::privileges::RunAs;
use crate::process::sandbox::{self, Descriptors};
use crate::process::signals;
use crate::process::status::StatusFile;
use crate::process::stdin;
use crate::process::writer::{FileOutput, StreamOutput, Writer, WriterOutput};
use crate::store::compress::Compressor;
use crate::store::files::{Limits, Store};

/// The provider that each TCP stack registers for itself.
const STACKS: &str = "tcp";
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

fn capture(args: CaptureArgs, log: &Rc<Log>) -> Result<bool, Failure> {
    // Every file is made with a mode of its own.
    umask(Mode::empty());
    let run_as = RunAs::new(args.user.as_deref())?;
    let opened = opened::open(&args, &run_as, log)?;
    run_as.drop_privileges()?;
    if let CaptureTarget::Folder(folder, path) = &opened.target {
        folder.probe().map_err(|error| Failure::io(path.display(), error))?;
    }
    if !args.daemon {
        return run_capture(args, opened, log);
    }
    daemon::detach()?;
    let log = Rc::new(Log::new(args.log_format, true));
    let done = run_capture(args, opened, &log);
    if let Err(failure) = &done {
        log.error(failure);
    }
    done
}

fn run_capture(args: CaptureArgs, opened: Opened, log: &Rc<Log>) -> Result<bool, Failure> {
    let Opened { tcp_log, eventlog, mut pid_file, mut status, target, machine } = opened;
    let lock = lock_folder(&target, log)?;
    let has_stacks = cfg!(target_os = "freebsd");
    let asks_for_stacks = has_stacks && tcp_log.is_some() && args.stack.is_none();
    let looks_for_stacks = has_stacks && args.eventlog.iter().any(|one| one.provider == STACKS);
    let needs_broker = asks_for_stacks || looks_for_stacks || log.syslog().is_some() || status.is_some();
    let broker = needs_broker.then(Broker::start).transpose();
    let broker = broker.map_err(|error| Failure::io("broker process", error))?;
    if let (Some(syslog), Some(broker)) = (log.syslog(), broker.clone()) {
        syslog.set_relay(Box::new(move |datagram| broker.log(datagram)));
    }
    if let (Some(status), Some(broker)) = (&mut status, broker.clone()) {
        status.set_ask_limits(Box::new(move || broker.limits()));
    }
    let (woken, wake) = nix::unistd::pipe().map_err(|error| Failure::io("pipe", error))?;
    let devices = (tcp_log.as_ref(), eventlog.as_ref());
    // A user's name is in a file, which cannot be opened in the sandbox.
    let begin = log.syslog().map(|_| begin_line(&args, devices, &target));
    enter_sandbox(devices, &pid_file, (&target, status.as_ref()), broker.as_ref(), log, (&wake, &woken))?;
    if let Some(begin) = begin {
        log.info(begin);
    }

    let queue = Arc::new(Queue::new(usize::try_from(args.queue_size.0).unwrap_or(usize::MAX)));
    signals::watch(&queue)?;
    if args.exit_on_eof {
        stdin::watch(&queue)?;
    }
    let late_stacks = broker
        .clone()
        .filter(|_| looks_for_stacks)
        .and_then(|broker| LateStacks::new(Box::new(move || broker.stack_names())));
    let stacks = (stacks(&args, broker.filter(|_| asks_for_stacks)).of(machine), late_stacks);
    let output = output(&args, target, (tcp_log.as_ref(), eventlog.as_ref()), stacks, lock.is_some(), log)?;
    let turns = tcp_log.as_ref().map(TcpLog::turns);
    let mut writer = Writer {
        output,
        entries: EntryStream::new(args.max_entry_size.0),
        order: ReorderBuffer::default(),
        limit: if args.single { 1 } else { u64::MAX },
        threads: DeviceThreads::new(wake),
        turns,
        status,
        log: Rc::clone(log),
        good: true,
        reader_gone: false,
    };
    if writer.turns.is_some() {
        queue.take_turns();
    }
    start(&mut writer.threads, tcp_log, eventlog, &queue, woken)?;
    writer.write_status(&queue, true);
    // Who reads the process id may send signals, and read the status.
    if let Some(pid_file) = &mut pid_file {
        pid_file.write()?;
    }
    let good = writer.run(&queue);
    if args.daemon || args.syslog {
        writer.output.counters().tell(log, queue.load());
    }
    if let Some(pid_file) = &mut pid_file {
        // A reader finds it unlocked soon.
        let _ = pid_file.clear();
    }
    Ok(good)
}

/// The line at the start: version, devices, output, user, sandbox.
fn begin_line(
    args: &CaptureArgs,
    (tcp_log, eventlog): (Option<&TcpLog>, Option<&Eventlog>),
    target: &CaptureTarget,
) -> String {
    let subscribed = args.eventlog.iter().map(|one| one.provider.as_str()).collect::<Vec<_>>().join(", ");
    let mut devices: Vec<String> = tcp_log.iter().map(|tcp_log| tcp_log.name().to_owned()).collect();
    devices.extend(eventlog.map(|eventlog| format!("{} ({subscribed})", eventlog.name())));
    let target = match (target, &args.output) {
        (CaptureTarget::Folder(_, path), _) | (CaptureTarget::Stream(_), Some(path)) => {
            path.display().to_string()
        }
        (CaptureTarget::Stream(_), None) => "-".to_owned(),
    };
    let user = nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten().map(|user| user.name);
    let user = user.unwrap_or_else(|| nix::unistd::geteuid().to_string());
    let (version, devices) = (bblog_version::VERSION, devices.join(" and "));
    format!("bblogd {version} reads {devices}, writes {target}, as {user}, {}", sandbox::KIND)
}

/// Locks the folder, if there is one. Unfinished files in a locked folder belong to no other process.
fn lock_folder(target: &CaptureTarget, log: &Log) -> Result<Option<Flock<OwnedFd>>, Failure> {
    let CaptureTarget::Folder(folder, path) = target else { return Ok(None) };
    let dir = folder.descriptors()[0].try_clone_to_owned();
    let dir = dir.map_err(|error| Failure::io(path.display(), error))?;
    let lock = Flock::lock(dir, FlockArg::LockExclusiveNonblock).ok();
    if lock.is_none() {
        log.info(format_args!(
            "{}: another bblogd writes here; its unfinished files are left alone",
            path.display()
        ));
    }
    Ok(lock)
}

/// Makes what writes to `target`. With `finish_others`, unfinished files in a folder belong to no
/// other process.
fn output(
    args: &CaptureArgs,
    target: CaptureTarget,
    (tcp_log, eventlog): (Option<&TcpLog>, Option<&Eventlog>),
    (stacks, late_stacks): (Stacks, Option<LateStacks>),
    finish_others: bool,
    log: &Rc<Log>,
) -> Result<WriterOutput, Failure> {
    let filter = EntryFilter {
        reason: args.reason.clone(),
        drop_small: args.drop_small,
        old: tcp_log.is_some_and(|tcp_log| tcp_log.is_file),
    };
    let has_bblog = tcp_log.is_some();
    let form = if args.live { EventForm::Packet } else { EventForm::Block };
    let capture = |one: &Eventlog| {
        EventlogCapture::new(one.anchor, one.table.clone(), one.machine.clone(), Rc::clone(log))
    };
    let mut capture = eventlog.map(capture);
    if let Some(capture) = &mut capture {
        capture.late_stacks = late_stacks;
    }
    Ok(match target {
        CaptureTarget::Stream(stream) => WriterOutput::Stream(Box::new(StreamOutput {
            stream: stream.telling(log),
            bblog: has_bblog.then(|| BblogOut::new(filter, stacks, form, Rc::clone(log))),
            eventlog: capture.map(EventlogOut::new),
        })),
        CaptureTarget::Folder(folder, path) => {
            let store = Store::new(folder, limits(args), finish_others, Rc::clone(log));
            WriterOutput::Files(Box::new(FileOutput {
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
    (tcp_log, eventlog): (Option<&TcpLog>, Option<&Eventlog>),
    pid_file: &Option<PidFile>,
    (target, status): (&CaptureTarget, Option<&StatusFile>),
    broker: Option<&Broker>,
    log: &Log,
    (wake, woken): (&OwnedFd, &OwnedFd),
) -> Result<(), Failure> {
    let (stdout, stderr) = (std::io::stdout(), std::io::stderr());
    let mut descriptors = Descriptors { commands: Eventlog::commands(), ..Descriptors::default() };
    descriptors.written.extend([stderr.as_fd(), wake.as_fd()]);
    descriptors.read.push(woken.as_fd());
    descriptors.polled.extend(tcp_log.map(TcpLog::descriptor));
    descriptors.with_ioctls.extend(eventlog.map(Eventlog::descriptor));
    descriptors.folders.extend(status.iter().flat_map(|status| status.folder().descriptors()));
    descriptors.written.extend(pid_file.as_ref().map(PidFile::descriptor));
    match target {
        CaptureTarget::Folder(folder, _) => {
            descriptors.folders.extend(folder.descriptors());
            descriptors.written.push(stdout.as_fd());
        }
        CaptureTarget::Stream(stream) => descriptors.written.push(stream.descriptor()),
    }
    descriptors.written.extend(log.syslog().and_then(Syslog::descriptor));
    if let Some(broker) = broker {
        let (to, from) = broker.descriptors();
        descriptors.written.push(to);
        descriptors.read.push(from);
    }
    sandbox::enter(&descriptors)
}

fn stacks(args: &CaptureArgs, broker: Option<Broker>) -> Stacks {
    match (&args.stack, broker) {
        (Some(names), _) => Stacks::given(names.clone()),
        (None, Some(broker)) => Stacks::asking(Box::new(move || broker.stack_names())),
        (None, None) => Stacks::asking(Box::new(kernel::stack_names)),
    }
}

fn limits(args: &CaptureArgs) -> Limits {
    let compressor = match (args.xz, args.zstd) {
        (true, _) => Compressor::Xz,
        (_, true) => Compressor::Zstd,
        _ => Compressor::None,
    };
    Limits { compressor, max_total: args.max_total_size.0, max_age: args.max_age.0, retry: args.retry.0 }
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
