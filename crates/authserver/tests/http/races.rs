//! Two requests at the same moment for what may be had once, on two processes that share a
//! database.

use crate::harness::{
    App, Browser, Database, PASSWORD, Pkce, Process, RESOURCE, Request, Tokens, USER, on_both,
    run_cli,
};
use domain::AuditAction;

on_both!(
    of_two_simultaneous_redemptions_exactly_one_wins,
    of_two_simultaneous_refreshes_exactly_one_wins_and_the_family_dies,
);

/// Enough for a gap of some microseconds to be met.
const ROUNDS: usize = 200;

/// Runs a command that prints JSON.
#[track_caller]
pub fn cli(database: &Database, arguments: &[&str]) -> serde_json::Value {
    let output = run_cli(database, arguments);
    let (out, err) = (output.stdout, String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {err}");
    serde_json::from_slice(&out).unwrap_or_else(|error| panic!("{error}: {arguments:?}"))
}

/// A user, a resource and a client, made from the command line.
pub fn furnish(database: &Database) -> App {
    let scope = "notes/read||Read your notes";
    let resource = [
        "admin", "resource", "create", "--slug", "notes", "--uri", RESOURCE,
    ];
    cli(
        database,
        &[&resource[..], &["--scopes", scope, "--json"]].concat(),
    );
    let user = [
        "admin",
        "user",
        "create",
        "--email",
        USER,
        "--password",
        PASSWORD,
    ];
    cli(database, &[&user[..], &["--json"]].concat());
    let client = [
        "admin",
        "client",
        "create",
        "--name",
        "Notebook",
        "--redirect-uri",
    ];
    let client = cli(
        database,
        &[&client[..], &[crate::harness::REDIRECT, "--json"]].concat(),
    );
    let text = |name: &str| client[name].as_str().unwrap().to_owned();
    App {
        client_id: text("client_id"),
        secret: Some(text("client_secret")),
    }
}

async fn two_processes(database: &Database) -> (App, [Process; 2], Browser) {
    let app = furnish(database);
    let processes = tokio::join!(Process::start(database, &[]), Process::start(database, &[]));
    let browser = Browser::signed_in(&processes.0).await;
    (app, processes.into(), browser)
}

/// Sends the same request to both at once; the tokens of the one that won.
async fn one_wins(processes: &[Process; 2], request: &Request, round: usize) -> Tokens {
    let [one, two] = processes;
    let (a, b) = tokio::join!(one.send(request), two.send(request));
    let (won, lost) = if a.status == 200 { (a, b) } else { (b, a) };
    assert_eq!(won.status, 200, "round {round}: {won:?}");
    lost.refused(400, "invalid_grant");
    Tokens::of(&won)
}

async fn of_two_simultaneous_redemptions_exactly_one_wins(database: Database) {
    let (app, processes, mut browser) = two_processes(&database).await;
    for round in 0..ROUNDS {
        let pkce = Pkce::fresh();
        let code = app.code(&mut browser, &app.authorize(&pkce)).await;
        let redemption = app.redemption(&code, &pkce.verifier);
        let tokens = one_wins(&processes, &redemption, round).await;
        // Whoever lost had the verifier, and has revoked the family before the answer left.
        let dead = app.refresh(&processes[round % 2], &tokens.refresh).await;
        dead.refused(400, "invalid_grant");
    }
    let store = database.look().await;
    let filter = store::AuditFilter {
        actions: vec![AuditAction::TokenIssued],
        ..store::AuditFilter::default()
    };
    let all = store::Page {
        limit: 1000,
        offset: 0,
    };
    let issued = store.audit(&filter, &all).await.unwrap();
    assert_eq!(issued.len(), ROUNDS, "one issuance for each code");
}

async fn of_two_simultaneous_refreshes_exactly_one_wins_and_the_family_dies(database: Database) {
    let (app, processes, mut browser) = two_processes(&database).await;
    for round in 0..ROUNDS {
        let tokens = app.tokens(&mut browser).await;
        let refreshing = app.refreshing(&tokens.refresh);
        let next = one_wins(&processes, &refreshing, round).await;
        // Whoever lost has revoked the family before the answer left.
        let dead = app.refresh(&processes[round % 2], &next.refresh).await;
        dead.refused(400, "invalid_grant");
    }
}
