//! What a database file and the log or journal beside it say of themselves: the parts of SQLite's
//! file formats that tell whether they belong together.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

/// Bytes of the header of a database (sqlite.org/fileformat.html §1.3).
pub(super) const HEADER: usize = 100;
/// Bytes of the header of a write-ahead log, and of each frame in it (§4.1).
const LOG_HEADER: usize = 32;
const FRAME_HEADER: usize = 24;
/// What a rollback journal begins with (§3).
const JOURNAL_MAGIC: [u8; 8] = [0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7];
const JOURNAL_HEADER: usize = 28;

/// What tells one state of page 1 from another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub mark: u32,
    schema: u32,
    /// Counts transactions; with a log, not each of them.
    counter: u32,
}

impl Mark {
    pub fn of(page: &[u8; HEADER]) -> Self {
        Self {
            mark: number(page, 60),
            schema: number(page, 40),
            counter: change_counter(page),
        }
    }

    /// Whether both are the very same state.
    pub fn is(&self, other: &Self) -> bool {
        (self.mark, self.schema, self.counter) == (other.mark, other.schema, other.counter)
    }

    /// Whether it can be the next state after that of `file`: the counter goes up by one when
    /// page 1 was read anew before it was written, and stays otherwise.
    fn follows(&self, file: &Self) -> bool {
        self.mark == file.mark && self.counter.wrapping_sub(file.counter) <= 1
    }

    /// Whether it can be the next state after that of `file`, with nothing changed.
    pub fn repeats(&self, file: &Self) -> bool {
        self.follows(file) && self.schema == file.schema
    }

    /// Whether it can be the next state after that of `file`, with another schema. The number of
    /// the schema only grows, while copies that SQLite made have one that is ahead
    /// (`VACUUM INTO`) or counted from 1 (`.backup`).
    pub fn alters(&self, file: &Self) -> bool {
        self.follows(file) && self.schema.wrapping_sub(file.schema).cast_signed() > 0
    }
}

/// A write-ahead log with something in it that SQLite would replay.
pub(super) struct Log {
    pub name: LogName,
    /// The versions of page 1 in it, oldest first.
    pub marks: Vec<Mark>,
}

/// Numbers in its header that are others each time the log begins anew; `None` for one in which
/// nothing is.
pub(super) type LogName = Option<[u8; 8]>;

impl Log {
    /// The log of `database`. `None` when there is none, or nothing to replay.
    pub fn of(database: &Path) -> io::Result<Option<Self>> {
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
        let name = salts(&header);
        Ok(committed.then_some(Self { name, marks }))
    }

    /// The name of the log of `database`.
    pub fn name_of(database: &Path) -> io::Result<LogName> {
        let Some(log) = open_if_there(&beside(database, "-wal"))? else {
            return Ok(None);
        };
        let mut header = [0; LOG_HEADER];
        let complete = read_at(&log, &mut header, 0)?;
        Ok(complete.then(|| salts(&header)).flatten())
    }
}

fn salts(header: &[u8; LOG_HEADER]) -> LogName {
    header[16..24].try_into().ok()
}

fn number(bytes: &[u8], at: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[at..at + 4]);
    u32::from_be_bytes(number)
}

/// The number on page 1 that a transaction counts up.
pub(super) fn change_counter(page: &[u8; HEADER]) -> u32 {
    number(page, 24)
}

/// The path of a file that SQLite keeps beside `path`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Page 1 as it was before the transaction whose rollback journal this is. `None` when there is
/// nothing to roll back on that page.
pub(super) fn journal_page_one(journal: &Path) -> io::Result<Option<[u8; HEADER]>> {
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
pub(super) fn read_at(file: &File, bytes: &mut [u8], at: u64) -> io::Result<bool> {
    match file.read_exact_at(bytes, at) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
