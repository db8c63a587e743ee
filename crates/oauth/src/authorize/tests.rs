//! Authorization requests and their answers.

use super::*;
use proptest::prelude::*;
use url::Url;

const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

/// A good request with `name` set to `value` (or left out when that is empty).
fn request_with(name: &str, value: &str) -> Result<AuthorizationRequest, Rejection> {
    let mut pairs = vec![
        ("client_id", "c1"),
        ("redirect_uri", "https://app.example/cb"),
        ("response_type", "code"),
        ("scope", "a b"),
        ("state", "s"),
        ("code_challenge", CHALLENGE),
        ("code_challenge_method", "S256"),
    ];
    pairs.retain(|(own, _)| *own != name);
    pairs.push((name, value));
    let query = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    AuthorizationRequest::parse(&Params::parse(query.as_bytes()).unwrap())
}

fn code_and_reason(name: &str, value: &str) -> (ErrorCode, Reason) {
    let error = request_with(name, value).unwrap_err();
    (error.code, error.reason)
}

#[test]
fn a_good_request_is_read_whole() {
    let request = request_with("unknown", "ignored").unwrap();
    assert_eq!(request.client_id.as_str(), "c1");
    assert_eq!(
        request.redirect_uri.as_deref(),
        Some("https://app.example/cb")
    );
    assert_eq!(request.scope.unwrap().to_string(), "a b");
    assert_eq!(request.state.as_deref(), Some("s"));
    assert_eq!(request.code_challenge.to_string(), CHALLENGE);
    assert_eq!(request.prompt, Prompt::default());
    assert!(request.resources.is_empty());
}

#[test]
fn what_older_clients_leave_out_may_be_absent() {
    assert_eq!(request_with("scope", "").unwrap().scope, None);
    assert_eq!(request_with("scope", "  ").unwrap().scope, None);
    assert_eq!(request_with("state", "").unwrap().state, None);
    assert_eq!(request_with("redirect_uri", "").unwrap().redirect_uri, None);
}

#[test]
fn a_code_is_bound_to_a_thumbprint_and_nothing_else() {
    // RFC 9449 §10, figure 22
    let jkt = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs";
    let request = request_with("dpop_jkt", jkt).unwrap();
    assert_eq!(request.dpop_jkt.as_deref(), Some(jkt));
    assert_eq!(request_with("dpop_jkt", "").unwrap().dpop_jkt, None);
    let padded = format!("{jkt}=");
    let (short, long) = (&jkt[1..], format!("{jkt}AA"));
    // One with bits set behind its end, and one in plain base64.
    let (other, plain) = (
        "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xt",
        jkt.replace('-', "%2B"),
    );
    for wrong in [&padded, short, &long, other, &plain, "x", "a b", "%20"] {
        let refused = (ErrorCode::InvalidRequest, Reason::InvalidParam);
        assert_eq!(code_and_reason("dpop_jkt", wrong), refused, "{wrong}");
    }
}

#[test]
fn pkce_cannot_be_left_out_or_downgraded() {
    use ErrorCode::InvalidRequest;
    assert_eq!(
        code_and_reason("code_challenge", ""),
        (InvalidRequest, Reason::PkceMissing)
    );
    for method in ["", "plain", "s256", "S512"] {
        assert_eq!(
            code_and_reason("code_challenge_method", method),
            (InvalidRequest, Reason::PkceMethod)
        );
    }
    for challenge in ["x", &CHALLENGE[1..], &format!("{CHALLENGE}=")] {
        assert_eq!(
            code_and_reason("code_challenge", challenge),
            (InvalidRequest, Reason::PkceMalformed)
        );
    }
}

#[test]
fn each_parameter_has_its_error() {
    use ErrorCode::*;
    let long = "x".repeat(MAX_STATE + 1);
    for (name, value, code, reason) in [
        ("client_id", "", InvalidRequest, Reason::MissingParam),
        (
            "redirect_uri",
            long.as_str(),
            InvalidRequest,
            Reason::InvalidParam,
        ),
        ("state", &long, InvalidRequest, Reason::InvalidParam),
        ("response_type", "", InvalidRequest, Reason::MissingParam),
        (
            "response_type",
            "token",
            UnsupportedResponseType,
            Reason::ResponseType,
        ),
        (
            "response_type",
            "code token",
            UnsupportedResponseType,
            Reason::ResponseType,
        ),
        (
            "response_mode",
            "fragment",
            InvalidRequest,
            Reason::InvalidParam,
        ),
        ("scope", "a\"b", InvalidScope, Reason::ScopeMalformed),
        (
            "resource",
            "https://mcp.example/#x",
            InvalidTarget,
            Reason::ResourceMalformed,
        ),
        ("prompt", "none login", InvalidRequest, Reason::InvalidParam),
        ("prompt", "create", InvalidRequest, Reason::InvalidParam),
    ] {
        assert_eq!(
            code_and_reason(name, value),
            (code, reason),
            "{name}={value}"
        );
    }
    assert!(request_with("response_mode", "query").is_ok());
    assert!(request_with("state", &long[1..]).is_ok());
}

#[test]
fn resources_repeat_prompts_combine_and_long_hints_are_ignored() {
    let params = Params::parse(b"resource=b&resource=a&resource=b").unwrap();
    assert_eq!(resources(&params).unwrap(), ["b", "a"]);
    let many: Vec<_> = (0..=MAX_RESOURCES)
        .map(|i| format!("resource=r{i}"))
        .collect();
    let params = Params::parse(many.join("&").as_bytes()).unwrap();
    assert_eq!(
        resources(&params).unwrap_err().code,
        ErrorCode::InvalidTarget
    );

    let prompt = request_with("prompt", "login consent").unwrap().prompt;
    assert!(prompt.login && prompt.consent && !prompt.none && !prompt.select_account);
    assert!(request_with("prompt", "none").unwrap().prompt.none);
    let hint = |text: &str| {
        let params = Params::parse(format!("login_hint={text}").as_bytes()).unwrap();
        login_hint(&params).map(str::to_owned)
    };
    assert_eq!(hint("ada@example.com").as_deref(), Some("ada@example.com"));
    assert_eq!(hint(&"x".repeat(321)), None);
}

#[test]
fn redirects_keep_what_the_uri_had() {
    let with = |uri: &str| redirect_with(uri, &[("code", "a b&c"), ("iss", "https://as/")]);
    for (uri, answer) in [
        (
            "https://a/cb",
            "https://a/cb?code=a%20b%26c&iss=https%3A%2F%2Fas%2F",
        ),
        (
            "https://a/cb?x=%41",
            "https://a/cb?x=%41&code=a%20b%26c&iss=https%3A%2F%2Fas%2F",
        ),
        (
            "https://a/cb?",
            "https://a/cb?code=a%20b%26c&iss=https%3A%2F%2Fas%2F",
        ),
        (
            "https://a/cb?x&",
            "https://a/cb?x&code=a%20b%26c&iss=https%3A%2F%2Fas%2F",
        ),
        (
            "app.x:/cb",
            "app.x:/cb?code=a%20b%26c&iss=https%3A%2F%2Fas%2F",
        ),
        (
            "Cursor://Host/cb?y=1",
            "Cursor://Host/cb?y=1&code=a%20b%26c&iss=https%3A%2F%2Fas%2F",
        ),
        (
            "x:cb#f?g",
            "x:cb?code=a%20b%26c&iss=https%3A%2F%2Fas%2F#f?g",
        ),
    ] {
        assert_eq!(with(uri), answer);
    }
    assert_eq!(redirect_with("https://a/cb", &[]), "https://a/cb");
}

#[test]
fn answers_carry_state_and_issuer() {
    let pairs = |uri: &str| -> Vec<(String, String)> {
        Url::parse(uri)
            .unwrap()
            .query_pairs()
            .into_owned()
            .collect()
    };
    let own = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()))
            .collect()
    };
    let answer = success_redirect("https://a/cb", "c+d", Some("s &"), "https://as");
    assert_eq!(
        pairs(&answer),
        own(&[("code", "c+d"), ("state", "s &"), ("iss", "https://as")])
    );
    let answer = error_redirect(
        "x://a",
        ErrorCode::LoginRequired,
        "a \"b\"",
        None,
        "https://as",
    );
    assert_eq!(
        pairs(&answer),
        own(&[
            ("error", "login_required"),
            ("error_description", "a 'b'"),
            ("iss", "https://as")
        ])
    );
}

proptest! {
    #[test]
    fn any_values_are_read_or_refused(
        scope in any::<String>(), prompt in "[a-z ]{0,20}", resource in any::<String>(), state in any::<String>()
    ) {
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs([("client_id", "c"), ("response_type", "code"), ("code_challenge", CHALLENGE),
                ("code_challenge_method", "S256"), ("scope", &scope), ("prompt", &prompt),
                ("resource", &resource), ("state", &state)])
            .finish();
        if let Ok(params) = Params::parse(query.as_bytes()) {
            let _ = AuthorizationRequest::parse(&params);
        }
    }

    #[test]
    fn what_a_redirect_carries_comes_back_and_nothing_else_changes(
        own in proptest::collection::vec(("[a-z]{1,5}", "[a-z0-9]{0,5}"), 0..3),
        pairs in proptest::collection::vec((any::<String>(), any::<String>()), 1..4),
        base in "(https://a\\.example|cursor://host|http://127\\.0\\.0\\.1:80)/[a-z/]{0,8}"
    ) {
        let mut uri = base.clone();
        for (index, (name, value)) in own.iter().enumerate() {
            uri.push(if index == 0 { '?' } else { '&' });
            uri.push_str(&format!("{name}={value}"));
        }
        let borrowed: Vec<_> = pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let answer = redirect_with(&uri, &borrowed);
        prop_assert!(answer.starts_with(&uri));
        prop_assert!(answer.bytes().all(|b| b.is_ascii_graphic()));
        let back: Vec<_> = Url::parse(&answer).unwrap().query_pairs().into_owned().collect();
        let all: Vec<_> = own.into_iter().chain(pairs).collect();
        prop_assert_eq!(back, all);
    }
}

#[test]
fn request_objects_are_refused_before_anything_is_missed() {
    for (query, code) in [
        ("request=x", ErrorCode::RequestNotSupported),
        ("request_uri=https://a/b", ErrorCode::RequestUriNotSupported),
        (
            "request_uri=urn:x&request=x",
            ErrorCode::RequestNotSupported,
        ),
    ] {
        let alone = Params::parse(query.as_bytes()).unwrap();
        let refused = AuthorizationTarget::parse(&alone).unwrap_err();
        assert_eq!(
            (refused.code, refused.reason),
            (code, Reason::RequestObject)
        );
        let named =
            Params::parse(format!("client_id=c&response_type=x&{query}").as_bytes()).unwrap();
        assert!(AuthorizationTarget::parse(&named).is_ok());
        assert_eq!(AuthorizationRequest::parse(&named).unwrap_err().code, code);
    }
    let empty = Params::parse(b"client_id=c&request=&request_uri=").unwrap();
    let other = AuthorizationRequest::parse(&empty).unwrap_err();
    assert_eq!(other.reason, Reason::MissingParam);
}
