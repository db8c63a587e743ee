//! What strangers can make grow, and where it ends.

use crate::harness::{
    A_SECOND, Browser, Database, Instance, Pkce, Process, REDIRECT, Reply, Request, Server,
    on_both, run_cli, within,
};
use domain::AuditAction;
use serde_json::json;
use std::time::Duration;

on_both!(
    no_more_clients_register_than_may,
    a_client_that_nobody_uses_is_removed_and_one_in_use_stays,
    a_flood_of_refusals_fills_no_table_and_is_counted,
    purge_knows_all_words,
);

const HOUR: Duration = Duration::from_secs(3600);

async fn register(server: &Instance) -> Reply {
    let metadata = json!({ "redirect_uris": [REDIRECT] });
    server
        .send(&Request::json("/oauth/register", &metadata))
        .await
}

async fn registered(server: &Server) -> String {
    let reply = register(server).await.expect(201).json();
    reply["client_id"].as_str().unwrap().to_owned()
}

async fn no_more_clients_register_than_may(database: Database) {
    let few = [("AUTHPLANE_DCR_MAX_CLIENTS", "3")];
    let server = Server::with(&database, &few).await;
    let other = server.beside_with(&database, &few).await;
    server.public_app().await;
    for _ in 0..3 {
        registered(&server).await;
    }
    let full = r#"authserver_auth_denied_total{reason="too_many_clients"}"#;
    for instance in [&server, &other] {
        let refused = register(instance).await.expect(503);
        assert_eq!(refused.json()["error"], "temporarily_unavailable");
        assert_eq!(refused.header("retry-after"), Some("3600"));
        assert_eq!(instance.metric(full).await, 1.0);
    }
    let denied = server.audit(AuditAction::AuthDenied).await;
    assert_eq!(denied.len(), 2);
    assert!(denied[0].event.detail.contains("reason=too_many_clients"));
    server.public_app().await;
    // Room is made by a purge.
    server.wait(HOUR * 24 * 8);
    server.engine.purge(engine::Purgeable::all()).await;
    let expired = "authserver_clients_expired_total";
    assert_eq!(server.metric(expired).await, 3.0);
    registered(&server).await;
}

async fn a_client_that_nobody_uses_is_removed_and_one_in_use_stays(database: Database) {
    let server = Server::with(&database, &[("AUTHPLANE_DCR_IDLE_EXPIRY", "720h")]).await;
    let other = server.beside(&database).await;
    let mut browser = Browser::signed_in(&server).await;
    let (unused, used) = (registered(&server).await, registered(&server).await);
    let app = |id: &str| crate::harness::App {
        client_id: id.to_owned(),
        secret: None,
    };
    app(&used).tokens(&mut browser).await;
    let asks = |id: &str| {
        Request::query(
            "/oauth/authorize",
            &app(id).authorize(&Pkce::fresh()).pairs(),
        )
    };
    other.send(&asks(&unused)).await.expect(303);

    server.wait(HOUR * 24 * 8);
    server.engine.purge(engine::Purgeable::all()).await;
    let events = server.audit(AuditAction::ClientDeleted).await;
    let [event] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(event.event.client_id.as_deref(), Some(&*unused));
    assert_eq!(
        (event.event.actor_id.as_str(), event.event.detail.as_str()),
        ("system", "reason=unused")
    );
    // Like any client that is unknown, at every instance.
    within(A_SECOND, "unknown", async || {
        other.send(&asks(&unused)).await.status == 400
    })
    .await;
    other.send(&asks(&used)).await.expect(303);

    server.wait(HOUR * 24 * 40);
    server.engine.purge(engine::Purgeable::all()).await;
    let events = server.audit(AuditAction::ClientDeleted).await;
    assert_eq!(events[0].event.client_id.as_deref(), Some(&*used));
    assert_eq!(events[0].event.detail, "reason=idle");
    within(A_SECOND, "unknown", async || {
        other.send(&asks(&used)).await.status == 400
    })
    .await;
}

async fn a_flood_of_refusals_fills_no_table_and_is_counted(database: Database) {
    let server = Server::with(&database, &[("AUTHPLANE_AUDIT_DENIALS_PER_MINUTE", "20")]).await;
    let counted = r#"authserver_auth_denied_total{reason="unknown_client"}"#;
    let before = server.metric(counted).await;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "made up"),
        ("client_id", "made up"),
    ];
    for _ in 0..200 {
        server
            .send(&Request::post("/oauth/token", &form))
            .await
            .expect(401);
    }
    assert_eq!(server.metric(counted).await - before, 200.0);
    assert_eq!(server.audit(AuditAction::TokenDenied).await.len(), 20);
    server.wait(Duration::from_secs(60));
    server.engine.record_suppressed(false).await;
    let events = server.audit(AuditAction::TokenDenied).await;
    assert_eq!(events.len(), 21);
    let summary = &events[0].event;
    assert_eq!(summary.detail, "suppressed=180 seconds=60 token.denied=180");
    assert_eq!(summary.ip.as_deref(), Some("127.0.0.1"));
    assert_eq!(summary.actor_id, "system");
    let report = server.engine.store().verify_audit_chain().await.unwrap();
    assert_eq!(report.broken, None);
}

async fn purge_knows_all_words(database: Database) {
    let mut server = Process::start(&database, &[]).await;
    server.stop("-TERM").await;
    let words = "assertion-jti,authorization-codes,connect-pending-states,dpop-nonces,jti,machine-tokens,\
         refresh-tokens,sessions,clients,audit,issuances";
    let output = run_cli(&database, &["purge", "--only", words, "--timeout", "10m"]);
    assert!(output.status.success(), "{output:?}");
    let printed = String::from_utf8(output.stdout).unwrap();
    for word in words.split(',') {
        assert!(
            printed.contains(&format!("{word}: 0 removed\n")),
            "{printed}"
        );
    }
    let output = run_cli(&database, &["purge", "--only", "everything"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
}

/// What a server that ends has not yet told, it tells.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_only_counted_is_recorded_at_the_end() {
    let database = Database::sqlite();
    let limit = [("AUTHPLANE_AUDIT_DENIALS_PER_MINUTE", "2")];
    let mut server = Process::start(&database, &limit).await;
    for _ in 0..5 {
        let form = [("grant_type", "refresh_token"), ("client_id", "made up")];
        let reply = server.send(&Request::post("/oauth/token", &form)).await;
        assert_ne!(reply.status, 200);
    }
    server.stop("-TERM").await;
    let store = database.look().await;
    let filter = store::AuditFilter {
        actions: vec![AuditAction::TokenDenied],
        ..store::AuditFilter::default()
    };
    let events = store.audit(&filter, &store::Page::default()).await.unwrap();
    let details: Vec<_> = events.iter().map(|own| &own.event.detail).collect();
    assert_eq!(details.len(), 3, "{details:?}");
    assert!(details[0].starts_with("suppressed=3"), "{details:?}");
    store.close().await;
}
