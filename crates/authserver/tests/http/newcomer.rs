//! The first hour with the program: quickstart again after changes, commands that find nothing,
//! and a check that knows what the server will refuse.

use crate::harness::{Database, PATIENCE, Process, on_both, run_cli};
use crate::races::cli;
use serde_json::Value;
use std::fs::File;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

on_both!(
    quickstart_starts_again_when_another_resource_has_the_uri,
    a_demo_password_that_was_changed_is_not_printed,
    quickstart_leaves_a_seed_out_and_serve_names_it,
);

const DEMO: &str = "http://localhost:8080/mcp";

/// What quickstart prints until it serves; it is ended then.
#[track_caller]
fn quickstart(database: &Database, variables: &[(&str, &str)]) -> String {
    let path = database.folder().path().join("quickstart.log");
    let file = File::create(&path).expect("a log file");
    let child = Command::new(env!("CARGO_BIN_EXE_authserver"))
        .arg("quickstart")
        .env_clear()
        .envs(database.environment())
        .envs([
            ("AUTHPLANE_SERVER_ADDRESS", ":0"),
            ("AUTHPLANE_ADMIN_ADDRESS", ":0"),
        ])
        .envs(variables.iter().copied())
        .current_dir(database.folder().path())
        .stdin(Stdio::null())
        .stdout(file.try_clone().expect("a log file"))
        .stderr(file)
        .spawn();
    let mut child = Ended(child.expect("the program starts"));
    let end = Instant::now() + PATIENCE;
    loop {
        let printed = std::fs::read_to_string(&path).expect("a log file");
        if printed.contains("client.py") {
            return printed;
        }
        let ended = child.0.try_wait().expect("a child process");
        let waiting = ended.is_none() && Instant::now() < end;
        assert!(waiting, "{ended:?}: {printed}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What stands behind `name` in the table that quickstart prints.
fn told<'a>(printed: &'a str, name: &str) -> &'a str {
    let mut lines = printed.lines();
    let line = lines.find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("no {name} in {printed}"))
        .trim()
}

async fn quickstart_starts_again_when_another_resource_has_the_uri(database: Database) {
    let first = quickstart(&database, &[]);
    assert_eq!(
        told(&first, "Resource:"),
        format!("{DEMO}  (scopes tools/read, tools/write)")
    );
    cli(
        &database,
        &["admin", "resource", "delete", "demo", "--json"],
    );
    let create = ["admin", "resource", "create", "--slug", "notes", "--json"];
    let own = ["--uri", DEMO, "--scopes", "notes:read"];
    cli(&database, &[&create[..], &own].concat());
    let again = quickstart(&database, &[]);
    assert_eq!(told(&again, "Password:"), told(&first, "Password:"));
    assert_eq!(
        told(&again, "Resource:"),
        format!("{DEMO}  (scopes notes:read)")
    );
    assert!(again.contains("MCP_SCOPES='notes:read' .venv/bin/python server.py"));
    let list = cli(&database, &["admin", "resource", "list", "--json"]);
    assert_eq!(list.as_array().map(Vec::len), Some(1), "{list}");
}

async fn a_demo_password_that_was_changed_is_not_printed(database: Database) {
    let first = quickstart(&database, &[]);
    let password = told(&first, "Password:").to_owned();
    let update = ["admin", "user", "update", "demo@example.com", "--json"];
    cli(
        &database,
        &[&update[..], &["--password", "another one"]].concat(),
    );
    let again = quickstart(&database, &[]);
    assert!(!again.contains(&password), "{again}");
    assert!(
        told(&again, "Password:").contains("admin user update"),
        "{again}"
    );
    cli(
        &database,
        &[&update[..], &["--password", &password]].concat(),
    );
    let back = quickstart(&database, &[]);
    assert_eq!(told(&back, "Password:"), password);
}

async fn quickstart_leaves_a_seed_out_and_serve_names_it(database: Database) {
    quickstart(&database, &[]);
    let seed = [
        ("AUTHPLANE_RESOURCE_URI", DEMO),
        ("AUTHPLANE_RESOURCE_SCOPES", "other"),
    ];
    let printed = quickstart(&database, &seed);
    assert!(
        printed.contains("localhost-8080-mcp is left out"),
        "{printed}"
    );
    let refused = Command::new(env!("CARGO_BIN_EXE_authserver"))
        .arg("serve")
        .env_clear()
        .envs(database.environment())
        .envs([
            ("AUTHPLANE_SERVER_ADDRESS", "127.0.0.1:0"),
            ("AUTHPLANE_ADMIN_ADDRESS", "127.0.0.1:0"),
        ])
        .envs(seed)
        .current_dir(database.folder().path())
        .output();
    let refused = refused.expect("the program runs");
    let said = error(&refused);
    for word in ["localhost-8080-mcp", DEMO, "resource demo", "change"] {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[track_caller]
fn error(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn quickstart_is_on_loopback_and_the_first_log_line_names_its_addresses() {
    let database = Database::sqlite();
    let printed = quickstart(&database, &[]);
    let first: Value = first_record(&printed);
    for address in ["address", "admin_address"] {
        let address = first[address].as_str().unwrap_or_default();
        assert!(address.starts_with("127.0.0.1:"), "{first}");
        assert!(!address.ends_with(":0"), "the real port: {first}");
    }
    let open = [
        ("AUTHPLANE_SERVER_ADDRESS", "0.0.0.0:0"),
        ("AUTHPLANE_ADMIN_ADDRESS", "[::1]:0"),
    ];
    let first = first_record(&quickstart(&database, &open));
    assert!(first["address"].as_str().unwrap().starts_with("0.0.0.0:"));
    assert!(
        first["admin_address"]
            .as_str()
            .unwrap()
            .starts_with("[::1]:")
    );
}

/// The first line of the log.
#[track_caller]
fn first_record(printed: &str) -> Value {
    let line = printed.lines().find(|line| line.starts_with('{'));
    serde_json::from_str(line.expect("a log line")).expect("JSON")
}

#[test]
fn config_check_refuses_each_seed_that_the_server_would_refuse() {
    let database = Database::sqlite();
    let file = database.folder().path().join("seeds.yaml");
    let path = file.display().to_string();
    let long = "n".repeat(257);
    let good = "slug: notes, uri: 'https://a.example/mcp'";
    for (seed, key) in [
        ("slug: notes-, uri: 'https://a.example'".into(), "slug"),
        ("slug: -notes, uri: 'https://a.example'".into(), "slug"),
        ("slug: notes, uri: 'javascript:alert(1)'".into(), "uri"),
        ("slug: notes, uri: 'https://u:p@a.example'".into(), "uri"),
        ("slug: notes, uri: 'https://a.example/#x'".into(), "uri"),
        (format!("{good}, display_name: {long}"), "display_name"),
        (format!("{good}, display_name: '  '"), "display_name"),
        (
            format!("{good}, scopes: [{{name: offline_access}}]"),
            "scopes[0].name",
        ),
        (
            format!("{good}, scopes: [{{name: {long}}}]"),
            "scopes[0].name",
        ),
        (
            format!("{good}, policy: {{runtime: {{client_ids: ['a b']}}}}"),
            "policy.runtime.client_ids",
        ),
        (
            format!("{good}, policy: {{exchange: {{allowed_client_ids: ['é']}}}}"),
            "policy.exchange.allowed_client_ids",
        ),
        (
            format!("{good}, policy: {{connect: {{allowed_return_urls: ['/here']}}}}"),
            "policy.connect.allowed_return_urls",
        ),
    ] {
        std::fs::write(&file, format!("resources: [{{{seed}}}]\n")).unwrap();
        for command in [&["config", "check"][..], &["serve"]] {
            let output = run_cli(&database, &[&["--config", &path], command].concat());
            let said = error(&output);
            assert!(said.contains(&format!("resources[0].{key} ")), "{said}");
        }
    }
    std::fs::write(&file, format!("resources: [{{{good}}}]\n")).unwrap();
    let output = run_cli(&database, &["--config", &path, "config", "check"]);
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn system_status_speaks_of_the_server_or_says_that_none_answers() {
    let database = Database::sqlite();
    let status = |address: &str| {
        Command::new(env!("CARGO_BIN_EXE_authserver"))
            .args(["admin", "system", "status", "--json"])
            .env_clear()
            .envs(database.environment())
            .env("AUTHPLANE_ADMIN_ADDRESS", address)
            .env("AUTHPLANE_ADMIN_API_KEY", crate::harness::ADMIN_KEY)
            .output()
            .expect("the program runs")
    };
    let said = error(&status("127.0.0.1:1"));
    assert!(
        said.contains("http://127.0.0.1:1 does not answer"),
        "{said}"
    );
    assert!(said.contains("authserver serve"), "{said}");
    assert!(!database.folder().path().join("keys").exists());
    let keyless = run_cli(&database, &["admin", "system", "status"]);
    assert!(error(&keyless).contains("does not answer"), "{keyless:?}");

    let server = Process::start(&database, &[]).await;
    let output = status(&format!(":{}", server.admin.port()));
    assert!(output.status.success(), "{output:?}");
    let shown: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(shown["status"], "ok");
}

#[test]
fn lists_without_rows_say_so_and_what_to_do() {
    let database = Database::sqlite();
    drop(run_cli(&database, &["migrate"]));
    for (list, next) in [
        (&["client", "list"][..], "admin client create"),
        (&["user", "list"], "admin user create"),
        (&["resource", "list"], "admin resource create"),
        (&["fronting", "list"], "admin fronting create"),
        (&["token", "list"], "lets a client in"),
        (&["audit", "list", "--q", "nothing"], "--since"),
    ] {
        let output = run_cli(&database, &[&["admin"], list].concat());
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(said.starts_with("No ") && said.contains(next), "{said}");
        assert!(
            said.lines().all(|line| line.chars().count() <= 80),
            "{said}"
        );
        let json = run_cli(&database, &[&["admin"], list, &["--json"]].concat());
        assert_eq!(json.stdout, b"[]\n", "{list:?}");
    }
}

#[test]
fn a_resource_without_a_uri_comes_with_a_warning() {
    let database = Database::sqlite();
    drop(run_cli(&database, &["migrate"]));
    let create = ["admin", "resource", "create", "--slug", "gateway"];
    let output = run_cli(&database, &create);
    assert!(output.status.success(), "{output:?}");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(
        said.contains("admin resource update gateway --uri"),
        "{said}"
    );
}

#[test]
fn the_audit_list_says_who_did_it_and_to_whom() {
    let database = Database::sqlite();
    drop(run_cli(&database, &["migrate"]));
    let create = ["admin", "user", "create", "--email", "ana@example.com"];
    let json = ["--password", "long enough", "--json"];
    let user = cli(&database, &[&create[..], &json].concat());
    let list = run_cli(&database, &["admin", "audit", "list"]);
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    let line = list.lines().find(|line| line.contains("user.created"));
    let line = line.unwrap_or_else(|| panic!("{list}"));
    let whom = format!("actor=admin user={}", user["id"].as_str().unwrap());
    assert!(line.contains(&whom), "{line}");
}
