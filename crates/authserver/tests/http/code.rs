//! Authorization codes: redeemed once, by whom they were made for, within ten minutes.

use crate::harness::{
    A_SECOND, App, Browser, Database, Pkce, SECOND, Server, Tokens, on_both, within,
};
use domain::AuditAction;
use engine::admin::ClientChange;
use std::time::Duration;

on_both!(
    a_code_becomes_tokens_and_a_permanent_record,
    a_replay_with_the_verifier_ends_the_family_on_every_instance,
    a_replay_without_the_verifier_ends_nothing,
    a_code_is_not_spent_by_whoever_cannot_redeem_it,
    a_code_ends_after_ten_minutes,
    a_disabled_user_gets_no_tokens_for_a_code,
    a_lowered_ceiling_holds_for_codes_already_handed_out,
);

struct Stage {
    server: Server,
    app: App,
    browser: Browser,
    pkce: Pkce,
}

impl Stage {
    async fn set(database: &Database) -> Self {
        let server = Server::start(database).await;
        let app = server.confidential_app().await;
        let browser = Browser::signed_in(&server).await;
        Self {
            server,
            app,
            browser,
            pkce: Pkce::fresh(),
        }
    }

    async fn code(&mut self) -> String {
        let request = self.app.authorize(&self.pkce);
        self.app.code(&mut self.browser, &request).await
    }

    async fn redeem(&self, code: &str) -> crate::harness::Reply {
        let request = self.app.redemption(code, &self.pkce.verifier);
        self.server.send(&request).await
    }
}

async fn a_code_becomes_tokens_and_a_permanent_record(database: Database) {
    let mut stage = Stage::set(&database).await;
    let code = stage.code().await;
    let issued = r#"authserver_tokens_issued_total{grant_type="authorization_code"}"#;
    assert_eq!(stage.server.metric(issued).await, 0.0);
    let reply = stage.redeem(&code).await;
    assert_eq!(reply.header("cache-control"), Some("no-store"));
    let tokens = Tokens::of(&reply);
    assert_eq!(tokens.scope, "notes/read");
    assert_eq!(stage.server.metric(issued).await, 1.0);
    let issuance = stage.server.engine.store().issuance(&tokens.jti()).await;
    let issuance = issuance.unwrap().expect("an issuance");
    assert_eq!(issuance.client_id.as_str(), stage.app.client_id);
    let recorded = stage.server.audit(AuditAction::TokenIssued).await;
    assert_eq!(recorded.len(), 1);
    assert!(recorded[0].event.detail.contains(&tokens.jti()));
    let request_id = reply.header("x-request-id").map(str::to_owned);
    assert_eq!(recorded[0].event.request_id, request_id);
}

async fn a_lowered_ceiling_holds_for_codes_already_handed_out(database: Database) {
    let mut stage = Stage::set(&database).await;
    let lower = async |stage: &Stage, scope: &str| {
        let change = ClientChange {
            scope: Some(scope.into()),
            ..ClientChange::default()
        };
        let changed = stage
            .server
            .engine
            .update_client(&stage.app.client_id, change);
        changed.await.unwrap();
    };
    let both = "notes/read notes/write";
    let request = stage.app.authorize(&stage.pkce).with("scope", both);
    let code = stage.app.code(&mut stage.browser, &request).await;
    lower(&stage, "mail/read").await;
    stage.redeem(&code).await.refused(400, "invalid_scope");
    // It was not spent.
    lower(&stage, "notes/write").await;
    let tokens = Tokens::of(&stage.redeem(&code).await);
    assert_eq!(tokens.scope, "notes/write");
    // The user did agree to both.
    lower(&stage, both).await;
    let next = Tokens::of(&stage.app.refresh(&stage.server, &tokens.refresh).await);
    assert_eq!(next.scope, both);
}

async fn a_replay_with_the_verifier_ends_the_family_on_every_instance(database: Database) {
    let mut stage = Stage::set(&database).await;
    let other = stage.server.beside(&database).await;
    let code = stage.code().await;
    let tokens = Tokens::of(&stage.redeem(&code).await);
    for instance in [&*stage.server, &*other] {
        assert!(stage.app.is_active(instance, &tokens.access).await);
    }
    let reused = r#"authserver_auth_code_reuse_total{verifier="valid"}"#;
    let revoked = r#"authserver_tokens_revoked_total{reason="code_reuse"}"#;
    assert_eq!(stage.server.metric(reused).await, 0.0);
    assert_eq!(stage.server.metric(revoked).await, 0.0);

    stage.redeem(&code).await.refused(400, "invalid_grant");

    assert!(!stage.app.is_active(&stage.server, &tokens.access).await);
    within(A_SECOND, "the other instance knows", async || {
        !stage.app.is_active(&other, &tokens.access).await
    })
    .await;
    let refreshed = stage.app.refresh(&other, &tokens.refresh).await;
    refreshed.refused(400, "invalid_grant");
    assert_eq!(stage.server.metric(reused).await, 1.0);
    assert_eq!(stage.server.metric(revoked).await, 1.0);
    assert_eq!(
        stage.server.audit(AuditAction::FamilyRevoked).await.len(),
        1
    );
}

async fn a_replay_without_the_verifier_ends_nothing(database: Database) {
    let mut stage = Stage::set(&database).await;
    let code = stage.code().await;
    let tokens = Tokens::of(&stage.redeem(&code).await);
    let wrong = stage.app.redemption(&code, &Pkce::fresh().verifier);
    let reused = r#"authserver_auth_code_reuse_total{verifier="invalid"}"#;
    assert_eq!(stage.server.metric(reused).await, 0.0);
    stage
        .server
        .send(&wrong)
        .await
        .refused(400, "invalid_grant");
    assert_eq!(stage.server.metric(reused).await, 1.0);
    // Nor does another client that has stolen code and verifier.
    let thief = stage.server.public_app().await;
    let stolen = thief.redemption(&code, &stage.pkce.verifier);
    stage
        .server
        .send(&stolen)
        .await
        .refused(400, "invalid_grant");

    assert!(stage.app.is_active(&stage.server, &tokens.access).await);
    let refreshed = stage.app.refresh(&stage.server, &tokens.refresh).await;
    refreshed.expect(200);
    assert!(
        stage
            .server
            .audit(AuditAction::FamilyRevoked)
            .await
            .is_empty()
    );
}

async fn a_code_is_not_spent_by_whoever_cannot_redeem_it(database: Database) {
    let mut stage = Stage::set(&database).await;
    let code = stage.code().await;
    let (app, server) = (&stage.app, &stage.server);
    let other = server.confidential_app().await;
    let verifier = stage.pkce.verifier.as_str();
    let send = async |app: &App, changed: &[(&str, &str)]| {
        let mut pairs = vec![
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("code_verifier", verifier),
        ];
        for (name, value) in changed {
            pairs.retain(|(own, _)| own != name);
            pairs.push((name, value));
        }
        server.send(&app.call("/oauth/token", &pairs)).await
    };
    let wrong = Pkce::fresh().verifier;
    let same_but_case = verifier.to_ascii_lowercase();
    send(&other, &[]).await.refused(400, "invalid_grant");
    for verifier in [wrong.as_str(), &same_but_case, &stage.pkce.challenge] {
        let reply = send(app, &[("code_verifier", verifier)]).await;
        reply.refused(400, "invalid_grant");
    }
    for (verifier, error) in [
        ("", "invalid_grant"),
        ("short", "invalid_request"),
        (&"v".repeat(129), "invalid_request"),
    ] {
        let reply = send(app, &[("code_verifier", verifier)]).await;
        reply.refused(400, error);
    }
    for uri in ["https://app.example/callback/", "https://evil.example/"] {
        let reply = send(app, &[("redirect_uri", uri)]).await;
        reply.refused(400, "invalid_grant");
    }
    for resource in [SECOND, "https://nowhere.example/"] {
        let reply = send(app, &[("resource", resource)]).await;
        reply.refused(400, "invalid_target");
    }
    let wrong_secret = App {
        secret: Some(String::from("not the secret")),
        ..app.clone()
    };
    send(&wrong_secret, &[])
        .await
        .refused(401, "invalid_client");

    Tokens::of(&stage.redeem(&code).await);
}

async fn a_code_ends_after_ten_minutes(database: Database) {
    let mut stage = Stage::set(&database).await;
    let (in_time, late) = (stage.code().await, stage.code().await);
    stage.server.wait(Duration::from_secs(599));
    stage.redeem(&in_time).await.expect(200);
    stage.server.wait(Duration::from_secs(1));
    stage.redeem(&late).await.refused(400, "invalid_grant");
}

async fn a_disabled_user_gets_no_tokens_for_a_code(database: Database) {
    let mut stage = Stage::set(&database).await;
    let code = stage.code().await;
    let disabled = domain::UserStatus::Disabled;
    let engine = &stage.server.engine;
    engine
        .set_user_status(crate::harness::USER, disabled)
        .await
        .unwrap();
    stage.redeem(&code).await.refused(400, "invalid_grant");
}
