//! The one file of SQLite: whether the log beside it is its own, and whether it still is where it
//! was opened.
//!
//! SQLite replays whatever log lies beside a file, also one that a crash left there and that
//! belongs to another file than the backup which was put in its place. So page 1 carries a *mark*,
//! a random number in the header field that SQLite leaves to applications (`user_version`). A new
//! mark is made each time the log is written back into the file, and is repeated as the first
//! thing in the log that follows. A log that belongs to the file therefore has, among its versions
//! of page 1, the one that is in the file; with it goes the number of the schema (`schema_version`),
//! which is another in copies that SQLite made.

mod links;

pub(crate) use links::resolve;

use crate::{Result, StoreError};
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::mem::ManuallyDrop;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Bytes of the header of a database (sqlite.org/fileformat.html §1.3).
const HEADER: usize = 100;
/// Bytes of the header of a write-ahead log, and of each frame in it (§4.1).
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// What a rollback journal begins with (§3).
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
const JOURNAL_HEADER: usize = 28;

/// How often file and log are looked at before they count as strangers.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What tells one state of page 1 from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    mark: u32,
    schema: u32,
}

impl Mark {
    fn of(page: &[u8; HEADER]) -> Self {
        Self {
            mark: number(page, 60),
            schema: number(page, 40),
        }
    }
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(number)
}

/// Which file it is, and when it was last written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    place: (u64, u64),
    length: u64,
    written: (i64, i64),
}

impl Version {
    fn of(metadata: &Metadata) -> Self {
        Self {
            place: (metadata.dev(), metadata.ino()),
            length: metadata.len(),
            written: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// A database file that is in use.
pub(crate) struct DatabaseFile {
    /// As it was given, perhaps over links.
    given: PathBuf,
    /// Where it lies, with the log beside it.
    path: PathBuf,
    /// Never closed while the process runs: that would take the locks away which SQLite has on
    /// the same file (sqlite.org/howtocorrupt.html §2.2).
    file: ManuallyDrop<File>,
    /// Whether only the log is written between two checkpoints.
    wal: bool,
    seen: Mutex<Seen>,
    away: AtomicBool,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    version: Version,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Present,
    Removed,
    Replaced,
    /// Written by somebody who does not know the log: looked at once more before it is believed.
    Doubtful,
    Overwritten,
}

impl State {
    fn is_away(self) -> bool {
        !matches!(self, Self::Present | Self::Doubtful)
    }
}

impl DatabaseFile {
    /// Opens the file that `given` leads to, which is at `path`, and makes sure that the log
    /// beside it is its own. `None` when it is not there and `make` does not ask for it to be made.
    ///
    /// # Errors
    /// When it cannot be opened or made, and when the log is another file's.
    pub fn open((given, path): (&Path, &Path), wal: bool, make: bool) -> Result<Option<Self>> {
        let failed = |error: io::Error| StoreError::Open(format!("{}: {error}", path.display()));
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if log_marks(path).map_err(failed)?.is_some() {
                    return Err(StoreError::Open(missing_words(path)));
                }
                if !make {
                    return Ok(None);
                }
                create(path).map_err(failed)?
            }
            Err(error) => return Err(failed(error)),
        };
        let version = Version::of(&file.metadata().map_err(failed)?);
        let own = Self {
            given: given.to_owned(),
            path: path.to_owned(),
            file: ManuallyDrop::new(file),
            wal,
            seen: Mutex::new(Seen {
                version,
                state: State::Present,
            }),
            away: AtomicBool::new(false),
        };
        for _ in 0..LOOKS {
            if own.log_is_own().map_err(failed)? && own.journal_is_own().map_err(failed)? {
                return Ok(Some(own));
            }
            // Another process may have written the log into the file between the two looks.
            std::thread::sleep(BETWEEN_LOOKS);
        }
        Err(StoreError::Open(foreign_words(path)))
    }

    /// Whether the log beside it begins with a mark, so that it can be told from others.
    pub fn log_is_marked(&self) -> bool {
        let first = log_marks(&self.path)
            .ok()
            .flatten()
            .and_then(|marks| marks.first().copied());
        first.is_some_and(|first| first.mark != 0)
    }

    /// Whether there is a write-ahead log beside it.
    pub fn has_log(&self) -> bool {
        self.wal
    }

    /// Bytes of the log beside it.
    pub fn log_length(&self) -> u64 {
        std::fs::metadata(beside(&self.path, "-wal")).map_or(0, |metadata| metadata.len())
    }

    fn header(&self) -> io::Result<Option<[u8; HEADER]>> {
        let mut header = [0; HEADER];
        Ok(read_at(&self.file, &mut header, 0)?.then_some(header))
    }

    fn log_is_own(&self) -> io::Result<bool> {
        let Some(marks) = log_marks(&self.path)? else {
            return Ok(true);
        };
        let Some(header) = self.header()? else {
            return Ok(false);
        };
        let file = Mark::of(&header);
        // Before there were marks, and in what little another program may have written without.
        let unmarked = marks
            .first()
            .is_none_or(|first| first.mark == 0 && file.mark == 0);
        Ok(unmarked || marks.contains(&file))
    }

    /// Without a write-ahead log, a crash leaves the pages as they were before. Each transaction
    /// counts up a number on page 1, so this is the number in the file or the one before.
    fn journal_is_own(&self) -> io::Result<bool> {
        let Some(before) = journal_page_one(&beside(&self.path, "-journal"))? else {
            return Ok(true);
        };
        let Some(now) = self.header()? else {
            return Ok(false);
        };
        let [now, before] = [now, before].map(|header| number(&header, 24));
        Ok(now.wrapping_sub(before) <= 1)
    }

    /// Whether the file that was opened is the one at its path.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it was removed, replaced or overwritten.
    pub fn present(&self) -> Result<()> {
        if !self.away.load(Ordering::SeqCst) {
            return Ok(());
        }
        let what = match self.seen().state {
            State::Replaced => "replaced",
            State::Overwritten => "written over",
            State::Present | State::Doubtful | State::Removed => "removed",
        };
        Err(StoreError::Unavailable(format!("its file was {what}")))
    }

    /// Whether somebody wrote over it. Then the log must not be written into it.
    pub fn is_overwritten(&self) -> bool {
        matches!(self.seen().state, State::Doubtful | State::Overwritten)
    }

    /// Remembers that this process has written to it.
    pub fn wrote(&self) {
        if let Ok(metadata) = self.file.metadata() {
            self.seen_mut().version = Version::of(&metadata);
        }
    }

    /// Looks whether it is still there. What has changed is logged, once.
    pub fn look(&self) {
        let mut seen = self.seen_mut();
        let now = std::fs::metadata(&self.given).map(|metadata| Version::of(&metadata));
        let state = match (now, seen.state) {
            // What SQLite has read of it may be of the one file or the other.
            (_, State::Overwritten) => return,
            (Err(error), before) if error.kind() != ErrorKind::NotFound => before,
            (Err(_), _) => State::Removed,
            (Ok(now), _) if now.place != seen.version.place => State::Replaced,
            (Ok(now), before) if self.wal && (now != seen.version || before == State::Doubtful) => {
                match (self.log_is_own(), before) {
                    (Ok(false), State::Doubtful) => State::Overwritten,
                    (Ok(false), _) => State::Doubtful,
                    (Ok(true), _) => {
                        seen.version = now;
                        State::Present
                    }
                    (Err(_), _) => before,
                }
            }
            (Ok(_), _) => State::Present,
        };
        let before = std::mem::replace(&mut seen.state, state);
        self.away.store(state.is_away(), Ordering::SeqCst);
        if state.is_away() && before != state {
            tracing::error!(
                "{}; nothing is read or written until then",
                self.words(state)
            );
        } else if before.is_away() && !state.is_away() {
            tracing::info!(path = %self.path.display(), "the database file is back");
        }
    }

    fn words(&self, state: State) -> String {
        let path = self.path.display();
        match state {
            State::Replaced => format!(
                "the database file {path} was replaced by another while it was in use: put the old one back, or restart the server to use the new one"
            ),
            State::Overwritten => format!(
                "the database file {path} was written over while it was in use: stop the server, put a whole copy in place, move {path}-wal and {path}-shm away, and start it again"
            ),
            State::Present | State::Doubtful | State::Removed => format!(
                "the database file {path} was removed while it was in use: put it back, or restart the server to begin with a new one"
            ),
        }
    }

    fn seen(&self) -> Seen {
        *self.seen_mut()
    }

    fn seen_mut(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the folder of `path`.
pub(crate) fn create_folder(path: &Path) -> Result<()> {
    let Some(folder) = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
    else {
        return Ok(());
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(|error| StoreError::Open(format!("{}: {error}", folder.display())))
}

/// Makes the file that SQLite then opens, readable by its owner alone. The files that SQLite puts
/// beside it get the same mode.
fn create(path: &Path) -> io::Result<File> {
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.mode(0o600).open(path)
}

/// The path of a file that SQLite keeps beside `path`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn foreign_words(path: &Path) -> String {
    let name = path.display();
    format!(
        "{name} and the log beside it, {name}-wal, do not belong together, and SQLite would damage the one with the other. \
         If a backup was put in place, move {name}-wal and {name}-shm (or {name}-journal) away and start again: the log holds what was written after the backup to the file that was there before. \
         If that file is still somewhere, put it back instead"
    )
}

fn missing_words(path: &Path) -> String {
    let name = path.display();
    format!(
        "{name} is missing, but the log of it, {name}-wal, is there and holds what was written last. \
         Put the file back; or, to begin with a new one, move {name}-wal and {name}-shm away"
    )
}

/// The versions of page 1 in the log of `database`, oldest first. `None` when there is no log, or
/// nothing in it that SQLite would replay.
fn log_marks(database: &Path) -> io::Result<Option<Vec<Mark>>> {
    let Some(log) = open_if_there(&beside(database, "-wal"))? else {
        return Ok(None);
    };
    let mut header = [0; LOG_HEADER];
    if !read_at(&log, &mut header, 0)? {
        return Ok(None);
    }
    let page = match number(&header, 8) {
        1 => 65536,
        bytes => u64::from(bytes),
    };
    let mut at = LOG_HEADER as u64;
    let (mut marks, mut committed) = (Vec::new(), false);
    let mut frame = [0; FRAME_HEADER];
    // What follows with another salt is left from before.
    while read_at(&log, &mut frame, at)? && frame[8..16] == header[16..24] {
        committed |= number(&frame, 4) != 0;
        let mut content = [0; HEADER];
        if number(&frame, 0) == 1 && read_at(&log, &mut content, at + FRAME_HEADER as u64)? {
            marks.push(Mark::of(&content));
        }
        at += FRAME_HEADER as u64 + page;
    }
    Ok(committed.then_some(marks))
}

/// Page 1 as it was before the transaction whose rollback journal this is. `None` when there is
/// nothing to roll back on that page.
fn journal_page_one(journal: &Path) -> io::Result<Option<[u8; HEADER]>> {
    let Some(journal) = open_if_there(journal)? else {
        return Ok(None);
    };
    let mut header = [0; JOURNAL_HEADER];
    if !read_at(&journal, &mut header, 0)? || header[..8] != JOURNAL_MAGIC {
        return Ok(None);
    }
    let [sector, page] = [20, 24].map(|at| u64::from(number(&header, at)));
    let (mut at, mut name) = (sector, [0; 4]);
    while page != 0 && read_at(&journal, &mut name, at)? {
        let mut content = [0; HEADER];
        if u32::from_be_bytes(name) == 1 && read_at(&journal, &mut content, at + 4)? {
            return Ok(Some(content));
        }
        at += 4 + page + 4;
    }
    Ok(None)
}

fn open_if_there(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Fills `bytes`; `false` when the file ends before.
fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<bool> {
    match file.read_exact_at(bytes, at) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
