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
        ("grant_type=authorization_code", InvalidRequest),
        ("grant_type=authorization_code&code=c", InvalidGrant),
        (
            "grant_type=authorization_code&code=c&code_verifier=",
            InvalidGrant,
        ),
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
    fn any_body_is_read_or_refused(body in "(grant_type=(authorization_code|refresh_token|client_credentials|urn:ietf:params:oauth:grant-type:token-exchange))?((&(subject|actor)_token(_type)?=(urn:ietf:params:oauth:token-type:(jwt|access_token)|[a-z]{0,3})){0,4}|[a-z_=&%0-9+]{0,80})") {
        if let Ok(params) = Params::parse(body.as_bytes()) {
            let _ = TokenRequest::parse(&params);
        }
    }
}

#[test]
fn a_client_credentials_request_is_read() {
    let request = parse("grant_type=client_credentials&scope=a+b&resource=r1&resource=r2").unwrap();
    assert_eq!(request.grant_type(), GrantType::ClientCredentials);
    let TokenRequest::ClientCredentials(request) = request else {
        panic!("another grant");
    };
    assert_eq!(request.scope.unwrap().to_string(), "a b");
    assert_eq!(request.resources, ["r1", "r2"]);
    let TokenRequest::ClientCredentials(request) = parse("grant_type=client_credentials").unwrap()
    else {
        panic!("another grant");
    };
    assert_eq!((request.scope, request.resources), (None, Vec::new()));
}

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const JWT: &str = "urn:ietf:params:oauth:token-type:jwt";

fn exchange(rest: &str) -> Result<TokenExchangeRequest, Rejection> {
    let grant = "grant_type=urn:ietf:params:oauth:grant-type:token-exchange";
    let request = parse(&format!("{grant}&{rest}"))?;
    assert_eq!(request.grant_type(), GrantType::TokenExchange);
    match request {
        TokenRequest::TokenExchange(request) => Ok(request),
        _ => panic!("another grant"),
    }
}

#[test]
fn an_exchange_request_is_read() {
    let request = exchange(&format!(
        "subject_token=hunter1&subject_token_type={ACCESS_TOKEN}&actor_token=hunter2&\
         actor_token_type={JWT}&resource=r1&resource=r2&resource=r1&audience=slug&audience=slug&\
         scope=a&requested_token_type={ACCESS_TOKEN}"
    ))
    .unwrap();
    assert!(!format!("{request:?}").contains("hunter"));
    assert_eq!(request.subject_token.expose_secret(), "hunter1");
    assert_eq!(request.subject_token_type, TokenTypeIdentifier::AccessToken);
    let actor = request.actor.unwrap();
    assert_eq!(actor.token.expose_secret(), "hunter2");
    assert_eq!(actor.token_type, TokenTypeIdentifier::Jwt);
    assert_eq!(request.resources, ["r1", "r2"]);
    assert_eq!(request.audiences, ["slug"]);
    assert_eq!(request.scope.unwrap().to_string(), "a");
    assert_eq!(
        request.requested_token_type,
        Some(TokenTypeIdentifier::AccessToken)
    );
}

#[test]
fn an_exchange_request_needs_only_its_subject() {
    let request = exchange(&format!("subject_token=s&subject_token_type={JWT}")).unwrap();
    assert_eq!(request.subject_token_type, TokenTypeIdentifier::Jwt);
    assert!(request.actor.is_none() && request.requested_token_type.is_none());
    assert!(request.resources.is_empty() && request.audiences.is_empty());
    assert_eq!(request.scope, None);
}

#[test]
fn what_is_wrong_with_an_exchange_request_has_its_error() {
    use ErrorCode::*;
    let good = format!("subject_token=s&subject_token_type={ACCESS_TOKEN}");
    let many: String = (0..17).map(|at| format!("&audience=a{at}")).collect();
    let refresh = "urn:ietf:params:oauth:token-type:refresh_token";
    for (body, code) in [
        (format!("subject_token_type={JWT}"), InvalidRequest),
        ("subject_token=s".into(), InvalidRequest),
        (good.replace("access_token", "id_token"), InvalidRequest),
        (good.replace(ACCESS_TOKEN, refresh), InvalidRequest),
        (good.replace("urn:", "URN:"), InvalidRequest),
        (good.replace(ACCESS_TOKEN, "access_token"), InvalidRequest),
        (format!("{good}&actor_token=a"), InvalidRequest),
        (format!("{good}&actor_token_type={JWT}"), InvalidRequest),
        (
            format!("{good}&actor_token=&actor_token_type={JWT}"),
            InvalidRequest,
        ),
        (
            format!("{good}&actor_token=a&actor_token_type={refresh}"),
            InvalidRequest,
        ),
        (
            format!("{good}&requested_token_type={refresh}"),
            InvalidRequest,
        ),
        (format!("{good}&resource=a%23b"), InvalidTarget),
        (format!("{good}{many}"), InvalidTarget),
        (format!("{good}&scope=%22"), InvalidScope),
    ] {
        assert_eq!(exchange(&body).unwrap_err().code, code, "{body}");
    }
}

#[test]
fn the_issued_token_type_is_written_as_its_uri() {
    let json = serde_json::to_string(&TokenTypeIdentifier::AccessToken).unwrap();
    assert_eq!(json, format!("\"{ACCESS_TOKEN}\""));
}
