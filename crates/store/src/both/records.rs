//! Issuances and settings: what is read back of the permanent record.

use super::Conn;
use super::dialect::sql;
use super::ledger::Tx;
use super::statement;
use super::walk::{Order, Walk};
use crate::sql::Table as _;
use crate::{Change, Counts, Cursor, Heartbeat, IssuanceFilter, Page, Part, Result};
use domain::{AuditEvent, Issuance, UnixMillis, first_uuid_at};

/// Bytes that make a sign of life as large as other writes.
const PADDING: usize = 32 << 10;

pub(crate) async fn find_issuance(conn: &mut Conn, jti: &str) -> Result<Option<Issuance>> {
    statement::query(sql!(
        "SELECT ",
        Issuance::LIST,
        " FROM issuances WHERE jti = $1"
    ))
    .bind(jti)
    .optional(conn)
    .await
}

/// Issuances, newest first.
pub(crate) async fn list_issuances(
    conn: &mut Conn,
    filter: &IssuanceFilter,
    page: &Page,
) -> Result<Part<Issuance>> {
    let user = filter.user_id.as_deref().map(|id| ("subject_user_id", id));
    let client = filter.client_id.as_deref().map(|id| ("client_id", id));
    let resource = filter.resource_id.as_deref().map(|id| ("resource_id", id));
    // These two have an index that goes on with the jti; the rest is looked at row by row.
    let within = user.or(client);
    let also = client
        .filter(|_| user.is_some())
        .into_iter()
        .chain(resource);
    let walk = Walk {
        columns: Issuance::LIST,
        table: "issuances",
        order: Order::Id("jti", "issued_at"),
        within,
        also: also.collect(),
        // A `jti` begins with the time.
        from: Some(first_uuid_at(filter.since)),
        alive_at: None,
        text: None,
        behind: filter.behind.as_ref(),
    };
    let place = |issuance: &Issuance| Cursor {
        at: issuance.issued_at,
        id: issuance.jti.to_string(),
    };
    walk.part(conn, page, place).await
}

pub(crate) async fn last_heartbeat(conn: &mut Conn) -> Result<Option<Heartbeat>> {
    let row: Option<(String, i64)> = statement::query(sql!(
        "SELECT database_id, beaten_at FROM heartbeat WHERE id = 1"
    ))
    .optional(conn)
    .await?;
    Ok(row.map(heartbeat))
}

/// Writes a sign of life; the name of the database stays. The time is later than that of the last
/// one, also when the clock ran ahead once: a copy of the database from before is behind.
pub(crate) async fn beat(tx: &mut Tx, beat: &Heartbeat, padded: bool) -> Result<Heartbeat> {
    let padding = if padded {
        "-".repeat(PADDING)
    } else {
        String::new()
    };
    let row: (String, i64) = statement::query(sql!("INSERT INTO heartbeat (id, database_id, beaten_at, padding) VALUES (1, $1, $2, $3) \
         ON CONFLICT (id) DO UPDATE SET padding = excluded.padding, beaten_at = \
         CASE WHEN excluded.beaten_at > heartbeat.beaten_at THEN excluded.beaten_at ELSE heartbeat.beaten_at + 1 END \
         RETURNING database_id, beaten_at"))
    .bind(&beat.database_id)
    .bind(beat.at)
    .bind(padding)
    .one(&mut *tx.conn)
    .await?;
    Ok(heartbeat(row))
}

fn heartbeat((database_id, at): (String, i64)) -> Heartbeat {
    Heartbeat {
        database_id,
        at: UnixMillis(at),
    }
}

pub(crate) async fn find_setting(conn: &mut Conn, name: &str) -> Result<Option<String>> {
    statement::query(sql!("SELECT value FROM settings WHERE name = $1"))
        .bind(name)
        .optional(conn)
        .await
}

pub(crate) async fn put_setting(
    tx: &mut Tx,
    name: &str,
    value: &str,
    now: UnixMillis,
    audit: &[AuditEvent],
) -> Result<()> {
    statement::query(sql!(
        "INSERT INTO settings (name, value, updated_at) VALUES ($1, $2, $3) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at"
    ))
    .bind(name)
    .bind(value)
    .bind(now)
    .execute(&mut *tx.conn)
    .await?;
    tx.pending_audit(audit);
    tx.changed(Change::Settings);
    Ok(())
}

pub(crate) async fn ping(conn: &mut Conn) -> Result<()> {
    statement::query(sql!("SELECT 1")).execute(conn).await?;
    Ok(())
}

/// How much there is. The id of a token begins with its time.
pub(crate) async fn counts(conn: &mut Conn, since: UnixMillis, now: UnixMillis) -> Result<Counts> {
    let (clients, users, alive, revoked): (i64, i64, i64, i64) = statement::query(sql!("SELECT (SELECT COUNT(*) FROM clients), (SELECT COUNT(*) FROM users), \
         (SELECT COUNT(*) FROM issuances WHERE jti >= $1 AND revoked_at IS NULL AND expires_at > $2), \
         (SELECT COUNT(*) FROM issuances WHERE revoked_at IS NOT NULL)"))
    .bind(first_uuid_at(since))
    .bind(now)
    .one(conn)
    .await?;
    Ok(Counts {
        clients: clients.unsigned_abs(),
        users: users.unsigned_abs(),
        alive_tokens: alive.unsigned_abs(),
        revoked_tokens: revoked.unsigned_abs(),
    })
}
