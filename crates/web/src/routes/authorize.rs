//! The authorization endpoint and the consent page.

use super::App;
use super::answer::Asked;
use super::browser::see_other;
use super::login::{SIGN_OUT_FORM, login_path};
use super::page::{Leads, nonce, retry_after};
use crate::pages::{
    ClientIdentity, ConsentPage, ConsentResource, ConsentScope, Destination, StoppedPage,
};
use ::oauth::redirect_uri::host_for_display;
use ::oauth::{ErrorBody, ErrorCode, Params};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use domain::{Client, ClientSource};
use engine::{Authorization, ConsentDecision, ConsentView, Error, FormToken, SignedIn, Stopped};
use http::{HeaderMap, Method, StatusCode};
use telemetry::metrics::DenyReason;

/// The form-token purpose of the consent form; its token is bound to the request it answers.
const CONSENT_FORM: &str = "consent";
/// What stands in the token of a form behind the account that it was shown to.
const BEHIND_ACCOUNT: char = ':';

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
        Authorization::Stopped(stopped) => stopped_page(&app, *stopped, asked.request_id()),
        Authorization::Login => see_other(&to_login(&app, &params, user.is_some())),
        Authorization::Consent(_) => see_other(&to_consent(&app, &params)),
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
        (Authorization::Stopped(stopped), _) => stopped_page(&app, *stopped, asked.request_id()),
        (Authorization::Consent(view), Some(user)) => page(&app, &headers, *view, &user, query),
        (Authorization::Login | Authorization::Consent(_), user) => {
            see_other(&to_login(&app, &params, user.is_some()))
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
    match decide(&app, &headers, &body).await {
        Ok(response) => response,
        Err(error) => app.pages.error(&error, asked.request_id()),
    }
}

async fn decide(app: &App, headers: &HeaderMap, body: &[u8]) -> Result<Response, Error> {
    let form = Params::parse(body)?;
    let request = form.required("request")?;
    let params = Params::parse(request.as_bytes())?;
    let user = match answered_by(app, headers, &form, CONSENT_FORM, request).await? {
        Answerer::Same(user) => user,
        Answerer::Nobody => return Ok(see_other(&to_login(app, &params, false))),
        Answerer::Other => return Ok(see_other(&to_consent_anew(app, &params))),
    };
    let decision = read_decision(&form)?;
    match app.engine.consent(&params, &user, decision).await {
        Authorization::Redirect(to) => Ok(see_other(&to)),
        Authorization::Refused(error) => Err(error),
        // Whoever answers is signed in, and has answered.
        Authorization::Login | Authorization::Consent(_) | Authorization::Stopped(_) => {
            Ok(see_other(&to_consent_anew(app, &params)))
        }
    }
}

/// Who sent a form that asks for a consent.
pub(crate) enum Answerer {
    /// The user whom the form was shown to, perhaps in a new session.
    Same(SignedIn),
    /// Somebody else who has signed in since, or the same after more than an hour: the form is
    /// to be shown anew, and nothing of the answer holds.
    Other,
    /// The session has ended.
    Nobody,
}

/// Reads who sent the form: its token names the account that it was shown to, and holds for that,
/// the browser, and the request.
pub(crate) async fn answered_by(
    app: &App,
    headers: &HeaderMap,
    form: &Params,
    purpose: &str,
    request: &str,
) -> Result<Answerer, Error> {
    let token = form.get("csrf_token").unwrap_or_default();
    let (account, token) = token.split_once(BEHIND_ACCOUNT).unwrap_or_default();
    let token = app.form_token(headers, token, purpose, &[account, request]);
    if token == FormToken::Forged {
        return Err(csrf_refused(app).await);
    }
    Ok(match app.signed_in(headers).await? {
        None => Answerer::Nobody,
        Some(user) if token == FormToken::Good && user.user.id.as_str() == account => {
            Answerer::Same(user)
        }
        Some(_) => Answerer::Other,
    })
}

/// Which of the two buttons was pressed.
pub(crate) fn read_decision(form: &Params) -> Result<ConsentDecision, Error> {
    match form.required("decision")? {
        "allow" => Ok(ConsentDecision::Allow),
        "deny" => Ok(ConsentDecision::Deny),
        _ => Err(Error::invalid_request("decision: answer allow or deny")),
    }
}

/// Records a form whose token is not one that this browser was given for it.
pub(crate) async fn csrf_refused(app: &App) -> Error {
    let error = Error::new(
        ErrorCode::AccessDenied,
        DenyReason::Csrf,
        "the form was not sent from this server's own page in this browser; start again in the app",
    );
    app.engine.refuse_authorization(&error).await;
    error
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

/// The login page, with the way back to this request. Somebody who `is_signed_in` and comes here
/// is asked again because the request says so; after that it no longer does.
fn to_login(app: &App, params: &Params, is_signed_in: bool) -> String {
    let query = carried(app, params, |words| {
        words.retain(|word| !matches!(*word, "login" | "select_account"));
    });
    let next = app.pages.local(&format!("/oauth/authorize?{query}"));
    login_path(app, &next, is_signed_in)
}

/// The consent page of this request.
fn to_consent(app: &App, params: &Params) -> String {
    let query = carried(app, params, |_| {});
    app.pages.local(&format!("/consent?{query}"))
}

/// The consent page, for somebody who has to be asked whatever was agreed to before.
fn to_consent_anew(app: &App, params: &Params) -> String {
    let query = carried(app, params, |words| *words = vec!["consent"]);
    app.pages.local(&format!("/consent?{query}"))
}

/// The request's parameters as a query again, with other words in `prompt` and the time at which
/// the flow began.
fn carried(app: &App, params: &Params, prompt: impl FnOnce(&mut Vec<&str>)) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in params.iter().filter(|(name, _)| *name != "prompt") {
        query.append_pair(name, value);
    }
    let words = params.get("prompt").unwrap_or_default().split(' ');
    let mut words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    prompt(&mut words);
    if !words.is_empty() {
        query.append_pair("prompt", &words.join(" "));
    }
    if params.get("flow_started").is_none() {
        query.append_pair("flow_started", &app.engine.now().0.to_string());
    }
    query.finish()
}

fn page(
    app: &App,
    headers: &HeaderMap,
    view: ConsentView,
    user: &SignedIn,
    query: String,
) -> Response {
    let form = ConsentForm {
        action: "/consent",
        purpose: CONSENT_FORM,
        after_sign_in: app.pages.local(&format!("/oauth/authorize?{query}")),
        request: query,
        leads: Leads::ToClient,
    };
    let question = ConsentQuestion {
        client: &view.client,
        destination: destination_of(&view.redirect_uri),
        resources: view.resources,
        offline_access: view.offline_access,
    };
    consent_page(app, headers, user, question, form)
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
    /// Where somebody goes on who signs out here and in again.
    pub after_sign_in: String,
    /// Where the answer leads to.
    pub leads: Leads,
}

/// The page that asks for a consent.
pub(crate) fn consent_page(
    app: &App,
    headers: &HeaderMap,
    user: &SignedIn,
    question: ConsentQuestion<'_>,
    form: ConsentForm,
) -> Response {
    let (nonce, binding) = (nonce(), app.bind(headers));
    let (tokens, now) = (app.engine.form_tokens(), app.engine.now());
    let (client, account) = (question.client, user.user.id.as_str());
    let content = [account, &form.request];
    let token = tokens.issue(form.purpose, &binding.browser, &content, now);
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
        csrf_token: format!("{account}{BEHIND_ACCOUNT}{token}"),
        sign_out_token: tokens.issue(SIGN_OUT_FORM, &binding.browser, &[&form.after_sign_in], now),
        after_sign_in: form.after_sign_in,
        request: form.request,
        client_name: client.name.clone(),
        identity: identity_of(client),
        destination: question.destination,
        resources,
        offline_access: question.offline_access,
        user_email: user.user.email.clone(),
    };
    let mut response = app.pages.render(StatusCode::OK, &page, &nonce, form.leads);
    binding.tie(&mut response);
    response
}

/// The page on which an authorization ends that nobody has signed in for.
fn stopped_page(app: &App, stopped: Stopped, request_id: &str) -> Response {
    let error = stopped.error;
    let status = match error.is_server_fault() {
        true => {
            StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
        }
        false => StatusCode::BAD_REQUEST,
    };
    let nonce = nonce();
    let page = StoppedPage {
        nonce: nonce.clone(),
        issuer_host: app.pages.issuer_host.to_string(),
        status: status.as_u16(),
        client_name: stopped.client.name.clone(),
        identity: identity_of(&stopped.client),
        destination: destination_of(&stopped.redirect_uri),
        error: error.code.as_str(),
        description: error.description.into_owned(),
        to: stopped.to,
        request_id: request_id.to_owned(),
    };
    let mut response = app.pages.render(status, &page, &nonce, Leads::Here);
    retry_after(&mut response, error.retry_after);
    response
}

/// Where a redirect URI leads, in the words of the pages.
fn destination_of(redirect_uri: &str) -> Destination {
    let host = host_for_display(redirect_uri);
    if host.is_custom_scheme {
        // The page writes the colon.
        Destination::App {
            scheme: host.host.trim_end_matches(':').to_owned(),
        }
    } else if host.is_local {
        Destination::Loopback { host: host.host }
    } else {
        Destination::Web { host: host.host }
    }
}

/// What is known about a client besides its name.
fn identity_of(client: &Client) -> ClientIdentity {
    match (client.source, document_host(client)) {
        (_, Some(host)) => ClientIdentity::Document { host },
        (ClientSource::Admin, None) => ClientIdentity::Registered,
        _ => ClientIdentity::SelfRegistered,
    }
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
