//! What the secrets beside the signing keys promise.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use domain::SystemRng;
use keys::Error;
use keys::secrets::{CLIENT_SECRET_PEPPER, SESSION_SECRET, load_or_create};

#[test]
fn a_secret_is_made_once_and_kept_private() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("keys");
    let first = load_or_create(&directory, CLIENT_SECRET_PEPPER, &SystemRng).unwrap();
    let again = load_or_create(&directory, CLIENT_SECRET_PEPPER, &SystemRng).unwrap();
    let other = load_or_create(&directory, SESSION_SECRET, &SystemRng).unwrap();
    assert_eq!(first.expose(), again.expose());
    assert_ne!(first.expose(), other.expose());
    assert_ne!(first.expose(), &[0; 32]);
    let metadata = fs::metadata(directory.join(CLIENT_SECRET_PEPPER)).unwrap();
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    assert_eq!(format!("{first:?}"), "Secret(…)");
}

#[test]
fn threads_that_ask_at_once_get_the_same_secret() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("keys");
    let secrets = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| load_or_create(&directory, SESSION_SECRET, &SystemRng)))
            .collect();
        threads
            .into_iter()
            .map(|thread| *thread.join().unwrap().unwrap().expose())
            .collect::<Vec<_>>()
    });
    assert!(secrets.iter().all(|secret| secret == &secrets[0]));
}

#[test]
fn a_damaged_or_wide_secret_is_refused_and_left_alone() {
    let root = tempfile::tempdir().unwrap();
    let directory = root.path().join("keys");
    load_or_create(&directory, SESSION_SECRET, &SystemRng).unwrap();
    let file = directory.join(SESSION_SECRET);
    fs::write(&file, "short").unwrap();
    let error = load_or_create(&directory, SESSION_SECRET, &SystemRng).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "short");

    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let error = load_or_create(&directory, SESSION_SECRET, &SystemRng).unwrap_err();
    assert!(matches!(error, Error::TooWide { .. }), "{error}");
}

#[test]
fn a_secret_name_cannot_leave_the_directory() {
    let root = tempfile::tempdir().unwrap();
    for name in [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        ".lock",
        "keyring.json",
        "A",
        "a\0",
    ] {
        let error = load_or_create(root.path(), name, &SystemRng).unwrap_err();
        assert!(
            matches!(error, Error::SecretName { .. }),
            "{name:?}: {error}"
        );
    }
}
