//! The life of a signing key: published, then active, then retired, then gone
//! (spec: custody, Publication before use). Nothing here reads a clock or touches a disk.

use std::sync::Arc;
use std::time::Duration;

use domain::UnixMillis;

use crate::{Algorithm, Error, KeyInfo, KeyStatus, Result, SigningKey, VerifyingKey};

/// How much longer than its tokens can live a retired key is kept: 30 s of clock skew that
/// verifiers allow, and the time another process may need to notice that its key was retired.
pub const RETIREMENT_GRACE: Duration = Duration::from_secs(120);

/// When a new key begins to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// Once it has been published for `signing.publish_ahead`, so that no verifier meets a `kid`
    /// that its copy of the key set cannot hold.
    Published,
    /// At once. Verifiers that keep the key set refuse its tokens until they read it again.
    Now,
}

/// The keys of a ring.
#[derive(Debug)]
pub(crate) struct Keys {
    pub active: HeldKey,
    /// Published, not yet used.
    pub pending: Option<HeldKey>,
    /// Newest first.
    pub retired: Vec<RetiredKey>,
}

/// A key whose private half is held.
#[derive(Debug, Clone)]
pub(crate) struct HeldKey {
    pub key: Arc<SigningKey>,
    /// From when it signs.
    pub active_at: UnixMillis,
}

/// A key that no longer signs.
#[derive(Debug, Clone)]
pub(crate) struct RetiredKey {
    pub key: VerifyingKey,
    pub created_at: UnixMillis,
    pub active_at: UnixMillis,
    pub retired_at: UnixMillis,
    /// When the last token it signed was to be dead, by the lifetimes in force at retirement.
    pub verify_until: UnixMillis,
}

impl HeldKey {
    fn generate(algorithm: Algorithm, now: UnixMillis, active_at: UnixMillis) -> Result<Self> {
        let key = Arc::new(SigningKey::generate(algorithm, now)?);
        Ok(Self { key, active_at })
    }

    fn retire(self, at: UnixMillis, lifetime: Duration) -> RetiredKey {
        RetiredKey {
            key: self.key.verifying().clone(),
            created_at: self.key.created_at(),
            active_at: self.active_at,
            retired_at: at,
            verify_until: at.plus(lifetime).plus(RETIREMENT_GRACE),
        }
    }

    pub(crate) fn info(&self, status: KeyStatus) -> KeyInfo {
        KeyInfo {
            kid: self.key.kid().to_owned(),
            alg: self.key.algorithm(),
            use_: "sig",
            status,
            created_at: self.key.created_at(),
            active_at: self.active_at,
            retired_at: None,
        }
    }
}

impl RetiredKey {
    /// By the lifetimes at retirement or the present ones, whichever last longer: a configuration
    /// change in either direction must not end a key before its tokens.
    pub(crate) fn is_expired(&self, now: UnixMillis, lifetime: Duration) -> bool {
        let by_present = self.retired_at.plus(lifetime).plus(RETIREMENT_GRACE);
        now > self.verify_until.max(by_present)
    }

    fn info(&self) -> KeyInfo {
        KeyInfo {
            kid: self.key.kid().to_owned(),
            alg: self.key.algorithm(),
            use_: "sig",
            status: KeyStatus::Retired,
            created_at: self.created_at,
            active_at: self.active_at,
            retired_at: Some(self.retired_at),
        }
    }
}

impl Keys {
    /// The keys of a new server: nobody can have an older copy of the set, so the first key is
    /// active at once.
    pub fn first(algorithm: Algorithm, now: UnixMillis) -> Result<Self> {
        Ok(Self {
            active: HeldKey::generate(algorithm, now, now)?,
            pending: None,
            retired: Vec::new(),
        })
    }

    /// The key that signs at `now`: a pending one as soon as its time has come, whether or not
    /// that has been written down.
    pub fn signing_at(&self, now: UnixMillis) -> &HeldKey {
        match &self.pending {
            Some(pending) if pending.active_at <= now => pending,
            _ => &self.active,
        }
    }

    /// Whether [`Self::settle`] has anything to do.
    pub fn is_due(&self, now: UnixMillis, lifetime: Duration) -> bool {
        let pending = self.pending.as_ref();
        pending.is_some_and(|pending| pending.active_at <= now)
            || (self.retired.iter()).any(|key| key.is_expired(now, lifetime))
    }

    /// Does what time has brought: a pending key whose time has come is active, and a retired
    /// key whose tokens are all dead goes. Says whether anything changed.
    pub fn settle(&mut self, now: UnixMillis, lifetime: Duration) -> bool {
        let due = self.is_due(now, lifetime);
        if let Some(pending) = self.pending.take_if(|pending| pending.active_at <= now) {
            let at = pending.active_at;
            self.replace_active(pending, at, lifetime);
        }
        self.retired.retain(|key| !key.is_expired(now, lifetime));
        due
    }

    fn replace_active(&mut self, next: HeldKey, at: UnixMillis, lifetime: Duration) {
        let old = std::mem::replace(&mut self.active, next);
        self.retired.insert(0, old.retire(at, lifetime));
    }

    /// Adds a key that is active at `active_at`, or now. A pending key of the same algorithm is
    /// put to use rather than thrown away, since it has been published for a while; one of
    /// another algorithm has never signed anything, and goes.
    ///
    /// # Errors
    /// [`Error::RotationPending`] when there is a pending key and it is not to be used at once.
    pub fn rotate(
        &mut self,
        algorithm: Algorithm,
        active_at: Option<UnixMillis>,
        now: UnixMillis,
        lifetime: Duration,
    ) -> Result<KeyInfo> {
        self.pending
            .take_if(|pending| pending.key.algorithm() != algorithm);
        let Some(active_at) = active_at else {
            let next = match self.pending.take() {
                Some(pending) => HeldKey {
                    active_at: now,
                    ..pending
                },
                None => HeldKey::generate(algorithm, now, now)?,
            };
            self.replace_active(next, now, lifetime);
            return Ok(self.active.info(KeyStatus::Active));
        };
        if let Some(pending) = &self.pending {
            return Err(Error::RotationPending {
                kid: pending.key.kid().to_owned(),
                active_at: pending.active_at,
            });
        }
        let pending = HeldKey::generate(algorithm, now, active_at)?;
        let info = pending.info(KeyStatus::Pending);
        self.pending = Some(pending);
        Ok(info)
    }

    /// Lets go of a key, and with it of everything that it signed. When it is the active one, the
    /// pending key takes its place, or a new one.
    ///
    /// # Errors
    /// [`Error::UnknownKey`] when there is none of this `kid`.
    pub fn retire(&mut self, kid: &str, algorithm: Algorithm, now: UnixMillis) -> Result<()> {
        if self.active.key.kid() == kid {
            self.active = match self.pending.take() {
                Some(pending) => HeldKey {
                    active_at: now,
                    ..pending
                },
                None => HeldKey::generate(algorithm, now, now)?,
            };
            return Ok(());
        }
        let pending = self.pending.take_if(|pending| pending.key.kid() == kid);
        let retired = self.retired.len();
        self.retired.retain(|retired| retired.key.kid() != kid);
        if pending.is_none() && self.retired.len() == retired {
            return Err(Error::UnknownKey {
                kid: kid.to_owned(),
            });
        }
        Ok(())
    }

    /// All keys: the active one first, then the pending one, then the retired ones, newest first.
    pub fn list(&self) -> Vec<KeyInfo> {
        let pending = self.pending.as_ref();
        std::iter::once(self.active.info(KeyStatus::Active))
            .chain(pending.map(|pending| pending.info(KeyStatus::Pending)))
            .chain(self.retired.iter().map(RetiredKey::info))
            .collect()
    }

    /// Their public halves, in the same order.
    pub fn public(&self) -> impl Iterator<Item = &VerifyingKey> {
        let held = std::iter::once(&self.active).chain(&self.pending);
        held.map(|held| held.key.verifying())
            .chain(self.retired.iter().map(|retired| &retired.key))
    }

    /// The key that was made last.
    pub fn newest(&self) -> &HeldKey {
        self.pending.as_ref().unwrap_or(&self.active)
    }
}
