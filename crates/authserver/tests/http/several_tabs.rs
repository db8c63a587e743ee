//! Several authorizations open at once in one browser: what happens in one tab strands no other,
//! and nobody answers for somebody else.

use crate::harness::{
    App, Browser, Database, PASSWORD, Pkce, REDIRECT, Reply, Request, SESSION, Server, USER, field,
    on_both, query_of,
};
use domain::AuditAction;
use std::time::Duration;

on_both!(
    a_second_sign_in_leaves_the_forms_of_the_first_good,
    a_consent_form_of_another_user_is_shown_anew,
    after_signing_out_in_another_tab_an_answer_waits_for_a_sign_in,
);

const GRACE: &str = "grace@example.com";
/// Longer than a form is good for.
const TOO_LONG: Duration = Duration::from_secs(3601);

/// An app, with a tab of the browser on the login page for each of these states.
async fn login_pages<const N: usize>(
    app: &App,
    browser: &mut Browser,
    states: [&str; N],
) -> [Reply; N] {
    let mut pages = Vec::new();
    for state in states {
        let request = app.authorize(&Pkce::fresh()).with("state", state);
        let reply = browser.send(request.request()).await.expect(303);
        let login = reply.location().to_owned();
        pages.push(browser.get(&login).await.expect(200));
    }
    pages.try_into().expect("a page for each")
}

/// Goes where a redirect leads, as long as that is this server.
async fn land(browser: &mut Browser, mut reply: Reply) -> Reply {
    for _ in 0..5 {
        let Some(location) = reply.header("location").filter(|to| to.starts_with('/')) else {
            return reply;
        };
        let location = location.to_owned();
        reply = browser.get(&location).await;
    }
    panic!("no end of redirects: {reply:?}");
}

/// Signs in on a login page and goes on from there.
async fn sign_in(browser: &mut Browser, page: &Reply, user: &str) -> Reply {
    let reply = browser.send_login(page, user, PASSWORD).await.expect(303);
    land(browser, reply).await
}

/// The state that came back with a code.
#[track_caller]
fn answered(reply: &Reply) -> String {
    let location = reply.location();
    assert!(location.starts_with(REDIRECT), "{location}");
    let mut answer = query_of(location);
    assert!(answer.contains_key("code"), "{location}");
    answer.remove("state").expect("a state")
}

async fn a_second_sign_in_leaves_the_forms_of_the_first_good(database: Database) {
    let server = Server::start(&database).await;
    let app = server.public_app().await;
    let mut browser = Browser::new(&server);
    let tabs = login_pages(&app, &mut browser, ["1", "2", "3"]).await;
    let first = sign_in(&mut browser, &tabs[0], USER).await.expect(200);
    let session = browser.session();
    let second = sign_in(&mut browser, &tabs[1], USER).await.expect(200);
    assert_ne!(browser.session(), session, "a sign-in, a session");
    // The third is looked at again, and has nothing to ask.
    let login = Request::query("/login", &[("next", &field(&tabs[2], "next"))]);
    let reply = browser.send(login).await.expect(303);
    let third = land(&mut browser, reply).await.expect(200);
    for (page, state) in [(&first, "1"), (&third, "3"), (&second, "2")] {
        let reply = browser.decide(page, "allow").await.expect(303);
        assert_eq!(answered(&reply), state);
    }
    // Its form is good for somebody who fills it in all the same.
    let reply = sign_in(&mut browser, &tabs[2], USER).await;
    assert_eq!(answered(&reply), "3");
}

#[tokio::test]
async fn forms_first_opened_at_the_same_moment_are_all_good() {
    let server = Server::start(&Database::sqlite()).await;
    let app = server.public_app().await;
    let mut tabs = Vec::new();
    let mut browser = Browser::new(&server);
    for state in ["1", "2", "3"] {
        // None of the requests has a cookie yet.
        let mut tab = Browser::new(&server);
        let [page] = login_pages(&app, &mut tab, [state]).await;
        browser.cookies.append(&mut tab.cookies);
        tabs.push(page);
    }
    let mut questions = Vec::new();
    for tab in &tabs {
        questions.push(sign_in(&mut browser, tab, USER).await.expect(200));
    }
    for (page, state) in questions.iter().zip(["1", "2", "3"]) {
        let reply = browser.decide(page, "allow").await;
        assert_eq!(answered(&reply), state);
    }
}

#[tokio::test]
async fn an_old_login_form_leads_on_who_has_signed_in_meanwhile() {
    let server = Server::start(&Database::sqlite()).await;
    let app = server.public_app().await;
    let mut browser = Browser::new(&server);
    let [one, other] = login_pages(&app, &mut browser, ["1", "2"]).await;
    server.wait(TOO_LONG);
    // Nobody is signed in: the page comes anew, with all that was on it.
    let anew = browser.send_login(&one, USER, PASSWORD).await.expect(403);
    assert_eq!(field(&anew, "next"), field(&one, "next"));
    assert_eq!(browser.session(), None);
    sign_in(&mut browser, &anew, USER).await.expect(200);
    let session = browser.session();
    // The password is not even looked at.
    let reply = browser.send_login(&other, &USER.to_uppercase(), "-").await;
    assert_eq!(reply.location(), field(&other, "next"));
    assert_eq!(browser.session(), session, "nothing has changed");
    // Somebody else wants to sign in, and does so on the new page.
    let anew = browser
        .send_login(&other, GRACE, PASSWORD)
        .await
        .expect(403);
    assert_eq!(browser.session(), session);
    server.add_user(GRACE).await;
    let page = sign_in(&mut browser, &anew, GRACE).await.expect(200);
    assert!(page.body.contains(GRACE));
}

#[tokio::test]
async fn a_forged_login_form_signs_nobody_in_or_over() {
    let server = Server::start(&Database::sqlite()).await;
    server.add_user(GRACE).await;
    let mut attacker = Browser::new(&server);
    let page = attacker.login_page("/").await;
    for mut victim in [Browser::new(&server), Browser::signed_in(&server).await] {
        let session = victim.session();
        let reply = victim.send_login(&page, GRACE, PASSWORD).await;
        assert_eq!(reply.status, 403);
        assert_eq!(victim.session(), session);
    }
}

#[tokio::test]
async fn who_is_asked_to_sign_in_again_is_not_led_past_the_form() {
    let server = Server::start(&Database::sqlite()).await;
    let app = server.public_app().await;
    let mut browser = Browser::signed_in(&server).await;
    let session = browser.session();
    for prompt in ["login", "select_account", "login consent"] {
        let request = app.authorize(&Pkce::fresh()).with("prompt", prompt);
        let reply = browser.send(request.request()).await.expect(303);
        let login = reply.location().to_owned();
        let page = browser.get(&login).await.expect(200);
        server.wait(TOO_LONG);
        let page = browser.send_login(&page, USER, PASSWORD).await.expect(403);
        assert_eq!(browser.session(), session);
        // To leave the wish out of the form does not help.
        let form = ["email", "password", "csrf_token", "next"];
        let values = [
            USER,
            PASSWORD,
            &field(&page, "csrf_token"),
            &field(&page, "next"),
        ];
        let form: Vec<_> = form.into_iter().zip(values).collect();
        browser.post("/login", &form).await.expect(403);
    }
    let request = app.authorize(&Pkce::fresh()).with("prompt", "login");
    let reply = browser.send(request.request()).await;
    let page = land(&mut browser, reply).await.expect(200);
    let page = sign_in(&mut browser, &page, USER).await.expect(200);
    assert_ne!(browser.session(), session);
    let reply = browser.decide(&page, "allow").await;
    assert_eq!(answered(&reply), "a state");
}

async fn a_consent_form_of_another_user_is_shown_anew(database: Database) {
    let server = Server::start(&database).await;
    server.add_user(GRACE).await;
    let app = server.public_app().await;
    // Grace has agreed to the same before, elsewhere.
    let mut elsewhere = Browser::signed_in_as(&server, GRACE).await;
    app.tokens(&mut elsewhere).await;

    let mut browser = Browser::new(&server);
    let [one, other] = login_pages(&app, &mut browser, ["1", "2"]).await;
    let adas = sign_in(&mut browser, &one, USER).await.expect(200);
    sign_in(&mut browser, &other, GRACE).await;
    for decision in ["allow", "deny"] {
        let granted = server.audit(AuditAction::ConsentGranted).await.len();
        let reply = browser.decide(&adas, decision).await.expect(303);
        let page = land(&mut browser, reply).await.expect(200);
        assert!(page.body.contains(GRACE) && !page.body.contains(USER));
        let kept = server.audit(AuditAction::ConsentGranted).await.len();
        assert_eq!(kept, granted, "nobody has agreed");
        let reply = browser.decide(&page, "allow").await;
        assert_eq!(answered(&reply), "1");
    }
    // Ada comes back: her form is good again.
    let page = browser.login_page("/").await;
    sign_in(&mut browser, &page, USER).await.expect(200);
    let reply = browser.decide(&adas, "allow").await;
    assert_eq!(answered(&reply), "1");
}

async fn after_signing_out_in_another_tab_an_answer_waits_for_a_sign_in(database: Database) {
    let server = Server::start(&database).await;
    let app = server.public_app().await;
    let mut browser = Browser::signed_in(&server).await;
    let request = app.authorize(&Pkce::fresh()).request();
    let reply = browser.send(request).await;
    let question = land(&mut browser, reply).await.expect(200);
    browser.sign_out().await.expect(200);
    for decision in ["allow", "deny"] {
        let reply = browser.decide(&question, decision).await.expect(303);
        let login = land(&mut browser, reply).await.expect(200);
        assert!(login.body.contains("Sign in"), "{login:?}");
        assert!(server.audit(AuditAction::ConsentGranted).await.is_empty());
        let question = sign_in(&mut browser, &login, USER).await.expect(200);
        assert!(question.body.contains("name=\"decision\""));
        browser.sign_out().await.expect(200);
    }
}

#[tokio::test]
async fn a_consent_form_that_is_too_old_is_shown_anew() {
    let server = Server::start(&Database::sqlite()).await;
    let app = server.public_app().await;
    let mut browser = Browser::signed_in(&server).await;
    let request = app.authorize(&Pkce::fresh()).request();
    let reply = browser.send(request).await;
    let old = land(&mut browser, reply).await.expect(200);
    server.wait(TOO_LONG);
    let reply = browser.decide(&old, "allow").await.expect(303);
    let anew = land(&mut browser, reply).await.expect(200);
    assert!(server.audit(AuditAction::ConsentGranted).await.is_empty());
    let reply = browser.decide(&anew, "allow").await;
    assert_eq!(answered(&reply), "a state");
}

#[tokio::test]
async fn signing_out_leads_back_to_what_was_asked() {
    let server = Server::start(&Database::sqlite()).await;
    let app = server.public_app().await;
    let mut browser = Browser::signed_in(&server).await;
    let request = app.authorize(&Pkce::fresh()).request();
    let reply = browser.send(request).await;
    let question = land(&mut browser, reply).await.expect(200);
    let mut own = question.clone();
    let (_, form) = question.body.split_once("/logout").expect("a way out");
    form.clone_into(&mut own.body);
    let [token, next] = ["csrf_token", "next"].map(|name| field(&own, name));
    let form = [("csrf_token", token.as_str()), ("next", &next)];
    // It does not depend on the session, and does not age.
    let page = browser.login_page("/").await;
    sign_in(&mut browser, &page, USER).await;
    server.wait(TOO_LONG);
    let elsewhere = [("csrf_token", token.as_str()), ("next", "/elsewhere")];
    browser.post("/logout", &elsewhere).await.expect(403);
    let page = browser.post("/logout", &form).await.expect(200);
    assert_eq!(browser.session(), None);
    assert_eq!(browser.get("/").await.location(), "/login");
    let (_, link) = page.body.split_once("href=\"/login").expect("a link");
    let link = link.split('"').next().unwrap_or_default();
    let login = browser.get(&format!("/login{link}")).await.expect(200);
    let question = sign_in(&mut browser, &login, USER).await.expect(200);
    let reply = browser.decide(&question, "allow").await;
    assert_eq!(answered(&reply), "a state");
}

#[tokio::test]
async fn only_pages_whose_forms_stay_here_restrict_where_forms_lead() {
    let server = Server::start(&Database::sqlite()).await;
    let app = server.public_app().await;
    let mut browser = Browser::new(&server);
    let restricts = |page: &Reply| {
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        policy.contains("form-action 'self'")
    };
    let [login] = login_pages(&app, &mut browser, ["1"]).await;
    assert!(!restricts(&login));
    let refused = browser.send_login(&login, USER, "wrong").await.expect(401);
    assert!(!restricts(&refused));
    let question = sign_in(&mut browser, &refused, USER).await.expect(200);
    assert!(!restricts(&question));
    for next in ["/", "/consent/request?user=x", "/oauth/token"] {
        assert!(restricts(&browser.login_page(next).await), "{next}");
    }
    assert!(!restricts(
        &browser.login_page("/consent?client_id=x").await
    ));
    assert!(restricts(&browser.get("/").await.expect(200)));
    assert!(restricts(
        &browser.get("/oauth/authorize").await.expect(400)
    ));
    assert!(restricts(&browser.sign_out().await.expect(200)));
    assert!(!browser.cookies.contains_key(SESSION));
}
