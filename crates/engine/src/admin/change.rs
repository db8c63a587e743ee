//! What all changes of rows have in common.
//!
//! A change is made to the row as it was read, and written only if the row is still that one.
//! When others were faster it is made again, to what they have left: none undoes another.

use crate::{Error, Result};
use domain::UnixMillis;
use store::{RevokeCount, StoreError};

/// How often a change is made when others are faster. One of all who try at the same time
/// succeeds each time.
pub(super) const TRIES: u32 = 32;

/// Puts `new` in place of `field`, if there is one.
pub(super) fn replace<T: Clone>(field: &mut T, new: Option<&T>) {
    if let Some(new) = new {
        field.clone_from(new);
    }
}

/// The names of the fields that differ, for the audit record.
pub(super) fn changed_fields(fields: &[(&str, bool)]) -> String {
    let names = fields.iter().filter(|(_, differs)| *differs);
    names.map(|(name, _)| *name).collect::<Vec<_>>().join(",")
}

/// Others were faster each time.
pub(super) fn overtaken(what: &str, id: &str) -> Error {
    StoreError::Contention(format!("others keep changing the {what} {id}")).into()
}

/// Holds a row that was read against the version that its change is meant for.
pub(super) fn is_version(found: UnixMillis, expected: Option<UnixMillis>) -> Result<()> {
    match expected {
        Some(version) if version != found => Err(Error::precondition_failed()),
        _ => Ok(()),
    }
}

/// It holds things that are alive, and would end with it.
pub(super) fn in_use(what: &str, id: &str, held: RevokeCount) -> Error {
    let parts = [
        (held.sessions, "sessions"),
        (held.consents, "consents"),
        (held.families, "refresh token families"),
        (held.tokens, "access tokens"),
    ];
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let held: Vec<_> = parts
        .map(|(count, name)| format!("{count} {name}"))
        .collect();
    Error::conflict(format!(
        "the {what} {id} still holds {}; end them first, or delete them with it (force)",
        held.join(", ")
    ))
}
