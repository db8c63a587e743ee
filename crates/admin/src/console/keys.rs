//! The signing keys.

use super::Console;
use super::confirm::Confirm;
use super::page::{Frame, Section, Shown, show};
use super::session::Visit;
use askama::Template;
use axum::extract::State;
use keys::KeyInfo;

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    frame: Frame,
    keys: Vec<KeyInfo>,
}

/// `GET /admin/ui/keys`
pub(super) async fn list(State(console): State<Console>, visit: Visit) -> Shown {
    show(&KeysPage {
        frame: visit.frame(Section::Keys),
        keys: console.app.engine.keys().list(),
    })
}

fn question(console: &Console, visit: &Visit) -> Confirm {
    let current = console.app.engine.keys().current();
    Confirm {
        frame: visit.frame(Section::Keys),
        title: "Rotate the signing key?".into(),
        subject: format!("{} {}", current.algorithm().as_str(), current.kid()),
        effects: vec![
            "A new key signs from now on.".into(),
            "The present key goes on verifying until the last token that it signed has ended. No \
             token ends early."
                .into(),
            "Resource servers that keep the key set for long need to read it again.".into(),
        ],
        action: "/admin/ui/keys/rotate".into(),
        button: "Rotate the key",
        version: None,
        back: "/admin/ui/keys".into(),
        problem: None,
    }
}

/// `GET /admin/ui/keys/rotate`
pub(super) async fn ask(State(console): State<Console>, visit: Visit) -> Shown {
    question(&console, &visit).ask()
}

/// `POST /admin/ui/keys/rotate`
pub(super) async fn rotate(State(console): State<Console>, visit: Visit) -> Shown {
    let question = question(&console, &visit);
    let made = console.app.engine.rotate_key().await;
    question.after(made, "/admin/ui/keys?done=rotated")
}
