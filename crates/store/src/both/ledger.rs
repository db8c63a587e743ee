//! Rows that are only ever added, gathered while jobs run and inserted many at a time.

use super::statement;
use super::{Conn, dialect};
use crate::chain::{Chain, Link};
use crate::operation::note;
use crate::sql::{Insert, Session as _, Sql, Step, Table, ToColumns, Value};
use crate::{Change, Result};
use const_format::concatcp;
use domain::{AuditEvent, Clock, Issuance, RefreshToken, Rng, TokenFamily, UnixMillis};
use std::sync::LazyLock;

/// An `INSERT` of all columns of `table`, and of `more`.
macro_rules! insert {
    ($entity:ty, $table:literal $(, $more:literal)?) => {
        LazyLock::new(|| {
            let columns = concatcp!(<$entity as Table>::LIST $(, ", ", $more)?);
            Insert::into($table, columns, Conn::MARK)
        })
    };
}

static FAMILIES: LazyLock<Insert> = insert!(TokenFamily, "token_families", "expires_at");
static REFRESH_TOKENS: LazyLock<Insert> = insert!(RefreshToken, "refresh_tokens");
static ISSUANCES: LazyLock<Insert> = insert!(Issuance, "issuances");
static AUDIT_EVENTS: LazyLock<Insert> = insert!(Link<'_>, "audit_events");

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
    pub conn: dialect::Object,
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
    pub async fn run<'q>(&mut self, statement: Sql, key: impl Into<Value<'q>>) -> Result<u64> {
        let query = statement::query(statement).bind(key);
        query.execute(&mut *self.conn).await
    }

    /// Inserts the tokens gathered so far, so that statements to come can see them.
    pub async fn flush_tokens(&mut self) -> Result<()> {
        let steps = self.pending.tokens();
        self.conn.run(steps).await?;
        self.pending.families.clear();
        self.pending.refresh_tokens.clear();
        self.pending.issuances.clear();
        Ok(())
    }

    /// Inserts everything gathered, chaining the audit rows, and tells other instances of it. Nothing
    /// follows but the commit, which may be made with it.
    pub async fn flush(
        &mut self,
        chain: &mut Chain,
        clock: &dyn Clock,
        rng: &dyn Rng,
    ) -> Result<()> {
        let events = self.pending.audit.iter();
        let links: Vec<_> = events
            .map(|event| chain.append(event, clock, rng))
            .collect();
        let mut steps = self.pending.tokens();
        steps.extend(insert(&AUDIT_EVENTS, &links));
        steps.extend(dialect::notify(&self.conn, &self.pending.changes));
        dialect::commit_with_steps(&mut self.conn);
        self.conn.run(steps).await
    }
}

impl Pending {
    /// What adds the tokens.
    fn tokens(&self) -> Vec<Step<'_>> {
        let families = self.families.iter().map(|(family, expires_at)| {
            let mut row = Vec::with_capacity(FAMILIES.columns);
            family.put_all(&mut row);
            row.push(Value::from(*expires_at));
            row
        });
        let families: Vec<_> = families.collect();
        let mut steps = Vec::new();
        if !families.is_empty() {
            note(&FAMILIES.one);
            steps.push(Step::Insert(&FAMILIES, families));
        }
        steps.extend(insert(&REFRESH_TOKENS, &self.refresh_tokens));
        steps.extend(insert(&ISSUANCES, &self.issuances));
        steps
    }
}

/// What adds `entities`, if there are any.
fn insert<'v>(insert: &'static Insert, entities: &'v [impl ToColumns]) -> Option<Step<'v>> {
    if entities.is_empty() {
        return None;
    }
    note(&insert.one);
    let row = |entity: &'v _| {
        let mut row = Vec::with_capacity(insert.columns);
        ToColumns::put_all(entity, &mut row);
        row
    };
    Some(Step::Insert(insert, entities.iter().map(row).collect()))
}
