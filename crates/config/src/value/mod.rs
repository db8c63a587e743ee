//! The types of values: how each is read from text, limited and shown.

mod address;
mod collector;
mod dsn;
mod duration;
mod issuer;
mod origin;
mod redirect;
mod secret;
mod standard;

pub use address::ListenAddress;
pub use collector::CollectorAddress;
pub use dsn::PostgresDsn;
pub use duration::parse_duration;
pub use issuer::Issuer;
pub use origin::Origin;
pub use redirect::RedirectPattern;
pub use secret::Secret;

use crate::schema::{Allowed, Kind};

/// What a secret looks like wherever it is shown.
pub(crate) const MASK: &str = "****";

/// A value as it was found: one text, or a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Raw {
    Text(String),
    List(Vec<String>),
}

/// A value that was refused.
#[derive(Debug)]
pub(crate) struct Refusal {
    /// The offending text, not yet masked.
    pub value: String,
    /// What is wrong with it, to be read after the value.
    pub why: String,
}

/// A type of value that a key can have.
pub(crate) trait Value: Sized {
    const KIND: Kind;

    /// Reads one text. The error continues the sentence that begins with the text.
    fn parse(text: &str) -> Result<Self, String>;

    /// The value for `config show`, masked where it is secret.
    fn render(&self) -> serde_json::Value;

    /// Reads what was found for a key.
    fn read(raw: &Raw) -> Result<Self, Refusal> {
        match raw {
            Raw::Text(text) => Self::parse(text).map_err(|why| Refusal {
                value: text.clone(),
                why,
            }),
            Raw::List(items) => Err(Refusal {
                value: items.join(", "),
                why: "is a list, where one value belongs".into(),
            }),
        }
    }

    /// The value of a key that has no default and was not set; `None` when it must be set.
    fn absent() -> Option<Self> {
        None
    }

    /// `text` as it may appear in a message.
    fn mask(text: &str) -> String {
        if Self::KIND.secret {
            MASK.into()
        } else {
            text.into()
        }
    }
}

/// The kind of a single value that is no secret.
pub(crate) const fn kind(allowed: Allowed) -> Kind {
    Kind {
        allowed,
        optional: false,
        list: false,
        secret: false,
    }
}

/// Whether `text` is a scope name: `1*( %x21 / %x23-5B / %x5D-7E )` (RFC 6749 §3.3).
pub(crate) fn is_scope_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_graphic() && c != '"' && c != '\\')
}

/// Whether `text` is visible ASCII alone. A URL parser would drop spaces and tabs, and the text would
/// then not be the URL that others compare it with.
pub(crate) fn is_plain(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_graphic())
}
