//! The whole configuration.

use crate::layer::Source;
use crate::schema::{Section, SectionSpec, section};
use crate::value::Secret;

use super::rule::SIGNING_SECRET;
use super::{
    Admin, Agents, Audit, Cimd, ClientCredentials, Dcr, Dpop, OAuth, Observability, RateLimit,
    ResourceSeed, Server, Session, Signing, Storage, TokenExchange,
};

section! {
    /// What concerns no section alone.
    pub struct Config at "" {
        /// Key of the HMAC-SHA-256 under which client secrets are stored. Without it the server
        /// keeps a key of its own beside the signing keys. Changing it makes every stored client
        /// secret useless.
        client_secret_pepper: Option<Secret>, "AUTHPLANE_CLIENT_SECRET_PEPPER", SIGNING_SECRET;

        sections {
            /// The public listener.
            server: Server;
            /// The database.
            storage: Storage;
            /// The keys that sign access tokens.
            signing: Signing;
            /// Dynamic client registration.
            dcr: Dcr;
            /// Client ID metadata documents.
            cimd: Cimd;
            /// The browser session.
            session: Session;
            /// Limits per client address and per identity.
            rate_limit: RateLimit;
            /// The admin listener.
            admin: Admin;
            /// Rules of the OAuth endpoints.
            oauth: OAuth;
            /// Tokens for machines.
            client_credentials: ClientCredentials;
            /// Tokens bound to a key.
            dpop: Dpop;
            /// One token for another.
            token_exchange: TokenExchange;
            /// Agents.
            agents: Agents;
            /// The audit record.
            audit: Audit;
            /// Metrics and logs.
            observability: Observability;
        }
        lists {
            /// Resources to create at start.
            resources: ResourceSeed;
        }
    }
}

/// A server on localhost with SQLite: what runs without file and variables.
impl Default for Config {
    fn default() -> Self {
        Self::read(&mut Source::defaults()).expect("a key at the root is optional or has a default")
    }
}

impl Config {
    /// Every section and key that exists.
    pub fn spec() -> &'static SectionSpec {
        &<Config as Section>::SPEC
    }

    /// Whether this server is for one machine: its issuer is on localhost, `127.0.0.0/8` or `[::1]`.
    pub fn is_localhost(&self) -> bool {
        self.server.issuer.is_localhost()
    }

    /// Whether cookies carry `Secure`: exactly when the issuer is https. A browser would not send
    /// such a cookie back over http.
    pub fn secure_cookies(&self) -> bool {
        self.server.issuer.is_https()
    }
}
