//! The page behind a `consent_url`: it asks the right user, for what was to be exchanged.

use super::{ARCHIVE, Stage};
use crate::harness::{Browser, Database, PASSWORD, Reply, USER, field, on_both};
use domain::AuditAction;
use std::time::Duration;

on_both!(
    who_allows_on_the_page_lets_the_exchange_through,
    who_denies_changes_nothing,
    the_page_is_for_the_user_of_the_token_alone,
    a_link_that_was_changed_or_has_ended_asks_nothing,
    the_form_needs_its_token,
    a_form_that_is_too_old_or_of_a_session_that_ended_is_shown_anew,
    what_is_gone_cannot_be_agreed_to,
);

/// The path and query of a link to this server.
fn local(url: &str) -> &str {
    url.strip_prefix("http://localhost:9000")
        .expect("a link to this server")
}

async fn answer(browser: &mut Browser, url: &str, decision: &str) -> Reply {
    let page = browser.get(local(url)).await.expect(200);
    browser.answer("/consent/request", &page, decision).await
}

/// Follows the link and agrees.
pub(super) async fn allow(browser: &mut Browser, url: &str) {
    answer(browser, url, "allow").await.expect(200);
}

/// A stage on which the consent to the archive is all that is missing, and the link to it.
async fn ready(database: &Database) -> (Stage, String) {
    let stage = Stage::set(database).await;
    stage.archive(&[&stage.agent], &[]).await;
    let url = missing(&stage).await;
    (stage, url)
}

async fn missing(stage: &Stage) -> String {
    let reply = stage.delegate().await.refused(400, "consent_required");
    reply.json()["consent_url"].as_str().unwrap().to_owned()
}

async fn who_allows_on_the_page_lets_the_exchange_through(database: Database) {
    let (mut stage, url) = ready(&database).await;
    let page = stage.browser.get(local(&url)).await.expect(200);
    for shown in [
        "Notebook",
        "archive",
        "May notes/read",
        "Your answer stays with this server",
    ] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    assert!(!page.body.contains("offline_access"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self';"), "{policy}");
    let done = answer(&mut stage.browser, &url, "allow").await.expect(200);
    assert!(done.body.contains("You allowed it"), "{done:?}");
    stage.delegate().await.expect(200);
    let granted = stage.server.audit(AuditAction::ConsentGranted).await;
    let this = granted
        .iter()
        .find(|own| own.event.resource.as_deref() == Some(ARCHIVE));
    let client = this.expect("a row of it").event.client_id.clone();
    assert_eq!(client.as_deref(), Some(stage.app.client_id.as_str()));
}

async fn who_denies_changes_nothing(database: Database) {
    let (mut stage, url) = ready(&database).await;
    let done = answer(&mut stage.browser, &url, "deny").await.expect(200);
    assert!(done.body.contains("You did not allow it"), "{done:?}");
    missing(&stage).await;
    assert_eq!(
        stage.server.audit(AuditAction::ConsentDenied).await.len(),
        1
    );
    answer(&mut stage.browser, &url, "perhaps")
        .await
        .expect(400);
}

async fn the_page_is_for_the_user_of_the_token_alone(database: Database) {
    let (stage, url) = ready(&database).await;
    let mut nobody = Browser::new(&stage.server);
    let login = nobody.get(local(&url)).await;
    assert!(login.location().starts_with("/login?next="), "{login:?}");
    stage.server.add_user("eve@example.com").await;
    let mut eve = Browser::signed_in_as(&stage.server, "eve@example.com").await;
    let refused = eve.get(local(&url)).await.expect(403);
    assert!(refused.body.contains("for another person"), "{refused:?}");
    missing(&stage).await;
    // Whoever signs in on the way is led back to the question.
    let next = local(&url).to_owned();
    let back = nobody.sign_in_for(&next, USER, PASSWORD).await;
    assert_eq!(back.location(), next);
    allow(&mut nobody, &url).await;
    stage.delegate().await.expect(200);
}

async fn a_link_that_was_changed_or_has_ended_asks_nothing(database: Database) {
    let (mut stage, url) = ready(&database).await;
    let changed = [
        url.replace("scope=notes%2Fread", "scope=notes%2Fread+notes%2Fpurge"),
        url.replace("ends=", "ends=9"),
        url.replace(&stage.app.client_id, &stage.agent.client_id),
        url.split("&signature").next().unwrap().to_owned(),
        format!("{url}x"),
    ];
    for link in changed {
        assert_ne!(link, url);
        let reply = stage.browser.get(local(&link)).await;
        assert!([400, 403].contains(&reply.status), "{reply:?}");
    }
    stage.server.wait(Duration::from_secs(24 * 3600));
    let mut browser = Browser::signed_in(&stage.server).await;
    browser.get(local(&url)).await.expect(403);
}

async fn the_form_needs_its_token(database: Database) {
    let (mut stage, url) = ready(&database).await;
    let page = stage.browser.get(local(&url)).await.expect(200);
    let request = field(&page, "request");
    let form = [("request", request.as_str()), ("decision", "allow")];
    stage
        .browser
        .post("/consent/request", &form)
        .await
        .expect(403);
    // The token is for this form alone.
    let reply = stage.browser.answer("/consent", &page, "allow").await;
    assert_eq!(reply.status, 403, "{reply:?}");
    missing(&stage).await;
}

async fn a_form_that_is_too_old_or_of_a_session_that_ended_is_shown_anew(database: Database) {
    let (mut stage, url) = ready(&database).await;
    let path = "/consent/request";
    let page = stage.browser.get(local(&url)).await.expect(200);
    stage.browser.sign_out().await.expect(200);
    let reply = stage.browser.answer(path, &page, "allow").await;
    let login = reply.expect(303).location().to_owned();
    let login = stage.browser.get(&login).await.expect(200);
    let browser = &mut stage.browser;
    let reply = browser.send_login(&login, USER, PASSWORD).await;
    assert_eq!(reply.location(), local(&url));
    stage.server.wait(Duration::from_secs(3601));
    let reply = stage.browser.answer(path, &page, "allow").await;
    assert_eq!(reply.expect(303).location(), local(&url));
    let agreed = async || stage.server.audit(AuditAction::ConsentGranted).await.len();
    let before = agreed().await;
    allow(&mut stage.browser, &url).await;
    assert_eq!(agreed().await, before + 1);
}

async fn what_is_gone_cannot_be_agreed_to(database: Database) {
    let (mut stage, url) = ready(&database).await;
    let engine = &stage.server.engine;
    engine
        .delete_resource("archive", store::Deletion::default())
        .await
        .unwrap();
    let reply = stage.browser.get(local(&url)).await.expect(400);
    assert!(reply.body.contains("no longer registered"), "{reply:?}");
}
