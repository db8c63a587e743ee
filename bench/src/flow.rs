//! The product's flows as requests: a tenant with a user, a resource and clients, and workers
//! that walk a client through the code flow.

use crate::http::{Connection, Response, encode, get, post};
use crate::load::{self, Worker};
use crate::server::{Installation, Process};
use crate::{Result, check, failure};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use std::collections::VecDeque;

const EMAIL: &str = "user@example.com";
const PASSWORD: &str = "correct horse battery staple";
pub const RESOURCE: &str = "https://mcp.example.com/mcp";
pub const SCOPE: &str = "tools/read";
const REDIRECT: &str = "http://localhost:7777/callback";
const VERIFIER: &str = "benchmark-verifier-benchmark-verifier-benchmark";

/// What stands in the database before a measurement, and who is signed in.
#[derive(Clone)]
pub struct Tenant {
    /// A public client with PKCE.
    pub client: String,
    /// Header line of the resource's own client, which may introspect.
    pub runtime: String,
    /// Header line with the cookies of the browser and of the user who has signed in.
    pub cookie: String,
}

impl Tenant {
    /// Makes user, resource and clients. The server must be stopped or not have started yet.
    pub fn create(installation: &Installation) -> Result<Self> {
        installation.migrate()?;
        installation.admin(&["user", "create", "--email", EMAIL, "--password", PASSWORD])?;
        installation.admin(&[
            "resource", "create", "--slug", "mcp", "--uri", RESOURCE, "--scopes", SCOPE,
        ])?;
        let public = [
            "client",
            "create",
            "--name",
            "Public",
            "--auth-method",
            "none",
        ];
        let public = installation
            .admin(&[&public[..], &["--redirect-uri", REDIRECT, "--scope", SCOPE]].concat())?;
        let runtime =
            installation.admin(&["client", "create", "--name", "Runtime", "--scope", SCOPE])?;
        let (id, secret) = (
            text(&runtime, "client_id")?,
            text(&runtime, "client_secret")?,
        );
        installation.admin(&["resource", "runtime-client", "add", "mcp", &id])?;
        Ok(Self {
            client: text(&public, "client_id")?,
            runtime: format!(
                "authorization: Basic {}\r\n",
                STANDARD.encode(format!("{id}:{secret}"))
            ),
            cookie: String::new(),
        })
    }

    /// Makes a client for machine tokens; returns its id and secret. As for [`Self::create`].
    pub fn machine_client(installation: &Installation) -> Result<(String, String)> {
        let create = ["client", "create", "--name", "Machine", "--scope", SCOPE];
        let method = ["--auth-method", "client_secret_post"];
        let grants = ["client_credentials", "token-exchange"];
        let grants = grants.map(|grant| ["--grant-type", grant]);
        let made = installation.admin(&[&create[..], &method, grants.as_flattened()].concat())?;
        Ok((text(&made, "client_id")?, text(&made, "client_secret")?))
    }

    /// Signs the user in through the login form and agrees to what the client asks.
    pub async fn sign_in(&mut self, server: &Process) -> Result<()> {
        let mut connection = Connection::open(server.address).await?;
        let page = connection.exchange(&get("/login", "")).await?.expect(200)?;
        let before = cookie(&page)?;
        let token = field(&page, "csrf_token")?;
        let form = [
            ("csrf_token", token.as_str()),
            ("next", "/"),
            ("email", EMAIL),
            ("password", PASSWORD),
        ];
        let welcome = connection
            .exchange(&post("/login", &before, &form))
            .await?
            .expect(303)?;
        self.cookie = both(&before, &cookie(&welcome)?);

        let question = connection.exchange(&self.authorize()).await?.expect(303)?;
        let question = question.header("location").unwrap_or_default().to_owned();
        if !question.contains("/consent?") {
            return Ok(());
        }
        let page = connection
            .exchange(&get(&question, &self.cookie))
            .await?
            .expect(200)?;
        let (token, request) = (field(&page, "csrf_token")?, field(&page, "request")?);
        let form = [
            ("csrf_token", token.as_str()),
            ("request", &request),
            ("decision", "allow"),
        ];
        connection
            .exchange(&post("/consent", &self.cookie, &form))
            .await?
            .expect(303)?;
        Ok(())
    }

    /// The authorization request of the public client, by the signed-in user.
    pub fn authorize(&self) -> Vec<u8> {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, VERIFIER.as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(digest);
        let query = encode(&[
            ("response_type", "code"),
            ("client_id", &self.client),
            ("redirect_uri", REDIRECT),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            ("scope", SCOPE),
            ("resource", RESOURCE),
            ("state", "state"),
        ]);
        get(&format!("/oauth/authorize?{query}"), &self.cookie)
    }

    /// The token request for `code`.
    pub fn redeem(&self, code: &str) -> Vec<u8> {
        let form = [
            ("grant_type", "authorization_code"),
            ("client_id", &self.client),
            ("code", code),
            ("code_verifier", VERIFIER),
            ("redirect_uri", REDIRECT),
            ("resource", RESOURCE),
        ];
        post("/oauth/token", "", &form)
    }

    /// The token request with `refresh_token`.
    pub fn refresh(&self, refresh_token: &str) -> Vec<u8> {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", &self.client),
            ("refresh_token", refresh_token),
        ];
        post("/oauth/token", "", &form)
    }

    /// The resource server's question about `token`.
    pub fn introspect(&self, token: &str) -> Vec<u8> {
        post("/oauth/introspect", &self.runtime, &[("token", token)])
    }

    /// The client's wish that `token` end.
    pub fn revoke(&self, token: &str) -> Vec<u8> {
        post(
            "/oauth/revoke",
            "",
            &[("token", token), ("client_id", &self.client)],
        )
    }

    /// `count` codes, made by the authorization endpoint, and what that took.
    pub async fn codes(
        &self,
        server: &Process,
        count: usize,
    ) -> Result<(load::Measured, Vec<String>)> {
        let request = self.authorize();
        let ask = |share| Ask {
            request: request.clone(),
            left: share,
            codes: Vec::with_capacity(share),
        };
        let workers = (0..16)
            .map(|index| ask(count / 16 + usize::from(index < count % 16)))
            .collect();
        let (measured, workers) = load::run(server.address, workers, None).await?;
        Ok((
            measured,
            workers
                .into_iter()
                .flat_map(|worker| worker.codes)
                .collect(),
        ))
    }

    /// Redeems `codes` on `connections` connections.
    pub async fn redeem_all(
        &self,
        server: &Process,
        connections: usize,
        codes: Vec<String>,
    ) -> Result<(load::Measured, Vec<Tokens>)> {
        let mut shares = vec![VecDeque::new(); connections];
        for (index, code) in codes.iter().enumerate() {
            shares[index % connections].push_back(self.redeem(code));
        }
        let workers = shares
            .into_iter()
            .map(|requests| Redeem {
                requests,
                tokens: Vec::new(),
            })
            .collect();
        let (measured, workers) = load::run(server.address, workers, None).await?;
        Ok((
            measured,
            workers
                .into_iter()
                .flat_map(|worker| worker.tokens)
                .collect(),
        ))
    }

    /// Tokens of `count` new families.
    pub async fn tokens(&self, server: &Process, count: usize) -> Result<Vec<Tokens>> {
        let (_, codes) = self.codes(server, count).await?;
        Ok(self.redeem_all(server, 16, codes).await?.1)
    }
}

/// A text member of what a command printed.
pub fn text(value: &serde_json::Value, name: &str) -> Result<String> {
    let text = value[name].as_str().map(str::to_owned);
    text.ok_or_else(|| failure(format!("no {name} in {value}")))
}

/// What a token request brought.
pub struct Tokens {
    pub access: String,
    pub refresh: String,
}

impl Tokens {
    fn of(response: &Response<'_>) -> Result<Self> {
        check(response, 200)?;
        match (
            response.member("access_token"),
            response.member("refresh_token"),
        ) {
            (Some(access), Some(refresh)) => Ok(Self {
                access: access.into(),
                refresh: refresh.into(),
            }),
            _ => Err(failure("no tokens in the response")),
        }
    }
}

/// Asks for codes.
struct Ask {
    request: Vec<u8>,
    left: usize,
    codes: Vec<String>,
}

impl Worker for Ask {
    fn request(&mut self) -> Option<Vec<u8>> {
        self.left = self.left.checked_sub(1)?;
        Some(self.request.clone())
    }
    fn answer(&mut self, response: &Response<'_>) -> Result<()> {
        check(response, 303)?;
        let location = response.header("location").unwrap_or_default();
        let code = location
            .split(['?', '&'])
            .find_map(|pair| pair.strip_prefix("code="));
        self.codes.push(
            code.ok_or_else(|| failure(format!("no code in {location}")))?
                .to_owned(),
        );
        Ok(())
    }
}

/// Redeems codes.
struct Redeem {
    requests: VecDeque<Vec<u8>>,
    tokens: Vec<Tokens>,
}

impl Worker for Redeem {
    fn request(&mut self) -> Option<Vec<u8>> {
        self.requests.pop_front()
    }
    fn answer(&mut self, response: &Response<'_>) -> Result<()> {
        self.tokens.push(Tokens::of(response)?);
        Ok(())
    }
}

/// Refreshes one family over and over.
pub struct Refresh {
    pub tenant: Tenant,
    pub token: String,
}

impl Worker for Refresh {
    fn request(&mut self) -> Option<Vec<u8>> {
        Some(self.tenant.refresh(&self.token))
    }
    fn answer(&mut self, response: &Response<'_>) -> Result<()> {
        self.token = Tokens::of(response)?.refresh;
        Ok(())
    }
}

/// Asks about one live token after another.
pub struct Introspect {
    pub requests: std::sync::Arc<Vec<Vec<u8>>>,
    pub next: usize,
}

impl Worker for Introspect {
    fn request(&mut self) -> Option<Vec<u8>> {
        // A stride that shares no factor with the length visits all, in no simple order.
        self.next = (self.next + 379) % self.requests.len();
        Some(self.requests[self.next].clone())
    }
    fn answer(&mut self, response: &Response<'_>) -> Result<()> {
        check(response, 200)?;
        match response.body.starts_with(br#"{"active":true"#) {
            true => Ok(()),
            false => Err(failure("a live token introspects as inactive")),
        }
    }
}

/// One header line in place of two.
fn both(first: &str, second: &str) -> String {
    let second = second.trim_start_matches("cookie: ");
    format!("{}; {second}", first.trim_end())
}

/// The header line that returns the cookie a response has set.
fn cookie(response: &Response<'_>) -> Result<String> {
    let cookie = response
        .header("set-cookie")
        .and_then(|cookie| cookie.split(';').next());
    Ok(format!(
        "cookie: {}\r\n",
        cookie.ok_or_else(|| failure("no cookie"))?
    ))
}

/// The value of a form field on a page.
fn field(page: &Response<'_>, name: &str) -> Result<String> {
    let text = std::str::from_utf8(page.body)?;
    let tag = text
        .split('<')
        .find(|tag| tag.contains(&format!("name=\"{name}\"")));
    let value = tag
        .and_then(|tag| tag.split_once("value=\""))
        .and_then(|(_, rest)| rest.split_once('"'));
    let (value, _) = value.ok_or_else(|| failure(format!("no field {name} on the page")))?;
    Ok(value.replace("&amp;", "&").replace("&#38;", "&"))
}
