//! Nothing else in the tree builds an HTTP client.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose stage cannot be set should stop there"
)]

use std::fs;
use std::path::{Path, PathBuf};

fn crates() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

/// Every crate but this one.
fn others() -> Vec<PathBuf> {
    let mut others: Vec<_> = fs::read_dir(crates())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("Cargo.toml").exists() && !path.ends_with("outbound"))
        .collect();
    others.sort();
    assert!(others.len() > 5, "the workspace was not found: {others:?}");
    others
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn no_other_crate_speaks_http_as_a_client() {
    let clients = [
        "reqwest::",
        "use reqwest",
        "hyper::client",
        "hyper_util::client",
        "ureq::",
        "isahc::",
        "curl::",
    ];
    for directory in others() {
        let mut files = Vec::new();
        sources(&directory.join("src"), &mut files);
        for file in files {
            let source = fs::read_to_string(&file).unwrap();
            for client in clients {
                assert!(
                    !source.contains(client),
                    "{} uses {client}; fetch through outbound::GuardedClient",
                    file.display()
                );
            }
        }
    }
}

#[test]
fn no_other_crate_depends_on_an_http_client() {
    for directory in others() {
        let manifest = fs::read_to_string(directory.join("Cargo.toml")).unwrap();
        // Tests may use any client they like.
        let mut section = "";
        for line in manifest.lines().map(str::trim) {
            if line.starts_with('[') {
                section = line;
            }
            let name: &str = line.split(['.', '=', ' ']).next().unwrap_or_default();
            assert!(
                section.contains("dev-dependencies")
                    || !["reqwest", "ureq", "isahc", "curl"].contains(&name),
                "{} depends on {name}; fetch through outbound::GuardedClient",
                directory.display()
            );
        }
    }
}
