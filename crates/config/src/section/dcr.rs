//! `dcr`: dynamic client registration.

use std::time::Duration;

use super::rule::{ABOVE_ZERO, AT_LEAST_ONE};
use crate::schema::{choice, section};
use crate::value::RedirectPattern;

choice! {
    /// Who may register a client (RFC 7591).
    pub enum DcrMode {
        /// Anyone.
        Open = "open",
        /// Anyone whose redirect URIs all match `dcr.approved_redirects`.
        ApprovedRedirects = "approved_redirects",
        /// Nobody over the public endpoint.
        AdminOnly = "admin_only",
    }
}

section! {
    /// Dynamic client registration (RFC 7591).
    pub struct Dcr at "dcr." {
        /// Who may register a client: anyone (`open`, with a warning at start), those whose
        /// redirect URIs all match `dcr.approved_redirects`, or the operator alone (`admin_only`).
        mode: DcrMode = "open", "AUTHPLANE_DCR_MODE";
        /// Redirect URIs that may be registered: exact, or a path prefix ending in `*`.
        approved_redirects: Vec<RedirectPattern>, "AUTHPLANE_DCR_APPROVED_REDIRECTS";
        /// Lifetime of the access tokens of registered clients.
        default_token_expiry: Duration = "15m", "AUTHPLANE_DCR_DEFAULT_TOKEN_EXPIRY", ABOVE_ZERO;
        /// Lifetime of the refresh tokens of registered clients, from their last use.
        default_refresh_expiry: Duration = "168h", "AUTHPLANE_DCR_DEFAULT_REFRESH_EXPIRY", ABOVE_ZERO;
        /// A client that registered itself and has held no grant within this time is removed; 0 means
        /// never.
        unused_expiry: Duration = "168h", "AUTHPLANE_DCR_UNUSED_EXPIRY";
        /// A client that registered itself and has held no grant for this long is removed; 0 means
        /// never.
        idle_expiry: Duration = "0s", "AUTHPLANE_DCR_IDLE_EXPIRY";
        /// So many clients may have registered themselves; further ones are refused with 503.
        max_clients: u32 = "100000", "AUTHPLANE_DCR_MAX_CLIENTS", AT_LEAST_ONE;
        /// Registrations per second from one address; 0 means no limit.
        rate_limit: u32 = "10", "AUTHPLANE_DCR_RATE_LIMIT";
        /// Registrations one address may make at once.
        rate_limit_burst: u32 = "20", "AUTHPLANE_DCR_RATE_LIMIT_BURST";
    }
}
