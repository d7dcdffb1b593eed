// SPDX-License-Identifier: BSD-2-Clause
//! The output of a command: a file that appears when it is complete, standard output, or a device.

pub mod attributes;
pub mod error;
mod reserve;
mod screen;
pub mod unfinished;
mod write_behind;

use std::fs::{self, File, OpenOptions};
use std::io::{self, IsTerminal, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use bblog_pcapng::WriteError;
use tempfile::NamedTempFile;

use self::error::OutputError;
use self::reserve::Reserve;
use self::screen::CleanTerminal;
use self::unfinished::{UnfinishedFiles, UnfinishedGuard};
use self::write_behind::WriteBehind;
use crate::buffered_sink::BufferedSink;

/// Where a result goes, as a user names it.
pub struct Destination {
    /// The path; `-` is standard output.
    pub path: PathBuf,
    /// Whether a file of that name may be replaced.
    pub overwrite: bool,
    /// Takes the file while it is written.
    pub unfinished: UnfinishedFiles,
}

/// An output being written. Dropped without [`Output::commit`], a file leaves nothing behind.
pub struct Output {
    /// As the user named it.
    name: PathBuf,
    target: WriteBehind<OutputTarget>,
    /// Another program may read what is written while more is written.
    is_direct: bool,
}

enum OutputTarget {
    /// Standard output, a device, a FIFO: what cannot be replaced by a file.
    Direct(File),
    /// A terminal, or a pager in front of one.
    Screen(CleanTerminal),
    /// A file beside the place where it goes.
    File {
        temporary: NamedTempFile,
        reserve: Reserve,
        unfinished: UnfinishedGuard,
        place: PathBuf,
        overwrite: bool,
    },
}

impl Output {
    /// Opens the destination.
    ///
    /// # Errors
    /// [`OutputError`]: the file exists and may not be replaced, or the system refuses.
    pub fn create(destination: &Destination) -> Result<Output, OutputError> {
        if destination.path == Path::new("-") {
            return Output::stdout();
        }
        Ok(Output::new(destination.path.clone(), OutputTarget::open(destination)?))
    }

    /// Standard output, for bytes.
    ///
    /// # Errors
    /// [`OutputError`]: it is a terminal, or the system refuses.
    fn stdout() -> Result<Output, OutputError> {
        let name = Path::new("-");
        let target = OutputTarget::direct(stdout()?).map_err(|error| Output::error(name, error.into()))?;
        Ok(Output::new(name.to_owned(), target))
    }

    /// Standard output, for text. If it is a terminal, characters that control it are escaped, except for colours
    /// `with_colours`.
    ///
    /// # Errors
    /// [`OutputError`]: the system refuses.
    pub fn text(with_colours: bool) -> Result<Output, OutputError> {
        let file = stdout()?;
        let target = match file.is_terminal() {
            true => OutputTarget::Screen(CleanTerminal::new(file, with_colours)),
            false => OutputTarget::Direct(file),
        };
        Ok(Output::new("-".into(), target))
    }

    /// The pipe to a pager on a terminal, for text as in [`Output::text`]. Messages call it standard output.
    pub fn pager(pipe: impl Into<OwnedFd>, with_colours: bool) -> Output {
        Output::new(
            "-".into(),
            OutputTarget::Screen(CleanTerminal::new(File::from(pipe.into()), with_colours)),
        )
    }

    fn new(name: PathBuf, target: OutputTarget) -> Output {
        let is_direct = !matches!(target, OutputTarget::File { .. });
        Output { name, target: WriteBehind::new(target), is_direct }
    }

    /// Finds out whether [`Output::create`] would refuse to replace a file.
    ///
    /// # Errors
    /// [`OutputError::Exists`].
    pub fn check(destination: &Destination) -> Result<(), OutputError> {
        let Destination { path, overwrite, .. } = destination;
        let is_file = || fs::metadata(path).is_ok_and(|there| there.is_file());
        if *overwrite || path == Path::new("-") || !is_file() {
            return Ok(());
        }
        Err(OutputError::Exists { path: path.to_owned() })
    }

    /// The error of a write to this output, with its name.
    pub fn error(name: &Path, source: WriteError) -> OutputError {
        let name = if name == Path::new("-") { "standard output".into() } else { name.to_owned() };
        OutputError::Write { path: name, source }
    }

    /// Completes the output: what is buffered is written, and a file takes its place.
    ///
    /// # Errors
    /// [`OutputError`]; then there is no new file.
    pub fn commit(self) -> Result<(), OutputError> {
        let Output { name, target, .. } = self;
        let failed = |error: io::Error| Output::error(&name, WriteError::Io(error));
        let target = target.into_inner().map_err(failed)?;
        let OutputTarget::File { temporary, reserve, unfinished, place, overwrite } = target else {
            return Ok(());
        };
        reserve.give_back(temporary.as_file()).map_err(failed)?;
        let placed = unfinished.finish(|| match overwrite {
            true => {
                attributes::keep(&place, temporary.path());
                temporary.persist(&place)
            }
            false => temporary.persist_noclobber(&place),
        });
        match placed {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                Err(OutputError::Exists { path: name })
            }
            Err(error) => Err(failed(error.error)),
        }
    }
}

impl OutputTarget {
    /// What takes bytes as they are. A terminal would obey what ids and names in them say.
    fn direct(file: File) -> io::Result<OutputTarget> {
        if file.is_terminal() {
            let why = "is a terminal, expected a file or a pipe";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why));
        }
        Ok(OutputTarget::Direct(file))
    }

    fn open(destination: &Destination) -> Result<OutputTarget, OutputError> {
        let (path, overwrite) = (destination.path.as_path(), destination.overwrite);
        let failed = |error| Output::error(path, WriteError::Io(error));
        let (mut place, mut reserve) = (path.to_owned(), Reserve::default());
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => return Err(failed(io::ErrorKind::IsADirectory.into())),
            Ok(there) if !there.is_file() => {
                let opened = OpenOptions::new().write(true).open(path);
                return opened.and_then(OutputTarget::direct).map_err(failed);
            }
            Ok(_) if !overwrite => return Err(OutputError::Exists { path: path.to_owned() }),
            // A symbolic link stays one: its target is replaced.
            Ok(_) => (place, reserve) = (fs::canonicalize(path).map_err(failed)?, Reserve::none()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let folder = match place.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let (temporary, unfinished) = part(folder, &destination.unfinished).map_err(failed)?;
        Ok(OutputTarget::File { temporary, reserve, unfinished, place, overwrite })
    }
}

/// Standard output. Not io::stdout(), which looks for line ends in what it is given.
fn stdout() -> Result<File, OutputError> {
    let stdout = io::stdout().as_fd().try_clone_to_owned();
    stdout.map(File::from).map_err(|error| Output::error(Path::new("-"), error.into()))
}

/// A new file in `folder` that goes away unless it is given a name, however the program ends; it is
/// one of `unfinished`.
///
/// # Errors
/// The system's.
pub(crate) fn part(
    folder: &Path,
    unfinished: &UnfinishedFiles,
) -> io::Result<(NamedTempFile, UnfinishedGuard)> {
    // Opened here and not by tempfile, whose files are private: this one gets the permissions of
    // any new file, and the errors are the system's.
    let open = |path: &Path| OpenOptions::new().write(true).create_new(true).open(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".bblog-").suffix(".part");
    unfinished.make(|| builder.make_in(folder, open), NamedTempFile::path)
}

impl BufferedSink for Output {
    #[inline]
    fn buffer(&mut self) -> io::Result<&mut Vec<u8>> {
        Ok(self.target.buffer())
    }

    #[inline]
    fn appended(&mut self) -> io::Result<()> {
        self.target.appended()
    }

    fn write_out(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.target.write_through(bytes)?;
        bytes.clear();
        Ok(())
    }

    /// A file appears when it is complete, so no reader waits for a part of it.
    fn show(&mut self) -> io::Result<()> {
        if self.is_direct && !self.target.buffer().is_empty() { self.target.flush() } else { Ok(()) }
    }
}

impl Write for Output {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.target.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.target.flush()
    }
}

impl Write for OutputTarget {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            OutputTarget::Direct(file) => file.write(bytes),
            OutputTarget::Screen(screen) => screen.write(bytes),
            OutputTarget::File { temporary, reserve, .. } => {
                let file = temporary.as_file_mut();
                let written = file.write(bytes)?;
                reserve.written(file, written);
                Ok(written)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            OutputTarget::Direct(file) => file.flush(),
            OutputTarget::Screen(screen) => screen.flush(),
            OutputTarget::File { temporary, .. } => temporary.as_file_mut().flush(),
        }
    }
}
