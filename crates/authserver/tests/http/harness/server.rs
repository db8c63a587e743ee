//! A whole server inside this process: both listeners, on free ports, with a clock that the
//! test moves.

use super::database::Database;
use super::flow::{self, App};
use super::instance::{ADMIN_KEY, Instance};
use config::Config;
use domain::{
    AuditAction, AuditRecord, CatalogScope, ManualClock, Rng, SystemRng, UnixMillis, UserRole,
};
use engine::admin::{NewClient, NewResource, NewUser};
use engine::{ClientSecrets, Engine, EngineParts, FormTokens, RefreshSuccessors};
use keys::{Algorithm, Keyring, KeyringOptions};
use oauth::dpop::NonceKeeper;
use outbound::cimd::CimdResolver;
use outbound::documents::{DocumentObserver, DocumentOptions, FetchOutcome, Suppression};
use outbound::jwks::JwksResolver;
use outbound::{GuardPolicy, GuardedClient};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;
use store::{AuditFilter, Page};
use telemetry::Metrics;
use telemetry::metrics::MetricsOptions;
use web::serve::{Listener, ServeOptions};
use web::shell::ShellState;

/// What every clock shows at first: 2020-01-01T00:00:00Z, long over for the machine's own.
const START: UnixMillis = UnixMillis(1_577_836_800_000);

/// What is configured unless a test says otherwise: nothing that gets in the way of many
/// requests from one address.
const CALM: [(&str, &str); 3] = [
    ("AUTHPLANE_AUDIT_DENIALS_PER_MINUTE", "0"),
    ("AUTHPLANE_RATE_LIMIT_ENABLED", "false"),
    ("AUTHPLANE_DCR_RATE_LIMIT", "0"),
];

/// A running server; it ends with the test.
pub struct Server {
    instance: Instance,
    pub engine: Engine,
    pub clock: Arc<ManualClock>,
    _folder: Arc<tempfile::TempDir>,
}

impl Deref for Server {
    type Target = Instance;
    fn deref(&self) -> &Instance {
        &self.instance
    }
}

impl Server {
    /// With a user, and two resources.
    pub async fn start(database: &Database) -> Self {
        Self::with(database, &[]).await
    }

    /// The same, configured by these variables.
    pub async fn with(database: &Database, variables: &[(&str, &str)]) -> Self {
        let server = Self::bare(database, variables, Arc::new(ManualClock::at(START))).await;
        server.furnish().await;
        server
    }

    /// Another instance on the same database and the same time, with nothing added.
    pub async fn beside(&self, database: &Database) -> Self {
        self.beside_with(database, &[]).await
    }

    /// Another instance, configured by these variables.
    pub async fn beside_with(&self, database: &Database, variables: &[(&str, &str)]) -> Self {
        Self::bare(database, variables, Arc::clone(&self.clock)).await
    }

    async fn bare(
        database: &Database,
        variables: &[(&str, &str)],
        clock: Arc<ManualClock>,
    ) -> Self {
        let calm = CALM.iter().chain(variables);
        let calm = calm.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let environment = database.environment().into_iter().chain(calm);
        let loaded = config::load(
            None,
            environment.collect::<std::collections::HashMap<_, _>>(),
        );
        let config = loaded.expect("a valid configuration").config;
        let engine = engine(config, database, &clock).await;
        tokio::spawn(engine.clone().maintain());
        let instance = serve(&engine);
        Self {
            instance,
            engine,
            clock,
            _folder: database.folder(),
        }
    }

    async fn furnish(&self) {
        let scope = |name: &str| CatalogScope {
            name: name.into(),
            description: format!("May {name}"),
            upstream: String::new(),
        };
        let resources = [
            ("notes", flow::RESOURCE, ["notes/read", "notes/write"]),
            ("mail", flow::SECOND, ["mail/read", "mail/send"]),
        ];
        for (slug, uri, scopes) in resources {
            let resource = NewResource {
                slug: slug.into(),
                uri: Some(uri.into()),
                backend_kind: domain::BackendKind::Mint,
                display_name: None,
                scopes: scopes.into_iter().map(scope).collect(),
                token_typ: domain::TokenTyp::default(),
                policy: domain::Policy::default(),
            };
            let created = self.engine.create_resource(resource).await;
            created.expect("a resource");
        }
        self.add_user(flow::USER).await;
    }

    pub async fn add_user(&self, email: &str) {
        let user = NewUser {
            email: email.into(),
            name: "Ada".into(),
            password: flow::PASSWORD.into(),
            role: UserRole::User,
        };
        self.engine.create_user(user).await.expect("a user");
    }

    /// A public client, as an operator makes it.
    pub async fn public_app(&self) -> App {
        let client = NewClient {
            token_endpoint_auth_method: Some(domain::AuthMethod::None),
            ..self.new_client()
        };
        self.app(client).await
    }

    /// A client with a secret, sent in the `Authorization` header.
    pub async fn confidential_app(&self) -> App {
        self.app(self.new_client()).await
    }

    fn new_client(&self) -> NewClient {
        NewClient {
            name: "Notebook".into(),
            redirect_uris: vec![flow::REDIRECT.into()],
            ..NewClient::default()
        }
    }

    pub async fn app(&self, client: NewClient) -> App {
        let created = self.engine.create_client(client).await.expect("a client");
        App {
            client_id: created.client.id.to_string(),
            secret: created.secret,
        }
    }

    /// Recorded events of this kind, newest first.
    pub async fn audit(&self, action: AuditAction) -> Vec<AuditRecord> {
        let filter = AuditFilter {
            actions: vec![action],
            ..AuditFilter::default()
        };
        let events = self.engine.store().audit(&filter, &Page::default()).await;
        events.expect("the audit log")
    }

    pub fn wait(&self, time: Duration) {
        self.clock.advance(time);
    }
}

async fn engine(config: Config, database: &Database, clock: &Arc<ManualClock>) -> Engine {
    let metrics = Metrics::new(MetricsOptions::default());
    let rng: Arc<dyn Rng> = Arc::new(SystemRng);
    let clock: Arc<dyn domain::Clock> = Arc::clone(clock) as _;
    let keys = Keyring::open(KeyringOptions {
        directory: config.signing.key_path.clone(),
        make: true,
        algorithm: Algorithm::Es256,
        publish_ahead: config.signing.publish_ahead,
        max_token_lifetime: config.dcr.default_token_expiry,
        clock: Arc::clone(&clock),
    });
    let policy = GuardPolicy {
        require_https: config.cimd.require_https,
        allow_private_addresses: config.cimd.allow_private_addresses,
        timeout: config.cimd.fetch_timeout,
        ..GuardPolicy::default()
    };
    let options = DocumentOptions {
        cache_ttl: config.cimd.cache_ttl,
        ..DocumentOptions::default()
    };
    let client = GuardedClient::new(policy).expect("a client for documents");
    let observer = Arc::new(Unobserved);
    let jwks = JwksResolver::new(
        client.clone(),
        options.clone(),
        Arc::clone(&clock),
        Arc::clone(&observer) as _,
    );
    let cimd = CimdResolver::new(client, options, Arc::clone(&clock), observer);
    let store = database.open(metrics.clone(), Arc::clone(&clock)).await;
    Engine::new(EngineParts {
        store,
        keys: keys.await.expect("signing keys"),
        cimd: Some(cimd),
        jwks,
        config: Arc::new(config),
        metrics,
        clock,
        rng,
        client_secrets: ClientSecrets::new(b"the same on all instances of a test"),
        form_tokens: FormTokens::new(b"the same on all instances of a test"),
        dpop_nonces: NonceKeeper::new(b"the same on all instances of a test"),
        refresh_successors: RefreshSuccessors::new(b"the same on all instances of a test"),
    })
}

struct Unobserved;

impl DocumentObserver for Unobserved {
    fn fetch(&self, _: FetchOutcome, _: Duration) {}
    fn suppressed(&self, _: Suppression) {}
}

fn serve(engine: &Engine) -> Instance {
    let rng: Arc<dyn Rng> = Arc::new(SystemRng);
    let config = engine.config();
    let shell = ShellState::public(config, engine.metrics().clone(), Arc::clone(&rng));
    let shell = web::routes::with_error_page(shell, engine);
    let shell = web::routes::with_refusals_recorded(shell, engine);
    let public = web::shell::wrap(web::routes::router(engine.clone()), shell);
    let shell = ShellState::admin(config, engine.metrics().clone(), rng);
    let running = tokio::sync::watch::channel(false).1;
    let keys = admin::rest::AdminKeys::new(&ADMIN_KEY.into(), None);
    let setup = admin::rest::Setup {
        keys,
        config: String::from("{}"),
        stop: running,
    };
    let router = admin::rest::router(engine.clone(), setup);
    let admin = web::shell::wrap(router, shell);
    let (public_listener, admin_listener) = (listener(), listener());
    let instance = Instance {
        public: public_listener.local_addr(),
        admin: admin_listener.local_addr(),
    };
    let (options, forever) = (ServeOptions::default(), std::future::pending::<()>);
    tokio::spawn(web::serve::serve(
        public_listener,
        public,
        options.clone(),
        forever(),
    ));
    tokio::spawn(web::serve::serve(admin_listener, admin, options, forever()));
    instance
}

fn listener() -> Listener {
    let local = config::ListenAddress {
        host: Some("127.0.0.1".into()),
        port: 0,
    };
    Listener::bind(&local, None).expect("a free port")
}
