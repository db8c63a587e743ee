//! What all lists have in common: how long a part of one is, and where it begins.

use super::refusal::Refused;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::UnixMillis;
use store::{Cursor, Page};

/// The longest part that is given at once.
pub(crate) const LONGEST: u32 = 1000;
/// Passing over rows takes as long as reading them; behind so many, lists go on by cursor alone.
const FARTHEST: u32 = 10_000;

/// The part of a list that a query asks for.
pub(crate) fn page(limit: Option<u32>, offset: Option<u32>) -> Result<Page, Refused> {
    let page = Page::of(limit, offset);
    if !(1..=LONGEST).contains(&page.limit) {
        return Err(Refused::unreadable(format!("limit: give 1 to {LONGEST}")));
    }
    near(page.offset)?;
    Ok(page)
}

/// Refuses an offset that is too far.
pub(crate) fn near(offset: u32) -> Result<(), Refused> {
    match offset > FARTHEST {
        true => Err(Refused::unreadable(format!(
            "offset: give at most {FARTHEST}, and go on by cursor"
        ))),
        false => Ok(()),
    }
}

/// A place in a list, as callers get it: opaque, and fit for a query.
pub(crate) fn write_cursor(place: &Cursor) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}.{}", place.at.0, place.id))
}

/// A place that a caller gives back.
pub(crate) fn read_cursor(text: Option<String>) -> Result<Option<Cursor>, Refused> {
    text.map(|text| decode(&text).ok_or_else(unknown_place))
        .transpose()
}

fn decode(text: &str) -> Option<Cursor> {
    let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (at, id) = plain.split_once('.')?;
    if id.is_empty() || id.contains('\0') {
        return None;
    }
    Some(Cursor {
        at: UnixMillis(at.parse().ok()?),
        id: id.to_owned(),
    })
}

/// The cursor is none that was ever given.
pub(crate) fn unknown_place() -> Refused {
    Refused::unreadable("cursor: give what an earlier answer gave as next_cursor")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_come_back_as_they_were() {
        for id in ["x", "https://a.example/c.json", "a.b.c"] {
            let place = Cursor {
                at: UnixMillis(1_700_000_000_000),
                id: id.to_owned(),
            };
            let text = write_cursor(&place);
            assert_eq!(read_cursor(Some(text)).ok().flatten(), Some(place));
        }
        for wrong in ["", "x", "MTIz", "MTIzLg", "Li4u"] {
            assert!(read_cursor(Some(wrong.into())).is_err(), "{wrong:?}");
        }
    }
}
