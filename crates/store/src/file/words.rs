//! What is said of a database file that cannot be used, and what to do about it.

use crate::StoreError;
use rusqlite::ffi::{
    SQLITE_BUSY, SQLITE_CANTOPEN, SQLITE_CORRUPT, SQLITE_FULL, SQLITE_IOERR, SQLITE_LOCKED,
    SQLITE_NOTADB, SQLITE_READONLY,
};
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

pub(super) fn log_removed(path: &Path) -> String {
    let path = path.display();
    format!(
        "the log of the database, {path}-wal, or its index, {path}-shm, was removed while it was in use: put both back, \
         or restart the server with SIGTERM, which writes the log into the database before it stops"
    )
}

pub(super) fn log_replaced(path: &Path) -> String {
    let path = path.display();
    format!(
        "the log of the database, {path}-wal, or its index, {path}-shm, was replaced by another while it was in use: put the old ones back, \
         or restart the server to go on with the new ones, without what was last written to the old log"
    )
}

/// How to make one of a file and the log that belongs to it, though it does not say so.
fn joining(path: impl std::fmt::Display) -> String {
    format!("sqlite3 {path} 'PRAGMA wal_checkpoint(TRUNCATE)' joins the two")
}

/// Why SQLite could not open or read the file.
pub(crate) fn unopened(path: &Path, error: &rusqlite::Error) -> StoreError {
    let code = match error {
        rusqlite::Error::SqliteFailure(failure, _) => Some(failure.extended_code),
        _ => None,
    };
    StoreError::Open(unopened_words(path, code, error))
}

/// A file in which SQLite has found this.
pub(crate) fn damaged(path: &Path, found: impl std::fmt::Display) -> String {
    format!(
        "{} is damaged ({found}); stop whatever uses it, and put a backup in place",
        path.display()
    )
}

fn unopened_words(path: &Path, code: Option<i32>, error: impl std::fmt::Display) -> String {
    let name = path.display();
    // What is above the first byte says more of the same (sqlite.org/rescode.html).
    match code.map(|code| code & 0xff) {
        Some(SQLITE_CORRUPT | SQLITE_NOTADB) => damaged(path, error),
        Some(SQLITE_BUSY | SQLITE_LOCKED) => format!(
            "{name} is locked by another program ({error}); end that, or wait until it is done, and start again"
        ),
        Some(SQLITE_READONLY | SQLITE_IOERR | SQLITE_FULL | SQLITE_CANTOPEN) => format!(
            "{name}, or what lies beside it, cannot be read or written ({error}); look at the disk, the room on it, \
             and the modes of the files and their folder"
        ),
        _ => format!("{name}: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::unopened_words;
    use std::path::Path;

    #[test]
    fn only_a_damaged_file_is_called_so() {
        let said = |code| unopened_words(Path::new("/data/a.db"), code, "why");
        for (code, word) in [
            (Some(11), "is damaged"),
            (Some(267), "is damaged"),
            (Some(26), "is damaged"),
            (Some(5), "is locked"),
            (Some(517), "is locked"),
            (Some(522), "cannot be read or written"),
            (Some(14), "cannot be read or written"),
            (Some(1), "/data/a.db: why"),
            (None, "/data/a.db: why"),
        ] {
            let said = said(code);
            assert!(said.contains(word) && said.contains("why"), "{said}");
            assert_eq!(said.contains("backup"), word == "is damaged", "{said}");
        }
    }
}
