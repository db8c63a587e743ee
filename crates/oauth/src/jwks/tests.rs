//! Key sets that are read and refused.

use super::*;
use crate::signer::Signer;
use serde_json::{Value, json};

fn parse(set: &Value) -> Result<KeySet, JwksError> {
    KeySet::parse(set.to_string().as_bytes())
}

#[test]
fn keys_of_unknown_kinds_are_passed_over() {
    let known = Signer::new(Algorithm::Es384).jwk();
    let mut short = Signer::new(Algorithm::Es256).jwk();
    short["x"] = json!("AQAB");
    let set = json!({"keys": [
        {"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"},
        {"kty": "OKP", "crv": "X25519", "x": "AAAA"},
        {"kty": 7},
        {},
        short,
        known,
    ]});
    let set = parse(&set).unwrap();
    assert_eq!(set.0.len(), 1);
    assert_eq!(set.find(Algorithm::Es384, Some("any")).len(), 1);
    assert!(set.find(Algorithm::Es256, None).is_empty());
    assert!(set.fits(Algorithm::Es384) && !set.fits(Algorithm::Es256));
}

#[test]
fn what_is_no_usable_set_of_public_keys_is_refused() {
    let key = Signer::new(Algorithm::Ed25519).jwk();
    let many = vec![key.clone(); MAX_KEYS + 1];
    for set in [
        json!([]),
        json!({}),
        json!({"keys": {}}),
        json!({"keys": []}),
        json!({"keys": [1]}),
        json!({"keys": many}),
        json!({"keys": [{"kty": "AKP"}]}),
    ] {
        assert!(matches!(parse(&set), Err(JwksError::Unusable(_))), "{set}");
    }
    for secret in [
        json!({"kty": "oct"}),
        json!({"kty": "EC", "d": "AA"}),
        json!({"k": "AA"}),
    ] {
        let set = json!({"keys": [key, secret]});
        assert!(matches!(parse(&set), Err(JwksError::Secret)), "{set}");
    }
    let alike = vec![key.clone(); MAX_ALIKE + 1];
    assert!(matches!(
        parse(&json!({"keys": alike})),
        Err(JwksError::Unusable(_))
    ));
    let twice = r#"{"keys": [], "keys": []}"#;
    assert!(KeySet::parse(twice.as_bytes()).is_err());
}

#[test]
fn nobody_has_a_key_of_every_algorithm() {
    use domain::Word as _;
    for alg in Algorithm::ALL {
        assert!(nobodys(*alg).is_some(), "{alg}");
    }
}
