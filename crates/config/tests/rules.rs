//! What is refused although each value is well formed, and what only localhost may do. Each test
//! starts from a configuration that is accepted and changes one thing.

use config::{Config, Loaded, Problems, load_text};

const KEY: &str = "8f1d0c7be2a94356";
const SECRET: &str = "kJ8s2hQz4mWp9xT1vB6nR3cL7yD0fG5a";

/// An accepted configuration off localhost, with one variable changed or, when empty, left out.
fn public(change: (&str, &str)) -> Result<Loaded, Problems> {
    let mut variables = vec![
        ("AUTHPLANE_SERVER_ISSUER", "https://auth.example.com"),
        ("AUTHPLANE_SESSION_SECRET", SECRET),
        ("AUTHPLANE_ADMIN_API_KEY", KEY),
    ];
    variables.retain(|(name, _)| *name != change.0);
    variables.push(change);
    load(&variables)
}

fn load(variables: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let variables = variables
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    load_text(None, variables)
}

/// The keys that `result` complains about.
fn keys(result: Result<Loaded, Problems>) -> Vec<String> {
    match result {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(|p| p.key().to_owned()).collect(),
    }
}

#[test]
fn off_localhost_each_safeguard_is_demanded() {
    assert!(!public(("", "")).expect("accepted").config.is_localhost());
    for (change, key) in [
        (
            ("AUTHPLANE_SERVER_ISSUER", "http://auth.example.com"),
            "server.issuer",
        ),
        (
            ("AUTHPLANE_SERVER_ISSUER", "https://auth.example.com/"),
            "server.issuer",
        ),
        (("AUTHPLANE_SESSION_SECRET", ""), "session.secret"),
        (("AUTHPLANE_ADMIN_API_KEY", ""), "admin.api_key"),
        (
            ("AUTHPLANE_CIMD_REQUIRE_HTTPS", "false"),
            "cimd.require_https",
        ),
        (
            ("AUTHPLANE_CIMD_ALLOW_PRIVATE_ADDRESSES", "true"),
            "cimd.allow_private_addresses",
        ),
    ] {
        assert_eq!(keys(public(change)), [key], "{change:?}");
    }
}

#[test]
fn off_localhost_everything_that_lacks_is_told_at_once() {
    let told = keys(load(&[
        ("AUTHPLANE_SERVER_ISSUER", "http://auth.example.com"),
        ("AUTHPLANE_CIMD_REQUIRE_HTTPS", "false"),
    ]));
    assert_eq!(
        told,
        [
            "server.issuer",
            "session.secret",
            "admin.api_key",
            "cimd.require_https"
        ]
    );
}

#[test]
fn the_admin_key_is_given_or_in_a_file_not_both() {
    let both = public(("AUTHPLANE_ADMIN_API_KEY_FILE", "/run/secrets/admin"));
    let problems = both.expect_err("refused").to_string();
    assert!(problems.contains("admin.api_key_file"), "{problems}");
}

#[test]
fn the_retry_window_of_refresh_tokens_is_short_or_none() {
    let window = |text| keys(public(("AUTHPLANE_OAUTH_REFRESH_RETRY_WINDOW", text)));
    for good in ["0", "30s", "10m"] {
        assert!(window(good).is_empty(), "{good}");
    }
    for bad in ["10m1s", "-1s", "soon"] {
        assert_eq!(window(bad), ["oauth.refresh_retry_window"], "{bad}");
    }
}

#[test]
fn without_the_admin_listener_no_key_is_needed() {
    let told = keys(load(&[
        ("AUTHPLANE_SERVER_ISSUER", "https://auth.example.com"),
        ("AUTHPLANE_SESSION_SECRET", SECRET),
        ("AUTHPLANE_ADMIN_ENABLED", "false"),
    ]));
    assert!(told.is_empty(), "{told:?}");
}

#[test]
fn localhost_may_do_without_safeguards() {
    for issuer in [
        "http://localhost:9000",
        "http://127.0.0.1:9000",
        "http://[::1]:9000",
        "https://localhost",
    ] {
        let told = keys(load(&[
            ("AUTHPLANE_SERVER_ISSUER", issuer),
            ("AUTHPLANE_CIMD_REQUIRE_HTTPS", "false"),
            ("AUTHPLANE_CIMD_ALLOW_PRIVATE_ADDRESSES", "true"),
        ]));
        assert!(told.is_empty(), "{issuer}: {told:?}");
    }
}

#[test]
fn the_path_of_an_issuer_is_none_of_the_servers_own() {
    for path in [
        "/oauth",
        "/oauth/token",
        "/login",
        "/.well-known/openid-configuration",
        "/ready/x",
        "/:tenant",
        "/a/*",
    ] {
        let issuer = format!("http://localhost:9000{path}");
        let told = keys(load(&[("AUTHPLANE_SERVER_ISSUER", &issuer)]));
        assert_eq!(told, ["server.issuer"], "{path}");
    }
    for path in ["", "/auth", "/oauth2", "/tenant/oauth", "/a~b.c_d-e"] {
        let issuer = format!("http://localhost:9000{path}");
        let told = keys(load(&[("AUTHPLANE_SERVER_ISSUER", &issuer)]));
        assert!(told.is_empty(), "{path}: {told:?}");
    }
}

#[test]
fn values_that_do_not_fit_are_refused_anywhere() {
    let long_name = format!("https://mcp.example.com/#{}", "x".repeat(9));
    for (name, value, key) in [
        (
            "AUTHPLANE_SERVER_ISSUER",
            "http://localhost:9000/",
            "server.issuer",
        ),
        (
            "AUTHPLANE_SERVER_ISSUER",
            "http://localhost:9000?x",
            "server.issuer",
        ),
        (
            "AUTHPLANE_SERVER_ISSUER",
            "http://u@localhost:9000",
            "server.issuer",
        ),
        ("AUTHPLANE_SERVER_READ_TIMEOUT", "0s", "server.read_timeout"),
        ("AUTHPLANE_SERVER_READ_TIMEOUT", "1d", "server.read_timeout"),
        ("AUTHPLANE_SERVER_ADDRESS", "9000", "server.address"),
        ("AUTHPLANE_ADMIN_ADDRESS", ":9000", "admin.address"),
        ("AUTHPLANE_ADMIN_ADDRESS", "127.0.0.1:9000", "admin.address"),
        (
            "AUTHPLANE_SERVER_TLS_CERT_FILE",
            "cert.pem",
            "server.tls.key_file",
        ),
        (
            "AUTHPLANE_SERVER_TLS_KEY_FILE",
            "key.pem",
            "server.tls.cert_file",
        ),
        (
            "AUTHPLANE_STORAGE_DRIVER",
            "postgres",
            "storage.postgres.dsn",
        ),
        (
            "AUTHPLANE_STORAGE_POSTGRES_DSN",
            "mysql://db/a",
            "storage.postgres.dsn",
        ),
        (
            "AUTHPLANE_STORAGE_POSTGRES_MAX_CONNS",
            "0",
            "storage.postgres.max_conns",
        ),
        (
            "AUTHPLANE_STORAGE_POSTGRES_MAX_CONNS",
            "4",
            "storage.postgres.min_conns",
        ),
        (
            "AUTHPLANE_DCR_MODE",
            "approved_redirects",
            "dcr.approved_redirects",
        ),
        (
            "AUTHPLANE_DCR_APPROVED_REDIRECTS",
            "https://*.example.com",
            "dcr.approved_redirects",
        ),
        ("AUTHPLANE_DCR_RATE_LIMIT", "-1", "dcr.rate_limit"),
        (
            "AUTHPLANE_DCR_RATE_LIMIT_BURST",
            "0",
            "dcr.rate_limit_burst",
        ),
        (
            "AUTHPLANE_DCR_DEFAULT_REFRESH_EXPIRY",
            "1m",
            "dcr.default_refresh_expiry",
        ),
        ("AUTHPLANE_SESSION_SAME_SITE", "none", "session.same_site"),
        (
            "AUTHPLANE_SESSION_COOKIE_NAME",
            "a b",
            "session.cookie_name",
        ),
        (
            "AUTHPLANE_SESSION_COOKIE_NAME",
            "__Host-session",
            "session.cookie_name",
        ),
        ("AUTHPLANE_SESSION_SECRET", &SECRET[1..], "session.secret"),
        (
            "AUTHPLANE_CLIENT_SECRET_PEPPER",
            &SECRET[1..],
            "client_secret_pepper",
        ),
        ("AUTHPLANE_ADMIN_API_KEY", &KEY[1..], "admin.api_key"),
        (
            "AUTHPLANE_ADMIN_API_KEY",
            "changeme-changeme",
            "admin.api_key",
        ),
        (
            "AUTHPLANE_ADMIN_API_KEY",
            "8f1d0c7b e2a94356",
            "admin.api_key",
        ),
        (
            "AUTHPLANE_ADMIN_API_KEY_PREVIOUS",
            "changeme-changeme",
            "admin.api_key_previous",
        ),
        (
            "AUTHPLANE_RATE_LIMIT_RPS",
            "0",
            "rate_limit.requests_per_second",
        ),
        (
            "AUTHPLANE_OAUTH_DEFAULT_CLIENT_SCOPE",
            "read  write",
            "oauth.default_client_scope",
        ),
        (
            "AUTHPLANE_METRICS_PATH",
            "metrics",
            "observability.metrics.path",
        ),
        (
            "AUTHPLANE_METRICS_PATH",
            "/admin/metrics",
            "observability.metrics.path",
        ),
        (
            "AUTHPLANE_METRICS_PATH",
            "/{x}",
            "observability.metrics.path",
        ),
        (
            "AUTHPLANE_METRICS_PROVIDER",
            "statsd",
            "observability.metrics.provider",
        ),
        (
            "AUTHPLANE_METRICS_PROVIDER",
            "both",
            "observability.metrics.otel_endpoint",
        ),
        (
            "AUTHPLANE_LOG_OTEL",
            "true",
            "observability.logging.outputs.otel_endpoint",
        ),
        (
            "AUTHPLANE_TRACING_ENABLED",
            "true",
            "observability.tracing.endpoint",
        ),
        (
            "AUTHPLANE_TRACING_ENDPOINT",
            "http://collector:4317",
            "observability.tracing.endpoint",
        ),
        (
            "AUTHPLANE_TRACING_SAMPLE_RATE",
            "1.5",
            "observability.tracing.sample_rate",
        ),
        ("AUTHPLANE_RESOURCE_URI", &long_name, "resources[0].uri"),
    ] {
        assert_eq!(keys(load(&[(name, value)])), [key], "{name}={value}");
    }
}

#[test]
fn values_next_to_the_refused_ones_are_accepted() {
    for (name, value) in [
        ("AUTHPLANE_SERVER_SHUTDOWN_WAIT", "0s"),
        ("AUTHPLANE_CIMD_CACHE_TTL", "0"),
        ("AUTHPLANE_SERVER_ADDRESS", "127.0.0.1:0"),
        ("AUTHPLANE_ADMIN_ADDRESS", ":0"),
        ("AUTHPLANE_DCR_RATE_LIMIT", "0"),
        ("AUTHPLANE_SESSION_SECRET", SECRET),
        ("AUTHPLANE_ADMIN_API_KEY", KEY),
        ("AUTHPLANE_METRICS_PATH", "/internal/metrics"),
        ("AUTHPLANE_OAUTH_DEFAULT_CLIENT_SCOPE", "read write"),
        ("AUTHPLANE_CIMD_ENABLED", "FALSE"),
        ("AUTHPLANE_SERVER_ALLOWED_ORIGINS", "*"),
    ] {
        let told = keys(load(&[(name, value)]));
        assert!(told.is_empty(), "{name}={value}: {told:?}");
    }
}

#[test]
fn cookies_are_secure_exactly_with_an_https_issuer() {
    let loaded = public(("AUTHPLANE_SESSION_SECURE", "false")).expect("accepted");
    assert!(loaded.config.secure_cookies());

    let loaded = load(&[("AUTHPLANE_SESSION_SECURE", "true")]).expect("accepted");
    assert!(!loaded.config.secure_cookies());
    assert!(
        loaded
            .warnings
            .iter()
            .any(|w| w.starts_with("session.secure has no effect"))
    );

    for change in [
        ("AUTHPLANE_SESSION_SAME_SITE", "none"),
        ("AUTHPLANE_SESSION_COOKIE_NAME", "__Host-session"),
    ] {
        assert!(keys(public(change)).is_empty(), "{change:?}");
    }
}

#[test]
fn tls_needs_an_https_issuer_and_both_files() {
    let files = [
        ("AUTHPLANE_SERVER_TLS_CERT_FILE", "cert.pem"),
        ("AUTHPLANE_SERVER_TLS_KEY_FILE", "key.pem"),
    ];
    assert_eq!(keys(load(&files)), ["server.issuer"]);
    let https = ("AUTHPLANE_SERVER_ISSUER", "https://localhost:9000");
    assert!(keys(load(&[files[0], files[1], https])).is_empty());
}

#[test]
fn resources_and_scopes_are_unique() {
    let yaml = "\
resources:
  - {slug: a, uri: 'https://a.example.com', scopes: [{name: x}, {name: y}, {name: x}]}
  - {slug: a, uri: 'https://b.example.com'}
  - {slug: c, uri: 'https://a.example.com'}
  - {slug: d, uri: 'HTTPS://A.example.com:443/'}
";
    let told = keys(load_text(Some(("f", yaml)), []));
    assert_eq!(
        told,
        [
            "resources[0].scopes[2].name",
            "resources[1].slug",
            "resources[2].uri",
            "resources[3].uri"
        ]
    );
}

#[test]
fn tests_of_others_can_change_any_field() {
    let mut config = Config::default();
    config.server.issuer = config::Issuer::parse("https://auth.example.com").expect("valid");
    config.dcr.mode = config::DcrMode::AdminOnly;
    assert!(!config.clone().is_localhost());
}
