//! The server itself.

use domain::UnixMillis;
use serde::Serialize;
use store::Counts;
use utoipa::ToSchema;

/// How much there is of everything; at most ten seconds old.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatsView {
    /// Clients, whatever their status.
    pub clients: u64,
    /// Users, whatever their status.
    pub users: u64,
    /// Access tokens of the last 24 hours that are alive.
    pub active_tokens_24h: u64,
    /// Access tokens on record that were revoked.
    pub revoked_tokens: u64,
    /// Users' accounts with upstream providers: none, as there are no providers.
    pub connections: u64,
}

impl From<Counts> for StatsView {
    fn from(counts: Counts) -> Self {
        Self {
            clients: counts.clients,
            users: counts.users,
            active_tokens_24h: counts.alive_tokens,
            revoked_tokens: counts.revoked_tokens,
            connections: 0,
        }
    }
}

/// The key is right.
#[derive(Debug, Serialize, ToSchema)]
pub struct VerifiedView {
    /// Always true.
    pub valid: bool,
    /// Of the server.
    pub version: &'static str,
}

/// How the server and its parts are.
#[derive(Debug, Serialize, ToSchema)]
pub struct SystemStatusView {
    /// `ok`, or `degraded` when one of the parts is not.
    pub status: &'static str,
    /// Of the server.
    pub version: &'static str,
    /// The issuer.
    pub issuer: String,
    /// When this instance started.
    pub started_at: UnixMillis,
    /// When this was asked.
    pub time: UnixMillis,
    /// Where everything is stored.
    pub database: DatabaseView,
    /// What signs.
    pub keys: KeysView,
}

/// The database.
#[derive(Debug, Serialize, ToSchema)]
pub struct DatabaseView {
    /// `ok` or `unreachable`.
    pub status: &'static str,
    /// `sqlite` or `postgres`.
    pub driver: &'static str,
    /// Connections of this instance that are at work.
    pub in_use: u32,
    /// Connections of this instance that are free.
    pub idle: u32,
    /// Callers that wait for one.
    pub waiting: u32,
}

/// The signing keys.
#[derive(Debug, Serialize, ToSchema)]
pub struct KeysView {
    /// `ok`: without keys the server does not start.
    pub status: &'static str,
    /// The key that signs.
    pub active: String,
    /// Its algorithm.
    pub alg: &'static str,
    /// When it was made.
    pub created_at: UnixMillis,
    /// How many verify.
    pub count: usize,
}
