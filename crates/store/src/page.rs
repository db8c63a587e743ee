//! Parts of lists: how long one may be, and where the next begins.

use domain::{UnixMillis, Weigh};

/// Rows of this many bytes end a part, however many were asked for. The last may go beyond.
pub const PART_BYTES: usize = 4 << 20;

/// One page of a list, newest first.
#[derive(Debug, Clone)]
pub struct Page {
    /// At most so many rows.
    pub limit: u32,
    /// Rows to pass over.
    pub offset: u32,
}

impl Page {
    /// A page with the usual values in place of what is not said.
    #[must_use]
    pub fn of(limit: Option<u32>, offset: Option<u32>) -> Self {
        let usual = Self::default();
        Self {
            limit: limit.unwrap_or(usual.limit),
            offset: offset.unwrap_or(usual.offset),
        }
    }
}

impl Default for Page {
    fn default() -> Self {
        Self {
            limit: 100,
            offset: 0,
        }
    }
}

/// A place in a list by age: the row there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The time that the list goes by.
    pub at: UnixMillis,
    /// The row's id.
    pub id: String,
}

/// A part of a list, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part<T> {
    /// What was found. It may be less than was asked for, or nothing, though there is more: a
    /// search looks at so many rows at a time, and rows of [`PART_BYTES`] are enough.
    pub rows: Vec<T>,
    /// Where the next part begins, unless this is the last: the filter's `behind`.
    pub next: Option<Cursor>,
}

impl<T> Part<T> {
    /// A part of what a walk found: `rows`, the place where they go on if there are more, and
    /// the `end` of the stretch that was looked at.
    pub(crate) fn of(rows: Rows<T>, place: impl Fn(&T) -> Cursor, end: Option<Cursor>) -> Self {
        let Rows { rows, more } = rows;
        let next = match rows.last() {
            Some(last) if more => Some(place(last)),
            _ => end,
        };
        Self { rows, next }
    }
}

/// Rows of a part while they are read.
pub struct Rows<T> {
    /// Those that it has.
    pub rows: Vec<T>,
    /// Whether one was left out.
    pub more: bool,
}

impl<T: Weigh> Rows<T> {
    /// The first of `found`: at most `limit`, and no more once they weigh [`PART_BYTES`].
    pub fn of(found: impl IntoIterator<Item = T>, limit: u32) -> Self {
        let mut filling = Filling::new(limit);
        for row in found {
            if !filling.take(row) {
                break;
            }
        }
        filling.rows
    }
}

/// A part that rows are put into until it is full.
pub(crate) struct Filling<T> {
    pub rows: Rows<T>,
    room: usize,
    bytes: usize,
}

impl<T: Weigh> Filling<T> {
    pub fn new(limit: u32) -> Self {
        Self {
            rows: Rows {
                rows: Vec::new(),
                more: false,
            },
            room: limit as usize,
            bytes: 0,
        }
    }

    /// Puts a row into the part. `false` when it is full, and the row is left out.
    pub fn take(&mut self, row: T) -> bool {
        if self.rows.rows.len() >= self.room || self.bytes >= PART_BYTES {
            self.rows.more = true;
            return false;
        }
        self.bytes += row.weight();
        self.rows.rows.push(row);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_ends_by_number_or_by_weight_and_has_one_row_at_least() {
        let of = |size: usize, count: usize, limit| {
            let found = Rows::of((0..count).map(|_| "x".repeat(size)), limit);
            (found.rows.len(), found.more)
        };
        assert_eq!(of(10, 5, 5), (5, false));
        assert_eq!(of(10, 6, 5), (5, true));
        assert_eq!(of(PART_BYTES / 2, 5, 5), (2, true));
        assert_eq!(of(PART_BYTES / 2, 2, 5), (2, false));
        assert_eq!(of(2 * PART_BYTES, 3, 5), (1, true));
        assert_eq!(of(10, 0, 5), (0, false));
    }
}
