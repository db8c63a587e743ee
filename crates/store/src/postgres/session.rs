//! A connection to the server.

use crate::sql::{Each, Kind, Query, Row, Session, Step, Value, ValueRef};
use crate::{Notify, Pooler, Result, StoreError};
use bytes::BytesMut;
use deadpool_postgres::ClientWrapper;
use futures_util::TryStreamExt as _;
use futures_util::future::{join, join_all};
use std::borrow::Cow;
use std::error::Error;
use std::pin::pin;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use tokio_postgres::{RowStream, Statement};

/// How sessions are used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Manners {
    /// Whether statements stay prepared.
    pub pooler: Pooler,
    /// How other instances are told of changes.
    pub notify: Notify,
}

/// A connection, with the statements it keeps prepared.
pub(crate) struct PostgresSession {
    pub client: ClientWrapper,
    manners: Manners,
    /// Whether a transaction begins with the next statement.
    begins: bool,
}

impl PostgresSession {
    pub fn new(client: ClientWrapper, manners: Manners) -> Self {
        Self {
            client,
            manners,
            begins: false,
        }
    }

    /// How other instances are told of changes.
    pub fn notify(&self) -> Notify {
        self.manners.notify
    }

    /// Has the next statement begin a transaction: the two are sent together.
    pub fn begin(&mut self) {
        self.begins = true;
    }

    async fn prepared(&self, text: &str, values: &[Value<'_>]) -> Result<Statement> {
        let types: Vec<_> = values.iter().map(type_of).collect();
        Ok(self.client.prepare_typed_cached(text, &types).await?)
    }

    /// Does `work`, and begins the transaction right before it if one is to begin. What is asked
    /// first is sent first.
    async fn with_begin<T>(
        begins: bool,
        client: &ClientWrapper,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        if !begins {
            return work.await;
        }
        let begin = async { Ok(client.batch_execute("BEGIN").await?) };
        let (begun, outcome) = join(begin, work).await;
        begun.and(outcome)
    }

    /// Carries out statements that have no values and whose answers are not looked at.
    pub async fn batch(&mut self, text: &str) -> Result<()> {
        let begins = std::mem::take(&mut self.begins);
        let work = async { Ok(self.client.batch_execute(text).await?) };
        Self::with_begin(begins, &self.client, work).await
    }

    /// Sends all of `statements` before it waits for the answer of the first. Of several errors the
    /// first is the cause of the others.
    async fn pipeline(
        &mut self,
        statements: &[(&str, &[Value<'_>])],
    ) -> Result<Vec<Result<RowStream, tokio_postgres::Error>>> {
        let client = &self.client;
        if self.manners.pooler == Pooler::Transaction {
            let begins = std::mem::take(&mut self.begins);
            let asked = statements.iter().map(|(text, values)| {
                let values = values.iter().map(|value| (value, type_of(value)));
                client.query_typed_raw(text, values)
            });
            let work = async { Ok(join_all(asked).await) };
            return Self::with_begin(begins, client, work).await;
        }
        let mut prepared = Vec::with_capacity(statements.len());
        for (text, values) in statements {
            prepared.push(self.prepared(text, values).await?);
        }
        let begins = std::mem::take(&mut self.begins);
        let asked = prepared.iter().zip(statements);
        let asked = asked.map(|(statement, (_, values))| client.query_raw(statement, *values));
        let work = async { Ok(join_all(asked).await) };
        Self::with_begin(begins, client, work).await
    }
}

/// The rows of an `INSERT` as one list for each column.
fn columns<'v>(rows: Vec<Vec<Value<'v>>>) -> Vec<Value<'v>> {
    let count = rows.len();
    let mut columns = Vec::new();
    for row in rows {
        if columns.is_empty() {
            let list = |value: &Value<'v>| (value.kind(), Vec::with_capacity(count));
            columns = row.iter().map(list).collect();
        }
        for ((_, list), value) in columns.iter_mut().zip(row) {
            list.push(value);
        }
    }
    let columns = columns.into_iter();
    columns
        .map(|(kind, list)| Value::List(kind, list))
        .collect()
}

impl Session for PostgresSession {
    const MARK: char = '$';

    async fn execute(&mut self, query: Query<'_>) -> Result<u64> {
        let answers = self.pipeline(&[(&query.text, &query.values)]).await?;
        let mut changed = 0;
        for rows in answers {
            changed += finish(rows?).await?;
        }
        Ok(changed)
    }

    async fn ask(&mut self, asked: Vec<(Query<'_>, Each<'_>)>) -> Result<()> {
        let statements = asked
            .iter()
            .map(|(query, _)| (&*query.text, &*query.values));
        let answers = self.pipeline(&statements.collect::<Vec<_>>()).await?;
        for (rows, (_, each)) in answers.into_iter().zip(asked) {
            let mut rows = pin!(rows?);
            while let Some(row) = rows.try_next().await? {
                if each(&row)?.is_break() {
                    break;
                }
            }
        }
        Ok(())
    }

    async fn run(&mut self, steps: Vec<Step<'_>>) -> Result<()> {
        let steps = steps.into_iter().map(|step| match step {
            Step::Statement(query) => (query.text, query.values),
            Step::Insert(insert, mut rows) if rows.len() == 1 => {
                (Cow::Borrowed(insert.one.as_str()), rows.remove(0))
            }
            Step::Insert(insert, rows) => (Cow::Borrowed(insert.many.as_str()), columns(rows)),
        });
        let steps: Vec<_> = steps.collect();
        if steps.is_empty() {
            return Ok(());
        }
        let statements = steps.iter().map(|(text, values)| (&**text, &**values));
        for rows in self.pipeline(&statements.collect::<Vec<_>>()).await? {
            finish(rows?).await?;
        }
        Ok(())
    }
}

/// Waits for the end of a statement, and says how many rows it changed.
async fn finish(rows: RowStream) -> Result<u64> {
    let mut rows = pin!(rows);
    while rows.try_next().await?.is_some() {}
    Ok(rows.rows_affected().unwrap_or(0))
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
