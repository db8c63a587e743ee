//! The authorization endpoint: what is a page, what is a redirect, and what is asked of whom.

use crate::harness::{
    App, Authorize, Browser, Database, PASSWORD, Pkce, REDIRECT, RESOURCE, Reply, Request, SECOND,
    Server, Tokens, USER, on_both, query_of, way_on,
};
use domain::AuditAction;

on_both!(
    consent_is_asked_once_and_again_when_more_is_asked,
    a_user_who_denies_sends_access_denied_and_nothing_is_kept,
    prompt_decides_what_the_user_is_asked,
    a_request_without_resource_is_for_the_one_that_has_its_scopes,
    nobody_is_bounced_to_an_address_that_anybody_could_register,
);

const ISSUER: &str = "http://localhost:9000";

async fn stage(database: &Database) -> (Server, App, Browser) {
    let server = Server::start(database).await;
    let app = server.public_app().await;
    let browser = Browser::signed_in(&server).await;
    (server, app, browser)
}

/// The error that a redirect to the client carries, with state and issuer.
#[track_caller]
fn redirected_error(reply: &Reply) -> String {
    let location = reply.location();
    assert!(location.starts_with(&format!("{REDIRECT}?")), "{location}");
    let mut answer = query_of(location);
    assert_eq!(
        answer.remove("state").as_deref(),
        Some("a state"),
        "{location}"
    );
    assert_eq!(answer.remove("iss").as_deref(), Some(ISSUER), "{location}");
    assert!(answer.remove("error_description").is_some(), "{location}");
    let error = answer.remove("error").expect("an error");
    assert!(answer.is_empty(), "{answer:?}");
    error
}

#[track_caller]
fn is_page(reply: &Reply) {
    assert_eq!(reply.status, 400, "{reply:?}");
    assert_eq!(reply.header("location"), None);
    assert!(
        reply
            .header("content-type")
            .unwrap()
            .starts_with("text/html")
    );
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let policy = reply.header("content-security-policy").unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    assert_eq!(reply.header("x-frame-options"), Some("DENY"));
}

#[tokio::test]
async fn until_the_redirect_uri_is_proven_an_error_is_a_page() {
    let (server, app, mut browser) = stage(&Database::sqlite()).await;
    let good = app.authorize(&Pkce::fresh());
    let denied = r#"authserver_auth_denied_total{reason="invalid_redirect_uri"}"#;
    assert_eq!(server.metric(denied).await, 0.0);
    let unproven: [Authorize; 10] = [
        good.clone().without("client_id"),
        good.clone().with("client_id", ""),
        good.clone().with("client_id", "unknown"),
        good.clone().with("client_id", "<script>alert(1)</script>"),
        good.clone().and("client_id", &app.client_id),
        good.clone().with("redirect_uri", "https://evil.example/"),
        good.clone().and("redirect_uri", REDIRECT),
        good.clone().and("state", "twice"),
        good.clone().and("unknown", "\0"),
        good.clone().with("redirect_uri", "javascript:alert(1)"),
    ];
    for request in unproven {
        let reply = browser.send(request.request()).await;
        is_page(&reply);
        assert!(!reply.body.contains("<script>alert"), "escaped");
    }
    is_page(&browser.get("/oauth/authorize").await);
    is_page(&browser.get("/oauth/authorize?client_id=%ff").await);
    assert_eq!(server.metric(denied).await, 2.0);
    assert_eq!(server.audit(AuditAction::AuthDenied).await.len(), 12);
}

#[tokio::test]
async fn once_it_is_proven_an_error_goes_to_the_client_with_state_and_issuer() {
    let (server, app, _) = stage(&Database::sqlite()).await;
    let good = app.authorize(&Pkce::fresh());
    let wrong = [
        (good.clone().without("response_type"), "invalid_request"),
        (
            good.clone().with("response_type", "token"),
            "unsupported_response_type",
        ),
        (
            good.clone().with("response_type", "code token"),
            "unsupported_response_type",
        ),
        (
            good.clone().with("response_mode", "fragment"),
            "invalid_request",
        ),
        (good.clone().without("code_challenge"), "invalid_request"),
        (
            good.clone().without("code_challenge_method"),
            "invalid_request",
        ),
        (
            good.clone().with("code_challenge_method", "plain"),
            "invalid_request",
        ),
        (
            good.clone().with("code_challenge_method", "s256"),
            "invalid_request",
        ),
        (
            good.clone().with("code_challenge", "short"),
            "invalid_request",
        ),
        (
            good.clone().with("code_challenge", &"a".repeat(200)),
            "invalid_request",
        ),
        (
            good.clone().with("code_challenge", &"+".repeat(43)),
            "invalid_request",
        ),
        (
            good.clone().with("resource", "https://nowhere.example/"),
            "invalid_target",
        ),
        (
            good.clone().with("resource", &RESOURCE.to_uppercase()),
            "invalid_target",
        ),
        (
            good.clone().with("resource", &format!("{RESOURCE}/")),
            "invalid_target",
        ),
        (
            good.clone().with("resource", &format!("{RESOURCE}#x")),
            "invalid_target",
        ),
        (
            good.clone().and("resource", "https://nowhere.example/"),
            "invalid_target",
        ),
        (good.clone().with("scope", "mail/read"), "invalid_scope"),
        (
            good.clone().with("scope", "notes/read \"quoted\""),
            "invalid_scope",
        ),
        (good.clone().with("prompt", "none login"), "invalid_request"),
        (good.clone().with("prompt", "dance"), "invalid_request"),
        (good.clone().with("prompt", "none"), "login_required"),
    ];
    // Nobody is signed in: all of it is decided before anyone is asked to.
    for (request, error) in wrong {
        let reply = server.send(&request.request()).await;
        assert_eq!(redirected_error(&reply), error, "{:?}", request.pairs());
    }
    let good = server.send(&good.request()).await;
    assert!(good.location().starts_with("/login?next="));
}

/// A client that registers itself, as anybody can.
async fn stranger(server: &Server) -> App {
    let metadata =
        serde_json::json!({"client_name": "<b>Free prizes", "redirect_uris": [REDIRECT]});
    let request = Request::json("/oauth/register", &metadata);
    let reply = server.send(&request).await.expect(201).json();
    App {
        client_id: reply["client_id"].as_str().unwrap().to_owned(),
        secret: None,
    }
}

async fn nobody_is_bounced_to_an_address_that_anybody_could_register(database: Database) {
    let server = Server::start(&database).await;
    let app = stranger(&server).await;
    let good = app.authorize(&Pkce::fresh());
    let wrong = [
        (
            good.clone().with("response_type", "token"),
            "unsupported_response_type",
        ),
        (good.clone().without("code_challenge"), "invalid_request"),
        (
            good.clone().with("resource", "https://no.example/"),
            "invalid_target",
        ),
        (good.clone().with("scope", "\"<b>"), "invalid_scope"),
        (good.clone().with("prompt", "dance"), "invalid_request"),
        (good.clone().with("request", "x"), "request_not_supported"),
        (good.clone().with("prompt", "none"), "login_required"),
    ];
    let mut browser = Browser::new(&server);
    for (request, error) in &wrong {
        let reply = browser.send(request.request()).await;
        is_page(&reply);
        assert_eq!(reply.header("refresh"), None);
        assert!(!reply.body.contains("http-equiv"), "nor by the page itself");
        for shown in ["app.example", error, "&#60;b&#62;Free prizes"] {
            assert!(reply.body.contains(shown), "{shown}: {reply:?}");
        }
        assert!(!reply.body.contains("<b>"));
        let to = way_on(&reply).expect("a way on");
        let redirect = format!("{REDIRECT}?");
        assert!(to.starts_with(&redirect), "{to}");
        let answer = query_of(&to);
        assert_eq!(answer["error"], *error);
        assert_eq!(answer["state"], "a state");
        assert_eq!(answer["iss"], ISSUER);
    }
    // It is told of like any refusal; that somebody would have to sign in is none.
    let recorded = server.audit(AuditAction::AuthDenied).await.len();
    assert_eq!(recorded, wrong.len() - 1);
    let nothing_wrong = server.send(&good.request()).await;
    assert!(nothing_wrong.location().starts_with("/login?next="));
    // Who has signed in is sent on, and so is whoever comes from a client of the operator's.
    let mut browser = Browser::signed_in(&server).await;
    let operators = server.public_app().await.client_id;
    for (request, error) in &wrong[..6] {
        let reply = browser.send(request.request()).await;
        assert_eq!(redirected_error(&reply), *error);
        let request = request.clone().with("client_id", &operators);
        let reply = server.send(&request.request()).await;
        assert_eq!(redirected_error(&reply), *error);
    }
}

#[tokio::test]
async fn a_scheme_that_starts_programs_is_refused_even_if_it_was_registered() {
    let database = Database::sqlite();
    let server = Server::start(&database).await;
    let app = server.public_app().await;
    let sql = r#"UPDATE clients SET redirect_uris = '["ms-msdt:/id"]'"#;
    database.execute(sql).await;
    let beside = server.beside(&database).await;
    let request = app.authorize(&Pkce::fresh());
    for request in [
        request.clone().with("redirect_uri", "ms-msdt:/id"),
        request.without("redirect_uri"),
    ] {
        let reply = beside.send(&request.request()).await;
        is_page(&reply);
        assert_eq!(way_on(&reply), None);
        assert!(!reply.body.contains("ms-msdt"));
    }
    for uri in ["ms-msdt:/id", "shell:startup", "x-javascript:alert(1)"] {
        let client = engine::admin::NewClient {
            name: "Native".into(),
            redirect_uris: vec![uri.into()],
            application_type: Some(domain::ApplicationType::Native),
            ..engine::admin::NewClient::default()
        };
        let error = server.engine.create_client(client).await.unwrap_err();
        assert_eq!(error.code.as_str(), "invalid_redirect_uri", "{uri}");
    }
}

async fn consent_is_asked_once_and_again_when_more_is_asked(database: Database) {
    let (server, app, mut browser) = stage(&database).await;
    let request = |scope: &str| app.authorize(&Pkce::fresh()).with("scope", scope).request();
    let granted = r#"authserver_consent_decisions_total{decision="granted"}"#;
    assert_eq!(server.metric(granted).await, 0.0);
    let asked = browser.send(request("notes/read")).await;
    let page = browser.get(asked.location()).await.expect(200);
    for shown in ["Notebook", "app.example", "notes/read", USER] {
        assert!(page.body.contains(shown), "{shown}");
    }
    let answer = browser.decide(&page, "allow").await;
    let answer = query_of(answer.location());
    assert_eq!(answer["state"], "a state");
    assert_eq!(answer["iss"], ISSUER);
    assert_eq!(answer.len(), 3);
    assert_eq!(server.metric(granted).await, 1.0);
    assert_eq!(server.audit(AuditAction::ConsentGranted).await.len(), 1);

    let asks = async |browser: &mut Browser, scope: &str| {
        browser
            .send(request(scope))
            .await
            .location()
            .starts_with("/consent")
    };
    assert!(!asks(&mut browser, "notes/read").await, "remembered");
    assert!(
        !asks(&mut Browser::signed_in(&server).await, "notes/read").await,
        "everywhere"
    );
    assert!(asks(&mut browser, "notes/write").await);
    app.tokens_for(&mut browser, |request| request.with("scope", "notes/write"))
        .await;
    assert!(
        !asks(&mut browser, "notes/read notes/write").await,
        "one widens the other"
    );
    // Another client, and another user, are asked for themselves.
    let other = server.public_app().await;
    let reply = browser
        .send(other.authorize(&Pkce::fresh()).request())
        .await;
    assert!(reply.location().starts_with("/consent"));
    server.add_user("grace@example.com").await;
    let mut grace = Browser::signed_in_as(&server, "grace@example.com").await;
    assert!(asks(&mut grace, "notes/read").await);
}

async fn a_user_who_denies_sends_access_denied_and_nothing_is_kept(database: Database) {
    let (server, app, mut browser) = stage(&database).await;
    let denied = r#"authserver_consent_decisions_total{decision="denied"}"#;
    assert_eq!(server.metric(denied).await, 0.0);
    let request = app.authorize(&Pkce::fresh());
    for round in 1..=2 {
        let asked = browser.send(request.request()).await;
        let page = browser.get(asked.location()).await.expect(200);
        let reply = browser.decide(&page, "deny").await;
        assert_eq!(redirected_error(&reply), "access_denied");
        assert_eq!(server.metric(denied).await, f64::from(round));
    }
    assert_eq!(server.audit(AuditAction::ConsentDenied).await.len(), 2);
    assert_nothing_refused(&server).await;
}

/// An alert rests on refusals: what a user decides, or would have to, is none.
async fn assert_nothing_refused(server: &Server) {
    let metrics = server.send_admin(&Request::get("/metrics")).await;
    let refusals = metrics.body.lines().filter(|line| {
        let (series, count) = line.rsplit_once(' ').unwrap_or_default();
        series.starts_with("authserver_auth_denied_total{") && count != "0"
    });
    assert_eq!(refusals.collect::<Vec<_>>(), [""; 0]);
    let recorded = server.audit(AuditAction::AuthDenied).await;
    assert_eq!(recorded.len(), 0, "{recorded:?}");
}

async fn prompt_decides_what_the_user_is_asked(database: Database) {
    let (server, app, mut browser) = stage(&database).await;
    let request = app.authorize(&Pkce::fresh());
    let silent = request.clone().with("prompt", "none");
    let reply = server.send(&silent.request()).await;
    assert_eq!(redirected_error(&reply), "login_required");
    let reply = browser.send(silent.request()).await;
    assert_eq!(redirected_error(&reply), "consent_required");
    assert_nothing_refused(&server).await;
    app.tokens(&mut browser).await;
    let reply = browser.send(silent.request()).await;
    assert!(query_of(reply.location()).contains_key("code"));
    let reply = browser
        .send(request.clone().with("prompt", "consent").request())
        .await;
    let page = browser.get(reply.location()).await.expect(200);
    let reply = browser.decide(&page, "allow").await;
    assert!(query_of(reply.location()).contains_key("code"));

    let reply = browser
        .send(request.with("prompt", "login").request())
        .await;
    assert!(reply.location().starts_with("/login?next="), "{reply:?}");
    let next = query_of(reply.location()).remove("next").unwrap();
    let reply = browser.sign_in_for(&next, USER, PASSWORD).await.expect(303);
    let next = reply.location().to_owned();
    let reply = browser.get(&next).await;
    assert!(
        query_of(reply.location()).contains_key("code"),
        "asked to sign in once: {reply:?}"
    );
}

async fn a_request_without_resource_is_for_the_one_that_has_its_scopes(database: Database) {
    let (_server, app, mut browser) = stage(&database).await;
    let audience =
        |tokens: &Tokens| crate::harness::Jwt::read(&tokens.access).claims["aud"].clone();
    let tokens = app
        .tokens_for(&mut browser, |request| request.without("resource"))
        .await;
    assert_eq!(audience(&tokens), serde_json::json!([RESOURCE]));
    let across = |request: Authorize| {
        request
            .without("resource")
            .with("scope", "notes/read mail/read")
    };
    let tokens = app.tokens_for(&mut browser, across).await;
    assert_eq!(audience(&tokens), serde_json::json!([ISSUER]));
    let by_slug = |request: Authorize| request.with("resource", "notes");
    let tokens = app.tokens_for(&mut browser, by_slug).await;
    assert_eq!(audience(&tokens), serde_json::json!([RESOURCE]));
}

#[tokio::test]
async fn a_code_for_several_resources_is_narrowed_by_the_token_request() {
    let (server, app, mut browser) = stage(&Database::sqlite()).await;
    let pkce = Pkce::fresh();
    let request = app
        .authorize(&pkce)
        .and("resource", SECOND)
        .with("scope", "notes/read mail/read");
    let code = app.code(&mut browser, &request).await;
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("code_verifier", &pkce.verifier),
        ("resource", SECOND),
    ];
    let tokens = Tokens::of(&server.send(&app.call("/oauth/token", &pairs)).await);
    assert_eq!(tokens.scope, "mail/read");
    let jwt = crate::harness::Jwt::read(&tokens.access);
    assert_eq!(jwt.claims["aud"], serde_json::json!([SECOND]));
    let all = Tokens::of(&app.refresh(&server, &tokens.refresh).await);
    assert_eq!(
        all.scope, "notes/read mail/read",
        "the family still covers both"
    );
}

#[tokio::test]
async fn a_consent_form_works_only_in_the_browser_that_was_asked() {
    let (server, app, mut browser) = stage(&Database::sqlite()).await;
    let request = app.authorize(&Pkce::fresh());
    let asked = browser.send(request.request()).await;
    let page = browser.get(asked.location()).await.expect(200);
    let own = crate::harness::field(&page, "request");
    let token = crate::harness::field(&page, "csrf_token");
    let mut other = Browser::signed_in(&server).await;
    let elsewhere = other.get(asked.location()).await.expect(200);
    let foreign = crate::harness::field(&elsewhere, "csrf_token");
    let (account, signed) = token.split_once(':').unwrap();
    let (_, mac) = signed.split_once('.').unwrap();
    let form = |token: &str, request: &str| {
        let pairs = [
            ("csrf_token", token),
            ("request", request),
            ("decision", "allow"),
        ];
        Request::post("/consent", &pairs)
    };
    for token in [
        "",
        "x",
        &foreign,
        signed,
        &format!(":{signed}"),
        &format!("x{account}:{signed}"),
        &format!("{account}:99999999999999.{mac}"),
        &format!("{token}A"),
    ] {
        let reply = browser.send(form(token, &own)).await;
        assert_eq!(reply.status, 403, "{token}: {reply:?}");
    }
    // A browser without the cookie has no say; and a decision is allow or deny.
    assert_eq!(server.send(&form(&token, &own)).await.status, 403);
    assert_eq!(browser.decide(&page, "maybe").await.status, 400);
    // Another form's token is none, and neither is one for another request.
    let home = browser.get("/").await.expect(200);
    let sign_out = format!("{account}:{}", crate::harness::field(&home, "csrf_token"));
    assert_eq!(browser.send(form(&sign_out, &own)).await.status, 403);
    let tampered = own.replace("app.example", "evil.example");
    assert_eq!(browser.send(form(&token, &tampered)).await.status, 403);
    assert!(server.audit(AuditAction::ConsentGranted).await.is_empty());
    let reply = browser.decide(&page, "allow").await;
    assert!(query_of(reply.location()).contains_key("code"));
}

#[tokio::test]
async fn request_objects_are_refused_by_name_and_where_the_answer_belongs() {
    let (server, app, _) = stage(&Database::sqlite()).await;
    let request = app.authorize(&Pkce::fresh());
    for (name, code) in [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
    ] {
        let sent = request.clone().with(name, "https://app.example/r");
        let bare = sent
            .clone()
            .without("response_type")
            .without("code_challenge");
        for sent in [sent.clone(), bare.clone(), bare.without("redirect_uri")] {
            let reply = server.send(&sent.request()).await;
            assert_eq!(redirected_error(&reply), code);
        }
        let foreign = sent.clone().with("redirect_uri", "https://evil.example/");
        for sent in [
            sent.without("client_id"),
            foreign.clone().with("client_id", "nobody"),
            foreign,
        ] {
            is_page(&server.send(&sent.request()).await);
        }
        let alone = Request::query("/oauth/authorize", &[(name, "x")]);
        let page = server.send(&alone).await;
        is_page(&page);
        assert!(
            page.body.contains("request objects are not supported"),
            "{page:?}"
        );
    }
}
