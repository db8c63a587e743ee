//! Ids. Each kind has its own type, so that a user id cannot be passed for a client id.

use crate::{Clock, Rng, UnixMillis};

macro_rules! ids {
    ($($(#[$meta:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes an id as it stands in the database or in a request.
            pub fn new(id: impl Into<String>) -> Self { Self(id.into()) }
            /// A fresh UUIDv7 (RFC 9562 §5.7).
            pub fn generate(clock: &dyn Clock, rng: &dyn Rng) -> Self {
                Self(new_uuid(clock, rng))
            }
            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str { &self.0 }
            /// The id as owned text.
            #[must_use]
            pub fn into_string(self) -> String { self.0 }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result { f.write_str(&self.0) }
        }
        impl crate::Weigh for $name { fn heap_bytes(&self) -> usize { self.0.heap_bytes() } }
        impl AsRef<str> for $name { fn as_ref(&self) -> &str { &self.0 } }
        impl From<String> for $name { fn from(id: String) -> Self { Self(id) } }
        impl From<&str> for $name { fn from(id: &str) -> Self { Self(id.to_owned()) } }
    )+};
}

ids! {
    /// An OAuth `client_id` (RFC 6749 §2.2); for CIMD clients the URL of the metadata document.
    ClientId,
    /// A user of this server; the `sub` of user tokens.
    UserId,
    /// A registered resource.
    ResourceId,
    /// A token family: all refresh tokens that descend from one authorization.
    FamilyId,
    /// The `jti` of an access token (RFC 7519 §4.1.7), also the id of its issuance.
    Jti,
    /// A consent grant.
    ConsentGrantId,
    /// A browser session.
    SessionId,
}

/// A fresh UUIDv7 as text: time-ordered, so that rows with it append to their index.
pub fn new_uuid(clock: &dyn Clock, rng: &dyn Rng) -> String {
    let mut random = [0_u8; 10];
    rng.fill(&mut random);
    let millis = u64::try_from(clock.now().0).unwrap_or(0);
    let uuid = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid();
    let mut text = [0_u8; uuid::fmt::Hyphenated::LENGTH];
    uuid.hyphenated().encode_lower(&mut text).to_owned()
}

/// A text that sorts before every UUIDv7 made at `time` or later, and after all made before.
#[must_use]
pub fn first_uuid_at(time: UnixMillis) -> String {
    let hex = format!("{:012x}", time.0.clamp(0, (1 << 48) - 1));
    format!("{}-{}", &hex[..8], &hex[8..])
}

/// The time inside a UUIDv7, if `id` is one.
#[must_use]
pub fn unix_millis_of(id: &str) -> Option<UnixMillis> {
    let uuid = uuid::Uuid::parse_str(id).ok()?;
    let (seconds, nanos) = uuid.get_timestamp()?.to_unix();
    let millis = seconds
        .checked_mul(1000)?
        .checked_add(u64::from(nanos / 1_000_000))?;
    i64::try_from(millis).ok().map(UnixMillis)
}

/// Whether a text that is to be an id could be taken for markup where one is careless.
#[must_use]
pub fn looks_like_markup(id: &str) -> bool {
    id.contains(['<', '>', '"', '`', '\\'])
}

/// Whether a text that is to be an id could be taken for a path, or leads out of one.
#[must_use]
pub fn looks_like_path(id: &str) -> bool {
    id.contains(['/', '\\']) || id.contains("..") || id.starts_with('.') || id.ends_with('.')
}

/// Whether an operator may choose `id` as a `client_id`, and a policy may list it: an https URL as
/// such (or http on this machine), or 1 to 2048 of letters, digits and `- . _ ~ : @ + =` that begin
/// with a letter or digit and look like no path.
#[must_use]
pub fn is_valid_client_id(id: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~:@+=".contains(&b);
    match url::Url::parse(id) {
        _ if id.is_empty() || id.len() > 2048 => false,
        Ok(url) if matches!(url.scheme(), "https" | "http") => is_plain_url(&url, id),
        Ok(url) if ["javascript", "vbscript", "data", "file"].contains(&url.scheme()) => false,
        _ => {
            id.bytes().all(allowed)
                && !looks_like_path(id)
                && id.starts_with(|first: char| first.is_ascii_alphanumeric())
        }
    }
}

/// Whether `url` is what `text` says, without anything to be normalised, hidden or escaped.
fn is_plain_url(url: &url::Url, text: &str) -> bool {
    let is_local = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(v4)) => v4.is_loopback(),
        Some(url::Host::Ipv6(v6)) => v6.is_loopback(),
        None => false,
    };
    let spelled_so = url.as_str() == text || url.as_str().strip_suffix('/') == Some(text);
    spelled_so
        && (url.scheme() == "https" || is_local)
        && url.username().is_empty()
        && url.password().is_none()
        && !text.contains(['<', '>', '"', '`', '\\', '\'', ' '])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_id_is_a_name_or_a_url_and_neither_path_nor_markup() {
        for good in [
            "my.app",
            "com.example:reports_2",
            "urn:example:app",
            "reports@example.com",
            "https://a.example/c.json",
            "https://a.example/x?y#z",
            "https://a.example",
            "http://localhost:8080/c",
            "0198c0de-0000-7000-8000-000000000000",
        ] {
            assert!(is_valid_client_id(good), "{good}");
        }
        for bad in [
            "",
            "..",
            ".",
            ".hidden",
            "a..b",
            "a.",
            "../etc/passwd",
            "/admin",
            "a/b",
            "a\\b",
            "%2e%2e%2f",
            "<script>",
            "a<b",
            "\"x\"",
            "a'b",
            "a&b",
            "a b",
            "-a",
            "a\u{0}b",
            "\u{e4}.example",
            "javascript:alert",
            "file:///etc/passwd",
            "http://a.example/c",
            "https://a.example/../b",
            "https://a.example/%2e%2e/b",
            "https://u:p@a.example/",
            "https://a.example/<script>",
            "https://a.example/'x'",
            "https:/a.example",
            &"a".repeat(2049),
        ] {
            assert!(!is_valid_client_id(bad), "{bad}");
        }
    }
    use crate::{ManualClock, SystemRng};

    #[test]
    fn ids_sort_by_time_and_carry_it() {
        let clock = ManualClock::at(UnixMillis(1_782_864_860_007));
        let first = new_uuid(&clock, &SystemRng);
        clock.advance(std::time::Duration::from_millis(1));
        let second = new_uuid(&clock, &SystemRng);
        assert!(first < second);
        assert_eq!(unix_millis_of(&first), Some(UnixMillis(1_782_864_860_007)));
        assert_eq!(unix_millis_of("not-an-id"), None);
    }
}
