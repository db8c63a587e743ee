//! Secrets.

use secrecy::SecretString;

use super::{MASK, Value, kind};
use crate::schema::{Allowed, Kind};

/// A secret text: never in `Debug`, wiped when dropped, read with
/// [`ExposeSecret`](secrecy::ExposeSecret).
pub type Secret = SecretString;

impl Value for SecretString {
    const KIND: Kind = Kind {
        secret: true,
        ..kind(Allowed::Words("text"))
    };

    fn parse(text: &str) -> Result<Self, String> {
        Ok(text.into())
    }

    fn render(&self) -> serde_json::Value {
        MASK.into()
    }
}
