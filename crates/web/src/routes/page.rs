//! Pages as responses: nonce, content security policy, and the page for errors.

use crate::pages::ErrorPage;
use ::oauth::ErrorBody;
use askama::Template;
use axum::response::{IntoResponse, Response};
use domain::{OpaqueToken, SystemRng};
use engine::{Engine, Error};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use std::sync::Arc;
use std::time::Duration;

/// What pages have in common.
#[derive(Clone)]
pub(crate) struct Pages {
    /// Host and port of the issuer, shown on every page.
    pub issuer_host: Arc<str>,
    /// Path of the issuer, without a slash at its end.
    pub base_path: Arc<str>,
}

/// Where sending the forms of a page leads in the end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Leads {
    /// To pages of this server.
    Here,
    /// Possibly to a client, and from there to wherever the client goes on to.
    ToClient,
}

/// Says when trying again may help, if that is known (RFC 9110 §10.2.3).
pub(crate) fn retry_after(response: &mut Response, after: Option<Duration>) {
    if let Some(after) = after {
        let seconds = HeaderValue::from(after.as_secs().max(1));
        response.headers_mut().insert(RETRY_AFTER, seconds);
    }
}

/// A fresh nonce for one response.
pub(crate) fn nonce() -> String {
    OpaqueToken::generate(&SystemRng).expose().to_owned()
}

impl Pages {
    pub fn new(engine: &Engine) -> Self {
        let issuer = &engine.config().server.issuer;
        let host = issuer.url().host_str().unwrap_or_default();
        let host = match issuer.url().port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Self {
            issuer_host: host.into(),
            base_path: issuer.path().into(),
        }
    }

    /// A page.
    ///
    /// Browsers hold `form-action` against every redirect that follows the form, of whichever
    /// server (CSP Level 3 §6.4.2.1 leaves it open, Chromium does). So it stands on pages whose
    /// forms stay here, and on no other: where a client's own address redirects to is not for
    /// this server to know. No text becomes markup, so that there is no form of anybody else's.
    pub fn render(
        &self,
        status: StatusCode,
        page: &impl Template,
        nonce: &str,
        forms: Leads,
    ) -> Response {
        let Ok(html) = page.render() else {
            return (
                StatusCode::INTERNAL_SERVER_ERROR,
                "the page could not be rendered",
            )
                .into_response();
        };
        let form_action = match forms {
            Leads::Here => "form-action 'self'; ",
            Leads::ToClient => "",
        };
        let policy = format!(
            "default-src 'none'; style-src 'nonce-{nonce}'; img-src data:; {form_action}\
             frame-ancestors 'none'; base-uri 'none'"
        );
        let mut response = (status, html).into_response();
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(CONTENT_SECURITY_POLICY, policy);
        }
        response
    }

    /// The page for a refusal that must not or cannot be redirected.
    pub fn error(&self, error: &Error, request_id: &str) -> Response {
        let status = StatusCode::from_u16(error.code.status()).unwrap_or(StatusCode::BAD_REQUEST);
        let mut response = self.error_page(status, &error.description, request_id);
        retry_after(&mut response, error.retry_after);
        response
    }

    /// The page for a refusal of the shell.
    pub fn error_of_shell(&self, body: &ErrorBody) -> Response {
        let status = StatusCode::from_u16(body.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.error_page(status, &body.detail, &body.request_id)
    }

    fn error_page(&self, status: StatusCode, detail: &str, request_id: &str) -> Response {
        let nonce = nonce();
        let mut page = ErrorPage::for_status(
            status.as_u16(),
            nonce.clone(),
            self.issuer_host.to_string(),
            request_id.to_owned(),
        );
        page.detail = Some(detail.to_owned());
        self.render(status, &page, &nonce, Leads::Here)
    }

    /// A path of this server.
    pub fn local(&self, path: &str) -> String {
        format!("{}{path}", self.base_path)
    }
}
