//! Entities to store. The plain ones have no optional field; the rich ones have them all,
//! filled with text that breaks careless SQL.

use crate::database::NOW;
use domain::{
    ApplicationType, AuditAction, AuditEvent, AuthMethod, AuthorizationCode, BackendKind,
    CatalogScope, Client, ClientKeys, ClientSigningAlgorithm, ClientSource, ClientStatus, Digest,
    GrantType, Issuance, Policy, RefreshToken, Resource, ScopeSet, Session, SystemClock, SystemRng,
    TokenFamily, User, UserRole, UserStatus, new_uuid,
};
use std::time::Duration;
use store::{Authorize, RedeemCode, RotateRefresh};

/// Quotes of all kinds, a comment, a newline, a backslash, and letters from everywhere.
pub const ODD: &str = "O'Hara \"x\"; -- \\ %_\n\tñ 漢字 🦀 \u{202e}e\u{301} {\"a\":null}";

pub fn id() -> String {
    new_uuid(&SystemClock, &SystemRng)
}

pub fn digest() -> Digest {
    Digest::of(id().as_bytes())
}

pub fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).unwrap()
}

pub fn event(action: AuditAction) -> AuditEvent {
    AuditEvent::new(action, "admin")
}

pub fn rich_event() -> AuditEvent {
    AuditEvent {
        action: AuditAction::TokenDenied,
        actor_id: ODD.into(),
        user_id: Some(ODD.into()),
        client_id: Some(ODD.into()),
        resource: Some(ODD.into()),
        ip: Some("2001:db8::1".into()),
        detail: ODD.into(),
        trace_id: Some("0af7651916cd43dd8448eb211c80319c".into()),
        request_id: Some(ODD.into()),
    }
}

pub fn client() -> Client {
    Client {
        id: id().into(),
        name: "Plain".into(),
        secret_hash: None,
        redirect_uris: vec![],
        grant_types: vec![],
        response_types: vec![],
        token_endpoint_auth_method: AuthMethod::None,
        application_type: ApplicationType::Web,
        status: ClientStatus::Active,
        source: ClientSource::Dcr,
        scope: ScopeSet::default(),
        default_resource: None,
        client_uri: None,
        logo_uri: None,
        agent: false,
        agent_description: None,
        further_auth_methods: vec![],
        token_endpoint_auth_signing_alg: None,
        keys: None,
        issued_at: NOW,
        updated_at: NOW,
    }
}

pub fn rich_client() -> Client {
    Client {
        id: format!("https://client.example/{ODD}/{}", id()).into(),
        name: ODD.into(),
        secret_hash: Some(ODD.into()),
        redirect_uris: vec![ODD.into(), "http://127.0.0.1/callback".into()],
        grant_types: <GrantType as domain::Word>::ALL.to_vec(),
        response_types: vec!["code".into(), ODD.into()],
        token_endpoint_auth_method: AuthMethod::ClientSecretPost,
        application_type: ApplicationType::Native,
        status: ClientStatus::Suspended,
        source: ClientSource::Cimd,
        scope: scopes("a:b c/d ~e"),
        default_resource: Some("notes".into()),
        client_uri: Some(ODD.into()),
        logo_uri: Some(String::new()),
        agent: true,
        agent_description: Some(ODD.into()),
        further_auth_methods: vec![AuthMethod::None, AuthMethod::PrivateKeyJwt],
        token_endpoint_auth_signing_alg: Some(ClientSigningAlgorithm::Es384),
        keys: Some(ClientKeys::Jwks(ODD.into())),
        issued_at: NOW.minus(Duration::from_millis(1)),
        updated_at: domain::UnixMillis(i64::MAX),
    }
}

pub fn user() -> User {
    let id = id();
    User {
        email: format!("{id}@example.com"),
        id: id.into(),
        name: String::new(),
        password_hash: None,
        role: UserRole::User,
        status: UserStatus::Active,
        created_at: NOW,
        updated_at: NOW,
    }
}

pub fn rich_user() -> User {
    User {
        email: format!("o'hara+\"ñ\"{}@例え.example", id()),
        name: ODD.into(),
        password_hash: Some("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".into()),
        role: UserRole::Admin,
        status: UserStatus::Disabled,
        ..user()
    }
}

pub fn resource() -> Resource {
    let id = id();
    Resource {
        slug: format!("r-{id}"),
        id: id.into(),
        uri: None,
        backend_kind: BackendKind::Broker,
        display_name: String::new(),
        scopes: vec![],
        policy: Policy::default(),
        token_typ: domain::TokenTyp::AtJwt,
        created_at: NOW,
        updated_at: NOW,
    }
}

pub fn rich_resource() -> Resource {
    let mut policy = Policy::default();
    policy.exchange.allowed_client_ids = vec![ODD.into(), "b".into()];
    policy.runtime.client_ids = vec!["c".into()];
    policy.connect.allowed_return_urls = vec!["https://x.example/?a='b'".into()];
    Resource {
        uri: Some(format!("https://mcp.example/{}?q='ñ'", id())),
        backend_kind: BackendKind::Mint,
        token_typ: domain::TokenTyp::Jwt,
        display_name: ODD.into(),
        scopes: vec![
            CatalogScope {
                name: "tools:read".into(),
                description: ODD.into(),
                upstream: "repo".into(),
            },
            CatalogScope {
                name: "tools:write".into(),
                description: String::new(),
                upstream: String::new(),
            },
        ],
        policy,
        ..resource()
    }
}

pub fn session(user: &str) -> Session {
    Session {
        id: id().into(),
        token: digest(),
        user_id: user.into(),
        authenticated_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(60)),
    }
}

/// A code of `user` for `client`, alive for ten minutes.
pub fn code(user: &str, client: &str) -> AuthorizationCode {
    AuthorizationCode {
        digest: digest(),
        client_id: client.into(),
        user_id: user.into(),
        redirect_uri: "http://127.0.0.1/callback".into(),
        code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(),
        dpop_jkt: None,
        scope: ScopeSet::default(),
        resources: vec![],
        auth_time: NOW,
        family_id: id().into(),
        created_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(600)),
    }
}

pub fn authorize(code: &AuthorizationCode) -> Authorize {
    Authorize {
        code: code.clone(),
        consents: vec![],
        audit: vec![],
    }
}

pub fn family(code: &AuthorizationCode) -> TokenFamily {
    TokenFamily {
        id: code.family_id.clone(),
        user_id: code.user_id.clone(),
        client_id: code.client_id.clone(),
        scope: code.scope.clone(),
        resources: code.resources.clone(),
        auth_time: code.auth_time,
        created_at: NOW,
        revoked_at: None,
    }
}

pub fn refresh_token(family: &str) -> RefreshToken {
    RefreshToken {
        digest: digest(),
        family_id: family.into(),
        dpop_jkt: None,
        created_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(3600)),
        spent_at: None,
        narrowed_to: None,
    }
}

pub fn issuance(family: &TokenFamily) -> Issuance {
    Issuance {
        jti: id().into(),
        subject_user_id: Some(family.user_id.clone()),
        client_id: family.client_id.clone(),
        resource_id: None,
        audience: vec![],
        scopes: ScopeSet::default(),
        family_id: Some(family.id.clone()),
        parent_jti: None,
        consent_client_id: None,
        consent_resource_id: None,
        obtained_by: None,
        dpop_jkt: None,
        agent_id: None,
        agent_chain: vec![],
        issued_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(900)),
        revoked_at: None,
    }
}

pub fn redeem(code: &AuthorizationCode) -> RedeemCode {
    let family = family(code);
    RedeemCode {
        digest: code.digest,
        refresh: Some(refresh_token(family.id.as_str())),
        issuance: issuance(&family),
        audit: event(AuditAction::TokenIssued).user(code.user_id.as_str()),
        family,
        proof: None,
        now: NOW,
    }
}

/// The rotation of `from`, a token of `family`.
pub fn rotate(from: &RefreshToken, family: &TokenFamily) -> RotateRefresh {
    RotateRefresh {
        digest: from.digest,
        family_id: family.id.clone(),
        next: refresh_token(family.id.as_str()),
        issuance: issuance(family),
        audit: event(AuditAction::TokenRefreshed),
        proof: None,
        retry_window: Duration::ZERO,
        now: NOW,
    }
}

/// A family that has just been founded, with its first refresh token and access token.
pub async fn founded(store: &store::Store, user: &str, client: &str) -> RedeemCode {
    let code = code(user, client);
    store.authorize(authorize(&code)).await.unwrap();
    let command = redeem(&code);
    let outcome = store.redeem_code(command.clone()).await.unwrap();
    assert_eq!(outcome, store::Redeemed::Yes);
    command
}
