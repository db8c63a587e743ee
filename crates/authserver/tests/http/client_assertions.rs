//! Clients that authenticate with a key of their own, and what happens to those that do not.

use crate::harness::{
    ADMIN_KEY, App, Browser, Database, Pkce, REDIRECT, Reply, Request, Server, Tokens, on_both,
};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{AuditAction, AuthMethod, GrantType};
use engine::admin::{ClientChange, NewClient, NewKeys};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

on_both!(
    an_assertion_authenticates_at_every_endpoint_and_only_once_anywhere,
    every_check_of_an_assertion_is_made_over_http,
    a_client_that_registers_keys_uses_them_and_nothing_less,
    a_secret_may_be_sent_either_way,
    another_method_ends_what_belonged_to_the_old_one,
    keys_that_are_one_way_among_others_can_be_changed,
    a_probe_is_no_denial,
);

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
static COUNTER: AtomicU64 = AtomicU64::new(0);

/// A client's key.
pub struct Key {
    kid: &'static str,
    pair: EcdsaKeyPair,
    random: SystemRandom,
}

impl Key {
    pub fn new() -> Self {
        Self::named("1")
    }

    pub fn named(kid: &'static str) -> Self {
        let random = SystemRandom::new();
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random);
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8.unwrap().as_ref());
        Self {
            kid,
            pair: pair.unwrap(),
            random,
        }
    }

    pub fn jwks(&self) -> Value {
        let point = &self.pair.public_key().as_ref()[1..];
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        json!({"keys": [{
            "kty": "EC", "crv": "P-256", "kid": self.kid, "x": encode(&point[..32]), "y": encode(&point[32..]),
        }]})
    }

    /// A good assertion of `client`, with `change` made to header and claims.
    pub fn assertion(
        &self,
        server: &Server,
        client: &str,
        change: impl FnOnce(&mut Value, &mut Value),
    ) -> String {
        let now = server.engine.now().seconds();
        let jti = COUNTER.fetch_add(1, Ordering::Relaxed);
        let mut header = json!({"alg": "ES256", "kid": self.kid});
        let mut claims = json!({
            "iss": client, "sub": client, "aud": server.engine.issuer(),
            "jti": format!("j{jti}"), "iat": now, "exp": now + 60,
        });
        change(&mut header, &mut claims);
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let input = format!("{}.{}", encode(&header), encode(&claims));
        let signature = self.pair.sign(&self.random, input.as_bytes()).unwrap();
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

pub fn form(path: &str, pairs: &[(&str, &str)], assertion: &str) -> Request {
    let mut pairs = pairs.to_vec();
    pairs.push(("client_assertion", assertion));
    pairs.push(("client_assertion_type", TYPE));
    Request::post(path, &pairs)
}

const MACHINE: [(&str, &str); 1] = [("grant_type", "client_credentials")];

/// A machine client with a key, as an operator makes it.
async fn machine(server: &Server, key: &Key) -> String {
    let client = NewClient {
        name: "Machine".into(),
        grant_types: vec![GrantType::ClientCredentials],
        token_endpoint_auth_method: Some(AuthMethod::PrivateKeyJwt),
        keys: NewKeys {
            jwks: Some(key.jwks()),
            ..NewKeys::default()
        },
        scope: "notes/read".into(),
        ..NewClient::default()
    };
    let app = server.app(client).await;
    assert_eq!(app.secret, None);
    app.client_id
}

async fn an_assertion_authenticates_at_every_endpoint_and_only_once_anywhere(database: Database) {
    let server = Server::start(&database).await;
    let other = server.beside(&database).await;
    let key = Key::new();
    let id = machine(&server, &key).await;
    let fresh = || key.assertion(&server, &id, |_, _| {});

    let assertion = fresh();
    let tokens = Tokens::of(
        &server
            .send(&form("/oauth/token", &MACHINE, &assertion))
            .await,
    );
    for at in [&server, &other] {
        let again = at.send(&form("/oauth/token", &MACHINE, &assertion)).await;
        again.refused(401, "invalid_client");
    }
    // Two instances at once.
    for _ in 0..10 {
        let request = form("/oauth/token", &MACHINE, &fresh());
        let (one, two) = tokio::join!(server.send(&request), other.send(&request));
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 401]);
    }

    let token = [("token", tokens.access.as_str())];
    let assertion = fresh();
    let asked = server
        .send(&form("/oauth/introspect", &token, &assertion))
        .await;
    assert_eq!(asked.expect(200).json()["active"], true);
    let again = server
        .send(&form("/oauth/introspect", &token, &assertion))
        .await;
    again.refused(401, "invalid_client");
    server
        .send(&form("/oauth/revoke", &token, &fresh()))
        .await
        .expect(200);
    let asked = server
        .send(&form("/oauth/introspect", &token, &fresh()))
        .await;
    assert_eq!(asked.expect(200).json()["active"], false);

    let denied = server.audit(AuditAction::ClientCredentialsDenied).await;
    assert!(denied[0].event.detail.contains("client_assertion_replayed"));
}

async fn every_check_of_an_assertion_is_made_over_http(database: Database) {
    let server = Server::start(&database).await;
    let key = Key::new();
    let id = machine(&server, &key).await;
    let issuer = server.engine.issuer().to_owned();
    let now = server.engine.now().seconds();
    let send = async |assertion: String| {
        server
            .send(&form("/oauth/token", &MACHINE, &assertion))
            .await
    };
    let wrong: [(&str, Value); 9] = [
        ("sub", json!("somebody")),
        ("aud", json!("https://other.example")),
        ("aud", json!(format!("{issuer}/oauth/revoke"))),
        ("aud", json!([issuer, "https://other.example"])),
        ("exp", json!(now - 60)),
        ("exp", json!(now + 700)),
        ("nbf", json!(now + 120)),
        ("jti", Value::Null),
        ("iss", json!("somebody")),
    ];
    for (name, value) in wrong {
        let assertion = key.assertion(&server, &id, |_, claims| claims[name] = value.clone());
        let reply = send(assertion).await;
        assert_eq!(reply.status, 401, "{name} {value}: {reply:?}");
        reply.refused(401, "invalid_client");
    }
    // PostgreSQL has no NUL: such a name is no fault of the server, at any endpoint.
    for (path, pairs) in [
        ("/oauth/token", MACHINE.as_slice()),
        ("/oauth/revoke", &[("token", "t")]),
        ("/oauth/introspect", &[("token", "t")]),
    ] {
        let assertion = key.assertion(&server, "a\0b", |_, _| {});
        let reply = server.send(&form(path, pairs, &assertion)).await;
        reply.refused(401, "invalid_client");
    }
    for aud in [issuer.clone(), format!("{issuer}/oauth/token")] {
        let assertion = key.assertion(&server, &id, |_, claims| claims["aud"] = json!(aud));
        send(assertion).await.expect(200);
    }
    // Signed by another, and by the client's key under another name.
    let stranger = Key::new();
    let assertion = stranger.assertion(&server, &id, |_, _| {});
    let forged = send(assertion).await;
    let assertion = key.assertion(&server, &id, |header, _| header["kid"] = json!("2"));
    let unknown_key = send(assertion).await;
    let assertion = key.assertion(&server, "nobody", |_, _| {});
    let nobody = send(assertion).await;
    let told = |reply: &Reply| reply.json()["error_description"].clone();
    for reply in [&forged, &unknown_key, &nobody] {
        assert_eq!(reply.status, 401);
        assert_eq!(told(reply), told(&nobody), "all read the same");
    }

    let good = key.assertion(&server, &id, |_, _| {});
    let named = [MACHINE[0], ("client_id", "somebody")];
    let mismatched = server.send(&form("/oauth/token", &named, &good)).await;
    mismatched.refused(401, "invalid_client");
    let two = [MACHINE[0], ("client_secret", "s")];
    let both = server.send(&form("/oauth/token", &two, &good)).await;
    both.refused(400, "invalid_request");
    let named = [MACHINE[0], ("client_id", id.as_str())];
    server
        .send(&form("/oauth/token", &named, &good))
        .await
        .expect(200);

    server
        .engine
        .set_client_status(&id, domain::ClientStatus::Suspended)
        .await
        .unwrap();
    let assertion = key.assertion(&server, &id, |_, _| {});
    send(assertion).await.refused(401, "invalid_client");
}

async fn a_client_that_registers_keys_uses_them_and_nothing_less(database: Database) {
    let server = Server::start(&database).await;
    let key = Key::new();
    let metadata = json!({
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": "ES256",
        "grant_types": ["authorization_code", "implicit", "refresh_token"],
        "response_types": ["code", "token"],
        "jwks": key.jwks(),
    });
    let registered = server
        .send(&Request::json("/oauth/register", &metadata))
        .await;
    let registered = registered.expect(201).json();
    assert_eq!(registered["token_endpoint_auth_method"], "private_key_jwt");
    assert_eq!(registered["jwks"], key.jwks());
    assert_eq!(
        registered["grant_types"],
        json!(["authorization_code", "refresh_token"])
    );
    assert_eq!(registered["response_types"], json!(["code"]));
    assert_eq!(registered.get("client_secret"), None);
    let id = registered["client_id"].as_str().unwrap().to_owned();

    let app = App {
        client_id: id.clone(),
        secret: None,
    };
    let mut browser = Browser::signed_in(&server).await;
    let pkce = Pkce::fresh();
    let code = app.code(&mut browser, &app.authorize(&pkce)).await;
    let redemption = [
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", REDIRECT),
        ("code_verifier", pkce.verifier.as_str()),
    ];
    // Nothing less will do, and the code is still there afterwards.
    let bare = app.call("/oauth/token", &redemption);
    server.send(&bare).await.refused(401, "invalid_client");
    let secret = Request::post("/oauth/token", &redemption).basic(&id, "secret");
    server.send(&secret).await.refused(401, "invalid_client");
    let assertion = key.assertion(&server, &id, |_, _| {});
    let tokens = Tokens::of(
        &server
            .send(&form("/oauth/token", &redemption, &assertion))
            .await,
    );
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh.as_str()),
    ];
    let bare = app.call("/oauth/token", &refresh);
    server.send(&bare).await.refused(401, "invalid_client");
    let assertion = key.assertion(&server, &id, |_, _| {});
    Tokens::of(
        &server
            .send(&form("/oauth/token", &refresh, &assertion))
            .await,
    );
    // The grant is for clients that an operator made.
    let assertion = key.assertion(&server, &id, |_, _| {});
    let refused = server
        .send(&form("/oauth/token", &MACHINE, &assertion))
        .await;
    refused.refused(400, "unauthorized_client");
}

async fn a_secret_may_be_sent_either_way(database: Database) {
    let server = Server::start(&database).await;
    for method in [AuthMethod::ClientSecretBasic, AuthMethod::ClientSecretPost] {
        let client = NewClient {
            name: "Machine".into(),
            grant_types: vec![GrantType::ClientCredentials],
            token_endpoint_auth_method: Some(method),
            scope: "notes/read".into(),
            ..NewClient::default()
        };
        let app = server.app(client).await;
        let secret = app.secret.clone().unwrap();
        let post = |secret: &str| {
            let pairs = [
                MACHINE[0],
                ("client_id", app.client_id.as_str()),
                ("client_secret", secret),
            ];
            Request::post("/oauth/token", &pairs)
        };
        let basic =
            |secret: &str| Request::post("/oauth/token", &MACHINE).basic(&app.client_id, secret);
        server.send(&post(&secret)).await.expect(200);
        server.send(&basic(&secret)).await.expect(200);
        server
            .send(&post("wrong"))
            .await
            .refused(401, "invalid_client");
        server
            .send(&basic("wrong"))
            .await
            .refused(401, "invalid_client");
    }
}

async fn another_method_ends_what_belonged_to_the_old_one(database: Database) {
    let server = Server::start(&database).await;
    let key = Key::new();
    let id = machine(&server, &key).await;
    let patch = async |body: Value| {
        let request = Request::new("PATCH", format!("/admin/clients/{id}"))
            .header("content-type", "application/json")
            .body(body.to_string());
        server.send_admin(&request.bearer(ADMIN_KEY)).await
    };
    let works = async |request: &Request| server.send(request).await.status == 200;
    let signed = || {
        form(
            "/oauth/token",
            &MACHINE,
            &key.assertion(&server, &id, |_, _| {}),
        )
    };
    assert!(works(&signed()).await);

    let changed = patch(json!({"token_endpoint_auth_method": "client_secret_post"})).await;
    let changed = changed.expect(200).json();
    let secret = changed["client_secret"].as_str().unwrap().to_owned();
    assert_eq!(changed.get("jwks"), None);
    let basic = Request::post("/oauth/token", &MACHINE).basic(&id, &secret);
    assert!(works(&basic).await);
    assert!(!works(&signed()).await, "the keys are gone");
    // From a secret to a secret: it stays, and is not shown again.
    let changed = patch(json!({"token_endpoint_auth_method": "client_secret_basic"})).await;
    assert_eq!(changed.expect(200).json().get("client_secret"), None);
    assert!(works(&basic).await);

    for (body, word) in [
        (
            json!({"token_endpoint_auth_method": "private_key_jwt"}),
            "jwks",
        ),
        (json!({"jwks": key.jwks()}), "private_key_jwt"),
        (
            json!({"token_endpoint_auth_method": "none"}),
            "client_credentials",
        ),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": key.jwks(), "jwks_uri": "https://a.example/k"}),
            "not both",
        ),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": "http://a.example/k"}),
            "https",
        ),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [{"kty": "oct", "k": "AA"}]}}),
            "symmetric",
        ),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": key.jwks(), "token_endpoint_auth_signing_alg": "RS256"}),
            "no key in jwks is for RS256",
        ),
        (
            json!({"token_endpoint_auth_method": "tls_client_auth"}),
            "is not one of none",
        ),
    ] {
        let refused = patch(body.clone()).await;
        assert_eq!(refused.status, 422, "{body}: {refused:?}");
        let told = refused.json()["detail"].to_string();
        assert!(told.contains(word), "{body}: {told}");
        assert!(
            !told.contains("deserialize") && !told.contains("line 1"),
            "{told}"
        );
    }
    let body = json!({"token_endpoint_auth_method": "private_key_jwt", "jwks": key.jwks()});
    let changed = patch(body).await.expect(200).json();
    assert_eq!(changed["jwks"], key.jwks());
    assert!(works(&signed()).await);
    assert!(!works(&basic).await, "the secret is dead");
    let rotated = Request::post(&format!("/admin/clients/{id}/rotate-secret"), &[]);
    let rotated = server.send_admin(&rotated.bearer(ADMIN_KEY)).await;
    assert_eq!(rotated.status, 422, "{rotated:?}");
    let changes = server.audit(AuditAction::ClientUpdated).await;
    assert!(
        changes[0]
            .event
            .detail
            .contains("token_endpoint_auth_method")
    );
    let unchanged = server
        .engine
        .update_client(&id, ClientChange::default())
        .await;
    assert_eq!(unchanged.unwrap().secret, None);
    server.wait(Duration::from_secs(1));
}

async fn keys_that_are_one_way_among_others_can_be_changed(database: Database) {
    let server = Server::start(&database).await;
    let (old, new) = (Key::new(), Key::new());
    let methods = json!(["none", "private_key_jwt"]);
    let metadata = json!({
        "redirect_uris": [REDIRECT],
        "token_endpoint_auth_methods_supported": methods,
        "jwks": old.jwks(),
    });
    let registration = Request::json("/oauth/register", &metadata);
    let registered = server.send(&registration).await.expect(201).json();
    let path = format!(
        "/admin/clients/{}",
        registered["client_id"].as_str().unwrap()
    );
    let patch = async |body: Value| {
        let request = Request::new("PATCH", &path).body(body.to_string());
        server.send_admin(&request.bearer(ADMIN_KEY)).await
    };
    let body = json!({"jwks": new.jwks(), "token_endpoint_auth_signing_alg": "ES256"});
    let changed = patch(body).await.expect(200).json();
    assert_eq!(changed["jwks"], new.jwks());
    assert_eq!(changed["token_endpoint_auth_signing_alg"], "ES256");
    let id = registered["client_id"].as_str().unwrap();
    let kept = server.engine.client(id).await.unwrap();
    let own: Vec<_> = kept.auth_methods().collect();
    assert_eq!(own, [AuthMethod::None, AuthMethod::PrivateKeyJwt]);
    // Not once the operator says that it has no such way.
    let body = json!({"token_endpoint_auth_method": "none", "jwks": new.jwks()});
    assert_eq!(patch(body).await.status, 422);
    let body = json!({"token_endpoint_auth_method": "none"});
    let changed = patch(body).await.expect(200).json();
    assert_eq!(changed["jwks"], Value::Null);
}

async fn a_probe_is_no_denial(database: Database) {
    let server = Server::start(&database).await;
    let public = server.public_app().await;
    let mut browser = Browser::signed_in(&server).await;
    let tokens = public.tokens(&mut browser).await;
    // An empty secret is none: Go's client sends it for a public client.
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens.refresh.as_str()),
    ];
    let empty = Request::post("/oauth/token", &refresh).basic(&public.client_id, "");
    server.send(&empty).await.expect(200);

    let app = server.confidential_app().await;
    let challenged = r#"authserver_auth_challenges_total{reason="client_auth_probe"}"#;
    let denied = r#"authserver_auth_denied_total{reason="client_auth_probe"}"#;
    let mismatch = r#"authserver_auth_denied_total{reason="invalid_client"}"#;
    let named = [MACHINE[0], ("client_id", app.client_id.as_str())];
    for probe in [
        Request::post("/oauth/token", &MACHINE).basic(&app.client_id, ""),
        Request::post("/oauth/token", &named),
    ] {
        server.send(&probe).await.refused(401, "invalid_client");
    }
    assert_eq!(server.metric(challenged).await, 2.0);
    assert_eq!(server.metric(denied).await, 0.0);
    let machine_denied = r#"authplane_client_credentials_denied_total{reason="client_auth_probe"}"#;
    assert_eq!(server.metric(machine_denied).await, 0.0);
    let recorded = server.audit(AuditAction::ClientCredentialsDenied).await;
    assert!(recorded[0].event.detail.contains("client_auth_probe"));
    // A wrong secret is a denial.
    let wrong = Request::post("/oauth/token", &MACHINE).basic(&app.client_id, "guess");
    server.send(&wrong).await.refused(401, "invalid_client");
    assert_eq!(server.metric(mismatch).await, 1.0);
    assert_eq!(server.metric(challenged).await, 2.0);
}
