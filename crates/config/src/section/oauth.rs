//! `oauth`: rules of the OAuth endpoints.

use std::time::Duration;

use crate::schema::{Rule, choice, section};
use crate::value::is_scope_token;

const SCOPES: Rule<Option<String>> = Rule {
    allowed: "scope names with one space between them (RFC 6749 §3.3)",
    holds: |scopes| match scopes {
        Some(scopes) => scopes.split(' ').all(is_scope_token),
        None => true,
    },
};

choice! {
    /// What becomes of scopes that an authorization request asks for in vain.
    pub enum UnknownScopes {
        /// They are left out, as long as one remains.
        Drop = "drop",
        /// They are an error.
        Refuse = "refuse",
    }
}

/// Within it a thief's use of a stolen token is not told from a retry.
const RETRY_WINDOW: Rule<Duration> = Rule {
    allowed: "0, or a duration up to 10m",
    holds: |window| *window <= Duration::from_secs(600),
};

section! {
    /// Rules of the OAuth endpoints.
    pub struct OAuth at "oauth." {
        /// Refuse an authorization request without `scope`. When false it stands for all scopes of
        /// the resource that the client may have; MCP tells clients to leave it out.
        require_scope: bool = "false", "AUTHPLANE_OAUTH_REQUIRE_SCOPE";
        /// What becomes of a scope of an authorization request that the resource does not know or
        /// that lies outside the client's ceiling: `drop` leaves it out as long as one remains,
        /// and the answer says what was granted; `refuse` makes it an error.
        unknown_scopes: UnknownScopes = "drop", "AUTHPLANE_OAUTH_UNKNOWN_SCOPES";
        /// How long after its use a refresh token may be presented again while its successor is
        /// unused, for clients that lost the answer or use one token in several processes: they
        /// get the same successor. 0: never, every second use ends the session.
        refresh_retry_window: Duration = "30s", "AUTHPLANE_OAUTH_REFRESH_RETRY_WINDOW", RETRY_WINDOW;
        /// Scopes a dynamically registered client is given, separated by spaces. None: bounded by
        /// the catalog of the resource alone.
        default_client_scope: Option<String>, "AUTHPLANE_OAUTH_DEFAULT_CLIENT_SCOPE", SCOPES;
    }
}
