//! The keys, section by section. Each file declares the keys of one section and nothing else.

mod admin;
mod agents;
mod audit;
mod cimd;
mod client_credentials;
mod dcr;
mod dpop;
mod oauth;
mod observability;
mod rate_limit;
mod resource;
mod root;
mod rule;
mod server;
mod session;
mod signing;
mod storage;
mod token_exchange;

pub use admin::{ADMIN_KEY_FORM, Admin, is_admin_key};
pub use agents::Agents;
pub use audit::Audit;
pub use cimd::Cimd;
pub use client_credentials::ClientCredentials;
pub use dcr::{Dcr, DcrMode};
pub use dpop::Dpop;
pub use oauth::{OAuth, UnknownScopes};
pub use observability::{
    LogFormat, LogLevel, LogOutputs, Logging, Metrics, MetricsProvider, Observability, Tracing,
};
pub use rate_limit::RateLimit;
pub use resource::{
    BackendKind, ConnectPolicy, ExchangePolicy, Policy, ResourceSeed, RuntimePolicy, ScopeSeed,
    TokenTyp,
};
pub(crate) use resource::{RESOURCE_SCOPES, RESOURCE_URI};
pub use root::Config;
pub use server::{Server, Tls};
pub use session::{SameSite, Session};
pub use signing::{KeyStore, Signing};
pub use storage::{Postgres, PostgresNotify, PostgresPooler, Sqlite, Storage, StorageDriver};
pub use token_exchange::TokenExchange;
