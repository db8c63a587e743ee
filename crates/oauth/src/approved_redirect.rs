//! Redirect URIs that an operator approved for self-registration (`approved_redirects`).

use url::Url;

/// Whether the approved `entry` covers the redirect URI `uri`.
///
/// An entry covers itself. An entry that ends in `*` also covers every URI of the same
/// scheme, host and port whose path begins with the entry's path; for that, both are read as
/// URLs, and a URI whose path could be understood in two ways (dot segments, encoded slashes,
/// backslashes, empty segments) is not covered. In an entry, `*` may only stand after the host's slash.
#[must_use]
pub fn approved_redirect(entry: &str, uri: &str) -> bool {
    let Some(prefix) = entry.strip_suffix('*') else {
        return entry == uri;
    };
    let (Some((entry_origin, entry_path)), Some((origin, path))) = (split(prefix), split(uri))
    else {
        return false;
    };
    if entry_origin != origin || !is_unambiguous(prefix, entry_path) {
        return false;
    }
    // What follows the path in the entry would have to be compared as text; a prefix ends in
    // its path.
    if prefix.contains(['?', '#', '*']) || uri.contains('#') {
        return false;
    }
    is_unambiguous(uri, path) && path.starts_with(entry_path)
}

/// Scheme, authority and path as written, if the text reads the same to every parser.
fn split(text: &str) -> Option<(&str, &str)> {
    let visible = |b: u8| matches!(b, 0x21..=0x7e) && !b"\\\"<>^`{|}".contains(&b);
    if !text.bytes().all(visible) {
        return None;
    }
    let authority_at = text.find("://")? + 3;
    let path_at = authority_at + text[authority_at..].find(['/', '?', '#'])?;
    if !text[path_at..].starts_with('/') {
        return None;
    }
    let (origin, rest) = text.split_at(path_at);
    let path_end = rest.find(['?', '#']).unwrap_or(rest.len());
    let authority = &origin[authority_at..];
    (!authority.is_empty() && !authority.contains(['@', '%', '*']))
        .then_some((origin, &rest[..path_end]))
}

/// Whether the path is already in normal form and decodes to the same segments.
fn is_unambiguous(text: &str, path: &str) -> bool {
    let encoded = path.to_ascii_lowercase();
    let hidden = ["%2f", "%5c", "%2e", "%25", "%00"];
    let segments_fit = path
        .split('/')
        .all(|segment| segment != "." && segment != "..");
    segments_fit
        && !path.contains("//")
        && !hidden.iter().any(|code| encoded.contains(code))
        && Url::parse(text).is_ok_and(|url| url.path() == path)
}
