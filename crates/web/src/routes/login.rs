//! Signing in and out, and the page of a browser that came for nothing in particular.

use super::App;
use super::answer::Asked;
use super::authorize::{SIGN_OUT_FORM, check_form_token};
use super::browser::see_other;
use super::page::nonce;
use crate::pages::{HomePage, LoginError, LoginPage, SignedOutPage};
use ::oauth::Params;
use ::oauth::local_path::LocalPath;
use ::oauth::redirect_uri::csp_source;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use bytes::Bytes;
use engine::{Error, LoginView};
use http::header::{RETRY_AFTER, SET_COOKIE};
use http::{HeaderMap, HeaderValue, StatusCode};
use secrecy::SecretString;
use telemetry::metrics::DenyReason;

/// The form-token purpose of the login form.
const LOGIN_FORM: &str = "login";

/// `GET /`
pub(crate) async fn home(State(app): State<App>, asked: Asked, headers: HeaderMap) -> Response {
    let user = match app.signed_in(&headers).await {
        Ok(Some(user)) => user,
        Ok(None) => return see_other(&app.pages.local("/login")),
        Err(error) => return app.pages.error(&error, asked.request_id()),
    };
    let nonce = nonce();
    let page = HomePage {
        nonce: nonce.clone(),
        issuer_host: app.pages.issuer_host.to_string(),
        base_path: app.pages.base_path.to_string(),
        csrf_token: app.engine.form_tokens().issue(
            SIGN_OUT_FORM,
            &user.cookie,
            "",
            app.engine.now(),
        ),
        user_email: user.user.email.clone(),
        connections_href: None,
    };
    app.pages.render(StatusCode::OK, &page, &nonce, None)
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
    let next = local_next(&app, &params);
    show(&app, &headers, next, None, None, StatusCode::OK).await
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
    let next = local_next(&app, &form);
    let bound_to = app.login_form_of(&headers).unwrap_or_default();
    let token = form.get("csrf_token").unwrap_or_default();
    let email = form.get("email").unwrap_or_default().to_owned();
    if !app
        .engine
        .form_tokens()
        .accepts(token, LOGIN_FORM, &bound_to, &next, app.engine.now())
    {
        let error = Error::new(
            ::oauth::ErrorCode::AccessDenied,
            DenyReason::Csrf,
            "the login form has expired or was not sent from this server's own page",
        );
        app.engine.refuse_authorization(&error).await;
        return show(
            &app,
            &headers,
            next,
            Some(email),
            Some(LoginError::Expired),
            StatusCode::FORBIDDEN,
        )
        .await;
    }
    let password = SecretString::from(form.get("password").unwrap_or_default());
    // A session store that does not answer must not keep anybody from trying to sign in.
    let before = app.signed_in(&headers).await.ok().flatten();
    match app.engine.sign_in(&email, &password, before.as_ref()).await {
        Ok(signed_in) => {
            let mut response = see_other(&next);
            app.start_session(&mut response, &signed_in.cookie);
            response
        }
        Err(error) => match error.reason {
            DenyReason::LoginFailed => {
                let shown = Some(LoginError::InvalidCredentials);
                show(
                    &app,
                    &headers,
                    next,
                    Some(email),
                    shown,
                    StatusCode::UNAUTHORIZED,
                )
                .await
            }
            DenyReason::LockedOut => {
                let left = error.retry_after.unwrap_or_default().as_secs().max(1);
                let shown = Some(LoginError::LockedOut {
                    retry_after_minutes: left.div_ceil(60),
                });
                let status = StatusCode::TOO_MANY_REQUESTS;
                let mut response = show(&app, &headers, next, Some(email), shown, status).await;
                response
                    .headers_mut()
                    .insert(RETRY_AFTER, HeaderValue::from(left));
                response
            }
            _ => app.pages.error(&error, asked.request_id()),
        },
    }
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
        if let Some(user) = app.signed_in(&headers).await? {
            check_form_token(&app, &form, &user, SIGN_OUT_FORM, "").await?;
            app.engine.sign_out(&user).await?;
        }
        Ok::<(), Error>(())
    };
    if let Err(error) = ended.await {
        return app.pages.error(&error, asked.request_id());
    }
    let nonce = nonce();
    let page = SignedOutPage {
        nonce: nonce.clone(),
        issuer_host: app.pages.issuer_host.to_string(),
        base_path: app.pages.base_path.to_string(),
    };
    let mut response = app.pages.render(StatusCode::OK, &page, &nonce, None);
    app.end_session(&mut response);
    response
}

/// Where to go after the login: only ever a path of this server (RFC 9700 §4.11.1).
fn local_next(app: &App, params: &Params) -> String {
    let given = params
        .get("next")
        .and_then(|next| LocalPath::parse(next).ok());
    given.map_or_else(|| app.pages.local("/"), |next| next.as_str().to_owned())
}

async fn show(
    app: &App,
    headers: &HeaderMap,
    next: String,
    email: Option<String>,
    error: Option<LoginError>,
    status: StatusCode,
) -> Response {
    let request = next.split_once('?').and_then(|(path, query)| {
        let authorize = app.pages.local("/oauth/authorize");
        (path == authorize)
            .then(|| Params::parse(query.as_bytes()).ok())
            .flatten()
    });
    let view = match &request {
        Some(params) => app.engine.login_view(params).await,
        None => LoginView::default(),
    };
    let (bound_to, new_cookie) = app.bind_login_form(headers);
    let nonce = nonce();
    let page = LoginPage {
        nonce: nonce.clone(),
        issuer_host: app.pages.issuer_host.to_string(),
        base_path: app.pages.base_path.to_string(),
        csrf_token: app
            .engine
            .form_tokens()
            .issue(LOGIN_FORM, &bound_to, &next, app.engine.now()),
        next,
        email: email.or(view.login_hint).unwrap_or_default(),
        error,
        client_name: view.client_name,
        show_local: true,
        upstream: Vec::new(),
    };
    let leads_to = view.redirect_uri.as_deref().map(csp_source);
    let mut response = app.pages.render(status, &page, &nonce, leads_to.as_deref());
    if let Some(cookie) = new_cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}
