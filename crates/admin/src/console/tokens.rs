//! Tokens: one that somebody was handed, taken apart; and the authorizations that are alive.

use super::confirm::Confirm;
use super::form::{Asked, At, Sent};
use super::page::{Frame, Section, Shown, link, plain, segment, show};
use super::session::Visit;
use super::{Console, ROWS};
use crate::rest::list::{read_cursor, write_cursor};
use askama::Template;
use axum::extract::State;
use domain::{TokenFamily, UnixMillis};
use engine::Error;
use engine::admin::{FamilyQuery, Inspection, IssuedToken, TokenState};
use serde_json::Value;
use store::{Page, Part};

/// A live authorization, as a row.
pub(super) struct Row {
    pub href: String,
    pub id: String,
    pub user: String,
    pub client: String,
    pub client_href: String,
    pub scopes: String,
    pub resources: String,
    pub created_at: UnixMillis,
}

impl From<&TokenFamily> for Row {
    fn from(family: &TokenFamily) -> Self {
        let id = family.id.to_string();
        Self {
            href: format!("/admin/ui/tokens/{}/revoke", segment(&id)),
            id,
            user: family.user_id.to_string(),
            client_href: format!("/admin/ui/clients/{}", segment(family.client_id.as_str())),
            client: plain(family.client_id.as_str()),
            scopes: family.scope.to_string(),
            resources: family.resources.join(" "),
            created_at: family.created_at,
        }
    }
}

/// A token, taken apart, as it is shown.
struct Verdict {
    tone: &'static str,
    word: &'static str,
    why: String,
    header: Option<String>,
    claims: Option<String>,
    times: Vec<(&'static str, UnixMillis)>,
    record: Option<String>,
}

impl From<Inspection> for Verdict {
    fn from(found: Inspection) -> Self {
        let (tone, word) = match found.state {
            TokenState::Active => ("good", "Active"),
            TokenState::Expired => ("plain", "Expired"),
            TokenState::Revoked => ("bad", "Revoked"),
            TokenState::Ended => ("bad", "Ended"),
            TokenState::Unrecorded => ("plain", "Not on record"),
            TokenState::Foreign => ("bad", "Not a token of this server"),
        };
        let time = |name: &str| {
            let seconds = found.claims.as_ref()?.get(name)?.as_i64()?;
            Some(UnixMillis(seconds.checked_mul(1000)?))
        };
        let times = [("Issued", time("iat")), ("Expires", time("exp"))];
        let json = |part: &Option<Value>| part.as_ref().map(|part| format!("{part:#}"));
        Self {
            tone,
            word,
            why: found.why.unwrap_or_else(|| {
                "Its signature is good, its time has not passed, and nothing has ended it.".into()
            }),
            header: json(&found.header),
            claims: json(&found.claims),
            times: times
                .into_iter()
                .filter_map(|(label, at)| Some((label, at?)))
                .collect(),
            record: found
                .issuance
                .map(|own| format!("/admin/ui/issuances/{}", segment(own.jti.as_str()))),
        }
    }
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    frame: Frame,
    verdict: Option<Verdict>,
    user: String,
    client: String,
    rows: Vec<Row>,
    older: Option<String>,
    problem: Option<String>,
}

/// `GET /admin/ui/tokens`
pub(super) async fn page(
    State(console): State<Console>,
    visit: Visit,
    Asked(asked): Asked,
) -> Shown {
    let query = FamilyQuery {
        user: asked.given("user"),
        client: asked.given("client"),
        behind: read_cursor(asked.given("cursor")).map_err(|refused| refused.into_error())?,
    };
    let page = Page {
        limit: ROWS,
        offset: 0,
    };
    let found = console.app.engine.live_families(&query, &page).await;
    let (found, problem) = match found {
        Ok(found) => (found, None),
        Err(error) if error.code.status() < 500 => {
            let nothing = Part {
                rows: Vec::new(),
                next: None,
            };
            (nothing, Some(error.description.to_string()))
        }
        Err(error) => return Err(error.into()),
    };
    let (user, client) = (asked.get("user"), asked.get("client"));
    show(&TokensPage {
        frame: visit.frame(Section::Tokens),
        verdict: None,
        user: user.to_owned(),
        client: client.to_owned(),
        rows: found.rows.iter().map(Row::from).collect(),
        older: found.next.as_ref().map(|place| {
            let cursor = write_cursor(place);
            let pairs = [("user", user), ("client", client), ("cursor", &cursor)];
            link("/admin/ui/tokens", &pairs)
        }),
        problem,
    })
}

/// `POST /admin/ui/tokens`: what is pasted is taken apart and forgotten.
pub(super) async fn inspect(State(console): State<Console>, visit: Visit, form: Sent) -> Shown {
    let found = console.app.engine.inspect_token(form.get("token")).await?;
    show(&TokensPage {
        frame: visit.frame(Section::Tokens),
        verdict: Some(found.into()),
        user: String::new(),
        client: String::new(),
        rows: Vec::new(),
        older: None,
        problem: None,
    })
}

async fn question(console: &Console, visit: &Visit, id: &str) -> engine::Result<Confirm> {
    let IssuedToken::Family(family) = console.app.engine.issued_token(id).await? else {
        return Err(Error::not_found(format!("there is no authorization {id}")));
    };
    let user = console.app.engine.user(family.user_id.as_str()).await;
    let user = user.map_or_else(|_| family.user_id.to_string(), |user| user.email);
    let row = Row::from(&family);
    Ok(Confirm {
        frame: visit.frame(Section::Tokens),
        title: "End this authorization?".into(),
        subject: row.id,
        effects: vec![
            format!(
                "{} authorized {} for “{}”.",
                plain(&user),
                row.client,
                row.scopes
            ),
            "Its refresh token and all access tokens issued from it end, on every instance, \
             within a second."
                .into(),
            "The consent stays: the client can ask for a new authorization.".into(),
        ],
        action: row.href,
        button: "End the authorization",
        version: None,
        back: "/admin/ui/tokens".into(),
        problem: None,
    })
}

/// `GET /admin/ui/tokens/{id}/revoke`
pub(super) async fn ask(State(console): State<Console>, visit: Visit, At(id): At<String>) -> Shown {
    question(&console, &visit, &id).await?.ask()
}

/// `POST /admin/ui/tokens/{id}/revoke`
pub(super) async fn revoke(
    State(console): State<Console>,
    visit: Visit,
    At(id): At<String>,
) -> Shown {
    let question = question(&console, &visit, &id).await?;
    let ended = console.app.engine.revoke_issued_token(&id).await;
    question.after(ended, "/admin/ui/tokens?done=revoked")
}
