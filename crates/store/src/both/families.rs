//! Families of refresh tokens, as operators look at them.

use super::Conn;
use super::statement;
use super::walk::{Order, Walk};
use crate::rows::TokenFamilyRow;
use crate::{Cursor, FamilyFilter, Page, Part, Result};
use domain::{TokenFamily, UnixMillis};

const COLUMNS: &str = "id, user_id, client_id, scope, resources, auth_time, created_at, revoked_at";

/// Families that are alive, newest first.
pub(crate) async fn list(
    conn: &mut Conn,
    filter: &FamilyFilter,
    page: &Page,
    now: UnixMillis,
) -> Result<Part<TokenFamily>> {
    let user = filter.user_id.as_deref().map(|id| ("user_id", id));
    let client = filter.client_id.as_deref().map(|id| ("client_id", id));
    let walk = Walk {
        columns: COLUMNS,
        table: "token_families",
        order: Order::Id("id", "created_at"),
        within: user.or(client),
        also: client.filter(|_| user.is_some()).into_iter().collect(),
        from: None,
        alive_at: Some(now),
        text: None,
        behind: filter.behind.as_ref(),
    };
    let place = |family: &TokenFamily| Cursor {
        at: family.created_at,
        id: family.id.to_string(),
    };
    walk.part::<TokenFamilyRow, _>(conn, page, place).await
}

pub(crate) async fn find(conn: &mut Conn, id: &str) -> Result<Option<TokenFamily>> {
    let row: Option<TokenFamilyRow> = statement::query_as(
        "SELECT id, user_id, client_id, scope, resources, auth_time, created_at, revoked_at \
         FROM token_families WHERE id = $1",
    )
    .bind(id)
    .fetch_optional(conn)
    .await?;
    row.map(TokenFamily::try_from).transpose()
}
