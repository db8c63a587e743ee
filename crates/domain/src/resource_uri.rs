//! Identifiers of resources (RFC 8707 §2), normalised.

use url::Url;

/// Schemes that name no service.
const FORBIDDEN_SCHEMES: [&str; 4] = ["javascript", "data", "file", "vbscript"];

/// The identifier of a resource: an absolute URI with a host, in one spelling of the many that
/// RFC 3986 calls equivalent.
///
/// Scheme and host are in lower case, an internationalised host is in its ASCII form, a default
/// port and dot segments are gone, percent-encoding is in upper case and left to the characters
/// that need it (RFC 3986 §6.2.2, §6.2.3). An empty path and `/` name the same resource: the
/// spelling that was given is kept, since it becomes the `aud` of tokens, and [`Self::key`] is
/// the same for both.
#[derive(Debug, Clone)]
pub struct ResourceUri(String);

/// Why a text does not identify a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResourceUriError {
    /// Longer than [`ResourceUri::MAX_LENGTH`].
    #[error("has more than {max} bytes", max = ResourceUri::MAX_LENGTH)]
    TooLong,
    /// A character that no URI has (RFC 3986 §2).
    #[error("has a blank, a backslash, a control character, or one outside ASCII behind the host")]
    Character,
    /// Not `scheme://host…`.
    #[error("is not an absolute URI with a host, such as https://mcp.example.com/mcp")]
    NotAbsolute,
    /// A scheme that names no service.
    #[error("has a scheme that names no service")]
    Scheme,
    /// RFC 8707 §2 allows none.
    #[error("has a fragment; remove everything from '#' on")]
    Fragment,
    /// Credentials do not belong in an identifier.
    #[error("has a user name or password; remove it")]
    UserInfo,
    /// `%` without two hexadecimal digits after it.
    #[error("has a '%' that is not followed by two hexadecimal digits")]
    PercentEncoding,
}

impl ResourceUri {
    /// The longest identifier, in bytes, as given and as kept.
    pub const MAX_LENGTH: usize = 2048;

    /// Reads and normalises an identifier.
    ///
    /// # Errors
    /// When `text` is no absolute URI with a host, or has a fragment or credentials.
    pub fn parse(text: &str) -> Result<Self, ResourceUriError> {
        if text.len() > Self::MAX_LENGTH {
            return Err(ResourceUriError::TooLong);
        }
        let never = |c: char| c.is_whitespace() || c.is_control() || c == '\\';
        if text.contains(never) {
            return Err(ResourceUriError::Character);
        }
        if text.contains('#') {
            return Err(ResourceUriError::Fragment);
        }
        let (_, rest) = text
            .split_once("://")
            .ok_or(ResourceUriError::NotAbsolute)?;
        let authority = &rest[..rest.find(['/', '?']).unwrap_or(rest.len())];
        // Hosts have an ASCII form of their own (IDNA); elsewhere such a text is no URI.
        if !rest[authority.len()..].is_ascii() {
            return Err(ResourceUriError::Character);
        }
        if authority.contains('@') {
            return Err(ResourceUriError::UserInfo);
        }
        if !is_percent_encoded(text) {
            return Err(ResourceUriError::PercentEncoding);
        }
        let url = Url::parse(text).map_err(|_| ResourceUriError::NotAbsolute)?;
        if FORBIDDEN_SCHEMES.contains(&url.scheme()) {
            return Err(ResourceUriError::Scheme);
        }
        let host = url.host_str().filter(|host| !host.is_empty());
        let host = host.ok_or(ResourceUriError::NotAbsolute)?;
        if authority.is_empty() {
            return Err(ResourceUriError::NotAbsolute);
        }
        let normal = Self(rebuild(&url, host, rest.len() == authority.len()));
        match normal.0.len() {
            0..=Self::MAX_LENGTH => Ok(normal),
            _ => Err(ResourceUriError::TooLong),
        }
    }

    /// The identifier as it is kept and as tokens carry it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same for all spellings of one identifier.
    #[must_use]
    pub fn key(&self) -> &str {
        match self.0.strip_suffix('/') {
            Some(bare) if bare.matches('/').count() == 2 && !bare.contains('?') => bare,
            _ => &self.0,
        }
    }

    /// The identifier as text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

/// The parts of `url` in their normal form. `bare`: nothing stood behind the authority.
fn rebuild(url: &Url, host: &str, bare: bool) -> String {
    // Hosts of schemes that the URL standard does not know come as they were written.
    let host = normal_percent(&normal_percent(host).to_ascii_lowercase());
    let port = url.port().map(|port| format!(":{port}"));
    let path = match (url.path(), url.query()) {
        ("/" | "", None) if bare => String::new(),
        ("", _) => String::from("/"),
        (path, _) => normal_percent(path),
    };
    let query = url
        .query()
        .map(|query| format!("?{}", normal_percent(query)));
    format!(
        "{}://{host}{}{path}{}",
        url.scheme(),
        port.unwrap_or_default(),
        query.unwrap_or_default()
    )
}

/// The byte that a percent-encoding at the beginning of `text` stands for.
fn encoded_byte(text: &str) -> Option<u8> {
    let digits = text.strip_prefix('%')?.get(..2)?;
    let hexadecimal = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    hexadecimal.then(|| u8::from_str_radix(digits, 16).ok())?
}

/// Whether every `%` begins a percent-encoding.
fn is_percent_encoded(text: &str) -> bool {
    text.match_indices('%')
        .all(|(at, _)| encoded_byte(&text[at..]).is_some())
}

/// `text` with the characters decoded that need no percent-encoding (RFC 3986 §2.3), and the
/// rest encoded in upper case.
fn normal_percent(text: &str) -> String {
    let mut normal = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('%') {
        normal.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(byte) = encoded_byte(rest) else {
            normal.push('%');
            rest = &rest[1..];
            continue;
        };
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            normal.push(char::from(byte));
        } else {
            normal.push_str(&rest[..3].to_ascii_uppercase());
        }
        rest = &rest[3..];
    }
    normal.push_str(rest);
    normal
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn normal(text: &str) -> Result<String, ResourceUriError> {
        ResourceUri::parse(text).map(ResourceUri::into_string)
    }

    #[test]
    fn equivalent_spellings_have_one_form() {
        for (given, kept) in [
            ("HTTPS://MCP.Example.COM/Mcp", "https://mcp.example.com/Mcp"),
            (
                "https://mcp.example.com:443/mcp",
                "https://mcp.example.com/mcp",
            ),
            (
                "https://mcp.example.com:/mcp",
                "https://mcp.example.com/mcp",
            ),
            ("http://localhost:80/mcp", "http://localhost/mcp"),
            (
                "https://mcp.example.com:80/mcp",
                "https://mcp.example.com:80/mcp",
            ),
            (
                "https://h.example/%7euser/%41%2fb%c3%a4",
                "https://h.example/~user/A%2Fb%C3%A4",
            ),
            ("https://h.example/m?q=%7e%2a", "https://h.example/m?q=~%2A"),
            ("https://h.example/a/../b/./c", "https://h.example/b/c"),
            ("https://h.example/a/%2e%2E/b", "https://h.example/b"),
            (
                "https://M\u{fc}ller.example/m",
                "https://xn--mller-kva.example/m",
            ),
            (
                "https://XN--MLLER-KVA.example/",
                "https://xn--mller-kva.example/",
            ),
            ("https://[2001:DB8:0::1]:443/m", "https://[2001:db8::1]/m"),
            ("https://ex%61mple.com/m", "https://example.com/m"),
            ("api://Notes/V1", "api://notes/V1"),
            ("api://n%4Ftes", "api://notes"),
            ("https://h.example?x=1", "https://h.example/?x=1"),
            ("https://h.example/mcp/", "https://h.example/mcp/"),
            ("https://h.example/mcp?", "https://h.example/mcp?"),
            ("https://h.example", "https://h.example"),
            ("https://h.example:443/", "https://h.example/"),
        ] {
            assert_eq!(normal(given).as_deref(), Ok(kept), "{given}");
        }
    }

    #[test]
    fn an_empty_path_and_a_slash_are_alike_and_nothing_else_is() {
        let key = |text: &str| ResourceUri::parse(text).unwrap().key().to_owned();
        assert_eq!(key("https://h.example"), key("https://H.example:443/"));
        assert_eq!(key("api://notes"), key("api://notes/"));
        assert_ne!(key("https://h.example/mcp"), key("https://h.example/mcp/"));
        assert_ne!(key("https://h.example/?a"), key("https://h.example/?a/"));
        assert_ne!(key("https://h.example/mcp"), key("https://h.example/MCP"));
        assert_ne!(key("https://h.example/a%2Fb"), key("https://h.example/a/b"));
        assert_ne!(key("https://h.example"), key("http://h.example"));
    }

    #[test]
    fn what_identifies_no_resource_is_refused_by_name() {
        use ResourceUriError as Error;
        for (text, error) in [
            ("notes", Error::NotAbsolute),
            ("", Error::NotAbsolute),
            ("https:h.example", Error::NotAbsolute),
            ("https:///h.example", Error::NotAbsolute),
            ("https://", Error::NotAbsolute),
            ("https://h.example:99999/", Error::NotAbsolute),
            ("https://h.example:x/", Error::NotAbsolute),
            ("urn:example:notes", Error::NotAbsolute),
            ("//h.example/mcp", Error::NotAbsolute),
            ("javascript://h.example/%0aalert(1)", Error::Scheme),
            ("file://h.example/etc", Error::Scheme),
            ("https://h.example/mcp#part", Error::Fragment),
            ("https://h.example/mcp#", Error::Fragment),
            ("https://ada:pw@h.example/mcp", Error::UserInfo),
            ("https://@h.example/mcp", Error::UserInfo),
            ("https://h.example/ mcp", Error::Character),
            ("https://h.example/\tmcp", Error::Character),
            ("https://h.example\\mcp", Error::Character),
            ("https://h.example/%", Error::PercentEncoding),
            ("https://h.example/%4", Error::PercentEncoding),
            ("https://h.example/%zz", Error::PercentEncoding),
            ("https://h.example/\u{e4}", Error::Character),
            ("https://h.example/%\u{e4}\u{e4}", Error::Character),
        ] {
            assert_eq!(normal(text), Err(error), "{text}");
        }
        let long = format!("https://h.example/{}", "x".repeat(ResourceUri::MAX_LENGTH));
        assert_eq!(normal(&long), Err(Error::TooLong));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in any::<String>()) {
            let _ = ResourceUri::parse(&text);
        }

        #[test]
        fn the_normal_form_is_its_own(
            text in "(https?|HTTP|wss|api)://[a-zA-Z0-9.%:\\[\\]\u{e4}-]{1,16}(/[a-zA-Z0-9./%~?&=;'|-]{0,24})?"
        ) {
            if let Ok(once) = ResourceUri::parse(&text) {
                prop_assert!(once.as_str().bytes().all(|byte| byte.is_ascii_graphic()), "{:?}", once);
                let twice = ResourceUri::parse(once.as_str()).unwrap();
                prop_assert_eq!(once.as_str(), twice.as_str());
                prop_assert_eq!(once.key(), twice.key());
            }
        }
    }
}
