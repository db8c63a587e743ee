//! In with the admin key, and out.

use super::Console;
use super::form::Pairs;
use super::page::{Trouble, TroublePage, go, render};
use super::session::{Visit, is_foreign};
use super::{assets, form::Asked};
use crate::rest::access::wrong_key;
use askama::Template;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::response::Response;
use http::header::SET_COOKIE;
use http::{HeaderMap, StatusCode};
use std::sync::Arc;
use web::shell::Exchange;

/// Where a session begins.
const START: &str = "/admin/ui/";

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    host: String,
    next: String,
    problem: Option<&'static str>,
}

impl SignInPage {
    fn style(&self) -> &'static str {
        assets::style()
    }
}

/// A page of the console, or its start: never another place.
fn own_page(next: &str) -> &str {
    let plain = next
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && byte != b'\\');
    let dots = next
        .split(['/', '?'])
        .any(|part| matches!(part, "." | ".."));
    match next.starts_with(START) && plain && !dots {
        true => next,
        false => START,
    }
}

/// `GET /admin/ui`
pub(super) async fn to_the_door() -> Response {
    go(START)
}

/// `GET /admin/ui/sign-in`
pub(super) async fn form(
    State(console): State<Console>,
    headers: HeaderMap,
    asked: Result<Asked, Trouble>,
) -> Response {
    let asked = asked.map(|asked| asked.0).unwrap_or_default();
    let next = own_page(asked.raw("next"));
    // When the database cannot tell, the pages behind say so.
    if console.is_signed_in(&headers).await.unwrap_or_default() {
        return go(next);
    }
    console.sign_in_page(StatusCode::OK, next, None)
}

/// `POST /admin/ui/sign-in`
pub(super) async fn submit(
    State(console): State<Console>,
    Extension(exchange): Extension<Arc<Exchange>>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let form = Pairs::parse(&body).unwrap_or_default();
    let next = own_page(form.raw("next"));
    if is_foreign(&headers) {
        let problem = Some("This was not sent from this page. Try again here.");
        return console.sign_in_page(StatusCode::FORBIDDEN, next, problem);
    }
    if !console.app.key.is(form.get("key").as_bytes()) {
        wrong_key(&console.app, Some(&exchange)).await;
        let problem = Some("That is not the admin API key.");
        return console.sign_in_page(StatusCode::UNAUTHORIZED, next, problem);
    }
    tracing::info!("an operator signed in to the console");
    let mut response = go(next);
    let cookie = console.begin(&headers).await;
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}

/// `POST /admin/ui/sign-out`
pub(super) async fn sign_out(
    State(console): State<Console>,
    visit: Visit,
    headers: HeaderMap,
) -> Response {
    let mut response = match console.end(&visit).await {
        Ok(()) => go("/admin/ui/sign-in"),
        Err(error) => TroublePage::of(&Trouble(error), &visit),
    };
    // Whatever the database says, this browser has none any more.
    let cookie = console.no_cookie(&headers);
    response.headers_mut().insert(SET_COOKIE, cookie);
    response
}

impl Console {
    fn sign_in_page(
        &self,
        status: StatusCode,
        next: &str,
        problem: Option<&'static str>,
    ) -> Response {
        let page = SignInPage {
            host: self.issuer_host.to_string(),
            next: next.to_owned(),
            problem,
        };
        render(status, &page)
    }
}

#[cfg(test)]
mod tests {
    use super::own_page;

    #[test]
    fn one_comes_back_to_pages_of_the_console_alone() {
        for own in [
            "/admin/ui/",
            "/admin/ui/clients?q=a&cursor=b",
            "/admin/ui/clients/a%2Fb",
        ] {
            assert_eq!(own_page(own), own);
        }
        for other in [
            "",
            "/",
            "//evil.example/",
            "https://evil.example/admin/ui/",
            "/admin/clients",
            "/admin/ui/../clients",
            "/admin/ui/./x",
            "/admin/ui/\\evil",
            "/admin/ui/ x",
            "/admin/ui/\nx",
        ] {
            assert_eq!(own_page(other), "/admin/ui/", "{other:?}");
        }
    }
}
