//! Limits that several keys share.

use std::time::Duration;

use crate::schema::Rule;

pub(super) const ABOVE_ZERO: Rule<Duration> = Rule {
    allowed: "a duration above 0, such as 500ms, 10s, 1h30m or 168h",
    holds: |duration| !duration.is_zero(),
};

pub(super) const AT_LEAST_ONE: Rule<u32> = Rule {
    allowed: "a whole number from 1 to 4294967295",
    holds: |number| *number > 0,
};
