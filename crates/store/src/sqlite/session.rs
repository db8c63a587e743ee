//! A connection to the file. What it is asked it does at once, on the thread that asks.

use crate::sql::{Each, Insert, Query, Row, Session, Step, Value, ValueRef, to_json};
use crate::{Result, StoreError};
use rusqlite::types::{ToSql, ToSqlOutput, ValueRef as Stored};
use rusqlite::{CachedStatement, Connection};
use std::future::{Future, ready};

/// A connection, with the statements it keeps prepared.
#[derive(Debug)]
pub(crate) struct SqliteSession(pub Connection);

impl SqliteSession {
    fn prepared(&self, text: &str, values: &[Value<'_>]) -> Result<CachedStatement<'_>> {
        let mut statement = self.0.prepare_cached(text)?;
        bind(&mut statement, values)?;
        Ok(statement)
    }

    /// Carries a statement out. What it answers is not looked at.
    pub fn execute_now(&self, query: &Query<'_>) -> Result<u64> {
        let mut statement = self.prepared(&query.text, &query.values)?;
        let mut rows = statement.raw_query();
        while rows.next()?.is_some() {}
        drop(rows);
        drop(statement);
        Ok(self.0.changes())
    }

    fn each_now(&self, query: &Query<'_>, each: Each<'_>) -> Result<()> {
        let mut statement = self.prepared(&query.text, &query.values)?;
        let mut rows = statement.raw_query();
        while let Some(row) = rows.next()? {
            if each(row)?.is_break() {
                break;
            }
        }
        Ok(())
    }

    fn insert_now(&self, insert: &Insert, rows: &[Vec<Value<'_>>]) -> Result<()> {
        let mut statement = self.0.prepare_cached(&insert.one)?;
        for row in rows {
            bind(&mut statement, row)?;
            statement.raw_execute()?;
        }
        Ok(())
    }

    fn run_now(&self, steps: &[Step<'_>]) -> Result<()> {
        for step in steps {
            match step {
                Step::Statement(query) => drop(self.execute_now(query)?),
                Step::Insert(insert, rows) => self.insert_now(insert, rows)?,
            }
        }
        Ok(())
    }

    /// The only value of the only row of a statement without arguments.
    pub fn scalar<T: rusqlite::types::FromSql>(&self, text: &str) -> Result<T> {
        Ok(self.0.query_row(text, [], |row| row.get(0))?)
    }
}

fn bind(statement: &mut CachedStatement<'_>, values: &[Value<'_>]) -> Result<()> {
    for (index, value) in values.iter().enumerate() {
        statement.raw_bind_parameter(index + 1, value)?;
    }
    Ok(())
}

impl ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Value::Int(Some(number)) => ToSqlOutput::Borrowed(Stored::Integer(*number)),
            Value::Text(Some(text)) => ToSqlOutput::Borrowed(Stored::Text(text.as_bytes())),
            Value::Bytes(Some(bytes)) => ToSqlOutput::Borrowed(Stored::Blob(bytes)),
            Value::Int(None) | Value::Text(None) | Value::Bytes(None) => {
                ToSqlOutput::Borrowed(Stored::Null)
            }
            Value::List(_, values) => ToSqlOutput::Owned(to_json(values).into()),
        })
    }
}

impl serde::Serialize for Value<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Int(number) => number.serialize(serializer),
            Value::Text(text) => text.serialize(serializer),
            // `unhex` makes bytes of it.
            Value::Bytes(bytes) => bytes.as_ref().map(hex::encode).serialize(serializer),
            Value::List(_, values) => values.serialize(serializer),
        }
    }
}

impl Row for rusqlite::Row<'_> {
    fn value(&self, column: usize) -> Result<ValueRef<'_>> {
        let unreadable = || StoreError::Corrupt(format!("column {} is not readable", column + 1));
        match self.get_ref(column)? {
            Stored::Null => Ok(ValueRef::Null),
            Stored::Integer(number) => Ok(ValueRef::Int(number)),
            Stored::Text(text) => std::str::from_utf8(text)
                .map(ValueRef::Text)
                .map_err(|_| unreadable()),
            Stored::Blob(bytes) => Ok(ValueRef::Bytes(bytes)),
            Stored::Real(_) => Err(unreadable()),
        }
    }
}

impl Session for SqliteSession {
    const MARK: char = '?';

    fn execute(&mut self, query: Query<'_>) -> impl Future<Output = Result<u64>> + Send {
        ready(self.execute_now(&query))
    }

    fn ask(
        &mut self,
        asked: Vec<(Query<'_>, Each<'_>)>,
    ) -> impl Future<Output = Result<()>> + Send {
        let mut asked = asked.into_iter();
        ready(asked.try_for_each(|(query, each)| self.each_now(&query, each)))
    }

    fn run(&mut self, steps: Vec<Step<'_>>) -> impl Future<Output = Result<()>> + Send {
        ready(self.run_now(&steps))
    }
}
