//! Token exchange: a user has agreed to an app, the app's token travels, and others exchange it.

mod consent;
mod delegation;
mod fronting;
mod gates;
mod operator;
mod revocation;

use crate::harness::{App, Browser, Database, Jwt, Reply, Server, Tokens};
use domain::{BackendKind, CatalogScope, ExchangePolicy, GrantType, Policy, RuntimePolicy};
use engine::admin::{NewClient, NewResource};

/// The grant type (RFC 8693 §2.1).
const GRANT: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
/// The type of every token here (RFC 8693 §3).
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
/// The resource `archive`, with the scopes notes/read and notes/purge.
pub(crate) const ARCHIVE: &str = "https://archive.example/mcp";

/// A server; an app with a token of the user for notes, and a browser to sign in with; an agent
/// that may exchange tokens.
pub(crate) struct Stage {
    pub server: Server,
    pub browser: Browser,
    pub app: App,
    pub agent: App,
    tokens: Tokens,
}

impl Stage {
    pub async fn set(database: &Database) -> Self {
        Self::with(database, &[]).await
    }

    /// The same, on a server with these variables.
    async fn with(database: &Database, variables: &[(&str, &str)]) -> Self {
        let server = Server::with(database, variables).await;
        let app = machine(&server, "Notebook", false).await;
        let agent = machine(&server, "Planner", true).await;
        let mut browser = Browser::signed_in(&server).await;
        let tokens = app.tokens(&mut browser).await;
        Self {
            server,
            browser,
            app,
            agent,
            tokens,
        }
    }

    /// Adds the archive; these may exchange for it, and these run it.
    pub async fn archive(&self, allowed: &[&App], runtime: &[&App]) {
        let scopes = ["notes/read", "notes/purge"];
        resource(
            &self.server,
            ("archive", ARCHIVE),
            &scopes,
            allowed,
            runtime,
        )
        .await;
    }

    /// Lets the user agree that the app may use the archive.
    pub async fn agree(&mut self, scope: &str) {
        let request = |request: crate::harness::Authorize| {
            request.with("resource", ARCHIVE).with("scope", scope)
        };
        self.app.tokens_for(&mut self.browser, request).await;
    }

    /// The agent exchanges the app's token for one of the archive.
    pub async fn delegate(&self) -> Reply {
        exchange(
            &self.server,
            &self.agent,
            &self.tokens.access,
            &[("resource", ARCHIVE)],
        )
        .await
    }
}

/// A client with a secret that may do everything.
pub(crate) async fn machine(server: &Server, name: &str, agent: bool) -> App {
    let client = NewClient {
        name: name.into(),
        redirect_uris: vec![crate::harness::REDIRECT.into()],
        grant_types: vec![
            GrantType::AuthorizationCode,
            GrantType::RefreshToken,
            GrantType::ClientCredentials,
            GrantType::TokenExchange,
        ],
        scope: "notes/read notes/write notes/purge mail/read mail/send".into(),
        agent,
        ..NewClient::default()
    };
    server.app(client).await
}

async fn resource(
    server: &Server,
    (slug, uri): (&str, &str),
    scopes: &[&str],
    allowed: &[&App],
    runtime: &[&App],
) {
    let ids = |apps: &[&App]| apps.iter().map(|app| app.client_id.clone()).collect();
    let scopes = scopes.iter().map(|name| CatalogScope {
        name: (*name).into(),
        description: format!("May {name}"),
        upstream: String::new(),
    });
    let resource = NewResource {
        slug: slug.into(),
        uri: Some(uri.into()),
        backend_kind: BackendKind::Mint,
        display_name: None,
        scopes: scopes.collect(),
        token_typ: domain::TokenTyp::default(),
        policy: Policy {
            exchange: ExchangePolicy {
                allowed_client_ids: ids(allowed),
            },
            runtime: RuntimePolicy {
                client_ids: ids(runtime),
            },
            ..Policy::default()
        },
    };
    let created = server.engine.create_resource(resource).await;
    created.expect("a resource");
}

/// `caller` exchanges `subject`, with these parameters besides.
pub(crate) async fn exchange(
    server: &Server,
    caller: &App,
    subject: &str,
    parameters: &[(&str, &str)],
) -> Reply {
    let mut pairs = vec![
        ("grant_type", GRANT),
        ("subject_token", subject),
        ("subject_token_type", ACCESS_TOKEN),
    ];
    pairs.extend(parameters);
    server.send(&caller.call("/oauth/token", &pairs)).await
}

/// The token of a machine for itself.
async fn machine_token(server: &Server, app: &App, parameters: &[(&str, &str)]) -> String {
    let mut pairs = vec![("grant_type", "client_credentials")];
    pairs.extend(parameters);
    let reply = server.send(&app.call("/oauth/token", &pairs)).await;
    Tokens::of(&reply).access
}

/// The access token of an answer.
#[track_caller]
fn access(reply: &Reply) -> String {
    Tokens::of(reply).access
}

/// The claims of an answer's token.
#[track_caller]
fn claims(reply: &Reply) -> serde_json::Value {
    Jwt::read(&access(reply)).claims
}

/// How often exchanges were refused for this reason.
async fn denied(server: &Server, reason: &str) -> f64 {
    let series = format!(r#"authplane_token_exchange_denied_total{{reason="{reason}"}}"#);
    server.metric(&series).await
}

/// Holds that the refusal reads so to the caller, and to the operator has this reason, in metric
/// and audit alike.
async fn refused(server: &Server, reply: Reply, status: u16, error: &str, reason: &str) -> Reply {
    let reply = reply.refused(status, error);
    assert_eq!(denied(server, reason).await, 1.0, "{reason}");
    let recorded = server.audit(domain::AuditAction::TokenExchangeDenied).await;
    let told = format!("reason={reason}");
    let of_it = |own: &domain::AuditRecord| own.event.detail.contains(&told);
    assert!(recorded.iter().any(of_it), "{recorded:?}");
    reply
}
