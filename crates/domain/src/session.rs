//! Browser sessions.

use crate::{Digest, SessionId, UnixMillis, UserId};

/// A signed-in browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Digest of the random value in the cookie.
    pub token: Digest,
    /// Who signed in.
    pub user_id: UserId,
    /// When the user proved who they are; `auth_time` of tokens.
    pub authenticated_at: UnixMillis,
    /// When it ends by itself.
    pub expires_at: UnixMillis,
}
