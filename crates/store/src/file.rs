//! The one file of SQLite: whether the log beside it is its own, and whether it still is where it
//! was opened.
//!
//! SQLite replays whatever log lies beside a file, also one that a crash left there and that
//! belongs to another file than the backup which was put in its place. So page 1 carries a *mark*,
//! a random number in the header field that SQLite leaves to applications (`user_version`). A new
//! mark is made each time the log is written back into the file, and is repeated as the first
//! thing in the log that follows. A log that belongs to the file therefore has, among its versions
//! of page 1, the one that is in the file; with it go the number of the schema (`schema_version`)
//! and the change counter, which are others in copies that SQLite made.
//!
//! Another program may write the log back and begin a new one without repeating anything. Whoever
//! saw the old log and the file together can tell that from a file that was written over: the log
//! has begun anew, and its first page 1 is what follows on the one in the file. A mark is then
//! made at once. A process that starts has seen nothing, and does not guess.

mod links;
mod log;
mod words;

pub(crate) use links::resolve;
pub(crate) use log::beside;
pub(crate) use words::{damaged, unopened};

use crate::{Result, StoreError};
use log::{HEADER, Log, LogName, Mark, change_counter, journal_page_one, read_at};
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::mem::ManuallyDrop;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How often file and log are looked at before they count as strangers.
const LOOKS: u32 = 20;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// What SQLite keeps beside a file that is in use.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Which file it is, whatever its name: device and inode.
type Place = (u64, u64);

fn place(metadata: &Metadata) -> Place {
    (metadata.dev(), metadata.ino())
}

/// Which file it is, and when it was last written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version {
    place: Place,
    length: u64,
    written: (i64, i64),
}

impl Version {
    fn of(metadata: &Metadata) -> Self {
        Self {
            place: place(metadata),
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
    /// What the two were when last they belonged together; `None` before the first look.
    pair: Option<Pair>,
    /// The log and its index. SQLite makes them when it opens the file, and they stay the same
    /// ones until the last process has closed it.
    beside: [Option<Place>; BESIDE.len()],
    /// Whether that log cannot be told from others at the next start.
    unmarked: bool,
    state: State,
}

/// A file and the log that is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pair {
    mark: u32,
    log: LogName,
}

/// Whether the log is the one of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Belongs {
    /// As anyone can see.
    Marked,
    /// There is nothing in it that says otherwise.
    Unmarked,
    Not,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Present,
    Removed,
    Replaced,
    /// Written by somebody who does not know the log: looked at once more before it is believed.
    Doubtful,
    Overwritten,
    /// The log, or the index of it, is not there.
    LogRemoved,
    LogReplaced,
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
                if Log::of(path).map_err(failed)?.is_some() {
                    return Err(StoreError::Open(words::missing(path)));
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
                pair: None,
                beside: [None; BESIDE.len()],
                unmarked: false,
                state: State::Present,
            }),
            away: AtomicBool::new(false),
        };
        for _ in 0..LOOKS {
            let belongs = own.log_belongs(None).map_err(failed)?;
            if belongs != Belongs::Not && own.journal_is_own().map_err(failed)? {
                return Ok(Some(own));
            }
            // Another process may have written the log into the file between the two looks.
            std::thread::sleep(BETWEEN_LOOKS);
        }
        Err(StoreError::Open(words::foreign(path)))
    }

    /// Whether the log beside it begins with a mark, so that it can be told from others.
    pub fn log_is_marked(&self) -> bool {
        let log = Log::of(&self.path).ok().flatten();
        log.is_some_and(|log| log.marks.first().is_some_and(|first| first.mark != 0))
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

    /// Whether the log is the one of the file, to one who has seen `before`.
    fn log_belongs(&self, before: Option<Pair>) -> io::Result<Belongs> {
        let Some(log) = Log::of(&self.path)? else {
            return Ok(Belongs::Unmarked);
        };
        let Some(header) = self.header()? else {
            return Ok(Belongs::Not);
        };
        let file = Mark::of(&header);
        // Whoever knows of marks makes another before beginning a log.
        let begun_by_others =
            before.is_some_and(|pair| pair.log != log.name && pair.mark == file.mark);
        Ok(match log.marks.first() {
            // Before there were marks, and in what little another program may have written without.
            None => Belongs::Unmarked,
            Some(first) if first.mark == 0 && file.mark == 0 => Belongs::Unmarked,
            Some(first) if first.repeats(&file) || log.marks.iter().any(|mark| mark.is(&file)) => {
                match begun_by_others {
                    true => Belongs::Unmarked,
                    false => Belongs::Marked,
                }
            }
            Some(first) if begun_by_others && first.alters(&file) => Belongs::Unmarked,
            Some(_) => Belongs::Not,
        })
    }

    fn pair(&self) -> io::Result<Pair> {
        let header = self.header()?;
        Ok(Pair {
            mark: header.map_or(0, |header| Mark::of(&header).mark),
            log: Log::name_of(&self.path)?,
        })
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
        let [now, before] = [now, before].map(|header| change_counter(&header));
        Ok(now.wrapping_sub(before) <= 1)
    }

    /// Whether the file that was opened is the one at its path.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it or its log was removed or replaced, or it was overwritten.
    pub fn present(&self) -> Result<()> {
        if !self.away.load(Ordering::SeqCst) {
            return Ok(());
        }
        let what = match self.seen().state {
            State::Replaced => "file was replaced",
            State::Overwritten => "file was written over",
            State::LogRemoved => "log was removed",
            State::LogReplaced => "log was replaced",
            State::Present | State::Doubtful | State::Removed => "file was removed",
        };
        Err(StoreError::Unavailable(format!("its {what}")))
    }

    /// Whether somebody wrote over it, or began another log for it. Then the log that this process
    /// has must not be written into it.
    pub fn is_overwritten(&self) -> bool {
        matches!(
            self.seen().state,
            State::Doubtful | State::Overwritten | State::LogReplaced
        )
    }

    /// Whether the log must get a mark, to be told from others at the next start.
    pub fn needs_mark(&self) -> bool {
        self.seen().unmarked
    }

    /// Remembers that this process has written to it, and whether the log has its mark.
    pub fn wrote(&self, marked: bool) {
        let mut seen = self.seen_mut();
        seen.unmarked &= !marked;
        if let Ok(metadata) = self.file.metadata() {
            seen.version = Version::of(&metadata);
        }
        if let Ok(pair) = self.pair() {
            seen.pair = Some(pair);
        }
    }

    /// Whether a file that was written over and its log belong together again.
    pub fn belongs_again(&self) -> bool {
        let seen = self.seen();
        seen.state == State::Overwritten
            && self
                .version()
                .is_ok_and(|now| now.place == seen.version.place)
            && matches!(
                self.log_belongs(seen.pair),
                Ok(Belongs::Marked | Belongs::Unmarked)
            )
    }

    /// Takes a file that was written over for the one that was opened. Nothing that was read of
    /// it meanwhile is in memory any more.
    pub fn take_back(&self) {
        let mut seen = self.seen_mut();
        if seen.state == State::Overwritten {
            seen.state = State::Doubtful;
        }
        drop(seen);
        self.look();
    }

    fn version(&self) -> io::Result<Version> {
        std::fs::metadata(&self.given).map(|metadata| Version::of(&metadata))
    }

    /// Looks whether it is still there. What has changed is logged, once.
    pub fn look(&self) {
        let mut seen = self.seen_mut();
        let state = match (self.version(), seen.state) {
            // What SQLite has read of it may be of the one file or the other.
            (_, State::Overwritten) => return,
            (Err(error), before) if error.kind() != ErrorKind::NotFound => before,
            (Err(_), _) => State::Removed,
            (Ok(now), _) if now.place != seen.version.place => State::Replaced,
            (Ok(now), before) if self.wal => self.look_at_log(&mut seen, now, before),
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

    fn look_at_log(&self, seen: &mut Seen, now: Version, before: State) -> State {
        if let Some(away) = self.look_beside(seen) {
            return away;
        }
        let Ok(pair) = self.pair() else {
            return before;
        };
        if now == seen.version && seen.pair == Some(pair) && before != State::Doubtful {
            return State::Present;
        }
        match self.log_belongs(seen.pair) {
            Ok(Belongs::Not) if before == State::Doubtful => State::Overwritten,
            Ok(Belongs::Not) => State::Doubtful,
            Ok(belongs) => {
                seen.version = now;
                seen.pair = Some(pair);
                seen.unmarked = belongs == Belongs::Unmarked;
                State::Present
            }
            Err(_) => before,
        }
    }

    /// Whether the log and its index are those that SQLite uses.
    fn look_beside(&self, seen: &mut Seen) -> Option<State> {
        let mut removed = false;
        for (suffix, used) in BESIDE.iter().zip(&mut seen.beside) {
            let there = std::fs::metadata(beside(&self.path, suffix));
            match (*used, there.map(|there| place(&there))) {
                (None, Ok(there)) => *used = Some(there),
                (Some(used), Ok(there)) if used != there => return Some(State::LogReplaced),
                (Some(_), Err(error)) if error.kind() == ErrorKind::NotFound => removed = true,
                _ => {}
            }
        }
        removed.then_some(State::LogRemoved)
    }

    fn words(&self, state: State) -> String {
        match state {
            State::Replaced => words::replaced(&self.given),
            State::Overwritten => words::overwritten(&self.path),
            State::LogRemoved => words::log_removed(&self.path),
            State::LogReplaced => words::log_replaced(&self.path),
            State::Present | State::Doubtful | State::Removed => words::removed(&self.given),
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
