//! `admin`: the admin listener.

use secrecy::ExposeSecret;

use crate::schema::{Rule, section};
use crate::value::{ListenAddress, Secret, is_plain};
use crate::weak::is_obvious;

const API_KEY: Rule<Option<Secret>> = Rule {
    allowed: "at least 16 printable ASCII characters without spaces that nobody would guess, such as the output of `openssl rand -hex 32`",
    holds: |secret| match secret.as_ref().map(ExposeSecret::expose_secret) {
        Some(key) => key.len() >= 16 && is_plain(key) && !is_obvious(key),
        None => true,
    },
};

section! {
    /// The admin listener: REST API, console and metrics. Never expose it to the internet.
    pub struct Admin at "admin." {
        /// Open the admin listener.
        enabled: bool = "true", "AUTHPLANE_ADMIN_ENABLED";
        /// Where the admin listener accepts connections. `:9001` means all interfaces.
        address: ListenAddress = ":9001", "AUTHPLANE_ADMIN_ADDRESS";
        /// The key that admin requests carry. Required off localhost while the listener is on; on
        /// localhost one is generated and printed at start.
        api_key: Option<Secret>, "AUTHPLANE_ADMIN_API_KEY", API_KEY;
    }
}
