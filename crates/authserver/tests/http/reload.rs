//! SIGHUP and key rotation while the server is at work.

use crate::harness::{
    Browser, Database, PATIENCE, Process, Request, Tokens, on_both, run_cli, within,
};
use crate::races::furnish;
use domain::AuditAction;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use store::{AuditFilter, Page};

on_both!(
    no_request_fails_while_keys_are_rotated_and_read_again,
    tokens_end_with_the_key_that_signed_them,
    admin_keys_are_replaced_without_a_restart,
);

const ROUNDS: usize = 8;

async fn no_request_fails_while_keys_are_rotated_and_read_again(database: Database) {
    let app = furnish(&database);
    let server = Process::start(&database, &[]).await;
    let mut browser = Browser::signed_in(&server).await;
    let mut starts = Vec::new();
    for _ in 0..4 {
        starts.push(app.tokens(&mut browser).await);
    }
    let (over, answered) = (AtomicBool::new(false), AtomicUsize::new(0));
    // What was signed before a rotation is good after it, and what is signed meanwhile too.
    let work = async |mut tokens: Tokens| {
        let first = tokens.access.clone();
        while !over.load(Relaxed) {
            tokens = Tokens::of(&app.refresh(&server, &tokens.refresh).await);
            for access in [&first, &tokens.access] {
                assert!(app.is_active(&server, access).await);
            }
            answered.fetch_add(1, Relaxed);
        }
    };
    let disturb = async {
        for round in 1..=ROUNDS {
            let rotated = run_cli(&database, &["admin", "key", "rotate", "--now"]);
            assert!(rotated.status.success(), "{rotated:?}");
            server.hang_up();
            let reloaded = AuditFilter {
                actions: vec![AuditAction::KeyReloaded],
                text: Some("cause=sighup".into()),
                ..AuditFilter::default()
            };
            let store = database.look().await;
            let before = answered.load(Relaxed);
            within(PATIENCE, "a reload, and work after it", async || {
                let seen = store.audit(&reloaded, &Page::default()).await.unwrap();
                seen.len() >= round && answered.load(Relaxed) > before + 4
            })
            .await;
        }
        over.store(true, Relaxed);
    };
    let [a, b, c, d] = starts.try_into().expect("four");
    tokio::join!(work(a), work(b), work(c), work(d), disturb);
    let keys = server.get("/.well-known/jwks.json").await.json();
    assert_eq!(keys["keys"].as_array().unwrap().len(), ROUNDS + 1);
}

async fn tokens_end_with_the_key_that_signed_them(database: Database) {
    let app = furnish(&database);
    let server = Process::start(&database, &[]).await;
    let mut browser = Browser::signed_in(&server).await;
    let tokens = app.tokens(&mut browser).await;
    for _ in 0..2 {
        assert!(app.is_active(&server, &tokens.access).await);
    }
    let published = server.get("/.well-known/jwks.json").await.json();
    let kid = published["keys"][0]["kid"].as_str().expect("a key");

    // The operator lets go of a key that others may have seen.
    let retired = run_cli(&database, &["admin", "key", "retire", kid]);
    assert!(retired.status.success(), "{retired:?}");
    within(PATIENCE, "the token to end", async || {
        !app.is_active(&server, &tokens.access).await
    })
    .await;
    let tokens = app.tokens(&mut browser).await;
    assert!(app.is_active(&server, &tokens.access).await);

    let removal = AuditFilter {
        actions: vec![AuditAction::KeyReloaded],
        text: Some(format!("removed={kid}")),
        ..AuditFilter::default()
    };
    let store = database.look().await;
    within(PATIENCE, "the record of it", async || {
        !(store.audit(&removal, &Page::default()).await.unwrap()).is_empty()
    })
    .await;
}

const FIRST: &str = "7c1f0e5ad2b94863-first";
const SECOND: &str = "3b8d92e6f07a4c15-second";

async fn admin_keys_are_replaced_without_a_restart(database: Database) {
    let folder = database.folder();
    let (config, key) = (folder.path().join("keys.yaml"), folder.path().join("key"));
    let configure = |previous: &str| {
        let file = key.display();
        let text = format!("admin:\n  api_key_file: {file}\n{previous}");
        std::fs::write(&config, text).expect("written");
    };
    std::fs::write(&key, format!("{FIRST}\n")).expect("written");
    configure("");
    let path = config.display().to_string();
    let variables = [
        ("AUTHPLANE_CONFIG", path.as_str()),
        ("AUTHPLANE_ADMIN_API_KEY", ""),
    ];
    let server = Process::start(&database, &variables).await;
    let opens = async |key: &str| {
        let request = Request::new("POST", "/admin/auth/verify").bearer(key);
        server.send_admin(&request).await.status == 200
    };
    assert!(opens(FIRST).await);
    assert!(!opens(SECOND).await);
    let sign_in = Request::post("/admin/ui/sign-in", &[("key", FIRST)]);
    let signed_in = server.send_admin(&sign_in).await.expect(303);
    let session = signed_in
        .header("set-cookie")
        .expect("a session")
        .to_owned();
    let is_let_in = async || {
        let page = Request::get("/admin/ui/keys").header("cookie", &session);
        server.send_admin(&page).await.status == 200
    };
    assert!(is_let_in().await);

    // What is weak, or not there, changes nothing.
    for bad in ["changeme-changeme\n", "short\n", ""] {
        std::fs::write(&key, bad).expect("written");
        reload(&database, &server, "admin_key=unreadable").await;
        assert!(opens(FIRST).await, "{bad:?}");
    }
    // Both are good while keys are handed out, and then the new one alone.
    std::fs::write(&key, SECOND).expect("written");
    configure(&format!("  api_key_previous: {FIRST}\n"));
    reload(&database, &server, "admin_key=changed").await;
    assert!(opens(FIRST).await);
    assert!(opens(SECOND).await);
    assert!(is_let_in().await, "the session ends with its key");
    configure("");
    reload(&database, &server, "admin_key=changed").await;
    assert!(!opens(FIRST).await);
    assert!(!is_let_in().await, "the session has ended with its key");
    assert!(opens(SECOND).await);
    reload(&database, &server, "admin_key=unchanged").await;
    let log = server.log();
    assert_eq!(
        log.matches("the previous admin key is still in use")
            .count(),
        1
    );
    for key in [FIRST, SECOND] {
        assert!(!log.contains(key));
    }
}

/// Has the server reload, and holds that it `found` this.
async fn reload(database: &Database, server: &Process, found: &str) {
    let filter = AuditFilter {
        actions: vec![AuditAction::KeyReloaded],
        ..AuditFilter::default()
    };
    let store = database.look().await;
    let reloads = async || store.audit(&filter, &Page::default()).await.expect("rows");
    let before = reloads().await.len();
    server.hang_up();
    within(PATIENCE, "the reload", async || {
        reloads().await.len() > before
    })
    .await;
    let newest = reloads().await.swap_remove(0).event.detail;
    assert!(newest.contains(found), "{newest}");
}
