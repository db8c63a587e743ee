//! The pages for a browser that has no authorization request with it.

use askama::Template;

/// `GET /` for someone who is signed in: who they are, and the way out.
#[derive(Debug, Clone, Template)]
#[template(path = "home.html")]
pub struct HomePage {
    /// Nonce of the response's Content-Security-Policy, for the style sheet.
    pub nonce: String,
    /// Host (and port) of the issuer, shown at the top so that people see where they are.
    pub issuer_host: String,
    /// Path prefix of the public endpoints, without a slash at its end; usually empty.
    pub base_path: String,
    /// Token against cross-site request forgery, sent back by the sign-out form.
    pub csrf_token: String,
    /// Email of the signed-in person.
    pub user_email: String,
    /// Local address of the person's connections to upstream providers, if there are any.
    pub connections_href: Option<String>,
}

/// The answer to `POST /logout`: the session is over.
#[derive(Debug, Clone, Template)]
#[template(path = "signed_out.html")]
pub struct SignedOutPage {
    /// Nonce of the response's Content-Security-Policy, for the style sheet.
    pub nonce: String,
    /// Host (and port) of the issuer, shown at the top so that people see where they are.
    pub issuer_host: String,
    /// Local address of the login page.
    pub sign_in_href: String,
}

/// The answer to a consent that belongs to no authorization: nothing is left to do here.
#[derive(Debug, Clone, Template)]
#[template(path = "answered.html")]
pub struct AnsweredPage {
    /// Nonce of the response's Content-Security-Policy, for the style sheet.
    pub nonce: String,
    /// Host (and port) of the issuer, shown at the top so that people see where they are.
    pub issuer_host: String,
    /// Path prefix of the public endpoints, without a slash at its end; usually empty.
    pub base_path: String,
    /// Whether the person allowed it.
    pub allowed: bool,
}
