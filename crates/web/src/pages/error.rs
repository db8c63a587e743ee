//! The page for everything that cannot go on.

use askama::Template;

use super::text::{self, DETAIL_LENGTH};

/// What went wrong, in a browser: above all, authorization requests that must not be answered
/// by a redirect because the redirect URI is not proven (RFC 6749 §4.1.2.1).
#[derive(Debug, Clone, Template)]
#[template(path = "error.html")]
pub struct ErrorPage {
    /// Nonce of the response's Content-Security-Policy, for the style sheet.
    pub nonce: String,
    /// Host (and port) of the issuer, shown at the top so that people see where they are.
    pub issuer_host: String,
    /// HTTP status of the response.
    pub status: u16,
    /// What happened, in a few words.
    pub title: String,
    /// What happened, in a sentence for the person.
    pub message: String,
    /// What happened, for whoever maintains the client; may quote the request.
    pub detail: Option<String>,
    /// What the person can do now.
    pub hint: Option<String>,
    /// Id of the request, which finds it in the logs.
    pub request_id: String,
}

impl ErrorPage {
    /// The page for `status` in its usual words, without a detail.
    ///
    /// An unlisted status gets the words of 500 if it is one of the server's errors, else
    /// those of 400.
    pub fn for_status(status: u16, nonce: String, issuer_host: String, request_id: String) -> Self {
        let (title, message, hint) = match status {
            403 => (
                "Not allowed",
                "You may not do this here.",
                "If you think you should, ask the administrator of this server.",
            ),
            404 => (
                "Page not found",
                "There is nothing at this address.",
                "Check the address. If a link in an app brought you here, start again in the app.",
            ),
            429 => (
                "Too many requests",
                "This server got more requests from your network than it accepts.",
                "Wait a minute, then try again.",
            ),
            503 => (
                "Not available right now",
                "This server cannot reach something that it needs.",
                "Try again in a minute. If it lasts, tell the administrator of this server.",
            ),
            500.. => (
                "Something went wrong here",
                "This server made a mistake. Your request was not carried out.",
                "Try again. If it happens again, tell the administrator of this server.",
            ),
            _ => (
                "This request cannot go on",
                "The app that sent you here asked in a way that this server cannot accept. \
                 Nothing was shared with it.",
                "Start again in the app. If it happens again, tell the maker of the app.",
            ),
        };
        Self {
            nonce,
            issuer_host,
            status,
            title: title.to_owned(),
            message: message.to_owned(),
            detail: None,
            hint: Some(hint.to_owned()),
            request_id,
        }
    }

    /// The detail as the page shows it; nothing if there is nothing to read in it.
    fn shown_detail(&self) -> Option<String> {
        let detail = text::label(self.detail.as_deref()?, DETAIL_LENGTH);
        (!detail.is_empty()).then_some(detail)
    }
}
