//! What holds when nothing is configured.

use std::collections::BTreeMap;

use config::{Config, Format, Key, Layer, Loaded, load};

fn nothing() -> Loaded {
    load(None, []).expect("nothing is a configuration")
}

fn keys() -> Vec<&'static Key> {
    let sections = Config::spec().walk();
    sections.into_iter().flat_map(|s| s.keys).collect()
}

/// The specification's table: key, default as shown, variable.
const TABLE: [(&str, &str, &str); 78] = [
    (
        "client_secret_pepper",
        "-",
        "AUTHPLANE_CLIENT_SECRET_PEPPER",
    ),
    ("server.address", ":9000", "AUTHPLANE_SERVER_ADDRESS"),
    (
        "server.issuer",
        "http://localhost:9000",
        "AUTHPLANE_SERVER_ISSUER",
    ),
    (
        "server.allowed_origins",
        "[]",
        "AUTHPLANE_SERVER_ALLOWED_ORIGINS",
    ),
    (
        "server.read_timeout",
        "30s",
        "AUTHPLANE_SERVER_READ_TIMEOUT",
    ),
    (
        "server.write_timeout",
        "30s",
        "AUTHPLANE_SERVER_WRITE_TIMEOUT",
    ),
    ("server.idle_timeout", "2m", "AUTHPLANE_SERVER_IDLE_TIMEOUT"),
    (
        "server.shutdown_wait",
        "10s",
        "AUTHPLANE_SERVER_SHUTDOWN_WAIT",
    ),
    (
        "server.trusted_proxies",
        "[]",
        "AUTHPLANE_SERVER_TRUSTED_PROXIES",
    ),
    (
        "server.max_connections",
        "20000",
        "AUTHPLANE_SERVER_MAX_CONNECTIONS",
    ),
    (
        "server.max_connections_per_address",
        "512",
        "AUTHPLANE_SERVER_MAX_CONNECTIONS_PER_ADDRESS",
    ),
    (
        "server.tls.cert_file",
        "-",
        "AUTHPLANE_SERVER_TLS_CERT_FILE",
    ),
    ("server.tls.key_file", "-", "AUTHPLANE_SERVER_TLS_KEY_FILE"),
    ("storage.driver", "sqlite", "AUTHPLANE_STORAGE_DRIVER"),
    (
        "storage.purge_interval",
        "1h",
        "AUTHPLANE_STORAGE_PURGE_INTERVAL",
    ),
    (
        "storage.connect_timeout",
        "30s",
        "AUTHPLANE_STORAGE_CONNECT_TIMEOUT",
    ),
    (
        "storage.sqlite.path",
        "data/authserver.db",
        "AUTHPLANE_STORAGE_SQLITE_PATH",
    ),
    ("storage.sqlite.wal", "true", "AUTHPLANE_STORAGE_SQLITE_WAL"),
    (
        "storage.postgres.dsn",
        "-",
        "AUTHPLANE_STORAGE_POSTGRES_DSN",
    ),
    (
        "storage.postgres.max_conns",
        "25",
        "AUTHPLANE_STORAGE_POSTGRES_MAX_CONNS",
    ),
    (
        "storage.postgres.min_conns",
        "5",
        "AUTHPLANE_STORAGE_POSTGRES_MIN_CONNS",
    ),
    (
        "storage.postgres.max_conn_lifetime",
        "1h",
        "AUTHPLANE_STORAGE_POSTGRES_MAX_CONN_LIFETIME",
    ),
    (
        "storage.postgres.max_conn_idle_time",
        "30m",
        "AUTHPLANE_STORAGE_POSTGRES_MAX_CONN_IDLE_TIME",
    ),
    (
        "storage.postgres.pooler",
        "none",
        "AUTHPLANE_STORAGE_POSTGRES_POOLER",
    ),
    (
        "storage.postgres.notify",
        "listen",
        "AUTHPLANE_STORAGE_POSTGRES_NOTIFY",
    ),
    (
        "storage.postgres.listen_dsn",
        "-",
        "AUTHPLANE_STORAGE_POSTGRES_LISTEN_DSN",
    ),
    ("signing.algorithm", "ES256", "AUTHPLANE_SIGNING_ALGORITHM"),
    (
        "signing.key_store",
        "keyfile",
        "AUTHPLANE_SIGNING_KEY_STORE",
    ),
    (
        "signing.key_path",
        "data/keys",
        "AUTHPLANE_SIGNING_KEY_PATH",
    ),
    (
        "signing.publish_ahead",
        "20m",
        "AUTHPLANE_SIGNING_PUBLISH_AHEAD",
    ),
    ("dcr.mode", "open", "AUTHPLANE_DCR_MODE"),
    (
        "dcr.approved_redirects",
        "[]",
        "AUTHPLANE_DCR_APPROVED_REDIRECTS",
    ),
    (
        "dcr.default_token_expiry",
        "15m",
        "AUTHPLANE_DCR_DEFAULT_TOKEN_EXPIRY",
    ),
    (
        "dcr.default_refresh_expiry",
        "168h",
        "AUTHPLANE_DCR_DEFAULT_REFRESH_EXPIRY",
    ),
    ("dcr.unused_expiry", "168h", "AUTHPLANE_DCR_UNUSED_EXPIRY"),
    ("dcr.idle_expiry", "0s", "AUTHPLANE_DCR_IDLE_EXPIRY"),
    ("dcr.max_clients", "100000", "AUTHPLANE_DCR_MAX_CLIENTS"),
    ("dcr.rate_limit", "10", "AUTHPLANE_DCR_RATE_LIMIT"),
    (
        "dcr.rate_limit_burst",
        "20",
        "AUTHPLANE_DCR_RATE_LIMIT_BURST",
    ),
    ("cimd.enabled", "true", "AUTHPLANE_CIMD_ENABLED"),
    ("cimd.require_https", "true", "AUTHPLANE_CIMD_REQUIRE_HTTPS"),
    (
        "cimd.allow_private_addresses",
        "false",
        "AUTHPLANE_CIMD_ALLOW_PRIVATE_ADDRESSES",
    ),
    ("cimd.cache_ttl", "1h", "AUTHPLANE_CIMD_CACHE_TTL"),
    ("cimd.fetch_timeout", "10s", "AUTHPLANE_CIMD_FETCH_TIMEOUT"),
    ("session.cookie_name", "-", "AUTHPLANE_SESSION_COOKIE_NAME"),
    ("session.max_age", "24h", "AUTHPLANE_SESSION_MAX_AGE"),
    ("session.same_site", "lax", "AUTHPLANE_SESSION_SAME_SITE"),
    ("session.secure", "false", "AUTHPLANE_SESSION_SECURE"),
    (
        "session.fail_closed",
        "true",
        "AUTHPLANE_SESSION_FAIL_CLOSED",
    ),
    ("session.secret", "-", "AUTHPLANE_SESSION_SECRET"),
    ("rate_limit.enabled", "true", "AUTHPLANE_RATE_LIMIT_ENABLED"),
    (
        "rate_limit.requests_per_second",
        "100",
        "AUTHPLANE_RATE_LIMIT_RPS",
    ),
    ("rate_limit.burst", "200", "AUTHPLANE_RATE_LIMIT_BURST"),
    (
        "rate_limit.auth_fail_max",
        "10",
        "AUTHPLANE_RATE_LIMIT_AUTH_FAIL_MAX",
    ),
    (
        "rate_limit.auth_fail_window",
        "10m",
        "AUTHPLANE_RATE_LIMIT_AUTH_FAIL_WINDOW",
    ),
    (
        "rate_limit.auth_lockout",
        "15m",
        "AUTHPLANE_RATE_LIMIT_AUTH_LOCKOUT",
    ),
    (
        "rate_limit.max_tracked_identities",
        "250000",
        "AUTHPLANE_RATE_LIMIT_MAX_TRACKED_IDENTITIES",
    ),
    ("admin.enabled", "true", "AUTHPLANE_ADMIN_ENABLED"),
    ("admin.address", ":9001", "AUTHPLANE_ADMIN_ADDRESS"),
    ("admin.api_key", "-", "AUTHPLANE_ADMIN_API_KEY"),
    ("admin.api_key_file", "-", "AUTHPLANE_ADMIN_API_KEY_FILE"),
    (
        "admin.api_key_previous",
        "-",
        "AUTHPLANE_ADMIN_API_KEY_PREVIOUS",
    ),
    (
        "oauth.require_scope",
        "false",
        "AUTHPLANE_OAUTH_REQUIRE_SCOPE",
    ),
    (
        "oauth.unknown_scopes",
        "drop",
        "AUTHPLANE_OAUTH_UNKNOWN_SCOPES",
    ),
    (
        "oauth.refresh_retry_window",
        "30s",
        "AUTHPLANE_OAUTH_REFRESH_RETRY_WINDOW",
    ),
    (
        "oauth.default_client_scope",
        "-",
        "AUTHPLANE_OAUTH_DEFAULT_CLIENT_SCOPE",
    ),
    (
        "client_credentials.enabled",
        "true",
        "AUTHPLANE_CLIENT_CREDENTIALS_ENABLED",
    ),
    (
        "client_credentials.token_expiry",
        "1h",
        "AUTHPLANE_CLIENT_CREDENTIALS_TOKEN_EXPIRY",
    ),
    ("dpop.enabled", "true", "AUTHPLANE_DPOP_ENABLED"),
    ("dpop.proof_lifetime", "1m", "AUTHPLANE_DPOP_PROOF_LIFETIME"),
    ("dpop.nonce_ttl", "1m", "AUTHPLANE_DPOP_NONCE_TTL"),
    (
        "dpop.require_nonce",
        "false",
        "AUTHPLANE_DPOP_REQUIRE_NONCE",
    ),
    (
        "token_exchange.enabled",
        "true",
        "AUTHPLANE_TOKEN_EXCHANGE_ENABLED",
    ),
    (
        "token_exchange.token_expiry",
        "1h",
        "AUTHPLANE_TOKEN_EXCHANGE_TOKEN_EXPIRY",
    ),
    (
        "token_exchange.max_chain_depth",
        "5",
        "AUTHPLANE_TOKEN_EXCHANGE_MAX_CHAIN_DEPTH",
    ),
    (
        "token_exchange.allow_self_exchange",
        "false",
        "AUTHPLANE_TOKEN_EXCHANGE_ALLOW_SELF_EXCHANGE",
    ),
    (
        "agents.agent_identity_enabled",
        "true",
        "AUTHPLANE_AGENTS_AGENT_IDENTITY_ENABLED",
    ),
    (
        "audit.denials_per_minute",
        "60",
        "AUTHPLANE_AUDIT_DENIALS_PER_MINUTE",
    ),
];

/// The table of the observability part, whose variables have names of their own.
const OBSERVABILITY: [(&str, &str, &str); 16] = [
    (
        "observability.metrics.provider",
        "prometheus",
        "AUTHPLANE_METRICS_PROVIDER",
    ),
    (
        "observability.metrics.path",
        "/metrics",
        "AUTHPLANE_METRICS_PATH",
    ),
    (
        "observability.metrics.require_auth",
        "false",
        "AUTHPLANE_METRICS_REQUIRE_AUTH",
    ),
    ("observability.logging.level", "info", "AUTHPLANE_LOG_LEVEL"),
    (
        "observability.logging.format",
        "auto",
        "AUTHPLANE_LOG_FORMAT",
    ),
    (
        "observability.logging.add_source",
        "false",
        "AUTHPLANE_LOG_ADD_SOURCE",
    ),
    (
        "observability.logging.outputs.stdout",
        "true",
        "AUTHPLANE_LOG_STDOUT",
    ),
    (
        "observability.metrics.otel_endpoint",
        "-",
        "AUTHPLANE_METRICS_OTEL_ENDPOINT",
    ),
    (
        "observability.metrics.insecure",
        "false",
        "AUTHPLANE_METRICS_INSECURE",
    ),
    (
        "observability.logging.outputs.otel",
        "false",
        "AUTHPLANE_LOG_OTEL",
    ),
    (
        "observability.logging.outputs.otel_endpoint",
        "-",
        "AUTHPLANE_LOG_OTEL_ENDPOINT",
    ),
    (
        "observability.logging.outputs.insecure",
        "false",
        "AUTHPLANE_LOG_OTEL_INSECURE",
    ),
    (
        "observability.tracing.enabled",
        "false",
        "AUTHPLANE_TRACING_ENABLED",
    ),
    (
        "observability.tracing.endpoint",
        "-",
        "AUTHPLANE_TRACING_ENDPOINT",
    ),
    (
        "observability.tracing.insecure",
        "false",
        "AUTHPLANE_TRACING_INSECURE",
    ),
    (
        "observability.tracing.sample_rate",
        "1.0",
        "AUTHPLANE_TRACING_SAMPLE_RATE",
    ),
];

#[test]
fn every_default_is_that_of_the_specification() {
    let shown = nothing().show(Format::Text);
    let shown: BTreeMap<&str, &str> = shown
        .lines()
        .map(|line| {
            let mut cells = line.split_whitespace();
            let row = (cells.next().expect("key"), cells.next().expect("value"));
            assert_eq!(cells.next(), Some("default"), "{line}");
            row
        })
        .collect();
    let expected: BTreeMap<&str, &str> = TABLE
        .into_iter()
        .chain(OBSERVABILITY)
        .map(|(key, default, _)| (key, default))
        .collect();
    assert_eq!(shown, expected);
}

#[test]
fn every_variable_is_that_of_the_specification() {
    let declared: BTreeMap<&str, &str> = keys()
        .iter()
        .filter_map(|key| Some((key.path, key.variable?)))
        .collect();
    let expected: BTreeMap<&str, &str> = TABLE
        .into_iter()
        .chain(OBSERVABILITY)
        .map(|(key, _, variable)| (key, variable))
        .collect();
    assert_eq!(declared, expected);
}

#[test]
fn no_two_keys_share_a_variable() {
    let mut variables: Vec<_> = keys().iter().filter_map(|key| key.variable).collect();
    let all = variables.len();
    variables.sort_unstable();
    variables.dedup();
    assert_eq!(variables.len(), all);
}

#[test]
fn the_default_configuration_is_what_loading_nothing_gives() {
    let loaded = nothing();
    assert_eq!(
        format!("{:?}", Config::default()),
        format!("{:?}", loaded.config)
    );
    assert!(loaded.config.is_localhost());
    assert!(!loaded.config.secure_cookies());
    assert!(
        loaded
            .origins
            .values()
            .all(|layer| *layer == Layer::Default)
    );
}

#[test]
fn open_registration_is_warned_of() {
    let warnings = nothing().warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].starts_with("dcr.mode is open"), "{warnings:?}");
}
