// SPDX-License-Identifier: BSD-2-Clause
//! Where a result goes: a file that appears when it is complete, standard output, or a device.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::error::{OutputError, WriteError};
use crate::interrupt::Unfinished;
use crate::write_behind::WriteBehind;

/// Bytes given to the system at once.
const CHUNK: usize = 256 * 1024;

/// An output being written. Dropped without [`Output::commit`], a file leaves nothing behind.
pub struct Output {
    /// As the user named it.
    name: PathBuf,
    target: Target,
}

enum Target {
    /// Standard output, a device, a FIFO: what cannot be replaced by a file.
    Direct(BufWriter<File>),
    /// A file beside the place where it goes.
    File { part: WriteBehind<Part>, place: PathBuf, overwrite: bool },
}

/// A file that has not its name yet.
struct Part {
    temporary: NamedTempFile,
    unfinished: Unfinished,
}

impl Output {
    /// Opens the path `path`, or standard output if it is `-`.
    ///
    /// # Errors
    /// [`OutputError`]: the file exists and `overwrite` is not set, or the system refuses.
    pub fn create(path: &Path, overwrite: bool) -> Result<Output, OutputError> {
        let target = if path == Path::new("-") {
            // Not io::stdout(), which looks for line ends in what it is given.
            let stdout = io::stdout().as_fd().try_clone_to_owned();
            Target::direct(stdout.map_err(|error| Output::error(path, error.into()))?.into())
        } else {
            Target::open(path, overwrite)?
        };
        Ok(Output { name: path.to_owned(), target })
    }

    /// Finds out whether [`Output::create`] would refuse to replace a file.
    ///
    /// # Errors
    /// [`OutputError::Exists`].
    pub fn check(path: &Path, overwrite: bool) -> Result<(), OutputError> {
        let is_file = || fs::metadata(path).is_ok_and(|there| there.is_file());
        if overwrite || path == Path::new("-") || !is_file() {
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
        let Output { name, target } = self;
        let failed = |error: io::Error| Output::error(&name, WriteError::Io(error));
        let (part, place, overwrite) = match target {
            Target::Direct(mut file) => return file.flush().map_err(failed),
            Target::File { part, place, overwrite } => (part, place, overwrite),
        };
        let Part { temporary, unfinished } = part.into_inner().map_err(failed)?;
        let placed = unfinished.finish(|| match overwrite {
            true => temporary.persist(&place),
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

impl Target {
    fn direct(file: File) -> Target {
        Target::Direct(BufWriter::with_capacity(CHUNK, file))
    }

    fn open(path: &Path, overwrite: bool) -> Result<Target, OutputError> {
        let failed = |error| Output::error(path, WriteError::Io(error));
        let mut place = path.to_owned();
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => return Err(failed(io::ErrorKind::IsADirectory.into())),
            Ok(there) if !there.is_file() => {
                return OpenOptions::new().write(true).open(path).map(Target::direct).map_err(failed);
            }
            Ok(_) if !overwrite => return Err(OutputError::Exists { path: path.to_owned() }),
            // A symbolic link stays one: its target is replaced.
            Ok(_) => place = fs::canonicalize(path).map_err(failed)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed(error)),
        }
        let folder = match place.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let (temporary, unfinished) = part(folder).map_err(failed)?;
        let part = WriteBehind::new(Part { temporary, unfinished });
        Ok(Target::File { part, place, overwrite })
    }
}

/// A new file in `folder` that goes away unless it is given a name, however the program ends.
///
/// # Errors
/// The system's.
pub(crate) fn part(folder: &Path) -> io::Result<(NamedTempFile, Unfinished)> {
    // Opened here and not by tempfile, whose files are private: this one gets the permissions of
    // any new file, and the errors are the system's.
    let open = |path: &Path| OpenOptions::new().write(true).create_new(true).open(path);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".bblog-").suffix(".part");
    Unfinished::new(|| builder.make_in(folder, open), NamedTempFile::path)
}

impl Write for Output {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.target {
            Target::Direct(file) => file.write(bytes),
            Target::File { part, .. } => part.write(bytes),
        }
    }

    #[inline]
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.target {
            Target::Direct(file) => file.write_all(bytes),
            Target::File { part, .. } => part.write_all(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.target {
            Target::Direct(file) => file.flush(),
            Target::File { part, .. } => part.flush(),
        }
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.temporary.as_file_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.temporary.as_file_mut().flush()
    }
}
