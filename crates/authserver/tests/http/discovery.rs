//! Documents that anybody may read, wherever clients look for them and whoever asks.

use crate::harness::{Database, Reply, Request, Server};

const ROOT: &str = "http://localhost:9000";
const TENANT: &str = "http://localhost:9000/tenant";
const OAUTH: &str = "oauth-authorization-server";
const OPENID: &str = "openid-configuration";

#[tokio::test]
async fn metadata_and_keys_are_wherever_a_client_may_look_for_them() {
    for (issuer, base) in [(ROOT, ""), (TENANT, "/tenant")] {
        let variables = [("AUTHPLANE_SERVER_ISSUER", issuer)];
        let server = Server::with(&Database::sqlite(), &variables).await;
        for name in [OAUTH, OPENID, "jwks.json"] {
            let plain = server
                .get(&format!("/.well-known/{name}"))
                .await
                .expect(200);
            match name {
                "jwks.json" => assert!(plain.json()["keys"].is_array()),
                _ => assert_eq!(plain.json()["issuer"], issuer),
            }
            for place in [
                format!("/.well-known/{name}{base}"),
                format!("{base}/.well-known/{name}"),
                // The issuer spelled with a slash at its end, in front and behind.
                format!("{base}//.well-known/{name}"),
            ] {
                for path in [format!("{place}/"), place] {
                    let reply = server.get(&path).await.expect(200);
                    assert_eq!(reply.body, plain.body, "{path}");
                }
            }
            let other = format!("/.well-known/{name}/other");
            server.get(&other).await.refused(404, "not_found");
        }
    }
}

#[tokio::test]
async fn a_resource_is_described_at_the_root_and_below_the_issuer() {
    for (issuer, base) in [(ROOT, ""), (TENANT, "/tenant")] {
        let variables = [("AUTHPLANE_SERVER_ISSUER", issuer)];
        let server = Server::with(&Database::sqlite(), &variables).await;
        let name = "/.well-known/oauth-protected-resource";
        let plain = server.get(&format!("{name}/notes")).await.expect(200);
        assert_eq!(plain.json()["resource"], crate::harness::RESOURCE);
        for place in [
            format!("{name}/notes/"),
            format!("{base}{name}/notes"),
            format!("{base}{name}/notes/"),
            format!("{name}{base}/notes"),
            format!("{name}{base}/notes/"),
        ] {
            let reply = server.get(&place).await.expect(200);
            assert_eq!(reply.body, plain.body, "{place}");
        }
        for place in [
            format!("{base}{name}/nowhere"),
            format!("{name}{base}/nowhere/"),
        ] {
            server.get(&place).await.refused(404, "not_found");
        }
        for place in [format!("{base}{name}"), format!("{name}{base}/")] {
            let (own, root) = (server.get(&place).await, server.get(name).await);
            assert_eq!(
                (own.status, &own.json()["resource"]),
                (root.status, &root.json()["resource"])
            );
        }
    }
}

/// What a browser asks before it lets a script send `headers`.
fn preflight(path: &str, headers: &str) -> Request {
    Request::new("OPTIONS", path)
        .header("origin", "https://app.example")
        .header("access-control-request-method", "GET")
        .header("access-control-request-headers", headers)
}

#[track_caller]
fn is_open(reply: &Reply) {
    assert_eq!(
        reply.header("access-control-allow-origin"),
        Some("*"),
        "{reply:?}"
    );
    assert_eq!(reply.header("access-control-allow-credentials"), None);
    assert_eq!(
        reply.header("vary"),
        None,
        "caches need not tell origins apart"
    );
}

#[tokio::test]
async fn scripts_of_all_origins_read_what_is_public_and_errors_about_it() {
    let variables = [("AUTHPLANE_SERVER_ISSUER", TENANT)];
    let server = Server::with(&Database::sqlite(), &variables).await;
    let from = |request: Request| request.header("origin", "https://app.example");
    for (path, status) in [
        ("/.well-known/oauth-authorization-server", 200),
        ("/.well-known/oauth-authorization-server/tenant", 200),
        ("/tenant/.well-known/openid-configuration/", 200),
        ("/.well-known/jwks.json", 200),
        ("/.well-known/oauth-protected-resource/notes", 200),
        ("/.well-known/oauth-protected-resource/nowhere", 404),
        ("/.well-known/nowhere", 404),
    ] {
        is_open(&server.send(&from(Request::get(path))).await.expect(status));
        // Caches keep answers that were asked for without an origin, too.
        is_open(&server.get(path).await.expect(status));
        let asked = server
            .send(&preflight(path, "mcp-protocol-version,x-own"))
            .await;
        is_open(&asked.clone().expect(200));
        let allowed = asked.header("access-control-allow-headers").unwrap();
        assert_eq!(allowed, "mcp-protocol-version,x-own");
        assert!(
            asked
                .header("access-control-allow-methods")
                .unwrap()
                .contains("GET")
        );
    }
    is_open(
        &server
            .send(&from(Request::new("POST", "/.well-known/jwks.json")))
            .await
            .expect(405),
    );
    for path in ["/oauth/token", "/tenant/oauth/register", "/login"] {
        let reply = server.send(&from(Request::post(path, &[]))).await;
        assert_eq!(reply.header("access-control-allow-origin"), None, "{path}");
    }
}

#[tokio::test]
async fn endpoints_follow_the_list_of_origins_and_show_the_headers_that_clients_need() {
    let origins = [(
        "AUTHPLANE_SERVER_ALLOWED_ORIGINS",
        "https://app.example,http://localhost:*",
    )];
    let server = Server::with(&Database::sqlite(), &origins).await;
    for path in [
        "/oauth/token",
        "/oauth/register",
        "/oauth/revoke",
        "/oauth/introspect",
    ] {
        for origin in ["https://app.example", "http://localhost:6274"] {
            let asked = Request::post(path, &[]).header("origin", origin);
            let reply = server.send(&asked).await;
            assert_eq!(
                reply.header("access-control-allow-origin"),
                Some(origin),
                "{path}"
            );
            let exposed = reply.header("access-control-expose-headers").unwrap();
            for name in [
                "www-authenticate",
                "retry-after",
                "dpop-nonce",
                "x-request-id",
            ] {
                assert!(exposed.contains(name), "{path}: {exposed}");
            }
            assert!(reply.header("vary").unwrap().contains("origin"));
        }
        for origin in [
            "https://evil.example",
            "http://localhost.evil.example:1",
            "null",
        ] {
            let asked = Request::post(path, &[]).header("origin", origin);
            let reply = server.send(&asked).await;
            assert_eq!(
                reply.header("access-control-allow-origin"),
                None,
                "{path} {origin}"
            );
        }
    }
}
