//! The signing keys.

use super::Console;
use super::confirm::Confirm;
use super::form::At;
use super::page::{Frame, Section, Shown, segment, show};
use super::session::Visit;
use askama::Template;
use axum::extract::State;
use engine::Error;
use keys::{Activation, KeyInfo, KeyStatus};

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
    let active = console.app.engine.keys().active();
    let ahead = console.app.engine.config().signing.publish_ahead;
    Confirm {
        frame: visit.frame(Section::Keys),
        title: "Rotate the signing key?".into(),
        subject: format!("{} {}", active.algorithm().as_str(), active.kid()),
        effects: vec![
            format!(
                "A new key is published now and signs in {} minutes, so that every verifier knows it by then.",
                ahead.as_secs().div_ceil(60)
            ),
            "The present key goes on verifying until the last token that it signed has ended. No \
             token ends early."
                .into(),
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
    let made = console.app.engine.rotate_key(Activation::Published).await;
    question.after(made, "/admin/ui/keys?done=rotated")
}

/// What letting go of a key would do.
fn retirement(console: &Console, visit: &Visit, kid: &str) -> engine::Result<Confirm> {
    let keys = console.app.engine.keys().list();
    let key = keys.iter().find(|key| key.kid == kid);
    let key = key.ok_or_else(|| Error::not_found("there is no such signing key"))?;
    let mut effects = vec![
        "No token that this key signed is accepted from now on. Verifiers that work offline follow \
         when they read the key set again."
            .to_owned(),
    ];
    if key.status == KeyStatus::Active {
        let has_pending = keys.iter().any(|key| key.status == KeyStatus::Pending);
        effects.push(match has_pending {
            true => "The pending key signs at once.".into(),
            false => "A new key signs at once. Verifiers that keep the key set refuse its tokens \
                      until they read it again."
                .into(),
        });
    }
    Ok(Confirm {
        frame: visit.frame(Section::Keys),
        title: "Let go of this signing key?".into(),
        subject: format!("{} {}", key.alg.as_str(), key.kid),
        effects,
        action: format!("/admin/ui/keys/{}/retire", segment(kid)),
        button: "Let go of the key",
        version: None,
        back: "/admin/ui/keys".into(),
        problem: None,
    })
}

/// `GET /admin/ui/keys/{kid}/retire`
pub(super) async fn ask_to_retire(
    State(console): State<Console>,
    visit: Visit,
    At(kid): At<String>,
) -> Shown {
    retirement(&console, &visit, &kid)?.ask()
}

/// `POST /admin/ui/keys/{kid}/retire`
pub(super) async fn retire(
    State(console): State<Console>,
    visit: Visit,
    At(kid): At<String>,
) -> Shown {
    let question = retirement(&console, &visit, &kid)?;
    let done = console.app.engine.retire_key(&kid).await;
    question.after(done, "/admin/ui/keys?done=retired")
}
