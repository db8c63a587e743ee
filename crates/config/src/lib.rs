//! Configuration: built-in defaults, then a YAML file, then the environment; later wins.
//!
//! Every key is declared once, in `src/section`, with its type, default, variable, help and limits.
//! Reading the file, refusing unknown keys, overlaying the environment, `config show` and
//! `config reference` are all derived from that declaration, so adding a key is one edit in one
//! place.
//!
//! ```
//! let loaded = config::load(None, [("AUTHPLANE_DCR_MODE".into(), "admin_only".into())])?;
//! assert_eq!(loaded.config.dcr.mode, config::DcrMode::AdminOnly);
//! # Ok::<(), config::Problems>(())
//! ```

mod check;
mod environment;
mod layer;
mod load;
mod nearest;
mod problem;
mod reference;
mod schema;
mod section;
mod show;
mod value;
mod weak;
mod yaml;

pub use layer::Layer;
pub use load::{Loaded, load, load_text};

pub use secrecy::ExposeSecret;

pub use problem::{Problem, Problems};
pub use reference::reference;
pub use schema::{Allowed, Key, Kind, SectionSpec};
pub use section::{
    ADMIN_KEY_FORM, Admin, Agents, BackendKind, Cimd, ClientCredentials, Config, ConnectPolicy,
    Dcr, DcrMode, Dpop, ExchangePolicy, KeyStore, LogFormat, LogLevel, LogOutputs, Logging,
    Metrics, MetricsProvider, OAuth, Observability, Policy, Postgres, PostgresNotify,
    PostgresPooler, RateLimit, ResourceSeed, RuntimePolicy, SameSite, ScopeSeed, Server, Session,
    Signing, Sqlite, Storage, StorageDriver, Tls, TokenExchange, TokenTyp, Tracing, UnknownScopes,
    is_admin_key,
};
pub use show::Format;
pub use value::{
    CollectorAddress, Issuer, ListenAddress, Origin, PostgresDsn, RedirectPattern, Secret,
    parse_duration,
};
