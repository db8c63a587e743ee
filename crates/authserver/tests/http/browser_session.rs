//! Signing in and out: who a browser belongs to, and what it takes to take it over.

use crate::harness::{
    ADMIN_KEY, Browser, Database, PASSWORD, Reply, Request, SESSION, Server, USER, field, on_both,
};
use domain::AuditAction;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

on_both!(
    a_login_replaces_the_session_that_the_browser_held,
    logout_ends_the_session_on_the_server,
    a_session_ends_after_its_time,
    a_login_is_counted_and_recorded,
    address_and_password_are_what_was_meant_however_they_were_typed,
);

async fn a_login_replaces_the_session_that_the_browser_held(database: Database) {
    let server = Server::start(&database).await;
    let mut browser = Browser::signed_in(&server).await;
    let before = browser.clone();
    browser.sign_in(USER, PASSWORD).await.expect(303);
    assert_ne!(browser.cookies[SESSION], before.cookies[SESSION]);
    assert_eq!(browser.get("/").await.status, 200);
    assert_eq!(
        before.clone().get("/").await.location(),
        "/login",
        "the old one is dead"
    );
}

async fn logout_ends_the_session_on_the_server(database: Database) {
    let server = Server::start(&database).await;
    let mut browser = Browser::signed_in(&server).await;
    let mut stolen = browser.clone();
    stolen.get("/").await.expect(200);
    let reply = browser.sign_out().await.expect(200);
    assert!(reply.header("set-cookie").unwrap().contains("Max-Age=0"));
    assert_eq!(stolen.get("/").await.location(), "/login");
    assert_eq!(server.audit(AuditAction::UserLogout).await.len(), 1);
}

async fn a_session_ends_after_its_time(database: Database) {
    let server = Server::start(&database).await;
    let mut browser = Browser::signed_in(&server).await;
    server.wait(Duration::from_secs(24 * 3600 - 1));
    browser.get("/").await.expect(200);
    server.wait(Duration::from_secs(1));
    assert_eq!(browser.get("/").await.location(), "/login");
}

async fn a_login_is_counted_and_recorded(database: Database) {
    let server = Server::start(&database).await;
    let attempts = |outcome| format!("authserver_login_attempts_total{{outcome=\"{outcome}\"}}");
    for outcome in ["success", "failure", "locked_out"] {
        assert_eq!(server.metric(&attempts(outcome)).await, 0.0);
    }
    let mut browser = Browser::new(&server);
    browser.sign_in(USER, "wrong").await.expect(401);
    assert_eq!(server.metric(&attempts("failure")).await, 1.0);
    let failed = server.audit(AuditAction::UserLoginFailed).await;
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].event.ip.as_deref(), Some("127.0.0.1"));
    browser.sign_in(USER, PASSWORD).await.expect(303);
    assert_eq!(server.metric(&attempts("success")).await, 1.0);
    assert_eq!(server.audit(AuditAction::UserLogin).await.len(), 1);
}

async fn address_and_password_are_what_was_meant_however_they_were_typed(database: Database) {
    let server = Server::start(&database).await;
    // As one keyboard types it, and as another does.
    let [composed, decomposed] = ["Zo\u{eb} caf\u{e9} 12", "Zoe\u{308}\u{a0}cafe\u{301} 12"];
    let [address, other] = ["jos\u{e9}@example.com", "JOSE\u{301}@example.com"];
    let user = json!({"email": other, "password": decomposed});
    let create = Request::json("/admin/users", &user).bearer(ADMIN_KEY);
    let created = server.send_admin(&create).await.expect(201).json();
    assert_eq!(created["email"], address);
    let taken = json!({"email": address, "password": composed});
    let again = Request::json("/admin/users", &taken).bearer(ADMIN_KEY);
    assert_eq!(server.send_admin(&again).await.status, 409);
    for (email, password) in [
        (address, composed),
        (other, decomposed),
        (address, decomposed),
        (" jose\u{301}@EXAMPLE.com", composed),
    ] {
        let reply = Browser::new(&server).sign_in(email, password).await;
        assert_eq!(reply.status, 303, "{email} {password}");
    }
    let mut browser = Browser::new(&server);
    let other_case = browser.sign_in(address, "zo\u{eb} caf\u{e9} 12").await;
    assert_eq!(other_case.status, 401, "case counts in a password");
    // A new password, by the same rule; its length is that of what is kept.
    let path = format!("/admin/users/{}", created["id"].as_str().unwrap());
    let change = |password: &str| {
        Request::new("PATCH", &path)
            .header("content-type", "application/json")
            .body(json!({ "password": password }).to_string())
            .bearer(ADMIN_KEY)
    };
    let short = "e\u{301}".repeat(7);
    assert_eq!(server.send_admin(&change(&short)).await.status, 422);
    let enough = "e\u{301}".repeat(8);
    server.send_admin(&change(&enough)).await.expect(200);
    let typed = "\u{e9}".repeat(8);
    browser.sign_in(address, &typed).await.expect(303);
}

#[tokio::test]
async fn the_session_cookie_is_http_only_lax_and_secure_on_https() {
    let database = Database::sqlite();
    let server = Server::start(&database).await;
    let reply = Browser::new(&server).sign_in(USER, PASSWORD).await;
    let cookie = session_cookie(&reply);
    for flag in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=86400"] {
        assert!(cookie.contains(flag), "{flag}: {cookie}");
    }
    assert!(
        !cookie.contains("Secure"),
        "a browser would not send it back over http"
    );
    assert!(!cookie.contains("Domain"), "for this host alone");

    let database = Database::sqlite();
    let https = [
        ("AUTHPLANE_SERVER_ISSUER", "https://auth.example"),
        (
            "AUTHPLANE_SESSION_SECRET",
            "0c4f1b9e8d7a6c5b4f3e2d1c0b9a8f7e",
        ),
        ("AUTHPLANE_ADMIN_API_KEY", ADMIN_KEY),
        ("AUTHPLANE_SESSION_SAME_SITE", "strict"),
    ];
    let server = Server::with(&database, &https).await;
    let mut browser = Browser::new(&server);
    let reply = browser.sign_in(USER, PASSWORD).await;
    let cookie = session_cookie(&reply);
    assert!(cookie.starts_with("__Host-authserver_session_"), "{cookie}");
    for flag in ["HttpOnly", "SameSite=Strict", "Secure", "Path=/;"] {
        assert!(cookie.contains(flag), "{flag}: {cookie}");
    }
    let page = server.get("/login").await;
    let login_cookie = page.header("set-cookie").unwrap();
    for flag in ["__Host-", "HttpOnly", "Secure", "Path=/;"] {
        assert!(login_cookie.contains(flag), "{flag}: {login_cookie}");
    }
    assert!(page.header("strict-transport-security").is_some());
}

fn session_cookie(reply: &Reply) -> String {
    let mut cookies = reply.all("set-cookie");
    let is_session = |name: &str| name.contains("session") && !name.contains("browser");
    let own = cookies.find(|cookie| cookie.split('=').next().is_some_and(is_session));
    own.unwrap_or_else(|| panic!("a session: {reply:?}"))
        .to_owned()
}

#[tokio::test]
async fn servers_of_one_host_do_not_share_the_name_of_the_session_cookie() {
    let named = async |variables: &[(&str, &str)]| {
        let server = Server::with(&Database::sqlite(), variables).await;
        let reply = Browser::new(&server).sign_in(USER, PASSWORD).await;
        let cookie = session_cookie(&reply);
        cookie.split('=').next().unwrap_or_default().to_owned()
    };
    let issuer = |issuer| [("AUTHPLANE_SERVER_ISSUER", issuer)];
    let own = named(&[]).await;
    assert_eq!(own, SESSION);
    let other = named(&issuer("http://localhost:9100")).await;
    assert_ne!(own, other);
    let below = named(&issuer("http://localhost:9000/auth")).await;
    assert_ne!(own, below);
    let given = named(&[("AUTHPLANE_SESSION_COOKIE_NAME", "session")]).await;
    assert_eq!(given, "session");
}

#[tokio::test]
async fn a_cookie_that_the_server_did_not_sign_is_nobody() {
    let server = Server::start(&Database::sqlite()).await;
    let browser = Browser::signed_in(&server).await;
    let good = browser.cookies[SESSION].clone();
    let (value, signature) = good.rsplit_once('.').unwrap();
    let forged = [
        String::new(),
        value.to_owned(),
        format!("{value}."),
        format!("{value}x.{signature}"),
        format!("{value}.{}", signature.to_uppercase()),
        format!("x.{signature}"),
        String::from("....."),
        "a".repeat(4000),
    ];
    for forged in forged {
        let request = Request::get("/").header("cookie", format!("{SESSION}={forged}"));
        assert_eq!(server.send(&request).await.location(), "/login", "{forged}");
    }
    // The cookie of the login form is signed too, and is not a session.
    let mut stranger = Browser::new(&server);
    stranger.get("/login").await.expect(200);
    let (_, login) = stranger.cookies.first_key_value().unwrap();
    let request = Request::get("/").header("cookie", format!("{SESSION}={login}"));
    assert_eq!(server.send(&request).await.location(), "/login");
}

#[tokio::test]
async fn a_login_form_works_only_in_the_browser_that_opened_it() {
    let server = Server::start(&Database::sqlite()).await;
    let (mut attacker, mut victim) = (Browser::new(&server), Browser::new(&server));
    let page = attacker.get("/login").await.expect(200);
    let token = field(&page, "csrf_token");
    victim.get("/login").await.expect(200);
    let form = [
        ("email", USER),
        ("password", PASSWORD),
        ("csrf_token", &token),
        ("next", "/"),
    ];
    let denied = r#"authserver_auth_denied_total{reason="csrf"}"#;
    assert_eq!(server.metric(denied).await, 0.0);
    let reply = victim.post("/login", &form).await.expect(403);
    assert!(
        !reply
            .all("set-cookie")
            .any(|cookie| cookie.starts_with(&format!("{SESSION}=")))
    );
    assert_eq!(server.metric(denied).await, 1.0);
    // Nor without any cookie, nor without a token, nor for another place to go to.
    server.post("/login", &form).await.expect(403);
    attacker.post("/login", &form[..2]).await.expect(403);
    let mut elsewhere = form;
    elsewhere[3] = ("next", "/oauth/authorize?client_id=evil");
    attacker.post("/login", &elsewhere).await.expect(403);
    attacker.post("/login", &form).await.expect(303);
}

#[tokio::test]
async fn logout_needs_the_token_of_the_browser() {
    let server = Server::start(&Database::sqlite()).await;
    let mut browser = Browser::signed_in(&server).await;
    let mut other = Browser::signed_in(&server).await;
    let foreign = field(&other.get("/").await, "csrf_token");
    for token in ["", "1.x", &foreign] {
        let reply = browser.post("/logout", &[("csrf_token", token)]).await;
        assert_eq!(reply.status, 403, "{token}");
        browser.get("/").await.expect(200);
    }
    assert_eq!(browser.get("/logout").await.status, 405);
}

#[tokio::test]
async fn next_leads_only_to_paths_of_this_server() {
    let server = Server::start(&Database::sqlite()).await;
    let evil = [
        "https://evil.example/",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/%5cevil.example",
        "/%2fevil.example",
        "/%2F%2Fevil.example",
        "/a/..//evil.example",
        "/\tevil.example",
        "/\n/evil.example",
        "\u{1}//evil.example",
        "javascript:alert(1)",
        "http:evil.example",
        "evil.example",
        " /evil",
        "/é",
        "",
        "@evil.example",
    ];
    for next in evil {
        let mut browser = Browser::new(&server);
        let reply = browser.sign_in_for(next, USER, PASSWORD).await.expect(303);
        assert_eq!(reply.location(), "/", "{next:?}");
    }
    for next in ["/", "/oauth/authorize?a=b&c=//d", "/connections"] {
        let mut browser = Browser::new(&server);
        let reply = browser.sign_in_for(next, USER, PASSWORD).await.expect(303);
        assert_eq!(reply.location(), next);
    }
}

#[tokio::test]
async fn too_many_failures_lock_the_identity_out_known_or_not() {
    let server = Server::start(&Database::sqlite()).await;
    let attempts = r#"authserver_login_attempts_total{outcome="locked_out"}"#;
    let mut pages = Vec::new();
    for user in [USER, "nobody@example.com"] {
        let mut browser = Browser::new(&server);
        let mut answers = Vec::new();
        for attempt in 1..=11 {
            let reply = browser.sign_in(user, "wrong").await;
            let status = if attempt < 10 { 401 } else { 429 };
            assert_eq!(reply.status, status, "{user}, attempt {attempt}");
            answers.push(without_what_varies(&reply.body, user));
        }
        pages.push(answers);
        // The right password does not help now, in any spelling of the name.
        for spelling in [user.to_owned(), user.to_uppercase(), format!(" {user} ")] {
            let reply = browser.sign_in(&spelling, PASSWORD).await.expect(429);
            let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=900).contains(&seconds), "{seconds}");
            assert!(
                reply
                    .header("content-type")
                    .unwrap()
                    .starts_with("text/html")
            );
        }
    }
    assert_eq!(pages[0], pages[1], "known and unknown read the same");
    assert_eq!(server.metric(attempts).await, 10.0);
    let locked_out = server.audit(AuditAction::AuthLockedOut).await;
    assert_eq!(locked_out.len(), 2, "recorded once each");
    // Ten each: the one that led to the lockout has failed as well.
    let failed = server.audit(AuditAction::UserLoginFailed).await;
    assert_eq!(failed.len(), 20);
    let identity = "identity=nobody@example.com error=access_denied";
    let why = |reason| format!("{identity} reason={reason}");
    for (rows, why, count) in [
        (locked_out, why("locked_out"), 1),
        (failed, why("login_failed"), 10),
    ] {
        let own = rows.iter().filter(|row| row.event.detail == why);
        assert_eq!(own.count(), count, "{why}");
    }
    server.wait(Duration::from_secs(900));
    let mut browser = Browser::new(&server);
    browser.sign_in(USER, PASSWORD).await.expect(303);
}

/// A page with nonce, form token and user name taken out.
fn without_what_varies(page: &str, user: &str) -> String {
    let mut text = page.replace(user, "USER");
    for start in ["nonce=\"", "name=\"csrf_token\" value=\""] {
        let mut rest = text.as_str();
        let mut out = String::new();
        while let Some((before, after)) = rest.split_once(start) {
            out.push_str(before);
            rest = after.split_once('"').map_or("", |(_, rest)| rest);
        }
        out.push_str(rest);
        text = out;
    }
    text
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guesses_sent_together_get_no_more_tries_than_others() {
    let server = Server::start(&Database::sqlite()).await;
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..60 {
        let mut browser = Browser::new(&server);
        waiting.spawn(async move { browser.sign_in(USER, "wrong").await.status });
    }
    // Those beyond a short queue are refused at once; of the others one is through.
    while waiting.join_next().await.unwrap().unwrap() != 401 {}
    // Not locked yet, but behind all the others.
    let lucky = Browser::new(&server).sign_in(USER, PASSWORD).await;
    assert_eq!(lucky.status, 429, "the guess was one too many");
    let rest = waiting.join_all().await;
    let tried = rest.iter().filter(|status| **status == 401).count();
    assert!(tried < 9, "{tried} more passwords were tried");
}

/// A form that the browser has open, sent with another name and from another address.
async fn guess(browser: &Browser, page: &Reply, user: &str, from: &str) -> Reply {
    let (token, next) = (field(page, "csrf_token"), field(page, "next"));
    let form = [
        ("email", user),
        ("password", "wrong"),
        ("csrf_token", &token),
        ("next", &next),
    ];
    let cookies: Vec<_> = browser
        .cookies
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let request = Request::post("/login", &form)
        .header("cookie", cookies.join("; "))
        .header("x-forwarded-for", from);
    browser.at.send(&request).await
}

const BEHIND_A_PROXY: (&str, &str) = ("AUTHPLANE_SERVER_TRUSTED_PROXIES", "127.0.0.1/32");

#[tokio::test]
async fn the_addresses_of_a_v6_network_are_locked_out_together() {
    let server = Server::with(&Database::sqlite(), &[BEHIND_A_PROXY]).await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/login").await.expect(200);
    for host in 1..10 {
        let reply = guess(&browser, &page, USER, &format!("2001:db8::{host}")).await;
        reply.expect(401);
    }
    guess(&browser, &page, USER, "2001:db8::a:1")
        .await
        .expect(429);
    guess(&browser, &page, USER, "2001:db8::b:2")
        .await
        .expect(429);
    guess(&browser, &page, USER, "2001:db8:0:1::1")
        .await
        .expect(401);
}

#[tokio::test]
async fn a_lockout_does_not_grow_when_the_clock_is_set_back() {
    let server = Server::start(&Database::sqlite()).await;
    let mut browser = Browser::new(&server);
    for _ in 0..10 {
        browser.sign_in(USER, "wrong").await;
    }
    server.clock.set_back(Duration::from_secs(7200));
    let locked = browser.sign_in(USER, PASSWORD).await.expect(429);
    let left: u64 = locked.header("retry-after").unwrap().parse().unwrap();
    assert!(left <= 900, "{left}");
    server.wait(Duration::from_secs(900));
    browser.sign_in(USER, PASSWORD).await.expect(303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_invented_names_keeps_nobody_else_waiting() {
    let server = Server::with(&Database::sqlite(), &[BEHIND_A_PROXY]).await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/login").await.expect(200);
    let mut flood = tokio::task::JoinSet::new();
    for number in 0..150 {
        let (browser, page) = (browser.clone(), page.clone());
        flood.spawn(async move {
            let name = format!("nobody{number}@example.com");
            guess(&browser, &page, &name, "198.51.100.1").await
        });
    }
    let first = flood.join_next().await.unwrap().unwrap();
    assert!(matches!(first.status, 401 | 429), "{first:?}");
    // From another address, in the midst of it.
    let user = guess(&browser, &page, USER, "203.0.113.5").await;
    assert_eq!(
        user.status, 401,
        "served: the password is wrong, and not refused unseen"
    );
    let mut refused = 0;
    while let Some(reply) = flood.join_next().await {
        let reply = reply.unwrap();
        if reply.status == 429 {
            assert_eq!(reply.header("retry-after"), Some("1"));
            refused += 1;
        }
    }
    assert!(refused > 50, "{refused} of 150");
    let throttled = server
        .metric("authserver_login_attempts_total{outcome=\"throttled\"}")
        .await;
    assert!(throttled >= f64::from(refused));
}

#[tokio::test]
async fn an_address_may_sign_in_only_so_often() {
    let limits = [("AUTHPLANE_RATE_LIMIT_ENABLED", "true"), BEHIND_A_PROXY];
    let server = Server::with(&Database::sqlite(), &limits).await;
    let mut browser = Browser::new(&server);
    let page = browser.get("/login").await.expect(200);
    // At once, for what is allowed grows with time.
    let form = Arc::new((browser, page));
    let mut guesses = tokio::task::JoinSet::new();
    for number in 0..60 {
        let form = Arc::clone(&form);
        guesses.spawn(async move {
            let name = format!("nobody{number}@example.com");
            guess(&form.0, &form.1, &name, &format!("2001:db8::{number:x}")).await
        });
    }
    let replies = guesses.join_all().await;
    let mut limited = replies.iter().filter(|reply| reply.status == 429);
    let reply = limited.next().expect("one beyond the limit");
    assert!(reply.header("retry-after").is_some(), "{reply:?}");
    guess(&form.0, &form.1, USER, "203.0.113.5")
        .await
        .expect(401);
}
