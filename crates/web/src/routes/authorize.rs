//! The authorization endpoint and the consent page.

use super::App;
use super::answer::Asked;
use super::browser::see_other;
use super::page::nonce;
use crate::pages::{ClientIdentity, ConsentPage, ConsentResource, ConsentScope, Destination};
use ::oauth::redirect_uri::{csp_source, host_for_display};
use ::oauth::{ErrorBody, ErrorCode, Params};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use domain::{Client, ClientSource};
use engine::{Authorization, ConsentDecision, ConsentView, Error, SignedIn};
use http::{HeaderMap, Method, StatusCode};
use telemetry::metrics::DenyReason;

/// The form-token purpose of the consent form; its token is bound to the request it answers.
const CONSENT_FORM: &str = "consent";
/// The form-token purpose of the form that signs out.
pub(crate) const SIGN_OUT_FORM: &str = "logout";

/// Begins an authorization (RFC 6749 §4.1.1): a page, or a redirect with the answer.
#[utoipa::path(
    get,
    path = "/oauth/authorize",
    tag = "OAuth",
    operation_id = "authorize_authorize",
    params(
        ("response_type" = Option<String>, Query, description = "`code`"),
        ("client_id" = Option<String>, Query, description = "Who asks"),
        ("redirect_uri" = Option<String>, Query, description = "Where the answer goes"),
        ("scope" = Option<String>, Query, description = "Scopes, separated by blanks"),
        ("state" = Option<String>, Query, description = "Comes back with the answer"),
        ("code_challenge" = Option<String>, Query, description = "RFC 7636 §4.2"),
        ("code_challenge_method" = Option<String>, Query, description = "`S256`"),
        ("resource" = Option<Vec<String>>, Query, description = "What the token is for (RFC 8707)"),
        ("prompt" = Option<String>, Query, description = "`none`, `login` or `consent`"),
    ),
    responses(
        (status = 200, description = "A page: consent", body = String, content_type = "text/html"),
        (status = 302, description = "To the client, with a code or an error"),
        (status = 303, description = "To sign in, or to the client"),
        (status = 400, description = "A page: the request cannot be answered at the client", content((String = "text/html"), (ErrorBody = "application/json"), (ErrorBody = "application/problem+json"))),
        (status = 401, description = "A page: the client is unknown", content((String = "text/html"), (ErrorBody = "application/json"), (ErrorBody = "application/problem+json"))),
        (status = 429, description = "Too many requests", body = ErrorBody),
        (status = 503, description = "The database does not answer, or took too long", body = ErrorBody),
    ),
)]
pub(crate) async fn authorize(
    State(app): State<App>,
    asked: Asked,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let params = match read(&app, &query).await {
        Ok(params) => params,
        Err(error) => return app.pages.error(&error, asked.request_id()),
    };
    let user = match app.acting_user(&method, &headers).await {
        Ok(user) => user,
        Err(error) => return app.pages.error(&error, asked.request_id()),
    };
    match app.engine.authorize(&params, user.as_ref()).await {
        Authorization::Refused(error) => app.pages.error(&error, asked.request_id()),
        Authorization::Redirect(to) => see_other(&to),
        Authorization::Login(_) => see_other(&login_path(&app, &params)),
        Authorization::Consent(_) => see_other(
            &app.pages
                .local(&format!("/consent?{}", carried(&app, &params, false))),
        ),
    }
}

/// `GET /consent`: the question that an authorization request has raised.
pub(crate) async fn consent_form(
    State(app): State<App>,
    asked: Asked,
    method: Method,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.unwrap_or_default();
    let params = match read(&app, &query).await {
        Ok(params) => params,
        Err(error) => return app.pages.error(&error, asked.request_id()),
    };
    let user = match app.acting_user(&method, &headers).await {
        Ok(user) => user,
        Err(error) => return app.pages.error(&error, asked.request_id()),
    };
    match (app.engine.authorize(&params, user.as_ref()).await, user) {
        (Authorization::Refused(error), _) => app.pages.error(&error, asked.request_id()),
        (Authorization::Redirect(to), _) => see_other(&to),
        (Authorization::Consent(view), Some(user)) => page(&app, *view, &user, query),
        (Authorization::Login(_) | Authorization::Consent(_), _) => {
            see_other(&login_path(&app, &params))
        }
    }
}

/// `POST /consent`: the user's answer.
pub(crate) async fn consent(
    State(app): State<App>,
    asked: Asked,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request_id = asked.request_id();
    match decide(&app, &headers, &body).await {
        Ok(Authorization::Redirect(to)) => see_other(&to),
        Ok(Authorization::Refused(error)) | Err(error) => app.pages.error(&error, request_id),
        // The session ended meanwhile: back to the beginning.
        Ok(Authorization::Login(_) | Authorization::Consent(_)) => app
            .pages
            .error(&expired(DenyReason::RequestExpired), request_id),
    }
}

async fn decide(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Authorization, Error> {
    let form = Params::parse(body)?;
    let user = app
        .signed_in(headers)
        .await?
        .ok_or_else(|| expired(DenyReason::SessionInvalid))?;
    let request = form.required("request")?;
    check_form_token(app, &form, &user, CONSENT_FORM, request).await?;
    let params = Params::parse(request.as_bytes())?;
    let decision = read_decision(&form)?;
    Ok(app.engine.consent(&params, &user, decision).await)
}

/// Which of the two buttons was pressed.
pub(crate) fn read_decision(form: &Params) -> Result<ConsentDecision, Error> {
    match form.required("decision")? {
        "allow" => Ok(ConsentDecision::Allow),
        "deny" => Ok(ConsentDecision::Deny),
        _ => Err(Error::invalid_request("decision: answer allow or deny")),
    }
}

/// A form of a signed-in browser must carry the token that was issued to its session.
pub(crate) async fn check_form_token(
    app: &App,
    form: &Params,
    user: &SignedIn,
    purpose: &str,
    content: &str,
) -> Result<(), Error> {
    let token = form.get("csrf_token").unwrap_or_default();
    let tokens = app.engine.form_tokens();
    if tokens.accepts(token, purpose, &user.cookie, content, app.engine.now()) {
        return Ok(());
    }
    let error = expired(DenyReason::Csrf);
    app.engine.refuse_authorization(&error).await;
    Err(error)
}

pub(crate) fn expired(reason: DenyReason) -> Error {
    Error::new(
        ErrorCode::AccessDenied,
        reason,
        "the form has expired or was not sent from this server's own page; start again in the app",
    )
}

async fn read(app: &App, query: &str) -> Result<Params, Error> {
    match Params::parse(query.as_bytes()) {
        Ok(params) => Ok(params),
        Err(error) => {
            let error = Error::from(error);
            app.engine.refuse_authorization(&error).await;
            Err(error)
        }
    }
}

/// The login page, with the way back to this request.
fn login_path(app: &App, params: &Params) -> String {
    let next = app
        .pages
        .local(&format!("/oauth/authorize?{}", carried(app, params, true)));
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair("next", &next)
        .finish();
    app.pages.local(&format!("/login?{query}"))
}

/// The request's parameters as a query again, with the time at which the flow began. After a
/// login, `prompt` no longer asks for one.
fn carried(app: &App, params: &Params, after_login: bool) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in params.iter() {
        if name == "prompt" && after_login {
            let rest: Vec<_> = value
                .split(' ')
                .filter(|word| !matches!(*word, "login" | "select_account"))
                .collect();
            if !rest.is_empty() {
                query.append_pair(name, &rest.join(" "));
            }
        } else {
            query.append_pair(name, value);
        }
    }
    if params.get("flow_started").is_none() {
        query.append_pair("flow_started", &app.engine.now().0.to_string());
    }
    query.finish()
}

fn page(app: &App, view: ConsentView, user: &SignedIn, query: String) -> Response {
    let host = host_for_display(&view.redirect_uri);
    let destination = if host.is_custom_scheme {
        // The page writes the colon.
        Destination::App {
            scheme: host.host.trim_end_matches(':').to_owned(),
        }
    } else if host.is_local {
        Destination::Loopback { host: host.host }
    } else {
        Destination::Web { host: host.host }
    };
    let form = ConsentForm {
        action: "/consent",
        purpose: CONSENT_FORM,
        request: query,
        leads_to: Some(csp_source(&view.redirect_uri)),
    };
    let question = ConsentQuestion {
        client: &view.client,
        destination,
        resources: view.resources,
        offline_access: view.offline_access,
    };
    consent_page(app, user, question, form)
}

/// What a consent page asks.
pub(crate) struct ConsentQuestion<'a> {
    pub client: &'a Client,
    pub destination: Destination,
    pub resources: Vec<engine::ConsentResource>,
    pub offline_access: bool,
}

/// Where the answer to a consent page is sent, and what makes it one.
pub(crate) struct ConsentForm {
    /// Path below the issuer's.
    pub action: &'static str,
    /// Of the form token.
    pub purpose: &'static str,
    /// What is sent back along with the answer.
    pub request: String,
    /// Where the answer to the form redirects to.
    pub leads_to: Option<String>,
}

/// The page that asks for a consent.
pub(crate) fn consent_page(
    app: &App,
    user: &SignedIn,
    question: ConsentQuestion<'_>,
    form: ConsentForm,
) -> Response {
    let nonce = nonce();
    let (tokens, now) = (app.engine.form_tokens(), app.engine.now());
    let client = question.client;
    let identity = match (client.source, document_host(client)) {
        (_, Some(host)) => ClientIdentity::Document { host },
        (ClientSource::Admin, None) => ClientIdentity::Registered,
        _ => ClientIdentity::SelfRegistered,
    };
    let resources = question
        .resources
        .into_iter()
        .map(|resource| ConsentResource {
            display_name: resource.display_name,
            uri: resource.identifier,
            scopes: resource
                .scopes
                .into_iter()
                .map(|scope| ConsentScope {
                    name: scope.name,
                    description: scope.description,
                    already_granted: scope.already_granted,
                })
                .collect(),
        })
        .collect();
    let page = ConsentPage {
        nonce: nonce.clone(),
        issuer_host: app.pages.issuer_host.to_string(),
        base_path: app.pages.base_path.to_string(),
        action: form.action,
        csrf_token: tokens.issue(form.purpose, &user.cookie, &form.request, now),
        sign_out_token: tokens.issue(SIGN_OUT_FORM, &user.cookie, "", now),
        request: form.request,
        client_name: client.name.clone(),
        identity,
        destination: question.destination,
        resources,
        offline_access: question.offline_access,
        user_email: user.user.email.clone(),
    };
    app.pages
        .render(StatusCode::OK, &page, &nonce, form.leads_to.as_deref())
}

/// Host of a CIMD client's id: the one thing about it that has been verified.
fn document_host(client: &Client) -> Option<String> {
    if client.source != ClientSource::Cimd {
        return None;
    }
    url::Url::parse(client.id.as_str())
        .ok()?
        .host_str()
        .map(str::to_owned)
}
