//! A browser: it keeps cookies, follows nothing by itself, and can fill in our two forms.

use super::instance::Instance;
use super::wire::{Reply, Request};
use super::{PASSWORD, USER};
use std::collections::BTreeMap;

/// Name of the session cookie of the issuer that most tests have.
pub const SESSION: &str = "authserver_session_8127b8fa";

/// The cookies of one person on one server.
#[derive(Clone)]
pub struct Browser {
    pub at: Instance,
    pub cookies: BTreeMap<String, String>,
}

impl Browser {
    pub fn new(at: &Instance) -> Self {
        Self {
            at: *at,
            cookies: BTreeMap::new(),
        }
    }

    /// A browser whose user has signed in.
    pub async fn signed_in(at: &Instance) -> Self {
        Self::signed_in_as(at, USER).await
    }

    pub async fn signed_in_as(at: &Instance, user: &str) -> Self {
        let mut browser = Self::new(at);
        browser.sign_in(user, PASSWORD).await.expect(303);
        browser
    }

    pub async fn send(&mut self, request: Request) -> Reply {
        let pairs = self.cookies.iter();
        let cookies: Vec<_> = pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let request = if cookies.is_empty() {
            request
        } else {
            request.header("cookie", cookies.join("; "))
        };
        let reply = self.at.send(&request).await;
        for cookie in reply.all("set-cookie") {
            let pair = cookie.split(';').next().unwrap_or_default();
            let (name, value) = pair.split_once('=').expect("a cookie has a value");
            if value.is_empty() || cookie.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        reply
    }

    pub async fn get(&mut self, target: &str) -> Reply {
        self.send(Request::get(target)).await
    }

    pub async fn post(&mut self, path: &str, pairs: &[(&str, &str)]) -> Reply {
        self.send(Request::post(path, pairs)).await
    }

    /// Its session, as a `Cookie` header has it.
    pub fn session(&self) -> Option<String> {
        let value = self.cookies.get(SESSION)?;
        Some(format!("{SESSION}={value}"))
    }

    /// Opens the login page and sends its form.
    pub async fn sign_in(&mut self, user: &str, password: &str) -> Reply {
        self.sign_in_for("/", user, password).await
    }

    /// The same, on the way to `next`.
    pub async fn sign_in_for(&mut self, next: &str, user: &str, password: &str) -> Reply {
        let page = self.login_page(next).await;
        self.send_login(&page, user, password).await
    }

    /// The login page as somebody sees it who is signed in or not.
    pub async fn login_page(&mut self, next: &str) -> Reply {
        let pairs = [("next", next), ("prompt", "login")];
        self.send(Request::query("/login", &pairs)).await
    }

    /// Sends the form of a login page.
    pub async fn send_login(&mut self, page: &Reply, user: &str, password: &str) -> Reply {
        let token = field(page, "csrf_token");
        let next = field(page, "next");
        let mut form = vec![
            ("email", user),
            ("password", password),
            ("csrf_token", token.as_str()),
            ("next", &next),
        ];
        if page.body.contains("name=\"prompt\"") {
            form.push(("prompt", "login"));
        }
        self.post("/login", &form).await
    }

    /// Sends the form of a consent page.
    pub async fn decide(&mut self, page: &Reply, decision: &str) -> Reply {
        self.answer("/consent", page, decision).await
    }

    /// The same for a page whose form goes elsewhere.
    pub async fn answer(&mut self, path: &str, page: &Reply, decision: &str) -> Reply {
        let (token, request) = (field(page, "csrf_token"), field(page, "request"));
        let form = [
            ("csrf_token", token.as_str()),
            ("request", &request),
            ("decision", decision),
        ];
        self.post(path, &form).await
    }

    pub async fn sign_out(&mut self) -> Reply {
        let page = self.get("/").await.expect(200);
        let token = field(&page, "csrf_token");
        self.post("/logout", &[("csrf_token", &token)]).await
    }
}

/// The value of a hidden field of a page.
#[track_caller]
pub fn field(page: &Reply, name: &str) -> String {
    let value = attribute_after(page, &format!("name=\"{name}\" value=\""));
    value.unwrap_or_else(|| panic!("a field {name}: {page:?}"))
}

/// Where the page of an error leads on to, if it does.
pub fn way_on(page: &Reply) -> Option<String> {
    attribute_after(page, "id=\"go-on\" href=\"")
}

/// The value of the attribute that begins with `start`.
fn attribute_after(page: &Reply, start: &str) -> Option<String> {
    let (_, rest) = page.body.split_once(start)?;
    let value = rest.split('"').next().unwrap_or_default();
    let entities = [
        ("&#38;", "&"),
        ("&amp;", "&"),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#60;", "<"),
        ("&#62;", ">"),
    ];
    let mut text = value.to_owned();
    for (entity, character) in entities {
        text = text.replace(entity, character);
    }
    Some(text)
}
