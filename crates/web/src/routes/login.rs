//! Signing in and out, and the page of a browser that came for nothing in particular.

use super::App;
use super::answer::Asked;
use super::authorize::csrf_refused;
use super::browser::see_other;
use super::page::{Leads, nonce, retry_after};
use crate::pages::{HomePage, LoginError, LoginPage, SignedOutPage};
use ::oauth::Params;
use ::oauth::local_path::LocalPath;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use domain::normalize_email;
use engine::{Error, FormToken, LoginView, SignedIn};
use http::{HeaderMap, StatusCode};
use secrecy::SecretString;
use telemetry::metrics::DenyReason;

/// The form-token purpose of the login form.
const LOGIN_FORM: &str = "login";
/// The form-token purpose of the form that signs out.
pub(crate) const SIGN_OUT_FORM: &str = "logout";

/// `GET /`
pub(crate) async fn home(State(app): State<App>, asked: Asked, headers: HeaderMap) -> Response {
    let user = match app.signed_in(&headers).await {
        Ok(Some(user)) => user,
        Ok(None) => return see_other(&app.pages.local("/login")),
        Err(error) => return app.pages.error(&error, asked.request_id()),
    };
    let (nonce, binding) = (nonce(), app.bind(&headers));
    let home = app.pages.local("/");
    let (tokens, now) = (app.engine.form_tokens(), app.engine.now());
    let page = HomePage {
        nonce: nonce.clone(),
        issuer_host: app.pages.issuer_host.to_string(),
        base_path: app.pages.base_path.to_string(),
        csrf_token: tokens.issue(SIGN_OUT_FORM, &binding.browser, &[&home], now),
        user_email: user.user.email.clone(),
        connections_href: None,
    };
    let mut response = app.pages.render(StatusCode::OK, &page, &nonce, Leads::Here);
    binding.tie(&mut response);
    response
}

/// What a sign-in is for.
struct LoginRequest {
    /// Where to go after it: only ever a path of this server (RFC 9700 §4.11.1).
    next: String,
    /// Whether somebody who is signed in is asked all the same (`prompt=login`).
    again: bool,
}

impl LoginRequest {
    fn of(app: &App, params: &Params) -> Self {
        Self {
            next: local_next(app, params),
            again: params.get("prompt") == Some("login"),
        }
    }

    /// What the token of the form stands for.
    fn content(&self) -> [&str; 2] {
        [&self.next, if self.again { "again" } else { "once" }]
    }

    /// The authorization request that waits behind it.
    fn waiting(&self, app: &App) -> Option<Params> {
        let (path, query) = self.next.split_once('?')?;
        let waits = ["/oauth/authorize", "/consent"]
            .iter()
            .any(|own| path == app.pages.local(own));
        waits.then(|| Params::parse(query.as_bytes()).ok())?
    }
}

/// The login page, on the way to `next`; shown even to somebody who is signed in, if they are to
/// sign in `again`.
pub(crate) fn login_path(app: &App, next: &str, again: bool) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("next", next);
    if again {
        query.append_pair("prompt", "login");
    }
    app.pages.local(&format!("/login?{}", query.finish()))
}

/// `GET /login`
pub(crate) async fn form(
    State(app): State<App>,
    asked: Asked,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Response {
    let params = match Params::parse(query.unwrap_or_default().as_bytes()) {
        Ok(params) => params,
        Err(error) => return app.pages.error(&error.into(), asked.request_id()),
    };
    let login = LoginRequest::of(&app, &params);
    if !login.again && is_signed_in(&app, &headers).await.is_some() {
        return see_other(&login.next);
    }
    show(&app, &headers, login, None, None, StatusCode::OK).await
}

/// Who is signed in. A session store that does not answer must not keep anybody from trying to
/// sign in.
async fn is_signed_in(app: &App, headers: &HeaderMap) -> Option<SignedIn> {
    app.signed_in(headers).await.ok().flatten()
}

/// `POST /login`
pub(crate) async fn submit(
    State(app): State<App>,
    asked: Asked,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = match Params::parse(&body) {
        Ok(form) => form,
        Err(error) => return app.pages.error(&error.into(), asked.request_id()),
    };
    let login = LoginRequest::of(&app, &form);
    let email = form.get("email").unwrap_or_default().to_owned();
    let before = is_signed_in(&app, &headers).await;
    let token = form.get("csrf_token").unwrap_or_default();
    match app.form_token(&headers, token, LOGIN_FORM, &login.content()) {
        FormToken::Good => {}
        // Signed in meanwhile, in another tab, as the same person.
        FormToken::Ended if !login.again && is_of(before.as_ref(), &email) => {
            return see_other(&login.next);
        }
        FormToken::Ended | FormToken::Forged => {
            csrf_refused(&app).await;
            let (shown, status) = (Some(LoginError::Expired), StatusCode::FORBIDDEN);
            return show(&app, &headers, login, Some(email), shown, status).await;
        }
    }
    let password = SecretString::from(form.get("password").unwrap_or_default());
    match app.engine.sign_in(&email, &password, before.as_ref()).await {
        Ok(signed_in) => {
            let mut response = see_other(&login.next);
            app.start_session(&mut response, &signed_in.cookie);
            response
        }
        Err(error) => match error.reason {
            DenyReason::LoginFailed => {
                let shown = Some(LoginError::InvalidCredentials);
                let status = StatusCode::UNAUTHORIZED;
                show(&app, &headers, login, Some(email), shown, status).await
            }
            DenyReason::LockedOut | DenyReason::RateLimited => {
                let left = error.retry_after.unwrap_or_default();
                let shown = Some(match error.reason {
                    DenyReason::LockedOut => LoginError::LockedOut {
                        retry_after_minutes: left.as_secs().max(1).div_ceil(60),
                    },
                    _ => LoginError::Busy,
                });
                let status = StatusCode::TOO_MANY_REQUESTS;
                let mut response = show(&app, &headers, login, Some(email), shown, status).await;
                retry_after(&mut response, Some(left));
                response
            }
            _ => app.pages.error(&error, asked.request_id()),
        },
    }
}

/// Whether `user` is the one whose address was typed in.
fn is_of(user: Option<&SignedIn>, email: &str) -> bool {
    let email = normalize_email(email);
    user.is_some_and(|user| email.as_deref() == Some(user.user.email.as_str()))
}

/// `POST /logout`
pub(crate) async fn sign_out(
    State(app): State<App>,
    asked: Asked,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let ended = async {
        let form = Params::parse(&body)?;
        let next = local_next(&app, &form);
        if let Some(user) = app.signed_in(&headers).await? {
            // The wish to leave does not age.
            let token = form.get("csrf_token").unwrap_or_default();
            if app.form_token(&headers, token, SIGN_OUT_FORM, &[&next]) == FormToken::Forged {
                return Err(csrf_refused(&app).await);
            }
            app.engine.sign_out(&user).await?;
        }
        Ok::<_, Error>(next)
    };
    let next = match ended.await {
        Ok(next) => next,
        Err(error) => return app.pages.error(&error, asked.request_id()),
    };
    let nonce = nonce();
    let page = SignedOutPage {
        nonce: nonce.clone(),
        issuer_host: app.pages.issuer_host.to_string(),
        sign_in_href: login_path(&app, &next, false),
    };
    let mut response = app.pages.render(StatusCode::OK, &page, &nonce, Leads::Here);
    app.end_session(&mut response);
    response
}

/// The `next` of a page: only ever a path of this server.
fn local_next(app: &App, params: &Params) -> String {
    let given = params
        .get("next")
        .and_then(|next| LocalPath::parse(next).ok());
    given.map_or_else(|| app.pages.local("/"), |next| next.as_str().to_owned())
}

async fn show(
    app: &App,
    headers: &HeaderMap,
    login: LoginRequest,
    email: Option<String>,
    error: Option<LoginError>,
    status: StatusCode,
) -> Response {
    let (view, forms) = match login.waiting(app) {
        Some(request) => (app.engine.login_view(&request).await, Leads::ToClient),
        None => (LoginView::default(), Leads::Here),
    };
    let (nonce, binding) = (nonce(), app.bind(headers));
    let (tokens, now) = (app.engine.form_tokens(), app.engine.now());
    let page = LoginPage {
        nonce: nonce.clone(),
        issuer_host: app.pages.issuer_host.to_string(),
        base_path: app.pages.base_path.to_string(),
        csrf_token: tokens.issue(LOGIN_FORM, &binding.browser, &login.content(), now),
        again: login.again,
        next: login.next,
        email: email.or(view.login_hint).unwrap_or_default(),
        error,
        client_name: view.client_name,
        show_local: true,
        upstream: Vec::new(),
    };
    let mut response = app.pages.render(status, &page, &nonce, forms);
    binding.tie(&mut response);
    response
}
