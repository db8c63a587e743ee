//! Issued tokens, and what users have agreed to.

use crate::rest::list::write_cursor;
use domain::{BackendKind, ConsentGrant, Issuance, UnixMillis};
use engine::admin::IssuanceList;
use serde::Serialize;
use store::Part;
use utoipa::ToSchema;

/// The record of one issued token.
#[derive(Debug, Serialize, ToSchema)]
pub struct IssuanceView {
    /// Its id: the token's `jti`.
    pub id: String,
    /// The token's `jti`.
    pub jti: String,
    /// The user it speaks for; null for machine tokens.
    pub subject_user_id: Option<String>,
    /// The client it was issued to; behind a fronting link, the gateway's slug.
    pub client_id: String,
    /// The resource it is for, when there is exactly one.
    pub resource_id: Option<String>,
    /// What it allows.
    pub scopes: Vec<String>,
    /// What stands behind the resource.
    pub backend_kind: &'static str,
    /// Whether revoking has an effect: so it is with every token that this server signs.
    pub revocable: bool,
    /// When it was issued.
    pub issued_at: UnixMillis,
    /// When it ends by itself.
    pub expires_at: UnixMillis,
    /// When it was revoked.
    pub revoked_at: Option<UnixMillis>,
    /// The key it is bound to.
    pub dpop_jkt: Option<String>,
    /// The agent that acts.
    pub agent_id: Option<String>,
    /// The agents through which it came, oldest first.
    pub agent_chain: Vec<String>,
    /// The client whose consent it rests on, when that is another.
    pub consent_client_id: Option<String>,
    /// The token it was exchanged from.
    pub parent_jti: Option<String>,
}

impl From<&Issuance> for IssuanceView {
    fn from(issuance: &Issuance) -> Self {
        let scopes = issuance.scopes.iter();
        Self {
            id: issuance.jti.to_string(),
            jti: issuance.jti.to_string(),
            subject_user_id: issuance.subject_user_id.as_ref().map(ToString::to_string),
            client_id: issuance.client_id.to_string(),
            resource_id: issuance.resource_id.as_ref().map(ToString::to_string),
            scopes: scopes.map(ToString::to_string).collect(),
            backend_kind: BackendKind::Mint.as_str(),
            revocable: true,
            issued_at: issuance.issued_at,
            expires_at: issuance.expires_at,
            revoked_at: issuance.revoked_at,
            dpop_jkt: issuance.dpop_jkt.clone(),
            agent_id: issuance.agent_id.clone(),
            agent_chain: issuance.agent_chain.clone(),
            consent_client_id: issuance.consent_client_id.as_ref().map(ToString::to_string),
            parent_jti: issuance.parent_jti.as_ref().map(ToString::to_string),
        }
    }
}

/// A list of issuances.
#[derive(Debug, Serialize, ToSchema)]
pub struct IssuanceListView {
    /// Newest first.
    pub issuances: Vec<IssuanceView>,
    /// How far back the list reaches.
    pub since: UnixMillis,
    /// How many there are in this list.
    pub count: usize,
    /// The `cursor` of the next part; null on the last.
    pub next_cursor: Option<String>,
}

impl From<IssuanceList> for IssuanceListView {
    fn from(list: IssuanceList) -> Self {
        let count = list.issuances.len();
        let rows = list.issuances.into_iter();
        Self {
            issuances: rows.map(|own| IssuanceView::from(&own)).collect(),
            since: list.since,
            count,
            next_cursor: list.next.as_ref().map(write_cursor),
        }
    }
}

/// What a user has agreed to.
#[derive(Debug, Serialize, ToSchema)]
pub struct ConsentGrantView {
    /// Its id.
    pub id: String,
    /// Who agreed.
    pub user_id: String,
    /// To whom.
    pub client_id: String,
    /// For what.
    pub resource_id: String,
    /// How far.
    pub scopes: Vec<String>,
    /// When first.
    pub created_at: UnixMillis,
    /// When it last changed.
    pub updated_at: UnixMillis,
    /// When it was taken back.
    pub revoked_at: Option<UnixMillis>,
}

impl From<&ConsentGrant> for ConsentGrantView {
    fn from(grant: &ConsentGrant) -> Self {
        Self {
            id: grant.id.to_string(),
            user_id: grant.user_id.to_string(),
            client_id: grant.client_id.to_string(),
            resource_id: grant.resource_id.to_string(),
            scopes: grant.scopes.iter().map(ToString::to_string).collect(),
            created_at: grant.created_at,
            updated_at: grant.updated_at,
            revoked_at: grant.revoked_at,
        }
    }
}

/// Grants of a user.
#[derive(Debug, Serialize, ToSchema)]
pub struct UserGrantsView {
    /// What the user has agreed to, newest first.
    pub consent_grants: Vec<ConsentGrantView>,
    /// The user's accounts with upstream providers: none, as there are no providers.
    #[schema(value_type = Vec<Object>, max_items = 0)]
    pub broker_grants: [(); 0],
    /// The `cursor` of the next part; null on the last.
    pub next_cursor: Option<String>,
}

impl From<Part<ConsentGrant>> for UserGrantsView {
    fn from(consents: Part<ConsentGrant>) -> Self {
        let rows = consents.rows.into_iter();
        Self {
            consent_grants: rows.map(|own| ConsentGrantView::from(&own)).collect(),
            broker_grants: [],
            next_cursor: consents.next.as_ref().map(write_cursor),
        }
    }
}
