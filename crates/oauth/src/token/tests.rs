//! Token requests of every grant, and responses.

use super::*;
use proptest::prelude::*;
use secrecy::ExposeSecret as _;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

fn parse(body: &str) -> Result<TokenRequest, Rejection> {
    TokenRequest::parse(&Params::parse(body.as_bytes()).unwrap())
}

#[test]
fn a_code_request_is_read() {
    let body = format!(
        "grant_type=authorization_code&code=c&redirect_uri=https%3A%2F%2Fa%2Fcb&\
         code_verifier={VERIFIER}&resource=r1&resource=r2"
    );
    let request = parse(&body).unwrap();
    assert_eq!(request.grant_type(), GrantType::AuthorizationCode);
    assert!(!format!("{request:?}").contains(VERIFIER));
    let TokenRequest::AuthorizationCode(request) = request else {
        panic!("another grant");
    };
    assert_eq!(request.code.expose_secret(), "c");
    assert_eq!(request.redirect_uri.as_deref(), Some("https://a/cb"));
    assert_eq!(request.resources, ["r1", "r2"]);
}

#[test]
fn a_refresh_request_is_read() {
    let request = parse("grant_type=refresh_token&refresh_token=r&scope=a").unwrap();
    assert_eq!(request.grant_type(), GrantType::RefreshToken);
    let TokenRequest::RefreshToken(request) = request else {
        panic!("another grant");
    };
    assert_eq!(request.refresh_token.expose_secret(), "r");
    assert_eq!(request.scope.unwrap().to_string(), "a");
}

#[test]
fn what_is_missing_or_unknown_has_its_error() {
    use ErrorCode::*;
    let verifier = format!("grant_type=authorization_code&code_verifier={VERIFIER}");
    for (body, code) in [
        ("", InvalidRequest),
        ("grant_type=password", UnsupportedGrantType),
        (
            "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer",
            UnsupportedGrantType,
        ),
        ("grant_type=AUTHORIZATION_CODE", UnsupportedGrantType),
        ("grant_type=authorization_code&code=c", InvalidRequest),
        (verifier.as_str(), InvalidRequest),
        (
            "grant_type=authorization_code&code=c&code_verifier=short",
            InvalidRequest,
        ),
        ("grant_type=refresh_token", InvalidRequest),
        (
            "grant_type=refresh_token&refresh_token=r&scope=%22",
            InvalidScope,
        ),
        (
            "grant_type=refresh_token&refresh_token=r&resource=a%23b",
            InvalidTarget,
        ),
    ] {
        assert_eq!(parse(body).unwrap_err().code, code, "{body}");
    }
    let named = Params::parse(b"grant_type=client_credentials").unwrap();
    assert_eq!(named_grant_type(&named), Some(GrantType::ClientCredentials));
}

#[test]
fn the_response_has_only_what_applies_and_debug_no_tokens() {
    let response = TokenResponse {
        access_token: "hunter2".into(),
        token_type: TokenType::Bearer,
        expires_in: 900,
        refresh_token: None,
        scope: "a b".into(),
        issued_token_type: None,
    };
    assert_eq!(
        String::from_utf8(response.to_json()).unwrap(),
        r#"{"access_token":"hunter2","token_type":"Bearer","expires_in":900,"scope":"a b"}"#
    );
    assert!(!format!("{response:?}").contains("hunter2"));
}

proptest! {
    #[test]
    fn any_body_is_read_or_refused(body in "(grant_type=(authorization_code|refresh_token))?[a-z_=&%0-9+]{0,80}") {
        if let Ok(params) = Params::parse(body.as_bytes()) {
            let _ = TokenRequest::parse(&params);
        }
    }
}
