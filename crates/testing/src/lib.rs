//! Real peers for the tests of the whole workspace. Nothing here is part of the product.
//!
//! A peer that is not installed is an error that says how to install it, never a reason to
//! pass a test by; that is why these functions panic rather than return errors.

mod account;
mod pgbouncer;
mod postgres;
mod postgres_server;

pub use pgbouncer::PgBouncer;
pub use postgres::{Postgres, connect};
pub use tokio_postgres::Client;
