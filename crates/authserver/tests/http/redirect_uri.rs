//! Redirect URIs: equal character for character, but for the port of a native client's loopback.

use crate::harness::{App, Database, Pkce, REDIRECT, Request, Server, query_of, way_on};
use serde_json::json;

async fn register(server: &Server, redirect_uri: &str) -> App {
    let metadata = json!({ "redirect_uris": [redirect_uri], "client_name": "App" });
    let reply = server
        .send(&Request::json("/oauth/register", &metadata))
        .await;
    let reply = reply.expect(201).json();
    App {
        client_id: reply["client_id"].as_str().unwrap().to_owned(),
        secret: None,
    }
}

async fn is_accepted(server: &Server, app: &App, redirect_uri: &str) -> bool {
    let request = app
        .authorize(&Pkce::fresh())
        .with("redirect_uri", redirect_uri);
    // A way on to the client shows that the redirect URI was taken for good.
    let reply = server.send(&request.with("prompt", "none").request()).await;
    assert_eq!(reply.header("location"), None);
    match way_on(&reply) {
        Some(location) => {
            assert!(location.starts_with(redirect_uri), "{location}");
            assert_eq!(query_of(&location)["error"], "login_required");
            true
        }
        None => {
            assert_eq!(reply.status, 400, "{redirect_uri}: {reply:?}");
            false
        }
    }
}

#[tokio::test]
async fn no_trick_makes_another_uri_pass_for_the_registered_one() {
    let server = Server::start(&Database::sqlite()).await;
    let app = register(&server, REDIRECT).await;
    assert!(is_accepted(&server, &app, REDIRECT).await);
    let tricks = [
        "https://app.example/callback/",
        "https://app.example/callback/more",
        "https://app.example/callback.evil.example",
        "https://app.example/callbac",
        "https://app.example/callback?x=y",
        "https://app.example/callback?",
        "https://app.example/callback#fragment",
        "https://app.example/callback#",
        "https://app.example/",
        "https://app.example",
        "https://app.example.evil.example/callback",
        "https://evil-app.example/callback",
        "https://app.example@evil.example/callback",
        "https://user@app.example/callback",
        "https://user:pw@app.example/callback",
        "https://app.example:443/callback",
        "https://app.example:8443/callback",
        "https://app.example./callback",
        "http://app.example/callback",
        "HTTPS://app.example/callback",
        "https://APP.example/callback",
        "https://app.example/Callback",
        "https://app.example/./callback",
        "https://app.example/x/../callback",
        "https://app.example/callback/..",
        "https://app.example//callback",
        "https:/app.example/callback",
        "https:///app.example/callback",
        "https:\\\\app.example\\callback",
        "https://app.example\\callback",
        "https://app.example\\@evil.example/callback",
        "https://app.example/%63allback",
        "https://app.example/callback%2f..",
        "https://app.example%2fcallback",
        "https://app.example/callback%00",
        "https://app.example/callback\u{0}",
        "https://app.example/callback ",
        " https://app.example/callback",
        "https://app.example/callback\r\nx: y",
        "https://\u{430}pp.example/callback",
        "https://app\u{3002}example/callback",
        "https://app.exampl\u{435}/callback",
        "//app.example/callback",
        "/callback",
        "javascript:alert(1)//https://app.example/callback",
        "data:text/html,https://app.example/callback",
    ];
    for trick in tricks {
        assert!(!is_accepted(&server, &app, trick).await, "{trick:?}");
    }
}

#[tokio::test]
async fn a_loopback_uri_may_differ_in_its_port_and_in_nothing_else() {
    let server = Server::start(&Database::sqlite()).await;
    let hosts = ["127.0.0.1", "[::1]", "localhost"];
    for host in hosts {
        let registered = format!("http://{host}:1234/callback");
        let app = register(&server, &registered).await;
        for port in ["", ":1234", ":1", ":65535"] {
            let uri = format!("http://{host}{port}/callback");
            assert!(is_accepted(&server, &app, &uri).await, "{uri}");
        }
        for other in hosts.into_iter().filter(|other| *other != host) {
            let uri = format!("http://{other}:1234/callback");
            assert!(!is_accepted(&server, &app, &uri).await, "{uri}");
        }
        let tricks = [
            format!("https://{host}:1234/callback"),
            format!("http://{host}:1234/callback/"),
            format!("http://{host}:1234/"),
            format!("http://{host}:1234/callback?x"),
            format!("http://{host}:1234@evil.example/callback"),
            format!("http://{host}:99999/callback"),
            format!("http://{host}:+80/callback"),
            format!("http://{host}:/callback"),
            format!("http://{host}:80:80/callback"),
            format!("http://user@{host}:1234/callback"),
            format!("http://{host}.evil.example:1234/callback"),
            String::from("http://127.0.0.2:1234/callback"),
            String::from("http://2130706433:1234/callback"),
            String::from("http://0.0.0.0:1234/callback"),
            String::from("http://[::ffff:127.0.0.1]:1234/callback"),
        ];
        for trick in tricks {
            assert!(!is_accepted(&server, &app, &trick).await, "{trick}");
        }
    }
}

#[tokio::test]
async fn a_custom_scheme_is_compared_like_any_other() {
    let server = Server::start(&Database::sqlite()).await;
    let app = register(&server, "com.example.app:/callback").await;
    assert!(is_accepted(&server, &app, "com.example.app:/callback").await);
    for trick in [
        "com.example.app:/callback2",
        "com.example.app://callback",
        "com.example:/callback",
    ] {
        assert!(!is_accepted(&server, &app, trick).await, "{trick}");
    }
}

#[tokio::test]
async fn uris_that_are_never_a_clients_cannot_be_registered() {
    let server = Server::start(&Database::sqlite()).await;
    let refused = [
        "javascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://app.example/x",
        "ms-msdt:/id%20PCWDiagnostic",
        "MS-WORD:ofe%7Cu%7Chttps://evil.example/x",
        "ms-settings:network",
        "microsoft-edge:https://evil.example",
        "shell:startup",
        "search-ms:query=x&crumb=location:%5C%5Cevil.example",
        "search:x",
        "mhtml:file://x",
        "itms-services://?action=download-manifest&url=https://evil.example/x",
        "x-javascript:alert(1)",
        "jar:https://evil.example/x.jar!/",
        "view-source:https://app.example/",
        "intent://x#Intent;scheme=http;end",
        "android-app://com.example/https/evil.example",
        "shortcuts://run-shortcut?name=x",
        "http://app.example/callback",
        "https://user@app.example/callback",
        "https://app.example/callback#x",
        "/callback",
        "",
        "https://",
    ];
    for uri in refused {
        for kind in ["web", "native"] {
            let metadata = json!({ "redirect_uris": [uri], "application_type": kind });
            let reply = server
                .send(&Request::json("/oauth/register", &metadata))
                .await;
            assert_eq!(reply.status, 400, "{kind} {uri:?}: {reply:?}");
        }
    }
    for uri in [
        "http://127.0.0.1:1/cb",
        "http://localhost/cb",
        "com.example:/cb",
    ] {
        for (kind, status) in [("web", 400), ("native", 201)] {
            let metadata = json!({ "redirect_uris": [uri], "application_type": kind });
            let reply = server
                .send(&Request::json("/oauth/register", &metadata))
                .await;
            assert_eq!(reply.status, status, "{kind} {uri}: {reply:?}");
        }
    }
}
