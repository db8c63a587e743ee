//! The keys to the admin surface: configured, in a file, or made up on localhost.

use crate::failure::{Failure, Result};
use admin::rest::AdminKeys;
use config::{ADMIN_KEY_FORM, Config, ExposeSecret as _, Secret, is_admin_key};
use domain::SystemRng;
use keys::secrets;
use std::path::Path;

/// The name of the file that holds the admin key made up on localhost.
const MADE_UP: &str = "admin-api.key";

/// The keys that open the admin surface. A key that is made up now is said once, on the terminal
/// of whoever started the server; never in the log.
///
/// # Errors
/// When a file cannot be read or written, or holds a weak key.
pub(crate) fn keys(config: &Config) -> Result<AdminKeys> {
    Ok(AdminKeys::new(
        &current(config)?,
        config.admin.api_key_previous.as_ref(),
    ))
}

/// The key that operators are to use: the configured one; on localhost, where none is required,
/// one that is kept beside the signing keys.
///
/// # Errors
/// As [`keys()`].
pub(crate) fn current(config: &Config) -> Result<Secret> {
    if let Some(key) = known(config)? {
        return Ok(key);
    }
    let folder = &config.signing.key_path;
    secrets::load_or_create(folder, MADE_UP, &SystemRng).map_err(Failure::new)?;
    let key = read(&folder.join(MADE_UP))?;
    eprintln!("admin API key for this machine: {}", key.expose_secret());
    Ok(key)
}

/// The same, as far as it exists; none is made up.
///
/// # Errors
/// When a file cannot be read, or holds a weak key.
pub(crate) fn known(config: &Config) -> Result<Option<Secret>> {
    if let Some(key) = &config.admin.api_key {
        return Ok(Some(key.clone()));
    }
    if let Some(file) = &config.admin.api_key_file {
        return from_file(file).map(Some);
    }
    let path = config.signing.key_path.join(MADE_UP);
    path.exists().then(|| read(&path)).transpose()
}

/// The key in a file that the operator provides.
fn from_file(path: &Path) -> Result<Secret> {
    let key = read(path)?;
    match is_admin_key(key.expose_secret()) {
        true => Ok(key),
        false => Err(Failure::new(format!(
            "admin.api_key_file: what {} holds is no good key; allowed: {ADMIN_KEY_FORM}",
            path.display()
        ))),
    }
}

/// What a file holds, without blanks around it.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn read(path: &Path) -> Result<Secret> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
    Ok(Secret::from(text.trim()))
}
