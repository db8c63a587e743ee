//! The issuer identifier.

use std::fmt;

use url::{Host, Url};

use super::{Value, kind};
use crate::schema::{Allowed, Kind};

/// The issuer identifier (RFC 8414 §2): the URL by which clients know this server, compared by them
/// character for character. It is http or https, has no trailing `/`, query, fragment or user, and
/// is spelled as a URL parser would spell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer {
    text: String,
    url: Url,
}

impl Issuer {
    /// Checks and keeps `text`.
    ///
    /// # Errors
    /// What is wrong with it, as a phrase that follows the text in a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|_| "is not a URL")?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err("is not an http or https URL".into());
        }
        if text.contains(['?', '#']) {
            return Err("has a query or fragment".into());
        }
        if !url.username().is_empty() || url.password().is_some() || text.contains('@') {
            return Err("has a user or an @ in it".into());
        }
        if text.ends_with('/') {
            return Err("ends with /".into());
        }
        let canonical = url.as_str().strip_suffix('/').unwrap_or(url.as_str());
        if canonical != text {
            return Err(format!("is not in normal form, {canonical:?}"));
        }
        Ok(Issuer {
            text: text.into(),
            url,
        })
    }

    /// The issuer exactly as configured, for `iss` and metadata.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The issuer as a URL, to build others from. Its text may have a `/` that the issuer has not.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The path below which the server's endpoints lie: empty, or `/tenant` and the like.
    pub fn path(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// Whether the scheme is https.
    pub fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Whether the host is `localhost`, in `127.0.0.0/8`, or `[::1]`.
    pub fn is_localhost(&self) -> bool {
        match self.url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        }
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Value for Issuer {
    const KIND: Kind = kind(Allowed::Words(
        "an http or https URL without trailing /, query, fragment or user, such as https://auth.example.com",
    ));

    fn parse(text: &str) -> Result<Self, String> {
        Issuer::parse(text)
    }

    fn render(&self) -> serde_json::Value {
        self.text.clone().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_keeps_its_text_and_knows_its_parts() {
        let issuer = Issuer::parse("https://auth.example.com/tenant").expect("valid");
        assert_eq!(issuer.as_str(), "https://auth.example.com/tenant");
        assert_eq!(issuer.path(), "/tenant");
        assert!(issuer.is_https());
        assert!(!issuer.is_localhost());
        assert_eq!(
            Issuer::parse("http://localhost:9000")
                .expect("valid")
                .path(),
            ""
        );
    }

    #[test]
    fn localhost_is_the_name_and_the_loopback_addresses() {
        for (text, expected) in [
            ("http://localhost:9000", true),
            ("https://localhost", true),
            ("http://127.0.0.1", true),
            ("http://127.8.9.10:1234", true),
            ("http://[::1]:9000", true),
            ("http://localhost.example.com", false),
            ("http://127.0.0.1.example.com", false),
            ("http://10.0.0.1", false),
            ("http://[::2]", false),
            ("http://0.0.0.0", false),
        ] {
            let issuer = Issuer::parse(text).expect(text);
            assert_eq!(issuer.is_localhost(), expected, "{text}");
        }
    }

    #[test]
    fn what_clients_could_not_compare_is_refused() {
        for (text, why) in [
            ("", "is not a URL"),
            ("auth.example.com", "is not a URL"),
            ("ftp://auth.example.com", "is not an http or https URL"),
            ("https://auth.example.com/", "ends with /"),
            ("https://auth.example.com/a/", "ends with /"),
            ("https://auth.example.com?", "has a query or fragment"),
            ("https://auth.example.com?a=b", "has a query or fragment"),
            ("https://auth.example.com#", "has a query or fragment"),
            ("https://u:p@auth.example.com", "has a user or an @ in it"),
            ("https://@auth.example.com", "has a user or an @ in it"),
            (
                "https://Auth.example.com",
                "is not in normal form, \"https://auth.example.com\"",
            ),
            (
                "https://auth.example.com:443",
                "is not in normal form, \"https://auth.example.com\"",
            ),
            (
                " https://auth.example.com",
                "is not in normal form, \"https://auth.example.com\"",
            ),
            (
                "https://auth.example.com/a/../b",
                "is not in normal form, \"https://auth.example.com/b\"",
            ),
            (
                "http://127.1",
                "is not in normal form, \"http://127.0.0.1\"",
            ),
        ] {
            assert_eq!(Issuer::parse(text).expect_err(text), why, "{text}");
        }
    }
}
