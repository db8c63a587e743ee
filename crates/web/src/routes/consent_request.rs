//! The page behind the `consent_url` of a token exchange: a consent without an authorization.

use super::App;
use super::answer::Asked;
use super::authorize::{
    Answerer, ConsentForm, ConsentQuestion, answered_by, consent_page, read_decision,
};
use super::browser::see_other;
use super::login::login_path;
use super::page::{Leads, nonce};
use crate::pages::{AnsweredPage, Destination};
use ::oauth::Params;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use engine::{CONSENT_REQUEST_PATH, ConsentDecision, Error};
use http::{HeaderMap, StatusCode};

/// The form-token purpose of the form; its token is bound to the link it answers.
const FORM: &str = "consent_request";

/// `GET /consent/request`
pub(crate) async fn form(
    State(app): State<App>,
    asked: Asked,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    match question(&app, &headers, query.unwrap_or_default()).await {
        Ok(response) => response,
        Err(error) => app.pages.error(&error, asked.request_id()),
    }
}

async fn question(app: &App, headers: &HeaderMap, query: String) -> Result<Response, Error> {
    let link = Params::parse(query.as_bytes())?;
    let Some(user) = app.signed_in(headers).await? else {
        return Ok(see_other(&login_path(app, &page_of(app, &query), false)));
    };
    let view = app.engine.consent_request(&link, &user).await?;
    let form = ConsentForm {
        action: CONSENT_REQUEST_PATH,
        purpose: FORM,
        after_sign_in: page_of(app, &query),
        request: query,
        leads: Leads::Here,
    };
    let question = ConsentQuestion {
        client: &view.client,
        destination: Destination::Here,
        resources: vec![view.resource],
        offline_access: false,
    };
    Ok(consent_page(app, headers, &user, question, form))
}

/// The page of the link with this query.
fn page_of(app: &App, query: &str) -> String {
    app.pages.local(&format!("{CONSENT_REQUEST_PATH}?{query}"))
}

/// `POST /consent/request`
pub(crate) async fn submit(
    State(app): State<App>,
    asked: Asked,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match decide(&app, &headers, &body).await {
        Ok(response) => response,
        Err(error) => app.pages.error(&error, asked.request_id()),
    }
}

async fn decide(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Response, Error> {
    let form = Params::parse(body)?;
    let request = form.required("request")?;
    let user = match answered_by(app, headers, &form, FORM, request).await? {
        Answerer::Same(user) => user,
        Answerer::Nobody => return Ok(see_other(&login_path(app, &page_of(app, request), false))),
        Answerer::Other => return Ok(see_other(&page_of(app, request))),
    };
    let link = Params::parse(request.as_bytes())?;
    let decision = read_decision(&form)?;
    app.engine
        .answer_consent_request(&link, &user, decision)
        .await?;
    let nonce = nonce();
    let page = AnsweredPage {
        nonce: nonce.clone(),
        issuer_host: app.pages.issuer_host.to_string(),
        base_path: app.pages.base_path.to_string(),
        allowed: decision == ConsentDecision::Allow,
    };
    let page = app.pages.render(StatusCode::OK, &page, &nonce, Leads::Here);
    Ok(page)
}
