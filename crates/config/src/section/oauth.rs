//! `oauth`: rules of the OAuth endpoints.

use crate::schema::{Rule, section};
use crate::value::is_scope_token;

const SCOPES: Rule<Option<String>> = Rule {
    allowed: "scope names with one space between them (RFC 6749 §3.3)",
    holds: |scopes| match scopes {
        Some(scopes) => scopes.split(' ').all(is_scope_token),
        None => true,
    },
};

section! {
    /// Rules of the OAuth endpoints.
    pub struct OAuth at "oauth." {
        /// Refuse an authorization request without `scope`. When false it stands for all scopes of
        /// the resource, with a warning in the log.
        require_scope: bool = "true", "AUTHPLANE_OAUTH_REQUIRE_SCOPE";
        /// Scopes a dynamically registered client is given, separated by spaces. None: bounded by
        /// the catalog of the resource alone.
        default_client_scope: Option<String>, "AUTHPLANE_OAUTH_DEFAULT_CLIENT_SCOPE", SCOPES;
    }
}
