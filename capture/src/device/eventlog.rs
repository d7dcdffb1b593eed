// SPDX-License-Identifier: BSD-2-Clause
//! `/dev/eventlog`: subscribes, and reads events.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use bblog_dissector::elog::RawEvent;
use bblog_pcapng::machine::Machine;
use nix::errno::Errno;

use crate::device::clock::Anchor;
use crate::device::kernel;
use crate::device::message::{Device, DeviceChunk, Message};
use crate::device::queue::Queue;
use crate::device::threads::StopRequest;
use crate::failure::{Failure, io_text};
use crate::log::Log;
use crate::os::ioctl::IoctlCommand;

/// The ioctl group.
const GROUP: u8 = b'E';
/// Bytes of one subscription.
const SUBSCRIPTION: usize = 44;
/// Bytes of a provider's name, its NUL included.
const NAME: usize = 32;
/// The most subscriptions whose size an ioctl number can hold.
pub const MAX_SUBSCRIPTIONS: usize = 185;
/// GET_STATS, GET_PROVIDERS: bytes of their answers.
const STATS: usize = 8;
const PROVIDERS: usize = 4 + 32 * 34;
/// The flag that requests the state of existing sessions.
const DUMP_STATE: u32 = 1;
/// Session events, which are always subscribed.
const SESSION: u32 = 0x8000_0000;
/// The buffer sizes per CPU that the kernel accepts.
pub const BUFFER_SIZES: std::ops::RangeInclusive<u64> = 65_536..=(1 << 30) - 1;

/// The part of the machine's memory that the kernel's buffers may take: one in so many.
pub const SHARE: u64 = 4;

/// After a read of nothing, which happens when no event is old enough.
const PAUSE: Duration = Duration::from_millis(100);
/// How often the number of dropped events is read from the kernel.
const ASK: Duration = Duration::from_secs(1);
/// How long a drain may take.
const DRAIN: Duration = Duration::from_secs(3);
/// How often in a row a read may fail before the device is given up.
const FAILURES: u32 = 10;

/// `PROVIDER[:LEVEL[:KEYWORDS]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The provider's name.
    pub provider: String,
    /// NONE 0 to TRACE 5.
    pub level: u32,
    /// Mask of keywords.
    pub keywords: u32,
}

impl FromStr for Subscription {
    type Err = String;

    fn from_str(text: &str) -> Result<Subscription, String> {
        let mut parts = text.splitn(3, ':');
        let provider = parts.next().unwrap_or_default();
        if provider.is_empty() || provider.len() >= NAME || provider.contains('\0') {
            return Err(format!("provider \"{provider}\", expected a name of 1 to {} bytes", NAME - 1));
        }
        let level = parts.next().filter(|level| !level.is_empty()).map_or(Ok(4), level)?;
        let keywords = parts.next().filter(|words| !words.is_empty());
        let keywords = keywords.map_or(Ok(u32::MAX), |words| self::keywords(provider, words))?;
        Ok(Subscription { provider: provider.to_owned(), level, keywords: keywords | SESSION })
    }
}

fn level(text: &str) -> Result<u32, String> {
    const LEVELS: [&str; 6] = ["NONE", "ERROR", "WARN", "INFO", "VERBOSE", "TRACE"];
    let named = LEVELS.iter().position(|name| name.eq_ignore_ascii_case(text));
    let number = text.parse().ok().filter(|&number: &usize| number < LEVELS.len());
    match named.or(number) {
        Some(level) => Ok(level as u32),
        None => Err(format!("level \"{text}\", expected 0 to 5 or one of {}", LEVELS.join(", "))),
    }
}

/// A mask, or names joined by `|`.
fn keywords(provider: &str, text: &str) -> Result<u32, String> {
    let hex = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    if let Some(mask) = hex.and_then(|hex| u32::from_str_radix(hex, 16).ok()) {
        return Ok(mask);
    }
    text.split('|').try_fold(0, |mask, word| {
        let known = known_keywords(provider);
        match known.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
            Some((_, one)) => Ok(mask | one),
            None => {
                let names: Vec<_> = known.iter().map(|(name, _)| *name).collect();
                let names = if names.is_empty() { String::new() } else { format!(" or {}", names.join("|")) };
                Err(format!("keyword \"{word}\", expected a mask like 0x1{names}"))
            }
        }
    })
}

/// The keywords of the providers that FreeBSD has.
fn known_keywords(provider: &str) -> &'static [(&'static str, u32)] {
    match provider {
        "tcp" => &[
            ("RX", 0x1),
            ("TX", 0x2),
            ("LOSS", 0x4),
            ("CC", 0x8),
            ("PACING", 0x10),
            ("TIMER", 0x20),
            ("APP", 0x40),
            ("CONN", 0x80),
            ("RTT", 0x100),
            ("SESSION", SESSION),
        ],
        "hpts" => &[
            ("INIT", 0x1),
            ("CONFIG", 0x2),
            ("STATE", 0x8),
            ("PERFORMANCE", 0x80),
            ("SCHEDULING", 0x10),
            ("SESSION", SESSION),
        ],
        "test" => &[("BASIC", 0x1), ("ADVANCED", 0x2), ("COMPLEX", 0x8), ("SESSION", SESSION)],
        _ => &[],
    }
}

/// What CREATE is given.
fn create_request(subscriptions: &[Subscription], buffer_size: u32, dump_state: bool) -> Vec<u8> {
    let mut request = Vec::with_capacity(8 + SUBSCRIPTION * subscriptions.len());
    request.extend_from_slice(&buffer_size.to_ne_bytes());
    request.extend_from_slice(&(subscriptions.len() as u32).to_ne_bytes());
    for subscription in subscriptions {
        let flags = if dump_state { DUMP_STATE } else { 0 };
        for word in [subscription.level, subscription.keywords, flags] {
            request.extend_from_slice(&word.to_ne_bytes());
        }
        let name = subscription.provider.as_bytes();
        let mut field = [0; NAME];
        let len = name.len().min(NAME - 1);
        field[..len].copy_from_slice(&name[..len]);
        request.extend_from_slice(&field);
    }
    request
}

/// The device, subscribed.
pub struct Eventlog {
    file: File,
    name: String,
    /// When it was subscribed.
    pub anchor: Anchor,
    /// The provider table, as it stands in ELOG files.
    pub table: Vec<u8>,
    /// Facts about the kernel.
    pub machine: Machine,
}

/// The subscription.
#[derive(Clone, Copy, Debug)]
pub struct SubscriptionRequest<'a> {
    /// The providers.
    pub subscriptions: &'a [Subscription],
    /// Bytes of each of the two buffers of each CPU.
    pub buffer_size: u32,
    /// Whether the state of existing sessions is requested.
    pub dump_state: bool,
    /// Whether a provider that is not registered is an error; otherwise the others are subscribed.
    pub strict: bool,
}

impl Eventlog {
    /// Opens `path` and subscribes.
    ///
    /// # Errors
    /// A [`Failure`].
    pub fn open(path: &Path, request: SubscriptionRequest<'_>, log: &Log) -> Result<Eventlog, Failure> {
        let name = path.display().to_string();
        let failed = |error: io::Error| Failure::new(&name, format_args!("subscribe: {}", io_text(&error)));
        let file = open_device(path)?;
        let file = match subscribe(&file, request.subscriptions, request.buffer_size, request.dump_state)? {
            Ok(()) => file,
            Err(error) if is_unregistered(&error) => {
                drop(file);
                let registered = registered(path, request, log)?;
                let file = open_device(path)?;
                subscribe(&file, &registered, request.buffer_size, request.dump_state)?.map_err(failed)?;
                file
            }
            Err(error) => return Err(failed(error)),
        };
        let anchor = Anchor::now();
        let mut answer = [0; PROVIDERS];
        let ask = IoctlCommand::writes(GROUP, 4, PROVIDERS);
        let asked = ask.map_or(Ok(()), |ask| ask.run(file.as_fd(), &mut answer));
        asked.map_err(|error| Failure::new(&name, format_args!("providers: {}", io_text(&error))))?;
        let count = answer.first_chunk().map_or(0, |&count| u32::from_ne_bytes(count)).min(32);
        let mut table = count.to_le_bytes().to_vec();
        table.extend_from_slice(&answer[4..4 + 34 * count as usize]);
        Ok(Eventlog { file, name, anchor, table, machine: kernel::machine() })
    }

    /// Its path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The descriptor, for the sandbox.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// The ioctls used once subscribed, for the sandbox.
    pub fn commands() -> Vec<u32> {
        IoctlCommand::writes(GROUP, 3, STATS).map(IoctlCommand::number).into_iter().collect()
    }

    /// Begins to read into `queue`.
    ///
    /// # Errors
    /// A [`Failure`] of the system.
    pub fn start(mut self, queue: Arc<Queue>, stop: Arc<StopRequest>) -> Result<(), Failure> {
        let named = thread::Builder::new().name("eventlog".into());
        let thread = named.spawn(move || {
            let result = self.run(&queue, &stop);
            if let Some(drops) = self.drops() {
                queue.push(Message::KernelDrops(drops));
            }
            // The kernel need not go on while files are finished.
            drop(self);
            queue.push(Message::Ended(Device::Eventlog, result));
        });
        thread.map(drop).map_err(|error| Failure::io("thread", error))
    }

    fn run(&mut self, queue: &Queue, stop: &StopRequest) -> Result<(), Failure> {
        let mut failures = 0;
        let mut asked = Instant::now();
        // What was logged until the stop is read; what comes after is not waited for.
        let mut drain: Option<(Instant, u64)> = None;
        let mut buffer = queue.buffer(Device::Eventlog);
        // Whether the last read filled its buffer.
        let mut was_full = false;
        loop {
            if stop.is_abort() {
                return Ok(());
            }
            if stop.is_set() && drain.is_none() {
                drain = Some((Instant::now() + DRAIN, Anchor::now().uptime));
            }
            if asked.elapsed() >= ASK {
                asked = Instant::now();
                if let Some(drops) = self.drops() {
                    queue.push(Message::KernelDrops(drops));
                }
            }
            let read = self.file.read(&mut buffer);
            if !matches!(read, Ok(1..)) && std::mem::take(&mut was_full) {
                queue.push(Message::Drained);
            }
            match read {
                Ok(0) if drain.is_some_and(|(until, _)| Instant::now() > until) => return Ok(()),
                Ok(0) => thread::sleep(PAUSE),
                Ok(len) => {
                    failures = 0;
                    let begin = first_time(&buffer[..len]);
                    let chunk = DeviceChunk::new(Device::Eventlog, buffer, len);
                    was_full = chunk.is_full();
                    queue.push(Message::Data(chunk));
                    buffer = queue.buffer(Device::Eventlog);
                    if let Some((until, time)) = drain
                        && (Instant::now() > until || begin.is_some_and(|begin| begin > time))
                    {
                        return Ok(());
                    }
                }
                Err(error) => match error.raw_os_error().map(Errno::from_raw) {
                    // A whole second without events: the read ended by itself.
                    Some(Errno::EAGAIN) if drain.is_some() => return Ok(()),
                    Some(Errno::EAGAIN | Errno::EINTR) => {}
                    _ if failures < FAILURES => {
                        failures += 1;
                        thread::sleep(PAUSE);
                    }
                    _ => return Err(Failure::io(&self.name, error)),
                },
            }
        }
    }

    fn drops(&self) -> Option<u64> {
        let mut answer = [0; STATS];
        let asked: io::Result<()> =
            IoctlCommand::writes(GROUP, 3, STATS)?.run(self.file.as_fd(), &mut answer);
        asked.is_ok().then(|| u64::from_ne_bytes(answer))
    }
}

fn open_device(path: &Path) -> Result<File, Failure> {
    let name = path.display();
    File::open(path).map_err(|error| match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::ENOENT) => {
            Failure::new(name, "no such device, expected a kernel with eventlog(9): see bblogd check")
        }
        Some(Errno::EPERM) => Failure::new(name, "not permitted; it cannot be opened in a jail"),
        _ => Failure::io(name, error),
    })
}

/// Subscribes by CREATE. The inner error is that of the ioctl.
fn subscribe(
    file: &File,
    subscriptions: &[Subscription],
    buffer_size: u32,
    dump_state: bool,
) -> Result<io::Result<()>, Failure> {
    let mut request = create_request(subscriptions, buffer_size, dump_state);
    let Some(create) = IoctlCommand::reads(GROUP, 1, request.len()) else {
        let found = subscriptions.len();
        let why = format!("{found} providers, expected at most {MAX_SUBSCRIPTIONS}");
        return Err(Failure::new("--eventlog", why));
    };
    Ok(create.run(file.as_fd(), &mut request))
}

fn is_unregistered(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::ENOENT)
}

/// The subscriptions whose providers are registered: CREATE says only that one of them is not. Each
/// is tried by itself, with the smallest buffer, on a descriptor that is closed at once.
fn registered(
    path: &Path,
    request: SubscriptionRequest<'_>,
    log: &Log,
) -> Result<Vec<Subscription>, Failure> {
    let (mut registered, mut unknown) = (Vec::new(), Vec::new());
    for one in request.subscriptions {
        let tried =
            subscribe(&open_device(path)?, std::slice::from_ref(one), *BUFFER_SIZES.start() as u32, false)?;
        match tried {
            Err(error) if is_unregistered(&error) => unknown.push(one.provider.as_str()),
            // Another error comes again when all are subscribed.
            _ => registered.push(one.clone()),
        }
    }
    let what = if unknown.len() == 1 { "no provider" } else { "no providers" };
    let unknown = unknown.join(", ");
    if request.strict || registered.is_empty() {
        let why = format!("{what} {unknown}, expected registered ones");
        return Err(Failure::new(path.display(), why));
    }
    log.warning(format_args!("{}: {what} {unknown}: the others are subscribed", path.display()));
    Ok(registered)
}

/// Whether the machine has memory for the kernel's buffers: two of `buffer_size` bytes for each of
/// `cpus` CPUs, at most one part in [`SHARE`] of `memory` bytes. CREATE with more than the kernel can
/// get never returns.
///
/// # Errors
/// The largest `--buffer-size` that is possible.
pub fn check_memory(buffer_size: u64, cpus: u64, memory: u64) -> Result<(), u64> {
    let possible = memory / SHARE / cpus.max(1) / 2;
    if buffer_size <= possible { Ok(()) } else { Err(possible) }
}

fn first_time(events: &[u8]) -> Option<u64> {
    RawEvent::split(events).ok()?.map(|(event, _)| event.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions() {
        let parse = |text: &str| text.parse::<Subscription>();
        let one =
            |provider: &str, level, keywords| Subscription { provider: provider.into(), level, keywords };
        assert_eq!(parse("tcp"), Ok(one("tcp", 4, u32::MAX)));
        assert_eq!(parse("tcp:info"), Ok(one("tcp", 3, u32::MAX)));
        assert_eq!(parse("tcp:5:0x3"), Ok(one("tcp", 5, 0x8000_0003)));
        assert_eq!(parse("tcp::rx|Tx"), Ok(one("tcp", 4, 0x8000_0003)));
        for wrong in ["", ":3", "tcp:6", "tcp:x", "tcp:3:nothing", "other:3:RX", &"x".repeat(32)] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn memory() {
        // 2 CPUs, 4 GB: two buffers for each may be 256 MB together.
        assert_eq!(check_memory(512 << 10, 2, 4 << 30), Ok(()));
        assert_eq!(check_memory(256 << 20, 2, 4 << 30), Ok(()));
        assert_eq!(check_memory((256 << 20) + 1, 2, 4 << 30), Err(256 << 20));
        assert_eq!(check_memory(65_536, 0, 0), Err(0));
    }

    #[test]
    fn the_request() {
        let request = create_request(&["hpts:3:0x1".parse().unwrap()], 524_288, true);
        assert_eq!(request.len(), 52);
        assert_eq!(request[..8], [0, 0, 8, 0, 1, 0, 0, 0]);
        assert_eq!(request[8..20], [3, 0, 0, 0, 1, 0, 0, 0x80, 1, 0, 0, 0]);
        assert_eq!(&request[20..25], b"hpts\0");
    }
}
