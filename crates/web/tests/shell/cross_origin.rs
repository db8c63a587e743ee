//! Scripts of other origins.

use crate::server::{Answer, Server, Setup, request};

async fn server(origins: &[&str]) -> Server {
    let origins = origins.iter().map(|own| own.parse().unwrap()).collect();
    Server::with(Setup {
        change: Box::new(|state| state.allowed_origins = origins),
        ..Setup::default()
    })
    .await
}

async fn preflight(server: &Server, path: &str, origin: &str) -> Answer {
    let headers = [
        ("origin", origin),
        ("access-control-request-method", "POST"),
        (
            "access-control-request-headers",
            "authorization,content-type,mcp-protocol-version",
        ),
    ];
    let mut client = server.connect().await;
    client.send(request("OPTIONS", path, &headers, "")).await;
    client.answer().await
}

const ALLOWED: &str = "access-control-allow-origin";

#[tokio::test]
async fn a_listed_origin_may_call_the_endpoints_and_nobody_else() {
    let server = server(&["https://app.example"]).await;
    for path in ["/oauth/token", "/oauth/register"] {
        let answer = server.get(path, &[("origin", "https://app.example")]).await;
        assert_eq!(
            answer.header(ALLOWED),
            Some("https://app.example"),
            "{path}"
        );
        let exposed = answer.header("access-control-expose-headers").unwrap();
        assert!(exposed.contains("www-authenticate") && exposed.contains("x-request-id"));
        assert!(answer.header("vary").unwrap().contains("origin"));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        for other in [
            "https://evil.example",
            "https://app.example.evil.example",
            "null",
        ] {
            let answer = server.get(path, &[("origin", other)]).await;
            assert_eq!(answer.header(ALLOWED), None, "{path} {other}");
        }
    }
}

#[tokio::test]
async fn pages_are_never_opened_to_scripts() {
    let server = server(&["*"]).await;
    for path in ["/login", "/consent", "/oauth/authorize", "/livez"] {
        let answer = server.get(path, &[("origin", "https://app.example")]).await;
        assert_eq!(answer.header(ALLOWED), None, "{path}");
        let answer = preflight(&server, path, "https://app.example").await;
        assert_eq!(answer.header(ALLOWED), None, "{path}");
        assert!(answer.status == 404 || answer.status == 405);
    }
}

#[tokio::test]
async fn a_preflight_is_answered_and_may_be_remembered() {
    let server = server(&["https://app.example"]).await;
    let answer = preflight(&server, "/oauth/token", "https://app.example").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header(ALLOWED), Some("https://app.example"));
    assert!(
        answer
            .header("access-control-allow-methods")
            .unwrap()
            .contains("POST")
    );
    assert!(
        answer
            .header("access-control-allow-headers")
            .unwrap()
            .contains("authorization")
    );
    assert_eq!(answer.header("access-control-max-age"), Some("7200"));
    let answer = preflight(&server, "/oauth/token", "https://evil.example").await;
    assert_eq!(answer.header(ALLOWED), None);
}

#[tokio::test]
async fn a_star_is_any_origin_without_credentials_and_nothing_is_none() {
    let open = server(&["*"]).await;
    let answer = open
        .get("/oauth/token", &[("origin", "https://x.example")])
        .await;
    assert_eq!(answer.header(ALLOWED), Some("*"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    let closed = server(&[]).await;
    let answer = closed
        .get("/oauth/token", &[("origin", "https://x.example")])
        .await;
    assert_eq!(answer.header(ALLOWED), None);
    assert_eq!(
        preflight(&closed, "/oauth/token", "https://x.example")
            .await
            .status,
        405
    );
}

#[tokio::test]
async fn documents_are_for_all_origins_whatever_is_configured_and_on_this_listener_alone() {
    for origins in [&[][..], &["https://app.example"], &["*"]] {
        let server = server(origins).await;
        for path in ["/.well-known/jwks.json", "/nowhere/.well-known/x"] {
            for headers in [&[("origin", "https://x.example")][..], &[]] {
                let answer = server.get(path, headers).await;
                assert_eq!(answer.header(ALLOWED), Some("*"), "{path}");
                assert_eq!(answer.header("access-control-allow-credentials"), None);
            }
        }
    }
    let admin = Server::with(Setup {
        admin: true,
        ..Setup::default()
    })
    .await;
    let answer = admin.get("/.well-known/jwks.json", &[]).await;
    assert_eq!(answer.header(ALLOWED), None);
}
