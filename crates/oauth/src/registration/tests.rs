//! Registration requests and metadata documents.

use super::*;
use crate::signer::Signer;
use proptest::prelude::*;
use serde_json::json;

fn parse(value: Value) -> Result<ClientRegistration, Rejection> {
    ClientRegistration::parse(value.to_string().as_bytes())
}

/// A small good request with one member set.
fn with(name: &str, value: Value) -> Result<ClientRegistration, Rejection> {
    let mut request = json!({"redirect_uris": ["https://app.example/cb"]});
    request[name] = value;
    parse(request)
}

#[test]
fn the_smallest_request_gets_the_defaults() {
    let client = parse(json!({"redirect_uris": ["https://app.example/cb"]})).unwrap();
    assert_eq!(
        client,
        ClientRegistration {
            client_name: None,
            redirect_uris: vec!["https://app.example/cb".into()],
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            response_types: vec!["code".into()],
            token_endpoint_auth_method: AuthMethod::None,
            further_auth_methods: vec![],
            token_endpoint_auth_signing_alg: None,
            keys: None,
            application_type: ApplicationType::Web,
            client_uri: None,
            logo_uri: None,
            agent: false,
            agent_description: None,
        }
    );
}

#[test]
fn what_mcp_clients_send_is_accepted() {
    let inspector = parse(json!({
        "redirect_uris": ["http://localhost:6274/oauth/callback"],
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
        "client_name": "MCP Inspector",
        "client_uri": "https://github.com/modelcontextprotocol/inspector",
        "scope": "whatever \" it says",
        "contacts": [1, 2],
        "logo_uri": null,
    }))
    .unwrap();
    assert_eq!(inspector.application_type, ApplicationType::Native);
    let editor = parse(json!({
        "redirect_uris": ["cursor://anysphere.cursor-retrieval/oauth/callback"],
        "token_endpoint_auth_method": "client_secret_post",
    }))
    .unwrap();
    assert_eq!(
        editor.token_endpoint_auth_method,
        AuthMethod::ClientSecretPost
    );
    assert_eq!(editor.application_type, ApplicationType::Native);
}

#[test]
fn redirect_uris_have_their_own_error() {
    let many: Vec<_> = (0..33).map(|i| format!("https://a.example/{i}")).collect();
    for (request, code) in [
        (json!({}), ErrorCode::InvalidRedirectUri),
        (json!({"redirect_uris": []}), ErrorCode::InvalidRedirectUri),
        (
            json!({"redirect_uris": ["javascript:x"]}),
            ErrorCode::InvalidRedirectUri,
        ),
        (
            json!({"redirect_uris": ["http://localhost/cb"], "application_type": "web"}),
            ErrorCode::InvalidRedirectUri,
        ),
        (
            json!({"redirect_uris": ["http://app.example/cb"]}),
            ErrorCode::InvalidRedirectUri,
        ),
        (
            json!({"redirect_uris": "https://a.example/"}),
            ErrorCode::InvalidClientMetadata,
        ),
        (
            json!({"redirect_uris": [1]}),
            ErrorCode::InvalidClientMetadata,
        ),
        (
            json!({"redirect_uris": many}),
            ErrorCode::InvalidClientMetadata,
        ),
    ] {
        assert_eq!(parse(request.clone()).unwrap_err().code, code, "{request}");
    }
    let twice = json!({"redirect_uris": ["https://a.example/", "https://a.example/"]});
    assert_eq!(parse(twice).unwrap().redirect_uris.len(), 1);
}

#[test]
fn members_of_the_wrong_form_are_named() {
    for (name, value) in [
        ("client_name", json!(1)),
        ("client_name", json!("x".repeat(257))),
        ("client_name", json!("a\nb")),
        ("client_name", json!("a\u{202e}b")),
        ("client_name", json!("a\u{2066}b")),
        ("client_name", json!("a\u{200b}b")),
        ("grant_types", json!("authorization_code")),
        ("grant_types", json!([{}])),
        ("grant_types", json!([])),
        ("grant_types", json!(["refresh_token"])),
        ("response_types", json!([])),
        ("response_types", json!(["code", 1])),
        ("token_endpoint_auth_method", json!("private_key_jwt")),
        ("application_type", json!("desktop")),
        ("client_uri", json!("javascript:alert(1)")),
        ("client_uri", json!("https://a b/")),
        ("client_uri", json!("//a.example")),
        ("logo_uri", json!("data:image/png,x")),
        ("logo_uri", json!("https://u:p@a.example/")),
        (
            "logo_uri",
            json!(format!("https://a.example/{}", "x".repeat(2048))),
        ),
        ("agent", json!("true")),
        ("agent_description", json!("x".repeat(501))),
        ("agent_description", json!(["x"])),
    ] {
        let error = with(name, value.clone()).unwrap_err();
        assert_eq!(
            error.code,
            ErrorCode::InvalidClientMetadata,
            "{name} {value}"
        );
        assert!(error.description.contains(name), "{name}: {error}");
    }
    assert!(with("client_name", json!("\u{e4}".repeat(256))).is_ok());
    assert!(with("agent_description", json!("x".repeat(500))).is_ok());
    assert_eq!(with("client_name", json!(" ")).unwrap().client_name, None);
}

#[test]
fn grants_and_response_types_that_are_not_open_are_left_out() {
    for grant in [
        "implicit",
        "password",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:device_code",
    ] {
        let kept = with("grant_types", json!([grant, "authorization_code"])).unwrap();
        assert_eq!(kept.grant_types, [GrantType::AuthorizationCode], "{grant}");
        let nothing = with("grant_types", json!([grant])).unwrap_err();
        assert_eq!(nothing.code, ErrorCode::InvalidClientMetadata, "{grant}");
    }
    let kept = with("response_types", json!(["token", "code", "id_token"])).unwrap();
    assert_eq!(kept.response_types, ["code"]);
    let nothing = with("response_types", json!(["token"])).unwrap_err();
    assert_eq!(nothing.code, ErrorCode::InvalidClientMetadata);
    let client = with(
        "grant_types",
        json!(["authorization_code", "authorization_code"]),
    )
    .unwrap();
    assert_eq!(client.grant_types, [GrantType::AuthorizationCode]);
}

#[test]
fn what_is_not_a_json_object_is_refused() {
    let large = json!({"x": "x".repeat(MAX_REQUEST)}).to_string();
    let deep = "[".repeat(1000);
    for body in ["", "[]", "null", "{", "{} {}", "\u{feff}{}", &large, &deep] {
        let error = ClientRegistration::parse(body.as_bytes()).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidClientMetadata);
    }
    assert!(ClientRegistration::parse(b"{\"client_name\":\"\xff\"}").is_err());
}

#[test]
fn a_document_names_its_own_url_and_holds_no_secret() {
    let url = "https://app.example/client.json";
    let document = json!({
        "client_id": url,
        "client_name": "App",
        "redirect_uris": ["http://127.0.0.1:33418/", "https://app.example/cb"],
        "grant_types": [
            "authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"
        ],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
    });
    let read =
        |document: &Value| ClientRegistration::parse_document(document.to_string().as_bytes(), url);
    let client = read(&document).unwrap();
    assert_eq!(client.grant_types.len(), 2);
    assert_eq!(client.application_type, ApplicationType::Native);

    for (name, value) in [
        ("client_id", json!("https://app.example/client.json?x")),
        ("client_id", Value::Null),
        ("client_secret", json!("s")),
        ("client_secret_expires_at", json!(0)),
        ("client_name", Value::Null),
        ("client_name", json!(" ")),
        ("redirect_uris", json!([])),
        ("grant_types", json!(["client_credentials"])),
    ] {
        let mut document = document.clone();
        document[name] = value;
        assert!(read(&document).is_err(), "{name}");
    }
}

#[test]
fn the_response_echoes_without_nulls_and_shows_a_secret_with_its_expiry() {
    let client = with("client_name", json!("App")).unwrap();
    let public = RegistrationResponse::new(client.clone(), "c1".into(), 7, None, String::new());
    let public: Value = serde_json::from_slice(&public.to_json()).unwrap();
    assert_eq!(
        public,
        json!({
            "client_id": "c1",
            "client_id_issued_at": 7,
            "client_name": "App",
            "redirect_uris": ["https://app.example/cb"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": "web",
        })
    );
    let secret = Some(String::from("hunter2"));
    let secret = RegistrationResponse::new(client, "c1".into(), 7, secret, "a b".into());
    assert!(!format!("{secret:?}").contains("hunter2"));
    let secret: Value = serde_json::from_slice(&secret.to_json()).unwrap();
    assert_eq!(secret["client_secret"], "hunter2");
    assert_eq!(secret["client_secret_expires_at"], 0);
    assert_eq!(secret["scope"], "a b");
}

fn signer() -> Signer {
    Signer::new(ClientSigningAlgorithm::Es256)
}

/// What becomes of a document that says `members` about authentication.
fn authenticates(members: Value) -> Result<(AuthMethod, Vec<AuthMethod>), String> {
    let url = "https://app.example/client.json";
    let mut document = json!({
        "client_id": url, "client_name": "App", "redirect_uris": ["https://app.example/cb"],
    });
    let all = document.as_object_mut().unwrap();
    all.extend(members.as_object().unwrap().clone());
    ClientRegistration::parse_document(document.to_string().as_bytes(), url)
        .map(|own| (own.token_endpoint_auth_method, own.further_auth_methods))
        .map_err(|error| error.description.into_owned())
}

#[test]
fn a_document_may_list_methods_and_any_offered_one_may_be_used() {
    use AuthMethod::{None as Public, PrivateKeyJwt};
    let jwks_uri = "https://app.example/jwks.json";
    for (members, expected) in [
        (
            json!({"token_endpoint_auth_method": "private_key_jwt", "jwks_uri": jwks_uri}),
            (PrivateKeyJwt, vec![]),
        ),
        (
            json!({
                "token_endpoint_auth_method": "private_key_jwt",
                "token_endpoint_auth_methods_supported": ["none", "private_key_jwt"],
                "jwks_uri": jwks_uri,
            }),
            (PrivateKeyJwt, vec![Public]),
        ),
        (
            json!({
                "token_endpoint_auth_methods_supported":
                    ["client_secret_basic", "tls_client_auth", "none"],
            }),
            (Public, vec![]),
        ),
        (
            json!({
                "token_endpoint_auth_method": "client_secret_post",
                "token_endpoint_auth_methods_supported": ["private_key_jwt"],
                "jwks": {"keys": [signer().jwk()]},
            }),
            (PrivateKeyJwt, vec![]),
        ),
        // Without keys, the method is no choice.
        (
            json!({"token_endpoint_auth_methods_supported": ["private_key_jwt", "none"]}),
            (Public, vec![]),
        ),
    ] {
        assert_eq!(authenticates(members.clone()), Ok(expected), "{members}");
    }
    for (members, word) in [
        (
            json!({"token_endpoint_auth_method": "client_secret_basic"}),
            "'client_secret_basic'",
        ),
        (
            json!({"token_endpoint_auth_method": "client_secret_jwt"}),
            "'client_secret_jwt'",
        ),
        (
            json!({"token_endpoint_auth_method": "tls_client_auth"}),
            "'tls_client_auth'",
        ),
        (
            json!({"token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"]}),
            "'client_secret_basic', 'client_secret_post'",
        ),
        (
            json!({"token_endpoint_auth_method": "private_key_jwt"}),
            "jwks_uri",
        ),
    ] {
        let refused = authenticates(members.clone()).unwrap_err();
        assert!(refused.contains(word), "{members}: {refused}");
    }
}

#[test]
fn keys_that_cannot_be_registered_are_named() {
    let keys = |members: Value| {
        let mut request = json!({
            "redirect_uris": ["https://app.example/cb"],
            "token_endpoint_auth_method": "private_key_jwt",
        });
        let all = request.as_object_mut().unwrap();
        all.extend(members.as_object().unwrap().clone());
        parse(request)
    };
    let public = signer().jwk();
    let mut private = public.clone();
    private["d"] = json!("AQAB");
    for (members, word) in [
        (json!({}), "jwks"),
        (
            json!({"jwks": {"keys": [public]}, "jwks_uri": "https://a.example/k"}),
            "both",
        ),
        (json!({"jwks": {"keys": []}}), "no key"),
        (json!({"jwks": {"keys": [private]}}), "private"),
        (
            json!({"jwks": {"keys": [public, {"kty": "oct", "k": "AAAA"}]}}),
            "symmetric",
        ),
        (json!({"jwks": "https://a.example/k"}), "jwks"),
        (json!({"jwks_uri": "ftp://a.example/k"}), "jwks_uri"),
        (json!({"jwks_uri": "https://a.example/k#f"}), "jwks_uri"),
        (json!({"jwks_uri": "https://u:p@a.example/k"}), "jwks_uri"),
        (
            json!({"jwks": {"keys": [public]}, "token_endpoint_auth_signing_alg": "HS256"}),
            "token_endpoint_auth_signing_alg 'HS256'",
        ),
        (
            json!({"jwks": {"keys": [public]}, "token_endpoint_auth_signing_alg": "RS256"}),
            "no key in jwks is for RS256",
        ),
    ] {
        let error = keys(members.clone()).unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidClientMetadata);
        assert!(error.description.contains(word), "{members}: {error}");
    }
    let unknown = json!({"kty": "AKP", "alg": "ML-DSA-44", "pub": "AAAA"});
    let client = keys(json!({
        "jwks": {"keys": [unknown, public]}, "token_endpoint_auth_signing_alg": "ES256",
    }))
    .unwrap();
    assert!(client.keys.as_ref().is_some_and(|own| own.jwks().is_some()));
    // What it does not authenticate by is not looked at, unless it is a secret.
    let other = json!({"redirect_uris": ["https://app.example/cb"], "jwks": {"keys": [unknown]}});
    assert_eq!(parse(other).unwrap().keys, None);
    let leaked = json!({"redirect_uris": ["https://app.example/cb"], "jwks": {"keys": [private]}});
    assert!(parse(leaked).is_err());

    let mut large = public.clone();
    large["x5c"] = json!(["x".repeat(16 * 1024)]);
    let error = check_jwks(&json!({"keys": [large]})).unwrap_err();
    assert!(error.description.contains("larger"), "{error}");

    let response = RegistrationResponse::new(client, "c1".into(), 7, None, String::new());
    let response: Value = serde_json::from_slice(&response.to_json()).unwrap();
    assert_eq!(response["token_endpoint_auth_method"], "private_key_jwt");
    assert_eq!(response["jwks"]["keys"][1], public);
    assert_eq!(response["token_endpoint_auth_signing_alg"], "ES256");
}

#[test]
fn a_member_that_appears_twice_is_named() {
    for body in [
        r#"{"redirect_uris": ["https://a.example/"], "redirect_uris": ["https://b.example/"]}"#,
        r#"{"jwks": {"keys": []}, "redirect_uris": [], "redirect\u005furis": []}"#,
    ] {
        let error = ClientRegistration::parse(body.as_bytes()).unwrap_err();
        assert!(
            error.description.contains("'redirect_uris' appears twice"),
            "{error}"
        );
    }
}

/// Any JSON, with the members of client metadata likelier than others.
fn metadata() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "(https?|cursor|data)://?[!-~]{0,12}".prop_map(Value::from),
        "(code|none|web|native|authorization_code|refresh_token|implicit)".prop_map(Value::from),
    ];
    let member = prop_oneof![
        3 => leaf.clone(),
        2 => proptest::collection::vec(leaf, 0..4).prop_map(Value::from),
    ];
    let name = concat!(
        "(client_name|redirect_uris|grant_types|response_types|client_uri|logo_uri|scope|",
        "token_endpoint_auth_method|token_endpoint_auth_methods_supported|jwks|jwks_uri|application_type|agent|agent_description|[a-z]{1,5})"
    );
    proptest::collection::btree_map(name, member, 0..10)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = ClientRegistration::parse(&body);
        let _ = ClientRegistration::parse_document(&body, "https://a.example/c");
    }

    #[test]
    fn whatever_is_accepted_is_consistent(metadata in metadata()) {
        if let Ok(client) = parse(metadata) {
            prop_assert!(!client.redirect_uris.is_empty());
            prop_assert!(client.grant_types.contains(&GrantType::AuthorizationCode));
            prop_assert_eq!(client.response_types, ["code"]);
        }
    }
}
