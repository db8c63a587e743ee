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
use crate::keyfile::{FILE_NAME, Keys, RetiredKey};
use crate::{
    Algorithm, Error, KeyInfo, KeyStatus, ReloadSummary, Result, Signature, SigningKey,
    VerifyingKey,
};

/// How much longer than its tokens can live a retired key is kept: 30 s of clock skew that
/// verifiers allow, and the time another process may need to notice that its key was retired.
pub const RETIREMENT_GRACE: Duration = Duration::from_secs(120);

/// What a keyring is opened with.
#[derive(Clone)]
pub struct KeyringOptions {
    /// The key directory (`signing.key_path`).
    pub directory: PathBuf,
    /// The algorithm of the first key, when there is none yet (`signing.algorithm`).
    pub algorithm: Algorithm,
    /// The longest lifetime any token can have that a key of this ring signs.
    pub max_token_lifetime: Duration,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl fmt::Debug for KeyringOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyringOptions")
            .field("directory", &self.directory)
            .field("algorithm", &self.algorithm)
            .field("max_token_lifetime", &self.max_token_lifetime)
            .finish_non_exhaustive()
    }
}

/// The keys of a running server. Cheap to clone; all clones see the same keys.
#[derive(Clone)]
pub struct Keyring(Arc<Inner>);

struct Inner {
    directory: KeyDirectory,
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
            .field("current", &self.current().kid())
            .finish_non_exhaustive()
    }
}

impl Keyring {
    /// Opens the key directory, making it and its first key when they are not there. Several
    /// processes that do so at once end up with the same key.
    ///
    /// A current key of another kind than `options.algorithm` stays: to rotate is the decision of
    /// whoever runs the server, not of every command that looks at the keys.
    ///
    /// # Errors
    /// When the directory or a file in it can be reached by others, belongs to another user, is a
    /// link, is damaged, or cannot be read or written.
    pub async fn open(options: KeyringOptions) -> Result<Self> {
        blocking(move || Self::open_blocking(options)).await
    }

    fn open_blocking(options: KeyringOptions) -> Result<Self> {
        let directory = KeyDirectory::open(&options.directory)?;
        let lock = directory.lock()?;
        let now = options.clock.now();
        let (mut keys, mut version, mut write) = match read(&directory)? {
            Some((keys, version)) => (keys, Some(version), false),
            None => {
                let current = Arc::new(SigningKey::generate(options.algorithm, now)?);
                tracing::info!(kid = current.kid(), alg = %options.algorithm, "signing key generated");
                let retired = Vec::new();
                (Keys { current, retired }, None, true)
            }
        };
        write |= drop_expired(&mut keys, now, options.max_token_lifetime);
        if write {
            version = Some(directory.replace(&lock, FILE_NAME, &keys.render()?)?);
        }
        Ok(Self(Arc::new(Inner {
            directory,
            max_token_lifetime: options.max_token_lifetime,
            clock: options.clock,
            view: ArcSwap::from_pointee(View::new(keys)?),
            seen: Mutex::new(version),
        })))
    }

    /// The key that signs at present.
    #[must_use]
    pub fn current(&self) -> Arc<SigningKey> {
        Arc::clone(&self.0.view.load().keys.current)
    }

    /// Signs with a key taken from [`Keyring::current`], whose `kid` is in the message already.
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

    /// The public key with this `kid`, current or retired.
    #[must_use]
    pub fn verifying(&self, kid: &str) -> Option<VerifyingKey> {
        self.0.view.load().by_kid.get(kid).cloned()
    }

    /// The JWK Set (RFC 7517 §5) as it is served: the current key first, then the retired ones,
    /// newest first.
    #[must_use]
    pub fn jwks(&self) -> Bytes {
        self.0.view.load().jwks.clone()
    }

    /// All keys, in the order of [`Keyring::jwks`].
    #[must_use]
    pub fn list(&self) -> Vec<KeyInfo> {
        let view = self.0.view.load();
        let mut list = vec![current_info(&view.keys.current)];
        list.extend(view.keys.retired.iter().map(|retired| KeyInfo {
            kid: retired.key.kid().to_owned(),
            alg: retired.key.algorithm(),
            use_: "sig",
            status: KeyStatus::Retired,
            created_at: retired.created_at,
            retired_at: Some(retired.retired_at),
        }));
        list
    }

    /// When the current key was made, which is when the ring was last rotated.
    #[must_use]
    pub fn last_rotation(&self) -> UnixMillis {
        self.0.view.load().keys.current.created_at()
    }

    /// Makes a new current key and retires the one before. What is on disk counts: a rotation by
    /// another process meanwhile is built upon, not undone.
    ///
    /// # Errors
    /// When the key directory cannot be read or written; the keys stay as they were.
    pub async fn rotate(&self, algorithm: Algorithm) -> Result<KeyInfo> {
        let inner = Arc::clone(&self.0);
        blocking(move || inner.rotate(algorithm)).await
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

    /// Drops retired keys whose tokens are all dead, from memory and disk, and returns their
    /// `kid`s. Opening, rotating and reloading do this as well.
    ///
    /// # Errors
    /// When the key directory cannot be read or written.
    pub async fn prune(&self) -> Result<Vec<String>> {
        let now = self.0.clock.now();
        let due = (self.0.view.load().keys.retired.iter())
            .any(|key| is_expired(key, now, self.0.max_token_lifetime));
        if !due {
            return Ok(Vec::new());
        }
        self.reload().await.map(|summary| summary.removed)
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

    fn rotate(&self, algorithm: Algorithm) -> Result<KeyInfo> {
        let mut seen = self.seen();
        self.directory.check()?;
        let lock = self.directory.lock()?;
        let now = self.clock.now();
        let (keys, _) = read(&self.directory)?.ok_or_else(|| self.gone())?;
        let mut keys = rotated(keys, algorithm, now, self.max_token_lifetime)?;
        drop_expired(&mut keys, now, self.max_token_lifetime);
        *seen = Some(self.directory.replace(&lock, FILE_NAME, &keys.render()?)?);
        let info = current_info(&keys.current);
        self.view.store(Arc::new(View::new(keys)?));
        Ok(info)
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
        if drop_expired(&mut keys, self.clock.now(), self.max_token_lifetime) {
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
        let public: Vec<&VerifyingKey> = std::iter::once(keys.current.verifying())
            .chain(keys.retired.iter().map(|retired| &retired.key))
            .collect();
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

fn rotated(keys: Keys, algorithm: Algorithm, now: UnixMillis, lifetime: Duration) -> Result<Keys> {
    let current = Arc::new(SigningKey::generate(algorithm, now)?);
    let mut retired = keys.retired;
    retired.insert(
        0,
        RetiredKey {
            key: keys.current.verifying().clone(),
            created_at: keys.current.created_at(),
            retired_at: now,
            verify_until: now.plus(lifetime).plus(RETIREMENT_GRACE),
        },
    );
    Ok(Keys { current, retired })
}

/// By the lifetimes at retirement or the present ones, whichever last longer: a configuration
/// change in either direction must not end a key before its tokens.
fn is_expired(key: &RetiredKey, now: UnixMillis, lifetime: Duration) -> bool {
    let by_present = key.retired_at.plus(lifetime).plus(RETIREMENT_GRACE);
    now > key.verify_until.max(by_present)
}

fn drop_expired(keys: &mut Keys, now: UnixMillis, lifetime: Duration) -> bool {
    let before = keys.retired.len();
    keys.retired.retain(|key| !is_expired(key, now, lifetime));
    keys.retired.len() != before
}

fn current_info(key: &SigningKey) -> KeyInfo {
    KeyInfo {
        kid: key.kid().to_owned(),
        alg: key.algorithm(),
        use_: "sig",
        status: KeyStatus::Current,
        created_at: key.created_at(),
        retired_at: None,
    }
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
    let old = before.keys.current.kid();
    let new = after.keys.current.kid();
    ReloadSummary {
        new_current: (old != new).then(|| new.to_owned()),
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
