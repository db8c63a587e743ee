//! Passwords: argon2id, at most as many at once as there are processors.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use domain::Rng;
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The shortest password a user may have, in characters.
pub(crate) const MIN_LENGTH: usize = 8;
/// The longest, in bytes; hashing more would only cost.
pub(crate) const MAX_LENGTH: usize = 1024;

/// What an unknown user's password is compared with, so that it takes as long: a hash with the
/// same parameters. Whether anything matches it does not matter.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IG5vYm9keSAhIQ$\
     bm9ib2R5IG5vYm9keSBub2JvZHkgbm9ib2R5IG5vYm8";

/// Hashes and checks passwords without letting them take all processors.
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
}

impl Passwords {
    pub fn new() -> Self {
        let places = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            places: Arc::new(Semaphore::new(places)),
        }
    }

    /// Whether `password` is the one `stored` was made of. Takes as long when nothing is stored.
    pub async fn verify(&self, stored: Option<&str>, password: &SecretString) -> bool {
        let known = stored.is_some();
        let stored = stored.unwrap_or(NOBODY).to_owned();
        let password = password.clone();
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
            return false;
        };
        let verified = tokio::task::spawn_blocking(move || {
            let _place = place;
            PasswordHash::new(&stored).is_ok_and(|hash| {
                Argon2::default()
                    .verify_password(password.expose_secret().as_bytes(), &hash)
                    .is_ok()
            })
        });
        verified.await.unwrap_or(false) && known
    }

    /// The PHC string to store of `password`.
    pub async fn hash(&self, password: &SecretString, rng: Arc<dyn Rng>) -> Option<String> {
        let password = password.clone();
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let hashed = tokio::task::spawn_blocking(move || {
            let _place = place;
            hash(password.expose_secret(), &*rng)
        });
        hashed.await.ok().flatten()
    }
}

fn hash(password: &str, rng: &dyn Rng) -> Option<String> {
    let mut salt = [0; 16];
    rng.fill(&mut salt);
    let hash = Argon2::default()
        .hash_password_with_salt(password.as_bytes(), &salt)
        .ok()?;
    Some(hash.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::SystemRng;

    #[tokio::test]
    async fn passwords_verify_against_their_own_argon2id_hash_only() {
        let passwords = Passwords::new();
        let good = SecretString::from("correct horse");
        let stored = passwords.hash(&good, Arc::new(SystemRng)).await.unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert!(passwords.verify(Some(&stored), &good).await);
        assert!(
            !passwords
                .verify(Some(&stored), &SecretString::from("wrong"))
                .await
        );
        assert!(!passwords.verify(None, &good).await);
        assert!(!passwords.verify(Some("not a hash"), &good).await);
    }

    #[test]
    fn an_unknown_user_costs_as_much_as_a_known_one() {
        let parameters = |stored: &str| {
            let hash = PasswordHash::new(stored).unwrap();
            (
                hash.algorithm.to_string(),
                hash.version,
                hash.params.to_string(),
                hash.salt.map(|salt| salt.as_ref().len()),
                hash.hash.map(|hash| hash.as_bytes().len()),
            )
        };
        let known = hash("password", &SystemRng).unwrap();
        assert_eq!(parameters(NOBODY), parameters(&known));
    }
}
