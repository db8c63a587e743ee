//! Any bytes at every endpoint: never a fault of the server, and the connection stays usable.

use crate::harness::{Connection, Database, REDIRECT, RESOURCE, Request, SESSION, Server};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

/// The parameters that anything here reads.
const NAMES: [&str; 24] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "resource",
    "prompt",
    "login_hint",
    "flow_started",
    "next",
    "csrf_token",
    "request",
    "decision",
    "email",
    "password",
    "grant_type",
    "code",
    "code_verifier",
    "refresh_token",
    "token",
    "token_type_hint",
    "client_secret",
];

const GRANTS: [&str; 4] = [
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "code",
];

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..60),
        any::<String>().prop_map(String::into_bytes),
        "[%a-zA-Z0-9&=+;:/?#\\[\\]@!$'()*,.~_-]{0,60}".prop_map(String::into_bytes),
        Just(b"\0".to_vec()),
        Just("9".repeat(400).into_bytes()),
        Just(b"-9223372036854775808".to_vec()),
        Just(b"9223372036854775807".to_vec()),
    ]
}

fn percent(bytes: &[u8]) -> String {
    form_urlencoded::byte_serialize(bytes).collect()
}

/// A form that looks like one of ours here and there.
fn form(client_id: String) -> impl Strategy<Value = Vec<u8>> {
    let value = prop_oneof![
        3 => bytes(),
        1 => Just(client_id.into_bytes()),
        1 => Just(REDIRECT.into()),
        1 => Just(RESOURCE.into()),
        1 => Just(b"notes/read".to_vec()),
        1 => Just(vec![b'a'; 43]),
        1 => Just(b"S256".to_vec()),
        1 => proptest::sample::select(&GRANTS[..]).prop_map(Into::into),
    ];
    let pair = (proptest::sample::select(&NAMES[..]), value);
    let pairs = vec(pair, 0..12).prop_map(|pairs| {
        let pairs = pairs
            .iter()
            .map(|(name, value)| format!("{name}={}", percent(value)));
        pairs.collect::<Vec<_>>().join("&").into_bytes()
    });
    prop_oneof![4 => pairs, 1 => bytes()]
}

/// What may stand in a header's value.
fn header() -> impl Strategy<Value = Vec<u8>> {
    let allowed = |byte: &u8| *byte >= 0x20 && *byte != 0x7f;
    let any = vec(any::<u8>(), 0..80).prop_map(move |mut value| {
        value.retain(allowed);
        value
    });
    prop_oneof![
        any.clone(),
        any.clone()
            .prop_map(|rest| [&b"Basic "[..], &rest].concat()),
        any.clone().prop_map(|rest| {
            use base64::Engine as _;
            let text = base64::engine::general_purpose::STANDARD.encode(rest);
            format!("Basic {text}").into_bytes()
        }),
        any.clone()
            .prop_map(|rest| [SESSION.as_bytes(), b"=", &rest].concat()),
        any.prop_map(|rest| [SESSION.as_bytes(), b"_browser_x=", &rest].concat()),
    ]
}

fn request(client_id: String) -> impl Strategy<Value = Request> {
    let posts = [
        "/oauth/token",
        "/oauth/revoke",
        "/oauth/introspect",
        "/oauth/register",
        "/login",
        "/logout",
        "/consent",
    ];
    let gets = [
        "/oauth/authorize",
        "/login",
        "/consent",
        "/",
        "/health",
        "/.well-known/jwks.json",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-authorization-server",
    ];
    let post = (
        proptest::sample::select(posts.to_vec()),
        form(client_id.clone()),
    )
        .prop_map(|(path, body)| {
            let request = Request::new("POST", path);
            request
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body)
        });
    let get =
        (proptest::sample::select(gets.to_vec()), form(client_id)).prop_map(|(path, query)| {
            // Bytes that RFC 3986 does not allow end at the parser of HTTP; here they are encoded.
            let query = query.iter().map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(*byte).to_string(),
                other if b"%&=+;:/?@!$'()*,.~_-".contains(other) => char::from(*other).to_string(),
                other => format!("%{other:02x}"),
            });
            Request::get(format!("{path}?{}", query.collect::<String>()))
        });
    let reference = bytes().prop_map(|bytes| {
        Request::get(format!(
            "/.well-known/oauth-protected-resource/{}",
            percent(&bytes)
        ))
    });
    let json = (
        "(client_name|redirect_uris|grant_types|scope|agent|client_uri)",
        any::<String>(),
    );
    let registration = json.prop_map(|(name, value)| {
        let metadata = serde_json::json!({ "redirect_uris": [value], name: [value] });
        Request::json("/oauth/register", &metadata)
    });
    let request = prop_oneof![4 => post, 4 => get, 1 => reference, 1 => registration];
    let names = ["authorization", "cookie", "dpop", "accept", "origin"];
    let headers = vec((proptest::sample::select(names.to_vec()), header()), 0..4);
    (request, headers).prop_map(|(request, headers)| {
        let with = |request: Request, (name, value): (&str, Vec<u8>)| request.header(name, value);
        headers.into_iter().fold(request, with)
    })
}

#[test]
fn no_bytes_are_a_fault_of_the_server_or_end_the_connection() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let database = Database::sqlite();
    let (server, app) = runtime.block_on(async {
        let server = Server::start(&database).await;
        let app = server.public_app().await;
        (server, app)
    });
    let open = || runtime.block_on(Connection::open(server.public)).unwrap();
    let kept = std::cell::RefCell::new(Some(open()));
    let mut runner = TestRunner::new(Config {
        cases: 1500,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&request(app.client_id), |request| {
        let mut connection = kept.borrow_mut().take().unwrap_or_else(open);
        let reply = runtime.block_on(connection.try_send(&request));
        let Some(reply) = reply else {
            return Err(TestCaseError::fail("the connection ended"));
        };
        prop_assert!(reply.status < 500, "{reply:?}");
        prop_assert!(reply.header("x-request-id").is_some(), "{reply:?}");
        prop_assert!(reply.header("connection").is_none(), "{reply:?}");
        *kept.borrow_mut() = Some(connection);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn what_is_not_http_is_refused_and_the_next_connection_is_served() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let server = Server::start(&Database::sqlite()).await;
    let nonsense: [&[u8]; 8] = [
        b"\0\0\0\0\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nhost: x\r\n\r\n",
        b"GET / HTTP/9.9\r\nhost: x\r\n\r\n",
        b"POST /oauth/token HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /oauth/token HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nx",
        b"POST /oauth/token HTTP/1.1\r\nhost: x\r\ntransfer-encoding: nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nna me: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 a TLS greeting \r\n\r\n",
    ];
    for bytes in nonsense {
        let mut stream = tokio::net::TcpStream::connect(server.public).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let end = stream.read_to_end(&mut answer);
        let end = tokio::time::timeout(crate::harness::PATIENCE, end).await;
        assert!(end.is_ok(), "the connection ends: {}", bytes.escape_ascii());
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.contains(" 500 "), "{answer}");
        server.get("/livez").await.expect(200);
    }
}
