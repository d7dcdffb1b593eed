// SPDX-License-Identifier: BSD-2-Clause
//! Everything that is opened before privileges are dropped. If one step fails, files and folders that the
//! others created are removed.

use std::path::{Path, PathBuf};
use std::rc::Rc;

use bblog_pcapng::machine::Machine;

use crate::device::eventlog::{self, BUFFER_SIZES, Eventlog, SubscriptionRequest};
use crate::device::kernel;
use crate::device::tcp_log::TcpLog;
use crate::failure::Failure;
use crate::log::Log;
use crate::output::stream::StreamOut;
use crate::process::cli::CaptureArgs;
use crate::process::daemon::PidFile;
use crate::process::privileges::RunAs;
use crate::process::status::StatusFile;
use crate::store::folder::Folder;

/// Where BBLog comes from.
const TCP_LOG: &str = "/dev/tcp_log";
/// Where events come from.
const EVENTLOG: &str = "/dev/eventlog";

/// Everything that is open.
pub struct Opened {
    /// BBLog's device, or what takes its place.
    pub tcp_log: Option<TcpLog>,
    /// The subscription.
    pub eventlog: Option<Eventlog>,
    /// The pid file, locked.
    pub pid_file: Option<PidFile>,
    /// The status file, if one was requested.
    pub status: Option<StatusFile>,
    /// Where everything goes.
    pub target: CaptureTarget,
    /// Facts about the kernel, if its device is read.
    pub machine: Machine,
}

/// The destination of all blocks.
pub enum CaptureTarget {
    /// To files in this folder of this name.
    Folder(Folder, PathBuf),
    /// Into one stream.
    Stream(StreamOut),
}

/// Opens what only root may open, and everything else that is reached by a path.
///
/// # Errors
/// A [`Failure`].
pub fn open(args: &CaptureArgs, run_as: &RunAs, log: &Rc<Log>) -> Result<Opened, Failure> {
    // First of all: whether this is the only one.
    let pid_file = args.pid_file.as_deref().map(PidFile::open).transpose()?;
    match open_others(args, run_as, log) {
        Ok(((tcp_log, eventlog, machine), target, status)) => {
            Ok(Opened { tcp_log, eventlog, pid_file, status, target, machine })
        }
        Err(failure) => {
            if let Some(pid_file) = pid_file {
                pid_file.discard();
            }
            Err(failure)
        }
    }
}

type Devices = (Option<TcpLog>, Option<Eventlog>, Machine);

fn open_others(
    args: &CaptureArgs,
    run_as: &RunAs,
    log: &Rc<Log>,
) -> Result<(Devices, CaptureTarget, Option<StatusFile>), Failure> {
    let devices = devices(args, log)?;
    let (target, is_new) = target(args, run_as, log)?;
    // It may lie in the folder.
    match args.status_file.as_deref().map(|path| StatusFile::open(path, run_as)).transpose() {
        Ok(status) => Ok((devices, target, status)),
        Err(failure) => {
            if let (CaptureTarget::Folder(folder, _), true) = (&target, is_new) {
                folder.remove_itself();
            }
            Err(failure)
        }
    }
}

/// The buffers' size, if the kernel can take it.
fn buffer_size(args: &CaptureArgs) -> Result<u32, Failure> {
    let found = args.buffer_size.0;
    let too_large = |expected: String| Failure::new("--buffer-size", format!("{found}, expected {expected}"));
    let size = u32::try_from(found)
        .ok()
        .filter(|_| BUFFER_SIZES.contains(&found))
        .ok_or_else(|| too_large(format!("{} to {} bytes", BUFFER_SIZES.start(), BUFFER_SIZES.end())))?;
    if let Some((cpus, memory)) = kernel::cpus_and_memory() {
        eventlog::check_memory(found, cpus, memory).map_err(|max| {
            too_large(format!(
                "at most {max} bytes: two for each of {cpus} CPUs take a quarter of the memory"
            ))
        })?;
    }
    Ok(size)
}

fn devices(args: &CaptureArgs, log: &Log) -> Result<Devices, Failure> {
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
    let tcp_log = file.map(TcpLog::open).transpose()?;
    let eventlog = match args.eventlog.as_slice() {
        [] => None,
        subscriptions => {
            let request = SubscriptionRequest {
                subscriptions,
                buffer_size: buffer_size(args)?,
                dump_state: args.dump_state,
                strict: args.strict,
            };
            Some(Eventlog::open(Path::new(EVENTLOG), request, log)?)
        }
    };
    Ok((tcp_log, eventlog, machine))
}

/// Where everything goes, and whether it is a folder that was made here.
fn target(args: &CaptureArgs, run_as: &RunAs, log: &Rc<Log>) -> Result<(CaptureTarget, bool), Failure> {
    if let Some(path) = &args.output {
        let stream = StreamOut::open(path, args.mode.0, args.retry.0, Rc::clone(log));
        return Ok((
            CaptureTarget::Stream(stream.map_err(|error| Failure::io(path.display(), error))?),
            false,
        ));
    }
    let path = &args.directory;
    let failed = |error| Failure::io(path.display(), error);
    let (folder, is_new) = Folder::open_or_make(path, args.mode.0, run_as.owner()).map_err(failed)?;
    let probed = run_as.try_as_user(|| folder.probe())?;
    if let Err(error) = probed {
        if is_new {
            folder.remove_itself();
        }
        return Err(failed(error));
    }
    Ok((CaptureTarget::Folder(folder, path.clone()), is_new))
}
