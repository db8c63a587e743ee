//! What a keyring promises, shown on real directories.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose stage cannot be set should stop there"
)]

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{ManualClock, UnixMillis};
use keys::{Activation, Algorithm, Error, KeyStatus, Keyring, KeyringOptions, RETIREMENT_GRACE};
use serde_json::Value;

const HOUR: Duration = Duration::from_secs(3600);
const AHEAD: Duration = Duration::from_secs(1200);

struct Fixture {
    root: tempfile::TempDir,
    clock: Arc<ManualClock>,
}

impl Fixture {
    fn new() -> Self {
        Self {
            root: tempfile::tempdir().unwrap(),
            clock: Arc::new(ManualClock::at(UnixMillis(1_800_000_000_000))),
        }
    }

    fn directory(&self) -> std::path::PathBuf {
        self.root.path().join("data/keys")
    }

    fn file(&self) -> std::path::PathBuf {
        self.directory().join("keyring.json")
    }

    fn options(&self, algorithm: Algorithm) -> KeyringOptions {
        KeyringOptions {
            directory: self.directory(),
            make: true,
            algorithm,
            publish_ahead: AHEAD,
            max_token_lifetime: HOUR,
            clock: self.clock.clone(),
        }
    }

    async fn open(&self) -> Keyring {
        self.try_open().await.unwrap()
    }

    async fn try_open(&self) -> keys::Result<Keyring> {
        Keyring::open(self.options(Algorithm::Es256)).await
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn published(ring: &Keyring) -> Vec<Value> {
    let set: Value = serde_json::from_slice(&ring.jwks()).unwrap();
    set["keys"].as_array().unwrap().clone()
}

fn member(key: &Value, name: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap()
}

#[tokio::test]
async fn first_start_makes_a_private_directory_and_one_es256_key() {
    let fixture = Fixture::new();
    let ring = fixture.open().await;
    assert_eq!(mode(&fixture.directory()), 0o700);
    for entry in fs::read_dir(fixture.directory()).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    let list = ring.list();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].alg, Algorithm::Es256);
    assert_eq!(list[0].status, KeyStatus::Active);
    assert_eq!(ring.last_rotation(), UnixMillis(1_800_000_000_000));
}

#[tokio::test]
async fn a_restart_keeps_the_key() {
    let fixture = Fixture::new();
    let before = fixture.open().await.list();
    fixture.clock.advance(HOUR);
    assert_eq!(fixture.open().await.list(), before);
}

#[tokio::test]
async fn es256_signatures_are_64_bytes_and_verify_from_the_published_key_alone() {
    let fixture = Fixture::new();
    let ring = fixture.open().await;
    let key = ring.active();
    let signature = ring.sign(&key, b"header.payload").await.unwrap();
    assert_eq!(signature.as_ref().len(), 64);

    let jwk = &published(&ring)[0];
    let point = [vec![4], member(jwk, "x"), member(jwk, "y")].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(b"header.payload", signature.as_ref())
        .unwrap();
    let ours = ring.verifying(key.kid()).unwrap();
    assert!(ours.verify(b"header.payload", signature.as_ref()));
    assert!(!ours.verify(b"header.payloae", signature.as_ref()));
    assert!(!ours.verify(b"header.payload", b""));
}

#[tokio::test]
async fn rs256_signatures_verify_from_the_published_key_alone() {
    let fixture = Fixture::new();
    let ring = Keyring::open(fixture.options(Algorithm::Rs256))
        .await
        .unwrap();
    let key = ring.active();
    let signature = ring.sign(&key, b"header.payload").await.unwrap();
    assert_eq!(signature.as_ref().len(), 256);

    let jwk = &published(&ring)[0];
    RsaPublicKeyComponents {
        n: member(jwk, "n"),
        e: member(jwk, "e"),
    }
    .verify(
        &RSA_PKCS1_2048_8192_SHA256,
        b"header.payload",
        signature.as_ref(),
    )
    .unwrap();

    let reopened = Keyring::open(fixture.options(Algorithm::Rs256))
        .await
        .unwrap();
    let again = reopened.verifying(key.kid()).unwrap();
    assert!(again.verify(b"header.payload", signature.as_ref()));
}

#[tokio::test]
async fn the_key_set_has_the_public_members_and_no_others() {
    let fixture = Fixture::new();
    let ring = fixture.open().await;
    ring.rotate(Algorithm::Rs256, Activation::Now)
        .await
        .unwrap();
    let keys = published(&ring);
    let members = |key: &Value| {
        let mut names: Vec<_> = key.as_object().unwrap().keys().cloned().collect();
        names.sort();
        names.join(" ")
    };
    assert_eq!(members(&keys[0]), "alg e kid kty n use");
    assert_eq!(members(&keys[1]), "alg crv kid kty use x y");
    assert_eq!(keys[0]["kty"], "RSA");
    assert_eq!(keys[0]["alg"], "RS256");
    assert_eq!(keys[1]["kty"], "EC");
    assert_eq!(keys[1]["crv"], "P-256");
    assert_eq!(keys[1]["alg"], "ES256");
    for key in &keys {
        assert_eq!(key["use"], "sig");
    }
}

#[tokio::test]
async fn rotation_signs_with_the_new_key_and_still_verifies_the_old() {
    let fixture = Fixture::new();
    let ring = fixture.open().await;
    let old = ring.active();
    let signature = ring.sign(&old, b"token").await.unwrap();
    fixture.clock.advance(Duration::from_secs(60));
    let info = ring
        .rotate(Algorithm::Es256, Activation::Now)
        .await
        .unwrap();

    assert_ne!(info.kid, old.kid());
    assert_eq!(ring.active().kid(), info.kid);
    assert_eq!(ring.last_rotation(), UnixMillis(1_800_000_060_000));
    assert!(
        ring.verifying(old.kid())
            .unwrap()
            .verify(b"token", signature.as_ref())
    );
    let list = ring.list();
    assert_eq!(list[1].kid, old.kid());
    assert_eq!(list[1].status, KeyStatus::Retired);
    assert_eq!(list[1].retired_at, Some(UnixMillis(1_800_000_060_000)));
    assert_eq!(published(&ring)[0]["kid"], info.kid);
}

#[tokio::test]
async fn a_new_key_is_published_first_and_signs_when_every_cache_can_know_it() {
    let fixture = Fixture::new();
    let (ring, other) = (fixture.open().await, fixture.open().await);
    let old = ring.active().kid().to_owned();
    let info = ring
        .rotate(Algorithm::Es256, Activation::Published)
        .await
        .unwrap();
    assert_eq!(info.status, KeyStatus::Pending);
    assert_eq!(info.active_at, info.created_at.plus(AHEAD));
    assert_eq!(ring.last_rotation(), info.created_at);
    let kids = |ring: &Keyring| -> Vec<_> {
        let keys = published(ring).into_iter();
        keys.map(|key| key["kid"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(kids(&ring), [old.clone(), info.kid.clone()]);
    assert_eq!(
        other.reload().await.unwrap().new_pending,
        Some(info.kid.clone())
    );
    assert_eq!(kids(&other), [old.clone(), info.kid.clone()]);

    fixture.clock.advance(AHEAD - Duration::from_millis(1));
    assert!(ring.settle().await.unwrap().is_unchanged());
    for ring in [&ring, &other] {
        assert_eq!(ring.active().kid(), old);
    }
    // From its time on it signs everywhere, whoever writes that down.
    fixture.clock.advance(Duration::from_millis(1));
    for ring in [&ring, &other] {
        assert_eq!(ring.active().kid(), info.kid);
    }
    let summary = other.settle().await.unwrap();
    assert_eq!(summary.new_active, Some(info.kid.clone()));
    assert_eq!(summary.retired, vec![old.clone()]);
    assert!(ring.changed_on_disk());
    ring.reload().await.unwrap();
    for ring in [&ring, &other] {
        assert_eq!(kids(ring), [info.kid.clone(), old.clone()]);
        let retired = &ring.list()[1];
        assert_eq!(retired.status, KeyStatus::Retired);
        assert_eq!(retired.retired_at, Some(info.active_at));
    }
    assert_eq!(
        fs::read_to_string(fixture.file())
            .unwrap()
            .matches("BEGIN PRIVATE KEY")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_pending_key_survives_a_restart_and_is_active_after_a_late_one() {
    let fixture = Fixture::new();
    let ring = fixture.open().await;
    let info = ring
        .rotate(Algorithm::Es256, Activation::Published)
        .await
        .unwrap();
    let reopened = fixture.open().await;
    assert_eq!(reopened.list(), ring.list());
    fixture.clock.advance(AHEAD + HOUR + RETIREMENT_GRACE * 2);
    let late = fixture.open().await;
    assert_eq!(late.active().kid(), info.kid);
    assert_eq!(
        late.list().len(),
        1,
        "the last token of the old key is dead"
    );
}

#[tokio::test]
async fn while_a_key_is_pending_a_rotation_is_refused_or_puts_it_to_use() {
    let fixture = Fixture::new();
    let ring = fixture.open().await;
    let pending = ring
        .rotate(Algorithm::Es256, Activation::Published)
        .await
        .unwrap();
    let error = ring
        .rotate(Algorithm::Es256, Activation::Published)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::RotationPending { .. }), "{error}");
    assert!(error.to_string().contains(&pending.active_at.rfc3339()));

    fixture.clock.advance(Duration::from_secs(5));
    let active = ring
        .rotate(Algorithm::Es256, Activation::Now)
        .await
        .unwrap();
    assert_eq!(active.kid, pending.kid);
    assert_eq!(active.status, KeyStatus::Active);
    assert_eq!(
        active.active_at,
        pending.created_at.plus(Duration::from_secs(5))
    );
    assert_eq!(ring.list().len(), 2);
}

#[tokio::test]
async fn a_pending_key_of_another_algorithm_gives_way() {
    let fixture = Fixture::new();
    let ring = fixture.open().await;
    let es256 = ring
        .rotate(Algorithm::Es256, Activation::Published)
        .await
        .unwrap();
    let rs256 = ring
        .rotate(Algorithm::Rs256, Activation::Published)
        .await
        .unwrap();
    assert_eq!(ring.newest_algorithm(), Algorithm::Rs256);
    assert!(ring.verifying(&es256.kid).is_none());
    assert_eq!(ring.list()[1].kid, rs256.kid);
}

#[tokio::test]
async fn without_a_time_to_wait_a_new_key_signs_at_once() {
    let fixture = Fixture::new();
    let ring = Keyring::open(KeyringOptions {
        publish_ahead: Duration::ZERO,
        ..fixture.options(Algorithm::Es256)
    })
    .await
    .unwrap();
    let info = ring
        .rotate(Algorithm::Es256, Activation::Published)
        .await
        .unwrap();
    assert_eq!(info.status, KeyStatus::Active);
    assert_eq!(ring.active().kid(), info.kid);
}

#[tokio::test]
async fn a_key_that_is_let_go_of_verifies_nothing_and_is_replaced_if_it_signed() {
    let fixture = Fixture::new();
    let ring = fixture.open().await;
    let first = ring.active().kid().to_owned();
    let second = ring
        .rotate(Algorithm::Es256, Activation::Now)
        .await
        .unwrap()
        .kid;
    let third = ring
        .rotate(Algorithm::Es256, Activation::Published)
        .await
        .unwrap()
        .kid;

    ring.retire(&first).await.unwrap();
    assert!(ring.verifying(&first).is_none());
    assert_eq!(ring.active().kid(), second);
    // The pending key takes the place of the active one; its own place is taken by a new one.
    ring.retire(&second).await.unwrap();
    assert_eq!(ring.active().kid(), third);
    ring.retire(&third).await.unwrap();
    let list = ring.list();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].status, KeyStatus::Active);
    assert_ne!(list[0].kid, third);
    let pending = ring
        .rotate(Algorithm::Es256, Activation::Published)
        .await
        .unwrap()
        .kid;
    ring.retire(&pending).await.unwrap();
    assert_eq!(ring.list(), list);
    assert_eq!(published(&ring).len(), 1);

    for kid in [first.as_str(), "", "another"] {
        let error = ring.retire(kid).await.unwrap_err();
        assert!(matches!(error, Error::UnknownKey { .. }), "{error}");
    }
    assert_eq!(fixture.open().await.list(), list);
}

#[tokio::test]
async fn the_private_half_of_a_retired_key_is_not_kept() {
    let fixture = Fixture::new();
    let ring = fixture.open().await;
    ring.rotate(Algorithm::Es256, Activation::Now)
        .await
        .unwrap();
    let content = fs::read_to_string(fixture.file()).unwrap();
    assert_eq!(content.matches("BEGIN PRIVATE KEY").count(), 1);
}

#[tokio::test]
async fn retired_keys_go_when_their_last_token_is_dead_and_not_before() {
    let fixture = Fixture::new();
    let ring = fixture.open().await;
    let old = ring.active().kid().to_owned();
    ring.rotate(Algorithm::Es256, Activation::Now)
        .await
        .unwrap();

    fixture.clock.advance(HOUR + RETIREMENT_GRACE);
    assert!(ring.settle().await.unwrap().is_unchanged());
    assert!(ring.verifying(&old).is_some());

    fixture.clock.advance(Duration::from_millis(1));
    assert_eq!(ring.settle().await.unwrap().removed, vec![old.clone()]);
    assert!(ring.verifying(&old).is_none());
    assert_eq!(published(&ring).len(), 1);
    assert!(!fs::read_to_string(fixture.file()).unwrap().contains(&old));
    assert!(!ring.changed_on_disk());
}

#[tokio::test]
async fn a_shorter_lifetime_does_not_end_a_key_whose_longer_tokens_live() {
    let fixture = Fixture::new();
    let ring = fixture.open().await;
    let old = ring.active().kid().to_owned();
    ring.rotate(Algorithm::Es256, Activation::Now)
        .await
        .unwrap();
    fixture.clock.advance(Duration::from_secs(1800));
    let reopened = Keyring::open(KeyringOptions {
        max_token_lifetime: Duration::from_secs(60),
        ..fixture.options(Algorithm::Es256)
    })
    .await
    .unwrap();
    assert!(reopened.verifying(&old).is_some());
}

#[tokio::test]
async fn opening_with_another_algorithm_leaves_the_active_key() {
    let fixture = Fixture::new();
    let old = fixture.open().await.active();
    let ring = Keyring::open(fixture.options(Algorithm::Rs256))
        .await
        .unwrap();
    assert_eq!(ring.active().kid(), old.kid());
    ring.rotate(Algorithm::Rs256, Activation::Now)
        .await
        .unwrap();
    assert_eq!(ring.active().algorithm(), Algorithm::Rs256);
    assert!(ring.verifying(old.kid()).is_some());
}

#[tokio::test]
async fn a_reload_sees_the_rotation_of_another_process() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.open().await, fixture.open().await);
    let old = one.active().kid().to_owned();
    assert!(!other.changed_on_disk());
    let info = one.rotate(Algorithm::Es256, Activation::Now).await.unwrap();
    assert!(!one.changed_on_disk());
    assert!(other.changed_on_disk());

    let summary = other.reload().await.unwrap();
    assert_eq!(summary.new_active.as_deref(), Some(info.kid.as_str()));
    assert_eq!(summary.added, vec![info.kid.clone()]);
    assert_eq!(summary.retired, vec![old]);
    assert!(summary.removed.is_empty());
    assert_eq!(other.active().kid(), info.kid);
    assert!(!other.changed_on_disk());
    assert!(other.reload().await.unwrap().is_unchanged());
}

#[tokio::test]
async fn a_rotation_builds_upon_one_it_has_not_seen() {
    let fixture = Fixture::new();
    let (one, other) = (fixture.open().await, fixture.open().await);
    let first = one.active().kid().to_owned();
    let second = one
        .rotate(Algorithm::Es256, Activation::Now)
        .await
        .unwrap()
        .kid;
    let third = other
        .rotate(Algorithm::Es256, Activation::Now)
        .await
        .unwrap()
        .kid;
    for kid in [&first, &second, &third] {
        assert!(other.verifying(kid).is_some(), "{kid} was lost");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn eight_first_starts_at_once_make_one_key() {
    let fixture = Arc::new(Fixture::new());
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let fixture = Arc::clone(&fixture);
            tokio::spawn(async move { fixture.open().await.active().kid().to_owned() })
        })
        .collect();
    let mut kids = Vec::new();
    for start in starts {
        kids.push(start.await.unwrap());
    }
    kids.dedup();
    assert_eq!(kids.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn rotations_at_once_lose_no_key() {
    let fixture = Arc::new(Fixture::new());
    let first = fixture.open().await.active().kid().to_owned();
    let rotations: Vec<_> = (0..8)
        .map(|_| {
            let fixture = Arc::clone(&fixture);
            tokio::spawn(async move {
                let ring = fixture.open().await;
                ring.rotate(Algorithm::Es256, Activation::Now)
                    .await
                    .unwrap()
                    .kid
            })
        })
        .collect();
    let ring = fixture.open().await;
    let mut kids = vec![first];
    for rotation in rotations {
        kids.push(rotation.await.unwrap());
    }
    ring.reload().await.unwrap();
    assert_eq!(ring.list().len(), 9);
    assert!(kids.iter().all(|kid| ring.verifying(kid).is_some()));
}

#[tokio::test]
async fn a_wide_directory_or_file_is_refused_with_the_command_that_mends_it() {
    let fixture = Fixture::new();
    fixture.open().await;
    for (path, wide, right) in [
        (fixture.directory(), 0o750, 0o700),
        (fixture.file(), 0o640, 0o600),
        (fixture.file(), 0o604, 0o600),
        (fixture.directory().join(".lock"), 0o666, 0o600),
    ] {
        chmod(&path, wide);
        let error = fixture.try_open().await.unwrap_err();
        assert!(matches!(error, Error::TooWide { .. }), "{error}");
        let command = format!("run: chmod {right:o} {}", path.display());
        assert!(error.to_string().ends_with(&command), "{error}");
        chmod(&path, right);
        fixture.open().await;
    }
}

#[tokio::test]
async fn a_file_of_another_user_is_refused() {
    let fixture = Fixture::new();
    fixture.open().await;
    // Only root can give a file away; elsewhere there is nothing to show.
    if std::os::unix::fs::chown(fixture.file(), Some(65534), None).is_ok() {
        let error = fixture.try_open().await.unwrap_err();
        assert!(
            matches!(error, Error::WrongOwner { found: 65534, .. }),
            "{error}"
        );
    }
}

#[tokio::test]
async fn symbolic_links_are_refused() {
    let fixture = Fixture::new();
    fixture.open().await;
    let elsewhere = fixture.root.path().join("elsewhere");
    fs::rename(fixture.file(), &elsewhere).unwrap();
    symlink(&elsewhere, fixture.file()).unwrap();
    let error = fixture.try_open().await.unwrap_err();
    assert!(matches!(error, Error::SymbolicLink { .. }), "{error}");

    let link = fixture.root.path().join("link");
    symlink(fixture.directory(), &link).unwrap();
    let error = Keyring::open(KeyringOptions {
        directory: link,
        make: true,
        ..fixture.options(Algorithm::Es256)
    })
    .await
    .unwrap_err();
    assert!(matches!(error, Error::SymbolicLink { .. }), "{error}");
}

#[tokio::test]
async fn a_crash_before_the_rename_leaves_the_old_keys() {
    let fixture = Fixture::new();
    let ring = fixture.open().await;
    let kid = ring.active().kid().to_owned();
    let content = fs::read(fixture.file()).unwrap();
    // What a process leaves that dies half way through writing the next version.
    let staged = fixture.directory().join(".keyring.json.new");
    fs::write(&staged, &content[..content.len() / 2]).unwrap();
    chmod(&staged, 0o600);

    let reopened = fixture.open().await;
    assert_eq!(reopened.active().kid(), kid);
    reopened
        .rotate(Algorithm::Es256, Activation::Now)
        .await
        .unwrap();
    assert!(!staged.exists());
    assert!(reopened.verifying(&kid).is_some());
}

#[tokio::test]
async fn a_failing_write_leaves_the_old_keys_in_use() {
    let fixture = Fixture::new();
    let ring = fixture.open().await;
    let kid = ring.active().kid().to_owned();
    // A directory in the way of the staged file cannot be removed as a file.
    fs::create_dir(fixture.directory().join(".keyring.json.new")).unwrap();
    ring.rotate(Algorithm::Es256, Activation::Now)
        .await
        .unwrap_err();
    assert_eq!(ring.active().kid(), kid);
    fs::remove_dir(fixture.directory().join(".keyring.json.new")).unwrap();
    assert_eq!(fixture.open().await.active().kid(), kid);
}

#[tokio::test]
async fn a_damaged_keyring_is_named_and_left_alone() {
    let fixture = Fixture::new();
    let ring = fixture.open().await;
    let good = fs::read_to_string(fixture.file()).unwrap();
    let cases = [
        (String::new(), "line 1"),
        (String::from("{}"), "not a keyring"),
        (
            String::from(r#"{"format":1,"keys":[]}"#),
            "no key is marked active",
        ),
        (good.replace("\"format\": 1", "\"format\": 2"), "format 2"),
        (good.replace("BEGIN PRIVATE", "BEGIN PUBLIC"), "is not PEM"),
        (good.replace("ES256", "RS256"), "is not a key for RS256"),
        (
            good.replace(ring.active().kid(), "another"),
            "has the thumbprint",
        ),
        (good[..good.len() - 20].to_owned(), "not a keyring"),
    ];
    for (content, problem) in cases {
        fs::write(fixture.file(), &content).unwrap();
        let error = fixture.try_open().await.unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains(problem), "{text}");
        assert!(text.contains("keyring.json"), "{text}");
        assert!(!text.contains("MIG"), "{text}");
        assert_eq!(fs::read_to_string(fixture.file()).unwrap(), content);
    }
}

#[tokio::test]
async fn a_reload_of_a_bad_file_keeps_the_keys_and_is_reported_once() {
    let fixture = Fixture::new();
    let ring = fixture.open().await;
    let good = fs::read(fixture.file()).unwrap();
    fs::write(fixture.file(), b"{").unwrap();
    assert!(ring.changed_on_disk());
    ring.reload().await.unwrap_err();
    assert!(!ring.changed_on_disk());
    let key = ring.active();
    ring.sign(&key, b"still here").await.unwrap();

    fs::write(fixture.file(), &good).unwrap();
    assert!(ring.changed_on_disk());
    assert!(ring.reload().await.unwrap().is_unchanged());

    fs::remove_file(fixture.file()).unwrap();
    assert!(ring.changed_on_disk());
    let error = ring.reload().await.unwrap_err();
    assert!(matches!(error, Error::Gone { .. }), "{error}");
    assert!(!ring.changed_on_disk());
}

#[tokio::test]
async fn nothing_private_is_printed() {
    let fixture = Fixture::new();
    let ring = fixture.open().await;
    let printed = format!("{ring:?} {:?} {:?}", ring.active(), ring.list());
    let content = fs::read_to_string(fixture.file()).unwrap();
    let body = content.split("\\n").nth(1).unwrap();
    assert!(!printed.contains(body));
}
