//! Good proofs of every algorithm, and for every rule one that breaks only that rule.

mod form;
mod keys;

use super::*;
use crate::signer::Signer;
use serde_json::{Value, json};

const URL: &str = "https://as.example.com/oauth/token";
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const LIFETIME: Duration = Duration::from_secs(60);
const LEEWAY: Duration = Duration::from_secs(5);

fn claims() -> Value {
    json!({"jti": "j1", "htm": "POST", "htu": URL, "iat": NOW.seconds()})
}

fn read(proof: &str) -> Result<DpopProof, DpopError> {
    DpopProof::parse([proof.as_bytes()]).map(|proof| proof.expect("a proof was sent"))
}

fn check_at(proof: &DpopProof, now: UnixMillis) -> Result<(), DpopError> {
    proof.check(&DpopContext {
        method: "POST",
        htu: &Htu::parse(URL).unwrap(),
        now,
        lifetime: LIFETIME,
        leeway: LEEWAY,
        expected_ath: None,
    })
}

/// What becomes of a proof at the token endpoint.
fn verdict(proof: &str) -> Option<DpopRejection> {
    read(proof)
        .and_then(|proof| check_at(&proof, NOW))
        .err()
        .map(|error| error.rejection())
}

fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut object = object.clone();
    object[name] = value;
    object
}

fn without(object: &Value, name: &str) -> Value {
    let mut object = object.clone();
    object.as_object_mut().unwrap().remove(name);
    object
}

#[test]
fn a_good_proof_of_every_algorithm_passes_and_names_its_key() {
    for alg in ALGORITHMS {
        let signer = Signer::new(*alg);
        let proof = read(&signer.sign(&signer.header(), &claims())).unwrap();
        assert_eq!(check_at(&proof, NOW), Ok(()), "{alg:?}");
        assert_eq!(proof.check_key(proof.jkt()), Ok(()));
        assert_eq!(proof.check_key("other"), Err(DpopError::Binding));
        assert_eq!(proof.jkt().len(), 43);
        assert_eq!(proof.nonce(), None);
    }
}

#[test]
fn one_flipped_rule_has_its_reason() {
    use DpopRejection::*;
    let signer = Signer::new(ClientSigningAlgorithm::Es256);
    let (header, good) = (signer.header(), claims());
    assert_eq!(verdict(&signer.sign(&header, &good)), None);
    for (name, value, reason) in [
        ("typ", json!("JWT"), Typ),
        ("typ", json!("DPOP+JWT"), Typ),
        ("typ", json!("application/dpop+jwt"), Typ),
        ("typ", json!("at+jwt"), Typ),
        ("typ", json!(["dpop+jwt"]), Typ),
        ("alg", json!("none"), Alg),
        ("alg", json!("HS256"), Alg),
        ("alg", json!("ES384"), Alg),
        ("alg", json!("RS512"), Alg),
        ("alg", json!("es256"), Alg),
        ("alg", json!(["ES256"]), Alg),
        ("alg", json!("RS256"), Jwk),
        ("alg", json!("PS256"), Jwk),
        ("alg", json!("EdDSA"), Jwk),
        ("jwk", json!("key"), Jwk),
        ("jwk", json!({}), Jwk),
        ("jwk", json!(null), Jwk),
        ("jwk", json!([signer.jwk()]), Jwk),
        (
            "jwk",
            Signer::new(ClientSigningAlgorithm::Es256).jwk(),
            Signature,
        ),
        ("crit", json!(["b64"]), Malformed),
        ("crit", json!(null), Malformed),
    ] {
        let proof = signer.sign(&with(&header, name, value.clone()), &good);
        assert_eq!(verdict(&proof), Some(reason), "{name} {value}");
    }
    for (name, reason) in [("typ", Typ), ("alg", Alg), ("jwk", Jwk)] {
        let proof = signer.sign(&without(&header, name), &good);
        assert_eq!(verdict(&proof), Some(reason), "without {name}");
    }
    for (name, value, reason) in [
        ("jti", json!(""), Malformed),
        ("jti", json!(7), Malformed),
        ("jti", json!("j".repeat(257)), Malformed),
        ("htm", json!(["POST"]), Malformed),
        ("htm", json!("GET"), Htm),
        ("htm", json!("post"), Htm),
        ("htm", json!("POST "), Htm),
        ("htu", json!({}), Malformed),
        ("htu", json!("/oauth/token"), Htu),
        ("htu", json!("https://as.example.com/oauth/token/"), Htu),
        ("htu", json!("https://as.example.com/oauth/revoke"), Htu),
        ("htu", json!("https://as.example.com:9000/oauth/token"), Htu),
        ("htu", json!("http://as.example.com/oauth/token"), Htu),
        ("htu", json!("https://u@as.example.com/oauth/token"), Htu),
        ("iat", json!("1800000000"), Malformed),
        ("iat", json!(null), Malformed),
        ("iat", json!(NOW.seconds() - 60), Iat),
        ("iat", json!(NOW.seconds() + 6), Iat),
        ("iat", json!(NOW.0), Iat),
        ("iat", json!(-1), Iat),
        ("iat", json!(1e300), Iat),
        ("iat", json!(-1e300), Iat),
        ("iat", json!(u64::MAX), Iat),
        ("ath", json!(1), Malformed),
        ("ath", json!(null), Malformed),
        ("nonce", json!([]), Malformed),
    ] {
        let proof = signer.sign(&header, &with(&good, name, value.clone()));
        assert_eq!(verdict(&proof), Some(reason), "{name} {value}");
    }
    for name in ["jti", "htm", "htu", "iat"] {
        let proof = signer.sign(&header, &without(&good, name));
        assert_eq!(verdict(&proof), Some(Malformed), "without {name}");
    }
}

#[test]
fn harmless_variations_pass() {
    let signer = Signer::new(ClientSigningAlgorithm::Es256);
    for (name, value) in [
        ("jti", json!("\u{1f511}".repeat(256))),
        ("htu", json!("HTTPS://AS.example.com:443/oauth/token?x=1#y")),
        ("iat", json!(NOW.seconds() + 5)),
        ("iat", json!(NOW.seconds() - 59)),
        ("iat", json!(1_799_999_999.5)),
        ("iat", json!(1.8e9)),
        ("nonce", json!("n")),
        ("ath", json!("a")),
    ] {
        let proof = signer.sign(&signer.header(), &with(&claims(), name, value.clone()));
        assert_eq!(verdict(&proof), None, "{name} {value}");
    }
}

#[test]
fn a_proof_is_good_from_leeway_before_its_iat_until_its_lifetime_ends() {
    let signer = Signer::new(ClientSigningAlgorithm::Es256);
    let proof = read(&signer.sign(&signer.header(), &claims())).unwrap();
    let tick = Duration::from_millis(1);
    let iat = |now| check_at(&proof, now).map_err(|error| error.rejection());
    assert_eq!(iat(NOW.minus(LEEWAY)), Ok(()));
    assert_eq!(iat(NOW.minus(LEEWAY).minus(tick)), Err(DpopRejection::Iat));
    assert_eq!(iat(NOW.plus(LIFETIME).minus(tick)), Ok(()));
    assert_eq!(iat(NOW.plus(LIFETIME)), Err(DpopRejection::Iat));
}

#[test]
fn replays_are_told_by_key_jti_and_url_and_remembered_past_the_lifetime() {
    let (signer, other) = (
        Signer::new(ClientSigningAlgorithm::Es256),
        Signer::new(ClientSigningAlgorithm::Es256),
    );
    let proof =
        |signer: &Signer, claims: &Value| read(&signer.sign(&signer.header(), claims)).unwrap();
    let first = proof(&signer, &claims());
    let key = first.replay_key();
    let later = with(&claims(), "iat", json!(NOW.seconds() + 1));
    assert_eq!(proof(&signer, &later).replay_key(), key);
    let respelt = with(
        &claims(),
        "htu",
        json!("https://AS.example.com/oauth/token?x"),
    );
    assert_eq!(proof(&signer, &respelt).replay_key(), key);
    assert_ne!(proof(&other, &claims()).replay_key(), key);
    let another = with(&claims(), "jti", json!("j2"));
    assert_ne!(proof(&signer, &another).replay_key(), key);
    let elsewhere = with(&claims(), "htu", json!("https://as.example.com/"));
    assert_ne!(proof(&signer, &elsewhere).replay_key(), key);

    let context = DpopContext {
        method: "POST",
        htu: &Htu::parse(URL).unwrap(),
        now: NOW,
        lifetime: LIFETIME,
        leeway: LEEWAY,
        expected_ath: None,
    };
    let until = first.remember_until(&context);
    assert_eq!(until, NOW.plus(LIFETIME).plus(LEEWAY));
    assert!(
        first
            .check(&DpopContext {
                now: until,
                ..context
            })
            .is_err()
    );
}

#[test]
fn a_proof_for_a_token_names_that_token() {
    // RFC 9449 §7.1 gives this token and hash.
    let token = "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU";
    let ath = access_token_hash(token);
    assert_eq!(ath, "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo");
    let signer = Signer::new(ClientSigningAlgorithm::Es256);
    let htu = Htu::parse(URL).unwrap();
    let check = |claims: &Value, expected| {
        read(&signer.sign(&signer.header(), claims))?.check(&DpopContext {
            method: "POST",
            htu: &htu,
            now: NOW,
            lifetime: LIFETIME,
            leeway: LEEWAY,
            expected_ath: expected,
        })
    };
    let named = with(&claims(), "ath", json!(ath));
    assert_eq!(check(&named, Some(ath.as_str())), Ok(()));
    assert_eq!(check(&named, None), Ok(()));
    assert_eq!(check(&named, Some("other")), Err(DpopError::Binding));
    assert_eq!(
        check(&claims(), Some(ath.as_str())),
        Err(DpopError::Binding)
    );
}

#[test]
fn nonces_are_needed_when_required_and_checked_when_there() {
    let keeper = NonceKeeper::new(b"secret");
    let ttl = Duration::from_secs(300);
    let signer = Signer::new(ClientSigningAlgorithm::Es256);
    let proof = |nonce: Option<String>| {
        let claims = match nonce {
            Some(nonce) => with(&claims(), "nonce", json!(nonce)),
            None => claims(),
        };
        read(&signer.sign(&signer.header(), &claims)).unwrap()
    };
    let (fresh, stale, none) = (
        proof(Some(keeper.issue(NOW))),
        proof(Some(keeper.issue(NOW.minus(ttl)))),
        proof(None),
    );
    for required in [true, false] {
        assert_eq!(keeper.check(&fresh, required, NOW, ttl), Ok(()));
        let refused = Err(DpopError::Nonce);
        assert_eq!(keeper.check(&stale, required, NOW, ttl), refused);
    }
    assert_eq!(keeper.check(&none, false, NOW, ttl), Ok(()));
    assert_eq!(keeper.check(&none, true, NOW, ttl), Err(DpopError::Nonce));
}

#[test]
fn the_metadata_lists_exactly_what_is_read() {
    let words: Vec<_> = ALGORITHMS.iter().map(|alg| alg.as_str()).collect();
    assert_eq!(words, ["ES256", "RS256", "PS256", "EdDSA", "Ed25519"]);
}

#[test]
fn every_error_has_its_word_and_a_description_fit_for_the_caller() {
    use crate::error::{ErrorCode, sanitize_description};
    let errors = [
        DpopError::Malformed("x"),
        DpopError::Typ,
        DpopError::Alg,
        DpopError::Jwk("x"),
        DpopError::Signature,
        DpopError::Htm,
        DpopError::Htu("x"),
        DpopError::Iat("x"),
        DpopError::Replay,
        DpopError::Nonce,
        DpopError::Multiple,
        DpopError::Binding,
    ];
    let words: Vec<_> = errors.iter().map(DpopError::reason).collect();
    let all: Vec<_> = DpopRejection::ALL.iter().map(|r| r.to_string()).collect();
    assert_eq!(words, all);
    assert_eq!(
        words.join(", "),
        "malformed, typ, alg, jwk, signature, htm, htu, iat, replay, nonce, multiple, binding"
    );
    for error in errors {
        let code = match error {
            DpopError::Nonce => ErrorCode::UseDpopNonce,
            _ => ErrorCode::InvalidDpopProof,
        };
        assert_eq!(error.code(), code);
        let text = error.to_string();
        assert_eq!(sanitize_description(&text), text);
    }
}
