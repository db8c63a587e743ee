//! The rules that tie keys together, and those that hold off localhost alone.

use std::collections::BTreeMap;

use crate::layer::Source;
use crate::problem::{Problem, quote};
use crate::section::{
    Config, DcrMode, MetricsProvider, PostgresNotify, PostgresPooler, SameSite, StorageDriver,
};
use domain::ResourceUri;

/// How paths of the server's own begin, at the root and below the issuer's path.
const OWN_PATHS: [&str; 11] = [
    ".well-known",
    "connect",
    "connections",
    "consent",
    "health",
    "livez",
    "login",
    "logout",
    "oauth",
    "oidc",
    "ready",
];

/// Every rule that `config` breaks.
pub(crate) fn check(config: &Config, source: &Source<'_>) -> Vec<Problem> {
    let mut rules = Rules {
        config,
        source,
        problems: Vec::new(),
    };
    rules.server();
    rules.storage();
    rules.collectors();
    rules.admin();
    rules.dcr();
    rules.cookies();
    rules.resources();
    if !config.is_localhost() {
        rules.off_localhost();
    }
    rules.problems
}

/// What is allowed but worth a word at start.
pub(crate) fn warnings(config: &Config) -> Vec<String> {
    let mut warnings = Vec::new();
    if config.dcr.mode == DcrMode::Open {
        warnings.push(
            "dcr.mode is open: anyone who reaches this server can register a client; \
             approved_redirects and admin_only are stricter"
                .into(),
        );
    }
    if config.session.secure && !config.secure_cookies() {
        warnings.push(
            "session.secure has no effect with an http issuer: browsers would not send a Secure \
             cookie back"
                .into(),
        );
    }
    warnings
}

struct Rules<'a> {
    config: &'a Config,
    source: &'a Source<'a>,
    problems: Vec<Problem>,
}

impl Rules<'_> {
    /// Notes a problem of the first of `keys` unless `holds`, or one of the keys was refused
    /// already and its value is not the one the operator meant.
    fn demand(&mut self, holds: bool, keys: &[&str], message: impl Into<String>) {
        let Some(key) = keys.first() else { return };
        if holds || keys.iter().any(|key| self.source.refused.contains(*key)) {
            return;
        }
        let problem = Problem::new(*key, message);
        self.problems.push(match self.source.places.get(*key) {
            Some(place) => problem.at(place),
            None => problem,
        });
    }

    fn server(&mut self) {
        let server = &self.config.server;
        let (cert, key) = ("server.tls.cert_file", "server.tls.key_file");
        let (has_cert, has_key) = (
            server.tls.cert_file.is_some(),
            server.tls.key_file.is_some(),
        );
        self.demand(
            has_cert || !has_key,
            &[cert, key],
            format!("is missing; {key} needs it"),
        );
        self.demand(
            has_key || !has_cert,
            &[key, cert],
            format!("is missing; {cert} needs it"),
        );
        self.demand(
            server.issuer.is_https() || !(has_cert && has_key),
            &["server.issuer", cert, key],
            format!(
                "{} is http, but with {cert} the server speaks https alone; allowed: an https URL",
                quote(server.issuer.as_str())
            ),
        );
        let first = server.issuer.path().split('/').nth(1).unwrap_or_default();
        self.demand(
            !OWN_PATHS.contains(&first),
            &["server.issuer"],
            format!(
                "{} has a path that begins with /{first}, as paths of the server's own do; \
                 allowed: no path, or another, such as /auth",
                quote(server.issuer.as_str())
            ),
        );
        self.demand(
            !server.issuer.path().contains(['*', ':']),
            &["server.issuer"],
            format!(
                "{} has a * or : in its path; allowed: letters, digits and - . _ ~",
                quote(server.issuer.as_str())
            ),
        );
        let admin = &self.config.admin;
        self.demand(
            !(admin.enabled && admin.address.collides_with(&server.address)),
            &["admin.address", "server.address", "admin.enabled"],
            format!(
                "{} is taken by server.address, {}; allowed: an address of its own",
                quote(&admin.address.to_string()),
                quote(&server.address.to_string())
            ),
        );
    }

    fn storage(&mut self) {
        let storage = &self.config.storage;
        let postgres = &storage.postgres;
        self.demand(
            storage.driver != StorageDriver::Postgres || postgres.dsn.is_some(),
            &["storage.postgres.dsn", "storage.driver"],
            "is missing; storage.driver postgres needs it (AUTHPLANE_STORAGE_POSTGRES_DSN)",
        );
        let listens = postgres.notify == PostgresNotify::Listen;
        let pooled = postgres.pooler == PostgresPooler::Transaction;
        self.demand(
            !(listens && pooled) || postgres.listen_dsn.is_some(),
            &[
                "storage.postgres.listen_dsn",
                "storage.postgres.pooler",
                "storage.postgres.notify",
            ],
            "is missing; LISTEN does not pass a pooler in transaction mode: give a URL past it, or \
             set storage.postgres.notify to poll",
        );
        self.demand(
            postgres.min_conns <= postgres.max_conns,
            &["storage.postgres.min_conns", "storage.postgres.max_conns"],
            format!(
                "\"{}\" is more than storage.postgres.max_conns; allowed: at most {}",
                postgres.min_conns, postgres.max_conns
            ),
        );
    }

    fn collectors(&mut self) {
        let own = &self.config.observability;
        let outputs = &own.logging.outputs;
        let pushes = matches!(
            own.metrics.provider,
            MetricsProvider::Otel | MetricsProvider::Both
        );
        self.demand(
            !pushes || own.metrics.otel_endpoint.is_some(),
            &[
                "observability.metrics.otel_endpoint",
                "observability.metrics.provider",
            ],
            "is missing; the providers otel and both need it (AUTHPLANE_METRICS_OTEL_ENDPOINT)",
        );
        self.demand(
            !outputs.otel || outputs.otel_endpoint.is_some(),
            &[
                "observability.logging.outputs.otel_endpoint",
                "observability.logging.outputs.otel",
            ],
            "is missing; observability.logging.outputs.otel needs it (AUTHPLANE_LOG_OTEL_ENDPOINT)",
        );
        self.demand(
            !own.tracing.enabled || own.tracing.endpoint.is_some(),
            &[
                "observability.tracing.endpoint",
                "observability.tracing.enabled",
            ],
            "is missing; observability.tracing.enabled needs it (AUTHPLANE_TRACING_ENDPOINT)",
        );
    }

    fn admin(&mut self) {
        let admin = &self.config.admin;
        self.demand(
            admin.api_key.is_none() || admin.api_key_file.is_none(),
            &["admin.api_key_file", "admin.api_key"],
            "and admin.api_key are both set; allowed: one of the two",
        );
    }

    fn dcr(&mut self) {
        let dcr = &self.config.dcr;
        self.demand(
            dcr.mode != DcrMode::ApprovedRedirects || !dcr.approved_redirects.is_empty(),
            &["dcr.approved_redirects", "dcr.mode"],
            "is empty; dcr.mode approved_redirects needs at least one entry",
        );
        self.demand(
            dcr.rate_limit == 0 || dcr.rate_limit_burst > 0,
            &["dcr.rate_limit_burst", "dcr.rate_limit"],
            "\"0\" would refuse every registration; allowed: at least 1, or dcr.rate_limit 0 for no limit",
        );
        self.demand(
            dcr.default_refresh_expiry >= dcr.default_token_expiry,
            &["dcr.default_refresh_expiry", "dcr.default_token_expiry"],
            "is shorter than dcr.default_token_expiry; allowed: at least as long",
        );
    }

    fn cookies(&mut self) {
        let config = self.config;
        let secure = config.secure_cookies();
        self.demand(
            config.session.same_site != SameSite::None || secure,
            &["session.same_site", "server.issuer"],
            "\"none\" needs Secure cookies, and so an https issuer; allowed: lax, strict",
        );
        // RFC 6265bis §4.1.3: what browsers ask of a cookie with one of these prefixes.
        let given = config.session.cookie_name.as_deref().unwrap_or_default();
        let name = given.to_ascii_lowercase();
        let whole_host = config.server.issuer.path().is_empty();
        self.demand(
            match (name.starts_with("__host-"), name.starts_with("__secure-")) {
                (true, _) => secure && whole_host,
                (_, true) => secure,
                _ => true,
            },
            &["session.cookie_name", "server.issuer"],
            format!(
                "{} has a prefix that needs an https issuer, __Host- one without path; allowed: a name without it",
                quote(given)
            ),
        );
    }

    fn resources(&mut self) {
        let mut slugs = BTreeMap::new();
        let mut uris = BTreeMap::new();
        for (index, resource) in self.config.resources.iter().enumerate() {
            let at = format!("resources[{index}]");
            let key = ResourceUri::parse(&resource.uri)
                .map_or_else(|_| resource.uri.clone(), |uri| uri.key().to_owned());
            for (name, value, key, seen) in [
                ("slug", &resource.slug, resource.slug.clone(), &mut slugs),
                ("uri", &resource.uri, key, &mut uris),
            ] {
                let first = seen.entry(key).or_insert(index);
                self.demand(
                    *first == index,
                    &[&format!("{at}.{name}")],
                    format!(
                        "{} is also that of resources[{first}]; allowed: one resource each",
                        quote(value)
                    ),
                );
            }
            let mut scopes = BTreeMap::new();
            for (position, scope) in resource.scopes.iter().enumerate() {
                let first = scopes.entry(&scope.name).or_insert(position);
                self.demand(
                    *first == position,
                    &[&format!("{at}.scopes[{position}].name")],
                    format!("{} stands in the catalog twice", quote(&scope.name)),
                );
            }
        }
    }

    fn off_localhost(&mut self) {
        let config = self.config;
        let issuer = "server.issuer";
        self.demand(
            config.server.issuer.is_https(),
            &[issuer],
            format!(
                "{} is http, which only localhost may have; allowed: an https URL",
                quote(config.server.issuer.as_str())
            ),
        );
        self.demand(
            config.session.secret.is_some(),
            &["session.secret", issuer],
            "is missing; required off localhost (AUTHPLANE_SESSION_SECRET); allowed: at least 32 bytes, \
             such as the output of `openssl rand -base64 48`",
        );
        self.demand(
            config.admin.api_key.is_some()
                || config.admin.api_key_file.is_some()
                || !config.admin.enabled,
            &["admin.api_key", "admin.enabled", issuer],
            "is missing; required off localhost (AUTHPLANE_ADMIN_API_KEY); allowed: at least 16 \
             characters, such as the output of `openssl rand -hex 32`",
        );
        self.demand(
            config.cimd.require_https,
            &["cimd.require_https", issuer],
            "\"false\" is for an issuer on localhost; allowed: true",
        );
        self.demand(
            !config.cimd.allow_private_addresses,
            &["cimd.allow_private_addresses", issuer],
            "\"true\" is for an issuer on localhost; allowed: false",
        );
    }
}
