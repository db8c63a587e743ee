//! How the layers lie over each other, and what is said about what does not fit.

use std::time::Duration;

use config::{DcrMode, ExposeSecret, Layer, Loaded, Problems, load, load_text};

fn with(yaml: &str, variables: &[(&str, &str)]) -> Result<Loaded, Problems> {
    let variables = variables
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    load_text(Some(("authplane.yaml", yaml)), variables)
}

fn lines(result: Result<Loaded, Problems>) -> Vec<String> {
    let problems = result.expect_err("has problems");
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn the_environment_wins_over_the_file_and_the_file_over_defaults() {
    let yaml = "dcr:\n  mode: admin_only\n  rate_limit: 3\n";
    let loaded = with(yaml, &[("AUTHPLANE_DCR_RATE_LIMIT", "7")]).expect("valid");
    assert_eq!(loaded.config.dcr.mode, DcrMode::AdminOnly);
    assert_eq!(loaded.config.dcr.rate_limit, 7);
    assert_eq!(loaded.config.dcr.rate_limit_burst, 20);
    assert_eq!(loaded.origins["dcr.mode"], Layer::File);
    assert_eq!(loaded.origins["dcr.rate_limit"], Layer::Environment);
    assert_eq!(loaded.origins["dcr.rate_limit_burst"], Layer::Default);
}

#[test]
fn an_empty_variable_counts_as_not_set() {
    let loaded = with("dcr: {mode: admin_only}", &[("AUTHPLANE_DCR_MODE", "")]).expect("valid");
    assert_eq!(loaded.config.dcr.mode, DcrMode::AdminOnly);
}

#[test]
fn lists_in_variables_split_on_commas() {
    let proxies = (
        "AUTHPLANE_SERVER_TRUSTED_PROXIES",
        "10.0.0.0/8, fd00::/8,192.0.2.7,",
    );
    let loaded = with("", &[proxies]).expect("valid");
    let proxies: Vec<_> = loaded
        .config
        .server
        .trusted_proxies
        .iter()
        .map(ToString::to_string)
        .collect();
    assert_eq!(proxies, ["10.0.0.0/8", "fd00::/8", "192.0.2.7/32"]);
}

#[test]
fn empty_files_and_sections_set_nothing() {
    for yaml in [
        "",
        "\n",
        "# nothing\n",
        "---\n",
        "server:\n",
        "server:\n  tls:\n",
        "server: {issuer: }",
        "resources:\n",
    ] {
        let loaded = with(yaml, &[]).unwrap_or_else(|problems| panic!("{yaml:?}: {problems}"));
        assert_eq!(
            loaded.config.server.issuer.as_str(),
            "http://localhost:9000"
        );
    }
}

#[test]
fn plain_values_keep_every_character_of_the_file() {
    let digits = "00123456789012345678901234567890123456";
    for yaml in [
        format!("session: {{secret: {digits}}}"),
        format!("# é\nsession:\n  secret: {digits} # comment\n"),
        format!("\u{feff}session:\n  secret: {digits}\n"),
        format!("session:\n  secret: '{digits}'\n"),
        format!("session: &s\n  secret: !!str {digits}\n"),
    ] {
        let loaded = with(&yaml, &[]).unwrap_or_else(|problems| panic!("{yaml}: {problems}"));
        let secret = loaded.config.session.secret.expect("is set");
        assert_eq!(secret.expose_secret(), digits, "{yaml}");
    }
}

#[test]
fn anchors_and_merges_work() {
    let yaml = "\
server: &timeouts
  read_timeout: &short 5s
  write_timeout: *short
";
    let loaded = with(yaml, &[]).expect("valid");
    assert_eq!(loaded.config.server.write_timeout, Duration::from_secs(5));
}

#[test]
fn all_problems_are_told_at_once_one_line_each() {
    let yaml = "\
server:
  adress: :9000
  read_timeout: 10
  allowed_origins: https://app.example.com
  tls: yes
dcr:
  mode: opne
  rate_limit: [1, 2]
issuer: https://auth.example.com
oidc:
  enabled: true
resources:
  - uri: https://mcp.example.com
    scops: []
";
    let variables = [
        ("AUTHPLANE_CIMD_ENABLED", "yes"),
        ("AUTHPLANE_STORAGE_DRIVER", "mysql"),
        ("AUTHPLANE_STORAGE_POSTGRES_MIN_CONNS", "30"),
    ];
    assert_eq!(
        lines(with(yaml, &variables)),
        [
            "server.adress (authplane.yaml line 2): is not a known key; did you mean server.address?",
            "server.tls (authplane.yaml line 5): is a single value, where a section belongs",
            "issuer (authplane.yaml line 9): is not a known key; did you mean server.issuer?",
            "oidc (authplane.yaml line 11): is not a known key",
            "resources[0].scops (authplane.yaml line 14): is not a known key; did you mean resources[0].scopes?",
            "server.allowed_origins (authplane.yaml line 4): \"https://app.example.com\" is one value, where a list belongs; allowed: origins such as https://app.example.com, without path, http://localhost:* for all ports, or *",
            "server.read_timeout (authplane.yaml line 3): \"10\" is not a duration; allowed: a duration above 0, such as 500ms, 10s, 1h30m or 168h",
            "storage.driver (AUTHPLANE_STORAGE_DRIVER): \"mysql\" is not known; allowed: one of sqlite, postgres",
            "dcr.mode (authplane.yaml line 7): \"opne\" is not known; allowed: one of open, approved_redirects, admin_only; did you mean open?",
            "dcr.rate_limit (authplane.yaml line 8): \"1, 2\" is a list, where one value belongs; allowed: a whole number from 0 to 4294967295",
            "cimd.enabled (AUTHPLANE_CIMD_ENABLED): \"yes\" is neither true nor false; allowed: one of true, false",
            "resources[0].slug: is missing; allowed: 1 to 64 of a-z, 0-9 and -, with no - at either end",
            "storage.postgres.min_conns (AUTHPLANE_STORAGE_POSTGRES_MIN_CONNS): \"30\" is more than storage.postgres.max_conns; allowed: at most 25",
        ]
    );
}

#[test]
fn a_bad_value_in_the_file_is_told_even_when_a_variable_replaces_it() {
    let told = lines(with(
        "dcr: {rate_limit: many}",
        &[("AUTHPLANE_DCR_RATE_LIMIT", "7")],
    ));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("dcr.rate_limit (authplane.yaml line 1)"));
}

#[test]
fn misplaced_sections_and_lists_are_told() {
    for (yaml, expected) in [
        (
            "just text",
            "authplane.yaml (authplane.yaml line 1): is a single value, where a section belongs",
        ),
        (
            "[a]",
            "authplane.yaml (authplane.yaml line 1): is a list, where a section belongs",
        ),
        (
            "resources: {}",
            "resources (authplane.yaml line 1): is a section, where a list of sections belongs",
        ),
        (
            "signing: {algorithm: {a: b}}",
            "signing.algorithm (authplane.yaml line 1): has sections in it, where one value belongs; allowed: one of ES256, RS256",
        ),
        (
            "server: {trusted_proxies: [[a]]}",
            "server.trusted_proxies (authplane.yaml line 1): has sections in it, where a list of values belongs; allowed: networks such as 10.0.0.0/8 or fd00::/8, or single addresses",
        ),
    ] {
        assert_eq!(lines(with(yaml, &[])), [expected]);
    }
}

#[test]
fn what_is_not_yaml_is_told_without_repeating_the_file() {
    for yaml in [
        "a: b: c",
        "server: [",
        "dcr: {}\ndcr: {}\n",
        "\"",
        "a: hunter2: x\n  b",
    ] {
        let told = lines(with(yaml, &[]));
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].starts_with("authplane.yaml: is not valid YAML: "),
            "{told:?}"
        );
        assert!(!told[0].contains("hunter2"), "{told:?}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem() {
    let folder = tempfile::tempdir().expect("folder");
    let path = folder.path().join("absent.yaml");
    let told = lines(load(Some(&path), []));
    assert!(told[0].contains("absent.yaml: cannot be read"), "{told:?}");

    std::fs::write(&path, "dcr: {mode: admin_only}").expect("written");
    let loaded = load(Some(&path), []).expect("valid");
    assert_eq!(loaded.config.dcr.mode, DcrMode::AdminOnly);
}

#[test]
fn an_unknown_variable_is_a_warning_with_the_nearest_known_name() {
    let variables = [
        ("AUTHPLANE_SERVER_ISSUR", "https://auth.example.com"),
        ("AUTHPLANE_OIDC_ISSUER", "x"),
        ("OTHER", "x"),
        ("AUTHPLANE_DCR_MODE", "admin_only"),
    ];
    let warnings = with("", &variables).expect("valid").warnings;
    assert_eq!(
        warnings,
        [
            "AUTHPLANE_OIDC_ISSUER is not a known variable and has no effect",
            "AUTHPLANE_SERVER_ISSUR is not a known variable and has no effect; did you mean AUTHPLANE_SERVER_ISSUER?",
        ]
    );
}

#[test]
fn two_variables_describe_one_more_resource() {
    let yaml = "resources: [{slug: files, uri: 'https://files.example.com'}]";
    let uri = (
        "AUTHPLANE_RESOURCE_URI",
        "https://mcp.example.com:8443/Team/mcp",
    );
    let scopes = ("AUTHPLANE_RESOURCE_SCOPES", "read, write");
    let loaded = with(yaml, &[uri, scopes]).expect("valid");
    let [files, added] = &loaded.config.resources[..] else {
        panic!("two resources")
    };
    assert_eq!(files.slug, "files");
    assert_eq!(added.slug, "mcp-example-com-8443-team-mcp");
    assert_eq!(added.uri, uri.1);
    let names: Vec<_> = added
        .scopes
        .iter()
        .map(|scope| scope.name.as_str())
        .collect();
    assert_eq!(names, ["read", "write"]);
    assert_eq!(loaded.origins["resources[0].uri"], Layer::File);
    assert_eq!(
        loaded.origins["resources[1].scopes[0].name"],
        Layer::Environment
    );

    assert_eq!(
        lines(with("", &[scopes])),
        ["AUTHPLANE_RESOURCE_SCOPES: describes a resource, which needs AUTHPLANE_RESOURCE_URI too"]
    );
    let told = lines(with("", &[("AUTHPLANE_RESOURCE_URI", "files")]));
    assert!(
        told[0].starts_with("resources[0].uri (AUTHPLANE_RESOURCE_URI): \"files\""),
        "{told:?}"
    );
}

#[test]
fn a_resource_is_read_whole() {
    let yaml = "\
resources:
  - slug: files
    uri: https://files.example.com/mcp
    backend_kind: mint
    display_name: Team files
    scopes:
      - {name: read, description: Read files, upstream: files.read}
      - name: write
    policy:
      exchange: {allowed_client_ids: [gateway]}
      runtime: {client_ids: [files-server]}
      connect: {allowed_return_urls: ['https://app.example.com/done']}
";
    let loaded = with(yaml, &[]).expect("valid");
    let files = &loaded.config.resources[0];
    assert_eq!(files.display_name.as_deref(), Some("Team files"));
    assert_eq!(files.scopes[0].upstream.as_deref(), Some("files.read"));
    assert_eq!(files.scopes[1].description, None);
    assert_eq!(files.policy.exchange.allowed_client_ids, ["gateway"]);
    assert_eq!(files.policy.runtime.client_ids, ["files-server"]);
    assert_eq!(
        files.policy.connect.allowed_return_urls,
        ["https://app.example.com/done"]
    );
}

#[test]
fn an_element_that_is_no_section_is_told_with_what_it_lacks() {
    let told = lines(with("resources: [files]", &[]));
    assert_eq!(
        told[0],
        "resources[0] (authplane.yaml line 1): is a single value, where a section belongs"
    );
    assert!(
        told[1].starts_with("resources[0].slug: is missing"),
        "{told:?}"
    );
    assert!(
        told[2].starts_with("resources[0].uri: is missing"),
        "{told:?}"
    );
}
