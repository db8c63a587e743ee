//! Clients whose id is the URL of a document about them.

use crate::client_assertions::{Key, form as signed};
use crate::harness::{
    App, Browser, Database, Pkce, REDIRECT, Reply, Server, Tokens, on_both, query_of, way_on,
};
use domain::{AuditAction, ClientStatus};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

on_both!(
    a_client_is_found_by_its_document_and_works_like_any_other,
    a_changed_document_changes_the_client_once_its_time_is_over,
    a_changed_document_is_asked_about_again,
    a_document_with_keys_authenticates_by_them_in_both_shapes,
    a_host_that_is_down_is_no_fault_of_the_client,
    a_suspended_client_stays_suspended_whatever_its_document_says,
);

/// Only an issuer on localhost may have these.
const LOCAL: [(&str, &str); 2] = [
    ("AUTHPLANE_CIMD_REQUIRE_HTTPS", "false"),
    ("AUTHPLANE_CIMD_ALLOW_PRIVATE_ADDRESSES", "true"),
];

/// A host of one document.
struct Site {
    url: String,
    answer: Arc<Mutex<String>>,
    hits: Arc<Mutex<usize>>,
}

impl Site {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/client.json", listener.local_addr().unwrap());
        let site = Self {
            url,
            answer: Arc::default(),
            hits: Arc::default(),
        };
        let (answer, hits) = (Arc::clone(&site.answer), Arc::clone(&site.hits));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                *hits.lock().unwrap() += 1;
                let answer = answer.lock().unwrap().clone();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        site.publish(&site.document());
        site
    }

    fn document(&self) -> Value {
        json!({
            "client_id": self.url,
            "client_name": "Site",
            "redirect_uris": [REDIRECT],
            "token_endpoint_auth_method": "none",
        })
    }

    fn publish(&self, document: &Value) {
        self.say(
            "200 OK",
            "content-type: application/json",
            &document.to_string(),
        );
    }

    fn say(&self, status: &str, header: &str, body: &str) {
        let length = body.len();
        *self.answer.lock().unwrap() = format!(
            "HTTP/1.1 {status}\r\n{header}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        );
    }

    fn hits(&self) -> usize {
        *self.hits.lock().unwrap()
    }

    fn app(&self) -> App {
        App {
            client_id: self.url.clone(),
            secret: None,
        }
    }
}

async fn ask(server: &Server, app: &App, redirect_uri: &str) -> Reply {
    let request = app
        .authorize(&Pkce::fresh())
        .with("redirect_uri", redirect_uri);
    server.send(&request.with("prompt", "none").request()).await
}

/// Whether client and redirect URI were accepted.
async fn is_known(server: &Server, app: &App, redirect_uri: &str) -> bool {
    let reply = ask(server, app, redirect_uri).await;
    assert_eq!(reply.status, 400, "a page: {reply:?}");
    assert_eq!(reply.header("location"), None);
    // One that is known is told why there is no answer.
    way_on(&reply).is_some_and(|to| query_of(&to)["error"] == "login_required")
}

async fn a_client_is_found_by_its_document_and_works_like_any_other(database: Database) {
    let server = Server::with(&database, &LOCAL).await;
    let site = Site::open().await;
    let app = site.app();
    let mut browser = Browser::signed_in(&server).await;
    let registered = r#"authserver_clients_registered_total{source="cimd"}"#;
    assert_eq!(server.metric(registered).await, 0.0);
    for _ in 0..2 {
        let tokens = app.tokens(&mut browser).await;
        let next = Tokens::of(&app.refresh(&server, &tokens.refresh).await);
        app.revoke(&server, &next.refresh).await.expect(200);
        assert_eq!(server.metric(registered).await, 1.0, "registered once");
    }
    assert_eq!(server.audit(AuditAction::ClientRegistered).await.len(), 1);
    assert_eq!(site.hits(), 1, "the document is kept");
}

async fn a_changed_document_changes_the_client_once_its_time_is_over(database: Database) {
    let server = Server::with(&database, &LOCAL).await;
    let site = Site::open().await;
    let app = site.app();
    app.tokens(&mut Browser::signed_in(&server).await).await;
    let elsewhere = "https://app.example/elsewhere";
    let mut document = site.document();
    document["redirect_uris"] = json!([elsewhere]);
    site.publish(&document);
    assert!(is_known(&server, &app, REDIRECT).await);
    server.wait(Duration::from_secs(3601));
    assert!(!is_known(&server, &app, REDIRECT).await);
    assert!(is_known(&server, &app, elsewhere).await);
}

async fn a_document_with_keys_authenticates_by_them_in_both_shapes(database: Database) {
    let server = Server::with(&database, &LOCAL).await;
    let mut browser = Browser::signed_in(&server).await;
    for list in [None, Some(json!(["none", "private_key_jwt"]))] {
        let (site, keys, key) = (Site::open().await, Site::open().await, Key::new());
        keys.publish(&key.jwks());
        let mut document = site.document();
        document["token_endpoint_auth_method"] = json!("private_key_jwt");
        document["token_endpoint_auth_signing_alg"] = json!("ES256");
        document["jwks_uri"] = json!(keys.url);
        if let Some(list) = &list {
            document["token_endpoint_auth_methods_supported"] = list.clone();
        }
        site.publish(&document);
        let app = site.app();
        let redeem = async |browser: &mut Browser, assertion: Option<String>| {
            let pkce = Pkce::fresh();
            let code = app.code(browser, &app.authorize(&pkce)).await;
            let pairs = [
                ("grant_type", "authorization_code"),
                ("code", code.as_str()),
                ("redirect_uri", REDIRECT),
                ("code_verifier", pkce.verifier.as_str()),
            ];
            let request = match assertion {
                Some(assertion) => signed("/oauth/token", &pairs, &assertion),
                None => app.call("/oauth/token", &pairs),
            };
            server.send(&request).await
        };
        let good = key.assertion(&server, &site.url, |_, _| {});
        Tokens::of(&redeem(&mut browser, Some(good)).await);
        let bare = redeem(&mut browser, None).await;
        assert_eq!(bare.status == 200, list.is_some(), "{list:?}: {bare:?}");
        let forged = Key::new().assertion(&server, &site.url, |_, _| {});
        let forged = redeem(&mut browser, Some(forged)).await;
        forged.refused(401, "invalid_client");
        assert_eq!(keys.hits(), 1, "the keys are kept");

        // A new key is found when it is used, and strangers cannot have the keys fetched at will.
        let renewed = Key::named("2");
        keys.publish(&renewed.jwks());
        let assertion =
            || renewed.assertion(&server, &site.url, |header, _| header["kid"] = json!("2"));
        let early = redeem(&mut browser, Some(assertion())).await;
        early.refused(401, "invalid_client");
        assert_eq!(keys.hits(), 1, "fetched a moment ago");
        server.wait(Duration::from_secs(11));
        Tokens::of(&redeem(&mut browser, Some(assertion())).await);
        assert_eq!(keys.hits(), 2);
        for _ in 0..5 {
            let unknown =
                renewed.assertion(&server, &site.url, |header, _| header["kid"] = json!("3"));
            let reply = redeem(&mut browser, Some(unknown)).await;
            reply.refused(401, "invalid_client");
        }
        assert_eq!(keys.hits(), 2);
    }
}

async fn a_changed_document_is_asked_about_again(database: Database) {
    let server = Server::with(&database, &LOCAL).await;
    let site = Site::open().await;
    let app = site.app();
    let mut browser = Browser::signed_in(&server).await;
    app.tokens(&mut browser).await;
    let silently = async |browser: &mut Browser, redirect_uri: &str| {
        let request = app
            .authorize(&Pkce::fresh())
            .with("redirect_uri", redirect_uri);
        let reply = browser.send(request.with("prompt", "none").request()).await;
        query_of(reply.header("location").unwrap())
    };
    assert!(silently(&mut browser, REDIRECT).await.contains_key("code"));
    let elsewhere = "https://app.example/elsewhere";
    let mut document = site.document();
    document["redirect_uris"] = json!([elsewhere]);
    site.publish(&document);
    server.wait(Duration::from_secs(3601));
    let asked = silently(&mut browser, elsewhere).await;
    assert_eq!(asked["error"], "consent_required");
}

async fn a_host_that_is_down_is_no_fault_of_the_client(database: Database) {
    let server = Server::with(&database, &LOCAL).await;
    let mut browser = Browser::signed_in(&server).await;
    let (site, keys, key) = (Site::open().await, Site::open().await, Key::new());
    keys.publish(&key.jwks());
    let mut document = site.document();
    document["token_endpoint_auth_method"] = json!("private_key_jwt");
    document["jwks_uri"] = json!(keys.url);
    site.publish(&document);
    let app = site.app();
    let code = app.code(&mut browser, &app.authorize(&Pkce::fresh())).await;
    let pairs = [("grant_type", "authorization_code"), ("code", &code)];
    let ask = async |path| {
        let assertion = key.assertion(&server, &site.url, |_, _| {});
        server.send(&signed(path, &pairs, &assertion)).await
    };
    let json = "content-type: application/json";
    // Nothing is kept any more; the second time, the failure is.
    for host in [&keys, &site] {
        let good = host.answer.lock().unwrap().clone();
        for (answer, status) in [("503 Busy", 503), ("404 Not Found", 401), ("200 OK", 401)] {
            host.say(answer, json, "{}");
            server.wait(Duration::from_secs(3601));
            for path in ["/oauth/token", "/oauth/token", "/oauth/revoke"] {
                let reply = ask(path).await;
                let error = match status {
                    503 => "temporarily_unavailable",
                    _ => "invalid_client",
                };
                let reply = reply.refused(status, error);
                let waits = reply.header("retry-after").is_some();
                assert_eq!(waits, status == 503, "{answer}: {reply:?}");
            }
        }
        // No answer at all.
        host.answer.lock().unwrap().clear();
        server.wait(Duration::from_secs(3601));
        let reply = ask("/oauth/introspect").await;
        reply.refused(503, "temporarily_unavailable");
        host.answer.lock().unwrap().clone_from(&good);
        server.wait(Duration::from_secs(11));
        // The client is known again; what its request lacks is told.
        ask("/oauth/token").await.refused(400, "invalid_grant");
    }
    let denied = r#"authserver_auth_denied_total{reason="client_keys_unavailable"}"#;
    assert_eq!(server.metric(denied).await, 20.0);
}

async fn a_suspended_client_stays_suspended_whatever_its_document_says(database: Database) {
    let server = Server::with(&database, &LOCAL).await;
    let site = Site::open().await;
    let app = site.app();
    let tokens = app.tokens(&mut Browser::signed_in(&server).await).await;
    let suspended = ClientStatus::Suspended;
    server
        .engine
        .set_client_status(&app.client_id, suspended)
        .await
        .unwrap();
    for name in ["Site", "Renamed"] {
        let mut document = site.document();
        document["client_name"] = json!(name);
        site.publish(&document);
        server.wait(Duration::from_secs(3601));
        assert!(!is_known(&server, &app, REDIRECT).await);
        let refused = app.refresh(&server, &tokens.refresh).await;
        refused.refused(401, "invalid_client");
        let stored = server.engine.client(&app.client_id).await.unwrap();
        assert_eq!(stored.status, suspended);
    }
}

#[tokio::test]
async fn a_document_that_breaks_a_rule_is_refused() {
    let server = Server::with(&Database::sqlite(), &LOCAL).await;
    let secret = json!("client_secret_basic");
    let wrong = [
        ("client_id", json!("https://evil.example/client.json")),
        ("client_id", Value::Null),
        ("redirect_uris", json!([])),
        ("redirect_uris", json!(["javascript:x"])),
        ("redirect_uris", json!([REDIRECT, "ms-msdt:/id"])),
        ("token_endpoint_auth_method", secret),
        ("padding", json!("x".repeat(64 * 1024))),
    ];
    for (member, value) in wrong {
        let site = Site::open().await;
        assert!(is_known(&server, &site.app(), REDIRECT).await);
        let site = Site::open().await;
        let mut document = site.document();
        document[member] = value.clone();
        site.publish(&document);
        let known = is_known(&server, &site.app(), REDIRECT).await;
        assert!(!known, "{member}: {value}");
    }
    for (header, body, word) in [
        ("content-type: text/html", None, "media type is not JSON"),
        ("x-no: media-type", None, "media type is not JSON"),
        (
            "content-type: application/json",
            Some(r#""client_name":"Other""#),
            "client_name&#39; appears twice",
        ),
    ] {
        let site = Site::open().await;
        let text = site.document().to_string();
        let body = body.map_or(text.clone(), |member| {
            text.replacen('{', &format!("{{{member},"), 1)
        });
        site.say("200 OK", header, &body);
        let page = ask(&server, &site.app(), REDIRECT).await;
        assert_eq!(page.status, 400);
        assert!(page.body.contains(word), "{word}: {}", page.body);
    }
    for (member, value, word) in [
        ("client_name", Value::Null, "client_name is missing"),
        (
            "token_endpoint_auth_method",
            json!("client_secret_post"),
            "client_secret_post",
        ),
        (
            "token_endpoint_auth_method",
            json!("private_key_jwt"),
            "jwks_uri",
        ),
    ] {
        let site = Site::open().await;
        let mut document = site.document();
        document[member] = value;
        site.publish(&document);
        let page = ask(&server, &site.app(), REDIRECT).await;
        assert!(page.body.contains(word), "{word}: {}", page.body);
    }
    let site = Site::open().await;
    site.publish(&json!([site.document()]));
    assert!(!is_known(&server, &site.app(), REDIRECT).await);
    let site = Site::open().await;
    site.say(
        "200 OK",
        "content-type: application/json",
        "{\"client_id\":",
    );
    assert!(!is_known(&server, &site.app(), REDIRECT).await);
    let site = Site::open().await;
    site.say(
        "404 Not Found",
        "content-type: application/json",
        &site.document().to_string(),
    );
    assert!(!is_known(&server, &site.app(), REDIRECT).await);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let server = Server::with(&Database::sqlite(), &LOCAL).await;
    let (site, target) = (Site::open().await, Site::open().await);
    let header = format!("location: {}", target.url);
    site.say("302 Found", &header, "");
    assert!(!is_known(&server, &site.app(), REDIRECT).await);
    assert_eq!((site.hits(), target.hits()), (1, 0));
}

#[tokio::test]
async fn private_addresses_are_refused_by_literal_and_by_name() {
    let server = Server::start(&Database::sqlite()).await;
    let blocked = r#"authserver_auth_denied_total{reason="cimd_blocked"}"#;
    assert_eq!(server.metric(blocked).await, 0.0);
    let private = [
        "127.0.0.1",
        "127.0.0.2:8443",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "[::1]",
        "[fe80::1]",
        "[fc00::1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "localhost",
        "localhost:8443",
    ];
    for (count, host) in private.iter().enumerate() {
        let app = App {
            client_id: format!("https://{host}/client.json"),
            secret: None,
        };
        assert!(!is_known(&server, &app, REDIRECT).await, "{host}");
        assert_eq!(server.metric(blocked).await, count as f64 + 1.0, "{host}");
    }
}

#[tokio::test]
async fn ids_that_are_no_proper_urls_are_not_fetched() {
    let server = Server::start(&Database::sqlite()).await;
    let site = Site::open().await;
    let authority = site.url.trim_start_matches("http://").to_owned();
    let improper = [
        site.url.clone(),
        format!("https://{}", authority.split('/').next().unwrap()),
        String::from("https://app.example"),
        String::from("https://app.example/"),
        String::from("https://user@app.example/client.json"),
        String::from("https://app.example/client.json#x"),
        String::from("https://app.example/a/../client.json"),
        String::from("https://app.example/a/%2e%2e/client.json"),
        String::from("HTTPS://app.example/client.json"),
        String::from("ftp://app.example/client.json"),
        format!("https://app.example/{}", "x".repeat(3000)),
    ];
    for id in improper {
        let app = App {
            client_id: id.clone(),
            secret: None,
        };
        assert!(!is_known(&server, &app, REDIRECT).await, "{id}");
    }
    assert_eq!(site.hits(), 0);
}
