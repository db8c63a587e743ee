//! The connections to the server.

use super::dsn::Target;
use super::session::{Manners, PostgresSession};
use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use deadpool_postgres::{ManagerConfig, RecyclingMethod};
use std::time::Duration;
use tokio_postgres::Error;

/// A connection is asked for a sign of life when it has been idle longer.
const FRESH: Duration = Duration::from_millis(500);

pub(crate) type Pool = managed::Pool<Manager>;

/// Opens connections, and looks at those that come back.
pub(crate) struct Manager {
    inner: deadpool_postgres::Manager,
    manners: Manners,
}

impl Manager {
    pub fn new(target: &Target, manners: Manners) -> Self {
        let config = ManagerConfig {
            recycling_method: RecyclingMethod::Fast,
        };
        let (own, tls) = (target.config.clone(), target.tls.clone());
        Self {
            inner: deadpool_postgres::Manager::from_config(own, tls, config),
            manners,
        }
    }
}

impl managed::Manager for Manager {
    type Type = PostgresSession;
    type Error = Error;

    async fn create(&self) -> Result<PostgresSession, Error> {
        let client = self.inner.create().await?;
        Ok(PostgresSession::new(client, self.manners))
    }

    async fn recycle(
        &self,
        session: &mut PostgresSession,
        metrics: &Metrics,
    ) -> RecycleResult<Error> {
        if session.client.is_closed() {
            return Err(RecycleError::message("closed"));
        }
        if metrics.last_used() >= FRESH {
            session.client.simple_query("").await?;
        }
        Ok(())
    }

    fn detach(&self, session: &mut PostgresSession) {
        self.inner.detach(&mut session.client);
    }
}

/// Closes connections that are old, or idle beyond the `min` that are kept, until the pool is
/// closed.
pub(crate) async fn tend(pool: Pool, min: usize, max_lifetime: Duration, idle_timeout: Duration) {
    let shortest = max_lifetime.min(idle_timeout);
    let mut interval =
        tokio::time::interval(shortest.clamp(Duration::from_millis(100), Duration::from_secs(30)));
    while !pool.is_closed() {
        interval.tick().await;
        let mut left = pool.status().size;
        pool.retain(|_, metrics| {
            let idle = metrics.last_used() >= idle_timeout && left > min;
            let stays = !idle && metrics.age() < max_lifetime;
            left -= usize::from(!stays);
            stays
        });
    }
}
