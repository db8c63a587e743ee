//! The record of issued tokens.

use super::confirm::Confirm;
use super::form::{Asked, At};
use super::page::{Frame, Section, Shown, link, plain, segment, show};
use super::session::Visit;
use super::{Console, ROWS};
use crate::rest::list::{read_cursor, write_cursor};
use askama::Template;
use axum::extract::State;
use domain::{Issuance, UnixMillis};
use engine::admin::IssuanceQuery;
use store::Page;

/// The fields of the filter, by name, label and what helps to fill them in.
const FIELDS: [(&str, &str, &str); 5] = [
    ("user", "User", "address or id"),
    ("client", "Client id", ""),
    ("resource", "Resource", "slug or id"),
    ("jti", "Token id (jti)", ""),
    ("since", "Since", "7d, 90m or a time"),
];

/// A token, as a row.
struct Row {
    jti: String,
    href: String,
    state: &'static str,
    client: String,
    user: Option<String>,
    scopes: String,
    issued_at: UnixMillis,
    expires_at: UnixMillis,
}

impl Row {
    fn new(issuance: &Issuance, now: UnixMillis) -> Self {
        let jti = issuance.jti.to_string();
        Self {
            href: format!("/admin/ui/issuances/{}", segment(&jti)),
            jti,
            state: state(issuance, now),
            client: plain(issuance.client_id.as_str()),
            user: issuance.subject_user_id.as_ref().map(ToString::to_string),
            scopes: issuance.scopes.to_string(),
            issued_at: issuance.issued_at,
            expires_at: issuance.expires_at,
        }
    }
}

/// Whether a token is alive, in a word.
pub(super) fn state(issuance: &Issuance, now: UnixMillis) -> &'static str {
    match issuance.revoked_at {
        Some(_) => "revoked",
        None if issuance.expires_at <= now => "expired",
        None => "active",
    }
}

#[derive(Template)]
#[template(path = "issuances.html")]
struct IssuancesPage {
    frame: Frame,
    fields: Vec<(&'static str, &'static str, &'static str, String)>,
    asked: bool,
    rows: Vec<Row>,
    older: Option<String>,
    problem: Option<String>,
}

/// `GET /admin/ui/issuances`
pub(super) async fn list(
    State(console): State<Console>,
    visit: Visit,
    Asked(asked): Asked,
) -> Shown {
    let page = Page {
        limit: ROWS,
        offset: 0,
    };
    let cursor = asked.given("cursor");
    let behind = read_cursor(cursor).map_err(|refused| refused.into_error())?;
    let wanted = ["user", "client", "resource", "jti"];
    let is_asked = wanted.iter().any(|name| !asked.get(name).is_empty());
    let found = async {
        let since = asked.given("since").map(|text| text.parse()).transpose();
        let query = IssuanceQuery {
            user: asked.given("user"),
            client: asked.given("client"),
            resource: asked.given("resource"),
            jti: asked.given("jti"),
            since: since.map_err(|fault: String| {
                engine::Error::invalid_request(format!("since: {fault}"))
            })?,
            behind,
        };
        match is_asked {
            true => {
                let found = console.app.engine.issuances(&query, &page).await?;
                Ok((found.issuances, found.next))
            }
            false => Ok((Vec::new(), None)),
        }
    };
    let found: engine::Result<_> = found.await;
    let ((found, next), problem) = match found {
        Ok(found) => (found, None),
        Err(error) if error.code.status() < 500 => {
            ((Vec::new(), None), Some(error.description.to_string()))
        }
        Err(error) => return Err(error.into()),
    };
    let older = next.map(|place| {
        let cursor = write_cursor(&place);
        let mut pairs: Vec<_> = FIELDS
            .iter()
            .map(|(name, ..)| (*name, asked.get(name)))
            .collect();
        pairs.push(("cursor", &cursor));
        link("/admin/ui/issuances", &pairs)
    });
    let now = console.now();
    show(&IssuancesPage {
        frame: visit.frame(Section::Issuances),
        fields: FIELDS
            .iter()
            .map(|(name, label, hint)| (*name, *label, *hint, asked.get(name).to_owned()))
            .collect(),
        asked: is_asked,
        rows: found.iter().map(|own| Row::new(own, now)).collect(),
        older,
        problem,
    })
}

#[derive(Template)]
#[template(path = "issuance.html")]
struct IssuancePage {
    frame: Frame,
    row: Row,
    own: Issuance,
}

impl IssuancePage {
    fn clients_path(&self, id: &str) -> String {
        format!("/admin/ui/clients/{}", segment(id))
    }
}

/// `GET /admin/ui/issuances/{jti}`
pub(super) async fn one(
    State(console): State<Console>,
    visit: Visit,
    At(jti): At<String>,
) -> Shown {
    let own = console.app.engine.issuance(&jti).await?;
    show(&IssuancePage {
        frame: visit.frame(Section::Issuances),
        row: Row::new(&own, console.now()),
        own,
    })
}

fn question(visit: &Visit, own: &Issuance, now: UnixMillis) -> Confirm {
    let row = Row::new(own, now);
    Confirm {
        frame: visit.frame(Section::Issuances),
        title: "Revoke this access token?".into(),
        subject: row.jti,
        effects: vec![
            format!("It was issued to {} for “{}”.", row.client, row.scopes),
            "Introspection answers that it is inactive, on every instance, within a second.".into(),
            "Tokens that were exchanged from it, and the refresh token beside it, stay.".into(),
        ],
        action: format!("{}/revoke", row.href),
        button: "Revoke the token",
        version: None,
        back: row.href,
        problem: None,
    }
}

/// `GET /admin/ui/issuances/{jti}/revoke`
pub(super) async fn ask(
    State(console): State<Console>,
    visit: Visit,
    At(jti): At<String>,
) -> Shown {
    let own = console.app.engine.issuance(&jti).await?;
    question(&visit, &own, console.now()).ask()
}

/// `POST /admin/ui/issuances/{jti}/revoke`
pub(super) async fn revoke(
    State(console): State<Console>,
    visit: Visit,
    At(jti): At<String>,
) -> Shown {
    let engine = &console.app.engine;
    let own = engine.issuance(&jti).await?;
    let question = question(&visit, &own, console.now());
    let then = format!("{}?done=revoked", question.back);
    question.after(engine.revoke_issuance(&jti).await, &then)
}
