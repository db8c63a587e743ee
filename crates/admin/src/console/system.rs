//! The server itself: health, settings made at run time, configuration.

use super::Console;
use super::confirm::{status, told};
use super::form::Sent;
use super::page::{Frame, Section, Shown, go, render, show};
use super::session::Visit;
use crate::rest::parse_mode;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use config::DcrMode;
use domain::UnixMillis;
use http::StatusCode;
use serde_json::Value;

#[derive(Template)]
#[template(path = "system.html")]
struct SystemPage {
    frame: Frame,
    started_at: UnixMillis,
    issuer: String,
    database: bool,
    driver: &'static str,
    pool: [u32; 3],
    key: String,
    alg: &'static str,
    mode: &'static str,
    modes: [(&'static str, &'static str); 3],
    settings: Vec<Setting>,
    problem: Option<String>,
}

impl SystemPage {
    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }
}

/// The modes, and what they mean.
const MODES: [(&str, &str); 3] = [
    (DcrMode::Open.as_str(), "Any client may register"),
    (
        DcrMode::ApprovedRedirects.as_str(),
        "Clients may register with approved redirect URIs",
    ),
    (
        DcrMode::AdminOnly.as_str(),
        "Operators alone register clients",
    ),
];

/// A setting: its dotted name, its value, and where that comes from.
type Setting = (String, String, String);

/// The settings of a configuration that says of each value which layer it is from.
fn settings(name: &str, value: &Value, found: &mut Vec<Setting>) {
    let Some(members) = value.as_object() else {
        return;
    };
    if let (Some(value), Some(layer)) = (members.get("value"), members.get("layer")) {
        let text = |value: &Value| match value {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        found.push((name.to_owned(), text(value), text(layer)));
        return;
    }
    for (own, value) in members {
        let dot = if name.is_empty() { "" } else { "." };
        settings(&format!("{name}{dot}{own}"), value, found);
    }
}

async fn gather(console: &Console, visit: &Visit) -> engine::Result<SystemPage> {
    let engine = &console.app.engine;
    let (health, pool) = (engine.health().await, engine.store().pool_state());
    let active = engine.keys().active();
    let mut found = Vec::new();
    let config = serde_json::from_str(&console.app.config).unwrap_or_default();
    settings("", &config, &mut found);
    Ok(SystemPage {
        frame: visit.frame(Section::System),
        started_at: console.app.started_at,
        issuer: engine.issuer().to_owned(),
        database: health.database,
        driver: engine.config().storage.driver.as_str(),
        pool: [pool.in_use, pool.idle, pool.waiting],
        key: active.kid().to_owned(),
        alg: active.algorithm().as_str(),
        mode: engine.dcr_mode().await?.as_str(),
        modes: MODES,
        settings: found,
        problem: None,
    })
}

/// `GET /admin/ui/system`
pub(super) async fn page(State(console): State<Console>, visit: Visit) -> Shown {
    show(&gather(&console, &visit).await?)
}

/// `POST /admin/ui/system/dcr`
pub(super) async fn set_dcr(
    State(console): State<Console>,
    visit: Visit,
    form: Sent,
) -> Result<Response, super::page::Trouble> {
    let set = async {
        let mode = parse_mode(form.get("mode"))?;
        console.app.engine.set_dcr_mode(mode).await
    };
    match set.await {
        Ok(_) => Ok(go("/admin/ui/system?done=changed")),
        Err(error) => {
            let page = SystemPage {
                problem: Some(told(&error)),
                ..gather(&console, &visit).await?
            };
            let status: StatusCode = status(&error);
            Ok(render(status, &page))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_is_shown_setting_by_setting() {
        let mut found = Vec::new();
        let config = serde_json::json!({
            "a": {"b": {"value": "x", "layer": "file"}, "c": {"value": [1], "layer": "default"}},
            "d": {"value": null, "layer": "default"},
        });
        settings("", &config, &mut found);
        let shown: Vec<_> = found.iter().map(|(a, b, c)| (&**a, &**b, &**c)).collect();
        let all = [
            ("a.b", "x", "file"),
            ("a.c", "[1]", "default"),
            ("d", "", "default"),
        ];
        assert_eq!(shown, all);
    }
}
