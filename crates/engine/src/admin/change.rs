//! What all changes of rows have in common.
//!
//! A change is made to the row as it was read, and written only if the row is still that one.
//! When others were faster it is made again, to what they have left: none undoes another.

use crate::Error;
use store::StoreError;

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
