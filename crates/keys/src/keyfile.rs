//! `keyring.json`: the keys of the keyfile store, as written on disk.
//!
//! Active and pending keys are kept as PKCS #8 PEM. A retired key never signs again, so only its public
//! half is kept: what is not there cannot be stolen.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::UnixMillis;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, Zeroizing};

use crate::lifecycle::{HeldKey, Keys, RetiredKey};
use crate::{Algorithm, KeyStatus, PublicJwk, SigningKey, VerifyingKey};

/// The name of the file in the key directory.
pub(crate) const FILE_NAME: &str = "keyring.json";
const FORMAT: u32 = 1;
const PEM_BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const PEM_END: &str = "-----END PRIVATE KEY-----";

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    format: u32,
    keys: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase", deny_unknown_fields)]
enum Entry {
    Active {
        kid: String,
        alg: Algorithm,
        created_at_ms: i64,
        active_at_ms: i64,
        private_key: Pem,
    },
    Pending {
        kid: String,
        alg: Algorithm,
        created_at_ms: i64,
        active_at_ms: i64,
        private_key: Pem,
    },
    Retired {
        kid: String,
        alg: Algorithm,
        created_at_ms: i64,
        active_at_ms: i64,
        retired_at_ms: i64,
        verify_until_ms: i64,
        public_key: PublicJwk,
    },
}

impl Entry {
    fn status(&self) -> KeyStatus {
        match self {
            Self::Active { .. } => KeyStatus::Active,
            Self::Pending { .. } => KeyStatus::Pending,
            Self::Retired { .. } => KeyStatus::Retired,
        }
    }
}

/// Text that is wiped when dropped.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct Pem(String);

impl Drop for Pem {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl Keys {
    /// Reads the file's content; the error says what is wrong with it, without quoting it.
    pub(crate) fn parse(content: &[u8]) -> Result<Self, String> {
        // serde_json quotes unexpected values in its message; only the position is passed on.
        let document: Document = serde_json::from_slice(content).map_err(|error| {
            format!(
                "not a keyring, line {} column {}",
                error.line(),
                error.column()
            )
        })?;
        if document.format != FORMAT {
            return Err(format!(
                "written in format {}, this version reads format {FORMAT}",
                document.format
            ));
        }
        let (mut active, mut pending) = (None, None);
        let mut retired: Vec<RetiredKey> = Vec::new();
        for entry in document.keys {
            let status = entry.status();
            match entry {
                Entry::Active {
                    kid,
                    alg,
                    created_at_ms,
                    active_at_ms,
                    private_key,
                }
                | Entry::Pending {
                    kid,
                    alg,
                    created_at_ms,
                    active_at_ms,
                    private_key,
                } => {
                    let pkcs8 = decode_pem(&private_key.0)
                        .ok_or_else(|| format!("the private key of {kid:?} is not PEM"))?;
                    let key = SigningKey::from_pkcs8(alg, &pkcs8, UnixMillis(created_at_ms))
                        .map_err(|_| {
                            format!("the private key of {kid:?} is not a key for {alg}")
                        })?;
                    expect_kid(&kid, key.kid())?;
                    let held = HeldKey {
                        key: Arc::new(key),
                        active_at: UnixMillis(active_at_ms),
                    };
                    let place = match status {
                        KeyStatus::Pending => &mut pending,
                        _ => &mut active,
                    };
                    if place.replace(held).is_some() {
                        return Err(format!("two keys are marked {}", status.as_str()));
                    }
                }
                Entry::Retired {
                    kid,
                    alg,
                    created_at_ms,
                    active_at_ms,
                    retired_at_ms,
                    verify_until_ms,
                    public_key,
                } => {
                    let key = VerifyingKey::from_jwk(alg, public_key)
                        .map_err(|_| format!("the public key of {kid:?} is not a key for {alg}"))?;
                    expect_kid(&kid, key.kid())?;
                    retired.push(RetiredKey {
                        key,
                        created_at: UnixMillis(created_at_ms),
                        active_at: UnixMillis(active_at_ms),
                        retired_at: UnixMillis(retired_at_ms),
                        verify_until: UnixMillis(verify_until_ms),
                    });
                }
            }
        }
        let active = active.ok_or_else(|| String::from("no key is marked active"))?;
        retired.sort_by_key(|key| std::cmp::Reverse(key.retired_at));
        Ok(Self {
            active,
            pending,
            retired,
        })
    }

    /// The content to write.
    pub(crate) fn render(&self) -> crate::Result<Zeroizing<Vec<u8>>> {
        let mut keys = vec![Entry::Active {
            kid: self.active.key.kid().to_owned(),
            alg: self.active.key.algorithm(),
            created_at_ms: self.active.key.created_at().0,
            active_at_ms: self.active.active_at.0,
            private_key: encode_pem(&self.active.key.to_pkcs8()?),
        }];
        if let Some(pending) = &self.pending {
            keys.push(Entry::Pending {
                kid: pending.key.kid().to_owned(),
                alg: pending.key.algorithm(),
                created_at_ms: pending.key.created_at().0,
                active_at_ms: pending.active_at.0,
                private_key: encode_pem(&pending.key.to_pkcs8()?),
            });
        }
        keys.extend(self.retired.iter().map(|retired| Entry::Retired {
            kid: retired.key.kid().to_owned(),
            alg: retired.key.algorithm(),
            created_at_ms: retired.created_at.0,
            active_at_ms: retired.active_at.0,
            retired_at_ms: retired.retired_at.0,
            verify_until_ms: retired.verify_until.0,
            public_key: retired.key.jwk().clone(),
        }));
        let document = Document {
            format: FORMAT,
            keys,
        };
        let mut content =
            serde_json::to_vec_pretty(&document).map_err(|_| crate::Error::Crypto {
                operation: "write the keyring",
            })?;
        content.push(b'\n');
        Ok(Zeroizing::new(content))
    }
}

fn expect_kid(written: &str, computed: &str) -> Result<(), String> {
    if written == computed {
        Ok(())
    } else {
        Err(format!(
            "the key written as {written:?} has the thumbprint {computed:?}"
        ))
    }
}

/// PEM text of a private key (RFC 7468 §10).
fn encode_pem(pkcs8: &[u8]) -> Pem {
    let base64 = Zeroizing::new(STANDARD.encode(pkcs8));
    let mut pem = String::with_capacity(base64.len() + base64.len() / 32 + 64);
    pem.push_str(PEM_BEGIN);
    for (position, letter) in base64.char_indices() {
        if position % 64 == 0 {
            pem.push('\n');
        }
        pem.push(letter);
    }
    pem.push('\n');
    pem.push_str(PEM_END);
    pem.push('\n');
    Pem(pem)
}

fn decode_pem(pem: &str) -> Option<Zeroizing<Vec<u8>>> {
    let body = pem.trim().strip_prefix(PEM_BEGIN)?.strip_suffix(PEM_END)?;
    let base64: Zeroizing<String> = Zeroizing::new(body.split_ascii_whitespace().collect());
    STANDARD.decode(base64.as_bytes()).ok().map(Zeroizing::new)
}
