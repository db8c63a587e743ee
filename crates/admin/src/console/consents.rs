//! What users have agreed to.

use super::confirm::{Confirm, ends};
use super::form::{Asked, At};
use super::issuances::state;
use super::page::{Frame, Section, Shown, link, plain, segment, show};
use super::session::Visit;
use super::{Console, ROWS};
use crate::rest::list::{read_cursor, write_cursor};
use askama::Template;
use axum::extract::State;
use domain::{ConsentGrant, TokenFamily, UnixMillis};
use engine::Engine;
use engine::admin::{FamilyQuery, IssuanceQuery};
use store::{Cursor, Page, RevokeCount};

/// A consent, as a row.
pub(super) struct Row {
    pub href: String,
    pub client: String,
    pub client_href: String,
    pub resource: String,
    pub scopes: String,
    pub updated_at: UnixMillis,
    pub revoked_at: Option<UnixMillis>,
}

/// The consents of a user, newest first, with the names of clients and resources, and the place
/// where they go on.
pub(super) async fn rows(
    engine: &Engine,
    user: &str,
    behind: Option<&Cursor>,
    page: &Page,
) -> engine::Result<(Vec<Row>, Option<Cursor>)> {
    let found = engine.consents(user, behind, page).await?;
    let mut rows = Vec::new();
    for grant in found.rows {
        rows.push(row(engine, &grant).await);
    }
    Ok((rows, found.next))
}

async fn row(engine: &Engine, grant: &ConsentGrant) -> Row {
    let client = engine.client(grant.client_id.as_str()).await;
    let resource = engine.resource(grant.resource_id.as_str()).await;
    let id = grant.client_id.to_string();
    Row {
        href: format!("/admin/ui/grants/{}/revoke", segment(grant.id.as_str())),
        client_href: format!("/admin/ui/clients/{}", segment(&id)),
        client: plain(&client.map_or(id, |client| client.name)),
        resource: resource.map_or_else(|_| grant.resource_id.to_string(), |own| own.slug.clone()),
        scopes: grant.scopes.to_string(),
        updated_at: grant.updated_at,
        revoked_at: grant.revoked_at,
    }
}

#[derive(Template)]
#[template(path = "grants.html")]
struct GrantsPage {
    frame: Frame,
    user: String,
    rows: Vec<Row>,
    older: Option<String>,
    problem: Option<String>,
}

/// `GET /admin/ui/grants`
pub(super) async fn list(
    State(console): State<Console>,
    visit: Visit,
    Asked(asked): Asked,
) -> Shown {
    let user = asked.get("user").to_owned();
    let behind = read_cursor(asked.given("cursor")).map_err(|refused| refused.into_error())?;
    let page = Page {
        limit: ROWS,
        offset: 0,
    };
    let found = match user.as_str() {
        "" => Ok((Vec::new(), None)),
        user => rows(&console.app.engine, user, behind.as_ref(), &page).await,
    };
    let ((rows, next), problem) = match found {
        Ok(found) => (found, None),
        Err(error) if error.code.status() < 500 => {
            ((Vec::new(), None), Some(error.description.to_string()))
        }
        Err(error) => return Err(error.into()),
    };
    let older = next.map(|place| {
        let cursor = write_cursor(&place);
        link("/admin/ui/grants", &[("user", &user), ("cursor", &cursor)])
    });
    show(&GrantsPage {
        frame: visit.frame(Section::Grants),
        user,
        rows,
        older,
        problem,
    })
}

/// What rests on a consent and is alive: at least, as chains of exchanged tokens are not followed.
async fn holdings(engine: &Engine, grant: &ConsentGrant) -> engine::Result<RevokeCount> {
    let page = Page {
        limit: 1000,
        offset: 0,
    };
    let user = Some(grant.user_id.to_string());
    let client = Some(grant.client_id.to_string());
    let query = FamilyQuery {
        user: user.clone(),
        client: client.clone(),
        behind: None,
    };
    let families = engine.live_families(&query, &page).await?.rows;
    let resource = engine.resource(grant.resource_id.as_str()).await;
    let audience = resource.map(|own| own.audience().to_owned());
    let is_for = |own: &&TokenFamily| {
        audience
            .as_ref()
            .is_ok_and(|audience| own.resources.contains(audience))
    };
    let query = IssuanceQuery {
        user,
        client,
        resource: Some(grant.resource_id.to_string()),
        jti: None,
        since: None,
        behind: None,
    };
    let now = engine.now();
    let tokens = match audience {
        Ok(_) => engine.issuances(&query, &page).await?.issuances,
        Err(_) => Vec::new(),
    };
    let alive = tokens.iter().filter(|own| state(own, now) == "active");
    Ok(RevokeCount {
        families: families.iter().filter(is_for).count() as u64,
        tokens: alive.count() as u64,
        ..RevokeCount::default()
    })
}

async fn question(console: &Console, visit: &Visit, id: &str) -> engine::Result<Confirm> {
    let engine = &console.app.engine;
    let grant = engine.consent_grant(id).await?;
    let user = engine.user(grant.user_id.as_str()).await;
    let user = user.map_or_else(|_| grant.user_id.to_string(), |user| user.email);
    let row = row(engine, &grant).await;
    let mut effects = vec![format!(
        "{} agreed that {} may use {} for “{}”.",
        plain(&user),
        row.client,
        row.resource,
        row.scopes
    )];
    effects.extend(ends(&holdings(engine, &grant).await?));
    effects.push("Every token that rests on it ends, through exchanges too.".into());
    effects.push("The client has to ask the user again.".into());
    Ok(Confirm {
        frame: visit.frame(Section::Grants),
        title: "Take this consent back?".into(),
        subject: id.to_owned(),
        effects,
        action: row.href,
        button: "Revoke the consent",
        version: None,
        back: link("/admin/ui/grants", &[("user", grant.user_id.as_str())]),
        problem: None,
    })
}

/// `GET /admin/ui/grants/{id}/revoke`
pub(super) async fn ask(State(console): State<Console>, visit: Visit, At(id): At<String>) -> Shown {
    question(&console, &visit, &id).await?.ask()
}

/// `POST /admin/ui/grants/{id}/revoke`
pub(super) async fn revoke(
    State(console): State<Console>,
    visit: Visit,
    At(id): At<String>,
) -> Shown {
    let question = question(&console, &visit, &id).await?;
    let then = format!("{}&done=revoked", question.back);
    question.after(console.app.engine.revoke_consent(&id).await, &then)
}
