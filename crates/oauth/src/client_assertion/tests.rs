//! A good assertion of every algorithm, and for every rule one that breaks only that rule.

use super::*;
use crate::signer::Signer;
use proptest::prelude::*;
use serde_json::{Value, json};

const ISSUER: &str = "https://as.example/t";
const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn claims() -> Value {
    json!({
        "iss": "c", "sub": "c", "aud": ISSUER, "jti": "j",
        "iat": NOW.seconds(), "exp": NOW.seconds() + 60,
    })
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

fn header(signer: &Signer) -> Value {
    json!({"alg": signer.alg.as_str(), "typ": "JWT"})
}

/// What becomes of an assertion with this header and these claims at the token endpoint.
fn judge(signer: &Signer, header: &Value, claims: &Value) -> Result<(), AssertionError> {
    ClientAssertion::parse(&signer.sign(header, claims))?.check(ISSUER, Endpoint::Token, NOW)
}

fn keys(jwks: &[Value]) -> KeySet {
    KeySet::parse(json!({"keys": jwks}).to_string().as_bytes()).unwrap()
}

#[test]
fn a_good_assertion_of_every_algorithm_passes() {
    for alg in ClientSigningAlgorithm::ALL {
        let signer = Signer::new(*alg);
        let text = signer.sign(&header(&signer), &claims());
        let assertion = ClientAssertion::parse(&text).unwrap();
        assert_eq!(assertion.check(ISSUER, Endpoint::Token, NOW), Ok(()));
        assert_eq!(assertion.client_id().as_str(), "c");
        assert_eq!(assertion.verify(&keys(&[signer.jwk()])), Verdict::Good);
        let other = Signer::new(*alg);
        assert_eq!(assertion.verify(&keys(&[other.jwk()])), Verdict::Bad);
        // The name of the key decides where there is one.
        let named = with(&signer.jwk(), "kid", json!("k"));
        let named_other = with(&other.jwk(), "kid", json!("o"));
        assert_eq!(
            assertion.verify(&keys(&[named.clone(), named_other])),
            Verdict::Good
        );
        let header = with(&header(&signer), "kid", json!("k"));
        let text = signer.sign(&header, &claims());
        let assertion = ClientAssertion::parse(&text).unwrap();
        assert_eq!(
            assertion.verify(&keys(&[other.jwk(), named])),
            Verdict::Good
        );
        assert_eq!(assertion.verify(&keys(&[signer.jwk()])), Verdict::Good);
        // The signature covers every byte of header and claims.
        let (head, rest) = text.split_once('.').unwrap();
        let (_, signature) = rest.split_once('.').unwrap();
        let swapped = signer.sign(&header, &with(&claims(), "jti", json!("k")));
        let body = swapped.split('.').nth(1).unwrap();
        let forged = ClientAssertion::parse(&format!("{head}.{body}.{signature}")).unwrap();
        assert_eq!(forged.verify(&keys(&[signer.jwk()])), Verdict::Bad);
        forged.verify_in_vain();
    }
}

#[test]
fn every_key_that_it_could_be_by_is_tried() {
    let signers: Vec<_> = (0..4)
        .map(|_| Signer::new(ClientSigningAlgorithm::Es256))
        .collect();
    let same_name = |signer: &Signer| with(&signer.jwk(), "kid", json!("k"));
    let unnamed = |signer: &Signer| without(&signer.jwk(), "kid");
    let own_name =
        |(at, signer): (usize, &Signer)| with(&signer.jwk(), "kid", json!(at.to_string()));
    let alike = keys(&signers.iter().map(same_name).collect::<Vec<_>>());
    let nameless = keys(&signers.iter().map(unnamed).collect::<Vec<_>>());
    let named = keys(&signers.iter().enumerate().map(own_name).collect::<Vec<_>>());
    for signer in &signers {
        let bare = without(&header(signer), "kid");
        let with_kid = with(&bare, "kid", json!("k"));
        for (header, set) in [
            (&with_kid, &alike),
            (&with_kid, &nameless),
            (&bare, &alike),
            (&bare, &nameless),
            (&bare, &named),
        ] {
            let assertion = ClientAssertion::parse(&signer.sign(header, &claims())).unwrap();
            assert_eq!(assertion.verify(set), Verdict::Good, "{header}");
        }
        let assertion = ClientAssertion::parse(&signer.sign(&with_kid, &claims())).unwrap();
        assert_eq!(assertion.verify(&named), Verdict::NoKey);
    }
    let stranger = Signer::new(ClientSigningAlgorithm::Es256);
    let text = stranger.sign(&without(&header(&stranger), "kid"), &claims());
    let assertion = ClientAssertion::parse(&text).unwrap();
    for set in [&alike, &nameless, &named] {
        assert_eq!(assertion.verify(set), Verdict::Bad);
    }
}

#[test]
fn a_key_is_for_its_own_algorithm_and_use() {
    let rsa = Signer::new(ClientSigningAlgorithm::Rs256);
    let text = rsa.sign(&header(&rsa), &claims());
    let assertion = ClientAssertion::parse(&text).unwrap();
    for (name, value) in [
        ("alg", json!("PS256")),
        ("alg", json!("RSA-OAEP")),
        ("use", json!("enc")),
        ("key_ops", json!(["encrypt"])),
    ] {
        // Another key is there, so that the set as such is good.
        let other = Signer::new(ClientSigningAlgorithm::Es256);
        let set = keys(&[with(&rsa.jwk(), name, value.clone()), other.jwk()]);
        assert_eq!(assertion.verify(&set), Verdict::NoKey, "{name} {value}");
    }
    for (name, value) in [
        ("alg", json!("RS256")),
        ("use", json!("sig")),
        ("key_ops", json!(["verify"])),
    ] {
        let set = keys(&[with(&rsa.jwk(), name, value.clone())]);
        assert_eq!(assertion.verify(&set), Verdict::Good, "{name} {value}");
    }
}

#[test]
fn every_claim_is_checked() {
    let signer = Signer::new(ClientSigningAlgorithm::Es256);
    let header = header(&signer);
    let now = NOW.seconds();
    for (name, value) in [
        ("iss", json!("d")),
        ("sub", json!("d")),
        ("sub", json!(7)),
        ("aud", json!("https://as.example")),
        ("aud", json!("https://other.example/t")),
        ("aud", json!(format!("{ISSUER}/oauth/revoke"))),
        ("aud", json!(format!("{ISSUER}/oauth/token/"))),
        ("aud", json!([])),
        ("aud", json!([ISSUER, "https://other.example"])),
        ("aud", json!([ISSUER, ISSUER])),
        ("aud", json!(null)),
        ("exp", json!(now - 30)),
        ("exp", json!(now + 631)),
        ("exp", json!("soon")),
        ("nbf", json!(now + 31)),
        ("iat", json!(now + 31)),
        ("iat", json!("now")),
        ("jti", json!("")),
        ("jti", json!("x".repeat(257))),
        ("jti", json!(7)),
    ] {
        let claims = with(&claims(), name, value.clone());
        assert!(judge(&signer, &header, &claims).is_err(), "{name} {value}");
    }
    for name in ["iss", "sub", "aud", "exp", "jti"] {
        assert!(judge(&signer, &header, &without(&claims(), name)).is_err());
    }
    for (name, value) in [
        ("aud", json!([ISSUER])),
        ("aud", json!(format!("{ISSUER}/"))),
        ("aud", json!(format!("{ISSUER}/oauth/token"))),
        ("exp", json!(now + 600)),
        ("exp", json!(now - 29)),
        ("nbf", json!(now + 29)),
        ("more", json!({"a": [1, null]})),
    ] {
        let claims = with(&claims(), name, value.clone());
        assert_eq!(judge(&signer, &header, &claims), Ok(()), "{name} {value}");
    }
    assert_eq!(judge(&signer, &header, &without(&claims(), "iat")), Ok(()));
    let named = |id: &str| with(&with(&claims(), "iss", json!(id)), "sub", json!(id));
    for id in ["", "a\0b", "a\nb", "a\u{85}b", &"x".repeat(2049)] {
        let text = signer.sign(&header, &named(id));
        assert!(ClientAssertion::parse(&text).is_err(), "{id:?}");
    }
    for id in ["https://app.example/?a=b", &"x".repeat(2048)] {
        assert_eq!(judge(&signer, &header, &named(id)), Ok(()), "{id:?}");
    }
}

#[test]
fn every_member_of_the_header_is_checked() {
    let signer = Signer::new(ClientSigningAlgorithm::Es256);
    let header = header(&signer);
    for (name, value) in [
        ("alg", json!("none")),
        ("alg", json!("HS256")),
        ("alg", json!("ES512")),
        ("typ", json!("at+jwt")),
        ("typ", json!("dpop+jwt")),
        ("typ", json!(7)),
        ("crit", json!(["exp"])),
        ("kid", json!(7)),
    ] {
        let header = with(&header, name, value.clone());
        assert!(
            judge(&signer, &header, &claims()).is_err(),
            "{name} {value}"
        );
    }
    assert!(judge(&signer, &without(&header, "alg"), &claims()).is_err());
    for typ in ["jwt", "application/JWT", "client-authentication+jwt"] {
        assert_eq!(
            judge(&signer, &with(&header, "typ", json!(typ)), &claims()),
            Ok(())
        );
    }
    assert_eq!(judge(&signer, &without(&header, "typ"), &claims()), Ok(()));
    let twice = signer.sign_text(
        r#"{"alg":"ES256"}"#,
        r#"{"iss":"c","sub":"c","sub":"c","aud":"a","exp":1,"jti":"j"}"#,
    );
    assert!(ClientAssertion::parse(&twice).is_err());
    assert!(ClientAssertion::parse(&format!("{}.e30.", "a".repeat(MAX_LENGTH))).is_err());
}

#[test]
fn a_jti_is_told_apart_by_client_and_remembered_as_long_as_it_is_accepted() {
    let signer = Signer::new(ClientSigningAlgorithm::Es256);
    let read = |id: &str, jti: &str| {
        let claims = with(&with(&claims(), "iss", json!(id)), "sub", json!(id));
        let text = signer.sign(&header(&signer), &with(&claims, "jti", json!(jti)));
        ClientAssertion::parse(&text).unwrap()
    };
    let first = read("c", "j");
    assert_eq!(first.replay_key(), read("c", "j").replay_key());
    for (id, jti) in [("c", "k"), ("d", "j")] {
        assert_ne!(first.replay_key(), read(id, jti).replay_key());
    }
    assert_ne!(read("ca", "b").replay_key(), read("c", "ab").replay_key());
    let end = first.remember_until();
    assert!(first.check(ISSUER, Endpoint::Token, end).is_err());
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = ClientAssertion::parse(&text);
        let _ = KeySet::parse(text.as_bytes());
    }
}
