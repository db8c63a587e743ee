//! HEAD works wherever GET does (RFC 9110 §9.3.2), and has no effect.

use crate::harness::{
    ADMIN_KEY, Browser, Connection, Database, Pkce, Reply, Request, Server, query_of,
};
use std::net::SocketAddr;

/// Routes that GET has, of which those with an answer that never ends are left out.
fn routes(document: &str) -> Vec<String> {
    let document: serde_json::Value = serde_json::from_str(document).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    paths
        .iter()
        .filter(|(_, item)| item.get("get").is_some())
        .map(|(path, _)| path.replace("{reference}", "notes"))
        .filter(|path| !path.ends_with("/stream"))
        .collect()
}

async fn both(address: SocketAddr, request: impl Fn(&str) -> Request) -> (Reply, Reply) {
    let mut connection = Connection::open(address).await.expect("a connection");
    // The answers come on one connection, so that a body that HEAD must not have would show.
    let head = connection.send(&request("HEAD")).await;
    let get = connection.send(&request("GET")).await;
    (head, get)
}

#[track_caller]
fn alike(path: &str, (head, get): (Reply, Reply)) {
    assert_eq!(head.status, get.status, "{path}: {head:?}");
    assert_eq!(
        head.header("content-type"),
        get.header("content-type"),
        "{path}"
    );
    assert_eq!(head.header("location"), get.header("location"), "{path}");
    assert_ne!(get.status, 405, "{path}");
}

#[tokio::test]
async fn head_is_answered_wherever_get_is_on_both_listeners() {
    let server = Server::start(&Database::sqlite()).await;
    let mut public = routes(&web::routes::document().to_json().unwrap());
    assert!(public.len() > 8, "{public:?}");
    public.extend(["/", "/login", "/consent", "/consent/request"].map(String::from));
    for path in public {
        let asked = |method: &str| Request::new(method, &path);
        alike(&path, both(server.public, asked).await);
    }
    let mut admin = routes(&admin::rest::document().to_json().unwrap());
    assert!(admin.len() > 15, "{admin:?}");
    admin.extend(
        [
            "/metrics",
            "/admin/openapi.json",
            "/admin/ui",
            "/admin/ui/",
            "/admin/ui/sign-in",
        ]
        .map(String::from),
    );
    admin.extend(["/admin/ui/clients", "/admin/ui/assets/style.css"].map(String::from));
    for path in admin {
        let asked = |method: &str| Request::new(method, &path).bearer(ADMIN_KEY);
        alike(&path, both(server.admin, asked).await);
    }
    let stream = Request::new("HEAD", "/admin/audit/stream").bearer(ADMIN_KEY);
    server.send_admin(&stream).await.expect(200);
}

#[tokio::test]
async fn a_head_of_an_authorization_request_obtains_nothing() {
    let server = Server::start(&Database::sqlite()).await;
    let app = server.public_app().await;
    let mut browser = Browser::signed_in(&server).await;
    let pkce = Pkce::fresh();
    let request = app.authorize(&pkce);
    // Agreed to once, so that the next request is answered with a code at once.
    app.code(&mut browser, &request).await;
    let target = format!(
        "/oauth/authorize?{}",
        crate::harness::encode(&request.pairs())
    );
    let seen = browser.send(Request::new("HEAD", &target)).await;
    assert!(seen.location().starts_with("/login?"), "{seen:?}");
    let consent = browser
        .send(Request::new(
            "HEAD",
            target.replace("/oauth/authorize", "/consent"),
        ))
        .await;
    assert!(consent.location().starts_with("/login?"), "{consent:?}");
    let code = browser.send(Request::get(&target)).await;
    assert!(query_of(code.location()).contains_key("code"), "{code:?}");
}
