//! Families of refresh tokens, as operators look at them.

use super::Conn;
use super::dialect::sql;
use super::statement;
use super::walk::{Order, Walk};
use crate::sql::Table as _;
use crate::{Cursor, FamilyFilter, Page, Part, Result};
use domain::{TokenFamily, UnixMillis};

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
        columns: TokenFamily::LIST,
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
    walk.part(conn, page, place).await
}

pub(crate) async fn find(conn: &mut Conn, id: &str) -> Result<Option<TokenFamily>> {
    statement::query(sql!(
        "SELECT ",
        TokenFamily::LIST,
        " FROM token_families WHERE id = $1"
    ))
    .bind(id)
    .optional(conn)
    .await
}
