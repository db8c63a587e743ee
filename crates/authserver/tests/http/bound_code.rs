//! Codes that were asked for with the thumbprint of a key (`dpop_jkt`, RFC 9449 §10).

use crate::harness::{
    App, Authorize, Browser, Database, PASSWORD, Pkce, ProofKey, Reply, Server, Tokens, USER,
    on_both, query_of,
};

on_both!(
    a_bound_code_is_redeemed_with_its_key_alone,
    the_binding_survives_login_and_consent,
);

const REJECTED: &str = r#"authplane_dpop_proofs_rejected_total{reason="binding"}"#;

fn asking(app: &App, pkce: &Pkce, jkt: &str) -> Authorize {
    app.authorize(pkce).with("dpop_jkt", jkt)
}

async fn redeem(
    server: &Server,
    app: &App,
    code: &str,
    pkce: &Pkce,
    key: Option<&ProofKey>,
) -> Reply {
    let request = app.redemption(code, &pkce.verifier);
    let request = match key {
        Some(key) => request.header("dpop", key.proof(server)),
        None => request,
    };
    server.send(&request).await
}

async fn a_bound_code_is_redeemed_with_its_key_alone(database: Database) {
    let server = Server::start(&database).await;
    let (key, other) = (ProofKey::fresh(), ProofKey::fresh());
    for app in [server.public_app().await, server.confidential_app().await] {
        let mut browser = Browser::signed_in(&server).await;
        let pkce = Pkce::fresh();
        let code = app
            .code(&mut browser, &asking(&app, &pkce, &key.jkt()))
            .await;
        let before = server.metric(REJECTED).await;
        for (count, wrong) in [(1.0, None), (2.0, Some(&other))] {
            let reply = redeem(&server, &app, &code, &pkce, wrong).await;
            reply.refused(400, "invalid_dpop_proof");
            assert_eq!(server.metric(REJECTED).await, before + count);
        }
        // The code is not spent by that, and the key is as good as before.
        let reply = redeem(&server, &app, &code, &pkce, Some(&key)).await;
        assert_eq!(reply.clone().json()["token_type"], "DPoP");
        let tokens = Tokens::of(&reply);
        let jwt = crate::harness::Jwt::read(&tokens.access);
        assert_eq!(jwt.claims["cnf"]["jkt"], key.jkt());
        // Whoever repeats it hears of the code, not of the key.
        let again = redeem(&server, &app, &code, &pkce, Some(&key)).await;
        again.refused(400, "invalid_grant");
        assert_eq!(server.metric(REJECTED).await, before + 2.0);
        // A code that nothing was said of is bound to nothing.
        let pkce = Pkce::fresh();
        let code = app.code(&mut browser, &app.authorize(&pkce)).await;
        redeem(&server, &app, &code, &pkce, Some(&other))
            .await
            .expect(200);
    }
}

async fn the_binding_survives_login_and_consent(database: Database) {
    let server = Server::start(&database).await;
    let app = server.public_app().await;
    let (key, pkce) = (ProofKey::fresh(), Pkce::fresh());
    let mut browser = Browser::new(&server);
    let request = asking(&app, &pkce, &key.jkt());
    let login = browser.send(request.request()).await.location().to_owned();
    let page = browser.get(&login).await.expect(200);
    let reply = browser.send_login(&page, USER, PASSWORD).await;
    let next = reply.location().to_owned();
    let consent = browser.get(&next).await.location().to_owned();
    let page = browser.get(&consent).await.expect(200);
    let reply = browser.decide(&page, "allow").await;
    let code = query_of(reply.location()).remove("code").unwrap();
    let reply = redeem(&server, &app, &code, &pkce, None).await;
    reply.refused(400, "invalid_dpop_proof");
    redeem(&server, &app, &code, &pkce, Some(&key))
        .await
        .expect(200);
}

#[tokio::test]
async fn a_malformed_thumbprint_is_told_to_the_client() {
    let server = Server::start(&Database::sqlite()).await;
    let app = server.public_app().await;
    let pkce = Pkce::fresh();
    for wrong in [
        "x",
        "a b",
        &"A".repeat(42),
        &"A".repeat(44),
        &"=".repeat(43),
    ] {
        let reply = server.send(&asking(&app, &pkce, wrong).request()).await;
        let answer = query_of(reply.location());
        assert_eq!(answer["error"], "invalid_request", "{wrong}");
        assert!(answer["error_description"].contains("dpop_jkt"));
    }
    let twice = asking(&app, &pkce, &"A".repeat(43)).and("dpop_jkt", "x");
    assert_eq!(server.send(&twice.request()).await.status, 400);
}

#[tokio::test]
async fn the_parameter_means_nothing_while_dpop_is_off() {
    let off = [("AUTHPLANE_DPOP_ENABLED", "false")];
    let server = Server::with(&Database::sqlite(), &off).await;
    let app = server.public_app().await;
    let (key, pkce) = (ProofKey::fresh(), Pkce::fresh());
    let mut browser = Browser::signed_in(&server).await;
    let request = asking(&app, &pkce, &key.jkt());
    let code = app.code(&mut browser, &request).await;
    let reply = redeem(&server, &app, &code, &pkce, None).await;
    assert_eq!(reply.expect(200).json()["token_type"], "Bearer");
}
