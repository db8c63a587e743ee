//! Where to go after login: only ever a path of this server.

use std::fmt;
use url::Url;

/// The longest path, in bytes: an authorization request with its parameters fits.
pub const MAX_LENGTH: usize = 32 * 1024;

/// A path of this server with its query, safe in a `Location` header (RFC 9700 §4.11.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalPath(String);

/// The text could lead away from this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is not a path of this server; begin with one '/' and use no backslash or blank")]
pub struct NotLocal;

impl LocalPath {
    /// Reads a `next` value.
    ///
    /// # Errors
    /// When a browser could read the text as anything but a path of the page's own origin.
    pub fn parse(text: &str) -> Result<Self, NotLocal> {
        let visible = |b: u8| matches!(b, 0x21..=0x7e) && b != b'\\';
        if text.len() > MAX_LENGTH || !text.starts_with('/') || !text.bytes().all(visible) {
            return Err(NotLocal);
        }
        let path = text.split(['?', '#']).next().unwrap_or_default();
        if path.contains("//") || has_decoy(path) {
            return Err(NotLocal);
        }
        let base = Url::parse("https://local.invalid/").map_err(|_| NotLocal)?;
        let url = base.join(text).map_err(|_| NotLocal)?;
        if url.origin() != base.origin() || !url.username().is_empty() || url.password().is_some() {
            return Err(NotLocal);
        }
        Ok(Self(text.to_owned()))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether the path hides a slash, backslash or control character behind percent signs, which
/// a proxy that decodes it would bring out.
fn has_decoy(path: &str) -> bool {
    let decoded = percent_encoding::percent_decode_str(path);
    path.split('%').skip(1).any(|after| {
        let code = after.get(..2).map(str::to_ascii_lowercase);
        matches!(code.as_deref(), Some("2f" | "5c"))
    }) || decoded.into_iter().any(|b| b.is_ascii_control())
}

impl fmt::Display for LocalPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
