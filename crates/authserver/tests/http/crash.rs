//! `kill -9` in the middle of the work: what a client was told is true afterwards.

use crate::harness::{
    App, Browser, Database, Instance, PATIENCE, Pkce, Process, Tokens, on_both, within,
};
use crate::races::furnish;
use domain::{Rng as _, SystemRng};
use std::sync::{Arc, Mutex};
use std::time::Duration;

on_both!(what_was_acknowledged_survives_a_killed_server);

const KILLS: usize = 6;
const WORKERS: usize = 4;

/// Longer than it takes to start the server again and to look at everything.
const LONG_RETRIES: [(&str, &str); 1] = [("AUTHPLANE_OAUTH_REFRESH_RETRY_WINDOW", "10m")];

/// What clients have been told.
#[derive(Default)]
struct Told {
    issued: Vec<String>,
    spent: Vec<(String, Pkce)>,
    rotated: Vec<[String; 2]>,
}

/// Redeems and refreshes until the server is gone.
async fn work(app: App, mut browser: Browser, told: Arc<Mutex<Told>>) {
    loop {
        let pkce = Pkce::fresh();
        let request = app.authorize(&pkce).request();
        let cookie = browser.session().expect("a session");
        let reply = browser.at.try_send(&request.header("cookie", cookie)).await;
        let Some(reply) = reply else { return };
        let code = crate::harness::query_of(reply.location())["code"].clone();
        let redemption = app.redemption(&code, &pkce.verifier);
        let Some(reply) = browser.at.try_send(&redemption).await else {
            return;
        };
        let tokens = Tokens::of(&reply);
        {
            let mut told = told.lock().unwrap();
            told.issued.push(tokens.jti());
            told.spent.push((code, pkce));
        }
        let Some(reply) = browser.at.try_send(&app.refreshing(&tokens.refresh)).await else {
            return;
        };
        let next = Tokens::of(&reply);
        let mut told = told.lock().unwrap();
        told.issued.push(next.jti());
        told.rotated.push([tokens.refresh, next.refresh]);
        browser = browser.clone();
    }
}

async fn what_was_acknowledged_survives_a_killed_server(database: Database) {
    let app = furnish(&database);
    let mut server = Process::start(&database, &LONG_RETRIES).await;
    let mut browser = Browser::signed_in(&server).await;
    app.tokens(&mut browser).await;
    for kill in 0..KILLS {
        let told = Arc::new(Mutex::new(Told::default()));
        let workers: Vec<_> = (0..WORKERS)
            .map(|_| tokio::spawn(work(app.clone(), browser.clone(), Arc::clone(&told))))
            .collect();
        within(PATIENCE, "some work", async || {
            !told.lock().unwrap().issued.is_empty()
        })
        .await;
        let mut moment = [0; 2];
        SystemRng.fill(&mut moment);
        let moment = u64::from(u16::from_le_bytes(moment) % 500);
        tokio::time::sleep(Duration::from_millis(moment)).await;
        server.kill();
        for worker in workers {
            worker.await.unwrap();
        }
        server = Process::start(&database, &LONG_RETRIES).await;
        browser.at = Instance::clone(&server);
        let told = std::mem::take(&mut *told.lock().unwrap());
        check(&database, &app, &server, told, kill).await;
    }
    let store = database.look().await;
    let report = store.verify_audit_chain().await.unwrap();
    assert_eq!(report.broken, None);
}

async fn check(database: &Database, app: &App, server: &Instance, told: Told, kill: usize) {
    let store = database.look().await;
    for jti in &told.issued {
        let issuance = store.issuance(jti).await.unwrap();
        assert!(
            issuance.is_some(),
            "kill {kill}: {jti} was issued and is not recorded"
        );
    }
    // Whoever has lost the answer gets the same refresh token from the server that was started
    // again, and that is the one that was recorded.
    for [spent, next] in &told.rotated {
        let again = Tokens::of(&app.refresh(server, spent).await);
        assert_eq!(again.refresh, *next, "kill {kill}");
    }
    for (code, pkce) in told.spent {
        let again = server.send(&app.redemption(&code, &pkce.verifier)).await;
        again.refused(400, "invalid_grant");
    }
    for [_, next] in told.rotated {
        app.refresh(server, &next)
            .await
            .refused(400, "invalid_grant");
    }
}
