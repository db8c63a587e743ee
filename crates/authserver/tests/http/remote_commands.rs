//! The command line from afar: the same commands, at a server.

use crate::harness::{ADMIN_KEY, Browser, Database, Process, USER, on_both, run_cli};
use crate::races::{cli, furnish};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::process::Output;

on_both!(what_is_done_from_afar_is_what_is_done_at_hand);

/// A server, and an operator elsewhere: without its database, with its key in a file.
struct Afar {
    elsewhere: Database,
    server: String,
    key: String,
}

impl Afar {
    fn from(process: &Process) -> Self {
        let elsewhere = Database::sqlite();
        let key = elsewhere.folder().path().join("key");
        std::fs::write(&key, format!("{ADMIN_KEY}\n")).unwrap();
        Self {
            server: format!("http://{}", process.admin),
            key: key.display().to_string(),
            elsewhere,
        }
    }

    fn try_run(&self, arguments: &[&str]) -> Output {
        let there = ["--server", &self.server, "--api-key-file", &self.key];
        run_cli(
            &self.elsewhere,
            &[&["admin"], &there[..], arguments].concat(),
        )
    }

    #[track_caller]
    fn run(&self, arguments: &[&str]) -> Value {
        let output = self.try_run(&[arguments, &["--json"]].concat());
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        serde_json::from_slice(&output.stdout).expect("JSON")
    }

    #[track_caller]
    fn refused(&self, arguments: &[&str], said: &str) {
        let output = self.try_run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert!(
            error.contains(said) && error.lines().count() == 1,
            "{error}"
        );
        assert!(!error.contains(ADMIN_KEY), "{error}");
    }
}

async fn what_is_done_from_afar_is_what_is_done_at_hand(database: Database) {
    let app = furnish(&database);
    let process = Process::start(&database, &[]).await;
    let tokens = app.tokens(&mut Browser::signed_in(&process).await).await;
    let afar = Afar::from(&process);
    let id = app.client_id.as_str();

    let client = afar.run(&[
        "client",
        "create",
        "--name",
        "From afar",
        "--client-id",
        "https://a.example/b?c",
    ]);
    let made = client["client_id"].as_str().unwrap();
    assert!(client["client_secret"].as_str().unwrap().len() > 30);
    afar.run(&[
        "client",
        "update",
        made,
        "--name",
        "Renamed",
        "--scope",
        "notes/read",
    ]);
    afar.run(&["client", "suspend", made]);
    afar.run(&[
        "user",
        "create",
        "--email",
        "b@example.com",
        "--password",
        "long enough",
    ]);
    afar.run(&[
        "resource",
        "create",
        "--slug",
        "mail",
        "--scopes",
        "read||Read",
    ]);
    afar.run(&[
        "fronting",
        "create",
        "notes",
        "mail",
        "--scope-map",
        "notes/read:read",
    ]);
    afar.run(&["resource", "exchange-client", "add", "mail", id]);
    afar.run(&["resource", "runtime-client", "add", "mail", id]);
    afar.run(&["resource", "runtime-client", "remove", "mail", id]);
    let back = "https://app.example/back?x";
    let listed = afar.run(&["resource", "return-url", "add", "mail", back]);
    assert_eq!(listed["allowed_return_urls"][0], back);
    afar.run(&["dcr", "set", "approved_redirects"]);
    afar.run(&["key", "rotate"]);

    let jti = tokens.jti();
    for reading in [
        &["client", "list"][..],
        &["client", "list", "--q", "renamed", "--status", "suspended"],
        &["client", "get", made],
        &["user", "list"],
        &["user", "get", "b@example.com"],
        &["resource", "list", "--q", "mail"],
        &["resource", "get", "mail"],
        &["resource", "exchange-client", "list", "mail"],
        &["resource", "runtime-client", "list", "mail"],
        &["resource", "return-url", "list", "mail"],
        &["fronting", "list"],
        &["fronting", "list", "--resource", "mail"],
        &["fronting", "get", "notes", "mail"],
        &["grant", "list-user-grants", USER],
        &["issuance", "list", "--jti", &jti],
        &["issuance", "get", &jti],
        &["token", "list", "--user", USER],
        &["token", "get", &jti],
        &["key", "list"],
        &["dcr", "get"],
        &["audit", "list", "--limit", "5", "--actor-id", "admin"],
    ] {
        let here = cli(&database, &[&["admin"], reading, &["--json"]].concat());
        assert_eq!(afar.run(reading), here, "{reading:?}");
        let listed = here.as_array().map_or(1, Vec::len);
        assert!(listed > 0, "{reading:?} shows something");
    }
    assert_eq!(afar.run(&["stats"])["clients"], 2);
    assert_eq!(afar.run(&["system", "status"])["status"], "ok");
    let config = afar.try_run(&["system", "config"]);
    let config: Value = serde_json::from_slice(&config.stdout).expect("JSON");
    assert_eq!(config["admin.api_key"]["value"], "****");

    assert_eq!(afar.run(&["token", "revoke", &jti])["revoked"], 1);
    assert!(!app.is_active(&process, &tokens.access).await);
    afar.refused(&["resource", "delete", "mail"], "notes");
    afar.run(&["resource", "delete", "mail", "--cascade"]);
    afar.refused(&["resource", "get", "mail"], "there is no resource mail");
    afar.run(&["client", "delete", made]);
    afar.refused(&["client", "delete", made], "there is no client");
    afar.refused(
        &[
            "user",
            "create",
            "--email",
            "x",
            "--password",
            "long enough",
        ],
        "email",
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_talked_to_who_should_not_be() {
    let database = Database::sqlite();
    let process = Process::start(&database, &[]).await;
    let mut afar = Afar::from(&process);
    let right = std::mem::take(&mut afar.key);
    afar.key = afar
        .elsewhere
        .folder()
        .path()
        .join("wrong")
        .display()
        .to_string();
    afar.refused(&["stats"], "wrong: No such file");
    std::fs::write(&afar.key, "not-the-key-of-this-server").unwrap();
    afar.refused(&["stats"], "does not accept this admin key");
    afar.key = right;
    let open = std::mem::replace(&mut afar.server, format!("http://{}", process.public));
    afar.refused(&["stats"], "there is nothing at this path");
    afar.server = "http://192.0.2.1:9001".into();
    afar.refused(&["stats"], "--allow-http");
    afar.server = "http://127.0.0.1:1".into();
    afar.refused(&["stats"], "http://127.0.0.1:1 does not answer");
    afar.server = "nonsense".into();
    afar.refused(&["stats"], "give the address of an admin API");
    afar.server = format!("{open}/below/a/path");
    afar.refused(&["stats"], "there is nothing at this path");
    afar.server = format!("http://u:secret@{}", process.admin);
    afar.refused(&["stats"], "neither user nor password");
    // Something that says yes to everything, in words of its own.
    for body in ["<p>welcome</p>", ""] {
        let yes = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        afar.server = format!("http://{}", yes.local_addr().unwrap());
        std::thread::spawn(move || {
            for connection in yes.incoming() {
                let mut connection = connection.unwrap();
                drop(connection.read(&mut [0; 4096]));
                let length = body.len();
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                drop(write!(connection, "{head}{body}"));
            }
        });
        for command in [
            &["client", "delete", "x"][..],
            &["client", "list"],
            &["key", "rotate"],
        ] {
            afar.refused(command, "this is no admin API");
        }
    }
    afar.server = open;
    afar.run(&["stats"]);
    let keyless = ["admin", "--server", &afar.server, "stats"];
    let output = run_cli(&afar.elsewhere, &keyless);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

#[test]
fn completions_and_pages_are_of_every_command() {
    let database = Database::sqlite();
    for shell in ["bash", "zsh", "fish"] {
        let output = run_cli(&database, &["completions", shell]);
        let script = String::from_utf8(output.stdout).unwrap();
        for word in ["runtime-client", "force-logout", "api-key-file"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let script = run_cli(&database, &["completions", "bash"]).stdout;
    let file = database.folder().path().join("authserver.bash");
    std::fs::write(&file, script).unwrap();
    let checked = std::process::Command::new("bash")
        .arg("-n")
        .arg(&file)
        .status();
    assert!(checked.unwrap().success());

    let folder = database.folder().path().join("man/man1");
    let out = folder.display().to_string();
    assert!(run_cli(&database, &["man", "--out", &out]).status.success());
    for page in [
        "authserver",
        "authserver-serve",
        "authserver-admin-client-create",
    ] {
        let page = std::fs::read_to_string(folder.join(format!("{page}.1"))).unwrap();
        assert!(page.contains(".TH "), "{page}");
    }
    let create = std::fs::read_to_string(folder.join("authserver-admin-client-create.1")).unwrap();
    assert!(create.contains("redirect\\-uri"), "{create}");
}
