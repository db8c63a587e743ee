//! `rate_limit`: limits per client address, and lockout per identity.

use std::time::Duration;

use super::rule::{ABOVE_ZERO, AT_LEAST_ONE};
use crate::schema::{Rule, section};

const TRACKED: Rule<usize> = Rule {
    allowed: "a whole number above 0",
    holds: |number| *number > 0,
};

section! {
    /// Limits per client address on public routes, and lockout after failed sign-ins.
    pub struct RateLimit at "rate_limit." {
        /// Limit the requests of one client address on public routes.
        enabled: bool = "true", "AUTHPLANE_RATE_LIMIT_ENABLED";
        /// Requests per second of one client address, an IPv6 /64 being one. A tenth of them, and of
        /// the burst, may be sign-ins.
        requests_per_second: u32 = "100", "AUTHPLANE_RATE_LIMIT_RPS", AT_LEAST_ONE;
        /// Requests one client address may make at once.
        burst: u32 = "200", "AUTHPLANE_RATE_LIMIT_BURST", AT_LEAST_ONE;
        /// Failed attempts of one identity from one address that lead to a lockout; ten times as
        /// many from all addresses together lock the identity out everywhere.
        auth_fail_max: u32 = "10", "AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX", AT_LEAST_ONE;
        /// Time within which failed attempts are counted together.
        auth_fail_window: Duration = "10m", "AUTHPLANE_RATE_LIMIT_AUTH_FAIL_WINDOW", ABOVE_ZERO;
        /// How long a lockout lasts.
        auth_lockout: Duration = "15m", "AUTHPLANE_RATE_LIMIT_AUTH_LOCKOUT", ABOVE_ZERO;
        /// Identities whose failed attempts are remembered at most.
        max_tracked_identities: usize = "250000", "AUTHPLANE_RATE_LIMIT_MAX_TRACKED_IDENTITIES", TRACKED;
    }
}
