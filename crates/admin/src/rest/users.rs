//! Users.

use super::App;
use super::clients::HowToDelete;
use super::input::{Body, Path, Query, present};
use super::list::{page, read_cursor, write_cursor};
use super::refusal::{Answer, deleted};
use super::version::{IfMatch, versioned};
use crate::views::{RevokedView, UserView};
use axum::extract::State;
use axum::response::{Json, Response};
use domain::{UserRole, UserStatus};
use engine::admin::{NewUser, UserChange};
use http::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store::{Deletion, UserFilter};

/// Which users.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    status: Option<UserStatus>,
    q: Option<String>,
    limit: Option<u32>,
    offset: Option<u32>,
    cursor: Option<String>,
}

/// A part of the list.
#[derive(Serialize)]
pub(crate) struct UserList {
    users: Vec<UserView>,
    next_cursor: Option<String>,
}

/// A user to create.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserRequest {
    email: String,
    #[serde(default)]
    name: String,
    password: String,
    role: Option<UserRole>,
}

/// What to change; what is absent stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserPatch {
    #[serde(default, deserialize_with = "present")]
    email: Option<String>,
    #[serde(default, deserialize_with = "present")]
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    password: Option<String>,
    #[serde(default, deserialize_with = "present")]
    role: Option<UserRole>,
}

/// `GET /admin/users`
pub(crate) async fn list(
    State(app): State<App>,
    Query(asked): Query<Filter>,
) -> Answer<Json<UserList>> {
    let page = page(asked.limit, asked.offset)?;
    let filter = UserFilter {
        status: asked.status,
        text: asked.q.filter(|text| !text.is_empty()),
        behind: read_cursor(asked.cursor)?,
    };
    let found = app.engine.users(&filter, &page).await?;
    Ok(Json(UserList {
        users: found.rows.iter().map(UserView::from).collect(),
        next_cursor: found.next.as_ref().map(write_cursor),
    }))
}

/// `POST /admin/users`
pub(crate) async fn create(
    State(app): State<App>,
    Body(new): Body<UserRequest>,
) -> Answer<Response> {
    let new = NewUser {
        email: new.email,
        name: new.name,
        password: SecretString::from(new.password),
        role: new.role.unwrap_or(UserRole::User),
    };
    let user = app.engine.create_user(new).await?;
    let view = UserView::from(&user);
    Ok(versioned(StatusCode::CREATED, &view, user.updated_at))
}

/// `GET /admin/users/{user}`
pub(crate) async fn get(State(app): State<App>, Path(user): Path<String>) -> Answer<Response> {
    let user = app.engine.user(&user).await?;
    let view = UserView::from(&user);
    Ok(versioned(StatusCode::OK, &view, user.updated_at))
}

/// `PATCH /admin/users/{user}`
pub(crate) async fn update(
    State(app): State<App>,
    Path(user): Path<String>,
    IfMatch(version): IfMatch,
    Body(patch): Body<UserPatch>,
) -> Answer<Response> {
    let change = UserChange {
        email: patch.email,
        name: patch.name,
        password: patch.password.map(SecretString::from),
        role: patch.role,
        version,
    };
    let user = app.engine.update_user(&user, change).await?;
    let view = UserView::from(&user);
    Ok(versioned(StatusCode::OK, &view, user.updated_at))
}

/// `DELETE /admin/users/{user}`
pub(crate) async fn delete(
    State(app): State<App>,
    Path(user): Path<String>,
    IfMatch(version): IfMatch,
    Query(how): Query<HowToDelete>,
) -> Answer<StatusCode> {
    let how = Deletion {
        version,
        force: how.force,
    };
    deleted(app.engine.delete_user(&user, how).await)
}

/// `PATCH /admin/users/{user}/disable`
pub(crate) async fn disable(state: State<App>, user: Path<String>) -> Answer<Response> {
    set_status(state, user, UserStatus::Disabled).await
}

/// `PATCH /admin/users/{user}/enable`
pub(crate) async fn enable(state: State<App>, user: Path<String>) -> Answer<Response> {
    set_status(state, user, UserStatus::Active).await
}

async fn set_status(
    State(app): State<App>,
    Path(user): Path<String>,
    status: UserStatus,
) -> Answer<Response> {
    let user = app.engine.set_user_status(&user, status).await?;
    let view = UserView::from(&user);
    Ok(versioned(StatusCode::OK, &view, user.updated_at))
}

/// `DELETE /admin/users/{user}/tokens`
pub(crate) async fn force_logout(
    State(app): State<App>,
    Path(user): Path<String>,
) -> Answer<Json<RevokedView>> {
    let ended = app.engine.force_logout(&user).await?;
    Ok(Json(RevokedView::from(ended)))
}
