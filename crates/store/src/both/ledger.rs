//! Rows that are only ever added, gathered while jobs run and inserted many at a time.

use super::statement;
use super::{Conn, Db};
use crate::chain::{Chain, Link};
use crate::rows::to_json;
use crate::{Change, Result};
use domain::{AuditEvent, Clock, Issuance, RefreshToken, Rng, TokenFamily, UnixMillis};
use sqlx::QueryBuilder;

/// Most rows in one `INSERT`: each number of rows is a statement of its own, and all of
/// them are kept prepared.
const LARGEST_INSERT: usize = 32;

/// What a transaction will add when it ends.
#[derive(Default)]
pub(crate) struct Pending {
    families: Vec<(TokenFamily, UnixMillis)>,
    refresh_tokens: Vec<RefreshToken>,
    issuances: Vec<Issuance>,
    audit: Vec<AuditEvent>,
    pub(crate) changes: Vec<Change>,
}

impl Pending {
    pub fn clear(&mut self) {
        self.families.clear();
        self.refresh_tokens.clear();
        self.issuances.clear();
        self.audit.clear();
        self.changes.clear();
    }
}

/// An open transaction of a lane: its connection, and what it will add when it ends.
pub(crate) struct Tx {
    pub conn: sqlx::pool::PoolConnection<Db>,
    pub pending: Pending,
}

impl Tx {
    /// Founds a family that can live until `expires_at`.
    pub fn family(&mut self, family: TokenFamily, expires_at: UnixMillis) {
        self.pending.families.push((family, expires_at));
    }

    /// Adds a refresh token.
    pub fn refresh_token(&mut self, token: RefreshToken) {
        self.pending.refresh_tokens.push(token);
    }

    /// Records an issued token.
    pub fn issuance(&mut self, issuance: Issuance) {
        self.pending.issuances.push(issuance);
    }

    /// Records an event.
    pub fn audit(&mut self, event: AuditEvent) {
        self.pending.audit.push(event);
    }

    /// Records several events.
    pub fn pending_audit(&mut self, events: &[AuditEvent]) {
        self.pending.audit.extend_from_slice(events);
    }

    /// Tells all instances, once this has been committed.
    pub fn changed(&mut self, change: Change) {
        self.pending.changes.push(change);
    }

    /// Runs a statement about what `key` names. Returns how many rows it met.
    pub async fn run(&mut self, statement: &'static str, key: &str) -> Result<u64> {
        let query = statement::query(statement).bind(key);
        Ok(query.execute(&mut *self.conn).await?.rows_affected())
    }

    /// Inserts the tokens gathered so far, so that statements to come can see them.
    pub async fn flush_tokens(&mut self) -> Result<()> {
        let Pending {
            families,
            refresh_tokens,
            issuances,
            ..
        } = &mut self.pending;
        insert_families(&mut self.conn, families).await?;
        insert_refresh_tokens(&mut self.conn, refresh_tokens).await?;
        for part in issuances.chunks(LARGEST_INSERT) {
            let mut insert = QueryBuilder::new("");
            insert_issuances(&mut insert, part.iter());
            statement::built(&mut insert)
                .build()
                .execute(&mut *self.conn)
                .await?;
        }
        families.clear();
        refresh_tokens.clear();
        issuances.clear();
        Ok(())
    }

    /// Inserts everything gathered, chaining the audit rows.
    pub async fn flush(
        &mut self,
        chain: &mut Chain,
        clock: &dyn Clock,
        rng: &dyn Rng,
    ) -> Result<()> {
        self.flush_tokens().await?;
        let links: Vec<_> = self
            .pending
            .audit
            .iter()
            .map(|event| chain.append(event, clock, rng))
            .collect();
        for part in links.chunks(LARGEST_INSERT) {
            let mut insert = QueryBuilder::new("");
            insert_audit(&mut insert, part);
            statement::built(&mut insert)
                .build()
                .execute(&mut *self.conn)
                .await?;
        }
        Ok(())
    }
}

async fn insert_families(conn: &mut Conn, rows: &[(TokenFamily, UnixMillis)]) -> Result<()> {
    for part in rows.chunks(LARGEST_INSERT) {
        let mut insert = QueryBuilder::<Db>::new(
            "INSERT INTO token_families (id, user_id, client_id, scope, resources, auth_time, created_at, \
             expires_at, revoked_at) ",
        );
        insert.push_values(part, |mut row, (family, expires_at)| {
            row.push_bind(family.id.as_str())
                .push_bind(family.user_id.as_str())
                .push_bind(family.client_id.as_str())
                .push_bind(family.scope.to_string())
                .push_bind(to_json(&family.resources))
                .push_bind(family.auth_time.0)
                .push_bind(family.created_at.0)
                .push_bind(expires_at.0)
                .push_bind(family.revoked_at.map(|at| at.0));
        });
        statement::built(&mut insert)
            .build()
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

async fn insert_refresh_tokens(conn: &mut Conn, rows: &[RefreshToken]) -> Result<()> {
    for part in rows.chunks(LARGEST_INSERT) {
        let mut insert = QueryBuilder::<Db>::new(
            "INSERT INTO refresh_tokens (digest, family_id, dpop_jkt, created_at, expires_at, spent_at, \
             narrowed_to) ",
        );
        insert.push_values(part, |mut row, token| {
            row.push_bind(token.digest.to_hex())
                .push_bind(token.family_id.as_str())
                .push_bind(&token.dpop_jkt)
                .push_bind(token.created_at.0)
                .push_bind(token.expires_at.0)
                .push_bind(token.spent_at.map(|at| at.0))
                .push_bind(token.narrowed_to.as_ref().map(ToString::to_string));
        });
        statement::built(&mut insert)
            .build()
            .execute(&mut *conn)
            .await?;
    }
    Ok(())
}

/// Writes the `INSERT` of `rows`.
pub(crate) fn insert_issuances<'i>(
    insert: &mut QueryBuilder<Db>,
    rows: impl Iterator<Item = &'i Issuance>,
) {
    insert.push(
        "INSERT INTO issuances (jti, subject_user_id, client_id, resource_id, audience, scopes, family_id, \
         parent_jti, consent_client_id, consent_resource_id, obtained_by, dpop_jkt, agent_id, agent_chain, issued_at, expires_at, revoked_at) ",
    );
    insert.push_values(rows, |mut row, issuance| {
        row.push_bind(issuance.jti.as_str())
            .push_bind(issuance.subject_user_id.as_ref().map(|id| id.as_str()))
            .push_bind(issuance.client_id.as_str())
            .push_bind(issuance.resource_id.as_ref().map(|id| id.as_str()))
            .push_bind(to_json(&issuance.audience))
            .push_bind(issuance.scopes.to_string())
            .push_bind(issuance.family_id.as_ref().map(|id| id.as_str()))
            .push_bind(issuance.parent_jti.as_ref().map(|jti| jti.as_str()))
            .push_bind(issuance.consent_client_id.as_ref().map(|id| id.as_str()))
            .push_bind(issuance.consent_resource_id.as_ref().map(|id| id.as_str()))
            .push_bind(issuance.obtained_by.as_ref().map(|id| id.as_str()))
            .push_bind(&issuance.dpop_jkt)
            .push_bind(&issuance.agent_id)
            .push_bind(to_json(&issuance.agent_chain))
            .push_bind(issuance.issued_at.0)
            .push_bind(issuance.expires_at.0)
            .push_bind(issuance.revoked_at.map(|at| at.0));
    });
}

/// Writes the `INSERT` of `links`.
pub(crate) fn insert_audit(insert: &mut QueryBuilder<Db>, links: &[Link<'_>]) {
    insert.push(
        "INSERT INTO audit_events (id, action, actor_id, user_id, client_id, resource, ip, detail, \
         trace_id, request_id, created_at, writer, seq, hash) ",
    );
    insert.push_values(links, |mut row, link| {
        let event = link.event;
        row.push_bind(&link.id)
            .push_bind(event.action.as_str())
            .push_bind(&event.actor_id)
            .push_bind(&event.user_id)
            .push_bind(&event.client_id)
            .push_bind(&event.resource)
            .push_bind(&event.ip)
            .push_bind(&event.detail)
            .push_bind(&event.trace_id)
            .push_bind(&event.request_id)
            .push_bind(link.created_at.0)
            .push_bind(&link.writer)
            .push_bind(link.seq)
            .push_bind(&link.hash);
    });
}
