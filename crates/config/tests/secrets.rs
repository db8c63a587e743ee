//! Secrets are shown nowhere.

use config::{Format, Loaded, Problems, load_text};

const YAML: &str = "\
client_secret_pepper: hunter2-hunter2-hunter2-hunter2-hunter2
session:
  secret: hunter2-hunter2-hunter2-hunter2-hunter2
admin:
  api_key: hunter2-KJq8sZ0x
storage:
  postgres:
    dsn: postgres://authplane:hunter2@db:5432/authplane
";

fn with(yaml: &str) -> Result<Loaded, Problems> {
    load_text(Some(("f", yaml)), [])
}

#[test]
fn show_and_debug_mask_secrets() {
    let loaded = with(YAML).expect("accepted");
    for shown in [
        loaded.show(Format::Text),
        loaded.show(Format::Json),
        format!("{loaded:?}"),
    ] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
    let text = loaded.show(Format::Text);
    let row = |key: &str| {
        let line = text.lines().find(|line| line.starts_with(key));
        let cells: Vec<_> = line.expect(key).split_whitespace().collect();
        cells.join(" ")
    };
    assert_eq!(row("session.secret"), "session.secret **** file");
    assert_eq!(row("admin.api_key"), "admin.api_key **** file");
    assert_eq!(
        row("storage.postgres.dsn"),
        "storage.postgres.dsn postgres://authplane:****@db:5432/authplane file"
    );
}

#[test]
fn json_holds_value_and_layer_of_every_key() {
    let shown = with("dcr: {rate_limit: 3}\nresources: [{slug: a, uri: 'https://a.example.com'}]")
        .expect("accepted")
        .show(Format::Json);
    let shown: serde_json::Value = serde_json::from_str(&shown).expect("JSON");
    assert_eq!(
        shown["dcr.rate_limit"],
        serde_json::json!({"value": 3, "layer": "file"})
    );
    assert_eq!(
        shown["server.trusted_proxies"],
        serde_json::json!({"value": [], "layer": "default"})
    );
    assert_eq!(shown["session.secret"]["value"], serde_json::Value::Null);
    assert_eq!(shown["resources[0].slug"]["value"], "a");
}

#[test]
fn problems_mask_secrets() {
    for yaml in [
        "session: {secret: hunter2}",
        "client_secret_pepper: [hunter2]",
        "admin: {api_key: hunter2}",
        "admin: {api_key: [hunter2, hunter2]}",
        "storage: {postgres: {dsn: hunter2}}",
        "storage: {postgres: {dsn: 'host=db password=hunter2'}}",
        "storage: {postgres: {dsn: 'mysql://u:hunter2@db/a'}}",
        "session: {secret: {hunter: hunter2}}",
    ] {
        let told = with(yaml).expect_err("refused").to_string();
        assert!(!told.contains("hunter2"), "{told}");
    }
}
