//! Redirect URIs that an operator approved for self-registration (`approved_redirects`).

use crate::redirect_uri;
use url::Url;

/// Whether the approved `entry` covers the redirect URI `uri`.
///
/// An entry covers itself. An entry that ends in `*`, such as `https://app.example/cb/*`, also
/// covers every URI of the same scheme, host and port whose path begins with the entry's path;
/// a URI that two parsers could read in two ways (dot segments, encoded slashes, backslashes,
/// empty segments, user names) is not covered. The `*` stands behind the slash that ends the
/// host, at the earliest, and nowhere else.
///
/// A loopback entry without a port, such as `http://127.0.0.1/*`, covers all ports, since
/// native clients choose theirs at run time (RFC 8252 §7.3).
#[must_use]
pub fn approved_redirect(entry: &str, uri: &str) -> bool {
    let Some(prefix) = entry.strip_suffix('*') else {
        return entry == uri || (is_portless_loopback(entry) && redirect_uri::matches(entry, uri));
    };
    // Behind the path, an entry would have to be compared as text; a prefix ends in its path.
    if prefix.contains(['?', '#', '*']) || uri.contains('#') {
        return false;
    }
    let (Some((origin, prefix_path)), Some((uri_origin, path))) = (split(prefix), split(uri))
    else {
        return false;
    };
    let same_origin = origin == uri_origin
        || (is_portless_loopback(prefix) && redirect_uri::matches(origin, uri_origin));
    same_origin
        && is_unambiguous(prefix, prefix_path)
        && is_unambiguous(uri, path)
        && path.starts_with(prefix_path)
}

fn is_portless_loopback(text: &str) -> bool {
    split(text).is_some_and(|(origin, _)| {
        matches!(
            origin,
            "http://127.0.0.1" | "http://[::1]" | "http://localhost"
        )
    })
}

/// Scheme, authority and path as written, if the text reads the same to every parser.
fn split(text: &str) -> Option<(&str, &str)> {
    let visible = |b: u8| matches!(b, 0x21..=0x7e) && !b"\\\"<>^`{|}".contains(&b);
    if !text.bytes().all(visible) {
        return None;
    }
    let scheme_end = text.find(':')? + 1;
    let special = matches!(&text[..scheme_end], "http:" | "https:");
    let (authority_at, path_at) = if text[scheme_end..].starts_with("//") {
        let authority_at = scheme_end + 2;
        let length = text[authority_at..].find(['/', '?', '#'])?;
        if length == 0 {
            return None;
        }
        (authority_at, authority_at + length)
    } else if special {
        return None;
    } else {
        // A private-use scheme without authority, such as `com.example.app:/cb`.
        (scheme_end, scheme_end)
    };
    if !text[path_at..].starts_with('/') {
        return None;
    }
    let (origin, rest) = text.split_at(path_at);
    let path_end = rest.find(['?', '#']).unwrap_or(rest.len());
    let authority = &origin[authority_at..];
    let plain = !authority.contains(['@', '%', '*']);
    plain.then_some((origin, &rest[..path_end]))
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_exact_entry_covers_itself_only() {
        let entry = "https://app.example/cb";
        assert!(approved_redirect(entry, entry));
        for other in [
            "https://app.example/cb2",
            "https://app.example/cb?x",
            "https://app.example/c",
        ] {
            assert!(!approved_redirect(entry, other), "{other}");
        }
        assert!(approved_redirect(
            "com.example.app:/cb",
            "com.example.app:/cb"
        ));
    }

    #[test]
    fn a_prefix_entry_covers_what_lies_under_its_path() {
        for (entry, uri) in [
            ("https://app.example/cb/*", "https://app.example/cb/"),
            (
                "https://app.example/cb/*",
                "https://app.example/cb/a/b?x=/../y",
            ),
            ("https://app.example/cb*", "https://app.example/cb2"),
            ("https://app.example/*", "https://app.example/"),
            ("https://app.example:8443/*", "https://app.example:8443/x"),
            ("cursor://app/oauth/*", "cursor://app/oauth/user-1/callback"),
            ("com.example.app:/cb/*", "com.example.app:/cb/1"),
        ] {
            assert!(approved_redirect(entry, uri), "{entry} {uri}");
        }
    }

    #[test]
    fn a_prefix_entry_covers_nothing_else() {
        let entry = "https://app.example/cb/*";
        for uri in [
            "https://app.example/cb",
            "https://app.example/CB/x",
            "https://app.example/other",
            "https://app.example:444/cb/x",
            "https://app.example:443/cb/x",
            "http://app.example/cb/x",
            "HTTPS://app.example/cb/x",
            "https://app.example.evil.example/cb/x",
            "https://app.example@evil.example/cb/x",
            "https://x@app.example/cb/x",
            "https://app.example/cb/../admin",
            "https://app.example/cb/./x",
            "https://app.example/cb/..",
            "https://app.example/cb/%2e%2e/admin",
            "https://app.example/cb/%2E./admin",
            "https://app.example/cb/..%2fadmin",
            "https://app.example/cb/%252e%252e/admin",
            "https://app.example/cb/%5c..%5cadmin",
            "https://app.example/cb/..\\admin",
            "https://app.example\\/cb/x",
            "https://app.example/cb//x",
            "https://app.example/cb/x#y",
            "https://app.example/cb/\tx",
            "https://app.example/cb/ x",
            "https://app.example/cb/\u{e4}",
            "https://app.example//cb/x",
            "https:app.example/cb/x",
            "https:/app.example/cb/x",
            "https:///app.example/cb/x",
            " https://app.example/cb/x",
            "",
        ] {
            assert!(!approved_redirect(entry, uri), "{uri}");
        }
    }

    #[test]
    fn a_star_may_not_reach_into_the_host() {
        for entry in [
            "*",
            "https://*",
            "https://app.example*",
            "https://app.example:*",
            "https://*.example/*",
            "https://app.example/*/cb*",
            "https://app.example/?x=*",
            "https://app.example/cb/../*",
        ] {
            assert!(
                !approved_redirect(entry, "https://app.example/cb/x"),
                "{entry}"
            );
            assert!(
                !approved_redirect(entry, "https://app.example.evil/cb/x"),
                "{entry}"
            );
        }
    }

    #[test]
    fn a_loopback_entry_without_a_port_covers_all_ports() {
        for (entry, uri, covered) in [
            ("http://127.0.0.1/*", "http://127.0.0.1:33418/cb", true),
            ("http://localhost/cb", "http://localhost:33418/cb", true),
            ("http://localhost/cb", "http://localhost:33418/cb2", false),
            ("http://localhost:3000/*", "http://localhost:3001/cb", false),
            (
                "http://localhost:3000/cb",
                "http://localhost:3001/cb",
                false,
            ),
            ("http://localhost/*", "http://127.0.0.1:1/cb", false),
            (
                "http://localhost/*",
                "http://localhost:1@evil.example/cb",
                false,
            ),
            (
                "http://localhost/*",
                "http://localhost.evil.example/cb",
                false,
            ),
            ("http://app.example/*", "http://app.example:1/cb", false),
        ] {
            assert_eq!(approved_redirect(entry, uri), covered, "{entry} {uri}");
        }
    }

    proptest! {
        #[test]
        fn any_texts_are_compared(entry in any::<String>(), uri in any::<String>()) {
            let _ = approved_redirect(&entry, &uri);
        }

        #[test]
        fn what_is_covered_has_the_entrys_host_for_every_reader(
            uri in "https://[a-z.@:/\\\\?#%25e]{0,6}app\\.example[a-z.@:/\\\\?#%25e]{0,8}"
        ) {
            if approved_redirect("https://app.example/cb/*", &uri) || approved_redirect("https://app.example/*", &uri) {
                let url = Url::parse(&uri).unwrap();
                prop_assert_eq!(url.host_str(), Some("app.example"));
                prop_assert_eq!(url.port(), None);
            }
        }
    }
}
