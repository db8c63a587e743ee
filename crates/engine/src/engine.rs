//! The engine itself: what all use cases share.

use crate::admin::LastCounts;
use crate::client_secret::ClientSecrets;
use crate::csrf::FormTokens;
use crate::denials::Denials;
use crate::grants::RefreshSuccessors;
use crate::health::HealthProbe;
use crate::heartbeat::Heart;
use crate::introspect::IntrospectionCache;
use crate::lockout::Lockout;
use crate::metadata::MetadataCache;
use crate::password::Passwords;
use crate::register::Registered;
use config::Config;
use domain::{Clock, Digest, Rng, UnixMillis};
use keys::Keyring;
use oauth::dpop::{Htu, NonceKeeper};
use outbound::cimd::CimdResolver;
use outbound::jwks::JwksResolver;
use std::sync::Arc;
use store::{CacheSize, Store};
use telemetry::Metrics;
use telemetry::metrics::Cached;

/// What an engine is made of.
pub struct EngineParts {
    /// The effective configuration.
    pub config: Arc<Config>,
    /// The database.
    pub store: Store,
    /// The signing keys.
    pub keys: Keyring,
    /// Finds clients whose id is a URL; `None` when `cimd.enabled` is off.
    pub cimd: Option<CimdResolver>,
    /// Finds the keys that clients publish.
    pub jwks: JwksResolver,
    /// The metrics catalog.
    pub metrics: Metrics,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub rng: Arc<dyn Rng>,
    /// How client secrets are made and checked.
    pub client_secrets: ClientSecrets,
    /// Signs cookies and form tokens.
    pub form_tokens: FormTokens,
    /// Makes and knows DPoP nonces; instances of one issuer share its secret.
    pub dpop_nonces: NonceKeeper,
    /// Derives refresh tokens; instances of one database share its secret.
    pub refresh_successors: RefreshSuccessors,
}

/// All use cases. Cheap to clone.
#[derive(Clone)]
pub struct Engine(Arc<Inner>);

/// The shared insides of an [`Engine`].
pub(crate) struct Inner {
    /// The token endpoint as proofs of possession name it.
    pub token_endpoint: Htu,
    /// Name of the cookie that holds a browser's session.
    pub session_cookie: String,
    pub parts: EngineParts,
    pub passwords: Passwords,
    pub lockout: Lockout,
    pub denials: Denials,
    pub registered: Registered,
    pub health: HealthProbe,
    pub heart: Heart,
    pub counts: LastCounts,
    pub metadata: MetadataCache,
    pub introspections: IntrospectionCache,
}

impl Engine {
    /// An engine of these parts.
    #[must_use]
    pub fn new(parts: EngineParts) -> Self {
        let lockout = Lockout::new(&parts.config.rate_limit);
        let token_endpoint = format!("{}/oauth/token", parts.config.server.issuer.as_str());
        let token_endpoint = Htu::parse(&token_endpoint).expect("an issuer is an absolute URL");
        Self(Arc::new(Inner {
            passwords: Passwords::new(),
            lockout,
            denials: Denials::new(parts.config.audit.denials_per_minute),
            registered: Registered::default(),
            health: HealthProbe::default(),
            heart: Heart::default(),
            counts: LastCounts::default(),
            metadata: MetadataCache::default(),
            introspections: IntrospectionCache::new(),
            token_endpoint,
            session_cookie: session_cookie_name(&parts.config),
            parts,
        }))
    }

    /// The effective configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.parts.config
    }

    /// The database.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.parts.store
    }

    /// The memory that a cache takes and may take.
    #[must_use]
    pub fn cached(&self, cache: Cached) -> CacheSize {
        let of_documents = |(bytes, budget)| CacheSize { bytes, budget };
        let parts = &self.0.parts;
        match cache {
            Cached::Clients => parts.store.cached_clients(),
            Cached::Users => parts.store.cached_users(),
            Cached::Introspections => self.0.introspections.size(),
            Cached::ClientMetadata => match &parts.cimd {
                Some(resolver) => of_documents(resolver.cached()),
                None => CacheSize::default(),
            },
            Cached::ClientKeys => of_documents(parts.jwks.cached()),
        }
    }

    /// The signing keys.
    #[must_use]
    pub fn keys(&self) -> &Keyring {
        &self.0.parts.keys
    }

    /// The metrics catalog.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.0.parts.metrics
    }

    /// Signs cookies and form tokens.
    #[must_use]
    pub fn form_tokens(&self) -> &FormTokens {
        &self.0.parts.form_tokens
    }

    /// The issuer, exactly as it stands in tokens.
    #[must_use]
    pub fn issuer(&self) -> &str {
        self.config().server.issuer.as_str()
    }

    /// Name of the cookie that holds a browser's session: the configured one, or one of this
    /// issuer's own, since browsers send a cookie to every port of a host (RFC 6265 §8.5).
    #[must_use]
    pub fn session_cookie_name(&self) -> &str {
        &self.0.session_cookie
    }

    /// Eight letters and digits that stand for the issuer in the names of cookies.
    #[must_use]
    pub fn issuer_mark(&self) -> String {
        issuer_mark(self.issuer())
    }

    /// The present time.
    #[must_use]
    pub fn now(&self) -> UnixMillis {
        self.0.parts.clock.now()
    }

    /// Time that has passed, whatever the clock is set to.
    pub(crate) fn monotonic(&self) -> std::time::Duration {
        self.0.parts.clock.monotonic()
    }

    pub(crate) fn clock(&self) -> &dyn Clock {
        &*self.0.parts.clock
    }

    pub(crate) fn rng(&self) -> &dyn Rng {
        &*self.0.parts.rng
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }
}

fn issuer_mark(issuer: &str) -> String {
    let mut mark = Digest::of(issuer.as_bytes()).to_hex();
    mark.truncate(8);
    mark
}

/// With the prefix that makes browsers keep other hosts from setting it, where it can have one
/// (RFC 6265bis §4.1.3).
fn session_cookie_name(config: &Config) -> String {
    if let Some(name) = &config.session.cookie_name {
        return name.clone();
    }
    let issuer = &config.server.issuer;
    let prefix = match (config.secure_cookies(), issuer.path().is_empty()) {
        (true, true) => "__Host-",
        (true, false) => "__Secure-",
        (false, _) => "",
    };
    format!(
        "{prefix}authserver_session_{}",
        issuer_mark(issuer.as_str())
    )
}
