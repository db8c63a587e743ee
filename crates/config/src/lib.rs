//! Configuration: built-in defaults, then a YAML file, then the environment; later wins.
//!
//! Every key is declared once, in [`section`], with its type, default, variable, help and limits.
//! Reading the file, refusing unknown keys, overlaying the environment, `config show` and
//! `config reference` are all derived from that declaration, so adding a key is one edit in one
//! place.
//!
//! ```
//! let loaded = config::load(None, [("AUTHPLANE_DCR_MODE".into(), "admin_only".into())])?;
//! assert_eq!(loaded.config.dcr.mode, config::DcrMode::AdminOnly);
//! # Ok::<(), config::Problems>(())
//! ```

mod layer;
mod nearest;
mod problem;
mod schema;
pub mod section;
pub mod value;

pub use problem::{Problem, Problems};
pub use schema::{Allowed, Key, Kind, SectionSpec};
pub use section::{
    Admin, BackendKind, Cimd, Config, Dcr, DcrMode, ExchangePolicy, KeyStore, LogFormat, LogLevel,
    LogOutputs, Logging, Metrics, MetricsProvider, OAuth, Observability, Policy, Postgres,
    RateLimit, ResourceSeed, SameSite, ScopeSeed, Server, Session, Signing, SigningAlgorithm,
    Sqlite, Storage, StorageDriver, Tls,
};
pub use section::{ConnectPolicy, RuntimePolicy};
pub use value::{Issuer, ListenAddress, Origin, PostgresDsn, RedirectPattern, Secret};
