//! Limits that several keys share.

use std::time::Duration;

use secrecy::ExposeSecret;

use crate::schema::Rule;
use crate::value::Secret;

pub(super) const ABOVE_ZERO: Rule<Duration> = Rule {
    allowed: "a duration above 0, such as 500ms, 10s, 1h30m or 168h",
    holds: |duration| !duration.is_zero(),
};

/// A listener, a writer and a reader.
pub(super) const AT_LEAST_THREE: Rule<u32> = Rule {
    allowed: "a whole number from 3 to 4294967295",
    holds: |number| *number >= 3,
};

pub(super) const AT_LEAST_ONE: Rule<u32> = Rule {
    allowed: "a whole number from 1 to 4294967295",
    holds: |number| *number > 0,
};

/// A key of HMAC-SHA-256 is to be as long as the hash (RFC 7518 §3.2).
pub(super) const SIGNING_SECRET: Rule<Option<Secret>> = Rule {
    allowed: "at least 32 bytes, such as the output of `openssl rand -base64 48`",
    holds: |secret| match secret {
        Some(secret) => secret.expose_secret().len() >= 32,
        None => true,
    },
};
