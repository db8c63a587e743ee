//! Users and their browser sessions.

use super::dialect::sql;
use super::ledger::Tx;
use super::statement;
use super::walk::{Order, Walk};
use super::{Conn, versions};
use crate::sql::{Sql, Table as _};
use crate::{
    Change, Cursor, Deleted, Deletion, Page, Part, Result, RevokeCount, StoreError, Updated,
    UserFilter,
};
use domain::{AuditEvent, Digest, Session, UnixMillis, User};

/// Where a search looks.
const SEARCHED: &[&str] = &["email", "name", "id"];
const END_SESSION: Sql = sql!("DELETE FROM sessions WHERE token_digest = $1");

fn email_taken(error: StoreError) -> StoreError {
    match error {
        StoreError::Conflict(_) => StoreError::Conflict("a user with that e-mail address"),
        other => other,
    }
}

pub(crate) async fn find(conn: &mut Conn, id: &str) -> Result<Option<User>> {
    statement::query(sql!("SELECT ", User::LIST, " FROM users WHERE id = $1"))
        .bind(id)
        .optional(conn)
        .await
}

pub(crate) async fn find_by_email(conn: &mut Conn, email: &str) -> Result<Option<User>> {
    statement::query(sql!("SELECT ", User::LIST, " FROM users WHERE email = $1"))
        .bind(email)
        .optional(conn)
        .await
}

pub(crate) async fn list(conn: &mut Conn, filter: &UserFilter, page: &Page) -> Result<Part<User>> {
    let walk = Walk {
        columns: User::LIST,
        table: "users",
        order: Order::Age("created_at"),
        within: filter.status.map(|own| ("status", own.as_str())),
        also: Vec::new(),
        from: None,
        alive_at: None,
        text: filter.text.as_deref().map(|text| (text, SEARCHED)),
        behind: filter.behind.as_ref(),
    };
    let place = |user: &User| Cursor {
        at: user.created_at,
        id: user.id.to_string(),
    };
    walk.part(conn, page, place).await
}

pub(crate) async fn create(tx: &mut Tx, user: &User, audit: &[AuditEvent]) -> Result<()> {
    statement::query(sql!(
        "INSERT INTO users (",
        User::LIST,
        ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
    ))
    .bind_all(user)
    .execute(&mut *tx.conn)
    .await
    .map_err(email_taken)?;
    tx.pending_audit(audit);
    tx.changed(Change::User(user.id.to_string()));
    Ok(())
}

/// Writes all fields of a user, if it is still the one that was read. With `end_all`, sessions and
/// tokens end too.
pub(crate) async fn update(
    tx: &mut Tx,
    user: &User,
    end_all: bool,
    now: UnixMillis,
    audit: &[AuditEvent],
) -> Result<Updated> {
    let (id, change) = (user.id.as_str(), Change::User(user.id.to_string()));
    let updated_at = versions::next(user.updated_at, now);
    let written = statement::query(sql!("UPDATE users SET email = $2, name = $3, password_hash = $4, role = $5, status = $6, updated_at = $7 \
         WHERE id = $1 AND updated_at = $8"))
    .bind(id)
    .bind(&user.email)
    .bind(&user.name)
    .bind(&user.password_hash)
    .bind(user.role.as_str())
    .bind(user.status.as_str())
    .bind(updated_at)
    .bind(user.updated_at)
    .execute(&mut *tx.conn)
    .await
    .map_err(email_taken)?;
    if written == 0 {
        let there = sql!("SELECT 1 FROM users WHERE id = $1");
        return versions::missed(tx, there, id, change).await;
    }
    let ended = if end_all {
        super::revocations::revoke_user(tx, id, now).await?
    } else {
        RevokeCount::default()
    };
    tx.pending_audit(audit);
    tx.changed(change);
    Ok(Updated::Yes { updated_at, ended })
}

/// Deletes a user with all they hold.
pub(crate) async fn delete(
    tx: &mut Tx,
    id: &str,
    how: Deletion,
    now: UnixMillis,
    audit: &[AuditEvent],
) -> Result<Deleted> {
    if !how.force {
        tx.flush_tokens().await?;
        let held = super::holdings::of_user(&mut tx.conn, id, now).await?;
        if held.any() {
            return Ok(Deleted::InUse(held));
        }
    }
    let missed = versions::take(
        tx,
        sql!("DELETE FROM users WHERE id = $1 AND ($2 < 0 OR updated_at = $2)"),
        sql!("SELECT 1 FROM users WHERE id = $1"),
        id,
        how.version,
        Change::User(id.to_owned()),
    );
    if let Some(missed) = missed.await? {
        return Ok(missed);
    }
    let ended = super::revocations::revoke_user(tx, id, now).await?;
    tx.run(sql!("DELETE FROM consent_grants WHERE user_id = $1"), id)
        .await?;
    tx.pending_audit(audit);
    Ok(Deleted::Yes(ended))
}

/// Opens a session; `replaces` is the one the browser held before, which ends (no fixation).
pub(crate) async fn open_session(
    tx: &mut Tx,
    session: &Session,
    replaces: Option<&Digest>,
    audit: &[AuditEvent],
) -> Result<()> {
    if let Some(old) = replaces {
        tx.run(END_SESSION, old).await?;
    }
    statement::query(sql!(
        "INSERT INTO sessions (",
        Session::LIST,
        ") VALUES ($1, $2, $3, $4, $5)"
    ))
    .bind_all(session)
    .execute(&mut *tx.conn)
    .await?;
    tx.pending_audit(audit);
    Ok(())
}

/// Remembers that a session of the console has ended, for as long as its cookie might be shown.
pub(crate) async fn end_console_session(
    tx: &mut Tx,
    session: &Digest,
    until: UnixMillis,
) -> Result<()> {
    statement::query(sql!(
        "INSERT INTO console_sign_outs (session_digest, expires_at) VALUES ($1, $2) \
         ON CONFLICT (session_digest) DO NOTHING"
    ))
    .bind(session)
    .bind(until)
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}

pub(crate) async fn console_session_has_ended(conn: &mut Conn, session: &Digest) -> Result<bool> {
    let ended: Option<i64> = statement::query(sql!(
        "SELECT expires_at FROM console_sign_outs WHERE session_digest = $1"
    ))
    .bind(session)
    .optional(conn)
    .await?;
    Ok(ended.is_some())
}

pub(crate) async fn find_session(
    conn: &mut Conn,
    token: &Digest,
    now: UnixMillis,
) -> Result<Option<Session>> {
    statement::query(sql!(
        "SELECT ",
        Session::LIST,
        " FROM sessions WHERE token_digest = $1 AND expires_at > $2"
    ))
    .bind(token)
    .bind(now)
    .optional(conn)
    .await
}

pub(crate) async fn close_session(
    tx: &mut Tx,
    token: &Digest,
    audit: &[AuditEvent],
) -> Result<bool> {
    let closed = tx.run(END_SESSION, token).await? == 1;
    if closed {
        tx.pending_audit(audit);
    }
    Ok(closed)
}
