//! A transaction that only adds rows, sent to the database as one message: each message costs
//! SQLite two handovers between threads, and PostgreSQL a round trip.

use super::{Conn, Db, dialect};
use crate::StoreError;
use futures_util::TryStreamExt as _;
use sqlx::{Either, Executor as _, QueryBuilder};

/// Several `INSERT`s, all or none of them.
pub(crate) struct Message {
    query: QueryBuilder<Db>,
    inserts: usize,
}

/// Why a message was not carried out.
pub(crate) struct Failure {
    pub error: StoreError,
    /// Nobody can tell whether the rows stand.
    pub may_stand: bool,
}

impl Message {
    /// An empty one.
    pub fn new() -> Self {
        Self {
            query: QueryBuilder::new(""),
            inserts: 0,
        }
    }

    /// Adds the `INSERT` that `write` writes.
    pub fn insert(&mut self, write: impl FnOnce(&mut QueryBuilder<Db>)) {
        dialect::open_insert(&mut self.query, self.inserts);
        write(&mut self.query);
        self.query.push(dialect::CLOSE_INSERT);
        self.inserts += 1;
    }

    /// Its statements, without their values.
    pub fn text(&self) -> String {
        self.query.sql().as_str().to_owned()
    }

    /// Has the message carried out, and returns once that is durable.
    pub async fn send(mut self, conn: &mut Conn) -> Result<(), Failure> {
        self.query.push(dialect::END_INSERTS);
        let mut outcomes = conn.fetch_many(self.query.build());
        let mut done = 0;
        loop {
            match outcomes.try_next().await {
                Ok(Some(Either::Left(_))) => done += 1,
                Ok(Some(Either::Right(_))) => {}
                Ok(None) => return Ok(()),
                Err(error) => {
                    let may_stand = dialect::may_stand(&error, done, self.inserts);
                    let error = error.into();
                    return Err(Failure { error, may_stand });
                }
            }
        }
    }
}
