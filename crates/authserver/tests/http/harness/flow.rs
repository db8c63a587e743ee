//! The code flow as an app goes through it.

use super::browser::Browser;
use super::instance::Instance;
use super::jwt::Jwt;
use super::wire::{Reply, Request};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{OpaqueToken, SystemRng};
use std::collections::HashMap;

/// The one user.
pub const USER: &str = "ada@example.com";
/// Her password.
pub const PASSWORD: &str = "correct horse battery staple";
/// Where the answers of most apps go.
pub const REDIRECT: &str = "https://app.example/callback";
/// The resource `notes`, with the scopes notes/read and notes/write.
pub const RESOURCE: &str = "https://notes.example/mcp";
/// The resource `mail`, with the scopes mail/read and mail/send.
pub const SECOND: &str = "https://mail.example/mcp";

/// A verifier and its challenge (RFC 7636 §4).
#[derive(Clone)]
pub struct Pkce {
    pub verifier: String,
    pub challenge: String,
}

impl Pkce {
    pub fn fresh() -> Self {
        let verifier = OpaqueToken::generate(&SystemRng).expose().to_owned();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, verifier.as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(digest);
        Self {
            verifier,
            challenge,
        }
    }
}

/// The parameters of an authorization request; change what the test is about.
#[derive(Clone)]
pub struct Authorize(Vec<(String, String)>);

impl Authorize {
    /// Sets a parameter.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        let mut own = self.0.iter_mut();
        match own.find(|(own, _)| own == name) {
            Some(pair) => value.clone_into(&mut pair.1),
            None => self.0.push((name.to_owned(), value.to_owned())),
        }
        self
    }

    /// Adds a parameter, even if it is there.
    pub fn and(mut self, name: &str, value: &str) -> Self {
        self.0.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Leaves a parameter out.
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(own, _)| own != name);
        self
    }

    pub fn pairs(&self) -> Vec<(&str, &str)> {
        let pairs = self.0.iter();
        pairs
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect()
    }

    pub fn request(&self) -> Request {
        Request::query("/oauth/authorize", &self.pairs())
    }
}

/// What a token request brought.
#[derive(Debug, Clone)]
pub struct Tokens {
    pub access: String,
    pub refresh: String,
    pub scope: String,
}

impl Tokens {
    #[track_caller]
    pub fn of(reply: &Reply) -> Self {
        assert_eq!(reply.status, 200, "{reply:?}");
        let body = reply.json();
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        Self {
            access: text("access_token"),
            refresh: text("refresh_token"),
            scope: text("scope"),
        }
    }

    pub fn jti(&self) -> String {
        Jwt::read(&self.access).claims["jti"]
            .as_str()
            .expect("a jti")
            .to_owned()
    }
}

/// A client application.
#[derive(Clone)]
pub struct App {
    pub client_id: String,
    pub secret: Option<String>,
}

impl App {
    /// A request for reading notes.
    pub fn authorize(&self, pkce: &Pkce) -> Authorize {
        Authorize(Vec::new())
            .with("response_type", "code")
            .with("client_id", &self.client_id)
            .with("redirect_uri", REDIRECT)
            .with("scope", "notes/read")
            .with("resource", RESOURCE)
            .with("state", "a state")
            .with("code_challenge", &pkce.challenge)
            .with("code_challenge_method", "S256")
    }

    /// A request of this app, with its credentials.
    pub fn call(&self, path: &str, pairs: &[(&str, &str)]) -> Request {
        match &self.secret {
            Some(secret) => Request::post(path, pairs).basic(&self.client_id, secret),
            None => {
                let mut pairs = pairs.to_vec();
                pairs.push(("client_id", &self.client_id));
                Request::post(path, &pairs)
            }
        }
    }

    /// Goes through authorization in a signed-in browser, agreeing if asked; the code.
    pub async fn code(&self, browser: &mut Browser, request: &Authorize) -> String {
        let mut reply = browser.send(request.request()).await;
        if reply.location().starts_with("/consent") {
            let page = reply.location().to_owned();
            let page = browser.get(&page).await.expect(200);
            reply = browser.decide(&page, "allow").await;
        }
        let answer = query_of(reply.location());
        answer
            .get("code")
            .unwrap_or_else(|| panic!("a code: {reply:?}"))
            .clone()
    }

    /// The request that redeems `code`.
    pub fn redemption(&self, code: &str, verifier: &str) -> Request {
        self.call(
            "/oauth/token",
            &[
                ("grant_type", "authorization_code"),
                ("code", code),
                ("redirect_uri", REDIRECT),
                ("code_verifier", verifier),
            ],
        )
    }

    /// The request that refreshes.
    pub fn refreshing(&self, refresh: &str) -> Request {
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", refresh)];
        self.call("/oauth/token", &pairs)
    }

    /// The whole flow with the request changed by `change`.
    pub async fn tokens_for(
        &self,
        browser: &mut Browser,
        change: impl FnOnce(Authorize) -> Authorize,
    ) -> Tokens {
        let pkce = Pkce::fresh();
        let code = self.code(browser, &change(self.authorize(&pkce))).await;
        let at = browser.at;
        Tokens::of(&at.send(&self.redemption(&code, &pkce.verifier)).await)
    }

    /// The whole flow.
    pub async fn tokens(&self, browser: &mut Browser) -> Tokens {
        self.tokens_for(browser, |request| request).await
    }

    pub async fn refresh(&self, at: &Instance, refresh: &str) -> Reply {
        at.send(&self.refreshing(refresh)).await
    }

    pub async fn revoke(&self, at: &Instance, token: &str) -> Reply {
        at.send(&self.call("/oauth/revoke", &[("token", token)]))
            .await
    }

    pub async fn introspect(&self, at: &Instance, token: &str) -> Reply {
        at.send(&self.call("/oauth/introspect", &[("token", token)]))
            .await
    }

    /// Whether introspection calls the token active.
    pub async fn is_active(&self, at: &Instance, token: &str) -> bool {
        let reply = self.introspect(at, token).await.expect(200);
        if reply.body == r#"{"active":false}"# {
            return false;
        }
        assert_eq!(reply.json()["active"], true, "{reply:?}");
        true
    }
}

/// The query of a URL, each parameter once.
#[track_caller]
pub fn query_of(url: &str) -> HashMap<String, String> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let mut found = HashMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let earlier = found.insert(name.clone().into_owned(), value.into_owned());
        assert!(earlier.is_none(), "{name} only once: {url}");
    }
    found
}
