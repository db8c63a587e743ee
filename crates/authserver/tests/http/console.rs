//! The operator's console, by its bytes: who gets in, and what forms are taken from whom.

use crate::client_assertions::Key;
use crate::harness::{
    ADMIN_KEY, App, Browser, Database, Instance, REDIRECT, RESOURCE, Reply, Request, Server, USER,
    field, on_both, run_cli,
};
use domain::AuditAction;
use std::time::Duration;

on_both!(
    every_form_is_refused_without_its_token,
    destructive_acts_ask_first_and_name_what_they_end,
    names_are_shown_as_text_wherever_they_stand,
    long_lists_come_in_parts,
    signing_out_ends_the_session_everywhere_and_for_good,
    the_way_a_client_authenticates_is_changed_in_its_form,
);

/// An operator's browser.
#[derive(Clone)]
struct Operator {
    server: Instance,
    cookie: Option<String>,
}

impl Operator {
    fn new(server: &Server) -> Self {
        Self {
            server: **server,
            cookie: None,
        }
    }

    async fn signed_in(server: &Server) -> Self {
        let mut operator = Self::new(server);
        let reply = operator.sign_in(ADMIN_KEY).await.expect(303);
        assert_eq!(reply.header("location"), Some("/admin/ui/"));
        operator
    }

    async fn sign_in(&mut self, key: &str) -> Reply {
        let form = [("key", key), ("next", "")];
        self.send(Request::post("/admin/ui/sign-in", &form)).await
    }

    async fn send(&mut self, request: Request) -> Reply {
        let request = match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        };
        let reply = self.server.send_admin(&request).await;
        for set in reply.all("set-cookie") {
            let pair = set.split(';').next().unwrap_or_default();
            self.cookie = (!set.contains("Max-Age=0")).then(|| pair.to_owned());
        }
        reply
    }

    async fn get(&mut self, path: &str) -> Reply {
        let request = Request::get(format!("/admin/ui{path}")).header("accept", "text/html");
        self.send(request).await
    }

    /// Sends a form with the token of the page at `from`.
    async fn post(&mut self, from: &str, to: &str, fields: &[(&str, &str)]) -> Reply {
        let page = self.get(from).await.expect(200);
        let token = field(&page, "csrf_token");
        let mut fields = fields.to_vec();
        fields.push(("csrf_token", &token));
        self.send(Request::post(&format!("/admin/ui{to}"), &fields))
            .await
    }
}

async fn the_way_a_client_authenticates_is_changed_in_its_form(database: Database) {
    let server = Server::start(&database).await;
    let mut operator = Operator::signed_in(&server).await;
    let app = server.confidential_app().await;
    let edit = format!("/clients/{}/edit", app.client_id);
    let keys = Key::new().jwks().to_string();
    let form = |method: &'static str, keys: &str| {
        [
            ("client_name", "Notebook"),
            ("redirect_uris", REDIRECT),
            ("grant_types", "authorization_code"),
            ("token_endpoint_auth_method", method),
            ("jwks", keys),
        ]
        .map(|(name, value)| (name, value.to_owned()))
    };
    let mut save = async |method, keys: &str| {
        let fields = form(method, keys);
        let fields: Vec<_> = fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        operator.post(&edit, &edit, &fields).await
    };
    save("client_secret_basic", "").await.expect(303);
    let refused = save("private_key_jwt", "").await;
    assert!(
        refused.body.contains("needs jwks or jwks_uri"),
        "{refused:?}"
    );
    let refused = save("private_key_jwt", "{").await;
    assert!(refused.body.contains("not JSON"), "{refused:?}");
    save("private_key_jwt", &keys).await.expect(303);
    let client = server.engine.client(&app.client_id).await.unwrap();
    assert_eq!(
        client.token_endpoint_auth_method.as_str(),
        "private_key_jwt"
    );
    assert_eq!(client.secret_hash, None);
    let shown = save("client_secret_post", &keys).await.expect(200);
    let client = server.engine.client(&app.client_id).await.unwrap();
    assert!(client.secret_hash.is_some() && client.keys.is_none());
    assert!(shown.body.contains(r#"id="secret""#), "the new secret");
}

/// Every form of the console.
const FORMS: [&str; 21] = [
    "/sign-out",
    "/new/client",
    "/clients/x/edit",
    "/clients/x/suspend",
    "/clients/x/reactivate",
    "/clients/x/revoke",
    "/clients/x/rotate-secret",
    "/clients/x/delete",
    "/new/user",
    "/users/x/edit",
    "/users/x/disable",
    "/users/x/delete",
    "/new/resource",
    "/resources/notes/edit",
    "/resources/notes/delete",
    "/new/link",
    "/fronting/a/b",
    "/fronting/a/b/delete",
    "/tokens",
    "/keys/rotate",
    "/system/dcr",
];

async fn every_form_is_refused_without_its_token(database: Database) {
    let server = Server::start(&database).await;
    let mut operator = Operator::signed_in(&server).await;
    let mut other = Operator::signed_in(&server).await;
    let foreign = field(&other.get("/keys/rotate").await, "csrf_token");
    let own = field(&operator.get("/keys/rotate").await, "csrf_token");
    let keys = server.engine.keys().list().len();
    for path in FORMS.map(|path| format!("/admin/ui{path}")) {
        for token in [None, Some(""), Some("x"), Some(&*foreign)] {
            let fields: Vec<_> = token
                .map(|token| ("csrf_token", token))
                .into_iter()
                .collect();
            let reply = operator.send(Request::post(&path, &fields)).await;
            assert_eq!(reply.status, 403, "{path} {token:?}");
        }
        // The token is good, and the form comes from elsewhere.
        for (name, value) in [
            ("origin", "https://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let request = Request::post(&path, &[("csrf_token", &own)]).header(name, value);
            let reply = operator.send(request).await;
            assert_eq!(reply.status, 403, "{path} {name}: {value}");
        }
        let nobody = Operator::new(&server).send(Request::post(&path, &[])).await;
        assert_eq!(nobody.status, 303, "{path}");
        assert_eq!(nobody.header("location"), Some("/admin/ui/sign-in"));
    }
    assert_eq!(server.engine.keys().list().len(), keys);
    server.wait(Duration::from_secs(25 * 60));
    operator.get("/").await.expect(200);
    server.wait(Duration::from_secs(25 * 60));
    operator.get("/").await.expect(200);
    server.wait(Duration::from_secs(15 * 60));
    let late = Request::post("/admin/ui/keys/rotate", &[("csrf_token", &own)]);
    assert_eq!(operator.send(late).await.status, 403, "an hour has passed");
    let done = operator.post("/keys/rotate", "/keys/rotate", &[]).await;
    assert_eq!(
        done.expect(303).header("location"),
        Some("/admin/ui/keys?done=rotated")
    );
    assert_eq!(server.engine.keys().list().len(), keys + 1);
}

#[tokio::test]
async fn the_key_opens_the_console_and_the_session_the_console_alone() {
    let server = Server::start(&Database::sqlite()).await;
    let mut operator = Operator::new(&server);
    let sent_away = operator.get("/clients?q=a%20b").await.expect(303);
    let door = "/admin/ui/sign-in?next=%2Fadmin%2Fui%2Fclients%3Fq%3Da%2520b";
    assert_eq!(sent_away.header("location"), Some(door));
    let refused = operator.sign_in("wrong").await;
    assert_eq!(refused.status, 401);
    assert!(!refused.body.contains("wrong"), "{}", refused.body);
    assert_eq!(server.audit(AuditAction::AdminAuthFailed).await.len(), 1);
    let denied = r#"authserver_auth_denied_total{reason="admin_auth_failed"}"#;
    assert_eq!(server.metric(denied).await, 1.0);

    let form = [("key", ADMIN_KEY), ("next", "/admin/ui/users?q=x")];
    let back = operator
        .send(Request::post("/admin/ui/sign-in", &form))
        .await;
    assert_eq!(
        back.expect(303).header("location"),
        Some("/admin/ui/users?q=x")
    );
    let form = [("key", ADMIN_KEY), ("next", "//evil.example/")];
    let back = operator
        .send(Request::post("/admin/ui/sign-in", &form))
        .await
        .expect(303);
    assert_eq!(back.header("location"), Some("/admin/ui/"));
    let cookie = back.header("set-cookie").unwrap().to_owned();
    for part in [
        "HttpOnly",
        "SameSite=Strict",
        "Path=/admin/ui",
        "Max-Age=1800",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert!(
        !cookie.contains("Secure") && !cookie.contains(ADMIN_KEY),
        "{cookie}"
    );
    let by_tls = Request::post("/admin/ui/sign-in", &form).header("x-forwarded-proto", "https");
    let cookie = Operator::new(&server).send(by_tls).await;
    assert!(cookie.header("set-cookie").unwrap().ends_with("; Secure"));

    // The cookie is none of the API's business, nor the key the console's.
    let session = operator.cookie.clone().unwrap();
    let by_cookie = Request::get("/admin/keys").header("cookie", &session);
    server
        .send_admin(&by_cookie)
        .await
        .refused(401, "invalid_admin_key");
    let by_key = Request::get("/admin/ui/keys").bearer(ADMIN_KEY);
    assert_eq!(server.send_admin(&by_key).await.status, 401);
    let in_query = Request::get(format!("/admin/ui/keys?key={ADMIN_KEY}"));
    assert_eq!(server.send_admin(&in_query).await.status, 401);
    let page = operator.get("/keys").await.expect(200);
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'self'; script-src 'self'"));
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(
        page.header("cross-origin-opener-policy"),
        Some("same-origin")
    );

    // Nor does it open for users, whatever their role.
    let mut user = Browser::signed_in(&server).await;
    let cookies: Vec<_> = user
        .cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let session_of_user = cookies.join("; ");
    user.get("/").await.expect(200);
    for path in ["/admin/ui/keys", "/admin/keys"] {
        let request = Request::get(path).header("cookie", &session_of_user);
        assert_eq!(server.send_admin(&request).await.status, 401, "{path}");
    }

    // A cookie that was tampered with, and one that was signed out.
    for wrong in [format!("{session}x"), session.replacen('.', ".1", 1)] {
        operator.cookie = Some(wrong);
        assert_eq!(operator.get("/").await.status, 303);
    }
    operator.cookie = Some(session.clone());
    operator.post("/", "/sign-out", &[]).await.expect(303);
    assert_eq!(operator.cookie, None);
    operator.cookie = Some(session);
    assert_eq!(operator.get("/").await.status, 303, "it has ended");
}

async fn signing_out_ends_the_session_everywhere_and_for_good(database: Database) {
    let server = Server::start(&database).await;
    let beside = server.beside(&database).await;
    let mut operator = Operator::signed_in(&server).await;
    let mut copy = operator.clone();
    copy.server = *beside;
    let mut other = Operator::signed_in(&server).await;
    copy.get("/").await.expect(200);
    operator.post("/", "/sign-out", &[]).await.expect(303);
    let again = server.beside(&database).await;
    for instance in [*server, *beside, *again] {
        let mut copy = copy.clone();
        copy.server = instance;
        assert_eq!(copy.get("/").await.status, 303, "the session has ended");
        // Neither does its form work, nor is it taken up by signing in.
        let form = [("csrf_token", "x")];
        let reply = copy.send(Request::post("/admin/ui/keys/rotate", &form));
        assert_eq!(reply.await.header("location"), Some("/admin/ui/sign-in"));
        other.server = instance;
        other.get("/").await.expect(200);
    }
    copy.sign_in(ADMIN_KEY).await.expect(303);
    copy.get("/").await.expect(200);
}

#[tokio::test]
async fn the_form_of_clients_offers_what_the_metadata_offers() {
    for variables in [
        &[][..],
        &[("AUTHPLANE_TOKEN_EXCHANGE_ENABLED", "false")],
        &[("AUTHPLANE_CLIENT_CREDENTIALS_ENABLED", "false")],
    ] {
        let server = Server::with(&Database::sqlite(), variables).await;
        let metadata = server.get("/.well-known/oauth-authorization-server");
        let offered = metadata.await.json()["grant_types_supported"].clone();
        let page = Operator::signed_in(&server).await.get("/new/client").await;
        let boxes = page.body.split("name=\"grant_types\" value=\"").skip(1);
        let shown: Vec<_> = boxes.filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(serde_json::json!(shown), offered, "{variables:?}");
    }
}

#[tokio::test]
async fn a_second_sign_in_leaves_the_forms_of_other_tabs_good() {
    let server = Server::start(&Database::sqlite()).await;
    let mut operator = Operator::signed_in(&server).await;
    let token = field(&operator.get("/keys/rotate").await, "csrf_token");
    operator.sign_in(ADMIN_KEY).await.expect(303);
    let form = [("csrf_token", token.as_str())];
    let rotated = operator.send(Request::post("/admin/ui/keys/rotate", &form));
    rotated.await.expect(303);
}

#[tokio::test]
async fn a_session_ends_by_idleness_and_after_half_a_day() {
    let server = Server::start(&Database::sqlite()).await;
    let mut operator = Operator::signed_in(&server).await;
    server.wait(Duration::from_secs(20 * 60));
    operator.get("/charts").await.expect(200);
    server.wait(Duration::from_secs(10 * 60));
    let reason = "idle for half an hour: what a page asks by itself does not count";
    assert_eq!(operator.get("/").await.status, 303, "{reason}");
    let mut operator = Operator::signed_in(&server).await;
    for _ in 0..35 {
        server.wait(Duration::from_secs(20 * 60));
        operator.get("/").await.expect(200);
    }
    server.wait(Duration::from_secs(20 * 60));
    assert_eq!(
        operator.get("/").await.status,
        303,
        "twelve hours have passed"
    );
}

#[tokio::test]
async fn scripts_without_a_session_are_told_and_files_are_kept_for_good() {
    let server = Server::start(&Database::sqlite()).await;
    let bare = Request::get("/admin/ui/audit/stream").header("accept", "text/event-stream");
    assert_eq!(server.send_admin(&bare).await.status, 401);
    let page = Operator::new(&server)
        .get("/sign-in")
        .await
        .expect(200)
        .body;
    let from = page.find("/admin/ui/assets/").unwrap();
    let path = page[from..].split('"').next().unwrap();
    let style = server.send_admin(&Request::get(path)).await.expect(200);
    assert_eq!(
        style.header("content-type"),
        Some("text/css; charset=utf-8")
    );
    let kept = style.header("cache-control").unwrap();
    assert!(kept.contains("immutable"), "{kept}");
    let other = Request::get("/admin/ui/assets/console-0000000000000000.css");
    assert_eq!(server.send_admin(&other).await.status, 404);
    let mut operator = Operator::signed_in(&server).await;
    assert_eq!(operator.get("/nowhere").await.status, 404);
    assert_eq!(operator.get("/clients/nobody").await.status, 404);
    assert_eq!(
        operator.get("/resources/new").await.status,
        404,
        "a slug like any other"
    );
    assert_eq!(operator.get("/clients?cursor=x").await.status, 400);
    assert_eq!(operator.get("/clients/%FF").await.status, 400);
    let odd = operator
        .post("/", "/new/client", &[("client_name", "a\0b")])
        .await;
    assert_eq!(odd.status, 400);
}

async fn destructive_acts_ask_first_and_name_what_they_end(database: Database) {
    let server = Server::start(&database).await;
    let app = server.public_app().await;
    app.tokens(&mut Browser::signed_in(&server).await).await;
    let mut operator = Operator::signed_in(&server).await;
    let id = &app.client_id;
    let user = server.engine.user(USER).await.expect("the user");

    let asked = operator
        .get(&format!("/users/{}/force-logout", user.id))
        .await
        .expect(200)
        .body;
    assert!(asked.contains("It ends 1 browser session."), "{asked}");
    assert!(
        asked.contains("It ends 1 authorization with its refresh token."),
        "{asked}"
    );
    assert!(asked.contains("It ends 1 access token."), "{asked}");
    let page = format!("/clients/{id}/delete");
    let asked = operator.get(&page).await.expect(200);
    assert!(asked.body.contains("It ends 1 consent."), "{}", asked.body);
    assert_eq!(
        server
            .engine
            .client(id)
            .await
            .expect("still there")
            .id
            .as_str(),
        id
    );

    // Somebody changes it between the question and the answer.
    let version = field(&asked, "version");
    server.wait(Duration::from_secs(1));
    let change = engine::admin::ClientChange {
        name: Some("Renamed".into()),
        ..Default::default()
    };
    server
        .engine
        .update_client(id, change)
        .await
        .expect("a change");
    let stale = operator.post(&page, &page, &[("version", &version)]).await;
    assert_eq!(stale.status, 412);
    let version = field(&operator.get(&page).await, "version");
    let done = operator
        .post(&page, &page, &[("version", &version)])
        .await
        .expect(303);
    assert_eq!(
        done.header("location"),
        Some("/admin/ui/clients?done=deleted")
    );
    assert_eq!(operator.get(&format!("/clients/{id}")).await.status, 404);

    let page = format!("/users/{}/disable", user.id);
    operator.post(&page, &page, &[]).await.expect(303);
    assert_eq!(server.audit(AuditAction::UserDisabled).await.len(), 1);
    let edit = operator
        .get(&format!("/users/{}/edit", user.id))
        .await
        .expect(200);
    let version = field(&edit, "version");
    server.wait(Duration::from_secs(1));
    server
        .engine
        .set_user_status(USER, domain::UserStatus::Active)
        .await
        .expect("enabled");
    let fields = [
        ("version", &*version),
        ("email", USER),
        ("name", "Typed <b>"),
        ("role", "user"),
    ];
    let page = format!("/users/{}/edit", user.id);
    let stale = operator.post(&page, &page, &fields).await;
    assert_eq!(stale.status, 412);
    assert!(
        stale.body.contains("Typed &#60;b&#62;"),
        "what was typed is kept"
    );
}

async fn names_are_shown_as_text_wherever_they_stand(database: Database) {
    const HARM: &str = "<i>\"'&\u{202e}";
    let server = Server::start(&database).await;
    let mut operator = Operator::signed_in(&server).await;
    let new = [
        ("client_name", HARM),
        ("agent", "true"),
        ("agent_description", HARM),
        ("grant_types", "client_credentials"),
    ];
    let made = operator
        .post("/new/client", "/new/client", &new)
        .await
        .expect(200)
        .body;
    let id = made
        .split("id=\"client-id\">")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap()
        .to_owned();
    let user = [
        ("email", "i@example.com"),
        ("name", HARM),
        ("password", "long enough"),
    ];
    operator
        .post("/new/user", "/new/user", &user)
        .await
        .expect(303);
    let scopes = format!("read | {HARM}");
    let resource = [
        ("slug", "harm"),
        ("uri", "https://harm.example/mcp"),
        ("display_name", HARM),
        ("scopes", &*scopes),
    ];
    operator
        .post("/new/resource", "/new/resource", &resource)
        .await
        .expect(303);
    // A client that names itself in the trail.
    let stranger = App {
        client_id: "<i>".into(),
        secret: None,
    };
    let asked = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
    server
        .send(&stranger.call("/oauth/token", &asked))
        .await
        .expect(401);
    let user = server.engine.user("i@example.com").await.expect("the user");
    // An address that no operator may choose any more, and an older one may have chosen.
    let marked = domain::User {
        email: "<i>@example.com".into(),
        ..user
    };
    let user = marked.id.clone();
    let stored = server.engine.store().update_user(marked, false, Vec::new());
    stored.await.expect("stored");
    for path in [
        "/".into(),
        "/clients".into(),
        "/clients?q=%3Ci%3E".into(),
        format!("/clients/{id}"),
        format!("/clients/{id}/edit"),
        format!("/clients/{id}/delete"),
        "/users".into(),
        format!("/users/{user}"),
        format!("/users/{user}/edit"),
        format!("/users/{user}/delete"),
        "/resources".into(),
        "/resources/harm".into(),
        "/resources/harm/edit".into(),
        "/resources/harm/delete".into(),
        "/audit?q=%3Ci%3E".into(),
        "/tokens?user=%3Ci%3E".into(),
        "/grants?user=%3Ci%3E".into(),
        "/issuances?user=%3Ci%3E&client=%22%3Ci%3E".into(),
    ] {
        let page = operator.get(&path).await.expect(200).body;
        assert!(page.contains("&#60;i&#62;"), "{path} shows it");
        assert!(!page.contains("<i>"), "{path}: {page}");
        if !path.contains("edit") {
            assert!(!page.contains('\u{202e}'), "{path} turns text around");
        }
    }
}

async fn long_lists_come_in_parts(database: Database) {
    let server = Server::start(&database).await;
    for _ in 0..120 {
        server.public_app().await;
    }
    let mut operator = Operator::signed_in(&server).await;
    let (mut path, mut seen) = ("/clients".to_owned(), Vec::new());
    loop {
        let page = operator.get(&path).await.expect(200).body;
        let rows = page.split("<td data-label=\"Client id\"><code>").skip(1);
        seen.extend(rows.map(|row| row.split('<').next().unwrap().to_owned()));
        let Some((before, _)) = page.split_once("\">Older</a>") else {
            break;
        };
        let href = before
            .rsplit("href=\"")
            .next()
            .unwrap()
            .replace("&#38;", "&");
        path = href.strip_prefix("/admin/ui").unwrap().to_owned();
    }
    let all = seen.len();
    seen.sort();
    seen.dedup();
    assert_eq!((seen.len(), all), (120, 120));
}

#[tokio::test]
async fn what_another_process_changes_is_seen_at_once() {
    let database = Database::sqlite();
    let server = Server::start(&database).await;
    let mut operator = Operator::signed_in(&server).await;
    let made = [
        "admin",
        "user",
        "create",
        "--email",
        "new@example.com",
        "--password",
        "long enough",
    ];
    assert!(run_cli(&database, &made).status.success());
    let page = operator.get("/users").await.expect(200).body;
    assert!(page.contains("new@example.com"));
}

#[tokio::test]
async fn what_there_is_to_know_of_a_new_resource_is_said_at_once() {
    let server = Server::start(&Database::sqlite()).await;
    let mut operator = Operator::signed_in(&server).await;
    let form = [
        ("slug", "diary"),
        ("uri", "https://Diary.example:443/mcp"),
        ("scopes", "notes/read"),
        ("token_typ", "JWT"),
    ];
    let made = operator.post("/new/resource", "/new/resource", &form).await;
    let page = made.expect(200).body;
    for part in [
        "is kept as https://diary.example/mcp",
        "notes/read belong to diary, notes",
        "<code>JWT</code>",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let client = [
        ("client_name", "Cron"),
        ("grant_types", "client_credentials"),
        ("scope", "notes/read"),
        ("default_resource", "https://diary.example/mcp"),
    ];
    let made = operator.post("/new/client", "/new/client", &client).await;
    made.expect(200);
    let page = operator.get("/clients?q=Cron").await.expect(200).body;
    let path = page.split("href=\"/admin/ui/clients/").nth(1);
    let path = path.and_then(|rest| rest.split('"').next()).unwrap();
    let page = operator.get(&format!("/clients/{path}")).await.expect(200);
    assert!(
        page.body
            .contains("<a href=\"/admin/ui/resources/diary\">diary</a>")
    );
    let page = operator.get("/resources/diary/delete").await.expect(200);
    assert!(page.body.contains("lose their default"), "{page:?}");
}
