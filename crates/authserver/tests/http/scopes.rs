//! What becomes of the scopes that an authorization request asks for, or does not.

use crate::harness::{
    App, Authorize, Browser, Database, Jwt, Pkce, REDIRECT, RESOURCE, Request, Server, on_both,
    query_of,
};
use engine::admin::NewClient;
use serde_json::json;

on_both!(
    what_the_resource_does_not_know_is_left_out,
    who_asks_for_more_is_asked_about_the_rest_alone,
);

async fn with_ceiling(server: &Server, scope: &str) -> App {
    let client = NewClient {
        name: "Reader".into(),
        redirect_uris: vec![REDIRECT.into()],
        scope: scope.into(),
        ..NewClient::default()
    };
    server.app(client).await
}

/// What a browser in which nobody is signed in is sent to: an error of the client, or the login.
async fn first_answer(server: &Server, request: &Authorize) -> String {
    let reply = server.send(&request.request()).await;
    let location = reply.location();
    match query_of(location).remove("error") {
        Some(error) => error,
        None => location.split('?').next().unwrap_or_default().to_owned(),
    }
}

async fn what_the_resource_does_not_know_is_left_out(database: Database) {
    let server = Server::start(&database).await;
    let app = server.public_app().await;
    let mut browser = Browser::signed_in(&server).await;
    let metadata = server.get("/.well-known/oauth-authorization-server").await;
    let all: Vec<String> =
        serde_json::from_value(metadata.json()["scopes_supported"].clone()).unwrap();
    let all = all.join(" ");
    for (asked, granted) in [
        (&*all, "notes/read notes/write offline_access"),
        ("openid notes/read", "notes/read"),
        ("mail/read notes/write nonsense", "notes/write"),
    ] {
        // The consent page asks only for what remains.
        let pkce = Pkce::fresh();
        let request = app.authorize(&pkce).with("scope", asked);
        let mut reply = browser.send(request.request()).await;
        if reply.location().starts_with("/consent") {
            let page = reply.location().to_owned();
            let page = browser.get(&page).await.expect(200);
            for left_out in ["openid", "mail/read", "nonsense"] {
                assert!(!page.body.contains(left_out), "{asked}: {left_out}");
            }
            reply = browser.decide(&page, "allow").await;
        }
        let code = query_of(reply.location())["code"].clone();
        let answer = server.send(&app.redemption(&code, &pkce.verifier)).await;
        assert_eq!(answer.expect(200).json()["scope"], granted, "{asked}");
    }
    // At the token endpoint it stays an error.
    let tokens = app.tokens(&mut browser).await;
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", &*tokens.refresh),
        ("scope", "notes/read openid"),
    ];
    let refreshed = server.send(&app.call("/oauth/token", &pairs)).await;
    refreshed.refused(400, "invalid_scope");
}

#[tokio::test]
async fn nothing_left_is_invalid_scope_before_anyone_is_asked_to_sign_in() {
    let server = Server::start(&Database::sqlite()).await;
    let (app, reader) = (
        server.public_app().await,
        with_ceiling(&server, "notes/read").await,
    );
    let mailer = with_ceiling(&server, "mail/read").await;
    let ask = |app: &App, scope: &str| app.authorize(&Pkce::fresh()).with("scope", scope);
    for (request, answer) in [
        (ask(&app, "openid"), "invalid_scope"),
        (ask(&app, "openid offline_access"), "invalid_scope"),
        (ask(&app, "mail/read"), "invalid_scope"),
        (ask(&app, "openid").without("resource"), "invalid_scope"),
        (ask(&app, "offline_access"), "/login"),
        (ask(&reader, "notes/write"), "invalid_scope"),
        (ask(&reader, "notes/write notes/read"), "/login"),
        (ask(&reader, "notes/read offline_access"), "/login"),
        (ask(&mailer, "notes/read").without("scope"), "invalid_scope"),
    ] {
        assert_eq!(
            first_answer(&server, &request).await,
            answer,
            "{:?}",
            request.pairs()
        );
    }
}

#[tokio::test]
async fn a_resource_without_scopes_may_be_asked_for_anything() {
    let server = Server::start(&Database::sqlite()).await;
    let change = engine::admin::ResourceChange {
        scopes: Some(Vec::new()),
        ..Default::default()
    };
    server
        .engine
        .update_resource("notes", change)
        .await
        .unwrap();
    let app = server.public_app().await;
    let mut browser = Browser::signed_in(&server).await;
    let openid = |request: Authorize| request.with("scope", "openid");
    assert_eq!(app.tokens_for(&mut browser, openid).await.scope, "");
    let silent = |request: Authorize| request.without("scope");
    assert_eq!(app.tokens_for(&mut browser, silent).await.scope, "");
}

#[tokio::test]
async fn silence_means_all_that_the_client_may_have() {
    let server = Server::start(&Database::sqlite()).await;
    let app = server.public_app().await;
    let reader = with_ceiling(&server, "notes/read").await;
    let mut browser = Browser::signed_in(&server).await;
    let issuer = json!(["http://localhost:9000"]);
    let notes = json!([RESOURCE]);
    let silent = |request: Authorize| request.without("scope");
    let mute = |request: Authorize| request.without("scope").without("resource");
    let blank = |request: Authorize| request.with("scope", " ");
    for (tokens, scope, audience) in [
        (
            app.tokens_for(&mut browser, silent).await,
            "notes/read notes/write",
            &notes,
        ),
        (
            app.tokens_for(&mut browser, blank).await,
            "notes/read notes/write",
            &notes,
        ),
        (
            reader.tokens_for(&mut browser, silent).await,
            "notes/read",
            &notes,
        ),
        // Two resources, and none is named.
        (
            app.tokens_for(&mut browser, mute).await,
            "mail/read mail/send notes/read notes/write",
            &issuer,
        ),
        // The ceiling says which one is meant.
        (
            reader.tokens_for(&mut browser, mute).await,
            "notes/read",
            &notes,
        ),
    ] {
        assert_eq!(tokens.scope, scope);
        assert_eq!(Jwt::read(&tokens.access).claims["aud"], *audience);
    }
}

#[tokio::test]
async fn the_operator_can_insist_on_scopes_and_on_known_ones() {
    let strict = [
        ("AUTHPLANE_OAUTH_REQUIRE_SCOPE", "true"),
        ("AUTHPLANE_OAUTH_UNKNOWN_SCOPES", "refuse"),
    ];
    let server = Server::with(&Database::sqlite(), &strict).await;
    let app = server.public_app().await;
    let reader = with_ceiling(&server, "notes/read").await;
    let good = app.authorize(&Pkce::fresh());
    let reads = reader.authorize(&Pkce::fresh());
    for (request, answer) in [
        (good.clone().without("scope"), "invalid_scope"),
        (good.clone().with("scope", " "), "invalid_scope"),
        (
            good.clone().with("scope", "notes/read openid"),
            "invalid_scope",
        ),
        (good.with("scope", "notes/read offline_access"), "/login"),
        (
            reads.clone().with("scope", "notes/read notes/write"),
            "invalid_scope",
        ),
        (reads.with("scope", "notes/read offline_access"), "/login"),
    ] {
        assert_eq!(
            first_answer(&server, &request).await,
            answer,
            "{:?}",
            request.pairs()
        );
    }
}

async fn who_asks_for_more_is_asked_about_the_rest_alone(database: Database) {
    let server = Server::start(&database).await;
    let app = server.public_app().await;
    let mut browser = Browser::signed_in(&server).await;
    app.tokens(&mut browser).await;
    let wider = app
        .authorize(&Pkce::fresh())
        .and("resource", crate::harness::SECOND)
        .with("scope", "notes/read notes/write mail/read");
    let asked = browser.send(wider.request()).await;
    let page = browser.get(asked.location()).await.expect(200);
    let questions: Vec<_> = page.body.split("<li>").skip(1).collect();
    for new in ["notes/write", "mail/read"] {
        assert!(questions.iter().any(|one| one.contains(new)), "{new}");
    }
    let known = page.body.split("Already allowed:").nth(1);
    assert!(known.is_some_and(|known| known.contains("notes/read")));
    assert!(!questions.iter().any(|one| {
        one.split("</li>")
            .next()
            .is_some_and(|one| one.contains("notes/read"))
    }));
    let code = query_of(browser.decide(&page, "allow").await.location())["code"].clone();
    assert!(!code.is_empty());
    // Nothing new at one of two resources: only the other is a question.
    let mail = app
        .authorize(&Pkce::fresh())
        .and("resource", crate::harness::SECOND)
        .with("scope", "notes/write mail/send");
    let asked = browser.send(mail.request()).await;
    let page = browser.get(asked.location()).await.expect(200);
    assert!(page.body.contains("mail/send") && !page.body.contains("notes/write"));
    // Asked again on purpose, the user sees all of it.
    let again = app.authorize(&Pkce::fresh()).with("prompt", "consent");
    let asked = browser.send(again.request()).await;
    let page = browser.get(asked.location()).await.expect(200);
    assert!(page.body.contains("notes/read"));
}

#[tokio::test]
async fn a_machine_whose_ceiling_means_nothing_to_the_resource_gets_nothing() {
    let server = Server::start(&Database::sqlite()).await;
    let machine = NewClient {
        name: "Cron".into(),
        scope: "mail/read".into(),
        ..NewClient::default()
    };
    let machine = server.app(machine).await;
    let ask = |pairs: &[(&str, &str)]| {
        let pairs = [&[("grant_type", "client_credentials")], pairs].concat();
        machine.call("/oauth/token", &pairs)
    };
    let refused = server.send(&ask(&[("resource", RESOURCE)])).await;
    refused.refused(400, "invalid_scope");
    let beyond: Request = ask(&[("scope", "mail/read openid")]);
    server.send(&beyond).await.refused(400, "invalid_scope");
    let own = server.send(&ask(&[])).await.expect(200);
    assert_eq!(own.json()["scope"], "mail/read");
}
