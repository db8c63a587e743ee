//! What the store promises, shown on both databases: every rule is one function that runs
//! once on a SQLite file and once on a real PostgreSQL.
#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod audit;
mod audit_chain;
mod authorizations;
mod caches;
mod clients;
mod crash;
mod cut;
mod database;
mod exchanges;
mod expiry;
mod failover;
mod fronting;
mod groups;
mod indexes;
mod log_marks;
mod memory;
mod opening;
mod outage;
mod pooler;
mod proofs;
mod purge;
mod races;
mod records;
mod resources;
mod revocations;
mod samples;
mod tls;
mod users;
mod versions;

/// Runs each rule, an `async fn(Database)`, on both databases.
macro_rules! on_both {
    ($($rule:ident),+ $(,)?) => {$(
        mod $rule {
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn sqlite() {
                super::$rule(crate::database::Database::sqlite()).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn postgres() {
                super::$rule(crate::database::Database::postgres().await).await;
            }
        }
    )+};
}
pub(crate) use on_both;
