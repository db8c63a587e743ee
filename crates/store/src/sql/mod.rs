//! Statements and rows, as the code of `both/` sees them, whichever driver is below.
//!
//! A statement is written once, with `$1`…; the macro `sql!` of each dialect makes it a constant
//! in the form its database takes. On SQLite the futures of a [`Session`] are ready at once.

mod entities;
mod query;
mod row;
mod value;

pub(crate) use entities::{AuditRow, LinkRow, Table, ToColumns};
pub(crate) use query::{Each, Insert, Query, Session, Sql, Step, both};
pub(crate) use row::{FromRow, Row};
pub(crate) use value::{Kind, Value, ValueRef, to_json};

/// `text` with `?1` for `$1`: what SQLite counts by number, not by name.
pub(crate) const fn numbered<const LENGTH: usize>(text: &str) -> [u8; LENGTH] {
    let (text, mut numbered, mut at) = (text.as_bytes(), [0; LENGTH], 0);
    while at < LENGTH {
        numbered[at] = if text[at] == b'$' { b'?' } else { text[at] };
        at += 1;
    }
    numbered
}
