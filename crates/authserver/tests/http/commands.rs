//! The command line: on the database directly, also while a server runs.

use crate::harness::{
    A_SECOND, Browser, Database, PASSWORD, Process, REDIRECT, Request, Server, USER, on_both,
    run_cli, within,
};
use crate::races::{cli, furnish};

on_both!(
    what_one_command_makes_another_shows,
    a_running_server_notices_what_commands_do_within_a_second,
    links_lists_tokens_and_grants_are_at_hand,
    purge_removes_what_has_ended_and_nothing_else,
);

async fn what_one_command_makes_another_shows(database: Database) {
    let app = furnish(&database);
    let id = app.client_id.as_str();
    let client = |rest: &[&str]| {
        cli(
            &database,
            &[&["admin", "client"], rest, &["--json"]].concat(),
        )
    };
    let list = client(&["list"]);
    assert_eq!(list[0]["id"], id);
    assert_eq!(list[0]["status"], "active");
    assert_eq!(list[0]["registration_source"], "admin");
    client(&["update", id, "--name", "Renamed", "--scope", "notes/read"]);
    let view = client(&["get", id]);
    assert_eq!(
        (&view["name"], &view["scope"]),
        (&"Renamed".into(), &"notes/read".into())
    );
    assert!(
        view.get("client_secret")
            .is_none_or(serde_json::Value::is_null),
        "shown once"
    );
    for (verb, status) in [
        ("suspend", "suspended"),
        ("reactivate", "active"),
        ("revoke", "revoked"),
    ] {
        client(&[verb, id]);
        assert_eq!(client(&["get", id])["status"], status);
    }
    client(&["delete", id]);
    assert_eq!(client(&["list"]), serde_json::json!([]));

    let user = |rest: &[&str]| cli(&database, &[&["admin", "user"], rest, &["--json"]].concat());
    user(&["disable", USER]);
    assert_eq!(user(&["list"])[0]["status"], "disabled");
    user(&["enable", USER]);
    user(&["force-logout", USER]);
    user(&["update", USER, "--name", "Countess"]);
    let view = user(&["get", USER]);
    assert_eq!(
        (&view["name"], &view["status"]),
        (&"Countess".into(), &"active".into())
    );
    assert!(!view.to_string().contains("argon2"), "no hash leaves");

    let list = cli(&database, &["admin", "resource", "list", "--json"]);
    assert_eq!(list[0]["slug"], "notes");
    let keys = cli(&database, &["admin", "key", "list", "--json"]);
    cli(&database, &["admin", "key", "rotate", "--json"]);
    let rotated = cli(&database, &["admin", "key", "list", "--json"]);
    let count =
        |keys: &serde_json::Value| keys.as_array().or(keys["keys"].as_array()).unwrap().len();
    assert_eq!(count(&rotated), count(&keys) + 1);
    assert_eq!(rotated["keys"][0]["status"], "active");
    assert_eq!(rotated["keys"][1]["status"], "pending");
    let again = run_cli(&database, &["admin", "key", "rotate"]);
    assert_eq!(again.status.code(), Some(1));
    let said = String::from_utf8_lossy(&again.stderr);
    assert!(
        said.contains("is published already") && said.contains("--now"),
        "{said}"
    );
    let now = run_cli(&database, &["admin", "key", "rotate", "--now"]);
    assert!(now.status.success());
    let said = String::from_utf8_lossy(&now.stdout);
    assert!(said.contains("refuse tokens of this key until"), "{said}");
    let gone = run_cli(&database, &["admin", "key", "retire", "nobody"]);
    assert_eq!(gone.status.code(), Some(1));
    cli(&database, &["admin", "dcr", "set", "admin_only", "--json"]);
    assert_eq!(
        cli(&database, &["admin", "dcr", "get", "--json"])["mode"],
        "admin_only"
    );
}

#[track_caller]
fn do_it(database: &Database, arguments: &[&str]) {
    let output = run_cli(database, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
}

async fn a_running_server_notices_what_commands_do_within_a_second(database: Database) {
    let app = furnish(&database);
    let id = app.client_id.as_str();
    let server = Process::start(&database, &[]).await;
    let mut browser = Browser::signed_in(&server).await;
    let tokens = app.tokens(&mut browser).await;
    assert!(app.is_active(&server, &tokens.access).await);
    let status = async || app.introspect(&server, &tokens.access).await.status;

    do_it(&database, &["admin", "client", "suspend", id]);
    within(A_SECOND, "suspended", async || status().await == 401).await;
    do_it(&database, &["admin", "client", "reactivate", id]);
    within(A_SECOND, "reactivated", async || status().await == 200).await;

    do_it(&database, &["admin", "dcr", "set", "admin_only"]);
    let metadata = serde_json::json!({ "redirect_uris": [REDIRECT] });
    let register = Request::json("/oauth/register", &metadata);
    within(A_SECOND, "closed", async || {
        server.send(&register).await.status == 403
    })
    .await;

    do_it(&database, &["admin", "key", "rotate"]);
    within(A_SECOND * 2, "two keys", async || {
        let jwks = server.get("/.well-known/jwks.json").await.json();
        jwks["keys"].as_array().unwrap().len() == 2
    })
    .await;
    assert!(app.is_active(&server, &tokens.access).await);

    let slug = [
        "--slug",
        "more",
        "--uri",
        "https://more.example/",
        "--scopes",
        "x",
    ];
    do_it(
        &database,
        &[&["admin", "resource", "create"], &slug[..]].concat(),
    );
    within(A_SECOND, "a new resource", async || {
        server
            .get("/.well-known/oauth-protected-resource/more")
            .await
            .status
            == 200
    })
    .await;

    do_it(&database, &["admin", "user", "disable", USER]);
    within(A_SECOND, "nobody", async || {
        browser.get("/").await.status == 303
    })
    .await;
    within(A_SECOND, "no live token", async || {
        !app.is_active(&server, &tokens.access).await
    })
    .await;
}

/// Runs a command that prints text; none of its lines is too wide for a terminal.
#[track_caller]
fn text(database: &Database, arguments: &[&str]) -> String {
    let output = run_cli(database, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{arguments:?}: {line}");
    }
    text
}

async fn links_lists_tokens_and_grants_are_at_hand(database: Database) {
    let app = furnish(&database);
    let id = app.client_id.as_str();
    let admin = |rest: &[&str]| cli(&database, &[&["admin"], rest, &["--json"]].concat());
    let shown = |rest: &[&str]| text(&database, &[&["admin"], rest].concat());
    let mail = [
        "resource", "create", "--slug", "mail", "--scopes", "read", "--scopes", "send",
    ];
    admin(&mail);

    let map = ["--scope-map", "notes/read:read+send"];
    let create = [&["fronting", "create", "notes", "mail"], &map[..]].concat();
    let tried = admin(&[&create[..], &["--dry-run"]].concat());
    assert_eq!(tried["dry_run"], true);
    assert_eq!(admin(&["fronting", "list"]), serde_json::json!([]));
    let made = admin(&create);
    assert_eq!(
        made["scope_map"]["notes/read"],
        serde_json::json!(["read", "send"])
    );
    assert_eq!(admin(&["fronting", "list"]), serde_json::json!([made]));
    let ends = ["--source", "notes", "--target", "mail"];
    assert_eq!(admin(&[&["fronting", "get"], &ends[..]].concat()), made);
    assert!(shown(&["fronting", "list"]).contains("notes/read=read+send"));
    admin(&[
        "fronting",
        "update",
        "notes",
        "mail",
        "--scope-map",
        "notes/read=read",
    ]);
    assert!(shown(&["fronting", "list"]).ends_with("notes/read=read\n"));

    let exchange = |verb: &str, rest: &[&str]| {
        admin(&[&["resource", "exchange-client", verb, "notes"], rest].concat())
    };
    let listed = serde_json::json!({ "allowed_client_ids": [id] });
    assert_eq!(exchange("add", &[id]), listed);
    assert_eq!(exchange("list", &[]), listed);
    assert_eq!(
        exchange("remove", &[id])["allowed_client_ids"],
        serde_json::json!([])
    );
    let runtime = [
        "resource",
        "runtime-client",
        "add",
        "--slug",
        "notes",
        "--client-id",
        id,
    ];
    assert_eq!(admin(&runtime)["client_ids"], serde_json::json!([id]));

    let server = Process::start(&database, &[]).await;
    let mut browser = Browser::signed_in(&server).await;
    let tokens = app.tokens(&mut browser).await;
    let jti = tokens.jti();
    let list = admin(&["issuance", "list", "--user", USER, "--since", "1h"]);
    assert_eq!(
        (&list["count"], &list["issuances"][0]["jti"]),
        (&1.into(), &jti.as_str().into())
    );
    let ended = admin(&[
        "issuance",
        "list",
        "--client",
        id,
        "--since",
        "2100-01-01T00:00:00Z",
    ]);
    assert_eq!(ended["count"], 0);
    assert_eq!(admin(&["issuance", "get", &jti])["client_id"], id);
    let alive = |text: String| text.contains(&jti) && text.contains("  alive  ");
    assert!(alive(shown(&["issuance", "list", "--resource", "notes"])));
    assert_eq!(admin(&["issuance", "revoke", &jti])["done"], "revoked");
    assert_eq!(
        admin(&["issuance", "revoke", &jti])["done"],
        "had ended already"
    );
    assert!(shown(&["issuance", "list", "--jti", &jti]).contains("  revoked  "));
    within(A_SECOND, "a revoked token", async || {
        !app.is_active(&server, &tokens.access).await
    })
    .await;

    let grants = admin(&["grant", "list-user-grants", USER]);
    assert_eq!(grants["broker_grants"], serde_json::json!([]));
    let consent = grants["consent_grants"][0]["id"].as_str().unwrap();
    let table = shown(&["grant", "list-user-grants", USER]);
    assert!(table.contains("given  notes     Notebook"), "{table}");
    assert_eq!(
        admin(&["grant", "revoke-consent", consent])["done"],
        "revoked"
    );
    assert!(shown(&["grant", "list-user-grants", USER]).contains("revoked  notes"));
    within(A_SECOND, "a dead family", async || {
        app.refresh(&server, &tokens.refresh).await.status == 400
    })
    .await;

    let refused = run_cli(&database, &["admin", "resource", "delete", "mail"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("notes"));
    admin(&["resource", "delete", "mail", "--cascade"]);
    assert_eq!(admin(&["fronting", "list"]), serde_json::json!([]));
}

#[test]
fn a_grant_type_may_be_named_in_full_or_by_its_last_part() {
    let database = Database::sqlite();
    let long = "urn:ietf:params:oauth:grant-type:token-exchange";
    for name in ["token-exchange", long] {
        let create = [
            "admin",
            "client",
            "create",
            "--name",
            "x",
            "--grant-type",
            name,
            "--json",
        ];
        assert_eq!(
            cli(&database, &create)["grant_types"],
            serde_json::json!([long])
        );
    }
    let public = [
        "admin",
        "client",
        "create",
        "--name",
        "x",
        "--grant-type",
        "token-exchange",
        "--auth-method",
        "none",
    ];
    let output = run_cli(&database, &public);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
}

async fn purge_removes_what_has_ended_and_nothing_else(database: Database) {
    // A server of long ago: all it has made has ended by the machine's clock.
    let server = Server::start(&database).await;
    let app = server.public_app().await;
    let mut browser = Browser::signed_in(&server).await;
    app.tokens(&mut browser).await;
    drop(server);
    let process = Process::start(&database, &[]).await;
    let mut alive = Browser::new(&process);
    alive.sign_in(USER, PASSWORD).await.expect(303);
    let kept = app.tokens(&mut alive).await;

    let purge = |rest: &[&str]| {
        let output = run_cli(&database, &[&["purge"], rest].concat());
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(purge(&["--only", "sessions"]), "sessions: 1 removed\n");
    let rest = purge(&[]);
    for removed in ["authorization-codes: 1 removed", "sessions: 0 removed"] {
        assert!(rest.contains(removed), "{rest}");
    }
    assert!(!rest.contains("refresh-tokens: 0"), "{rest}");
    let again = purge(&["--timeout", "1h30m"]);
    assert!(
        again.lines().all(|line| line.ends_with(": 0 removed")),
        "{again}"
    );

    alive.get("/").await.expect(200);
    app.refresh(&process, &kept.refresh).await.expect(200);
}

#[test]
fn a_command_that_fails_says_why_in_one_line() {
    let database = Database::sqlite();
    let failing = [
        vec!["admin", "client", "get", "nobody"],
        vec!["admin", "client", "suspend", "nobody"],
        vec!["admin", "user", "disable", "nobody@example.com"],
        vec![
            "admin",
            "user",
            "create",
            "--email",
            "x",
            "--password",
            "long enough",
        ],
        vec![
            "admin",
            "user",
            "create",
            "--email",
            "a@b.example",
            "--password",
            "short",
        ],
        vec!["admin", "resource", "delete", "nothing"],
        vec!["admin", "resource", "create", "--slug", "Not A Slug"],
        vec!["admin", "fronting", "get", "nothing", "nowhere"],
        vec!["admin", "fronting", "create", "a", "b", "--scope-map", "x"],
        vec!["admin", "issuance", "list"],
        vec!["admin", "issuance", "revoke", "unknown"],
        vec!["admin", "grant", "revoke-consent", "unknown"],
        vec!["admin", "grant", "list-user-grants", "nobody@example.com"],
        vec!["admin", "resource", "exchange-client", "list", "nothing"],
    ];
    for arguments in failing {
        let output = run_cli(&database, &arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(said.lines().count(), 1, "{arguments:?}: {said}");
    }
    for usage in [
        vec![],
        vec!["dance"],
        vec!["admin"],
        vec!["purge", "--only", "everything"],
        vec!["admin", "fronting", "create", "a", "b"],
        vec!["admin", "fronting", "get", "a"],
        vec!["admin", "issuance", "list", "--since", "soon"],
        vec![
            "admin",
            "client",
            "create",
            "--name",
            "x",
            "--grant-type",
            "x",
        ],
        vec!["purge", "--timeout", "soon"],
    ] {
        let output = run_cli(&database, &usage);
        assert_eq!(output.status.code(), Some(2), "{usage:?}: {output:?}");
    }
}

#[test]
fn config_check_names_every_problem_and_show_masks_secrets() {
    let database = Database::sqlite();
    let file = database.folder().path().join("config.yaml");
    let path = file.display().to_string();
    let run = |command: &str| run_cli(&database, &["--config", &path, "config", command]);
    let secret = "9f8e7d6c5b4a39281706f5e4d3c2b1a0";
    let good = format!("session:\n  secret: {secret}\ndcr:\n  mode: admin_only\n");
    std::fs::write(&file, good).unwrap();
    assert!(run("check").status.success());
    let shown = run("show");
    let shown = String::from_utf8(shown.stdout).unwrap();
    assert!(
        shown.contains("admin_only") && !shown.contains(secret),
        "{shown}"
    );

    let bad = "server:\n  isuer: http://localhost\n  read_timeout: soon\ndcr:\n  mode: maybe\n";
    std::fs::write(&file, bad).unwrap();
    for command in ["check", "show"] {
        let output = run(command);
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        for named in [
            "server.isuer",
            "server.issuer",
            "server.read_timeout",
            "dcr.mode",
        ] {
            assert!(said.contains(named), "{named}: {said}");
        }
    }
    let output = run_cli(&database, &["--config", &path, "serve"]);
    assert_eq!(
        output.status.code(),
        Some(1),
        "a server does not start with it"
    );
}
