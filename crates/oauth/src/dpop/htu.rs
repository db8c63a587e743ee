//! The URL a proof is for, in the one spelling that equivalent URLs share.

use super::DpopError;
use std::net::Ipv6Addr;

/// The longest `htu`, in bytes.
const MAX_LENGTH: usize = 2048;

/// An `http` or `https` URL without query and fragment, normalised (RFC 9449 §4.3 item 9,
/// RFC 3986 §6.2.2 and §6.2.3). Two are equal when the URLs are equivalent.
///
/// URLs are read as RFC 3986 spells them, not as browsers repair them: what a browser would
/// read as another URL is refused here.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Htu(String);

impl Htu {
    /// Reads and normalises a URL.
    ///
    /// # Errors
    /// [`DpopError::Htu`] when it is not an absolute `http` or `https` URL, or has userinfo.
    pub fn parse(text: &str) -> Result<Self, DpopError> {
        if text.len() > MAX_LENGTH {
            return Err(DpopError::Htu("it is longer than 2048 bytes"));
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(DpopError::Htu("it has a character that no URL has"));
        }
        let (scheme, rest) = text
            .split_once("://")
            .ok_or(DpopError::Htu("it is not an absolute http or https URL"))?;
        let (scheme, default_port) = match scheme {
            s if s.eq_ignore_ascii_case("https") => ("https", 443),
            s if s.eq_ignore_ascii_case("http") => ("http", 80),
            _ => return Err(DpopError::Htu("its scheme is not http or https")),
        };
        let end = rest.find(['?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest[..end].split_at(rest[..end].find('/').unwrap_or(end));
        if authority.contains('@') {
            return Err(DpopError::Htu("it has a user name; remove it"));
        }
        let (host, port) = split_port(authority, default_port)?;
        let mut url = String::with_capacity(text.len() + 1);
        url.push_str(scheme);
        url.push_str("://");
        push_host(&mut url, host)?;
        if port != default_port {
            url.push(':');
            url.push_str(&port.to_string());
        }
        push_path(&mut url, path)?;
        Ok(Self(url))
    }

    /// The normalised URL.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Host and port of an authority (RFC 3986 §3.2.2, §3.2.3); an absent or empty port is the
/// scheme's.
fn split_port(authority: &str, default_port: u16) -> Result<(&str, u16), DpopError> {
    // The colons of an IPv6 address lie within brackets.
    let host_end = authority.rfind(']').map_or(0, |at| at + 1);
    let Some(colon) = authority[host_end..].find(':') else {
        return Ok((authority, default_port));
    };
    let (host, port) = authority.split_at(host_end + colon);
    match &port[1..] {
        "" => Ok((host, default_port)),
        digits if digits.bytes().all(|b| b.is_ascii_digit()) => digits
            .parse()
            .map(|port| (host, port))
            .map_err(|_| DpopError::Htu("its port is out of range")),
        _ => Err(DpopError::Htu("its port is not a number")),
    }
}

/// RFC 3986 §6.2.2.1: hosts in lower case; an IPv6 address in its one form (RFC 5952 §4).
fn push_host(url: &mut String, host: &str) -> Result<(), DpopError> {
    const BAD: DpopError = DpopError::Htu("its host is not a host name or address");
    if let Some(literal) = host.strip_prefix('[') {
        let address: Ipv6Addr = literal
            .strip_suffix(']')
            .and_then(|address| address.parse().ok())
            .ok_or(BAD)?;
        url.push_str(&format!("[{address}]"));
        return Ok(());
    }
    if host.is_empty() {
        return Err(BAD);
    }
    let start = url.len();
    push_normalised(url, host, is_name_character).ok_or(BAD)?;
    // Escapes keep their upper-case digits; everything else is a letter of the name.
    let mut name = String::with_capacity(host.len());
    let mut escape = 0;
    for c in url[start..].chars() {
        if c == '%' {
            escape = 3;
        }
        name.push(if escape > 0 {
            c
        } else {
            c.to_ascii_lowercase()
        });
        escape = i32::max(escape - 1, 0);
    }
    url.truncate(start);
    url.push_str(&name);
    Ok(())
}

/// RFC 3986 §6.2.2.2, §6.2.2.3, §6.2.3: escapes in one form, no dot segments, never empty.
fn push_path(url: &mut String, path: &str) -> Result<(), DpopError> {
    if path.is_empty() {
        url.push('/');
        return Ok(());
    }
    let mut normalised = String::with_capacity(path.len());
    push_normalised(&mut normalised, path, is_path_character).ok_or(DpopError::Htu(
        "its path has a character or '%' that must be percent-encoded",
    ))?;
    // RFC 3986 §5.2.4; the path begins with '/', so the first segment is empty.
    let mut segments: Vec<&str> = Vec::new();
    let mut rest = normalised[1..].split('/').peekable();
    while let Some(segment) = rest.next() {
        let last = rest.peek().is_none();
        match segment {
            "." => {}
            ".." => {
                segments.pop();
            }
            plain => {
                segments.push(plain);
                continue;
            }
        }
        if last {
            segments.push("");
        }
    }
    for segment in &segments {
        url.push('/');
        url.push_str(segment);
    }
    Ok(())
}

/// Appends `text` with escapes of unreserved characters decoded and the digits of all others
/// in upper case (RFC 3986 §6.2.2.1, §6.2.2.2). `None` for a broken escape or a character
/// that is not `allowed`.
fn push_normalised(out: &mut String, text: &str, allowed: fn(u8) -> bool) -> Option<()> {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == b'%' {
            let (high, low) = (bytes.next()?, bytes.next()?);
            let value = digit(high)? << 4 | digit(low)?;
            if is_unreserved(value) {
                out.push(char::from(value));
            } else {
                out.push('%');
                out.push(char::from(high.to_ascii_uppercase()));
                out.push(char::from(low.to_ascii_uppercase()));
            }
        } else if allowed(byte) {
            out.push(char::from(byte));
        } else {
            return None;
        }
    }
    Some(())
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// RFC 3986 §2.3
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// `reg-name` (RFC 3986 §3.2.2), without escapes.
fn is_name_character(byte: u8) -> bool {
    is_unreserved(byte) || b"!$&'()*+,;=".contains(&byte)
}

/// `pchar` (RFC 3986 §3.3), without escapes, and the slash.
fn is_path_character(byte: u8) -> bool {
    is_name_character(byte) || matches!(byte, b':' | b'@' | b'/')
}

#[cfg(test)]
mod tests;
