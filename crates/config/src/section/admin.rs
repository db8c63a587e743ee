//! `admin`: the admin listener.

use secrecy::ExposeSecret;
use std::path::PathBuf;

use crate::schema::{Rule, section};
use crate::value::{ListenAddress, Secret, is_plain};
use crate::weak::is_obvious;

/// What an admin key has to be.
pub const ADMIN_KEY_FORM: &str = "at least 16 printable ASCII characters without spaces that nobody would guess, such as the output of `openssl rand -hex 32`";

/// Whether `key` is fit to be an admin key: [`ADMIN_KEY_FORM`].
#[must_use]
pub fn is_admin_key(key: &str) -> bool {
    key.len() >= 16 && is_plain(key) && !is_obvious(key)
}

const API_KEY: Rule<Option<Secret>> = Rule {
    allowed: ADMIN_KEY_FORM,
    holds: |secret| match secret.as_ref().map(ExposeSecret::expose_secret) {
        Some(key) => is_admin_key(key),
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
        /// A file that holds the key, in place of `admin.api_key`; read at start and at SIGHUP.
        api_key_file: Option<PathBuf>, "AUTHPLANE_ADMIN_API_KEY_FILE";
        /// A second key that is accepted too, while those who have it are given the new one.
        api_key_previous: Option<Secret>, "AUTHPLANE_ADMIN_API_KEY_PREVIOUS", API_KEY;
    }
}
