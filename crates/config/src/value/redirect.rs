//! Redirect URIs that may be registered.

use std::fmt;

use domain::is_refused_scheme;
use url::Url;

use super::{Value, is_plain, kind};
use crate::schema::{Allowed, Kind};

/// An approved redirect URI: exact, or a path prefix ending in `*`. A `*` never stands in the host,
/// where it would let in hosts of somebody else.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RedirectPattern(String);

impl RedirectPattern {
    /// The entry as written, its `*` included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RedirectPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for RedirectPattern {
    const KIND: Kind = kind(Allowed::Words(
        "absolute URIs without fragment, such as https://app.example.com/callback, or ending in * after a /, such as https://app.example.com/cb/*",
    ));

    fn parse(text: &str) -> Result<Self, String> {
        let fixed = text.strip_suffix('*').unwrap_or(text);
        if fixed.contains('*') {
            return Err("has a * before its end".into());
        }
        if !is_plain(text) {
            return Err("has spaces or characters outside ASCII".into());
        }
        if text.contains('#') {
            return Err("has a fragment".into());
        }
        let url = Url::parse(fixed).map_err(|_| "is not an absolute URI")?;
        if is_refused_scheme(url.scheme()) {
            return Err(format!("has the scheme {}, which is refused", url.scheme()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err("has a user in it".into());
        }
        let after_scheme = &fixed[fixed.find(':').map_or(0, |colon| colon + 1)..];
        let path = match after_scheme.strip_prefix("//") {
            Some(after_slashes) => after_slashes.find('/').map(|at| &after_slashes[at..]),
            None => Some(after_scheme),
        };
        if fixed != text && !path.is_some_and(|path| path.starts_with('/')) {
            return Err("has a * that does not follow a / after the host".into());
        }
        Ok(RedirectPattern(text.into()))
    }

    fn render(&self) -> serde_json::Value {
        self.0.clone().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_uris_and_path_prefixes_are_approved() {
        for text in [
            "https://app.example.com/callback",
            "https://app.example.com",
            "https://app.example.com/*",
            "https://app.example.com/cb*",
            "http://127.0.0.1/callback",
            "com.example.app:/callback",
            "com.example.app:/*",
            "cursor://anysphere.cursor-retrieval/oauth/*",
        ] {
            assert_eq!(RedirectPattern::parse(text).expect(text).as_str(), text);
        }
    }

    #[test]
    fn a_star_outside_the_path_and_dangerous_schemes_are_refused() {
        for text in [
            "",
            "*",
            "/callback",
            "https://*",
            "https://app.example.com*",
            "https://*.example.com/cb",
            "https://app.example.com/*/cb",
            "https://app.example.com:*",
            "https://app.example.com/cb#x",
            "https://u:p@app.example.com/",
            "javascript:alert(1)",
            "data:text/html,x",
            "ms-msdt:/id",
            "shell:/*",
            "com.example.app:*",
            " https://app.example.com/cb",
            "https://app.example.com/a b",
        ] {
            assert!(RedirectPattern::parse(text).is_err(), "{text}");
        }
    }
}
