//! The directory that holds key material: who may see it, and how files in it are replaced.

use std::fs::{DirBuilder, File, Metadata, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use zeroize::Zeroizing;

use crate::{Error, Result};

const DIRECTORY_MODE: u32 = 0o700;
const FILE_MODE: u32 = 0o600;
const LOCK_FILE: &str = ".lock";
/// Larger than any keyring; a file beyond it is not ours.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;
/// Generating an RSA key under the lock takes well under a second.
const LOCK_WAIT: Duration = Duration::from_secs(10);
const LOCK_POLL: Duration = Duration::from_millis(10);

/// A directory of ours that nobody else can look into.
#[derive(Debug, Clone)]
pub(crate) struct KeyDirectory {
    path: PathBuf,
}

/// Proof that this thread alone changes the directory. Released when dropped, and by the
/// operating system when the process dies.
pub(crate) struct DirectoryLock {
    _file: File,
}

/// What identifies one version of a file without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileVersion {
    inode: u64,
    length: u64,
    modified: (i64, i64),
    /// Moves also when the mode or the owner change, so that a repaired file is read again.
    changed: (i64, i64),
}

impl FileVersion {
    fn of(metadata: &Metadata) -> Self {
        Self {
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

impl KeyDirectory {
    /// Opens the directory, making it (0700) when it is not there.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(DIRECTORY_MODE);
        match path.symlink_metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                builder
                    .create(path)
                    .map_err(|source| failed("create", path, source))?;
                let parent = match path.parent() {
                    Some(parent) if parent != Path::new("") => parent,
                    _ => Path::new("."),
                };
                sync_directory(parent)?;
            }
            Err(source) => return Err(failed("examine", path, source)),
            Ok(_) => {}
        }
        let directory = Self {
            path: path.to_owned(),
        };
        directory.check()?;
        Ok(directory)
    }

    /// The path of a file in this directory.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Refuses a directory that is not private to this user.
    pub(crate) fn check(&self) -> Result<()> {
        let metadata = self
            .path
            .symlink_metadata()
            .map_err(|source| failed("examine", &self.path, source))?;
        if metadata.is_symlink() {
            return Err(Error::SymbolicLink {
                path: self.path.clone(),
                what: "directory",
            });
        }
        if !metadata.is_dir() {
            return Err(Error::WrongKind {
                path: self.path.clone(),
                what: "directory",
            });
        }
        check_private(&self.path, &metadata, DIRECTORY_MODE)
    }

    /// Waits for the directory's advisory lock.
    pub(crate) fn lock(&self) -> Result<DirectoryLock> {
        let path = self.file(LOCK_FILE);
        let file = open_private(OpenOptions::new().write(true).create(true), &path)?;
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(DirectoryLock { _file: file }),
                Err(TryLockError::WouldBlock) if started.elapsed() < LOCK_WAIT => {
                    std::thread::sleep(LOCK_POLL);
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Error::Locked {
                        path,
                        seconds: LOCK_WAIT.as_secs(),
                    });
                }
                Err(TryLockError::Error(source)) => return Err(failed("lock", &path, source)),
            }
        }
    }

    /// Reads a file; `None` when it is not there.
    pub(crate) fn read(&self, name: &str) -> Result<Option<(Zeroizing<Vec<u8>>, FileVersion)>> {
        let path = self.file(name);
        let file = match open_private(OpenOptions::new().read(true), &path) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                return Ok(None);
            }
            other => other?,
        };
        let metadata = file
            .metadata()
            .map_err(|source| failed("examine", &path, source))?;
        if metadata.len() > MAX_FILE_BYTES {
            return Err(Error::Damaged {
                path,
                problem: format!("{} bytes long", metadata.len()),
            });
        }
        let capacity = usize::try_from(metadata.len()).unwrap_or_default() + 1;
        let mut bytes = Zeroizing::new(Vec::with_capacity(capacity));
        file.take(MAX_FILE_BYTES)
            .read_to_end(&mut bytes)
            .map_err(|source| failed("read", &path, source))?;
        Ok(Some((bytes, FileVersion::of(&metadata))))
    }

    /// Replaces a file so that whoever looks, and whatever fails, sees the old content or the
    /// new, never a part: written aside, made durable, renamed over.
    pub(crate) fn replace(
        &self,
        lock: &DirectoryLock,
        name: &str,
        content: &[u8],
    ) -> Result<FileVersion> {
        let (file, staged) = self.stage(lock, name, content)?;
        let target = self.file(name);
        file.sync_all()
            .map_err(|source| failed("write", &staged, source))?;
        std::fs::rename(&staged, &target).map_err(|source| failed("replace", &target, source))?;
        sync_directory(&self.path)?;
        file.metadata()
            .map(|metadata| FileVersion::of(&metadata))
            .map_err(|source| failed("examine", &target, source))
    }

    /// The same for what need not survive a crash of the machine.
    pub(crate) fn swap(&self, lock: &DirectoryLock, name: &str, content: &[u8]) -> Result<()> {
        let (_, staged) = self.stage(lock, name, content)?;
        let target = self.file(name);
        std::fs::rename(&staged, &target).map_err(|source| failed("replace", &target, source))
    }

    /// Writes a file's next content aside.
    fn stage(&self, _lock: &DirectoryLock, name: &str, content: &[u8]) -> Result<(File, PathBuf)> {
        let staged = self.file(&staged_name(name));
        // What a crash left behind; nobody else can be writing it while we hold the lock.
        match std::fs::remove_file(&staged) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                return Err(failed("remove", &staged, source));
            }
            _ => {}
        }
        let mut file = open_private(OpenOptions::new().write(true).create_new(true), &staged)?;
        file.write_all(content)
            .map_err(|source| failed("write", &staged, source))?;
        Ok((file, staged))
    }

    /// The version of a file as it stands now; `None` when it is not there or not reachable.
    pub(crate) fn version(&self, name: &str) -> Option<FileVersion> {
        let metadata = self.file(name).symlink_metadata().ok()?;
        Some(FileVersion::of(&metadata))
    }
}

/// Where a file's next content is written before it takes the file's place.
pub(crate) fn staged_name(name: &str) -> String {
    format!(".{name}.new")
}

fn failed(action: &'static str, path: &Path, source: io::Error) -> Error {
    Error::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

fn sync_directory(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|source| failed("make durable", path, source))
}

/// Opens a regular file that only this user can reach, and follows no link to it.
fn open_private(options: &mut OpenOptions, path: &Path) -> Result<File> {
    // NONBLOCK so that a pipe put in the file's place cannot make the start hang.
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = options
        .mode(FILE_MODE)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or_default())
        .open(path)
        .map_err(|source| {
            if source.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
                Error::SymbolicLink {
                    path: path.to_owned(),
                    what: "file",
                }
            } else {
                failed("open", path, source)
            }
        })?;
    let metadata = file
        .metadata()
        .map_err(|source| failed("examine", path, source))?;
    if !metadata.is_file() {
        return Err(Error::WrongKind {
            path: path.to_owned(),
            what: "file",
        });
    }
    check_private(path, &metadata, FILE_MODE)?;
    Ok(file)
}

fn check_private(path: &Path, metadata: &Metadata, wanted: u32) -> Result<()> {
    let expected = rustix::process::geteuid().as_raw();
    if metadata.uid() != expected {
        return Err(Error::WrongOwner {
            path: path.to_owned(),
            found: metadata.uid(),
            expected,
        });
    }
    let found = metadata.mode() & 0o777;
    if found & !wanted != 0 {
        return Err(Error::TooWide {
            path: path.to_owned(),
            found,
            wanted,
        });
    }
    Ok(())
}
