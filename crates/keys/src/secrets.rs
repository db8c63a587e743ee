//! Random secrets kept beside the signing keys: made at first use, the same ever after.

use std::fmt;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Rng;
use zeroize::{Zeroize as _, Zeroizing};

use crate::directory::KeyDirectory;
use crate::{Error, Result};

/// The pepper under which client secrets are hashed, when the configuration gives none.
pub const CLIENT_SECRET_PEPPER: &str = "client-secret.pepper";
/// What browser sessions are signed with, when the configuration gives nothing.
pub const SESSION_SECRET: &str = "session.secret";

const LENGTH: usize = 32;

/// 32 random bytes, wiped when dropped and never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<[u8; LENGTH]>);

impl Secret {
    /// The bytes, for use as a key.
    #[must_use]
    pub fn expose(&self) -> &[u8; LENGTH] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The secret `name` in `directory`.
///
/// Blocks on the disk; meant for the start of a process.
///
/// # Errors
/// [`Error::Missing`]; and as [`load_or_create`].
pub fn load(directory: &Path, name: &str) -> Result<Secret> {
    let missing = || Error::Missing {
        path: std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned()),
    };
    check_name(name)?;
    if !directory.join(name).exists() {
        return Err(missing());
    }
    read(&KeyDirectory::open(directory)?, name)?.ok_or_else(missing)
}

/// The secret `name` in `directory`, made from `rng` when it is not there. Several processes that
/// ask at once get the same one. The file holds base64url text, 0600.
///
/// Blocks on the disk; meant for the start of a process.
///
/// # Errors
/// As [`Keyring::open`](crate::Keyring::open); and when `name` is not a plain file name.
pub fn load_or_create(directory: &Path, name: &str, rng: &dyn Rng) -> Result<Secret> {
    check_name(name)?;
    let directory = KeyDirectory::open(directory)?;
    let lock = directory.lock()?;
    if let Some(secret) = read(&directory, name)? {
        return Ok(secret);
    }
    let mut secret = Secret(Zeroizing::new([0; LENGTH]));
    rng.fill(secret.0.as_mut_slice());
    let mut content = URL_SAFE_NO_PAD.encode(*secret.0);
    content.push('\n');
    let written = directory.replace(&lock, name, content.as_bytes());
    content.zeroize();
    written?;
    tracing::info!(name, "secret generated");
    Ok(secret)
}

fn read(directory: &KeyDirectory, name: &str) -> Result<Option<Secret>> {
    let Some((content, _)) = directory.read(name)? else {
        return Ok(None);
    };
    let mut secret = Secret(Zeroizing::new([0; LENGTH]));
    match URL_SAFE_NO_PAD.decode_slice(content.trim_ascii(), secret.0.as_mut_slice()) {
        Ok(LENGTH) => Ok(Some(secret)),
        _ => Err(Error::Damaged {
            path: directory.file(name),
            problem: format!("not {LENGTH} bytes in base64url"),
        }),
    }
}

fn check_name(name: &str) -> Result<()> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let well_formed = name
        .split('.')
        .all(|part| !part.is_empty() && part.bytes().all(plain));
    if well_formed && name.len() <= 64 && name != crate::keyfile::FILE_NAME {
        Ok(())
    } else {
        Err(Error::SecretName {
            name: name.to_owned(),
        })
    }
}
