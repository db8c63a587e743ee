//! What may be told about the keys of a ring, and about a change to them.

use domain::UnixMillis;
use serde::Serialize;

use crate::Algorithm;

/// What a key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyStatus {
    /// Published, and not yet used.
    Pending,
    /// Signs.
    Active,
    /// Only verifies what it signed before.
    Retired,
}

impl KeyStatus {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Active => "active",
            Self::Retired => "retired",
        }
    }
}

/// What may be told about a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeyInfo {
    /// Its RFC 7638 thumbprint.
    pub kid: String,
    /// Its algorithm.
    pub alg: Algorithm,
    /// Always `sig` (RFC 7517 §4.2).
    #[serde(rename = "use")]
    pub use_: &'static str,
    /// Whether it signs.
    pub status: KeyStatus,
    /// When it was made.
    pub created_at: UnixMillis,
    /// From when it signs, or has signed.
    pub active_at: UnixMillis,
    /// When it ceased to sign.
    pub retired_at: Option<UnixMillis>,
}

/// What a reload changed. Empty when nothing did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReloadSummary {
    /// The new active key's `kid`, when another one signs now.
    pub new_active: Option<String>,
    /// The new pending key's `kid`, when one has been published.
    pub new_pending: Option<String>,
    /// Keys that were not known before.
    pub added: Vec<String>,
    /// Keys that signed before and now only verify.
    pub retired: Vec<String>,
    /// Keys that no longer verify.
    pub removed: Vec<String>,
}

impl ReloadSummary {
    /// Whether the reload found everything as it was.
    #[must_use]
    pub fn is_unchanged(&self) -> bool {
        *self == Self::default()
    }
}
