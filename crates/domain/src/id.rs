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

#[cfg(test)]
mod tests {
    use super::*;
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
