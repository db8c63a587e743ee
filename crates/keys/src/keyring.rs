//! The running view of the keys.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use domain::{Clock, UnixMillis};

use crate::directory::{FileVersion, KeyDirectory};
use crate::jwk::{KeySet, PublishedKey};
use crate::keyfile::FILE_NAME;
use crate::lifecycle::Keys;
use crate::note::DatabaseNote;
use crate::{
    Activation, Algorithm, Error, KeyInfo, ReloadSummary, Result, Signature, SigningKey,
    VerifyingKey,
};

/// What a keyring is opened with.
#[derive(Clone)]
pub struct KeyringOptions {
    /// The key directory (`signing.key_path`).
    pub directory: PathBuf,
    /// Whether to make the directory and the first key when they are not there.
    pub make: bool,
    /// The algorithm of the first key, when there is none yet (`signing.algorithm`).
    pub algorithm: Algorithm,
    /// How long a new key is published before it signs (`signing.publish_ahead`).
    pub publish_ahead: Duration,
    /// The longest lifetime any token can have that a key of this ring signs.
    pub max_token_lifetime: Duration,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for KeyringOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyringOptions")
            .field("directory", &self.directory)
            .field("make", &self.make)
            .field("algorithm", &self.algorithm)
            .field("publish_ahead", &self.publish_ahead)
            .field("max_token_lifetime", &self.max_token_lifetime)
            .finish_non_exhaustive()
    }
}

/// The keys of a running server. Cheap to clone; all clones see the same keys.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    directory: KeyDirectory,
    is_new: bool,
    algorithm: Algorithm,
    publish_ahead: Duration,
    max_token_lifetime: Duration,
    clock: Arc<dyn Clock>,
    view: ArcSwap<View>,
    /// The version of the file last read or written. Held while the keys change, so that views
    /// are published in the order in which the file changed.
    seen: Mutex<Option<FileVersion>>,
}

/// Everything a reader can ask for, computed once per change.
struct View {
    keys: Keys,
    by_kid: HashMap<String, VerifyingKey>,
    jwks: Bytes,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring")
            .field("active", &self.active().kid())
            .finish_non_exhaustive()
    }
}

impl Keyring {
    /// Opens the key directory, making it and its first key when they are not there and
    /// `options.make` asks for it. Several processes that do so at once end up with the same key.
    ///
    /// An active key of another kind than `options.algorithm` stays: to rotate is the decision of
    /// whoever runs the server, not of every command that looks at the keys.
    ///
    /// # Errors
    /// [`Error::Missing`]; and when the directory or a file in it can be reached by others, belongs
    /// to another user, is a link, is damaged, or cannot be read or written.
    pub async fn open(options: KeyringOptions) -> Result<Self> {
        blocking(move || Self::open_blocking(options)).await
    }

    fn open_blocking(options: KeyringOptions) -> Result<Self> {
        let missing = || Error::Missing {
            path: std::path::absolute(&options.directory).unwrap_or(options.directory.clone()),
        };
        if !options.make && !options.directory.join(FILE_NAME).exists() {
            return Err(missing());
        }
        let directory = KeyDirectory::open(&options.directory)?;
        let lock = directory.lock()?;
        let now = options.clock.now();
        let (mut keys, mut version, mut write) = match read(&directory)? {
            Some((keys, version)) => (keys, Some(version), false),
            None if !options.make => return Err(missing()),
            None => {
                let keys = Keys::first(options.algorithm, now)?;
                tracing::info!(kid = keys.active.key.kid(), alg = %options.algorithm, "signing key generated");
                (keys, None, true)
            }
        };
        let is_new = write;
        write |= keys.settle(now, options.max_token_lifetime);
        if write {
            version = Some(directory.replace(&lock, FILE_NAME, &keys.render()?)?);
        }
        Ok(Self(Arc::new(Inner {
            directory,
            is_new,
            algorithm: options.algorithm,
            publish_ahead: options.publish_ahead,
            max_token_lifetime: options.max_token_lifetime,
            clock: options.clock,
            view: ArcSwap::from_pointee(View::new(keys)?),
            seen: Mutex::new(version),
        })))
    }

    /// Whether there were no keys before it was opened.
    #[must_use]
    pub fn is_new(&self) -> bool {
        self.0.is_new
    }

    /// What was noted last of the database that these keys work with. A note that cannot be
    /// understood counts as none.
    ///
    /// # Errors
    /// When the key directory cannot be read.
    pub async fn database_note(&self) -> Result<Option<DatabaseNote>> {
        let inner = Arc::clone(&self.0);
        blocking(move || DatabaseNote::read(&inner.directory)).await
    }

    /// Notes how far the database that these keys work with has come.
    ///
    /// # Errors
    /// When the key directory cannot be written.
    pub async fn note_database(&self, note: DatabaseNote) -> Result<()> {
        let inner = Arc::clone(&self.0);
        blocking(move || note.write(&inner.directory)).await
    }

    /// The key that signs at present.
    #[must_use]
    pub fn active(&self) -> Arc<SigningKey> {
        let view = self.0.view.load();
        Arc::clone(&view.keys.signing_at(self.0.clock.now()).key)
    }

    /// The algorithm of the key that was made last, pending or active.
    #[must_use]
    pub fn newest_algorithm(&self) -> Algorithm {
        self.0.view.load().keys.newest().key.algorithm()
    }

    /// Signs with a key taken from [`Keyring::active`], whose `kid` is in the message already.
    ///
    /// # Errors
    /// When the key cannot be used.
    #[expect(
        clippy::unused_async,
        reason = "stores that keep the key to themselves sign over the network"
    )]
    pub async fn sign(&self, key: &SigningKey, message: &[u8]) -> Result<Signature> {
        key.sign(message)
    }

    /// The public key with this `kid`: active, pending or retired.
    #[must_use]
    pub fn verifying(&self, kid: &str) -> Option<VerifyingKey> {
        self.0.view.load().by_kid.get(kid).cloned()
    }

    /// The JWK Set (RFC 7517 §5) as it is served: the active key first, then the pending
    /// one, then the retired ones, newest first.
    #[must_use]
    pub fn jwks(&self) -> Bytes {
        self.0.view.load().jwks.clone()
    }

    /// All keys, in the order of [`Keyring::jwks`].
    #[must_use]
    pub fn list(&self) -> Vec<KeyInfo> {
        self.0.view.load().keys.list()
    }

    /// When the ring was last rotated, which is when its newest key was made.
    #[must_use]
    pub fn last_rotation(&self) -> UnixMillis {
        self.0.view.load().keys.newest().key.created_at()
    }

    /// Makes a new key, and says when it is active. What is on disk counts: a rotation by another
    /// process meanwhile is built upon, not undone.
    ///
    /// # Errors
    /// [`Error::RotationPending`] when a published key of `algorithm` waits for its time and is
    /// not to be used now; and when the key directory cannot be read or written. The keys stay as
    /// they were.
    pub async fn rotate(&self, algorithm: Algorithm, activation: Activation) -> Result<KeyInfo> {
        let inner = Arc::clone(&self.0);
        blocking(move || {
            inner.change(|keys, now| {
                let active_at = match activation {
                    Activation::Published => Some(now.plus(inner.publish_ahead)),
                    Activation::Now => None,
                };
                // Nothing to wait for is the same as not to wait.
                let active_at = active_at.filter(|at| *at > now);
                keys.rotate(algorithm, active_at, now, inner.max_token_lifetime)
            })
        })
        .await
    }

    /// Lets go of a key at once: what it signed is no longer accepted. In place of the active
    /// key, the pending one signs, or a new one.
    ///
    /// # Errors
    /// [`Error::UnknownKey`]; and when the key directory cannot be read or written.
    pub async fn retire(&self, kid: &str) -> Result<()> {
        let (inner, kid) = (Arc::clone(&self.0), kid.to_owned());
        blocking(move || inner.change(|keys, now| keys.retire(&kid, inner.algorithm, now))).await
    }

    /// Reads the keys from disk again and says what changed.
    ///
    /// # Errors
    /// When they cannot be read; the keys stay as they were, and
    /// [`changed_on_disk`](Self::changed_on_disk) stays false until the file changes again.
    pub async fn reload(&self) -> Result<ReloadSummary> {
        let inner = Arc::clone(&self.0);
        blocking(move || inner.reload()).await
    }

    /// Does what time has brought: a pending key whose time has come is active, and retired keys
    /// whose tokens are all dead go, from memory and disk. Opening, rotating and reloading do this
    /// as well. Costs nothing when there is nothing to do.
    ///
    /// # Errors
    /// When the key directory cannot be read or written.
    pub async fn settle(&self) -> Result<ReloadSummary> {
        let (now, view) = (self.0.clock.now(), self.0.view.load());
        if !view.keys.is_due(now, self.0.max_token_lifetime) {
            return Ok(ReloadSummary::default());
        }
        drop(view);
        self.reload().await
    }

    /// Whether the key file changed since it was last read or written here. Costs one `stat`; the
    /// answer to `true` is [`reload`](Self::reload).
    #[must_use]
    pub fn changed_on_disk(&self) -> bool {
        let now = self.0.directory.version(FILE_NAME);
        now != *self.0.seen()
    }
}

impl Inner {
    fn seen(&self) -> MutexGuard<'_, Option<FileVersion>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is on disk, and publishes it.
    fn change<T>(&self, change: impl FnOnce(&mut Keys, UnixMillis) -> Result<T>) -> Result<T> {
        let mut seen = self.seen();
        self.directory.check()?;
        let lock = self.directory.lock()?;
        let now = self.clock.now();
        let (mut keys, _) = read(&self.directory)?.ok_or_else(|| self.gone())?;
        keys.settle(now, self.max_token_lifetime);
        let changed = change(&mut keys, now)?;
        *seen = Some(self.directory.replace(&lock, FILE_NAME, &keys.render()?)?);
        self.view.store(Arc::new(View::new(keys)?));
        Ok(changed)
    }

    fn reload(&self) -> Result<ReloadSummary> {
        let mut seen = self.seen();
        // Remembered before reading: a file that cannot be used is reported once, not each time
        // somebody asks whether it changed.
        *seen = self.directory.version(FILE_NAME);
        self.directory.check()?;
        let lock = self.directory.lock()?;
        let (mut keys, version) = read(&self.directory)?.ok_or_else(|| self.gone())?;
        *seen = Some(version);
        if keys.settle(self.clock.now(), self.max_token_lifetime) {
            *seen = Some(self.directory.replace(&lock, FILE_NAME, &keys.render()?)?);
        }
        let before = self.view.load_full();
        let after = View::new(keys)?;
        let summary = difference(&before, &after);
        self.view.store(Arc::new(after));
        Ok(summary)
    }

    fn gone(&self) -> Error {
        Error::Gone {
            path: self.directory.file(FILE_NAME),
        }
    }
}

impl View {
    fn new(keys: Keys) -> Result<Self> {
        let public: Vec<&VerifyingKey> = keys.public().collect();
        let set = KeySet {
            keys: public
                .iter()
                .map(|key| PublishedKey {
                    kid: key.kid(),
                    use_: "sig",
                    alg: key.algorithm(),
                    key: key.jwk(),
                })
                .collect(),
        };
        let jwks = serde_json::to_vec(&set).map_err(|_| Error::Crypto {
            operation: "render the key set",
        })?;
        let by_kid = public
            .iter()
            .map(|key| (key.kid().to_owned(), (*key).clone()))
            .collect();
        Ok(Self {
            by_kid,
            jwks: jwks.into(),
            keys,
        })
    }
}

fn read(directory: &KeyDirectory) -> Result<Option<(Keys, FileVersion)>> {
    let Some((content, version)) = directory.read(FILE_NAME)? else {
        return Ok(None);
    };
    let keys = Keys::parse(&content).map_err(|problem| Error::Damaged {
        path: directory.file(FILE_NAME),
        problem,
    })?;
    Ok(Some((keys, version)))
}

fn difference(before: &View, after: &View) -> ReloadSummary {
    let sorted = |mut kids: Vec<String>| {
        kids.sort();
        kids
    };
    let missing_from = |view: &View, other: &View| {
        let kids = other
            .by_kid
            .keys()
            .filter(|kid| !view.by_kid.contains_key(*kid));
        sorted(kids.cloned().collect())
    };
    let old = before.keys.active.key.kid();
    let new = after.keys.active.key.kid();
    let pending = |view: &View| Some(view.keys.pending.as_ref()?.key.kid().to_owned());
    ReloadSummary {
        new_active: (old != new).then(|| new.to_owned()),
        new_pending: pending(after).filter(|kid| !before.by_kid.contains_key(kid)),
        added: missing_from(before, after),
        retired: (old != new && after.by_kid.contains_key(old))
            .then(|| old.to_owned())
            .into_iter()
            .collect(),
        removed: missing_from(after, before),
    }
}

/// Key files are small, but a disk can hang: keep it away from the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or(Err(Error::Interrupted))
}
