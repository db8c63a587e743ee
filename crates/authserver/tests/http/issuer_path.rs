//! An issuer with a path: everything is where clients look for it.

use crate::harness::{
    Browser, Database, Jwt, PASSWORD, Pkce, Request, Server, Tokens, USER, field, on_both,
    query_of, run_cli,
};

on_both!(a_client_gets_tokens_of_an_issuer_with_a_path);

const ISSUER: &str = "http://localhost:9000/tenant";

async fn a_client_gets_tokens_of_an_issuer_with_a_path(database: Database) {
    let server = Server::with(&database, &[("AUTHPLANE_SERVER_ISSUER", ISSUER)]).await;
    for path in [
        // RFC 8414 §3.1 puts the path of the issuer behind, OpenID Connect Discovery §4 before.
        "/.well-known/oauth-authorization-server/tenant",
        "/.well-known/openid-configuration/tenant",
        "/tenant/.well-known/openid-configuration",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
    ] {
        let metadata = server.get(path).await.expect(200).json();
        assert_eq!(metadata["issuer"], ISSUER, "{path}");
        for (name, place) in [
            ("authorization_endpoint", "/oauth/authorize"),
            ("token_endpoint", "/oauth/token"),
            ("jwks_uri", "/.well-known/jwks.json"),
        ] {
            assert_eq!(metadata[name], format!("{ISSUER}{place}"), "{path}");
        }
    }
    server
        .get("/.well-known/openid-configuration/other")
        .await
        .expect(404);
    server
        .get("/tenant/.well-known/jwks.json")
        .await
        .expect(200);

    let app = server.public_app().await;
    let pkce = Pkce::fresh();
    let request = app.authorize(&pkce);
    let mut browser = Browser::new(&server);
    let reply = browser
        .send(Request::query("/tenant/oauth/authorize", &request.pairs()))
        .await;
    assert!(reply.location().starts_with("/tenant/login?"), "{reply:?}");
    let page = browser.get(reply.location()).await.expect(200);
    let (token, next) = (field(&page, "csrf_token"), field(&page, "next"));
    assert!(next.starts_with("/tenant/oauth/authorize?"), "{next}");
    let form = [
        ("email", USER),
        ("password", PASSWORD),
        ("csrf_token", &token),
        ("next", &next),
    ];
    let reply = browser.post("/tenant/login", &form).await.expect(303);
    let cookie = reply.all("set-cookie").next().unwrap();
    assert!(cookie.contains("Path=/tenant;"), "{cookie}");
    let reply = browser.get(reply.location()).await;
    assert!(
        reply.location().starts_with("/tenant/consent?"),
        "{reply:?}"
    );
    let page = browser.get(reply.location()).await.expect(200);
    let (token, asked) = (field(&page, "csrf_token"), field(&page, "request"));
    let form = [
        ("csrf_token", token.as_str()),
        ("request", &asked),
        ("decision", "allow"),
    ];
    let reply = browser.post("/tenant/consent", &form).await;
    let answer = query_of(reply.location());
    assert_eq!(answer["iss"], ISSUER);
    let redemption = [
        ("grant_type", "authorization_code"),
        ("code", &answer["code"]),
        ("client_id", &app.client_id),
        ("code_verifier", &pkce.verifier),
    ];
    let tokens = Tokens::of(&server.post("/tenant/oauth/token", &redemption).await);
    assert_eq!(Jwt::read(&tokens.access).claims["iss"], ISSUER);
    // A proxy may have taken the path away.
    app.refresh(&server, &tokens.refresh).await.expect(200);
}

#[test]
fn an_issuer_whose_path_is_the_servers_own_is_refused() {
    let database = Database::sqlite();
    let file = database.folder().path().join("config.yaml");
    let path = file.display().to_string();
    std::fs::write(&file, "server:\n  issuer: http://localhost:9000/oauth\n").unwrap();
    let output = run_cli(&database, &["--config", &path, "config", "check"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("server.issuer") && said.contains("/oauth"),
        "{said}"
    );
}
