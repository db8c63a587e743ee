//! The database goes away and comes back under a running server.

use crate::harness::{Browser, Database, Process, Request, Tokens, within};
use crate::races::furnish;
use std::time::Duration;

/// How long a server may take to notice, either way.
const NOTICE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_whose_database_is_gone_says_so_and_recovers_by_itself() {
    let mut database = Database::own_postgres().await;
    let app = furnish(&database);
    let mut server = Process::start(&database, &[]).await;
    let mut browser = Browser::signed_in(&server).await;
    let tokens = app.tokens(&mut browser).await;
    assert!(app.is_active(&server, &tokens.access).await);
    let discovery = [
        "/livez",
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
    ];
    for path in discovery {
        server.get(path).await.expect(200);
    }
    for silent in [false, true] {
        if silent {
            database.server().freeze();
        } else {
            database.server().kill();
        }
        within(NOTICE, "health tells", async || {
            server.get("/health").await.status == 503
        })
        .await;
        assert_eq!(server.get("/ready").await.status, 503);
        for path in discovery {
            server.get(path).await.expect(200);
        }
        let grant = [
            ("grant_type", "authorization_code"),
            ("code", "x"),
            ("code_verifier", "x"),
        ];
        let calls = [
            app.refreshing(&tokens.refresh),
            app.redemption("x", &"x".repeat(43)),
            app.call("/oauth/introspect", &[("token", &tokens.access)]),
            app.call("/oauth/revoke", &[("token", &tokens.refresh)]),
            Request::post("/oauth/token", &grant).basic("unknown", "unknown"),
        ];
        for call in calls {
            let reply = server
                .send(&call)
                .await
                .refused(503, "temporarily_unavailable");
            let after = reply.header("retry-after").unwrap();
            assert!(after.parse::<u64>().unwrap() >= 1);
            assert_eq!(reply.header("cache-control"), Some("no-store"));
            assert!(reply.json()["request_id"].is_string());
        }
        // A session that cannot be checked is no session, and nobody is told more than that.
        assert_eq!(browser.get("/").await.status, 503);

        if silent {
            database.server().thaw();
        } else {
            database.server().restart().await;
        }
        within(NOTICE, "health tells", async || {
            server.get("/health").await.status == 200
        })
        .await;
        server.get("/ready").await.expect(200);
        within(NOTICE, "tokens are known", async || {
            app.introspect(&server, &tokens.access).await.status == 200
        })
        .await;
        assert!(app.is_active(&server, &tokens.access).await);
        browser.get("/").await.expect(200);
        assert!(server.is_running());
    }
    // The token that could not be spent is good still.
    Tokens::of(&app.refresh(&server, &tokens.refresh).await);
    let report = database.look().await.verify_audit_chain().await.unwrap();
    assert_eq!(report.broken, None);
}
