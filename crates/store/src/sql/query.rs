//! Statements with their values, and the sessions that carry them out.

use super::row::{Columns, FromRow, Row};
use super::value::Value;
use crate::{Result, StoreError};
use std::borrow::Cow;
use std::ops::ControlFlow;

/// The text of a statement, in the form that its database takes. Made by the macro `sql!` of a
/// dialect.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sql(pub &'static str);

/// A statement whose answer nobody looks at, or rows to add to a table.
#[derive(Debug)]
pub(crate) enum Step<'s> {
    Statement(Query<'s>),
    Insert(&'static Insert, Vec<Vec<Value<'s>>>),
}

/// What is done with a row; whether to go on with the next.
pub(crate) type Each<'e> = &'e mut (dyn FnMut(&dyn Row) -> Result<ControlFlow<()>> + Send);

/// A connection of a database.
pub(crate) trait Session: Send {
    /// What stands before the number of a value.
    const MARK: char;

    /// Carries a statement out, and says how many rows it changed.
    fn execute(&mut self, query: Query<'_>) -> impl Future<Output = Result<u64>> + Send;

    /// Carries statements out of which none needs another's answer, in this order, and shows the
    /// rows of each one after the other. They take one round trip where there are such.
    fn ask(&mut self, asked: Vec<(Query<'_>, Each<'_>)>)
    -> impl Future<Output = Result<()>> + Send;

    /// Carries out steps of which none needs another's answer, in this order, likewise in one
    /// round trip.
    fn run(&mut self, steps: Vec<Step<'_>>) -> impl Future<Output = Result<()>> + Send;
}

/// A statement with its values.
#[derive(Debug)]
pub(crate) struct Query<'q> {
    /// What it says.
    pub text: Cow<'static, str>,
    /// The values of `$1` and so on.
    pub values: Vec<Value<'q>>,
    mark: char,
}

impl<'q> Query<'q> {
    /// A statement for sessions with this mark.
    pub fn new(text: impl Into<Cow<'static, str>>, mark: char) -> Self {
        Self {
            text: text.into(),
            values: Vec::new(),
            mark,
        }
    }

    /// Gives it the next of its values.
    pub fn bind(mut self, value: impl Into<Value<'q>>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Gives it the values of all columns of `entity`.
    pub fn bind_all(mut self, entity: &'q impl super::Table) -> Self {
        entity.put_all(&mut self.values);
        self
    }

    /// Adds to its text.
    pub fn push(&mut self, text: &str) -> &mut Self {
        self.text.to_mut().push_str(text);
        self
    }

    /// Adds a value, and its number to the text.
    pub fn push_bind(&mut self, value: impl Into<Value<'q>>) -> &mut Self {
        self.values.push(value.into());
        let number = self.values.len().to_string();
        let text = self.text.to_mut();
        text.push(self.mark);
        text.push_str(&number);
        self
    }

    /// Carries it out, and says how many rows it changed.
    pub async fn execute(self, session: &mut impl Session) -> Result<u64> {
        session.execute(self).await
    }

    /// The first of its rows.
    pub async fn optional<T: FromRow + Send>(
        self,
        session: &mut impl Session,
    ) -> Result<Option<T>> {
        let mut first = None;
        let mut each = |row: &dyn Row| {
            first = Some(T::from_row(&mut Columns::of(row))?);
            Ok(ControlFlow::Break(()))
        };
        session.ask(vec![(self, &mut each)]).await?;
        Ok(first)
    }

    /// Its only row.
    pub async fn one<T: FromRow + Send>(self, session: &mut impl Session) -> Result<T> {
        let missing = || StoreError::Corrupt(String::from("a row is missing"));
        self.optional(session).await?.ok_or_else(missing)
    }

    /// All its rows.
    pub async fn all<T: FromRow + Send>(self, session: &mut impl Session) -> Result<Vec<T>> {
        let mut rows = Vec::new();
        let mut see = |row| {
            rows.push(row);
            ControlFlow::Continue(())
        };
        self.each(session, &mut see).await?;
        Ok(rows)
    }

    /// Shows its rows one after the other, as long as `see` wants more.
    pub async fn each<T: FromRow + Send>(
        self,
        session: &mut impl Session,
        see: &mut (dyn FnMut(T) -> ControlFlow<()> + Send),
    ) -> Result<()> {
        let mut each = |row: &dyn Row| Ok(see(T::from_row(&mut Columns::of(row))?));
        session.ask(vec![(self, &mut each)]).await
    }
}

/// All rows of two statements, neither of which needs the other's answer.
pub(crate) async fn both<A: FromRow + Send, B: FromRow + Send>(
    session: &mut impl Session,
    (first, second): (Query<'_>, Query<'_>),
) -> Result<(Vec<A>, Vec<B>)> {
    let (mut first_rows, mut second_rows) = (Vec::new(), Vec::new());
    let mut see_first = |row: &dyn Row| {
        first_rows.push(A::from_row(&mut Columns::of(row))?);
        Ok(ControlFlow::Continue(()))
    };
    let mut see_second = |row: &dyn Row| {
        second_rows.push(B::from_row(&mut Columns::of(row))?);
        Ok(ControlFlow::Continue(()))
    };
    let asked: Vec<(_, Each<'_>)> = vec![(first, &mut see_first), (second, &mut see_second)];
    session.ask(asked).await?;
    Ok((first_rows, second_rows))
}

/// A statement that adds rows to a table.
#[derive(Debug)]
pub(crate) struct Insert {
    /// For one row, whose values are numbered.
    pub one: String,
    /// For any number of rows, given as one list for each column.
    pub many: String,
    /// How many columns there are.
    pub columns: usize,
}

impl Insert {
    /// Adds rows with the columns of `list` to `table`; the values are numbered behind `mark`.
    pub fn into(table: &str, list: &str, mark: char) -> Self {
        let columns = list.split(", ").count();
        let numbers: Vec<_> = (1..=columns).map(|own| format!("{mark}{own}")).collect();
        let (numbers, head) = (numbers.join(", "), format!("INSERT INTO {table} ({list})"));
        Self {
            one: format!("{head} VALUES ({numbers})"),
            many: format!("{head} SELECT * FROM unnest({numbers})"),
            columns,
        }
    }
}
