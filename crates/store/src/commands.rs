//! The state changes that must be atomic, as values, and how they end.

use crate::Cursor;
use std::time::Duration;

use domain::{
    AuditEvent, AuthorizationCode, ConsentGrantId, Digest, FamilyId, Issuance, Jti, RefreshToken,
    ResourceId, ScopeSet, TokenFamily, UnixMillis,
};

/// A sign of life that servers leave in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    /// Names the database: made with its first heartbeat, the same ever after.
    pub database_id: String,
    /// When the last one was left.
    pub at: UnixMillis,
}

/// Stores an authorization code, together with the consent it rests on.
#[derive(Debug, Clone)]
pub struct Authorize {
    /// The code.
    pub code: AuthorizationCode,
    /// What the user has just agreed to, by resource; empty when nothing new was asked.
    pub consents: Vec<NewConsent>,
    /// What to record.
    pub audit: Vec<AuditEvent>,
}

/// A consent to remember, or to widen an earlier one by.
#[derive(Debug, Clone)]
pub struct NewConsent {
    /// The id it gets if there is none for (user, client, resource) yet.
    pub id: ConsentGrantId,
    /// For what.
    pub resource_id: ResourceId,
    /// How far; joined with what was agreed before.
    pub scopes: ScopeSet,
}

/// The use of a DPoP proof, remembered until it would be too old anyway (RFC 9449 §11.1).
#[derive(Debug, Clone, Copy)]
pub struct ProofUse {
    /// What makes the proof unique.
    pub proof: Digest,
    /// When it need not be remembered any longer.
    pub expires_at: UnixMillis,
}

/// The use of a client's assertion, remembered as long as it would be accepted (RFC 7523 §3).
#[derive(Debug, Clone, Copy)]
pub struct AssertionUse {
    /// What makes the assertion unique.
    pub assertion: Digest,
    /// When it need not be remembered any longer.
    pub expires_at: UnixMillis,
}

/// Records a token that founds on nothing but the request for it.
#[derive(Debug, Clone)]
pub struct Issue {
    /// The record of the token.
    pub issuance: Issuance,
    /// What to record.
    pub audit: AuditEvent,
    /// The proof that came with the request.
    pub proof: Option<ProofUse>,
}

/// How recording a token ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issued {
    /// It is recorded and may be handed out.
    Yes,
    /// The proof was used before; nothing is recorded.
    ProofReplayed,
}

/// Records a token that was exchanged for another (RFC 8693).
#[derive(Debug, Clone)]
pub struct Exchange {
    /// The record of the new token.
    pub issuance: Issuance,
    /// The tokens it rests on, subject and actor: none of them may be revoked.
    pub founded_on: Vec<Jti>,
    /// The consent it rests on, unless none is asked for.
    pub consent: Option<ConsentBasis>,
    /// What to record.
    pub audit: AuditEvent,
    /// The proof that came with the request.
    pub proof: Option<ProofUse>,
}

/// What a user must still agree to when a token is recorded.
#[derive(Debug, Clone)]
pub struct ConsentBasis {
    /// The consent.
    pub grant_id: ConsentGrantId,
    /// It must still cover these.
    pub scopes: ScopeSet,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exchanged {
    /// The new token is recorded and may be handed out.
    Yes,
    /// A token it rests on was revoked meanwhile.
    TokenRevoked,
    /// The consent it rests on was taken back meanwhile, or narrowed.
    ConsentRevoked,
    /// The client was suspended, revoked or deleted meanwhile.
    ClientEnded,
    /// The proof was used before; nothing is recorded.
    ProofReplayed,
}

/// Whether a fronting link could be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrontingLinkState {
    /// It could; and it was, unless this was only tried.
    Free,
    /// There is one between these resources already.
    Exists,
    /// A token could come back to the resource it started from.
    Cycle,
    /// One of the resources is gone.
    NoResource,
}

/// Redeems an authorization code.
#[derive(Debug, Clone)]
pub struct RedeemCode {
    /// The code.
    pub digest: Digest,
    /// The family it founds.
    pub family: TokenFamily,
    /// The family's first refresh token, if the client may have one.
    pub refresh: Option<RefreshToken>,
    /// The record of the access token.
    pub issuance: Issuance,
    /// What to record.
    pub audit: AuditEvent,
    /// The proof that came with the request.
    pub proof: Option<ProofUse>,
    /// The present time.
    pub now: UnixMillis,
}

/// How a redemption ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redeemed {
    /// The code was spent by this very call.
    Yes,
    /// Somebody spent it before.
    AlreadySpent,
    /// It has expired or was withdrawn.
    Gone,
    /// The proof was used before; the code is not spent.
    ProofReplayed,
}

/// Exchanges a refresh token for the next, or hands out the next once more.
#[derive(Debug, Clone)]
pub struct RotateRefresh {
    /// The token presented.
    pub digest: Digest,
    /// Its family.
    pub family_id: FamilyId,
    /// Its successor, the same for whoever presents the token.
    pub next: RefreshToken,
    /// The record of the access token.
    pub issuance: Issuance,
    /// What to record; of a retry, with `retry=true`.
    pub audit: AuditEvent,
    /// The proof that came with the request.
    pub proof: Option<ProofUse>,
    /// How long after it was spent the token may be presented again while its successor is
    /// unused; zero for never.
    pub retry_window: Duration,
    /// The present time.
    pub now: UnixMillis,
}

/// How a rotation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    /// The token was spent by this very call.
    Yes,
    /// It was spent a moment ago and its successor is unused: the access token is recorded, and
    /// the successor, which stays as it is, may be handed out again.
    Retried,
    /// The same, but the access token would go beyond what was asked for when the token was
    /// spent; nothing is recorded.
    RetriedBeyondScope,
    /// Somebody spent it before: reuse.
    AlreadySpent,
    /// Its family is revoked, or it has expired.
    Gone,
    /// The proof was used before; the token is not spent.
    ProofReplayed,
}

/// What a revocation is to end.
#[derive(Debug, Clone)]
pub enum Revoke {
    /// A family and its access tokens.
    Family(FamilyId),
    /// One access token.
    Token(Jti),
    /// A user's families, sessions, codes and access tokens.
    User(String),
    /// A client's families, codes and access tokens, and all tokens exchanged from these.
    Client(String),
    /// A consent: the client's codes, families and access tokens for that resource, and all
    /// tokens exchanged from these.
    Consent(ConsentGrantId),
}

/// How much a revocation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RevokeCount {
    /// Consents that stood.
    pub consents: u64,
    /// Families that were alive.
    pub families: u64,
    /// Access tokens that were alive.
    pub tokens: u64,
    /// Sessions.
    pub sessions: u64,
}

impl RevokeCount {
    /// Whether anything was alive.
    #[must_use]
    pub fn any(&self) -> bool {
        self.consents + self.families + self.tokens + self.sessions > 0
    }
}

/// How it ended that a row which was read before was written back, changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Updated {
    /// It is written.
    Yes {
        /// Its version now; greater than the one before.
        updated_at: UnixMillis,
        /// What ended with the change.
        ended: RevokeCount,
    },
    /// Somebody else has changed it since it was read; nothing is written.
    Stale,
    /// It is no longer there.
    Gone,
}

/// What `Store::purge` removes: rows that have ended by themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PurgeTarget {
    /// Authorization codes that ended more than a day ago.
    AuthorizationCodes,
    /// Families, with all their refresh tokens, whose last token has expired.
    RefreshTokens,
    /// Browser sessions that have ended, and what is known of those of the console.
    Sessions,
    /// Uses of DPoP proofs that are too old to be accepted again.
    DpopProofs,
    /// Uses of client assertions that are too old to be accepted again.
    Assertions,
}

impl PurgeTarget {
    /// All targets.
    pub const ALL: [Self; 5] = [
        Self::AuthorizationCodes,
        Self::RefreshTokens,
        Self::Sessions,
        Self::DpopProofs,
        Self::Assertions,
    ];

    /// The name on the command line.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AuthorizationCodes => "authorization-codes",
            Self::RefreshTokens => "refresh-tokens",
            Self::Sessions => "sessions",
            Self::DpopProofs => "dpop-nonces",
            Self::Assertions => "assertion-jti",
        }
    }
}

/// Which clients that registered themselves nobody uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientExpiry {
    /// Those that registered before this and never held a grant.
    pub unused_before: Option<UnixMillis>,
    /// Those whose last grant was before this, and that hold none that is alive.
    pub idle_before: Option<UnixMillis>,
}

impl Deletion {
    /// Of any version, with all that it holds.
    pub const FORCED: Self = Self {
        version: None,
        force: true,
    };
}

/// How much there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Clients, whatever their status.
    pub clients: u64,
    /// Users, whatever their status.
    pub users: u64,
    /// Access tokens, of those issued since a certain time, that are alive.
    pub alive_tokens: u64,
    /// Access tokens that were revoked.
    pub revoked_tokens: u64,
}

/// Which clients to list; `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct ClientFilter {
    /// By status.
    pub status: Option<domain::ClientStatus>,
    /// By source.
    pub source: Option<domain::ClientSource>,
    /// Id or name contains this text, whatever the case of its ASCII letters.
    pub text: Option<String>,
    /// Behind this place.
    pub behind: Option<Cursor>,
}

/// Which users to list; `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// By status.
    pub status: Option<domain::UserStatus>,
    /// Id, address or name contains this text, whatever the case of its ASCII letters.
    pub text: Option<String>,
    /// Behind this place.
    pub behind: Option<Cursor>,
}

/// Which families to list; `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct FamilyFilter {
    /// By user.
    pub user_id: Option<String>,
    /// By client.
    pub client_id: Option<String>,
    /// Behind this place.
    pub behind: Option<Cursor>,
}

/// How it ended that a row was to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deleted {
    /// It is gone, and this ended with it.
    Yes(RevokeCount),
    /// It holds this much, and was not to be deleted while it holds anything.
    InUse(RevokeCount),
    /// Somebody has changed it since it was read; it is still there.
    Stale,
    /// It was not there.
    Gone,
}

/// Under which conditions to delete a row.
#[derive(Debug, Clone, Copy, Default)]
pub struct Deletion {
    /// Only if this is its version, its `updated_at`.
    pub version: Option<UnixMillis>,
    /// Even if it holds something that is alive.
    pub force: bool,
}

/// Which issuances to list; `None` does not restrict.
#[derive(Debug, Clone)]
pub struct IssuanceFilter {
    /// By user.
    pub user_id: Option<String>,
    /// By client.
    pub client_id: Option<String>,
    /// By resource.
    pub resource_id: Option<String>,
    /// Issued at this time or later.
    pub since: UnixMillis,
    /// Behind this place.
    pub behind: Option<Cursor>,
}

/// Which audit events to list; what is empty does not restrict.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Any of these.
    pub actions: Vec<domain::AuditAction>,
    /// By the user concerned.
    pub user_id: Option<String>,
    /// By who did it.
    pub actor_id: Option<String>,
    /// By client.
    pub client_id: Option<String>,
    /// By address of the caller.
    pub ip: Option<String>,
    /// By trace.
    pub trace_id: Option<String>,
    /// Recorded at this time or later.
    pub since: Option<UnixMillis>,
    /// Recorded before this time.
    pub until: Option<UnixMillis>,
    /// Part of the detail, resource, client or actor, whatever the case of its ASCII letters.
    pub text: Option<String>,
    /// Ids behind this one, in the order of the list.
    pub behind: Option<String>,
    /// Where the list begins.
    pub order: AuditOrder,
}

/// Where a list of audit events begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuditOrder {
    /// With the newest.
    #[default]
    NewestFirst,
    /// With the oldest.
    OldestFirst,
}
