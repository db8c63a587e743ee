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
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::RowStream;
use tokio_postgres::error::Severity;
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};

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
    /// How the transaction ends.
    end: End,
    /// When the server last answered.
    heard: Instant,
    /// Whether it has answered in this transaction, or right before.
    trusted: bool,
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// By a message of its own.
    Apart,
    /// With the next steps.
    WithSteps,
    /// It has been committed with the last steps.
    Committed,
    /// It was to be committed with the last steps, and nobody can tell whether it was.
    Unknown,
}

/// A connection that has answered within this time is there.
const TRUSTED: Duration = Duration::from_millis(1);

/// A statement on its way.
enum Statement<'s> {
    Prepared(tokio_postgres::Statement),
    Unnamed(&'s str),
}

impl PostgresSession {
    pub fn new(client: ClientWrapper, manners: Manners) -> Self {
        Self {
            client,
            manners,
            begins: false,
            end: End::Apart,
            heard: Instant::now(),
            trusted: false,
        }
    }

    /// How other instances are told of changes.
    pub fn notify(&self) -> Notify {
        self.manners.notify
    }

    /// Has the next statement begin a transaction: the two are sent together.
    pub fn begin(&mut self) {
        self.begins = true;
        self.end = End::Apart;
        self.trusted = self.heard.elapsed() < TRUSTED;
    }

    /// Has the next steps end the transaction: all are sent together. When one of them fails, the
    /// server makes a rollback of the commit behind it.
    ///
    /// A connection that has been idle may be gone, which nobody could tell from a commit that was
    /// made: it gets the commit when it has answered.
    pub fn commit_with_steps(&mut self) {
        if self.trusted {
            self.end = End::WithSteps;
        }
    }

    /// Commits, unless that has been done.
    pub async fn commit(&mut self) -> Result<()> {
        match self.end {
            End::Committed => Ok(()),
            End::Apart | End::WithSteps | End::Unknown => self.batch("COMMIT").await,
        }
    }

    /// Whether steps failed in a way that leaves open whether they were committed.
    pub fn may_stand(&self) -> bool {
        self.end == End::Unknown
    }

    async fn prepared<'s>(&self, text: &'s str, values: &[Value<'_>]) -> Result<Statement<'s>> {
        if self.manners.pooler == Pooler::Transaction {
            return Ok(Statement::Unnamed(text));
        }
        let types: Vec<_> = values.iter().map(type_of).collect();
        let prepared = self.client.prepare_typed_cached(text, &types).await?;
        Ok(Statement::Prepared(prepared))
    }

    /// Does `work`, and begins the transaction right before it if one is to begin. What is asked
    /// first is sent first.
    async fn with_begin<T>(
        &mut self,
        work: impl AsyncFnOnce(&ClientWrapper) -> Result<T>,
    ) -> Result<T> {
        let outcome = match std::mem::take(&mut self.begins) {
            false => work(&self.client).await,
            true => {
                let begin = async { Ok(self.client.batch_execute("BEGIN").await?) };
                let (begun, outcome) = join(begin, work(&self.client)).await;
                begun.and(outcome)
            }
        };
        if outcome.is_ok() {
            self.heard = Instant::now();
            self.trusted = true;
        }
        outcome
    }

    /// Carries out statements that have no values and whose answers are not looked at.
    pub async fn batch(&mut self, text: &str) -> Result<()> {
        self.with_begin(async |client: &ClientWrapper| Ok(client.batch_execute(text).await?))
            .await
    }
}

/// Sends a statement, and waits for the beginning of its answer.
async fn send(
    client: &ClientWrapper,
    statement: &Statement<'_>,
    values: &[Value<'_>],
) -> Result<RowStream, tokio_postgres::Error> {
    match statement {
        Statement::Prepared(prepared) => client.query_raw(prepared, values).await,
        Statement::Unnamed(text) => {
            let values = values.iter().map(|value| (value, type_of(value)));
            client.query_typed_raw(text, values).await
        }
    }
}

/// Sends a statement, and waits for the end of its answer: its rows, and how many it changed.
async fn whole(
    client: &ClientWrapper,
    statement: &Statement<'_>,
    values: &[Value<'_>],
) -> Result<(Vec<tokio_postgres::Row>, u64), tokio_postgres::Error> {
    let mut rows = pin!(send(client, statement, values).await?);
    let mut seen = Vec::new();
    while let Some(row) = rows.try_next().await? {
        seen.push(row);
    }
    Ok((seen, rows.rows_affected().unwrap_or(0)))
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
        let statement = self.prepared(&query.text, &query.values).await?;
        let values = &query.values;
        let work = async |client: &ClientWrapper| Ok(whole(client, &statement, values).await?.1);
        self.with_begin(work).await
    }

    async fn ask(&mut self, asked: Vec<(Query<'_>, Each<'_>)>) -> Result<()> {
        let (queries, eaches): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
        let mut statements = Vec::with_capacity(queries.len());
        for query in &queries {
            statements.push(self.prepared(&query.text, &query.values).await?);
        }
        // One may have many rows, which are shown as they come.
        if let ([statement], [query]) = (statements.as_slice(), queries.as_slice()) {
            let values = &query.values;
            let send = async |client: &ClientWrapper| Ok(send(client, statement, values).await?);
            let mut rows = pin!(self.with_begin(send).await?);
            for each in eaches {
                while let Some(row) = rows.try_next().await? {
                    if each(&row)?.is_break() {
                        break;
                    }
                }
            }
            return Ok(());
        }
        // The answers of several are taken as they come, or one would be in the way of the next.
        let work = async |client: &ClientWrapper| {
            let answers = statements.iter().zip(&queries);
            let answers = answers.map(|(statement, query)| whole(client, statement, &query.values));
            Ok(join_all(answers).await)
        };
        let answers = self.with_begin(work).await?;
        // Of several errors the first is the cause of the others.
        for (answer, each) in answers.into_iter().zip(eaches) {
            for row in &answer?.0 {
                if each(row)?.is_break() {
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
        let mut statements = Vec::with_capacity(steps.len());
        for (text, values) in &steps {
            statements.push(self.prepared(text, values).await?);
        }
        let commits = self.end == End::WithSteps;
        if statements.is_empty() && !commits {
            return Ok(());
        }
        let work = async |client: &ClientWrapper| {
            let answers = statements.iter().zip(&steps);
            let answers = answers.map(|(statement, (_, values))| whole(client, statement, values));
            let commit = async {
                match commits {
                    true => client.batch_execute("COMMIT").await,
                    false => Ok(()),
                }
            };
            let (answers, committed) = join(join_all(answers), commit).await;
            // Of several errors the first is the cause of the others.
            let failed = answers.into_iter().find_map(Result::err);
            Ok(failed.or(committed.err()))
        };
        if commits {
            // Until there is an answer.
            self.end = End::Unknown;
        }
        let failed = self.with_begin(work).await;
        if commits {
            self.end = match &failed {
                Ok(None) => End::Committed,
                Ok(Some(error)) if is_answer(error) => End::Apart,
                Ok(Some(_)) | Err(_) => End::Unknown,
            };
        }
        failed?.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// Whether the server itself has refused, and goes on.
fn is_answer(error: &tokio_postgres::Error) -> bool {
    let answer = error.as_db_error();
    answer.is_some_and(|answer| answer.parsed_severity() == Some(Severity::Error))
}

fn type_of(value: &Value<'_>) -> Type {
    match value {
        Value::Int(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
        Value::Bytes(_) => Type::BYTEA,
        Value::List(Kind::Int, _) => Type::INT8_ARRAY,
        Value::List(Kind::Text, _) => Type::TEXT_ARRAY,
        Value::List(Kind::Bytes, _) => Type::BYTEA_ARRAY,
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
            Value::Bytes(bytes) => bytes.as_deref().to_sql(own, out),
            Value::List(_, values) => values.to_sql(own, out),
        }
    }

    fn accepts(own: &Type) -> bool {
        matches!(
            *own,
            Type::INT8
                | Type::TEXT
                | Type::BYTEA
                | Type::INT8_ARRAY
                | Type::TEXT_ARRAY
                | Type::BYTEA_ARRAY
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
            Type::BYTEA => ValueRef::Bytes(raw),
            _ => ValueRef::Text(<&str>::from_sql(own, raw)?),
        }))
    }

    fn from_sql_null(_own: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Self(ValueRef::Null))
    }

    fn accepts(own: &Type) -> bool {
        matches!(*own, Type::INT8 | Type::INT4 | Type::BOOL | Type::BYTEA)
            || <&str as FromSql<'_>>::accepts(own)
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
