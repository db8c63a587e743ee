//! Checking the audit trail: whether each writer's chain is whole.

use crate::chain::{Content, link_hash};
use crate::sql::LinkRow;
use std::collections::{BTreeMap, HashMap};

/// Rows of one writer that may wait for an earlier one before that counts as missing.
const LARGEST_WAIT: usize = 10_000;

/// What a check of the audit trail found.
///
/// A chain shows every row that was changed, put elsewhere or taken out from before another
/// row. Nothing in the table can tell that a writer's last rows were cut off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainReport {
    /// Rows that were read.
    pub rows: u64,
    /// Writers that wrote them.
    pub writers: u64,
    /// The first row at which a chain does not hold.
    pub broken: Option<BrokenLink>,
}

/// Where a chain does not hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BrokenLink {
    /// The chain.
    pub writer: String,
    /// The place in it.
    pub seq: i64,
    /// The row that stands there and should not, or not like this; `None` when none does.
    pub id: Option<String>,
}

impl std::fmt::Display for BrokenLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { writer, seq, id } = self;
        match id {
            Some(id) => write!(
                f,
                "audit event {id} was changed, or stands in another's place: number {seq} of writer {writer}"
            ),
            None => write!(
                f,
                "an audit event is missing: number {seq} of writer {writer}"
            ),
        }
    }
}

/// Follows all chains at once. Rows come by id, which is roughly, not exactly, the order in
/// which they were written; those that come early wait for their predecessors.
#[derive(Default)]
pub(crate) struct ChainCheck {
    rows: u64,
    writers: HashMap<String, Progress>,
    broken: Option<BrokenLink>,
}

#[derive(Default)]
struct Progress {
    seq: i64,
    hash: String,
    waiting: BTreeMap<i64, LinkRow>,
    broken: bool,
}

impl ChainCheck {
    pub fn see(&mut self, row: LinkRow) {
        self.rows += 1;
        if !self.writers.contains_key(&row.writer) {
            self.writers.insert(row.writer.clone(), Progress::default());
        }
        let Some(progress) = self.writers.get_mut(&row.writer) else {
            return;
        };
        if let Some(broken) = progress.see(row) {
            progress.broken = true;
            progress.waiting.clear();
            self.broken.get_or_insert(broken);
        }
    }

    pub fn finish(self) -> ChainReport {
        let missing = self
            .writers
            .iter()
            .filter(|(_, progress)| !progress.waiting.is_empty())
            .map(|(writer, progress)| progress.missing(writer))
            .min();
        ChainReport {
            rows: self.rows,
            writers: self.writers.len() as u64,
            broken: self.broken.or(missing),
        }
    }
}

impl Progress {
    fn see(&mut self, row: LinkRow) -> Option<BrokenLink> {
        if self.broken {
            return None;
        }
        let writer = row.writer.clone();
        if row.seq <= self.seq || self.waiting.contains_key(&row.seq) {
            return Some(not_like_this(row));
        }
        self.waiting.insert(row.seq, row);
        while let Some(row) = self.waiting.remove(&(self.seq + 1)) {
            let content = Content::from(&row.row);
            if link_hash(&self.hash, &row.writer, row.seq, &content) != row.hash {
                return Some(not_like_this(row));
            }
            self.seq = row.seq;
            self.hash = row.hash;
        }
        (self.waiting.len() > LARGEST_WAIT).then(|| self.missing(&writer))
    }

    fn missing(&self, writer: &str) -> BrokenLink {
        BrokenLink {
            writer: writer.to_owned(),
            seq: self.seq + 1,
            id: None,
        }
    }
}

fn not_like_this(row: LinkRow) -> BrokenLink {
    BrokenLink {
        writer: row.writer,
        seq: row.seq,
        id: Some(row.row.id),
    }
}
