//! Whose signature it is: keys that are refused, thumbprints, and signatures by others.

use super::*;

#[test]
fn any_private_or_symmetric_member_is_refused_for_every_algorithm() {
    for alg in ALGORITHMS {
        let signer = Signer::new(*alg);
        for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k"] {
            for value in [json!("AQAB"), json!(null), json!([])] {
                let jwk = with(&signer.jwk(), name, value);
                let proof = signer.sign(&with(&signer.header(), "jwk", jwk), &claims());
                assert_eq!(verdict(&proof), Some(DpopRejection::Jwk), "{alg:?} {name}");
            }
        }
    }
}

#[test]
fn symmetric_keys_are_refused_under_any_algorithm() {
    let signer = Signer::new(ClientSigningAlgorithm::Es256);
    for alg in ALGORITHMS {
        for jwk in [json!({"kty": "oct"}), json!({"kty": "oct", "k": "AAAA"})] {
            let header = json!({"typ": "dpop+jwt", "alg": alg.as_str(), "jwk": jwk});
            let proof = signer.sign(&header, &claims());
            assert_eq!(verdict(&proof), Some(DpopRejection::Jwk));
        }
    }
}

#[test]
fn weak_and_misspelt_keys_are_refused() {
    let encode = |bytes: &[u8]| json!(URL_SAFE_NO_PAD.encode(bytes));
    let refused = |signer: &Signer, name: &str, value: Value| {
        let jwk = with(&signer.jwk(), name, value.clone());
        let proof = signer.sign(&with(&signer.header(), "jwk", jwk), &claims());
        assert_eq!(verdict(&proof), Some(DpopRejection::Jwk), "{name} {value}");
    };
    let bytes = |signer: &Signer, name: &str| {
        URL_SAFE_NO_PAD
            .decode(signer.jwk()[name].as_str().unwrap())
            .unwrap()
    };

    let ec = Signer::new(ClientSigningAlgorithm::Es256);
    let (x, y) = (bytes(&ec, "x"), bytes(&ec, "y"));
    refused(&ec, "crv", json!("P-384"));
    refused(&ec, "crv", json!("secp256k1"));
    refused(&ec, "kty", json!("ec"));
    refused(&ec, "x", encode(&x[1..]));
    refused(&ec, "x", encode(&[&[0], &x[..]].concat()));
    refused(&ec, "x", json!(format!("{}=", URL_SAFE_NO_PAD.encode(&x))));
    refused(&ec, "x", json!(7));
    refused(&ec, "y", encode(&[0; 32]));
    refused(&ec, "y", encode(&[0xff; 32]));
    let mut off_curve = y.clone();
    off_curve[31] ^= 1;
    refused(&ec, "y", encode(&off_curve));

    for alg in [ClientSigningAlgorithm::Rs256, ClientSigningAlgorithm::Ps256] {
        let rsa = Signer::new(alg);
        let n = bytes(&rsa, "n");
        refused(&rsa, "n", encode(&n[..128]));
        let mut short = n.clone();
        short[0] = 0x7f;
        refused(&rsa, "n", encode(&short));
        refused(&rsa, "n", encode(&[&[0], &n[..]].concat()));
        refused(&rsa, "n", encode(&[&n[..255], &[0]].concat()));
        refused(&rsa, "n", encode(&[&[1], &n.repeat(4)[..]].concat()));
        refused(&rsa, "n", json!(""));
        for e in [&[][..], &[1], &[2], &[0, 1, 0, 1], &[1, 0, 0], &[1; 5]] {
            refused(&rsa, "e", encode(e));
        }
    }

    let ed = Signer::new(ClientSigningAlgorithm::EdDsa);
    refused(&ed, "crv", json!("X25519"));
    refused(&ed, "x", encode(&bytes(&ed, "x")[1..]));
}

#[test]
fn a_coordinate_may_lack_its_leading_zeros() {
    let short = |signer: &Signer| {
        let decode = |name: &str| URL_SAFE_NO_PAD.decode(signer.jwk()[name].as_str().unwrap());
        let found = ["x", "y"].map(|name| (name, decode(name).unwrap()));
        found.into_iter().find(|(_, bytes)| bytes[0] == 0)
    };
    let signers = std::iter::repeat_with(|| Signer::new(ClientSigningAlgorithm::Es256));
    let mut with_zero = signers.filter_map(|signer| short(&signer).map(|found| (signer, found)));
    let (signer, (name, bytes)) = with_zero.next().unwrap();
    let stripped = json!(URL_SAFE_NO_PAD.encode(&bytes[1..]));
    let jwk = with(&signer.jwk(), name, stripped);
    let proof = signer.sign(&with(&signer.header(), "jwk", jwk), &claims());
    assert_eq!(verdict(&proof), None);
}

#[test]
fn an_ed25519_point_of_small_order_proves_nothing_and_is_refused() {
    let p_minus_1 = [&[0xec][..], &[0xff; 30], &[0x7f]].concat();
    let order_8 = "JuiVj8KyJ7BFw_SJ8u-Y8NXfrAXTxjM5sTgCiG1T_AU";
    for x in [
        URL_SAFE_NO_PAD.encode([0; 32]),
        URL_SAFE_NO_PAD.encode([&[1][..], &[0; 31]].concat()),
        URL_SAFE_NO_PAD.encode([&[1][..], &[0; 30], &[0x80]].concat()),
        URL_SAFE_NO_PAD.encode(p_minus_1),
        order_8.to_owned(),
    ] {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": x});
        let header = json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": jwk});
        // The neutral element and zero: a signature that takes no secret to make.
        let signature = [&[1][..], &[0; 63]].concat();
        let proof = format!(
            "{}.{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims().to_string()),
            URL_SAFE_NO_PAD.encode(signature)
        );
        assert_eq!(verdict(&proof), Some(DpopRejection::Jwk), "{x}");
    }
}

#[test]
fn the_signature_must_be_of_the_key_the_bytes_and_the_algorithm() {
    for alg in ALGORITHMS {
        let signer = Signer::new(*alg);
        let good = signer.sign(&signer.header(), &claims());
        let (input, signature) = good.rsplit_once('.').unwrap();
        let mut forged = URL_SAFE_NO_PAD.decode(signature).unwrap();
        forged[10] ^= 1;
        let header = input.split_once('.').unwrap().0;
        let other_claims = URL_SAFE_NO_PAD.encode(with(&claims(), "jti", json!("k")).to_string());
        for bad in [
            format!("{input}."),
            format!("{input}.{}", URL_SAFE_NO_PAD.encode(&forged)),
            format!("{input}.{}", URL_SAFE_NO_PAD.encode(&forged[1..])),
            format!("{input}.{}", URL_SAFE_NO_PAD.encode([0; 64])),
            format!("{header}.{other_claims}.{signature}"),
        ] {
            assert_eq!(verdict(&bad), Some(DpopRejection::Signature), "{alg:?}");
        }
    }
    // PKCS #1 v1.5 under the name of PSS, with a key that could do both.
    let rsa = Signer::new(ClientSigningAlgorithm::Rs256);
    let proof = rsa.sign(&with(&rsa.header(), "alg", json!("PS256")), &claims());
    assert_eq!(verdict(&proof), Some(DpopRejection::Signature));
}

#[test]
fn thumbprints_are_those_of_the_examples() {
    let jkt = |alg, jwk: &str| {
        let jwk = Object::read(jwk.as_bytes()).unwrap();
        PublicKey::read(alg, &jwk).unwrap().thumbprint
    };
    // RFC 7638 §3.1
    let rsa = r#"{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}"#;
    let expected = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    assert_eq!(jkt(ClientSigningAlgorithm::Rs256, rsa), expected);
    assert_eq!(jkt(ClientSigningAlgorithm::Ps256, rsa), expected);
    // RFC 8037 appendix A.3
    let ed = r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    assert_eq!(
        jkt(ClientSigningAlgorithm::EdDsa, ed),
        "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    );
}
