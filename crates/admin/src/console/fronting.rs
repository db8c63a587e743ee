//! Fronting links: which resource may obtain tokens for which.

use super::Console;
use super::confirm::{Confirm, status, told};
use super::form::{At, Pairs, Sent};
use super::page::{Frame, Section, Shown, go, render, segment, show};
use super::session::Visit;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::UnixMillis;
use engine::Error;
use engine::admin::{Fronting, ScopeMap};
use http::StatusCode;

/// A link, as a row.
struct Row {
    href: String,
    source: String,
    target: String,
    map: String,
    created_at: UnixMillis,
}

impl From<&Fronting> for Row {
    fn from(own: &Fronting) -> Self {
        let (source, target) = (&own.source.slug, &own.target.slug);
        Self {
            href: format!("/admin/ui/fronting/{}/{}", segment(source), segment(target)),
            source: source.clone(),
            target: target.clone(),
            map: write_map(&own.link.scope_map),
            created_at: own.link.created_at,
        }
    }
}

/// A scope map as lines: `scope = scopes of the target`.
fn write_map(map: &ScopeMap) -> String {
    let lines = map
        .iter()
        .map(|(from, to)| format!("{from} = {}", to.join(" ")));
    lines.collect::<Vec<_>>().join("\n")
}

/// The same, read.
fn read_map(lines: &[String]) -> Result<ScopeMap, Error> {
    let mut map = ScopeMap::new();
    for line in lines {
        let mut words = line.split_whitespace();
        let (Some(from), Some("=")) = (words.next(), words.next()) else {
            return Err(Error::invalid_request(format!(
                "scope_map: write lines such as “read = repo org”, not “{line}”"
            )));
        };
        map.insert(from.to_owned(), words.map(str::to_owned).collect());
    }
    Ok(map)
}

#[derive(Template)]
#[template(path = "fronting.html")]
struct FrontingPage {
    frame: Frame,
    rows: Vec<Row>,
}

/// `GET /admin/ui/fronting`
pub(super) async fn list(State(console): State<Console>, visit: Visit) -> Shown {
    let links = console.app.engine.frontings().await?;
    show(&FrontingPage {
        frame: visit.frame(Section::Fronting),
        rows: links.iter().map(Row::from).collect(),
    })
}

/// A form for a link: what is in its fields.
#[derive(Template)]
#[template(path = "fronting_form.html")]
struct FrontingForm {
    frame: Frame,
    /// The page of the link that is changed; `None` for a new one.
    own: Option<String>,
    slugs: Vec<String>,
    source: String,
    target: String,
    map: String,
    /// Whether it was tried, and could be declared.
    tried: bool,
    problem: Option<String>,
}

impl FrontingForm {
    async fn new(console: &Console, visit: &Visit, form: &Pairs) -> engine::Result<Self> {
        let resources = console.app.engine.resources().await?;
        Ok(Self {
            frame: visit.frame(Section::Fronting),
            own: None,
            slugs: resources.iter().map(|own| own.slug.clone()).collect(),
            source: form.get("source").to_owned(),
            target: form.get("target").to_owned(),
            map: form.raw("scope_map").to_owned(),
            tried: false,
            problem: None,
        })
    }

    fn of(visit: &Visit, link: &Fronting) -> Self {
        let row = Row::from(link);
        Self {
            frame: visit.frame(Section::Fronting),
            own: Some(row.href),
            slugs: Vec::new(),
            source: row.source,
            target: row.target,
            map: row.map,
            tried: false,
            problem: None,
        }
    }

    fn refused(mut self, error: &Error) -> Response {
        self.problem = Some(told(error));
        render(status(error), &self)
    }
}

/// `GET /admin/ui/new/link`
pub(super) async fn new(State(console): State<Console>, visit: Visit) -> Shown {
    show(&FrontingForm::new(&console, &visit, &Pairs::default()).await?)
}

/// `POST /admin/ui/new/link`: declares a link, or tries whether it could be.
pub(super) async fn create(State(console): State<Console>, visit: Visit, form: Sent) -> Shown {
    let mut typed = FrontingForm::new(&console, &visit, &form).await?;
    let dry_run = form.get("act") == "try";
    let made = async {
        let map = read_map(&form.lines("scope_map"))?;
        let engine = &console.app.engine;
        engine
            .create_fronting(&typed.source, &typed.target, map, dry_run)
            .await
    };
    Ok(match made.await {
        Ok(_) if dry_run => {
            typed.tried = true;
            render(StatusCode::OK, &typed)
        }
        Ok(_) => go("/admin/ui/fronting?done=created"),
        Err(error) => typed.refused(&error),
    })
}

/// `GET /admin/ui/fronting/{source}/{target}`
pub(super) async fn edit(
    State(console): State<Console>,
    visit: Visit,
    At((source, target)): At<(String, String)>,
) -> Shown {
    let link = console.app.engine.fronting(&source, &target).await?;
    show(&FrontingForm::of(&visit, &link))
}

/// `POST /admin/ui/fronting/{source}/{target}`
pub(super) async fn update(
    State(console): State<Console>,
    visit: Visit,
    At((source, target)): At<(String, String)>,
    form: Sent,
) -> Shown {
    let engine = &console.app.engine;
    let link = engine.fronting(&source, &target).await?;
    let changed = async {
        let map = read_map(&form.lines("scope_map"))?;
        engine.update_fronting(&source, &target, map).await
    };
    Ok(match changed.await {
        Ok(_) => go("/admin/ui/fronting?done=changed"),
        Err(error) => {
            let mut typed = FrontingForm::of(&visit, &link);
            typed.map = form.raw("scope_map").to_owned();
            typed.refused(&error)
        }
    })
}

async fn question(
    console: &Console,
    visit: &Visit,
    source: &str,
    target: &str,
) -> engine::Result<Confirm> {
    let link = console.app.engine.fronting(source, target).await?;
    let row = Row::from(&link);
    Ok(Confirm {
        frame: visit.frame(Section::Fronting),
        title: "Delete this fronting link?".into(),
        subject: format!("{source} → {target}"),
        effects: vec![
            format!("{source} can no longer exchange its users' tokens for tokens of {target}."),
            "Tokens that it has already obtained stay until they end.".into(),
        ],
        action: format!("{}/delete", row.href),
        button: "Delete the link",
        version: None,
        back: "/admin/ui/fronting".into(),
        problem: None,
    })
}

/// `GET /admin/ui/fronting/{source}/{target}/delete`
pub(super) async fn ask(
    State(console): State<Console>,
    visit: Visit,
    At((source, target)): At<(String, String)>,
) -> Shown {
    question(&console, &visit, &source, &target).await?.ask()
}

/// `POST /admin/ui/fronting/{source}/{target}/delete`
pub(super) async fn delete(
    State(console): State<Console>,
    visit: Visit,
    At((source, target)): At<(String, String)>,
) -> Shown {
    let question = question(&console, &visit, &source, &target).await?;
    let gone = console.app.engine.delete_fronting(&source, &target).await;
    question.after(gone, "/admin/ui/fronting?done=deleted")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_are_lines_and_come_back_as_they_were() {
        let lines = ["read = repo:read org".to_owned(), "write = repo".to_owned()];
        let map = read_map(&lines).expect("a map");
        assert_eq!(map["read"], ["repo:read", "org"]);
        assert_eq!(write_map(&map), lines.join("\n"));
        for wrong in ["read", "read repo", "read=repo"] {
            assert!(read_map(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
