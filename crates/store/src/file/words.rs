//! What is said of a database file that cannot be used, and what to do about it.

use std::path::Path;

pub(super) fn foreign(path: &Path) -> String {
    let name = path.display();
    format!(
        "{name} and the log beside it, {name}-wal, do not belong together, and SQLite would damage the one with the other. \
         If a backup was put in place, move {name}-wal and {name}-shm (or {name}-journal) away and start again: the log holds what was written after the backup to the file that was there before. \
         If that file is still somewhere, put it back instead. \
         If nothing was put in place and another program has written the log back by itself, {join}",
        join = joining(&name)
    )
}

pub(super) fn missing(path: &Path) -> String {
    let name = path.display();
    format!(
        "{name} is missing, but the log of it, {name}-wal, is there and holds what was written last. \
         Put the file back; or, to begin with a new one, move {name}-wal and {name}-shm away"
    )
}

pub(super) fn removed(path: &Path) -> String {
    let path = path.display();
    format!(
        "the database file {path} was removed while it was in use: put it back, or restart the server to begin with a new one"
    )
}

pub(super) fn replaced(path: &Path) -> String {
    let path = path.display();
    format!(
        "the database file {path} was replaced by another while it was in use: put the old one back, or restart the server to use the new one"
    )
}

pub(super) fn overwritten(path: &Path) -> String {
    let path = path.display();
    format!(
        "the database file {path} was written over while it was in use: stop the server, put a whole copy in place, move {path}-wal and {path}-shm away, and start it again. \
         If nothing was put in place and another program has only written the log back by itself, {join}",
        join = joining(&path)
    )
}

/// How to make one of a file and the log that belongs to it, though it does not say so.
fn joining(path: impl std::fmt::Display) -> String {
    format!("sqlite3 {path} 'PRAGMA wal_checkpoint(TRUNCATE)' joins the two")
}
