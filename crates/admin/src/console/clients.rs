//! Clients.

use super::confirm::{Confirm, ends, status, told};
use super::form::{Asked, At, Pairs, Sent};
use super::page::{Frame, Section, Shown, go, link, plain, render, segment, show};
use super::session::Visit;
use super::{Console, ROWS};
use crate::rest::list::{read_cursor, write_cursor};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::{
    AuthMethod, Client, ClientKeys, ClientSource, ClientStatus, GrantType, UnixMillis, Word as _,
};
use engine::Error;
use engine::admin::{ClientChange, ClientWithSecret, NewClient, NewKeys};
use http::StatusCode;
use store::{ClientFilter, Deletion, Page};

/// A client, as a row.
struct Row {
    id: String,
    href: String,
    name: String,
    status: &'static str,
    source: &'static str,
    agent: bool,
    issued_at: UnixMillis,
}

impl From<&Client> for Row {
    fn from(client: &Client) -> Self {
        Self {
            id: plain(client.id.as_str()),
            href: path_of(client.id.as_str()),
            name: plain(&client.name),
            status: client.status.as_str(),
            source: client.source.as_str(),
            agent: client.agent,
            issued_at: client.issued_at,
        }
    }
}

/// The page of a client.
fn path_of(id: &str) -> String {
    format!("/admin/ui/clients/{}", segment(id))
}

#[derive(Template)]
#[template(path = "clients.html")]
struct ClientsPage {
    frame: Frame,
    q: String,
    status: String,
    source: String,
    rows: Vec<Row>,
    older: Option<String>,
}

impl ClientsPage {
    fn statuses() -> impl Iterator<Item = &'static str> {
        ClientStatus::ALL.iter().map(|own| own.as_str())
    }

    fn sources() -> impl Iterator<Item = &'static str> {
        ClientSource::ALL.iter().map(|own| own.as_str())
    }
}

/// `GET /admin/ui/clients`
pub(super) async fn list(
    State(console): State<Console>,
    visit: Visit,
    Asked(asked): Asked,
) -> Shown {
    let filter = ClientFilter {
        status: asked.word("status")?,
        source: asked.word("source")?,
        text: asked.given("q"),
        behind: read_cursor(asked.given("cursor")).map_err(|refused| refused.into_error())?,
    };
    let page = Page {
        limit: ROWS,
        offset: 0,
    };
    let found = console.app.engine.clients(&filter, &page).await?;
    let (q, status, source) = (asked.get("q"), asked.get("status"), asked.get("source"));
    show(&ClientsPage {
        frame: visit.frame(Section::Clients),
        q: q.to_owned(),
        status: status.to_owned(),
        source: source.to_owned(),
        rows: found.rows.iter().map(Row::from).collect(),
        older: found.next.as_ref().map(|place| {
            let cursor = write_cursor(place);
            let pairs = [
                ("q", q),
                ("status", status),
                ("source", source),
                ("cursor", &cursor),
            ];
            link("/admin/ui/clients", &pairs)
        }),
    })
}

#[derive(Template)]
#[template(path = "client.html")]
struct ClientPage {
    frame: Frame,
    row: Row,
    client: Client,
}

impl ClientPage {
    fn methods(&self) -> String {
        let methods: Vec<_> = self.client.auth_methods().map(AuthMethod::as_str).collect();
        methods.join(", ")
    }

    fn keys(&self) -> Option<String> {
        Some(match self.client.keys.as_ref()? {
            ClientKeys::Jwks(_) => "registered with it".into(),
            ClientKeys::JwksUri(uri) => plain(uri),
        })
    }

    fn grants(&self) -> impl Iterator<Item = &'static str> {
        self.client.grant_types.iter().map(|own| own.as_str())
    }

    fn uris(&self) -> impl Iterator<Item = String> {
        self.client.redirect_uris.iter().map(|uri| plain(uri))
    }

    /// The page of its default resource.
    fn default_resource(&self) -> Option<(&str, String)> {
        let slug = self.client.default_resource.as_deref()?;
        Some((slug, format!("/admin/ui/resources/{}", segment(slug))))
    }

    fn tokens(&self) -> String {
        link("/admin/ui/tokens", &[("client", self.client.id.as_str())])
    }

    fn issuances(&self) -> String {
        link(
            "/admin/ui/issuances",
            &[("client", self.client.id.as_str())],
        )
    }

    fn events(&self) -> String {
        link("/admin/ui/audit", &[("client_id", self.client.id.as_str())])
    }
}

/// `GET /admin/ui/clients/{id}`
pub(super) async fn one(State(console): State<Console>, visit: Visit, At(id): At<String>) -> Shown {
    let client = console.app.engine.client(&id).await?;
    show(&ClientPage {
        frame: visit.frame(Section::Clients),
        row: Row::from(&client),
        client,
    })
}

/// A form for a client: what is in its fields.
#[derive(Template)]
#[template(path = "client_form.html")]
struct ClientForm {
    frame: Frame,
    /// The client that is changed; `None` for a new one.
    id: Option<String>,
    version: Option<i64>,
    client_id: String,
    name: String,
    redirect_uris: String,
    grant_types: Vec<GrantType>,
    /// Grants that the server answers at present.
    offered: Vec<GrantType>,
    auth_method: String,
    jwks: String,
    jwks_uri: String,
    /// Whether the client's own document says how it authenticates.
    is_documented: bool,
    scope: String,
    default_resource: String,
    agent: bool,
    agent_description: String,
    problem: Option<String>,
}

impl ClientForm {
    fn from_sent(console: &Console, visit: &Visit, id: Option<&str>, form: &Pairs) -> Self {
        Self {
            offered: console.app.engine.offered_grant_types().collect(),
            frame: visit.frame(Section::Clients),
            id: id.map(str::to_owned),
            version: form.get("version").parse().ok(),
            client_id: form.get("client_id").to_owned(),
            name: form.get("client_name").to_owned(),
            redirect_uris: form.raw("redirect_uris").to_owned(),
            grant_types: form
                .all("grant_types")
                .filter_map(GrantType::from_word)
                .collect(),
            auth_method: form.get("token_endpoint_auth_method").to_owned(),
            jwks: form.raw("jwks").to_owned(),
            jwks_uri: form.get("jwks_uri").to_owned(),
            is_documented: false,
            scope: form.get("scope").to_owned(),
            default_resource: form.get("default_resource").to_owned(),
            agent: form.ticked("agent"),
            agent_description: form.get("agent_description").to_owned(),
            problem: None,
        }
    }

    fn of(console: &Console, visit: &Visit, client: &Client) -> Self {
        Self {
            offered: console.app.engine.offered_grant_types().collect(),
            frame: visit.frame(Section::Clients),
            id: Some(client.id.to_string()),
            version: Some(client.updated_at.0),
            client_id: client.id.to_string(),
            name: client.name.clone(),
            redirect_uris: client.redirect_uris.join("\n"),
            grant_types: client.grant_types.clone(),
            auth_method: client.token_endpoint_auth_method.as_str().to_owned(),
            jwks: of_keys(client, ClientKeys::jwks),
            jwks_uri: of_keys(client, ClientKeys::jwks_uri),
            is_documented: client.source == ClientSource::Cimd,
            scope: client.scope.to_string(),
            default_resource: client.default_resource.clone().unwrap_or_default(),
            agent: client.agent,
            agent_description: client.agent_description.clone().unwrap_or_default(),
            problem: None,
        }
    }

    fn action(&self) -> String {
        match &self.id {
            Some(id) => format!("{}/edit", path_of(id)),
            None => "/admin/ui/new/client".into(),
        }
    }

    fn back(&self) -> String {
        self.id
            .as_deref()
            .map_or("/admin/ui/clients".into(), path_of)
    }

    /// Every grant type that is offered or ticked, and whether it is.
    fn grants(&self) -> impl Iterator<Item = (&'static str, bool)> {
        GrantType::ALL.iter().filter_map(|own| {
            let ticked = self.grant_types.contains(own);
            (ticked || self.offered.contains(own)).then(|| (own.as_str(), ticked))
        })
    }

    fn methods() -> impl Iterator<Item = &'static str> {
        AuthMethod::ALL.iter().map(|own| own.as_str())
    }

    fn refused(mut self, error: &Error) -> Response {
        self.problem = Some(told(error));
        render(status(error), &self)
    }
}

/// `GET /admin/ui/new/client`
pub(super) async fn new(State(console): State<Console>, visit: Visit) -> Shown {
    let mut form = ClientForm::from_sent(&console, &visit, None, &Pairs::default());
    form.grant_types = vec![GrantType::AuthorizationCode, GrantType::RefreshToken];
    show(&form)
}

/// A secret that is shown this once.
#[derive(Template)]
#[template(path = "secret.html")]
struct SecretPage {
    frame: Frame,
    row: Row,
    title: &'static str,
    client_id: String,
    secret: Option<String>,
}

impl SecretPage {
    fn show(visit: &Visit, title: &'static str, made: &ClientWithSecret) -> Response {
        let page = Self {
            frame: visit.frame(Section::Clients),
            row: Row::from(&made.client),
            title,
            client_id: made.client.id.to_string(),
            secret: made.secret.clone(),
        };
        render(StatusCode::OK, &page)
    }
}

/// `POST /admin/ui/new/client`
pub(super) async fn create(State(console): State<Console>, visit: Visit, form: Sent) -> Shown {
    let typed = ClientForm::from_sent(&console, &visit, None, &form);
    let made = async {
        let new = NewClient {
            client_id: form.given("client_id"),
            name: typed.name.clone(),
            redirect_uris: form.lines("redirect_uris"),
            grant_types: typed.grant_types.clone(),
            response_types: None,
            token_endpoint_auth_method: form.word("token_endpoint_auth_method")?,
            keys: keys(&form)?,
            application_type: None,
            scope: typed.scope.clone(),
            default_resource: form.given("default_resource"),
            agent: typed.agent,
            agent_description: form.given("agent_description"),
        };
        console.app.engine.create_client(new).await
    };
    Ok(match made.await {
        Ok(made) => SecretPage::show(&visit, "Client created", &made),
        Err(error) => typed.refused(&error),
    })
}

/// `GET /admin/ui/clients/{id}/edit`
pub(super) async fn edit(
    State(console): State<Console>,
    visit: Visit,
    At(id): At<String>,
) -> Shown {
    let client = console.app.engine.client(&id).await?;
    show(&ClientForm::of(&console, &visit, &client))
}

/// `POST /admin/ui/clients/{id}/edit`
pub(super) async fn update(
    State(console): State<Console>,
    visit: Visit,
    At(id): At<String>,
    form: Sent,
) -> Shown {
    let typed = ClientForm::from_sent(&console, &visit, Some(&id), &form);
    let changed = async {
        let method: Option<AuthMethod> = form.word("token_endpoint_auth_method")?;
        let before = console.app.engine.client(&id).await?;
        let change = ClientChange {
            name: Some(typed.name.clone()),
            redirect_uris: Some(form.lines("redirect_uris")),
            grant_types: Some(typed.grant_types.clone()),
            // What stands in the form already is no change.
            token_endpoint_auth_method: method
                .filter(|own| *own != before.token_endpoint_auth_method),
            keys: match method {
                Some(AuthMethod::PrivateKeyJwt) => keys(&form)?,
                _ => NewKeys::default(),
            },
            scope: Some(typed.scope.clone()),
            default_resource: Some(typed.default_resource.clone()),
            agent: Some(typed.agent),
            agent_description: Some(typed.agent_description.clone()),
            version: typed.version.map(UnixMillis),
        };
        console.app.engine.update_client(&id, change).await
    };
    Ok(match changed.await {
        Ok(changed) if changed.secret.is_some() => {
            SecretPage::show(&visit, "Client changed", &changed)
        }
        Ok(_) => go(&format!("{}?done=changed", path_of(&id))),
        Err(error) => typed.refused(&error),
    })
}

/// The keys that a form has.
fn keys(form: &Pairs) -> engine::Result<NewKeys> {
    let jwks = form.given("jwks").map(|text| serde_json::from_str(&text));
    Ok(NewKeys {
        jwks: jwks
            .transpose()
            .map_err(|error| Error::invalid_request(format!("jwks: it is not JSON: {error}")))?,
        jwks_uri: form.given("jwks_uri"),
        signing_alg: None,
    })
}

/// One of the two ways in which keys are given, for a field.
fn of_keys(client: &Client, part: fn(&ClientKeys) -> Option<&str>) -> String {
    let part = client.keys.as_ref().and_then(part);
    part.unwrap_or_default().to_owned()
}

/// What can be done to a client, each after a question.
#[derive(Clone, Copy)]
enum Act {
    Suspend,
    Reactivate,
    Revoke,
    RotateSecret,
    Delete,
}

impl Act {
    fn named(word: &str) -> Result<Self, Error> {
        Ok(match word {
            "suspend" => Self::Suspend,
            "reactivate" => Self::Reactivate,
            "revoke" => Self::Revoke,
            "rotate-secret" => Self::RotateSecret,
            "delete" => Self::Delete,
            _ => return Err(Error::not_found("there is no such page")),
        })
    }

    /// Question, button and consequences.
    fn words(self) -> (&'static str, &'static str, &'static [&'static str]) {
        match self {
            Self::Suspend => (
                "Suspend this client?",
                "Suspend the client",
                &["It can do nothing until it is reactivated; its tokens stay as they are."],
            ),
            Self::Reactivate => (
                "Reactivate this client?",
                "Reactivate the client",
                &["It can act again."],
            ),
            Self::Revoke => (
                "Revoke this client for good?",
                "Revoke the client",
                &[
                    "It can never act again. Its id stays taken.",
                    "Its tokens end, and all that were exchanged from them, on every instance, \
                     within a second.",
                ],
            ),
            Self::RotateSecret => (
                "Give this client a new secret?",
                "Make a new secret",
                &[
                    "The present secret stops working at once; the client fails until it has the \
                     new one.",
                    "The new secret is shown once.",
                ],
            ),
            Self::Delete => (
                "Delete this client?",
                "Delete the client",
                &["It is gone, with everything it holds. The audit trail stays."],
            ),
        }
    }

    fn ends_what_is_held(self) -> bool {
        matches!(self, Self::Revoke | Self::Delete)
    }
}

async fn question(
    console: &Console,
    visit: &Visit,
    id: &str,
    word: &str,
) -> engine::Result<(Act, Confirm)> {
    let act = Act::named(word)?;
    let engine = &console.app.engine;
    let client = engine.client(id).await?;
    let (title, button, effects) = act.words();
    let mut effects: Vec<String> = effects.iter().map(|&text| text.to_owned()).collect();
    if act.ends_what_is_held() {
        effects.extend(ends(&engine.client_holdings(id).await?));
    }
    let row = Row::from(&client);
    let confirm = Confirm {
        frame: visit.frame(Section::Clients),
        title: title.into(),
        subject: format!("{} ({})", row.name, row.id),
        effects,
        action: format!("{}/{word}", row.href),
        button,
        version: Some(client.updated_at.0),
        back: row.href,
        problem: None,
    };
    Ok((act, confirm))
}

/// `GET /admin/ui/clients/{id}/{act}`
pub(super) async fn ask(
    State(console): State<Console>,
    visit: Visit,
    At((id, word)): At<(String, String)>,
) -> Shown {
    question(&console, &visit, &id, &word).await?.1.ask()
}

/// `POST /admin/ui/clients/{id}/{act}`
pub(super) async fn act(
    State(console): State<Console>,
    visit: Visit,
    At((id, word)): At<(String, String)>,
    form: Sent,
) -> Shown {
    let engine = &console.app.engine;
    let (act, question) = question(&console, &visit, &id, &word).await?;
    let set = async |status| engine.set_client_status(&id, status).await;
    let own = &question.back;
    let then = |done: &str| format!("{own}?done={done}");
    let (outcome, then) = match act {
        Act::Suspend => (set(ClientStatus::Suspended).await, then("suspended")),
        Act::Reactivate => (set(ClientStatus::Active).await, then("reactivated")),
        Act::Revoke => (set(ClientStatus::Revoked).await, then("revoked")),
        Act::RotateSecret => match engine.rotate_client_secret(&id).await {
            Ok(made) => return Ok(SecretPage::show(&visit, "New secret", &made)),
            Err(error) => (Err(error), then("")),
        },
        Act::Delete => {
            let how = Deletion {
                version: form.get("version").parse().ok().map(UnixMillis),
                force: true,
            };
            let gone = engine.delete_client(&id, how).await;
            (gone, "/admin/ui/clients?done=deleted".to_owned())
        }
    };
    question.after(outcome, &then)
}
