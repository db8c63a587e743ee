//! Signing keys: made, kept, rotated, published and used for verification here and nowhere else.
//!
//! A [`Keyring`] is the running view of a key store. Reading it ([`Keyring::active`],
//! [`Keyring::verifying`], [`Keyring::jwks`]) is one atomic load and never touches the disk;
//! changing it ([`Keyring::rotate`], [`Keyring::retire`], [`Keyring::reload`],
//! [`Keyring::settle`]) is rare and async,
//! so that a store which lives behind a network can take the place of the keyfile without its
//! callers noticing. For the same reason a signature is asked for with [`Keyring::sign`]; with a
//! keyfile that future is ready at its first poll.
//!
//! The keyfile store is one directory (0700) with one `keyring.json` (0600). It is replaced
//! atomically and guarded by an advisory lock, so that several processes on one directory agree
//! on one active key. The same directory holds [`secrets`]: random values that must survive a
//! restart but are nobody's configuration.

mod directory;
mod error;
mod info;
mod jwk;
mod keyfile;
mod keyring;
mod lifecycle;
mod note;
pub mod secrets;
mod signing;
mod verify;

pub use domain::SigningAlgorithm as Algorithm;
pub use error::Error;
pub use info::{KeyInfo, KeyStatus, ReloadSummary};
pub use jwk::PublicJwk;
pub use keyring::{Keyring, KeyringOptions};
pub use lifecycle::{Activation, RETIREMENT_GRACE};
pub use note::DatabaseNote;
pub use signing::{Signature, SigningKey};
pub use verify::VerifyingKey;

/// What the operations of this crate return.
pub type Result<T> = std::result::Result<T, Error>;
