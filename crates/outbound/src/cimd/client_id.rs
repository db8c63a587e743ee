//! The form of a `client_id` that is a URL.

use std::fmt;

use url::{Host, Url};

use crate::documents::DocumentError;

const MAX_LENGTH: usize = 2048;

/// Whether `client_id` is meant as the URL of a metadata document, well-formed or not.
#[must_use]
pub fn is_client_id_url(client_id: &str) -> bool {
    let starts_with = |prefix: &str| {
        client_id
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    starts_with("https:") || starts_with("http:")
}

/// A URL that can name a client (draft-ietf-oauth-client-id-metadata-document §3): https, with a
/// path, without fragment, user name, password or dot segments, and written in its normal form.
///
/// The normal form matters because client ids are compared as strings: one client that can be
/// written in two ways would be two clients, with consents and limits of their own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ClientIdUrl(Url);

impl ClientIdUrl {
    /// Reads a `client_id`. `allow_http` is `!cimd.require_https`.
    ///
    /// # Errors
    /// [`DocumentError::Scheme`] and [`DocumentError::UrlInvalid`].
    pub fn parse(client_id: &str, allow_http: bool) -> Result<Self, DocumentError> {
        if client_id.len() > MAX_LENGTH {
            return Err(DocumentError::UrlInvalid("it is longer than 2048 bytes"));
        }
        // What a URL parser drops or repairs in silence must not get that far.
        if !client_id
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'\\')
        {
            return Err(DocumentError::UrlInvalid(
                "it contains characters that a URL cannot contain",
            ));
        }
        let url =
            Url::parse(client_id).map_err(|_| DocumentError::UrlInvalid("it cannot be read"))?;
        match url.scheme() {
            "https" => {}
            "http" if allow_http => {}
            _ => return Err(DocumentError::Scheme),
        }
        if url.fragment().is_some() {
            return Err(DocumentError::UrlInvalid("it has a fragment"));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(DocumentError::UrlInvalid("it has a user name or password"));
        }
        if url.port() == Some(0) {
            return Err(DocumentError::UrlInvalid("it has port 0"));
        }
        if has_dot_segment(client_id) {
            return Err(DocumentError::UrlInvalid("its path has dot segments"));
        }
        if url.path() == "/" {
            return Err(DocumentError::UrlInvalid("it has no path"));
        }
        if matches!(url.host(), Some(Host::Domain(name)) if name.ends_with('.')) {
            return Err(DocumentError::UrlInvalid("its host ends in a dot"));
        }
        if url.as_str() != client_id {
            return Err(DocumentError::UrlInvalid(
                "it is not written in its normal form",
            ));
        }
        Ok(Self(url))
    }

    /// The URL, which is the client id character for character.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URL, parsed.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The host, to be shown at consent: the one part of a document's claims that is proven.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }
}

impl fmt::Display for ClientIdUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether the path as written has a `.` or `..` segment, percent-encoded ones included
/// (RFC 3986 §3.3; the parser removes them).
fn has_dot_segment(url: &str) -> bool {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = after_scheme.split(['?', '#']).next().unwrap_or_default();
    path.split('/').skip(1).any(|segment| {
        let decoded = segment.to_ascii_lowercase().replace("%2e", ".");
        decoded == "." || decoded == ".."
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn good_client_ids_are_kept_character_for_character() {
        for text in [
            "https://example.com/client.json",
            "https://example.com/a/b/",
            "https://example.com/a%20b?version=2",
            "https://example.com:8443/client",
            "https://xn--bcher-kva.example/c",
            "https://8.8.8.8/c",
            "https://[2606:4700::1111]/c",
            "https://example.com/.well-known/client",
            "https://example.com/a..b/...",
        ] {
            assert_eq!(ClientIdUrl::parse(text, false).unwrap().as_str(), text);
        }
        assert!(ClientIdUrl::parse("http://localhost:3000/c", true).is_ok());
    }

    #[test]
    fn other_client_ids_are_refused() {
        for (text, reason) in [
            ("", "url_invalid"),
            ("client", "url_invalid"),
            ("https://", "url_invalid"),
            ("https://example.com", "url_invalid"),
            ("https://example.com/", "url_invalid"),
            ("https://example.com/?a=b", "url_invalid"),
            ("https://example.com?a=b", "url_invalid"),
            ("https://example.com/c#f", "url_invalid"),
            ("https://example.com/c#", "url_invalid"),
            ("https://user@example.com/c", "url_invalid"),
            ("https://user:pw@example.com/c", "url_invalid"),
            ("https://:pw@example.com/c", "url_invalid"),
            ("https://@example.com/c", "url_invalid"),
            ("https://example.com/a/../c", "url_invalid"),
            ("https://example.com/./c", "url_invalid"),
            ("https://example.com/c/..", "url_invalid"),
            ("https://example.com/a/%2e%2E/c", "url_invalid"),
            ("https://example.com/%2e/c", "url_invalid"),
            ("https://example.com/a/.%2e/c", "url_invalid"),
            ("https://example.com\\@evil.test/c", "url_invalid"),
            ("https:/example.com/c", "url_invalid"),
            ("https:example.com/c", "url_invalid"),
            ("https:///example.com/c", "url_invalid"),
            ("https://example.com:443/c", "url_invalid"),
            ("https://example.com:/c", "url_invalid"),
            ("https://example.com:08443/c", "url_invalid"),
            ("https://example.com:0/c", "url_invalid"),
            ("https://example.com:65536/c", "url_invalid"),
            ("https://EXAMPLE.com/c", "url_invalid"),
            ("HTTPS://example.com/c", "url_invalid"),
            ("https://example.com./c", "url_invalid"),
            ("https://bücher.example/c", "url_invalid"),
            ("https://2130706433/c", "url_invalid"),
            ("https://0x7f.1/c", "url_invalid"),
            ("https://0177.0.0.1/c", "url_invalid"),
            ("https://example.com/a b", "url_invalid"),
            ("https://exa\tmple.com/c", "url_invalid"),
            ("https://example.com/c\n", "url_invalid"),
            (" https://example.com/c", "url_invalid"),
            ("https://example.com/\0", "url_invalid"),
            ("https://[fe80::1%25eth0]/c", "url_invalid"),
            ("http://example.com/c", "scheme"),
            ("ftp://example.com/c", "scheme"),
            ("javascript:alert(1)", "scheme"),
            ("file:///etc/passwd", "scheme"),
            ("data:application/json,{}", "scheme"),
        ] {
            let error = ClientIdUrl::parse(text, false).unwrap_err();
            assert_eq!(error.reason(), reason, "{text:?}: {error}");
        }
        let long = format!("https://example.com/{}", "a".repeat(MAX_LENGTH));
        assert!(ClientIdUrl::parse(&long, false).is_err());
    }

    #[test]
    fn a_client_id_meant_as_a_url_is_told_from_others() {
        for text in ["https://example.com/c", "HTTPS:x", "http://localhost/c"] {
            assert!(is_client_id_url(text), "{text}");
        }
        for text in ["", "abc", "httpsx", "0198a1b2-c3d4", "ä"] {
            assert!(!is_client_id_url(text), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text in any::<String>(), allow_http: bool) {
            let _ = is_client_id_url(&text);
            let _ = ClientIdUrl::parse(&text, allow_http);
        }

        #[test]
        fn what_is_accepted_is_one_spelling_of_a_fetchable_url(
            text in r"https://[a-zA-Z0-9.:@\[\]%-]{1,20}[/.%2eE?#a-z\\]{0,20}"
        ) {
            if let Ok(accepted) = ClientIdUrl::parse(&text, false) {
                prop_assert_eq!(accepted.as_str(), text.as_str());
                let url = Url::parse(&text).unwrap();
                prop_assert_eq!(url.as_str(), text.as_str());
                prop_assert!(url.has_host() && url.path() != "/" && url.fragment().is_none());
            }
        }
    }
}
