//! What can go wrong with keys, each with what to do about it.

use std::io;
use std::path::PathBuf;

use domain::UnixMillis;

/// Why a key operation failed. The text says what happened, to what, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or directory can be reached by other users of the machine.
    #[error("{path} is open to other users (mode {found:04o}); run: chmod {wanted:o} {path}")]
    TooWide {
        /// What is too wide.
        path: PathBuf,
        /// The permission bits it has.
        found: u32,
        /// The permission bits it must have.
        wanted: u32,
    },
    /// A file or directory belongs to another user.
    #[error(
        "{path} belongs to user id {found}, but this process runs as user id {expected}; run: chown {expected} {path}"
    )]
    WrongOwner {
        /// What has the wrong owner.
        path: PathBuf,
        /// Its owner.
        found: u32,
        /// The user this process runs as.
        expected: u32,
    },
    /// A symbolic link stands where a real file or directory must be.
    #[error("{path} is a symbolic link; put the real {what} there, or name the real path")]
    SymbolicLink {
        /// The link.
        path: PathBuf,
        /// What was expected.
        what: &'static str,
    },
    /// Something of another kind stands where a file or directory must be.
    #[error("{path} is not a {what}; move it away")]
    WrongKind {
        /// What stands there.
        path: PathBuf,
        /// What was expected.
        what: &'static str,
    },
    /// There are no keys, and none were to be made.
    #[error("there are no signing keys in {path}")]
    Missing {
        /// The key directory.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it was refused.
        source: io::Error,
    },
    /// Another process holds the directory's lock for too long.
    #[error("{path} has been locked by another process for {seconds} s; is one hanging?")]
    Locked {
        /// The lock file.
        path: PathBuf,
        /// How long it was waited for.
        seconds: u64,
    },
    /// A file does not hold what it should. It is never overwritten.
    #[error(
        "{path} is damaged ({problem}); restore it from a backup, or move it away to start anew, which ends the validity of what it protected"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A running server found its key file gone; it goes on with the keys it has.
    #[error("{path} is gone; the keys in memory stay in use, restore the file before a restart")]
    Gone {
        /// The missing file.
        path: PathBuf,
    },
    /// A new key is published already and waits for its time.
    #[error(
        "the key {kid} is published already and signs from {}; wait for that, or have it sign at once with --now",
        active_at.rfc3339()
    )]
    RotationPending {
        /// The pending key.
        kid: String,
        /// From when it signs.
        active_at: UnixMillis,
    },
    /// There is no key of this name.
    #[error("there is no signing key {kid:?}")]
    UnknownKey {
        /// The `kid` as given.
        kid: String,
    },
    /// The name of a secret is not a plain file name.
    #[error("{name:?} cannot name a secret: use lower-case letters, digits, '-' and inner '.'")]
    SecretName {
        /// The name as given.
        name: String,
    },
    /// The cryptographic library refused an operation.
    #[error("the cryptographic library could not {operation}")]
    Crypto {
        /// What it could not do.
        operation: &'static str,
    },
    /// The thread that worked on the key files ended without an answer.
    #[error("the work on the key files was interrupted")]
    Interrupted,
}
