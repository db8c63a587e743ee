//! Tokens written and read back, and those that are refused.

use super::*;
use proptest::prelude::*;

fn claims() -> AccessTokenClaims {
    AccessTokenClaims {
        iss: "https://as.example".into(),
        sub: "u1".into(),
        aud: vec!["https://mcp.example/mcp".into()],
        exp: 1_900,
        iat: 1_000,
        jti: "j1".into(),
        client_id: "c1".into(),
        scope: "a b".into(),
        ..Default::default()
    }
}

fn token(header_json: &str, claims_json: &str) -> String {
    let encode = |json: &str| URL_SAFE_NO_PAD.encode(json);
    format!("{}.{}.c2ln", encode(header_json), encode(claims_json))
}

const HEADER: &str = r#"{"alg":"ES256","typ":"at+jwt","kid":"k"}"#;

#[test]
fn only_claims_that_apply_are_written() {
    let input = signing_input(&header(Algorithm::Es256, TokenTyp::AtJwt, "k"), &claims());
    let token = assemble(input.clone(), b"sig");
    let parsed = parse(&token).unwrap();
    assert_eq!(
        std::str::from_utf8(parsed.claims_json()).unwrap(),
        r#"{"iss":"https://as.example","sub":"u1","aud":["https://mcp.example/mcp"],"exp":1900,"iat":1000,"jti":"j1","client_id":"c1","scope":"a b"}"#
    );
    assert_eq!(parsed.signing_input, input);
    assert_eq!(parsed.signature, b"sig");
    assert_eq!(
        parsed.header,
        Header {
            alg: Algorithm::Es256,
            kid: "k".into()
        }
    );
    assert_eq!(parsed.claims().unwrap(), claims());
}

#[test]
fn claims_that_apply_come_back() {
    let full = AccessTokenClaims {
        cnf: Some(Confirmation { jkt: "t".into() }),
        act: Some(serde_json::json!({"sub": "agent \"x\"", "act": {"sub": "y"}})),
        agent_id: Some("agent".into()),
        agent_chain: vec!["one".into(), "two".into()],
        auth_time: Some(990),
        ..claims()
    };
    let token = assemble(
        signing_input(&header(Algorithm::Rs256, TokenTyp::Jwt, "k"), &full),
        &[0; 256],
    );
    assert_eq!(parse(&token).unwrap().claims().unwrap(), full);
}

#[test]
fn tokens_of_another_form_are_refused() {
    let good = token(HEADER, "{}");
    let (head, rest) = good.split_once('.').unwrap();
    for bad in [
        String::new(),
        "..".into(),
        head.into(),
        rest.into(),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}="),
        format!("{good} "),
        good.replace('.', ","),
    ] {
        assert!(
            matches!(parse(&bad), Err(JwtError::NotAJwt | JwtError::Header)),
            "{bad}"
        );
    }
    let long = format!("{good}{}", "A".repeat(MAX_LENGTH));
    assert_eq!(parse(&long), Err(JwtError::TooLong));
}

#[test]
fn headers_of_another_kind_are_refused() {
    use JwtError::*;
    for (header, why) in [
        (r#"{"alg":"none","typ":"at+jwt","kid":"k"}"#, Algorithm),
        (r#"{"alg":"HS256","typ":"at+jwt","kid":"k"}"#, Algorithm),
        (r#"{"alg":"es256","typ":"at+jwt","kid":"k"}"#, Algorithm),
        (r#"{"alg":"ES256","typ":"JWE","kid":"k"}"#, Type),
        (r#"{"alg":"ES256","typ":"dpop+jwt","kid":"k"}"#, Type),
        (
            r#"{"alg":"ES256","typ":"application/application/at+jwt","kid":"k"}"#,
            Type,
        ),
        (r#"{"alg":"ES256","kid":"k"}"#, Header),
        (r#"{"alg":"ES256","typ":"at+jwt"}"#, Header),
        (
            r#"{"alg":"ES256","alg":"none","typ":"at+jwt","kid":"k"}"#,
            Header,
        ),
        (r#"{"alg":["ES256"],"typ":"at+jwt","kid":"k"}"#, Header),
        (r#"["ES256","at+jwt","k"]"#, Header),
        (
            r#"{"alg":"ES256","typ":"at+jwt","kid":"k","crit":["b64"]}"#,
            Critical,
        ),
        (
            r#"{"alg":"ES256","typ":"at+jwt","kid":"k","crit":null}"#,
            Critical,
        ),
        (r#"{"alg":"ES256","typ":"at+jwt","kid":"k"} x"#, Header),
    ] {
        assert_eq!(parse(&token(header, "{}")), Err(why), "{header}");
    }
    for header in [
        r#"{"alg":"RS256","typ":"application/at+jwt","kid":"k"}"#,
        r#"{"alg":"ES256","typ":"AT+JWT","kid":"k","jku":"https://evil.example"}"#,
    ] {
        assert!(parse(&token(header, "{}")).is_ok(), "{header}");
    }
}

#[test]
fn claims_of_another_form_are_refused() {
    let good = r#"{"iss":"i","sub":"s","aud":"a","exp":2,"iat":1,"jti":"j","client_id":"c"}"#;
    let read = |json: &str| parse(&token(HEADER, json)).unwrap().claims();
    let claims = read(good).unwrap();
    assert_eq!(
        (claims.aud, claims.scope),
        (vec!["a".to_owned()], String::new())
    );
    for bad in [
        "{}".to_owned(),
        good.replace(r#""exp":2"#, r#""exp":"2""#),
        good.replace(r#""exp":2"#, r#""exp":1e400"#),
        good.replace(r#""aud":"a""#, r#""aud":{}"#),
        good.replace(r#""sub":"s""#, r#""sub":"s","sub":"t""#),
        good.replace(r#""jti":"j","#, ""),
        format!("[{good}]"),
        format!("{good}{good}"),
    ] {
        assert_eq!(read(&bad), Err(JwtError::Claims), "{bad}");
    }
}

#[test]
fn validation_checks_issuer_audience_and_times_with_leeway() {
    let at = |now| Validation::new("https://as.example", now);
    let claims = claims();
    assert_eq!(at(1_000).check(&claims), Ok(()));
    assert_eq!(at(1_900 + 29).check(&claims), Ok(()));
    assert_eq!(at(1_900 + 30).check(&claims), Err(JwtError::Expired));
    assert_eq!(at(1_000 - 30).check(&claims), Ok(()));
    assert_eq!(at(1_000 - 31).check(&claims), Err(JwtError::IssuedInFuture));
    let other = Validation::new("https://as.example/", 1_000);
    assert_eq!(other.check(&claims), Err(JwtError::Issuer));
    let for_audience = |audience| Validation {
        audience: Some(audience),
        ..at(1_000)
    };
    assert_eq!(
        for_audience("https://mcp.example/mcp").check(&claims),
        Ok(())
    );
    assert_eq!(
        for_audience("https://mcp.example").check(&claims),
        Err(JwtError::Audience)
    );
    let endless = AccessTokenClaims {
        exp: i64::MAX,
        iat: i64::MIN,
        ..claims
    };
    assert_eq!(at(i64::MAX).check(&endless), Err(JwtError::Expired));
}

#[test]
fn debug_shows_no_signature() {
    let text = token(HEADER, "{}");
    assert!(!format!("{:?}", parse(&text).unwrap()).contains("c2ln"));
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in any::<String>(), head in any::<String>(), body in any::<String>()) {
        let _ = parse(&text).map(|token| token.claims());
        let _ = parse(&token(&head, &body)).map(|token| token.claims());
        let _ = parse(&token(HEADER, &body)).map(|token| token.claims());
    }

    #[test]
    fn what_is_assembled_is_read_back(
        texts in proptest::collection::vec(any::<String>(), 7),
        aud in proptest::collection::vec(any::<String>(), 0..4),
        agent_chain in proptest::collection::vec(any::<String>(), 0..3),
        times in any::<(i64, i64, Option<i64>)>(),
        bound in any::<bool>(),
        signature in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let text = |index: usize| texts[index].clone();
        let claims = AccessTokenClaims {
            iss: text(0), sub: text(1), aud, exp: times.0, iat: times.1, jti: text(2),
            client_id: text(3), scope: text(4),
            cnf: bound.then(|| Confirmation { jkt: text(5) }),
            act: bound.then(|| serde_json::json!({"sub": text(6)})),
            agent_id: bound.then(|| text(6)),
            agent_chain, auth_time: times.2,
        };
        let token = assemble(signing_input(&header(Algorithm::Es256, TokenTyp::AtJwt, &texts[6]), &claims), &signature);
        let parsed = parse(&token).unwrap();
        prop_assert_eq!(&parsed.header.kid, &texts[6]);
        prop_assert_eq!(&parsed.signature, &signature);
        prop_assert_eq!(parsed.claims().unwrap(), claims);
    }
}
