//! What users have handed out and is alive: families of refresh tokens.

use super::App;
use super::input::{Path, Query};
use super::list::{page, read_cursor, write_cursor};
use super::query;
use super::refusal::Answer;
use crate::views::{IssuanceView, RevokedView, TokenFamilyView};
use axum::extract::State;
use axum::response::Json;
use engine::admin::{FamilyQuery, IssuedToken};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which families.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Filter {
    user: Option<String>,
    client: Option<String>,
    #[param(minimum = 1, maximum = 1000)]
    #[serde(default, deserialize_with = "query::limit")]
    limit: Option<u32>,
    #[param(maximum = 10000)]
    #[serde(default, deserialize_with = "query::offset")]
    offset: Option<u32>,
    cursor: Option<String>,
}

/// What an id stands for.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum TokenView {
    /// A family of refresh tokens.
    Family(TokenFamilyView),
    /// An access token.
    Access(Box<IssuanceView>),
}

/// A part of the list.
#[derive(Serialize, ToSchema)]
pub(crate) struct TokenList {
    tokens: Vec<TokenFamilyView>,
    next_cursor: Option<String>,
}

/// Families of refresh tokens that are alive, newest first.
#[utoipa::path(
    get,
    path = "/admin/tokens",
    tag = "Tokens",
    operation_id = "tokens_list",
    params(
        Filter,
    ),
    responses(
        (status = 200, description = "A part of the list", body = TokenList),
    ),
)]
pub(crate) async fn list(
    State(app): State<App>,
    Query(asked): Query<Filter>,
) -> Answer<Json<TokenList>> {
    let page = page(asked.limit, asked.offset)?;
    let query = FamilyQuery {
        user: asked.user,
        client: asked.client,
        behind: read_cursor(asked.cursor)?,
    };
    let found = app.engine.live_families(&query, &page).await?;
    let rows = found.rows.into_iter();
    Ok(Json(TokenList {
        tokens: rows.map(|own| TokenFamilyView::from(&own)).collect(),
        next_cursor: found.next.as_ref().map(write_cursor),
    }))
}

/// Families of refresh tokens of a user that are alive, newest first.
#[utoipa::path(
    get,
    path = "/admin/users/{user}/tokens",
    tag = "Tokens",
    operation_id = "tokens_of_user",
    params(
        ("user" = String, Path, description = "The user's id or address"),
        Filter,
    ),
    responses(
        (status = 200, description = "A part of the list", body = TokenList),
    ),
)]
pub(crate) async fn of_user(
    state: State<App>,
    Path(user): Path<String>,
    Query(asked): Query<Filter>,
) -> Answer<Json<TokenList>> {
    let asked = Filter {
        user: Some(user),
        ..asked
    };
    list(state, Query(asked)).await
}

/// A family, or the record of an access token.
#[utoipa::path(
    get,
    path = "/admin/tokens/{id}",
    tag = "Tokens",
    operation_id = "tokens_get",
    params(
        ("id" = String, Path, description = "A family's id, or an access token's `jti`"),
    ),
    responses(
        (status = 200, description = "The family or the record", body = TokenView),
    ),
)]
pub(crate) async fn get(State(app): State<App>, Path(id): Path<String>) -> Answer<Json<TokenView>> {
    Ok(Json(match app.engine.issued_token(&id).await? {
        IssuedToken::Family(family) => TokenView::Family(TokenFamilyView::from(&family)),
        IssuedToken::Access(own) => TokenView::Access(Box::new(IssuanceView::from(&*own))),
    }))
}

/// Ends a family with its access tokens, or one access token.
#[utoipa::path(
    delete,
    path = "/admin/tokens/{id}",
    tag = "Tokens",
    operation_id = "tokens_revoke",
    params(
        ("id" = String, Path, description = "A family's id, or an access token's `jti`"),
    ),
    responses(
        (status = 200, description = "What has ended", body = RevokedView),
    ),
)]
pub(crate) async fn revoke(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<Json<RevokedView>> {
    let ended = app.engine.revoke_issued_token(&id).await?;
    Ok(Json(RevokedView::from(ended)))
}
