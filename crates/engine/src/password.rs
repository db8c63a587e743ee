//! Passwords: argon2id, at most as many at once as there are processors, and few that wait.
//!
//! One password can be typed in several ways: a letter with its accent or one after the other,
//! this blank or that. They are compared by the one form that RFC 8265 §4.2 (OpaqueString) gives
//! them, whichever way they came in.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use domain::{ClientNetwork, Rng};
use secrecy::{ExposeSecret as _, SecretString};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization as _;

/// The shortest password a user may have, in characters.
pub(crate) const MIN_LENGTH: usize = 8;
/// The longest, in bytes; hashing more would only cost.
pub(crate) const MAX_LENGTH: usize = 1024;

/// What an unknown user's password is compared with, so that it takes as long: a hash with the
/// same parameters. Whether anything matches it does not matter.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IG5vYm9keSAhIQ$\
     bm9ib2R5IG5vYm9keSBub2JvZHkgbm9ib2R5IG5vYm8";

/// Sign-ins whose password is checked or waits for it, at most. A check takes some 20 ms, so that
/// nobody waits for long; beyond that, they are refused at once.
const MAX_WAITING: usize = 48;

/// The part of these that one network may have, so that a flood leaves room for others.
const MAX_WAITING_PER_NETWORK: usize = 16;

/// A password in the form in which it is hashed and compared (RFC 8265 §4.2.2): blanks of other
/// scripts are U+0020, and all is in Normalization Form C. Case and width are kept.
pub(crate) struct Prepared(SecretString);

impl Prepared {
    pub fn of(password: &SecretString) -> Self {
        let characters = password.expose_secret().chars();
        let prepared: String = characters.map(plain_blank).nfc().collect();
        Self(prepared.into())
    }

    pub fn text(&self) -> &str {
        self.0.expose_secret()
    }
}

/// A blank (general category Zs) as U+0020.
fn plain_blank(character: char) -> char {
    match character {
        '\u{A0}' | '\u{1680}' | '\u{2000}'..='\u{200A}' | '\u{202F}' | '\u{205F}' | '\u{3000}' => {
            ' '
        }
        other => other,
    }
}

/// Hashes and checks passwords without letting them take all processors.
pub(crate) struct Passwords {
    places: Arc<Semaphore>,
    queue: Arc<Mutex<Queue>>,
}

/// Sign-ins at work.
#[derive(Default)]
struct Queue {
    all: usize,
    networks: HashMap<Option<ClientNetwork>, usize>,
}

/// Too many sign-ins wait already.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// A place in the queue, until this is dropped.
struct Queued {
    queue: Arc<Mutex<Queue>>,
    network: Option<ClientNetwork>,
}

impl Queued {
    fn join(queue: &Arc<Mutex<Queue>>, network: Option<ClientNetwork>) -> Result<Self, Busy> {
        let mut waiting = queue.lock().unwrap_or_else(PoisonError::into_inner);
        let own = waiting.networks.get(&network).copied().unwrap_or_default();
        if waiting.all >= MAX_WAITING || own >= MAX_WAITING_PER_NETWORK {
            return Err(Busy);
        }
        waiting.all += 1;
        waiting.networks.insert(network, own + 1);
        Ok(Self {
            queue: Arc::clone(queue),
            network,
        })
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        let mut waiting = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.all -= 1;
        if let Some(own) = waiting.networks.get_mut(&self.network) {
            *own -= 1;
            if *own == 0 {
                waiting.networks.remove(&self.network);
            }
        }
    }
}

impl Passwords {
    pub fn new() -> Self {
        let places = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            places: Arc::new(Semaphore::new(places)),
            queue: Arc::default(),
        }
    }

    /// Whether `password` is the one `stored` was made of. Takes as long when nothing is stored.
    ///
    /// # Errors
    /// Too many wait already, of all or of the caller's network.
    pub async fn verify(
        &self,
        stored: Option<&str>,
        password: &SecretString,
        network: Option<ClientNetwork>,
    ) -> Result<bool, Busy> {
        let queued = Queued::join(&self.queue, network)?;
        let known = stored.is_some();
        let stored = stored.unwrap_or(NOBODY).to_owned();
        let password = Prepared::of(password);
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else {
            return Ok(false);
        };
        let verified = tokio::task::spawn_blocking(move || {
            // Hashing goes on when the caller has gone.
            let (_place, _queued) = (place, queued);
            PasswordHash::new(&stored).is_ok_and(|hash| {
                Argon2::default()
                    .verify_password(password.text().as_bytes(), &hash)
                    .is_ok()
            })
        });
        Ok(verified.await.unwrap_or(false) && known)
    }

    /// The PHC string to store of `password`.
    pub async fn hash(&self, password: Prepared, rng: Arc<dyn Rng>) -> Option<String> {
        let place = Arc::clone(&self.places).acquire_owned().await.ok()?;
        let hashed = tokio::task::spawn_blocking(move || {
            let _place = place;
            hash(password.text(), &*rng)
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
    use std::net::IpAddr;

    #[tokio::test]
    async fn passwords_verify_against_their_own_argon2id_hash_only() {
        let passwords = Passwords::new();
        let good = SecretString::from("correct horse");
        let stored = passwords.hash(Prepared::of(&good), Arc::new(SystemRng));
        let stored = stored.await.unwrap();
        assert!(stored.starts_with("$argon2id$"));
        let wrong = SecretString::from("wrong");
        for (stored, password, matches) in [
            (Some(stored.as_str()), &good, true),
            (Some(stored.as_str()), &wrong, false),
            (None, &good, false),
            (Some("not a hash"), &good, false),
        ] {
            let verified = passwords.verify(stored, password, None).await;
            assert_eq!(verified, Ok(matches), "{stored:?}");
        }
    }

    #[tokio::test]
    async fn a_network_has_a_share_of_the_queue_and_all_have_a_short_one() {
        let passwords = Passwords::new();
        let network = |last: u8| Some(ClientNetwork::from(IpAddr::from([192, 0, 2, last])));
        let join = |last| Queued::join(&passwords.queue, network(last));
        let flood: Vec<_> = (0..100).map_while(|_| join(1).ok()).collect();
        assert_eq!(flood.len(), MAX_WAITING_PER_NETWORK);
        assert!(join(2).is_ok(), "others are not affected");
        let wrong = SecretString::from("wrong");
        let refused = passwords.verify(None, &wrong, network(1)).await;
        assert_eq!(refused, Err(Busy));
        let all: Vec<_> = (2..100).map_while(|last| join(last).ok()).collect();
        assert_eq!(flood.len() + all.len(), MAX_WAITING);
        drop((flood, all));
        assert!(passwords.queue.lock().unwrap().networks.is_empty());
        assert!(join(1).is_ok());
    }

    #[test]
    fn one_password_typed_in_two_ways_is_one() {
        let prepared = |text: &str| Prepared::of(&SecretString::from(text)).text().to_owned();
        for (one, other) in [
            ("Zo\u{eb} caf\u{e9}", "Zoe\u{308} cafe\u{301}"),
            ("correct horse", "correct\u{a0}horse"),
            ("correct horse", "correct\u{3000}horse"),
            ("\u{ac00}", "\u{1100}\u{1161}"),
            ("\u{1e69}", "s\u{307}\u{323}"),
        ] {
            assert_eq!(prepared(one), prepared(other));
        }
        // What is another password stays one.
        for (one, other) in [
            ("Zoë", "zoë"),
            ("fi", "\u{fb01}"),
            ("A", "\u{ff21}"),
            ("a b", "a  b"),
            ("a", "a "),
            ("ss", "ß"),
        ] {
            assert_ne!(prepared(one), prepared(other));
        }
        for kept in ["correct horse", "tab\there", "👩‍💻", "パスワード"] {
            assert_eq!(prepared(kept), kept);
        }
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
