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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn paths_of_this_server_are_kept() {
        for good in [
            "/",
            "/connections",
            "/oauth/authorize?client_id=a&redirect_uri=https%3A%2F%2Fa%2Fcb&scope=a%20b",
            "/a?b=//c",
            "/a%20b",
        ] {
            assert_eq!(LocalPath::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn everything_that_could_lead_away_is_refused() {
        for bad in [
            "",
            "login",
            "https://evil.example/",
            "javascript:alert(1)",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "/\t/evil.example",
            "/\n/evil.example",
            "\t//evil.example",
            " /a",
            "/a b",
            "/%09/evil.example",
            "/%0a/evil.example",
            "/%2f/evil.example",
            "/%2F%2Fevil.example",
            "/%5cevil.example",
            "/.//evil.example",
            "/..//evil.example",
            "/a/..//evil.example",
            "/%2e%2e//evil.example",
            "/a\0",
            "/\u{2044}evil.example",
            "/\u{e4}",
        ] {
            assert!(LocalPath::parse(bad).is_err(), "{bad:?}");
        }
        assert!(LocalPath::parse(&format!("/{}", "a".repeat(MAX_LENGTH))).is_err());
    }

    proptest! {
        #[test]
        fn what_is_accepted_stays_on_any_origin(text in "[/\\\\@:.?#%a-z0-9\t\n ]{0,24}|/.{0,20}") {
            if let Ok(path) = LocalPath::parse(&text) {
                let base = Url::parse("https://user:pw@as.example:9000/login?next=x").unwrap();
                let url = base.join(path.as_str()).unwrap();
                prop_assert_eq!(url.origin(), base.origin());
                prop_assert!(!path.as_str().starts_with("//"));
            }
        }
    }
}
