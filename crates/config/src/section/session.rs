//! `session`: the browser session of a user.

use std::time::Duration;

use super::rule::{ABOVE_ZERO, SIGNING_SECRET};
use crate::schema::{Rule, choice, section};
use crate::value::Secret;

choice! {
    /// The `SameSite` attribute of the session cookie.
    pub enum SameSite {
        /// Sent on navigation from other sites, which an authorization request is.
        Lax = "lax",
        /// Never sent from other sites: the user signs in again for each authorization request.
        Strict = "strict",
        /// Always sent; needs an https issuer.
        None = "none",
    }
}

const COOKIE_NAME: Rule<Option<String>> = Rule {
    allowed: "letters, digits and !#$%&'*+-.^_`|~",
    holds: |name| {
        let fits = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        name.as_deref()
            .is_none_or(|name| !name.is_empty() && name.chars().all(fits))
    },
};

section! {
    /// The browser session of a signed-in user.
    pub struct Session at "session." {
        /// Name of the session cookie. Without one it is derived from the issuer, so that servers
        /// on one host do not sign each other's users out, with the prefix that the issuer allows.
        /// The prefixes `__Secure-` and `__Host-` need an https issuer, the latter one without path.
        cookie_name: Option<String>, "AUTHPLANE_SESSION_COOKIE_NAME", COOKIE_NAME;
        /// Time after sign-in at which the user has to sign in again.
        max_age: Duration = "24h", "AUTHPLANE_SESSION_MAX_AGE", ABOVE_ZERO;
        /// When browsers send the cookie along with requests from other sites.
        same_site: SameSite = "lax", "AUTHPLANE_SESSION_SAME_SITE";
        /// Insist on `Secure` cookies. They are `Secure` whenever the issuer is https, whatever
        /// this says; with an http issuer, which only localhost may have, they cannot be, and
        /// `true` earns a warning at start.
        secure: bool = "false", "AUTHPLANE_SESSION_SECURE";
        /// When the database cannot tell whether a session was ended: treat it as ended.
        fail_closed: bool = "true", "AUTHPLANE_SESSION_FAIL_CLOSED";
        /// Key that signs the session cookie, the same on all instances. Required off
        /// localhost; on localhost one is generated at start.
        secret: Option<Secret>, "AUTHPLANE_SESSION_SECRET", SIGNING_SECRET;
    }
}
