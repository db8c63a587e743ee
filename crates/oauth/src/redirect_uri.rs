//! Redirect URIs: which may be registered, which request matches, how they are shown.
//!
//! **Application type.** OpenID Connect Registration §2 lets `application_type` default to
//! `web`, and web clients may not use loopback or custom-scheme redirects. MCP clients in the
//! field register exactly such redirects and say nothing about their type. A client that
//! leaves the type out is therefore taken for `native` when one of its redirect URIs is one
//! that only native clients may have ([`infer_application_type`]), and for `web` otherwise.
//! A client that *says* `web` is held to it.

use domain::{ApplicationType, is_refused_scheme};
use std::fmt;
use url::{Host, Url};

/// The longest redirect URI, in bytes.
pub const MAX_LENGTH: usize = 2048;

/// Why a redirect URI may not be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedirectUriError {
    /// Longer than [`MAX_LENGTH`].
    #[error("it is longer than {MAX_LENGTH} bytes; shorten it")]
    TooLong,
    /// A blank, control or other character that RFC 3986 §2 does not allow.
    #[error("it has a character that RFC 3986 does not allow; percent-encode it")]
    Character,
    /// Not absolute.
    #[error("it is not an absolute URI; begin with a scheme, such as https://")]
    NotAbsolute,
    /// RFC 6749 §3.1.2
    #[error("it has a fragment; remove everything from '#' on")]
    Fragment,
    /// A user name or password before the host.
    #[error("it has a user name or password; remove everything up to '@'")]
    UserInfo,
    /// A host that is neither a plain name nor an address.
    #[error("its host is not a plain host name or address; write it in lower-case ASCII")]
    Host,
    /// A scheme that never leads back to a client.
    #[error("the scheme {0} may not be used; use https, or a private-use scheme of your app")]
    Scheme(String),
    /// Plain http to a host that is not this machine.
    #[error(
        "plain http is allowed only to 127.0.0.1, [::1] or localhost, for native clients; use https"
    )]
    PlainHttp,
    /// RFC 8252 §7.3 is for native clients.
    #[error("a web client may not use a loopback address; register application_type native")]
    LoopbackForWeb,
    /// RFC 8252 §7.1 is for native clients.
    #[error("a web client may not use a custom scheme; register application_type native")]
    CustomSchemeForWeb,
}

/// A redirect URI that may be registered (RFC 6749 §3.1.2, RFC 8252 §7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectUri(String);

impl RedirectUri {
    /// Checks `text` for a client of the given type. It is kept character for character.
    ///
    /// - web: `https` to a host that is not this machine;
    /// - native: `https`; `http` to `127.0.0.1`, `[::1]` or `localhost` (RFC 8252 §7.3); a
    ///   private-use scheme (§7.1), unless it is one that browsers or systems interpret.
    ///
    /// # Errors
    /// The first rule that it breaks.
    pub fn parse_for_registration(
        text: &str,
        application_type: ApplicationType,
    ) -> Result<Self, RedirectUriError> {
        let web = application_type == ApplicationType::Web;
        let url = read(text)?;
        if url.scheme() == "http" && split_loopback(text).is_none() {
            return Err(RedirectUriError::PlainHttp);
        }
        if web && !matches!(url.scheme(), "http" | "https") {
            return Err(RedirectUriError::CustomSchemeForWeb);
        }
        if web && is_this_machine(&url) {
            return Err(RedirectUriError::LoopbackForWeb);
        }
        Ok(Self(text.to_owned()))
    }

    /// The URI as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URI as owned text.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The rules that hold for every redirect URI, whoever registers it.
fn read(text: &str) -> Result<Url, RedirectUriError> {
    if text.len() > MAX_LENGTH {
        return Err(RedirectUriError::TooLong);
    }
    if !text.bytes().all(is_uri_byte) {
        return Err(RedirectUriError::Character);
    }
    if text.contains('#') {
        return Err(RedirectUriError::Fragment);
    }
    let url = Url::parse(text).map_err(|_| RedirectUriError::NotAbsolute)?;
    let scheme = url.scheme();
    if is_refused_scheme(scheme) {
        return Err(RedirectUriError::Scheme(scheme.to_owned()));
    }
    let after = &text[scheme.len() + 1..];
    if matches!(scheme, "http" | "https") {
        // The URL standard repairs `https:host` and `https:/host`; browsers and others differ.
        if !after.starts_with("//") || after.starts_with("///") {
            return Err(RedirectUriError::NotAbsolute);
        }
        if !url.host().is_some_and(|host| is_plain_host(&host)) {
            return Err(RedirectUriError::Host);
        }
    } else if after.is_empty() || after == "//" {
        return Err(RedirectUriError::NotAbsolute);
    }
    let authority = after
        .strip_prefix("//")
        .and_then(|rest| rest.split(['/', '?']).next());
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err(RedirectUriError::UserInfo);
    }
    Ok(url)
}

/// The characters of RFC 3986 §2, percent sign included.
fn is_uri_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte)
}

/// An address, or a name of letters, digits, `-`, `_` and `.`: nothing that means something
/// else in a header or a policy.
fn is_plain_host(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.')),
        Host::Ipv4(_) | Host::Ipv6(_) => true,
    }
}

fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.');
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(Host::Ipv4(ip)) => ip.is_loopback() || ip.is_unspecified(),
        Some(Host::Ipv6(ip)) => {
            let v4 = ip.to_ipv4_mapped();
            ip.is_loopback() || ip.is_unspecified() || v4.is_some_and(|ip| ip.is_loopback())
        }
        None => false,
    }
}

/// The host of a loopback redirect as written, and what follows the port.
fn split_loopback(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let host = ["127.0.0.1", "[::1]", "localhost"]
        .into_iter()
        .find(|host| rest.starts_with(host))?;
    let (host, mut rest) = rest.split_at(host.len());
    if let Some(after) = rest.strip_prefix(':') {
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        after[..digits].parse::<u16>().ok()?;
        rest = &after[digits..];
    }
    (rest.is_empty() || rest.starts_with(['/', '?'])).then_some((host, rest))
}

/// Whether `requested` is the redirect URI `registered`: character for character, except that
/// the port of an `http` loopback redirect may differ or be absent (RFC 8252 §7.3, RFC 9700
/// §4.1.3).
#[must_use]
pub fn matches(registered: &str, requested: &str) -> bool {
    if registered == requested {
        return true;
    }
    match (split_loopback(registered), split_loopback(requested)) {
        (Some(registered), Some(requested)) => registered == requested,
        _ => false,
    }
}

/// Whether the URI has a scheme that may not be registered.
#[must_use]
pub fn has_refused_scheme(uri: &str) -> bool {
    uri.split_once(':')
        .is_some_and(|(scheme, _)| is_refused_scheme(scheme))
}

/// The type of a client: what it declared, else `native` when one of its redirect URIs is one
/// that only a native client may have, else `web`. See the module's documentation.
#[must_use]
pub fn infer_application_type<S: AsRef<str>>(
    declared: Option<ApplicationType>,
    redirect_uris: &[S],
) -> ApplicationType {
    declared.unwrap_or_else(|| {
        let native_only = redirect_uris.iter().any(|uri| {
            let url = Url::parse(uri.as_ref());
            url.is_ok_and(|url| url.scheme() != "https" || is_this_machine(&url))
        });
        if native_only {
            ApplicationType::Native
        } else {
            ApplicationType::Web
        }
    })
}

/// Where a redirect leads, in the words of the consent page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RedirectHost {
    /// The host, in the ASCII form that look-alike letters cannot imitate, with a port that is
    /// not the scheme's own; for custom schemes the scheme.
    pub host: String,
    /// Whether it is the user's own machine.
    pub is_local: bool,
    /// Whether an app registered with the system receives it.
    pub is_custom_scheme: bool,
}

/// Where the redirect URI leads, for people.
#[must_use]
pub fn host_for_display(uri: &str) -> RedirectHost {
    let Ok(url) = Url::parse(uri) else {
        return RedirectHost {
            host: String::from("an unreadable address"),
            is_local: false,
            is_custom_scheme: false,
        };
    };
    let is_custom_scheme = !matches!(url.scheme(), "http" | "https");
    let host = match (is_custom_scheme, url.host_str(), url.port()) {
        (false, Some(host), Some(port)) => format!("{host}:{port}"),
        (false, Some(host), None) => host.to_owned(),
        _ => format!("{}:", url.scheme()),
    };
    RedirectHost {
        host,
        is_local: is_custom_scheme || is_this_machine(&url),
        is_custom_scheme,
    }
}

#[cfg(test)]
mod tests;
