//! Users.

use super::App;
use super::clients::HowToDelete;
use super::input::{Body, Path, Query, present};
use super::list::{page, read_cursor, write_cursor};
use super::query;
use super::refusal::{Answer, deleted};
use super::version::{IfMatch, versioned};
use crate::views::{RevokedView, UserView};
use axum::extract::State;
use axum::response::{Json, Response};
use domain::{UserRole, UserStatus};
use engine::admin::{NewUser, UserChange};
use http::StatusCode;
use oauth::ErrorBody;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store::{Deletion, UserFilter};
use utoipa::{IntoParams, ToSchema};

/// Which users.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    status: Option<UserStatus>,
    q: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    #[serde(default, deserialize_with = "query::limit")]
    limit: Option<u32>,
    #[param(maximum = 10000)]
    #[serde(default, deserialize_with = "query::offset")]
    offset: Option<u32>,
    cursor: Option<String>,
}

/// A part of the list.
#[derive(Serialize, ToSchema)]
pub(crate) struct UserList {
    users: Vec<UserView>,
    next_cursor: Option<String>,
}

/// A user to create.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserRequest {
    email: String,
    #[serde(default)]
    name: String,
    password: String,
    role: Option<UserRole>,
}

/// What to change; what is absent stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserPatch {
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    email: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    name: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    password: Option<String>,
    #[serde(default, deserialize_with = "present")]
    #[schema(nullable = false)]
    role: Option<UserRole>,
}

/// Users, newest first.
#[utoipa::path(
    get,
    path = "/admin/users",
    tag = "Users",
    operation_id = "users_list",
    params(
        Filter,
    ),
    responses(
        (status = 200, description = "A part of the list", body = UserList),
    ),
)]
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
    let rows = found.rows.into_iter();
    Ok(Json(UserList {
        users: rows.map(|own| UserView::from(&own)).collect(),
        next_cursor: found.next.as_ref().map(write_cursor),
    }))
}

/// Creates a user.
#[utoipa::path(
    post,
    path = "/admin/users",
    tag = "Users",
    operation_id = "users_create",
    request_body = UserRequest,
    responses(
        (status = 201, description = "The user", body = UserView, headers(("ETag" = String, description = "Its version, for `If-Match`"))),
        (status = 409, description = "There is a user with this address", body = ErrorBody, content_type = "application/problem+json"),
    ),
)]
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

/// One user.
#[utoipa::path(
    get,
    path = "/admin/users/{user}",
    tag = "Users",
    operation_id = "users_get",
    params(
        ("user" = String, Path, description = "The user's id or address"),
    ),
    responses(
        (status = 200, description = "The user", body = UserView, headers(("ETag" = String, description = "Its version, for `If-Match`"))),
    ),
)]
pub(crate) async fn get(State(app): State<App>, Path(user): Path<String>) -> Answer<Response> {
    let user = app.engine.user(&user).await?;
    let view = UserView::from(&user);
    Ok(versioned(StatusCode::OK, &view, user.updated_at))
}

/// Changes a user; a new password ends sessions and tokens.
#[utoipa::path(
    patch,
    path = "/admin/users/{user}",
    tag = "Users",
    operation_id = "users_update",
    params(
        ("user" = String, Path, description = "The user's id or address"),
        ("If-Match" = Option<String>, Header, description = "The version that the change is meant for: the `ETag` of what was read"),
    ),
    request_body = UserPatch,
    responses(
        (status = 200, description = "The user", body = UserView, headers(("ETag" = String, description = "Its version, for `If-Match`"))),
        (status = 409, description = "There is a user with this address", body = ErrorBody, content_type = "application/problem+json"),
    ),
)]
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

/// Deletes a user.
#[utoipa::path(
    delete,
    path = "/admin/users/{user}",
    tag = "Users",
    operation_id = "users_delete",
    params(
        ("user" = String, Path, description = "The user's id or address"),
        ("If-Match" = Option<String>, Header, description = "The version that the change is meant for: the `ETag` of what was read"),
        HowToDelete,
    ),
    responses(
        (status = 204, description = "Gone"),
        (status = 409, description = "The user holds sessions, tokens or consents that are alive; `force` deletes the user with them", body = ErrorBody, content_type = "application/problem+json"),
    ),
)]
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

/// Keeps a user from signing in, and ends sessions and tokens.
#[utoipa::path(
    patch,
    path = "/admin/users/{user}/disable",
    tag = "Users",
    operation_id = "users_disable",
    params(
        ("user" = String, Path, description = "The user's id or address"),
    ),
    responses(
        (status = 200, description = "The user", body = UserView, headers(("ETag" = String, description = "Its version, for `If-Match`"))),
    ),
)]
pub(crate) async fn disable(state: State<App>, user: Path<String>) -> Answer<Response> {
    set_status(state, user, UserStatus::Disabled).await
}

/// Lets a disabled user sign in again.
#[utoipa::path(
    patch,
    path = "/admin/users/{user}/enable",
    tag = "Users",
    operation_id = "users_enable",
    params(
        ("user" = String, Path, description = "The user's id or address"),
    ),
    responses(
        (status = 200, description = "The user", body = UserView, headers(("ETag" = String, description = "Its version, for `If-Match`"))),
    ),
)]
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

/// Ends all sessions and tokens of a user.
#[utoipa::path(
    delete,
    path = "/admin/users/{user}/tokens",
    tag = "Users",
    operation_id = "users_force_logout",
    params(
        ("user" = String, Path, description = "The user's id or address"),
    ),
    responses(
        (status = 200, description = "What has ended", body = RevokedView),
    ),
)]
pub(crate) async fn force_logout(
    State(app): State<App>,
    Path(user): Path<String>,
) -> Answer<Json<RevokedView>> {
    let ended = app.engine.force_logout(&user).await?;
    Ok(Json(RevokedView::from(ended)))
}
