//! Authorization codes, refresh tokens and their families.

use crate::{ClientId, Digest, FamilyId, ScopeSet, UnixMillis, UserId};
use std::time::Duration;

/// An authorization code as stored (RFC 6749 §4.1.2): bound to all that was agreed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationCode {
    /// SHA-256 of the code.
    pub digest: Digest,
    /// Who may redeem it.
    pub client_id: ClientId,
    /// Who agreed.
    pub user_id: UserId,
    /// Where it was sent; a token request that names it must repeat it.
    pub redirect_uri: String,
    /// `S256` challenge (RFC 7636 §4.2).
    pub code_challenge: String,
    /// Thumbprint of the key whose proof a token request must bring (RFC 9449 §10).
    pub dpop_jkt: Option<String>,
    /// What was agreed to.
    pub scope: ScopeSet,
    /// Audiences the code covers; empty when none was named and none could be derived.
    pub resources: Vec<String>,
    /// When the user signed in.
    pub auth_time: UnixMillis,
    /// The family it founds when redeemed, fixed at birth so that a replay can find it.
    pub family_id: FamilyId,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it ends.
    pub expires_at: UnixMillis,
}

/// All refresh tokens that descend from one authorization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenFamily {
    /// Its id.
    pub id: FamilyId,
    /// Whose authorization.
    pub user_id: UserId,
    /// For which client.
    pub client_id: ClientId,
    /// What was agreed to; refreshes may narrow, never widen.
    pub scope: ScopeSet,
    /// Audiences it covers.
    pub resources: Vec<String>,
    /// When the user signed in.
    pub auth_time: UnixMillis,
    /// When it was founded.
    pub created_at: UnixMillis,
    /// When it was revoked.
    pub revoked_at: Option<UnixMillis>,
}

/// A refresh token as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// SHA-256 of the token.
    pub digest: Digest,
    /// Its family.
    pub family_id: FamilyId,
    /// Thumbprint of the key it is bound to (RFC 9449 §5), for public clients that used DPoP.
    pub dpop_jkt: Option<String>,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it ends.
    pub expires_at: UnixMillis,
    /// When it was exchanged for the next.
    pub spent_at: Option<UnixMillis>,
    /// The scope that the request which made it was given, if less than its family's: whoever
    /// retries that request gets no more. The next request may ask for everything again.
    pub narrowed_to: Option<ScopeSet>,
}

impl RefreshToken {
    /// Whether it was spent so near to `now` that whoever presents it again may be retrying.
    /// The clocks of instances differ, so it may even seem to have been spent later.
    #[must_use]
    pub fn spent_within(&self, window: Duration, now: UnixMillis) -> bool {
        self.spent_at
            .is_some_and(|at| !window.is_zero() && now.since(at).max(at.since(now)) <= window)
    }
}

/// A refresh token together with its family, as a token request finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshTokenState {
    /// The token.
    pub token: RefreshToken,
    /// The family.
    pub family: TokenFamily,
}
