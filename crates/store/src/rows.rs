//! Rows as they stand in the tables, and their way into entities.

use crate::{Result, StoreError};
use domain::{
    AuditEvent, AuditRecord, AuthorizationCode, Client, ClientKeys, ConsentGrant, Digest,
    FrontingLink, Issuance, RefreshToken, RefreshTokenState, Resource, ScopeSet, Session,
    TokenFamily, UnixMillis, User, Word,
};
use serde::de::DeserializeOwned;

fn json<T: DeserializeOwned>(column: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| StoreError::Corrupt(format!("{column}: {error}")))
}

fn word<T: Word>(column: &str, text: &str) -> Result<T> {
    T::from_word(text).ok_or_else(|| StoreError::Corrupt(format!("{column}: {text:?}")))
}

fn digest(column: &str, text: &str) -> Result<Digest> {
    Digest::from_hex(text).ok_or_else(|| StoreError::Corrupt(format!("{column}: not a digest")))
}

/// A value as JSON text, the form of list columns.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| String::from("null"))
}

#[derive(sqlx::FromRow)]
pub(crate) struct ClientRow {
    id: String,
    name: String,
    secret_hash: Option<String>,
    redirect_uris: String,
    grant_types: String,
    response_types: String,
    token_endpoint_auth_method: String,
    application_type: String,
    status: String,
    source: String,
    scope: String,
    default_resource: Option<String>,
    client_uri: Option<String>,
    logo_uri: Option<String>,
    agent: i64,
    agent_description: Option<String>,
    further_auth_methods: String,
    token_endpoint_auth_signing_alg: Option<String>,
    jwks: Option<String>,
    jwks_uri: Option<String>,
    issued_at: i64,
    updated_at: i64,
}

impl TryFrom<ClientRow> for Client {
    type Error = StoreError;
    fn try_from(row: ClientRow) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            name: row.name,
            secret_hash: row.secret_hash,
            redirect_uris: json("redirect_uris", &row.redirect_uris)?,
            grant_types: json("grant_types", &row.grant_types)?,
            response_types: json("response_types", &row.response_types)?,
            token_endpoint_auth_method: word(
                "token_endpoint_auth_method",
                &row.token_endpoint_auth_method,
            )?,
            application_type: word("application_type", &row.application_type)?,
            status: word("status", &row.status)?,
            source: word("source", &row.source)?,
            scope: ScopeSet::from_stored(&row.scope),
            default_resource: row.default_resource,
            client_uri: row.client_uri,
            logo_uri: row.logo_uri,
            agent: row.agent != 0,
            agent_description: row.agent_description,
            further_auth_methods: json("further_auth_methods", &row.further_auth_methods)?,
            token_endpoint_auth_signing_alg: row
                .token_endpoint_auth_signing_alg
                .map(|alg| word("token_endpoint_auth_signing_alg", &alg))
                .transpose()?,
            keys: ClientKeys::from_parts(row.jwks, row.jwks_uri),
            issued_at: UnixMillis(row.issued_at),
            updated_at: UnixMillis(row.updated_at),
        })
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct UserRow {
    id: String,
    email: String,
    name: String,
    password_hash: Option<String>,
    role: String,
    status: String,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<UserRow> for User {
    type Error = StoreError;
    fn try_from(row: UserRow) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            email: row.email,
            name: row.name,
            password_hash: row.password_hash,
            role: word("role", &row.role)?,
            status: word("status", &row.status)?,
            created_at: UnixMillis(row.created_at),
            updated_at: UnixMillis(row.updated_at),
        })
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct ResourceRow {
    id: String,
    slug: String,
    uri: Option<String>,
    backend_kind: String,
    display_name: String,
    scopes: String,
    policy: String,
    token_typ: String,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<ResourceRow> for Resource {
    type Error = StoreError;
    fn try_from(row: ResourceRow) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            slug: row.slug,
            uri: row.uri,
            backend_kind: word("backend_kind", &row.backend_kind)?,
            display_name: row.display_name,
            scopes: json("scopes", &row.scopes)?,
            policy: json("policy", &row.policy)?,
            token_typ: word("token_typ", &row.token_typ)?,
            created_at: UnixMillis(row.created_at),
            updated_at: UnixMillis(row.updated_at),
        })
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct FrontingLinkRow {
    source_id: String,
    target_id: String,
    scope_map: String,
    created_at: i64,
    created_by: String,
    updated_at: i64,
}

impl TryFrom<FrontingLinkRow> for FrontingLink {
    type Error = StoreError;
    fn try_from(row: FrontingLinkRow) -> Result<Self> {
        Ok(Self {
            source_id: row.source_id.into(),
            target_id: row.target_id.into(),
            scope_map: json("scope_map", &row.scope_map)?,
            created_at: UnixMillis(row.created_at),
            created_by: row.created_by,
            updated_at: UnixMillis(row.updated_at),
        })
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct SessionRow {
    token_digest: String,
    id: String,
    user_id: String,
    authenticated_at: i64,
    expires_at: i64,
}

impl TryFrom<SessionRow> for Session {
    type Error = StoreError;
    fn try_from(row: SessionRow) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            token: digest("token_digest", &row.token_digest)?,
            user_id: row.user_id.into(),
            authenticated_at: UnixMillis(row.authenticated_at),
            expires_at: UnixMillis(row.expires_at),
        })
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct ConsentGrantRow {
    id: String,
    user_id: String,
    client_id: String,
    resource_id: String,
    scopes: String,
    created_at: i64,
    updated_at: i64,
    revoked_at: Option<i64>,
}

impl From<ConsentGrantRow> for ConsentGrant {
    fn from(row: ConsentGrantRow) -> Self {
        Self {
            id: row.id.into(),
            user_id: row.user_id.into(),
            client_id: row.client_id.into(),
            resource_id: row.resource_id.into(),
            scopes: ScopeSet::from_stored(&row.scopes),
            created_at: UnixMillis(row.created_at),
            updated_at: UnixMillis(row.updated_at),
            revoked_at: row.revoked_at.map(UnixMillis),
        }
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct AuthorizationCodeRow {
    digest: String,
    client_id: String,
    user_id: String,
    redirect_uri: String,
    code_challenge: String,
    dpop_jkt: Option<String>,
    scope: String,
    resources: String,
    auth_time: i64,
    family_id: String,
    created_at: i64,
    expires_at: i64,
    pub(crate) spent_at: Option<i64>,
}

impl TryFrom<AuthorizationCodeRow> for AuthorizationCode {
    type Error = StoreError;
    fn try_from(row: AuthorizationCodeRow) -> Result<Self> {
        Ok(Self {
            digest: digest("digest", &row.digest)?,
            client_id: row.client_id.into(),
            user_id: row.user_id.into(),
            redirect_uri: row.redirect_uri,
            code_challenge: row.code_challenge,
            dpop_jkt: row.dpop_jkt,
            scope: ScopeSet::from_stored(&row.scope),
            resources: json("resources", &row.resources)?,
            auth_time: UnixMillis(row.auth_time),
            family_id: row.family_id.into(),
            created_at: UnixMillis(row.created_at),
            expires_at: UnixMillis(row.expires_at),
        })
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct TokenFamilyRow {
    id: String,
    user_id: String,
    client_id: String,
    scope: String,
    resources: String,
    auth_time: i64,
    created_at: i64,
    revoked_at: Option<i64>,
}

impl TryFrom<TokenFamilyRow> for TokenFamily {
    type Error = StoreError;
    fn try_from(row: TokenFamilyRow) -> Result<Self> {
        Ok(Self {
            id: row.id.into(),
            user_id: row.user_id.into(),
            client_id: row.client_id.into(),
            scope: ScopeSet::from_stored(&row.scope),
            resources: json("resources", &row.resources)?,
            auth_time: UnixMillis(row.auth_time),
            created_at: UnixMillis(row.created_at),
            revoked_at: row.revoked_at.map(UnixMillis),
        })
    }
}

/// A refresh token with its family.
#[derive(sqlx::FromRow)]
pub(crate) struct RefreshTokenStateRow {
    digest: String,
    family_id: String,
    dpop_jkt: Option<String>,
    created_at: i64,
    expires_at: i64,
    spent_at: Option<i64>,
    narrowed_to: Option<String>,
    user_id: String,
    client_id: String,
    scope: String,
    resources: String,
    auth_time: i64,
    founded_at: i64,
    revoked_at: Option<i64>,
}

impl TryFrom<RefreshTokenStateRow> for RefreshTokenState {
    type Error = StoreError;
    fn try_from(row: RefreshTokenStateRow) -> Result<Self> {
        let family_id = domain::FamilyId::from(row.family_id);
        Ok(Self {
            token: RefreshToken {
                digest: digest("digest", &row.digest)?,
                family_id: family_id.clone(),
                dpop_jkt: row.dpop_jkt,
                created_at: UnixMillis(row.created_at),
                expires_at: UnixMillis(row.expires_at),
                spent_at: row.spent_at.map(UnixMillis),
                narrowed_to: row.narrowed_to.as_deref().map(ScopeSet::from_stored),
            },
            family: TokenFamily {
                id: family_id,
                user_id: row.user_id.into(),
                client_id: row.client_id.into(),
                scope: ScopeSet::from_stored(&row.scope),
                resources: json("resources", &row.resources)?,
                auth_time: UnixMillis(row.auth_time),
                created_at: UnixMillis(row.founded_at),
                revoked_at: row.revoked_at.map(UnixMillis),
            },
        })
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct IssuanceRow {
    jti: String,
    subject_user_id: Option<String>,
    client_id: String,
    resource_id: Option<String>,
    audience: String,
    scopes: String,
    family_id: Option<String>,
    parent_jti: Option<String>,
    consent_client_id: Option<String>,
    consent_resource_id: Option<String>,
    obtained_by: Option<String>,
    dpop_jkt: Option<String>,
    agent_id: Option<String>,
    agent_chain: String,
    issued_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
}

impl TryFrom<IssuanceRow> for Issuance {
    type Error = StoreError;
    fn try_from(row: IssuanceRow) -> Result<Self> {
        Ok(Self {
            jti: row.jti.into(),
            subject_user_id: row.subject_user_id.map(Into::into),
            client_id: row.client_id.into(),
            resource_id: row.resource_id.map(Into::into),
            audience: json("audience", &row.audience)?,
            scopes: ScopeSet::from_stored(&row.scopes),
            family_id: row.family_id.map(Into::into),
            parent_jti: row.parent_jti.map(Into::into),
            consent_client_id: row.consent_client_id.map(Into::into),
            consent_resource_id: row.consent_resource_id.map(Into::into),
            obtained_by: row.obtained_by.map(Into::into),
            dpop_jkt: row.dpop_jkt,
            agent_id: row.agent_id,
            agent_chain: json("agent_chain", &row.agent_chain)?,
            issued_at: UnixMillis(row.issued_at),
            expires_at: UnixMillis(row.expires_at),
            revoked_at: row.revoked_at.map(UnixMillis),
        })
    }
}

#[derive(sqlx::FromRow)]
pub(crate) struct AuditRow {
    pub(crate) id: String,
    pub(crate) action: String,
    pub(crate) actor_id: String,
    pub(crate) user_id: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) detail: String,
    pub(crate) trace_id: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) created_at: i64,
}

impl TryFrom<AuditRow> for AuditRecord {
    type Error = StoreError;
    fn try_from(row: AuditRow) -> Result<Self> {
        Ok(Self {
            id: row.id,
            event: AuditEvent {
                action: word("action", &row.action)?,
                actor_id: row.actor_id,
                user_id: row.user_id,
                client_id: row.client_id,
                resource: row.resource,
                ip: row.ip,
                detail: row.detail,
                trace_id: row.trace_id,
                request_id: row.request_id,
            },
            created_at: UnixMillis(row.created_at),
        })
    }
}

/// An audit row with its place in its writer's chain.
#[derive(sqlx::FromRow)]
pub(crate) struct LinkRow {
    #[sqlx(flatten)]
    pub(crate) row: AuditRow,
    pub(crate) writer: String,
    pub(crate) seq: i64,
    pub(crate) hash: String,
}
