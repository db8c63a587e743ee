//! Families of refresh tokens, and how many tokens an act has ended.

use domain::{TokenFamily, UnixMillis};
use serde::Serialize;
use store::RevokeCount;
use utoipa::ToSchema;

/// A family: a user's authorization of a client, with one refresh token that is good.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenFamilyView {
    /// Its id.
    pub id: String,
    /// Who authorized.
    pub user_id: String,
    /// Whom.
    pub client_id: String,
    /// How far.
    pub scopes: Vec<String>,
    /// For which resources, by identifier.
    pub resources: Vec<String>,
    /// When the user signed in.
    pub auth_time: UnixMillis,
    /// When it was founded.
    pub created_at: UnixMillis,
    /// When it was revoked.
    pub revoked_at: Option<UnixMillis>,
}

impl From<&TokenFamily> for TokenFamilyView {
    fn from(family: &TokenFamily) -> Self {
        Self {
            id: family.id.to_string(),
            user_id: family.user_id.to_string(),
            client_id: family.client_id.to_string(),
            scopes: family.scope.iter().map(ToString::to_string).collect(),
            resources: family.resources.clone(),
            auth_time: family.auth_time,
            created_at: family.created_at,
            revoked_at: family.revoked_at,
        }
    }
}

/// How many tokens were ended.
#[derive(Debug, Serialize, ToSchema)]
pub struct RevokedView {
    /// Access tokens, and families, each with its one good refresh token.
    pub revoked: u64,
    /// Browser sessions.
    pub sessions: u64,
}

impl From<RevokeCount> for RevokedView {
    fn from(ended: RevokeCount) -> Self {
        Self {
            revoked: ended.families + ended.tokens,
            sessions: ended.sessions,
        }
    }
}
