//! A connection to the server.

use crate::sql::{Each, Kind, Query, Row, Session, Step, Value, ValueRef};
use crate::{Result, StoreError};
use bytes::BytesMut;
use deadpool_postgres::ClientWrapper;
use futures_util::TryStreamExt as _;
use futures_util::future::{join, join_all};
use std::error::Error;
use std::pin::pin;
use tokio_postgres::Statement;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

/// A connection, with the statements it keeps prepared.
pub(crate) struct PostgresSession {
    pub client: ClientWrapper,
    /// Whether a transaction begins with the next statement.
    begins: bool,
}

impl PostgresSession {
    pub fn new(client: ClientWrapper) -> Self {
        Self {
            client,
            begins: false,
        }
    }

    /// Has the next statement begin a transaction: the two are sent together.
    pub fn begin(&mut self) {
        self.begins = true;
    }

    async fn prepared(&self, text: &str, values: &[Value<'_>]) -> Result<Statement> {
        let types: Vec<_> = values.iter().map(type_of).collect();
        Ok(self.client.prepare_typed_cached(text, &types).await?)
    }

    async fn count(&self, text: &str, values: &[Value<'_>]) -> Result<u64> {
        let statement = self.prepared(text, values).await?;
        Ok(self.client.execute_raw(&statement, values.iter()).await?)
    }

    /// Does `work`, and begins the transaction right before it if one is to begin. What is asked
    /// first is sent first.
    async fn first<T>(
        begins: bool,
        client: &ClientWrapper,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        if !begins {
            return work.await;
        }
        let begin = async {
            client
                .batch_execute("BEGIN")
                .await
                .map_err(StoreError::from)
        };
        let (begun, outcome) = join(begin, work).await;
        begun.and(outcome)
    }

    /// Carries out statements that have no values and whose answers are not looked at.
    pub async fn batch(&mut self, text: &str) -> Result<()> {
        let begins = std::mem::take(&mut self.begins);
        let work = async { Ok(self.client.batch_execute(text).await?) };
        Self::first(begins, &self.client, work).await
    }

    async fn step(&self, step: Step<'_>) -> Result<u64> {
        let (insert, rows) = match step {
            Step::Statement(query) => return self.count(query.text(), query.values()).await,
            Step::Insert(insert, rows) => (insert, rows),
        };
        let lists = match rows.as_slice() {
            [] => return Ok(0),
            [one] => return self.count(&insert.one, one).await,
            [first, ..] => first
                .iter()
                .map(|value| (value.kind(), Vec::with_capacity(rows.len()))),
        };
        let mut lists: Vec<_> = lists.collect();
        for row in rows {
            for ((_, list), value) in lists.iter_mut().zip(row) {
                list.push(value);
            }
        }
        let lists = lists
            .into_iter()
            .map(|(kind, list)| Value::List(kind, list));
        let lists: Vec<_> = lists.collect();
        self.count(&insert.many, &lists).await
    }
}

impl Session for PostgresSession {
    const MARK: char = '$';

    async fn execute(&mut self, query: Query<'_>) -> Result<u64> {
        let begins = std::mem::take(&mut self.begins);
        let work = self.count(query.text(), query.values());
        Self::first(begins, &self.client, work).await
    }

    async fn each(&mut self, query: Query<'_>, each: Each<'_>) -> Result<()> {
        let begins = std::mem::take(&mut self.begins);
        let statement = self.prepared(query.text(), query.values()).await?;
        let rows = async {
            Ok(self
                .client
                .query_raw(&statement, query.values().iter())
                .await?)
        };
        let mut rows = pin!(Self::first(begins, &self.client, rows).await?);
        while let Some(row) = rows.try_next().await? {
            if each(&row)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    async fn run(&mut self, steps: Vec<Step<'_>>) -> Result<()> {
        if steps.is_empty() {
            return Ok(());
        }
        let begins = std::mem::take(&mut self.begins);
        // Each sends what it has to say when it is polled first, and that is in this order.
        let work = async {
            let done = join_all(steps.into_iter().map(|step| self.step(step))).await;
            done.into_iter().try_for_each(|done| done.map(drop))
        };
        Self::first(begins, &self.client, work).await
    }
}

fn type_of(value: &Value<'_>) -> Type {
    match value {
        Value::Int(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
        Value::List(Kind::Int, _) => Type::INT8_ARRAY,
        Value::List(Kind::Text, _) => Type::TEXT_ARRAY,
    }
}

impl ToSql for Value<'_> {
    fn to_sql(
        &self,
        own: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        match self {
            Value::Int(number) => number.to_sql(own, out),
            Value::Text(text) => text.as_deref().to_sql(own, out),
            Value::List(_, values) => values.to_sql(own, out),
        }
    }

    fn accepts(own: &Type) -> bool {
        matches!(
            *own,
            Type::INT8 | Type::TEXT | Type::INT8_ARRAY | Type::TEXT_ARRAY
        )
    }

    to_sql_checked!();
}

/// A value as the server sends it.
struct Sent<'r>(ValueRef<'r>);

impl<'r> FromSql<'r> for Sent<'r> {
    fn from_sql(own: &Type, raw: &'r [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(match *own {
            Type::INT8 => ValueRef::Int(i64::from_sql(own, raw)?),
            Type::INT4 => ValueRef::Int(i32::from_sql(own, raw)?.into()),
            Type::BOOL => ValueRef::Int(bool::from_sql(own, raw)?.into()),
            _ => ValueRef::Text(<&str>::from_sql(own, raw)?),
        }))
    }

    fn from_sql_null(_own: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(ValueRef::Null))
    }

    fn accepts(own: &Type) -> bool {
        matches!(*own, Type::INT8 | Type::INT4 | Type::BOOL) || <&str as FromSql<'_>>::accepts(own)
    }
}

impl Row for tokio_postgres::Row {
    fn value(&self, column: usize) -> Result<ValueRef<'_>> {
        match self.try_get::<_, Sent<'_>>(column) {
            Ok(Sent(value)) => Ok(value),
            Err(error) => Err(StoreError::Corrupt(error.to_string())),
        }
    }
}
