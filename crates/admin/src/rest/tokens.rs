//! What users have handed out and is alive: families of refresh tokens.

use super::App;
use super::input::{Path, Query};
use super::list::{page, read_cursor, write_cursor};
use super::refusal::Answer;
use crate::views::{IssuanceView, RevokedView, TokenFamilyView};
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use engine::admin::{FamilyQuery, IssuedToken};
use serde::{Deserialize, Serialize};

/// Which families.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    user: Option<String>,
    client: Option<String>,
    limit: Option<u32>,
    offset: Option<u32>,
    cursor: Option<String>,
}

/// A part of the list.
#[derive(Serialize)]
pub(crate) struct TokenList {
    tokens: Vec<TokenFamilyView>,
    next_cursor: Option<String>,
}

/// `GET /admin/tokens`
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
    Ok(Json(TokenList {
        tokens: found.rows.iter().map(TokenFamilyView::from).collect(),
        next_cursor: found.next.as_ref().map(write_cursor),
    }))
}

/// `GET /admin/users/{user}/tokens`
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

/// `GET /admin/tokens/{id}`
pub(crate) async fn get(State(app): State<App>, Path(id): Path<String>) -> Answer<Response> {
    Ok(match app.engine.issued_token(&id).await? {
        IssuedToken::Family(family) => Json(TokenFamilyView::from(&family)).into_response(),
        IssuedToken::Access(issuance) => Json(IssuanceView::from(&*issuance)).into_response(),
    })
}

/// `DELETE /admin/tokens/{id}`
pub(crate) async fn revoke(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Answer<Json<RevokedView>> {
    let ended = app.engine.revoke_issued_token(&id).await?;
    Ok(Json(RevokedView::from(ended)))
}
