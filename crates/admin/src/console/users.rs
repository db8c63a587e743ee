//! Users.

use super::confirm::{Confirm, ends, status, told};
use super::form::{Asked, At, Pairs, Sent};
use super::page::{Frame, Section, Shown, go, link, plain, render, segment, show};
use super::session::Visit;
use super::{Console, ROWS, consents, tokens};
use crate::rest::list::{read_cursor, write_cursor};
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use domain::{UnixMillis, User, UserRole, UserStatus, Word as _};
use engine::Error;
use engine::admin::{FamilyQuery, NewUser, UserChange};
use secrecy::SecretString;
use store::{Deletion, Page, UserFilter};

/// Consents and authorizations that the page of a user shows of each.
const SHOWN: u32 = 20;

/// A user, as a row.
struct Row {
    id: String,
    href: String,
    email: String,
    name: String,
    role: &'static str,
    status: &'static str,
    created_at: UnixMillis,
}

impl From<&User> for Row {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.to_string(),
            href: path_of(user.id.as_str()),
            email: plain(&user.email),
            name: plain(&user.name),
            role: user.role.as_str(),
            status: user.status.as_str(),
            created_at: user.created_at,
        }
    }
}

/// The page of a user.
fn path_of(id: &str) -> String {
    format!("/admin/ui/users/{}", segment(id))
}

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    frame: Frame,
    q: String,
    status: String,
    rows: Vec<Row>,
    older: Option<String>,
}

impl UsersPage {
    fn statuses() -> impl Iterator<Item = &'static str> {
        UserStatus::ALL.iter().map(|own| own.as_str())
    }
}

/// `GET /admin/ui/users`
pub(super) async fn list(
    State(console): State<Console>,
    visit: Visit,
    Asked(asked): Asked,
) -> Shown {
    let filter = UserFilter {
        status: asked.word("status")?,
        text: asked.given("q"),
        behind: read_cursor(asked.given("cursor")).map_err(|refused| refused.into_error())?,
    };
    let page = Page {
        limit: ROWS,
        offset: 0,
    };
    let found = console.app.engine.users(&filter, &page).await?;
    let (q, status) = (asked.get("q"), asked.get("status"));
    show(&UsersPage {
        frame: visit.frame(Section::Users),
        q: q.to_owned(),
        status: status.to_owned(),
        rows: found.rows.iter().map(Row::from).collect(),
        older: found.next.as_ref().map(|place| {
            let cursor = write_cursor(place);
            link(
                "/admin/ui/users",
                &[("q", q), ("status", status), ("cursor", &cursor)],
            )
        }),
    })
}

#[derive(Template)]
#[template(path = "user.html")]
struct UserPage {
    frame: Frame,
    row: Row,
    updated_at: UnixMillis,
    consents: Vec<consents::Row>,
    families: Vec<tokens::Row>,
}

impl UserPage {
    fn all_grants(&self) -> String {
        link("/admin/ui/grants", &[("user", &self.row.id)])
    }

    fn all_tokens(&self) -> String {
        link("/admin/ui/tokens", &[("user", &self.row.id)])
    }

    fn issuances(&self) -> String {
        link("/admin/ui/issuances", &[("user", &self.row.id)])
    }

    fn events(&self) -> String {
        link("/admin/ui/audit", &[("user_id", &self.row.id)])
    }
}

/// `GET /admin/ui/users/{id}`
pub(super) async fn one(State(console): State<Console>, visit: Visit, At(id): At<String>) -> Shown {
    let engine = &console.app.engine;
    let user = engine.user(&id).await?;
    let page = Page {
        limit: SHOWN,
        offset: 0,
    };
    let query = FamilyQuery {
        user: Some(user.id.to_string()),
        ..FamilyQuery::default()
    };
    let families = engine.live_families(&query, &page).await?;
    let (consents, _) = consents::rows(engine, user.id.as_str(), None, &page).await?;
    show(&UserPage {
        frame: visit.frame(Section::Users),
        row: Row::from(&user),
        updated_at: user.updated_at,
        consents,
        families: families.rows.iter().map(tokens::Row::from).collect(),
    })
}

/// A form for a user: what is in its fields. Passwords are never sent back.
#[derive(Template)]
#[template(path = "user_form.html")]
struct UserForm {
    frame: Frame,
    /// The user who is changed; `None` for a new one.
    id: Option<String>,
    version: Option<i64>,
    email: String,
    name: String,
    role: String,
    problem: Option<String>,
}

impl UserForm {
    fn from_sent(visit: &Visit, id: Option<&str>, form: &Pairs) -> Self {
        Self {
            frame: visit.frame(Section::Users),
            id: id.map(str::to_owned),
            version: form.get("version").parse().ok(),
            email: form.get("email").to_owned(),
            name: form.get("name").to_owned(),
            role: form.get("role").to_owned(),
            problem: None,
        }
    }

    fn roles() -> impl Iterator<Item = &'static str> {
        UserRole::ALL.iter().map(|own| own.as_str())
    }

    fn action(&self) -> String {
        match &self.id {
            Some(id) => format!("{}/edit", path_of(id)),
            None => "/admin/ui/new/user".into(),
        }
    }

    fn back(&self) -> String {
        self.id.as_deref().map_or("/admin/ui/users".into(), path_of)
    }

    fn refused(mut self, error: &Error) -> Response {
        self.problem = Some(told(error));
        render(status(error), &self)
    }
}

/// `GET /admin/ui/new/user`
pub(super) async fn new(visit: Visit) -> Shown {
    show(&UserForm::from_sent(&visit, None, &Pairs::default()))
}

/// `POST /admin/ui/new/user`
pub(super) async fn create(State(console): State<Console>, visit: Visit, form: Sent) -> Shown {
    let typed = UserForm::from_sent(&visit, None, &form);
    let made = async {
        let new = NewUser {
            email: typed.email.clone(),
            name: typed.name.clone(),
            password: SecretString::from(form.raw("password")),
            role: form.word("role")?.unwrap_or(UserRole::User),
        };
        console.app.engine.create_user(new).await
    };
    Ok(match made.await {
        Ok(user) => go(&format!("{}?done=created", path_of(user.id.as_str()))),
        Err(error) => typed.refused(&error),
    })
}

/// `GET /admin/ui/users/{id}/edit`
pub(super) async fn edit(
    State(console): State<Console>,
    visit: Visit,
    At(id): At<String>,
) -> Shown {
    let user = console.app.engine.user(&id).await?;
    show(&UserForm {
        frame: visit.frame(Section::Users),
        id: Some(user.id.to_string()),
        version: Some(user.updated_at.0),
        role: user.role.as_str().to_owned(),
        email: user.email,
        name: user.name,
        problem: None,
    })
}

/// `POST /admin/ui/users/{id}/edit`
pub(super) async fn update(
    State(console): State<Console>,
    visit: Visit,
    At(id): At<String>,
    form: Sent,
) -> Shown {
    let typed = UserForm::from_sent(&visit, Some(&id), &form);
    let password = form.raw("password");
    let changed = async {
        let change = UserChange {
            email: Some(typed.email.clone()),
            name: Some(typed.name.clone()),
            password: (!password.is_empty()).then(|| SecretString::from(password)),
            role: form.word("role")?,
            version: typed.version.map(UnixMillis),
        };
        console.app.engine.update_user(&id, change).await
    };
    Ok(match changed.await {
        Ok(user) => go(&format!("{}?done=changed", path_of(user.id.as_str()))),
        Err(error) => typed.refused(&error),
    })
}

/// What can be done to a user, each after a question.
#[derive(Clone, Copy)]
enum Act {
    Disable,
    Enable,
    ForceLogout,
    Delete,
}

impl Act {
    fn named(word: &str) -> Result<Self, Error> {
        Ok(match word {
            "disable" => Self::Disable,
            "enable" => Self::Enable,
            "force-logout" => Self::ForceLogout,
            "delete" => Self::Delete,
            _ => return Err(Error::not_found("there is no such page")),
        })
    }

    /// Question, button and consequences.
    fn words(self) -> (&'static str, &'static str, &'static [&'static str]) {
        match self {
            Self::Disable => (
                "Disable this user?",
                "Disable the user",
                &[
                    "They cannot sign in until they are enabled again.",
                    "Their sessions and tokens end, on every instance, within a second.",
                ],
            ),
            Self::Enable => (
                "Enable this user?",
                "Enable the user",
                &["They can sign in again. What has ended stays ended."],
            ),
            Self::ForceLogout => (
                "Sign this user out everywhere?",
                "Sign the user out",
                &[
                    "Their sessions and tokens end, on every instance, within a second.",
                    "They can sign in again at once; consents stay.",
                ],
            ),
            Self::Delete => (
                "Delete this user?",
                "Delete the user",
                &["They are gone, with everything they hold. The audit trail stays."],
            ),
        }
    }
}

async fn question(
    console: &Console,
    visit: &Visit,
    id: &str,
    word: &str,
) -> engine::Result<(Act, Confirm)> {
    let act = Act::named(word)?;
    let engine = &console.app.engine;
    let user = engine.user(id).await?;
    let (title, button, effects) = act.words();
    let mut effects: Vec<String> = effects.iter().map(|&text| text.to_owned()).collect();
    let mut held = engine.user_holdings(id).await?;
    if !matches!(act, Act::Delete) {
        held.consents = 0;
    }
    if !matches!(act, Act::Enable) {
        effects.extend(ends(&held));
    }
    let row = Row::from(&user);
    let confirm = Confirm {
        frame: visit.frame(Section::Users),
        title: title.into(),
        subject: format!("{} ({})", row.email, row.id),
        effects,
        action: format!("{}/{word}", row.href),
        button,
        version: Some(user.updated_at.0),
        back: row.href,
        problem: None,
    };
    Ok((act, confirm))
}

/// `GET /admin/ui/users/{id}/{act}`
pub(super) async fn ask(
    State(console): State<Console>,
    visit: Visit,
    At((id, word)): At<(String, String)>,
) -> Shown {
    question(&console, &visit, &id, &word).await?.1.ask()
}

/// `POST /admin/ui/users/{id}/{act}`
pub(super) async fn act(
    State(console): State<Console>,
    visit: Visit,
    At((id, word)): At<(String, String)>,
    form: Sent,
) -> Shown {
    let engine = &console.app.engine;
    let (act, question) = question(&console, &visit, &id, &word).await?;
    let set = async |status| engine.set_user_status(&id, status).await.map(drop);
    let own = &question.back;
    let then = |done: &str| format!("{own}?done={done}");
    let (outcome, then) = match act {
        Act::Disable => (set(UserStatus::Disabled).await, then("disabled")),
        Act::Enable => (set(UserStatus::Active).await, then("enabled")),
        Act::ForceLogout => {
            let ended = engine.force_logout(&id).await.map(drop);
            (ended, then("logged-out"))
        }
        Act::Delete => {
            let how = Deletion {
                version: form.get("version").parse().ok().map(UnixMillis),
                force: true,
            };
            let gone = engine.delete_user(&id, how).await;
            (gone, "/admin/ui/users?done=deleted".to_owned())
        }
    };
    question.after(outcome, &then)
}
