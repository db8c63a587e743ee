//! The stage: databases, servers inside this process and as processes of their own, and the
//! clients and browsers that talk to them in bytes.

mod browser;
mod collector;
mod database;
mod flow;
mod instance;
mod jwt;
mod process;
mod proof;
mod server;
mod wire;

pub use browser::{Browser, SESSION, field, way_on};
pub use collector::{Collector, attribute, hex};
pub use database::Database;
pub use flow::{
    App, Authorize, PASSWORD, Pkce, REDIRECT, RESOURCE, SECOND, Tokens, USER, query_of,
};
pub use instance::{ADMIN_KEY, Instance};
pub use jwt::Jwt;
pub use process::{Process, run_cli, run_cli_as_it_is};
pub use proof::ProofKey;
pub use server::Server;
pub use wire::{Connection, Reply, Request, Stream, encode};

use std::time::Duration;

/// Longer than anything here should take on the slowest machine.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Runs each rule on SQLite and on PostgreSQL.
macro_rules! on_both {
    ($($rule:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                Box::pin(super::$rule(crate::harness::Database::sqlite())).await;
            })+
        }
        mod postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                Box::pin(super::$rule(crate::harness::Database::postgres().await)).await;
            })+
        }
    };
}
pub(crate) use on_both;

/// Tries `question` until it holds.
pub async fn within(limit: Duration, what: &str, mut question: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + limit;
    while !question().await {
        assert!(
            tokio::time::Instant::now() < end,
            "not within {limit:?}: {what}"
        );
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
}

/// A second, and as much again for a machine that is busy with other tests.
pub const A_SECOND: Duration = Duration::from_secs(2);
