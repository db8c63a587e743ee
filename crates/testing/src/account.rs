//! The account under which servers run that refuse to run as root.

use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Somebody without privileges, when the tests run as root.
#[derive(Clone, Copy)]
pub(crate) struct Account(Option<(u32, u32)>);

impl Account {
    /// The account `postgres`, else `nobody`; without being root, nobody else is needed.
    pub fn unprivileged() -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self(None);
        }
        let accounts = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        let ids = ["postgres", "nobody"].iter().find_map(|name| {
            let line = accounts
                .lines()
                .find(|line| line.split(':').next() == Some(name))?;
            let mut ids = line.split(':').skip(2).map(|id| id.parse().ok());
            Some((ids.next()??, ids.next()??))
        });
        Self(Some(ids.expect("an account without privileges")))
    }

    /// Makes `command` run under this account.
    pub fn run(self, command: &mut Command) -> &mut Command {
        match self.0 {
            Some((user, group)) => command.uid(user).gid(group),
            None => command,
        }
    }

    /// A temporary folder of this account's.
    pub fn folder(self, prefix: &str) -> TempDir {
        let folder = tempfile::Builder::new().prefix(prefix).tempdir();
        let folder = folder.expect("a temporary folder");
        self.own(folder.path());
        folder
    }

    /// Gives `path` to this account.
    pub fn own(self, path: &Path) {
        if let Some((user, group)) = self.0 {
            std::os::unix::fs::chown(path, Some(user), Some(group))
                .expect("the folder can be handed over");
        }
    }
}
