//! Two requests at the same moment for what may be had once, on two processes that share a
//! database.

use crate::harness::{
    App, Browser, Database, Instance, PASSWORD, Pkce, Process, RESOURCE, Request, Tokens, USER,
    on_both, run_cli,
};
use domain::AuditAction;
use std::collections::BTreeSet;
use tokio::task::JoinSet;

on_both!(
    of_two_simultaneous_redemptions_exactly_one_wins,
    of_two_simultaneous_refreshes_exactly_one_wins_and_the_family_dies,
    processes_of_one_client_that_share_a_refresh_token_all_keep_their_session,
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

async fn two_processes(
    database: &Database,
    variables: &[(&str, &str)],
) -> (App, [Process; 2], Browser) {
    let app = furnish(database);
    let processes = tokio::join!(
        Process::start(database, variables),
        Process::start(database, variables)
    );
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
    let (app, processes, mut browser) = two_processes(&database, &[]).await;
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

/// Where no retries are wanted.
async fn of_two_simultaneous_refreshes_exactly_one_wins_and_the_family_dies(database: Database) {
    let no_retries = [("AUTHPLANE_OAUTH_REFRESH_RETRY_WINDOW", "0")];
    let (app, processes, mut browser) = two_processes(&database, &no_retries).await;
    for round in 0..ROUNDS {
        let tokens = app.tokens(&mut browser).await;
        let refreshing = app.refreshing(&tokens.refresh);
        let next = one_wins(&processes, &refreshing, round).await;
        // Whoever lost has revoked the family before the answer left.
        let dead = app.refresh(&processes[round % 2], &next.refresh).await;
        dead.refused(400, "invalid_grant");
    }
}

/// In each round all of them send the token that they share, half of them to each server.
async fn processes_of_one_client_that_share_a_refresh_token_all_keep_their_session(
    database: Database,
) {
    const SHARERS: usize = 43;
    const REFRESHES: usize = 50;
    let (app, processes, mut browser) = two_processes(&database, &[]).await;
    let founded = app.tokens(&mut browser).await;
    let mut shared = founded.refresh;
    let mut spent = Vec::new();
    let mut access = String::new();
    for round in 0..REFRESHES {
        let mut sending = JoinSet::new();
        for sharer in 0..SHARERS {
            let at = Instance::clone(&processes[sharer % 2]);
            let request = app.refreshing(&shared);
            sending.spawn(async move { at.send(&request).await });
        }
        let answers = sending.join_all().await;
        let tokens: Vec<_> = answers.iter().map(Tokens::of).collect();
        let successors: BTreeSet<_> = tokens.iter().map(|own| &own.refresh).collect();
        assert_eq!(successors.len(), 1, "round {round}: one successor for all");
        let jtis: BTreeSet<_> = tokens.iter().map(Tokens::jti).collect();
        assert_eq!(
            jtis.len(),
            SHARERS,
            "round {round}: each its own access token"
        );
        access.clone_from(&tokens[round % SHARERS].access);
        spent.push(std::mem::replace(&mut shared, tokens[0].refresh.clone()));
    }
    let sum = async |counter: &str| {
        let [one, two] = &processes;
        one.metric(counter).await + two.metric(counter).await
    };
    let all = (SHARERS * REFRESHES) as f64;
    let retries = all - REFRESHES as f64;
    assert_eq!(sum("authserver_tokens_refreshed_total").await, all);
    assert_eq!(sum("authserver_refresh_token_retries_total").await, retries);
    assert_eq!(sum("authserver_refresh_token_reuse_total").await, 0.0);
    assert!(app.is_active(&processes[0], &access).await);
    // The one before the last has a successor that was used: whoever sends it has stolen it.
    let reused = &spent[REFRESHES - 2];
    app.refresh(&processes[1], reused)
        .await
        .refused(400, "invalid_grant");
    assert_eq!(sum("authserver_refresh_token_reuse_total").await, 1.0);
    app.refresh(&processes[0], &shared)
        .await
        .refused(400, "invalid_grant");
    assert!(!app.is_active(&processes[1], &access).await);
}
