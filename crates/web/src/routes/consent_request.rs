//! The page behind the `consent_url` of a token exchange: a consent without an authorization.

use super::App;
use super::answer::Asked;
use super::authorize::{
    ConsentForm, ConsentQuestion, check_form_token, consent_page, expired, read_decision,
};
use super::browser::see_other;
use super::page::nonce;
use crate::pages::{AnsweredPage, Destination};
use ::oauth::Params;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use engine::{CONSENT_REQUEST_PATH, ConsentDecision, Error};
use http::{HeaderMap, StatusCode};
use telemetry::metrics::DenyReason;

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
        let next = app.pages.local(&format!("{CONSENT_REQUEST_PATH}?{query}"));
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("next", &next)
            .finish();
        return Ok(see_other(&app.pages.local(&format!("/login?{query}"))));
    };
    let view = app.engine.consent_request(&link, &user).await?;
    let form = ConsentForm {
        action: CONSENT_REQUEST_PATH,
        purpose: FORM,
        request: query,
        leads_to: None,
    };
    let question = ConsentQuestion {
        client: &view.client,
        destination: Destination::Here,
        resources: vec![view.resource],
        offline_access: false,
    };
    Ok(consent_page(app, &user, question, form))
}

/// `POST /consent/request`
pub(crate) async fn submit(
    State(app): State<App>,
    asked: Asked,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    match decide(&app, &headers, &body).await {
        Ok(decision) => {
            let nonce = nonce();
            let page = AnsweredPage {
                nonce: nonce.clone(),
                issuer_host: app.pages.issuer_host.to_string(),
                base_path: app.pages.base_path.to_string(),
                allowed: decision == ConsentDecision::Allow,
            };
            app.pages.render(StatusCode::OK, &page, &nonce, None)
        }
        Err(error) => app.pages.error(&error, asked.request_id()),
    }
}

async fn decide(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<ConsentDecision, Error> {
    let form = Params::parse(body)?;
    let user = app
        .signed_in(headers)
        .await?
        .ok_or_else(|| expired(DenyReason::SessionInvalid))?;
    let request = form.required("request")?;
    check_form_token(app, &form, &user, FORM, request).await?;
    let link = Params::parse(request.as_bytes())?;
    let decision = read_decision(&form)?;
    app.engine
        .answer_consent_request(&link, &user, decision)
        .await?;
    Ok(decision)
}
