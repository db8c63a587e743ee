//! The page that stands before everything that ends something.

use super::page::{Frame, Shown, go, render, show};
use askama::Template;
use engine::Error;
use http::StatusCode;
use store::RevokeCount;

/// A question. Its form posts to `action`.
#[derive(Template)]
#[template(path = "confirm.html")]
pub(super) struct Confirm {
    /// What stands around it.
    pub frame: Frame,
    /// The question.
    pub title: String,
    /// What it is about: a name and an id.
    pub subject: String,
    /// What happens, a sentence each.
    pub effects: Vec<String>,
    /// Where the answer goes.
    pub action: String,
    /// What the button says.
    pub button: &'static str,
    /// The version that was looked at, so that nothing else is ended.
    pub version: Option<i64>,
    /// Where "no" leads.
    pub back: String,
    /// Why it could not be done.
    pub problem: Option<String>,
}

impl Confirm {
    /// The question.
    pub fn ask(&self) -> Shown {
        show(self)
    }

    /// What comes after the answer "yes": the page `then`, or the question again, with the reason
    /// why it could not be done.
    pub fn after<T>(mut self, outcome: Result<T, Error>, then: &str) -> Shown {
        match outcome {
            Ok(_) => Ok(go(then)),
            Err(error) => {
                self.problem = Some(told(&error));
                Ok(render(status(&error), &self))
            }
        }
    }
}

/// What a refusal says, with what is in the way.
pub(super) fn told(error: &Error) -> String {
    match error.dependents.as_slice() {
        [] => error.description.to_string(),
        names => format!("{} ({})", error.description, names.join(", ")),
    }
}

/// A refusal that is shown beside what was sent.
pub(super) fn status(error: &Error) -> StatusCode {
    match StatusCode::from_u16(error.code.status()) {
        Ok(StatusCode::BAD_REQUEST) | Err(_) => StatusCode::UNPROCESSABLE_ENTITY,
        Ok(status) => status,
    }
}

/// What an act ends, in words.
pub(super) fn ends(held: &RevokeCount) -> Vec<String> {
    let counted = [
        (held.sessions, "browser session", "browser sessions"),
        (
            held.families,
            "authorization with its refresh token",
            "authorizations with their refresh tokens",
        ),
        (held.tokens, "access token", "access tokens"),
        (held.consents, "consent", "consents"),
    ];
    let alive = counted.into_iter().filter(|(count, ..)| *count > 0);
    let said = alive.map(|(count, one, more)| match count {
        1 => format!("It ends 1 {one}."),
        _ => format!("It ends {count} {more}."),
    });
    said.collect()
}
