//! Files the process may have open, connections among them, and what they suffice for.

use config::{Config, StorageDriver};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files that are open whatever the server does: its listeners, log, keys and event queues, and
/// its requests to others.
const ALWAYS: u64 = 128;

/// Files of the connections to SQLite: database and write-ahead log for each, and one that they
/// share.
const SQLITE: u64 = 32;

/// Connections of the admin listener, of which no more than a quarter of all is kept free.
const ADMIN: u64 = 256;

/// Connections of the public listener that are allowed in any case.
const LEAST: u64 = 16;

/// How many connections each listener may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Connections {
    pub public: usize,
    pub admin: usize,
}

/// Raises the soft limit of open files to the hard one, and says how many there may be; `None` for
/// any number. Most systems set the soft limit to 1024 for the sake of programs that use
/// `select`, and leave it to others to raise it.
pub(crate) fn raise_limit() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return limit.current;
    }
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::warn!(%error, limit = limit.current, "the limit of open files could not be raised");
            limit.current
        }
    }
}

/// Shares out the files that may be open, so that connections never take those of the database.
pub(crate) fn share_out(config: &Config, files: Option<u64>) -> Connections {
    let wanted = u64::from(config.server.max_connections);
    let files = files.unwrap_or(u64::MAX);
    let database = match config.storage.driver {
        StorageDriver::Sqlite => SQLITE,
        StorageDriver::Postgres => u64::from(config.storage.postgres.max_conns) + 8,
    };
    let free = files.saturating_sub(ALWAYS + database);
    let admin = ADMIN.min(free / 4).max(LEAST);
    let allowed = free.saturating_sub(admin).max(LEAST);
    let public = wanted.min(allowed);
    let count = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    if public < wanted {
        tracing::warn!(
            open_files = files,
            max_connections = public,
            configured = wanted,
            "the limit of open files allows fewer connections than server.max_connections; raise it (ulimit -n, LimitNOFILE)"
        );
    }
    Connections {
        public: count(public),
        admin: count(admin),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_and_the_admin_listener_keep_files_whatever_the_limit() {
        let config = Config::default();
        for files in [256, 1024, 4096, 65_536] {
            let shares = share_out(&config, Some(files));
            let all = (shares.public + shares.admin) as u64 + ALWAYS + SQLITE;
            assert!(all <= files, "{files}: {shares:?}");
            assert!(shares.public >= shares.admin && shares.admin >= 16);
        }
        let roomy = share_out(&config, Some(1 << 20));
        assert_eq!((roomy.public, roomy.admin), (20_000, 256));
        assert_eq!(share_out(&config, None), roomy);
        assert_eq!(share_out(&config, Some(10)).public, 16);
    }
}
