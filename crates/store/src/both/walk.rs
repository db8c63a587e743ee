//! Lists by age, newest first, that cost the same however many rows there are.
//!
//! A list is a walk along an index. Conditions that no index serves are put to the rows of a
//! bounded stretch of it: a walk may end with fewer rows than were asked for and say where the
//! next has to begin.

use super::Conn;
use super::statement;
use crate::page::{Filling, Rows};
use crate::sql::{FromRow, Query};
use crate::{Cursor, Page, Part, Result};
use domain::{UnixMillis, Weigh};
use std::ops::ControlFlow;

/// A stretch has so many rows: more would take too long to look at, fewer would find too little.
const STRETCH: i64 = 10_000;

/// Which rows of a table.
pub(crate) struct Walk<'q> {
    /// What is read of each.
    pub columns: &'static str,
    /// Where.
    pub table: &'static str,
    /// The columns that the list goes by.
    pub order: Order,
    /// A column and its value, with an index of their own that goes on with age and id.
    pub within: Option<(&'static str, &'q str)>,
    /// Other columns and their values.
    pub also: Vec<(&'static str, &'q str)>,
    /// Rows whose id is this one or later.
    pub from: Option<String>,
    /// Rows that have neither been revoked nor expired by this time.
    pub alive_at: Option<UnixMillis>,
    /// Text that one of the columns has to contain.
    pub text: Option<(&'q str, &'static [&'static str])>,
    /// Behind this place.
    pub behind: Option<&'q Cursor>,
}

/// The columns that a list goes by.
pub(crate) enum Order {
    /// The one with the time, and `id`; the two have an index.
    Age(&'static str),
    /// An id that begins with the time, and the column that has the time by itself.
    Id(&'static str, &'static str),
}

impl Order {
    fn time(&self) -> &'static str {
        match self {
            Self::Age(time) | Self::Id(_, time) => time,
        }
    }

    fn id(&self) -> &'static str {
        match self {
            Self::Age(_) => "id",
            Self::Id(id, _) => id,
        }
    }
}

impl<'q> Walk<'q> {
    /// A page. It ends early when its rows are large, or where the stretch ended that was looked
    /// at, if there is anything behind it.
    pub async fn part<T>(
        &self,
        conn: &mut Conn,
        page: &Page,
        place: impl Fn(&T) -> Cursor,
    ) -> Result<Part<T>>
    where
        T: FromRow + Weigh + Send,
    {
        let end = match self.is_bounded() {
            true => self.end_of_stretch(conn).await?,
            false => None,
        };
        let mut query = statement::build("SELECT ");
        query.push(self.columns);
        self.push_range(&mut query);
        // One bound alone: of two on the same column, SQLite may walk to the farther.
        match &end {
            Some(end) => self.push_place(&mut query, ">=", end),
            None => self.push_from(&mut query),
        }
        for (column, value) in &self.also {
            query.push(&format!(" AND {column} = ")).push_bind(*value);
        }
        if let Some(time) = self.alive_at {
            query.push(" AND revoked_at IS NULL AND expires_at > ");
            query.push_bind(time);
        }
        if let Some((text, columns)) = self.text {
            for (index, column) in columns.iter().enumerate() {
                let before = if index == 0 { " AND (" } else { " OR " };
                query.push(&format!("{before}lower({column}) LIKE lower("));
                query.push_bind(containing(text)).push(") ESCAPE '!'");
            }
            query.push(")");
        }
        self.push_order(&mut query);
        query.push(" LIMIT ").push_bind(i64::from(page.limit) + 1);
        query.push(" OFFSET ").push_bind(i64::from(page.offset));
        let rows = read(statement::built(query), conn, 0, page.limit).await?;
        Ok(Part::of(rows, place, end))
    }

    /// Whether there are conditions that no index serves.
    fn is_bounded(&self) -> bool {
        !self.also.is_empty() || self.text.is_some() || self.alive_at.is_some()
    }

    /// The last row of the stretch, unless the table ends before.
    async fn end_of_stretch(&self, conn: &mut Conn) -> Result<Option<Cursor>> {
        let (time, id) = (self.order.time(), self.order.id());
        let mut query = statement::build(format!("SELECT {time}, {id}"));
        self.push_range(&mut query);
        self.push_from(&mut query);
        self.push_order(&mut query);
        query.push(" LIMIT 1 OFFSET ").push_bind(STRETCH - 1);
        let row: Option<(i64, String)> = statement::built(query).optional(conn).await?;
        Ok(row.map(|(at, id)| Cursor {
            at: UnixMillis(at),
            id,
        }))
    }

    fn push_range(&self, query: &mut Query<'q>) {
        query.push(&format!(" FROM {} WHERE 1 = 1", self.table));
        if let Some((column, value)) = self.within {
            query.push(&format!(" AND {column} = ")).push_bind(value);
        }
        if let Some(place) = self.behind {
            self.push_place(query, "<", place);
        }
    }

    fn push_from<'w>(&'w self, query: &mut Query<'w>) {
        if let Some(from) = &self.from {
            let id = self.order.id();
            query.push(&format!(" AND {id} >= ")).push_bind(from);
        }
    }

    /// The condition that a row is on this side of a place.
    fn push_place<'w>(&self, query: &mut Query<'w>, side: &str, place: &'w Cursor) {
        match self.order {
            Order::Age(age) => {
                query.push(&format!(" AND ({age}, id) {side} ("));
                query.push_bind(place.at).push(", ");
                query.push_bind(&place.id).push(")");
            }
            Order::Id(id, _) => {
                query.push(&format!(" AND {id} {side} "));
                query.push_bind(&place.id);
            }
        }
    }

    fn push_order(&self, query: &mut Query<'_>) {
        query.push(&match self.order {
            Order::Age(age) => format!(" ORDER BY {age} DESC, id DESC"),
            Order::Id(id, _) => format!(" ORDER BY {id} DESC"),
        });
    }
}

/// The rows of a part behind the first `over` of those found, read one by one, so that no more of
/// them are in memory than it has.
pub(crate) async fn read<T: FromRow + Weigh + Send>(
    query: Query<'_>,
    conn: &mut Conn,
    mut over: u32,
    limit: u32,
) -> Result<Rows<T>> {
    let mut part = Filling::new(limit);
    let mut see = |row| {
        if over > 0 {
            over -= 1;
        } else if !part.take(row) {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    };
    query.each(conn, &mut see).await?;
    Ok(part.rows)
}

/// A pattern for texts that contain this one.
pub(crate) fn containing(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '!') {
            pattern.push('!');
        }
        pattern.push(letter);
    }
    pattern.push('%');
    pattern
}
