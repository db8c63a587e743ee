//! What the fields of a resource may hold, whoever sets them: an operator, or a configuration.

use crate::{OFFLINE_ACCESS, Scope, is_valid_client_id, is_valid_slug, looks_like_markup};
use url::Url;

/// What one field may hold.
#[derive(Debug, Clone, Copy)]
pub struct FieldRule<T: ?Sized> {
    /// The values that are accepted, in words.
    pub allowed: &'static str,
    /// Whether a value is accepted.
    pub holds: fn(&T) -> bool,
}

/// The short name of a resource.
pub const SLUG: FieldRule<str> = FieldRule {
    allowed: "1 to 64 of a-z, 0-9 and -, with no - at either end",
    holds: is_valid_slug,
};

/// The name that pages show.
pub const DISPLAY_NAME: FieldRule<str> = FieldRule {
    allowed: "1 to 256 characters, not only blanks",
    holds: |name| {
        let name = name.trim();
        !name.is_empty() && name.chars().count() <= 256
    },
};

/// The name of a scope in a catalog.
pub const CATALOG_SCOPE: FieldRule<str> = FieldRule {
    allowed: "1 to 256 printable ASCII characters without space, \" and \\ (RFC 6749 §3.3), \
              < > ` and ..; offline_access is never part of a catalog",
    holds: |name| {
        let misleading = looks_like_markup(name) || name.contains("..");
        name != OFFLINE_ACCESS && Scope::parse(name).is_ok() && !misleading
    },
};

/// A list of clients in a policy.
pub const CLIENT_IDS: FieldRule<[String]> = FieldRule {
    allowed: "at most 1000 client ids: https URLs, or 1 to 2048 of letters, digits and - . _ ~ : @ + =",
    holds: |ids| are_entries(ids) && ids.iter().all(|id| is_valid_client_id(id)),
};

/// The addresses that users may be sent back to.
pub const RETURN_URLS: FieldRule<[String]> = FieldRule {
    allowed: "at most 1000 absolute http or https URLs of at most 2048 printable ASCII characters",
    holds: |urls| are_entries(urls) && urls.iter().all(|url| is_web_address(url)),
};

fn are_entries(list: &[String]) -> bool {
    let printable = |entry: &String| entry.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
    let sound = |entry: &String| (1..=2048).contains(&entry.len()) && printable(entry);
    list.len() <= 1000 && list.iter().all(sound)
}

fn is_web_address(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_accepts_and_refuses_at_its_edges() {
        let long = "n".repeat(256);
        for (rule, good, bad) in [
            (SLUG, "notes-2", "notes-"),
            (DISPLAY_NAME, long.as_str(), "  "),
            (CATALOG_SCOPE, "notes:read", OFFLINE_ACCESS),
            (CATALOG_SCOPE, long.as_str(), "two words"),
            (CATALOG_SCOPE, "https://notes.example/auth/read", "../read"),
            (CATALOG_SCOPE, "notes/read", "<b>"),
        ] {
            assert!((rule.holds)(good), "{good}");
            assert!(!(rule.holds)(bad), "{bad}");
        }
        let longer = format!("{long}n");
        assert!(!(DISPLAY_NAME.holds)(&longer) && !(CATALOG_SCOPE.holds)(&longer));
        let list = |entry: &str, times| vec![entry.to_owned(); times];
        assert!((CLIENT_IDS.holds)(&list("client", 1000)));
        assert!(!(CLIENT_IDS.holds)(&list("client", 1001)));
        for entry in ["", "a b", "caf\u{e9}", "../x", "<b>", &"x".repeat(2049)] {
            assert!(!(CLIENT_IDS.holds)(&list(entry, 1)), "{entry:?}");
        }
        assert!((RETURN_URLS.holds)(&list("https://app.example/done", 1)));
        for url in ["/done", "javascript:alert(1)", "https://"] {
            assert!(!(RETURN_URLS.holds)(&list(url, 1)), "{url}");
        }
    }
}
