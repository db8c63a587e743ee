//! Consent grants.

use crate::{ClientId, ConsentGrantId, ResourceId, ScopeSet, UnixMillis, UserId};

/// What a user agreed to: (user, client, resource) → scopes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentGrant {
    /// Its id.
    pub id: ConsentGrantId,
    /// Who agreed.
    pub user_id: UserId,
    /// To whom.
    pub client_id: ClientId,
    /// For what.
    pub resource_id: ResourceId,
    /// How far.
    pub scopes: ScopeSet,
    /// When first.
    pub created_at: UnixMillis,
    /// When last widened.
    pub updated_at: UnixMillis,
    /// When taken back.
    pub revoked_at: Option<UnixMillis>,
}
