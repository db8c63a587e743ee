//! What is a proof at all.

use super::*;
use proptest::prelude::*;

#[test]
fn proofs_of_another_form_are_malformed() {
    let signer = Signer::new(ClientSigningAlgorithm::Es256);
    let good = signer.sign(&signer.header(), &claims());
    let (header, claims) = (signer.header().to_string(), claims().to_string());
    let inner = |json: &str| json[1..json.len() - 1].to_owned();
    let (header_members, claim_members) = (inner(&header), inner(&claims));
    let many: String = (0..65).map(|at| format!(r#","m{at}":0"#)).collect();
    let deep = format!(
        r#"{{{claim_members},"x":{}0{}}}"#,
        "[".repeat(200),
        "]".repeat(200)
    );
    for bad in [
        String::new(),
        "..".into(),
        good.replacen('.', "", 1),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{good}"),
        format!("{good}="),
        format!(" {good}"),
        format!("{good}\u{e4}"),
        format!("DPoP {good}"),
        good.replacen("ey", "e/", 1),
        format!("{good}{}", "A".repeat(MAX_LENGTH)),
        signer.sign_text(&format!("[{header}]"), &claims),
        signer.sign_text(&header, &format!("[{claims}]")),
        signer.sign_text(&format!("{header}{header}"), &claims),
        signer.sign_text(&header, &format!("{claims} x")),
        signer.sign_text(&header, "null"),
        signer.sign_text(&header, &claims.replace(":", ":1e400,\"x\":")),
        signer.sign_text(&format!(r#"{{{header_members},"alg":"ES256"}}"#), &claims),
        signer.sign_text(&format!(r#"{{{header_members},"typ":"x"}}"#), &claims),
        signer.sign_text(&format!(r#"{{{header_members},"x":1,"x":1}}"#), &claims),
        signer.sign_text(&header.replace(r#""kty""#, r#""kty":"oct","kty""#), &claims),
        signer.sign_text(&header, &format!(r#"{{{claim_members},"htm":"POST"}}"#)),
        signer.sign_text(&header, &format!(r#"{{{claim_members},"\u006ati":"j1"}}"#)),
        signer.sign_text(
            &header,
            &format!(r#"{{{claim_members},"x":[{{"y":1,"y":1}}]}}"#),
        ),
        signer.sign_text(&header, &format!("{{{claim_members}{many}}}")),
        signer.sign_text(&header, &deep),
    ] {
        assert_eq!(verdict(&bad), Some(DpopRejection::Malformed), "{bad}");
    }
    assert_eq!(
        DpopProof::parse([&b"\xff\xfe.\x00.x"[..]])
            .unwrap_err()
            .reason(),
        "malformed"
    );
}

#[test]
fn two_proofs_are_too_many_in_two_headers_or_one() {
    let signer = Signer::new(ClientSigningAlgorithm::Es256);
    let good = signer.sign(&signer.header(), &claims());
    let twice = format!("{good}, {good}");
    for headers in [
        vec![good.as_bytes(), good.as_bytes()],
        vec![good.as_bytes(), b""],
        vec![twice.as_bytes()],
        vec![b",".as_slice()],
    ] {
        assert_eq!(DpopProof::parse(headers), Err(DpopError::Multiple));
    }
}

#[test]
fn no_header_is_no_proof() {
    assert_eq!(DpopProof::parse([]), Ok(None));
}

#[test]
fn members_that_change_nothing_are_ignored() {
    let signer = Signer::new(ClientSigningAlgorithm::Es256);
    let mut jwk = signer.jwk();
    jwk["alg"] = json!("ES256");
    jwk["key_ops"] = json!(["verify"]);
    jwk["ext"] = json!(true);
    let mut header = with(&signer.header(), "jwk", jwk);
    header["kid"] = json!("../../etc/passwd");
    header["jku"] = json!("https://evil.example/jwks");
    let claims = with(&claims(), "x", json!([null, {"y": 1}]));
    let proof = read(&signer.sign(&header, &claims)).unwrap();
    assert_eq!(check_at(&proof, NOW), Ok(()));
    let plain = read(&signer.sign(&signer.header(), &claims)).unwrap();
    assert_eq!(proof.jkt(), plain.jkt());
}

#[test]
fn the_example_proof_of_rfc_9449_section_4_1_is_read() {
    let proof = concat!(
        "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6Ik",
        "VDIiwieCI6Imw4dEZyaHgtMzR0VjNoUklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCR",
        "nMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERWclUwQ2R2R1JE",
        "QSIsImNydiI6IlAtMjU2In19.eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIj",
        "oiUE9TVCIsImh0dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwia",
        "WF0IjoxNTYyMjYyNjE2fQ.2-GxA6T8lP4vfrg8v-FdWP0A0zdrj8igiMLvqRMUvwnQg",
        "4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg",
    );
    let proof = read(proof).unwrap();
    assert_eq!(proof.jkt(), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    let context = DpopContext {
        method: "POST",
        htu: &Htu::parse("https://server.example.com/token").unwrap(),
        now: UnixMillis(1_562_262_616_000),
        lifetime: LIFETIME,
        leeway: LEEWAY,
        expected_ath: None,
    };
    assert_eq!(proof.check(&context), Ok(()));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(
        bytes in proptest::collection::vec(any::<u8>(), 0..300),
        parts in proptest::collection::vec(any::<String>(), 3),
    ) {
        prop_assert!(DpopProof::parse([bytes.as_slice()]).is_err());
        let joined: Vec<_> = parts.iter().map(|part| URL_SAFE_NO_PAD.encode(part)).collect();
        prop_assert!(DpopProof::parse([joined.join(".").as_bytes()]).is_err());
    }

    #[test]
    fn any_members_are_read_or_refused(
        header in r#"\{"typ":"dpop\+jwt","alg":"(ES256|RS256|PS256|EdDSA|Ed25519)","jwk":\{"kty":"(EC|RSA|OKP)","crv":"(P-256|Ed25519)",("(x|y|n|e|d)":"[A-Za-z0-9_-]{0,44}",){0,3}"z":0\}\}"#,
        claims in r#"\{("(jti|htm|htu|iat|x)":("[ -~]{0,9}"|[0-9.e-]{1,6}|null|\{\}),){0,5}"y":[01]\}"#,
    ) {
        let proof = format!("{}.{}.AAAA", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        prop_assert!(DpopProof::parse([proof.as_bytes()]).is_err());
    }

    #[test]
    fn every_changed_character_is_noticed(at in 0..1000_usize, to in "[A-Za-z0-9_.,-]") {
        let signer = Signer::new(ClientSigningAlgorithm::Es256);
        let good = signer.sign(&signer.header(), &claims());
        let at = at % good.len();
        let mut changed = good.clone();
        changed.replace_range(at..=at, &to);
        prop_assert_eq!(read(&changed).is_ok(), changed == good);
    }

    #[test]
    fn any_texts_in_the_claims_come_back(jti in "\\PC{1,64}", nonce in any::<Option<String>>(), method in "[A-Z]{1,8}") {
        let signer = Signer::new(ClientSigningAlgorithm::EdDsa);
        let mut claims = with(&with(&claims(), "jti", json!(jti)), "htm", json!(method));
        if let Some(nonce) = &nonce {
            claims["nonce"] = json!(nonce);
        }
        let proof = read(&signer.sign(&signer.header(), &claims)).unwrap();
        prop_assert_eq!(&proof.jti, &jti);
        prop_assert_eq!(&proof.htm, &method);
        prop_assert_eq!(proof.nonce(), nonce.as_deref());
    }
}
