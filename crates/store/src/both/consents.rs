//! Consent grants: what users agreed to, and what ends when that is taken back.

use super::Conn;
use super::dialect::{self, sql};
use super::ledger::Tx;
use super::revocations::{execute, execute_all, revoke_descendants};
use super::statement;
use super::walk::{Order, Walk};
use crate::sql::{FromRow, Sql, Table as _, Value};
use crate::{Change, Cursor, NewConsent, Page, Part, Result, RevokeCount};
use domain::{AuditEvent, ClientId, ConsentGrant, Digest, ScopeSet, UnixMillis, UserId};

pub(crate) async fn find(
    conn: &mut Conn,
    user_id: &str,
    client_id: &str,
    resource_id: &str,
) -> Result<Option<ConsentGrant>> {
    statement::query(sql!(
        "SELECT ",
        ConsentGrant::LIST,
        " FROM consent_grants WHERE user_id = $1 AND client_id = $2 AND resource_id = $3"
    ))
    .bind(user_id)
    .bind(client_id)
    .bind(resource_id)
    .optional(conn)
    .await
}

pub(crate) async fn find_by_id(conn: &mut Conn, id: &str) -> Result<Option<ConsentGrant>> {
    statement::query(sql!(
        "SELECT ",
        ConsentGrant::LIST,
        " FROM consent_grants WHERE id = $1"
    ))
    .bind(id)
    .optional(conn)
    .await
}

/// All consents of a user, revoked ones included, newest first.
pub(crate) async fn of_user(
    conn: &mut Conn,
    user_id: &str,
    behind: Option<&Cursor>,
    page: &Page,
) -> Result<Part<ConsentGrant>> {
    let walk = Walk {
        columns: ConsentGrant::LIST,
        table: "consent_grants",
        order: Order::Id("id", "created_at"),
        within: Some(("user_id", user_id)),
        also: Vec::new(),
        from: None,
        alive_at: None,
        text: None,
        behind,
    };
    let place = |grant: &ConsentGrant| Cursor {
        at: grant.created_at,
        id: grant.id.to_string(),
    };
    walk.part(conn, page, place).await
}

/// Remembers a consent that belongs to no code.
pub(crate) async fn grant(
    tx: &mut Tx,
    user_id: &UserId,
    client_id: &ClientId,
    consent: &NewConsent,
    now: UnixMillis,
    audit: &[AuditEvent],
) -> Result<()> {
    remember(tx, user_id, client_id, consent, now).await?;
    tx.pending_audit(audit);
    Ok(())
}

/// Remembers what a user has agreed to; it is joined with what was agreed before.
pub(crate) async fn remember(
    tx: &mut Tx,
    user_id: &UserId,
    client_id: &ClientId,
    consent: &NewConsent,
    now: UnixMillis,
) -> Result<()> {
    let (user, client, resource) = (
        user_id.as_str(),
        client_id.as_str(),
        consent.resource_id.as_str(),
    );
    // Takes the row first, new or not: others who widen it wait, and then start from this.
    let (before, revoked_at): (ScopeSet, Option<UnixMillis>) = statement::query(sql!("INSERT INTO consent_grants (id, user_id, client_id, resource_id, scopes, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6) \
         ON CONFLICT (user_id, client_id, resource_id) DO UPDATE SET updated_at = excluded.updated_at \
         RETURNING scopes, revoked_at"))
    .bind(consent.id.as_str())
    .bind(user)
    .bind(client)
    .bind(resource)
    .bind(&consent.scopes)
    .bind(now)
    .one(&mut *tx.conn)
    .await?;
    let before = match revoked_at {
        None => before,
        Some(_) => ScopeSet::default(),
    };
    statement::query(sql!(
        "UPDATE consent_grants SET scopes = $4, revoked_at = NULL \
         WHERE user_id = $1 AND client_id = $2 AND resource_id = $3"
    ))
    .bind(user)
    .bind(client)
    .bind(resource)
    .bind(&before.union(&consent.scopes))
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}

/// Takes a consent back. Ends the codes, families and tokens of its client for its resource,
/// and all tokens that were exchanged from these, at any depth.
pub(crate) async fn revoke(tx: &mut Tx, id: &str, now: UnixMillis) -> Result<RevokeCount> {
    tx.flush_tokens().await?;
    // The consent first: an exchange that rests on it either holds it, and is then seen below,
    // or waits and finds it gone.
    let revoked: Option<(String, String, String)> = statement::query(sql!("UPDATE consent_grants SET revoked_at = $2, updated_at = $2 WHERE id = $1 AND revoked_at IS NULL \
         RETURNING user_id, client_id, resource_id"))
    .bind(id)
    .bind(now)
    .optional(&mut *tx.conn)
    .await?;
    let Some((user, client, resource)) = revoked else {
        return Ok(RevokeCount::default());
    };
    tx.changed(Change::User(user.clone()));
    let reach = Reach {
        names: names_of(&mut tx.conn, &resource).await?,
        user,
        client,
        resource,
    };
    let codes = reach
        .holders(tx, sql!("SELECT digest, resources FROM authorization_codes WHERE user_id = $1 AND client_id = $2"))
        .await?;
    delete_codes(tx, &codes).await?;
    let families = reach
        .holders(tx, sql!("SELECT id, resources FROM token_families WHERE user_id = $1 AND client_id = $2 AND revoked_at IS NULL"))
        .await?;
    let ended = execute(
        tx,
        sql!(
            "UPDATE token_families SET revoked_at = $2 WHERE ",
            dialect::is_listed!("id"),
            " AND revoked_at IS NULL"
        ),
        Value::list(&families),
        now,
    )
    .await?;
    let tokens = reach.tokens(tx, &families, now).await?;
    let own = execute_all(
        tx,
        sql!(
            "UPDATE issuances SET revoked_at = $2 WHERE ",
            dialect::is_listed!("jti"),
            " AND revoked_at IS NULL AND expires_at > $2"
        ),
        || Value::list(&tokens),
        now,
    )
    .await?;
    let derived = revoke_descendants(tx, &tokens, now).await?;
    Ok(RevokeCount {
        consents: 1,
        families: ended,
        tokens: own + derived,
        sessions: 0,
    })
}

/// What a consent is about.
struct Reach {
    user: String,
    client: String,
    resource: String,
    /// The names by which the resource may stand in a list of audiences; none for the issuer itself.
    names: Vec<String>,
}

/// A live token of a user: its id, what it is for, its audience as JSON, and its family.
type TokenRow = (String, Option<String>, String, Option<String>);

impl Reach {
    fn covers(&self, audience: &str) -> bool {
        let audience: Vec<String> = serde_json::from_str(audience).unwrap_or_default();
        match self.names.as_slice() {
            [] => audience.is_empty(),
            names => audience.iter().any(|own| names.contains(own)),
        }
    }

    /// The keys of those rows of the client and user whose list of resources is covered.
    async fn holders<K: FromRow + Send>(&self, tx: &mut Tx, statement: Sql) -> Result<Vec<K>> {
        let rows: Vec<(K, String)> = statement::query(statement)
            .bind(&self.user)
            .bind(&self.client)
            .all(&mut *tx.conn)
            .await?;
        let covered = rows
            .into_iter()
            .filter(|(_, resources)| self.covers(resources));
        Ok(covered.map(|(key, _)| key).collect())
    }

    /// The tokens that rest on this consent itself, those revoked before included: what was
    /// exchanged from them may be alive. What a token for several resources
    /// rests on is read off its audience; for the issuer's own, off its family.
    async fn tokens(
        &self,
        tx: &mut Tx,
        families: &[String],
        now: UnixMillis,
    ) -> Result<Vec<String>> {
        let rows: Vec<TokenRow> = statement::query(sql!("SELECT jti, COALESCE(consent_resource_id, resource_id), audience, family_id FROM issuances \
             WHERE subject_user_id = $1 AND COALESCE(consent_client_id, client_id) = $2 AND expires_at > $3"))
        .bind(&self.user)
        .bind(&self.client)
        .bind(now)
        .all(&mut *tx.conn)
        .await?;
        let rests_on = |(_, resource, audience, family): &TokenRow| match resource {
            Some(resource) => *resource == self.resource,
            None if !self.names.is_empty() => self.covers(audience),
            None => family.as_ref().is_some_and(|own| families.contains(own)),
        };
        Ok(rows
            .into_iter()
            .filter(rests_on)
            .map(|(jti, ..)| jti)
            .collect())
    }
}

/// Whatever a `resource` parameter may call it: its URI, with and without a final slash, and its
/// slug, which was its audience as long as it had no URI.
async fn names_of(conn: &mut Conn, resource_id: &str) -> Result<Vec<String>> {
    let found: Option<(String, Option<String>)> =
        statement::query(sql!("SELECT slug, uri FROM resources WHERE id = $1"))
            .bind(resource_id)
            .optional(conn)
            .await?;
    let Some((slug, uri)) = found else {
        return Ok(Vec::new());
    };
    let mut names = vec![slug];
    if let Some(uri) = uri {
        let bare = uri.strip_suffix('/').unwrap_or(&uri);
        names.extend([bare.to_owned(), format!("{bare}/")]);
    }
    Ok(names)
}

/// Takes back all consents for a resource.
pub(crate) async fn revoke_all_for(
    tx: &mut Tx,
    resource_id: &str,
    now: UnixMillis,
) -> Result<RevokeCount> {
    let standing: Vec<String> = statement::query(sql!(
        "SELECT id FROM consent_grants WHERE resource_id = $1 AND revoked_at IS NULL"
    ))
    .bind(resource_id)
    .all(&mut *tx.conn)
    .await?;
    let mut total = RevokeCount::default();
    for consent in standing {
        let ended = revoke(tx, &consent, now).await?;
        total.consents += ended.consents;
        total.families += ended.families;
        total.tokens += ended.tokens;
    }
    Ok(total)
}

async fn delete_codes(tx: &mut Tx, digests: &[Digest]) -> Result<()> {
    statement::query(sql!(
        "DELETE FROM authorization_codes WHERE ",
        dialect::is_listed!(bytes "digest")
    ))
    .bind(Value::list(digests))
    .execute(&mut *tx.conn)
    .await?;
    Ok(())
}
