//! Resources, their scopes and policies.

use super::confirm::{Confirm, status, told};
use super::form::{Asked, At, Pairs, Sent};
use super::page::{Frame, Section, Shown, go, link, plain, render, segment, show};
use super::session::Visit;
use super::{Console, ROWS};
use crate::views::ResourceFrontingView;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::{
    BackendKind, CatalogScope, ConnectPolicy, ExchangePolicy, Policy, Resource, RuntimePolicy,
    TokenTyp, UnixMillis, Word as _,
};
use engine::Error;
use engine::admin::{KeptResource, NewResource, PolicyChange, ResourceChange, ResourceFilter};
use std::sync::Arc;
use store::{Deletion, Page};

/// A resource, as a row.
struct Row {
    href: String,
    slug: String,
    name: String,
    uri: Option<String>,
    kind: &'static str,
    scopes: usize,
    updated_at: UnixMillis,
}

impl From<&Resource> for Row {
    fn from(resource: &Resource) -> Self {
        Self {
            href: path_of(&resource.slug),
            slug: resource.slug.clone(),
            name: plain(&resource.display_name),
            uri: resource.uri.as_deref().map(plain),
            kind: resource.backend_kind.as_str(),
            scopes: resource.scopes.len(),
            updated_at: resource.updated_at,
        }
    }
}

/// The page of a resource.
fn path_of(slug: &str) -> String {
    format!("/admin/ui/resources/{}", segment(slug))
}

#[derive(Template)]
#[template(path = "resources.html")]
struct ResourcesPage {
    frame: Frame,
    q: String,
    rows: Vec<Row>,
    next: Option<String>,
}

/// `GET /admin/ui/resources`
pub(super) async fn list(
    State(console): State<Console>,
    visit: Visit,
    Asked(asked): Asked,
) -> Shown {
    let filter = ResourceFilter {
        backend_kind: None,
        text: asked.given("q"),
        behind: asked.given("cursor"),
    };
    let page = Page {
        limit: ROWS,
        offset: 0,
    };
    let found = console.app.engine.resource_list(&filter, &page).await?;
    let q = asked.get("q");
    show(&ResourcesPage {
        frame: visit.frame(Section::Resources),
        q: q.to_owned(),
        rows: found
            .resources
            .iter()
            .map(|own| Row::from(&**own))
            .collect(),
        next: found
            .next
            .map(|next| link("/admin/ui/resources", &[("q", q), ("cursor", &next)])),
    })
}

#[derive(Template)]
#[template(path = "resource.html")]
struct ResourcePage {
    frame: Frame,
    row: Row,
    resource: Arc<Resource>,
    fronting: ResourceFrontingView,
    /// What the operator should know after a change.
    warnings: Vec<String>,
}

impl ResourcePage {
    fn issuances(&self) -> String {
        link("/admin/ui/issuances", &[("resource", &self.row.slug)])
    }

    fn path(&self, slug: &str) -> String {
        path_of(slug)
    }

    /// The lists of its policy: label and members.
    fn policy(&self) -> [(&'static str, &'static str, &[String]); 3] {
        let policy = &self.resource.policy;
        [
            (
                "Clients that run it",
                "They may introspect its tokens.",
                &policy.runtime.client_ids,
            ),
            (
                "Clients that may exchange for it",
                "Empty: any client that is allowed to exchange.",
                &policy.exchange.allowed_client_ids,
            ),
            (
                "Return addresses",
                "Where users may be sent back to after connecting an account.",
                &policy.connect.allowed_return_urls,
            ),
        ]
    }
}

/// `GET /admin/ui/resources/{slug}`
pub(super) async fn one(
    State(console): State<Console>,
    visit: Visit,
    At(slug): At<String>,
) -> Shown {
    let resource = console.app.engine.resource(&slug).await?;
    page_of(&console, &visit, resource, Vec::new()).await
}

async fn page_of(
    console: &Console,
    visit: &Visit,
    resource: Arc<Resource>,
    warnings: Vec<String>,
) -> Shown {
    let links = console.app.engine.frontings().await?;
    show(&ResourcePage {
        frame: visit.frame(Section::Resources),
        row: Row::from(&*resource),
        fronting: ResourceFrontingView::new(&resource, &links),
        resource,
        warnings,
    })
}

/// The page of a resource after a change: at once when there is something to say about it.
async fn changed(console: &Console, visit: &Visit, kept: KeptResource, done: &str) -> Shown {
    if kept.warnings.is_empty() {
        return Ok(go(&format!("{}?done={done}", path_of(&kept.resource.slug))));
    }
    page_of(console, visit, Arc::new(kept.resource), kept.warnings).await
}

/// A form for a resource: what is in its fields.
#[derive(Template)]
#[template(path = "resource_form.html")]
struct ResourceForm {
    frame: Frame,
    /// The resource that is changed; `None` for a new one.
    own: Option<String>,
    version: Option<i64>,
    slug: String,
    uri: String,
    name: String,
    scopes: String,
    token_typ: String,
    runtime: String,
    exchange: String,
    connect: String,
    problem: Option<String>,
}

/// Scopes as lines: `name | description`, and `| upstream` where there is one.
fn write_scopes(scopes: &[CatalogScope]) -> String {
    let lines = scopes.iter().map(|scope| {
        let parts = [&*scope.name, &*scope.description, &*scope.upstream];
        let length = parts.iter().rposition(|part| !part.is_empty()).unwrap_or(0);
        parts[..=length].join(" | ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The same, read.
fn read_scopes(lines: &[String]) -> Vec<CatalogScope> {
    let scope = |line: &String| {
        let mut parts = line.split('|').map(|part| part.trim().to_owned());
        CatalogScope {
            name: parts.next().unwrap_or_default(),
            description: parts.next().unwrap_or_default(),
            upstream: parts.next().unwrap_or_default(),
        }
    };
    lines.iter().map(scope).collect()
}

impl ResourceForm {
    fn from_sent(visit: &Visit, own: Option<&str>, form: &Pairs) -> Self {
        Self {
            frame: visit.frame(Section::Resources),
            own: own.map(str::to_owned),
            version: form.get("version").parse().ok(),
            slug: form.get("slug").to_owned(),
            uri: form.get("uri").to_owned(),
            name: form.get("display_name").to_owned(),
            scopes: form.raw("scopes").to_owned(),
            token_typ: form.get("token_typ").to_owned(),
            runtime: form.raw("runtime").to_owned(),
            exchange: form.raw("exchange").to_owned(),
            connect: form.raw("connect").to_owned(),
            problem: None,
        }
    }

    fn of(visit: &Visit, resource: &Resource) -> Self {
        let policy = &resource.policy;
        Self {
            frame: visit.frame(Section::Resources),
            own: Some(resource.slug.clone()),
            version: Some(resource.updated_at.0),
            slug: resource.slug.clone(),
            uri: resource.uri.clone().unwrap_or_default(),
            name: resource.display_name.clone(),
            scopes: write_scopes(&resource.scopes),
            token_typ: resource.token_typ.as_str().to_owned(),
            runtime: policy.runtime.client_ids.join("\n"),
            exchange: policy.exchange.allowed_client_ids.join("\n"),
            connect: policy.connect.allowed_return_urls.join("\n"),
            problem: None,
        }
    }

    fn typs() -> impl Iterator<Item = &'static str> {
        TokenTyp::ALL.iter().map(|own| own.as_str())
    }

    fn action(&self) -> String {
        match &self.own {
            Some(slug) => format!("{}/edit", path_of(slug)),
            None => "/admin/ui/new/resource".into(),
        }
    }

    fn back(&self) -> String {
        self.own
            .as_deref()
            .map_or("/admin/ui/resources".into(), path_of)
    }

    fn refused(mut self, error: &Error) -> Response {
        self.problem = Some(told(error));
        render(status(error), &self)
    }
}

/// `GET /admin/ui/new/resource`
pub(super) async fn new(visit: Visit) -> Shown {
    show(&ResourceForm::from_sent(&visit, None, &Pairs::default()))
}

/// `POST /admin/ui/new/resource`
pub(super) async fn create(State(console): State<Console>, visit: Visit, form: Sent) -> Shown {
    let typed = ResourceForm::from_sent(&visit, None, &form);
    let new = NewResource {
        slug: typed.slug.clone(),
        uri: form.given("uri"),
        backend_kind: BackendKind::Mint,
        display_name: form.given("display_name"),
        scopes: read_scopes(&form.lines("scopes")),
        token_typ: match form.word("token_typ") {
            Ok(typ) => typ.unwrap_or_default(),
            Err(error) => return Ok(typed.refused(&error)),
        },
        policy: Policy {
            exchange: ExchangePolicy {
                allowed_client_ids: form.lines("exchange"),
            },
            runtime: RuntimePolicy {
                client_ids: form.lines("runtime"),
            },
            connect: ConnectPolicy {
                allowed_return_urls: form.lines("connect"),
            },
        },
    };
    match console.app.engine.create_resource(new).await {
        Ok(kept) => changed(&console, &visit, kept, "created").await,
        Err(error) => Ok(typed.refused(&error)),
    }
}

/// `GET /admin/ui/resources/{slug}/edit`
pub(super) async fn edit(
    State(console): State<Console>,
    visit: Visit,
    At(slug): At<String>,
) -> Shown {
    let resource = console.app.engine.resource(&slug).await?;
    show(&ResourceForm::of(&visit, &resource))
}

/// `POST /admin/ui/resources/{slug}/edit`
pub(super) async fn update(
    State(console): State<Console>,
    visit: Visit,
    At(slug): At<String>,
    form: Sent,
) -> Shown {
    let typed = ResourceForm::from_sent(&visit, Some(&slug), &form);
    let change = ResourceChange {
        uri: Some(typed.uri.clone()),
        display_name: Some(typed.name.clone()),
        scopes: Some(read_scopes(&form.lines("scopes"))),
        token_typ: match form.word("token_typ") {
            Ok(typ) => typ,
            Err(error) => return Ok(typed.refused(&error)),
        },
        policy: PolicyChange {
            allowed_client_ids: Some(form.lines("exchange")),
            client_ids: Some(form.lines("runtime")),
            allowed_return_urls: Some(form.lines("connect")),
        },
        version: typed.version.map(UnixMillis),
    };
    match console.app.engine.update_resource(&slug, change).await {
        Ok(kept) => changed(&console, &visit, kept, "changed").await,
        Err(error) => Ok(typed.refused(&error)),
    }
}

async fn question(console: &Console, visit: &Visit, slug: &str) -> engine::Result<Confirm> {
    let engine = &console.app.engine;
    let resource = engine.resource(slug).await?;
    let row = Row::from(&*resource);
    let mut effects = vec![
        "Clients can no longer get tokens for it.".to_owned(),
        "What users agreed to for it ends, with the authorizations and tokens that rest on that, \
         on every instance, within a second."
            .into(),
        "Tokens of machines for it live until they expire.".into(),
    ];
    let neighbours = engine.fronting_neighbours(&resource).await?;
    if !neighbours.is_empty() {
        effects.push(format!(
            "Its fronting links end: {}.",
            neighbours.join(", ")
        ));
    }
    let clients = engine.default_clients(&resource).await?;
    if !clients.is_empty() {
        effects.push(format!(
            "Requests without a resource of these clients lose their default: {}.",
            clients.join(", ")
        ));
    }
    Ok(Confirm {
        frame: visit.frame(Section::Resources),
        title: "Delete this resource?".into(),
        subject: format!("{} ({})", row.name, row.slug),
        effects,
        action: format!("{}/delete", row.href),
        button: "Delete the resource",
        version: Some(resource.updated_at.0),
        back: row.href,
        problem: None,
    })
}

/// `GET /admin/ui/resources/{slug}/delete`
pub(super) async fn ask(
    State(console): State<Console>,
    visit: Visit,
    At(slug): At<String>,
) -> Shown {
    question(&console, &visit, &slug).await?.ask()
}

/// `POST /admin/ui/resources/{slug}/delete`
pub(super) async fn delete(
    State(console): State<Console>,
    visit: Visit,
    At(slug): At<String>,
    form: Sent,
) -> Shown {
    let question = question(&console, &visit, &slug).await?;
    let how = Deletion {
        version: form.get("version").parse().ok().map(UnixMillis),
        force: true,
    };
    let gone = console.app.engine.delete_resource(&slug, how).await;
    question.after(gone, "/admin/ui/resources?done=deleted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_lines_and_come_back_as_they_were() {
        let text = "read | Read your notes\nwrite\nadmin | | repo";
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let scopes = read_scopes(&lines);
        assert_eq!(scopes[0].description, "Read your notes");
        assert_eq!(
            (&*scopes[2].description, &*scopes[2].upstream),
            ("", "repo")
        );
        assert_eq!(
            write_scopes(&scopes),
            "read | Read your notes\nwrite\nadmin |  | repo"
        );
    }
}
