//! Opening a SQLite file: connections, and a schema that is up to date.

use super::dialect;
use super::pool::{Manager, Pool};
use super::session::SqliteSession;
use crate::file::{self, DatabaseFile, beside};
use crate::open::{Missing, Pools, migration_error, migrations, open_error};
use crate::{Result, StoreError};
use std::fs::{File, TryLockError};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long SQLite waits for a lock that another process holds.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// The same on the writing connection. Its lane tries again, and looks around in between.
const LANE_LOCK_TIMEOUT: Duration = Duration::from_millis(200);
/// How often a start asks whether it is its turn, and after which time it says that it waits.
const BETWEEN_TRIES: Duration = Duration::from_millis(20);
const SAID_TO_WAIT: Duration = Duration::from_millis(500);
/// How long a start looks for damage in the file.
const LOOK_FOR_DAMAGE: Duration = Duration::from_secs(5);
/// Connections to read with where a question is asked, at most, and what is questioned aside.
const READERS: usize = 8;
const ASIDES: usize = 4;
/// Memory for pages of a connection, KiB. That of readers is of use until the next commit only.
const CACHE: i64 = 16 << 10;
const READER_CACHE: i64 = 2 << 10;

/// An open SQLite file: to read with, to write with, and to watch.
pub(crate) struct OpenFile {
    pub pools: Pools<Pool>,
    pub file: DatabaseFile,
}

/// Opens a SQLite file.
pub(crate) async fn open(path: &Path, wal: bool, missing: Missing) -> Result<OpenFile> {
    let given = path.to_owned();
    let path = file::resolve(&given);
    if missing == Missing::Refuse && !path.exists() && !beside(&path, "-wal").exists() {
        return Err(absent(&path));
    }
    let manager = Manager {
        path,
        wal,
        writes: true,
        cache: CACHE,
        lock_timeout: LOCK_TIMEOUT,
    };
    // Processes that start at once take turns; SQLite itself has no lock for this.
    let turn = Turn::take(&manager.path, missing).await?;
    let opening = manager.clone();
    let prepared = tokio::task::spawn_blocking(move || prepare(&given, &opening, missing));
    let (file, migrating) = prepared.await.map_err(open_error)??;
    let lanes = Manager {
        lock_timeout: LANE_LOCK_TIMEOUT,
        ..manager.clone()
    };
    let writers = lanes.pool(1).await?;
    // The last to leave would take the log along.
    drop(migrating);
    drop(turn);
    let asides = Manager {
        writes: false,
        ..manager
    };
    // Each thread that answers requests has use for one of its own.
    let threads = std::thread::available_parallelism().map_or(READERS, Into::into);
    let readers = Manager {
        cache: READER_CACHE,
        ..asides.clone()
    };
    let pools = Pools {
        readers: readers.pool(threads.clamp(2, READERS)).await?,
        asides: asides.pool(ASIDES).await?,
        writers,
    };
    Ok(OpenFile { pools, file })
}

/// Makes sure that the file can be used, and brings its schema up to date.
fn prepare(
    given: &Path,
    manager: &Manager,
    missing: Missing,
) -> Result<(DatabaseFile, SqliteSession)> {
    let path = &manager.path;
    let make = missing == Missing::Make;
    let file = DatabaseFile::open((given, path), manager.wal, make)?.ok_or_else(|| absent(path))?;
    let mut session = manager
        .open()
        .map_err(|error| file::unopened(path, &error))?;
    if make {
        look_for_damage(&mut session, path)?;
    }
    if manager.wal && !file.log_is_marked() {
        dialect::repeat_mark(&session)?;
        dialect::checkpoint(&session)?;
        file.wrote(true);
    }
    let migrated = migrations()?.run(&mut session.0).map_err(migration_error)?;
    if manager.wal && !migrated.applied_migrations().is_empty() {
        // So that copies made from now on can be told from the file as it is.
        dialect::checkpoint(&session)?;
        file.wrote(true);
    }
    Ok((file, session))
}

fn absent(path: &Path) -> StoreError {
    StoreError::Missing(format!("at {}", path.display()))
}

/// Reads the whole file, for as long as that does not keep a start waiting.
fn look_for_damage(session: &mut SqliteSession, path: &Path) -> Result<()> {
    let end = Instant::now() + LOOK_FOR_DAMAGE;
    let until = move || Instant::now() >= end;
    session.0.progress_handler(1000, Some(until))?;
    let found = "PRAGMA quick_check(1)";
    let found = session
        .0
        .query_one(found, [], |row| row.get::<_, String>(0));
    session.0.progress_handler(0, None::<fn() -> bool>)?;
    match found {
        Ok(word) if word == "ok" => Ok(()),
        _ if Instant::now() >= end => {
            tracing::info!(
                path = %path.display(),
                "the database was looked through for damage for {} s, not to its end", LOOK_FOR_DAMAGE.as_secs()
            );
            Ok(())
        }
        Ok(word) => Err(open_error(file::damaged(path, word.replace('\n', ": ")))),
        Err(error) => Err(file::unopened(path, &error)),
    }
}

/// A lock on `<database>.migrate`, a file that is there while the lock is held.
struct Turn {
    path: PathBuf,
    #[expect(dead_code, reason = "held for its lock")]
    file: File,
}

impl Turn {
    /// Waits until nobody else has it.
    async fn take(database: &Path, missing: Missing) -> Result<Self> {
        if missing == Missing::Make {
            file::create_folder(database)?;
        }
        let path = beside(database, ".migrate");
        let failed = |error| StoreError::Open(format!("{}: {error}", path.display()));
        let (begin, mut said) = (Instant::now(), false);
        loop {
            if let Some(file) = Self::try_take(&path).map_err(failed)? {
                return Ok(Self { path, file });
            }
            if !said && begin.elapsed() > SAID_TO_WAIT {
                said = true;
                tracing::info!(
                    lock = %path.display(),
                    "another process is opening the database, and holds a lock on {}: waiting for it", path.display()
                );
            }
            // Not on a thread that waits for the lock itself: nobody could end that.
            tokio::time::sleep(BETWEEN_TRIES).await;
        }
    }

    /// `None` while another process has it.
    fn try_take(path: &Path) -> std::io::Result<Option<File>> {
        let file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        // Whoever held it before may have removed it meanwhile.
        let own = file.metadata()?;
        let is_there = std::fs::metadata(path).is_ok_and(|there| there.ino() == own.ino());
        Ok(is_there.then_some(file))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.path));
    }
}
