//! What operators send: queries and forms.

use super::page::Trouble;
use axum::extract::{Extension, FromRequestParts};
use engine::Error;
use http::request::Parts;
use std::sync::Arc;

/// Names and values as they were sent.
#[derive(Debug, Clone, Default)]
pub(super) struct Pairs(Arc<Vec<(String, String)>>);

impl Pairs {
    /// Reads `application/x-www-form-urlencoded`.
    pub fn parse(encoded: &[u8]) -> Result<Self, Error> {
        let pairs: Vec<_> = form_urlencoded::parse(encoded)
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect();
        if pairs.iter().any(|(_, value)| value.contains('\0')) {
            let nul = "a NUL character cannot be part of any value";
            return Err(Error::invalid_request(nul));
        }
        Ok(Self(Arc::new(pairs)))
    }

    /// The value of a field, without blanks around it; empty when it is not there.
    pub fn get(&self, name: &str) -> &str {
        self.raw(name).trim()
    }

    /// The value of a field as it was typed.
    pub fn raw(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(own, _)| own == name);
        found.map_or("", |(_, value)| value)
    }

    /// The same, unless it is empty.
    pub fn given(&self, name: &str) -> Option<String> {
        Some(self.get(name))
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
    }

    /// Whether a box is ticked.
    pub fn ticked(&self, name: &str) -> bool {
        self.0.iter().any(|(own, _)| own == name)
    }

    /// All values of a field.
    pub fn all<'p>(&'p self, name: &'p str) -> impl Iterator<Item = &'p str> {
        let own = self.0.iter().filter(move |(own, _)| own == name);
        own.map(|(_, value)| value.as_str())
    }

    /// A value of a closed set, unless it is empty.
    pub fn word<T: std::str::FromStr<Err = String>>(&self, name: &str) -> Result<Option<T>, Error> {
        let parsed = self.given(name).map(|word| word.parse()).transpose();
        parsed.map_err(|fault| Error::invalid_request(format!("{name}: {fault}")))
    }

    /// The lines of a text that are not empty.
    pub fn lines(&self, name: &str) -> Vec<String> {
        let lines = self.raw(name).lines().map(str::trim);
        lines
            .filter(|line| !line.is_empty())
            .map(str::to_owned)
            .collect()
    }
}

/// The query.
pub(super) struct Asked(pub Pairs);

impl<S: Sync> FromRequestParts<S> for Asked {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Trouble> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(Pairs::parse(query.as_bytes())?))
    }
}

/// A form, which [`super::session::guard`] has read and found to be the session's own.
pub(super) type Sent = Extension<Pairs>;

/// The named parts of the path.
pub(super) struct At<T>(pub T);

impl<S: Send + Sync, T: serde::de::DeserializeOwned + Send> FromRequestParts<S> for At<T> {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Trouble> {
        let path = crate::rest::input::Path::from_request_parts(parts, state).await;
        match path {
            Ok(path) => Ok(Self(path.0)),
            Err(_) => Err(Error::invalid_request("the address is not text").into()),
        }
    }
}
