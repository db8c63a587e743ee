//! The sign-in page.

use askama::Template;

use super::text::{self, NAME_LENGTH};

/// `GET /login`, and the answer to a `POST /login` that did not succeed.
///
/// The form posts `email`, `password`, `csrf_token`, `next` and, when somebody who is signed in is
/// to sign in again, `prompt` to `{base_path}/login`; its button has the id `sign-in`. The cursor starts in the first field that needs typing.
#[derive(Debug, Clone, Template)]
#[template(path = "login.html")]
pub struct LoginPage {
    /// Nonce of the response's Content-Security-Policy, for the style sheet.
    pub nonce: String,
    /// Host (and port) of the issuer, shown at the top so that people see where they are.
    pub issuer_host: String,
    /// Path prefix of the public endpoints, without a slash at its end; usually empty.
    pub base_path: String,
    /// Token against cross-site request forgery, sent back by the form.
    pub csrf_token: String,
    /// Local path to continue to after sign-in, sent back by the form.
    pub next: String,
    /// Whether somebody who is signed in is asked all the same.
    pub again: bool,
    /// What the email field holds already: the `login_hint`, or the last attempt.
    pub email: String,
    /// Why the person sees the page again; `None` at the first visit.
    pub error: Option<LoginError>,
    /// Name of the client that the person is continuing to, as the client wrote it.
    pub client_name: Option<String>,
    /// Whether to show the form for an email and a password.
    pub show_local: bool,
    /// Other places to sign in at, a button for each.
    pub upstream: Vec<UpstreamLogin>,
}

/// Why an attempt to sign in did not succeed, as far as the person may know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginError {
    /// The email is unknown or the password is wrong; the page does not tell which.
    InvalidCredentials,
    /// Too many attempts failed. Goes with status 429 and `Retry-After`.
    LockedOut {
        /// Minutes until the next attempt is accepted, rounded up.
        retry_after_minutes: u64,
    },
    /// Too many sign in at the moment. Goes with status 429 and `Retry-After`.
    Busy,
    /// The form's token or the browser session is too old.
    Expired,
}

/// A button that signs in through another identity provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamLogin {
    /// Name of the provider, shown as "Continue with {label}".
    pub label: String,
    /// Local address that starts the sign-in, e.g. `/oidc/start?next=…`.
    pub href: String,
}

impl LoginPage {
    /// The client's name as the page shows it; nothing if there is nothing to read in it.
    fn client(&self) -> Option<String> {
        let name = text::label(self.client_name.as_deref()?, NAME_LENGTH);
        (!name.is_empty()).then_some(name)
    }

    /// Whether the fields are marked as wrong.
    fn is_invalid(&self) -> bool {
        self.error == Some(LoginError::InvalidCredentials)
    }

    /// Whether the cursor starts in the password field, the email being there already.
    fn starts_at_password(&self) -> bool {
        !self.email.is_empty()
    }
}
