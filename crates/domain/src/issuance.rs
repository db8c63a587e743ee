//! Issuances: the permanent record of one issued token.

use crate::{ClientId, FamilyId, Jti, ResourceId, ScopeSet, UnixMillis, UserId};

/// Who got a token, for whom, for what, derived from which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuance {
    /// The token's `jti`, also the record's id.
    pub jti: Jti,
    /// The user it speaks for; `None` for machine tokens.
    pub subject_user_id: Option<UserId>,
    /// The client it was issued to.
    pub client_id: ClientId,
    /// The client that obtained it, when it was issued to the gateway which that client runs.
    pub obtained_by: Option<ClientId>,
    /// The registered resource it is for, when there is exactly one.
    pub resource_id: Option<ResourceId>,
    /// Its `aud`.
    pub audience: Vec<String>,
    /// Its scopes.
    pub scopes: ScopeSet,
    /// The refresh family it belongs to.
    pub family_id: Option<FamilyId>,
    /// The token it was exchanged from.
    pub parent_jti: Option<Jti>,
    /// The client whose consent it rests on, when that is another.
    pub consent_client_id: Option<ClientId>,
    /// The resource for which that consent was given, when that is another: the gateway in
    /// front, for a token obtained through a fronting link.
    pub consent_resource_id: Option<ResourceId>,
    /// The key it is bound to (RFC 9449 §6).
    pub dpop_jkt: Option<String>,
    /// The agent that acts.
    pub agent_id: Option<String>,
    /// The agents through which it came, oldest first.
    pub agent_chain: Vec<String>,
    /// When it was issued.
    pub issued_at: UnixMillis,
    /// Its `exp`.
    pub expires_at: UnixMillis,
    /// When it was revoked.
    pub revoked_at: Option<UnixMillis>,
}

impl Issuance {
    /// The client that has the token: whom it was issued to, or who runs that gateway.
    #[must_use]
    pub fn holder(&self) -> &ClientId {
        self.obtained_by.as_ref().unwrap_or(&self.client_id)
    }
}
