//! SIGHUP and key rotation while the server is at work.

use crate::harness::{Browser, Database, PATIENCE, Process, Tokens, on_both, run_cli, within};
use crate::races::furnish;
use domain::AuditAction;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use store::{AuditFilter, Page};

on_both!(no_request_fails_while_keys_are_rotated_and_read_again);

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
            let rotated = run_cli(&database, &["admin", "key", "rotate"]);
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
