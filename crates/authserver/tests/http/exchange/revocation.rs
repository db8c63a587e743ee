//! How far a revocation reaches, and that nothing slips past one.

use super::{ARCHIVE, Stage, access, exchange, machine, machine_token, resource};
use crate::harness::{
    A_SECOND, App, Browser, Database, RESOURCE, Server, Tokens, USER, on_both, within,
};
use domain::{ConsentGrant, UserStatus};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use std::collections::HashSet;
use store::{Deletion, Page};

on_both!(
    a_consent_ends_everything_exchanged_under_it_on_every_instance,
    a_consent_ends_nothing_that_rests_on_another,
    a_single_token_ends_alone,
    a_consent_ends_its_families_by_whatever_name_the_resource_went,
    nothing_of_a_deleted_resource_works_for_one_of_the_same_name,
    a_token_of_a_revoked_client_is_dead_even_if_revocation_missed_it,
    a_family_takes_what_was_exchanged_from_it_along,
    a_revoked_client_takes_what_was_exchanged_from_its_tokens_along,
    a_disabled_user_ends_it_all,
    a_consent_revoked_amid_exchanges_wins,
    whatever_the_order_no_token_survives_the_consent_it_rests_on,
);

async fn consents(server: &Server) -> Vec<ConsentGrant> {
    let consents = server.engine.consents(USER, None, &Page::default()).await;
    consents.expect("consents").rows
}

/// Takes back what the user agreed to for this resource.
async fn revoke_consent(server: &Server, slug: &str) {
    let resource = server.engine.resource(slug).await.unwrap();
    for consent in consents(server).await {
        if consent.resource_id == resource.id {
            let ended = server.engine.revoke_consent(consent.id.as_str()).await;
            ended.expect("a revocation");
        }
    }
}

/// notes → archive → desk: the app's token, the agent's, and the tool's.
async fn chain(database: &Database) -> (Stage, App, [String; 3]) {
    let mut stage = Stage::set(database).await;
    let tool = machine(&stage.server, "Tool", false).await;
    stage.archive(&[&stage.agent], &[]).await;
    stage.agree("notes/read").await;
    let desk = ("desk", "https://desk.example/");
    resource(&stage.server, desk, &["notes/read"], &[&tool], &[]).await;
    let second = access(&stage.delegate().await);
    let third = exchange(&stage.server, &tool, &second, &[("resource", "desk")]).await;
    let third = third.refused(400, "consent_required").json();
    let url = third["consent_url"].as_str().unwrap();
    super::consent::allow(&mut stage.browser, url).await;
    let third = exchange(&stage.server, &tool, &second, &[("resource", "desk")]).await;
    let tokens = [stage.tokens.access.clone(), second, access(&third)];
    (stage, tool, tokens)
}

async fn alive(
    at: &crate::harness::Instance,
    stage: &Stage,
    tool: &App,
    tokens: &[String; 3],
) -> [bool; 3] {
    [
        stage.app.is_active(at, &tokens[0]).await,
        stage.agent.is_active(at, &tokens[1]).await,
        tool.is_active(at, &tokens[2]).await,
    ]
}

async fn a_consent_ends_everything_exchanged_under_it_on_every_instance(database: Database) {
    let (stage, tool, tokens) = chain(&database).await;
    let other = stage.server.beside(&database).await;
    assert_eq!(alive(&other, &stage, &tool, &tokens).await, [true; 3]);
    let series = r#"authserver_tokens_revoked_total{reason="consent"}"#;
    assert_eq!(stage.server.metric(series).await, 0.0);
    // Beside the two at the end of the chain, one the user got in agreeing to the archive.
    revoke_consent(&stage.server, "archive").await;
    let left = [true, false, false];
    assert_eq!(alive(&stage.server, &stage, &tool, &tokens).await, left);
    assert_eq!(stage.server.metric(series).await, 3.0);
    within(A_SECOND, "the other instance knows", async || {
        alive(&other, &stage, &tool, &tokens).await == left
    })
    .await;
    stage.delegate().await.refused(400, "consent_required");
    let again = exchange(&stage.server, &tool, &tokens[1], &[("resource", "desk")]).await;
    again.refused(400, "invalid_request");
}

async fn a_consent_ends_nothing_that_rests_on_another(database: Database) {
    let (stage, tool, tokens) = chain(&database).await;
    revoke_consent(&stage.server, "desk").await;
    let left = [true, true, false];
    assert_eq!(alive(&stage.server, &stage, &tool, &tokens).await, left);
    let refreshed = stage
        .app
        .refresh(&stage.server, &stage.tokens.refresh)
        .await;
    let refreshed = Tokens::of(&refreshed);
    revoke_consent(&stage.server, "notes").await;
    assert_eq!(
        alive(&stage.server, &stage, &tool, &tokens).await,
        [false; 3]
    );
    assert!(!stage.app.is_active(&stage.server, &refreshed.access).await);
    let dead = stage.app.refresh(&stage.server, &refreshed.refresh).await;
    dead.refused(400, "invalid_grant");
}

async fn a_single_token_ends_alone(database: Database) {
    let (stage, tool, tokens) = chain(&database).await;
    stage
        .app
        .revoke(&stage.server, &tokens[0])
        .await
        .expect(200);
    let left = [false, true, true];
    assert_eq!(alive(&stage.server, &stage, &tool, &tokens).await, left);
    let jti = crate::harness::Jwt::read(&tokens[1]).claims["jti"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(stage.server.engine.revoke_issuance(&jti).await.unwrap());
    assert!(!stage.server.engine.revoke_issuance(&jti).await.unwrap());
    let left = [false, false, true];
    assert_eq!(alive(&stage.server, &stage, &tool, &tokens).await, left);
    let recorded = stage
        .server
        .audit(domain::AuditAction::IssuanceRevokedAdmin)
        .await;
    assert_eq!(recorded.len(), 1);
}

/// A resource that had no URI, so that its slug is what families remember.
async fn a_consent_ends_its_families_by_whatever_name_the_resource_went(database: Database) {
    let stage = Stage::set(&database).await;
    let engine = &stage.server.engine;
    let nameless = engine::admin::NewResource {
        slug: "desk".into(),
        uri: None,
        backend_kind: domain::BackendKind::Mint,
        display_name: None,
        scopes: engine.resource("notes").await.unwrap().scopes.clone(),
        token_typ: domain::TokenTyp::default(),
        policy: domain::Policy::default(),
    };
    engine.create_resource(nameless).await.unwrap();
    let mut browser = Browser::signed_in(&stage.server).await;
    let desk = |request: crate::harness::Authorize| request.with("resource", "desk");
    let tokens = stage.app.tokens_for(&mut browser, desk).await;
    let named = engine::admin::ResourceChange {
        uri: Some("https://desk.example/".into()),
        ..engine::admin::ResourceChange::default()
    };
    engine.update_resource("desk", named).await.unwrap();
    let refreshed = stage.app.refresh(&stage.server, &tokens.refresh).await;
    let refreshed = Tokens::of(&refreshed);
    revoke_consent(&stage.server, "desk").await;
    assert!(!stage.app.is_active(&stage.server, &refreshed.access).await);
    let dead = stage.app.refresh(&stage.server, &refreshed.refresh).await;
    dead.refused(400, "invalid_grant");
}

async fn nothing_of_a_deleted_resource_works_for_one_of_the_same_name(database: Database) {
    let (stage, tool, tokens) = chain(&database).await;
    let engine = &stage.server.engine;
    engine
        .delete_resource("notes", Deletion::FORCED)
        .await
        .unwrap();
    let scopes = ["notes/read", "notes/write"];
    resource(&stage.server, ("notes", RESOURCE), &scopes, &[], &[]).await;
    assert_eq!(
        alive(&stage.server, &stage, &tool, &tokens).await,
        [false; 3]
    );
    let dead = stage
        .app
        .refresh(&stage.server, &stage.tokens.refresh)
        .await;
    dead.refused(400, "invalid_grant");
}

/// As an instance may do that has not heard of the revocation yet.
async fn a_token_of_a_revoked_client_is_dead_even_if_revocation_missed_it(database: Database) {
    let stage = Stage::set(&database).await;
    let engine = &stage.server.engine;
    let site = machine(&stage.server, "Site", false).await;
    engine
        .add_runtime_client("notes", &site.client_id)
        .await
        .unwrap();
    let jti = stage.tokens.jti();
    let mut late = engine.issuance(&jti).await.unwrap();
    let status = domain::ClientStatus::Revoked;
    engine
        .set_client_status(&stage.app.client_id, status)
        .await
        .unwrap();
    late.jti = domain::new_uuid(&domain::SystemClock, &domain::SystemRng).into();
    let jwt = crate::harness::Jwt::read(&stage.tokens.access).claim("jti", late.jti.as_str());
    let keys = engine.keys();
    let signature = keys
        .sign(&keys.active(), jwt.signing_input().as_bytes())
        .await;
    let token = jwt
        .signed(|_| signature.unwrap().as_ref().to_vec())
        .assemble();
    let issue = store::Issue {
        issuance: late,
        audit: domain::AuditEvent::new(domain::AuditAction::TokenIssued, "test"),
        proof: None,
    };
    engine.store().issue(issue).await.unwrap();
    assert!(!site.is_active(&stage.server, &token).await);
}

async fn a_family_takes_what_was_exchanged_from_it_along(database: Database) {
    let (stage, tool, tokens) = chain(&database).await;
    stage
        .app
        .revoke(&stage.server, &stage.tokens.refresh)
        .await
        .expect(200);
    assert_eq!(
        alive(&stage.server, &stage, &tool, &tokens).await,
        [false; 3]
    );
}

async fn a_revoked_client_takes_what_was_exchanged_from_its_tokens_along(database: Database) {
    let (stage, tool, tokens) = chain(&database).await;
    let other = stage.server.beside(&database).await;
    assert_eq!(alive(&other, &stage, &tool, &tokens).await, [true; 3]);
    let status = domain::ClientStatus::Revoked;
    let engine = &stage.server.engine;
    engine
        .set_client_status(&stage.agent.client_id, status)
        .await
        .unwrap();
    assert!(stage.app.is_active(&stage.server, &tokens[0]).await);
    assert!(!tool.is_active(&stage.server, &tokens[2]).await);
    within(A_SECOND, "the other instance knows", async || {
        !tool.is_active(&other, &tokens[2]).await
    })
    .await;
}

async fn a_disabled_user_ends_it_all(database: Database) {
    let (stage, tool, tokens) = chain(&database).await;
    let engine = &stage.server.engine;
    engine
        .set_user_status(USER, UserStatus::Disabled)
        .await
        .unwrap();
    assert_eq!(
        alive(&stage.server, &stage, &tool, &tokens).await,
        [false; 3]
    );
    engine
        .set_user_status(USER, UserStatus::Active)
        .await
        .unwrap();
    assert_eq!(
        alive(&stage.server, &stage, &tool, &tokens).await,
        [false; 3]
    );
}

/// Two instances exchange as fast as they can while the consent is taken back at one of them:
/// whatever was handed out is dead afterwards.
async fn a_consent_revoked_amid_exchanges_wins(database: Database) {
    let mut stage = Stage::set(&database).await;
    let other = stage.server.beside(&database).await;
    stage.archive(&[&stage.agent, &stage.app], &[]).await;
    for round in 0..12 {
        stage.tokens = stage.app.tokens(&mut stage.browser).await;
        stage.agree("notes/read").await;
        // Every other round the consent of the subject itself, two steps away.
        let slug = ["archive", "notes"][round % 2];
        let begun = tokio::sync::Notify::new();
        let exchanges = async |server: &Server| {
            let mut handed_out = Vec::new();
            loop {
                let subject = &stage.tokens.access;
                let to = [("resource", ARCHIVE)];
                let reply = exchange(server, &stage.agent, subject, &to).await;
                if reply.status != 200 {
                    return handed_out;
                }
                handed_out.push(access(&reply));
                begun.notify_one();
            }
        };
        let revoke = async {
            begun.notified().await;
            revoke_consent(&stage.server, slug).await;
        };
        let (mut one, two, ()) = tokio::join!(exchanges(&stage.server), exchanges(&other), revoke);
        one.extend(two);
        for token in one {
            assert!(
                !stage.agent.is_active(&stage.server, &token).await,
                "round {round}"
            );
        }
    }
}

/// Something that happens to the tokens so far.
#[derive(Debug, Clone)]
enum Step {
    /// The user signs in to the app for this resource.
    Authorize(usize),
    /// Somebody exchanges one of the tokens for this resource.
    Exchange {
        caller: usize,
        token: usize,
        target: usize,
    },
    /// The user takes back one of the consents.
    RevokeConsent(usize),
    /// One token is revoked.
    RevokeToken(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0..3_usize).prop_map(Step::Authorize),
        6 => (0..3_usize, 0..64_usize, 0..3_usize)
            .prop_map(|(caller, token, target)| Step::Exchange { caller, token, target }),
        1 => (0..64_usize).prop_map(Step::RevokeConsent),
        1 => (0..64_usize).prop_map(Step::RevokeToken),
    ];
    proptest::collection::vec(step, 40)
}

/// A token, the one it was exchanged from, and the consent it rests on.
struct Held {
    token: String,
    parent: Option<usize>,
    consent: (String, usize),
}

/// The spec's own model beside the server: consents by client and resource, and who descends
/// from whom.
async fn whatever_the_order_no_token_survives_the_consent_it_rests_on(database: Database) {
    let server = Server::start(&database).await;
    let mut apps = Vec::new();
    for name in ["One", "Two", "Three"] {
        apps.push(machine(&server, name, false).await);
    }
    let everyone: Vec<&App> = apps.iter().collect();
    let resources = [
        ("first", "https://first.example/"),
        ("second", "https://second.example/"),
        ("third", "https://third.example/"),
    ];
    for one in resources {
        resource(&server, one, &["notes/read"], &everyone, &everyone).await;
    }
    let mut browser = Browser::signed_in(&server).await;
    let mut runner = TestRunner::deterministic();
    for _ in 0..8 {
        let steps = steps().new_tree(&mut runner).unwrap().current();
        let mut held: Vec<Held> = Vec::new();
        let mut dead = HashSet::new();
        for step in &steps {
            match step {
                Step::Authorize(target) => {
                    let to = |request: crate::harness::Authorize| {
                        request.with("resource", resources[*target].1)
                    };
                    let tokens = apps[0].tokens_for(&mut browser, to).await;
                    held.push(Held {
                        token: tokens.access,
                        parent: None,
                        consent: (apps[0].client_id.clone(), *target),
                    });
                }
                Step::Exchange {
                    caller,
                    token,
                    target,
                } if !held.is_empty() => {
                    let parent = token % held.len();
                    let subject = held[parent].token.clone();
                    let to = [("resource", resources[*target].1)];
                    let mut reply = exchange(&server, &apps[*caller], &subject, &to).await;
                    if dead.contains(&parent) {
                        reply.refused(400, "invalid_request");
                        continue;
                    }
                    if reply.status == 400 && reply.json()["error"] == "consent_required" {
                        let url = reply.json()["consent_url"].as_str().unwrap().to_owned();
                        super::consent::allow(&mut browser, &url).await;
                        reply = exchange(&server, &apps[*caller], &subject, &to).await;
                    }
                    if reply.json()["error"] == "access_denied" {
                        // Too many actors one behind the other.
                        continue;
                    }
                    let holder = crate::harness::Jwt::read(&subject).claims["client_id"].clone();
                    held.push(Held {
                        token: access(&reply),
                        parent: Some(parent),
                        consent: (holder.as_str().unwrap().to_owned(), *target),
                    });
                }
                Step::RevokeConsent(which) => {
                    let standing: Vec<_> = consents(&server)
                        .await
                        .into_iter()
                        .filter(|consent| consent.revoked_at.is_none())
                        .collect();
                    if standing.is_empty() {
                        continue;
                    }
                    let consent = &standing[which % standing.len()];
                    server
                        .engine
                        .revoke_consent(consent.id.as_str())
                        .await
                        .unwrap();
                    let catalog = server.engine.store().resources().await.unwrap();
                    let slug = &catalog.by_id(consent.resource_id.as_str()).unwrap().slug;
                    let of = |own: &Held| {
                        own.consent.0 == consent.client_id.as_str()
                            && resources[own.consent.1].0 == slug
                    };
                    for index in 0..held.len() {
                        if rests_on(&held, index, &of) {
                            dead.insert(index);
                        }
                    }
                }
                Step::RevokeToken(which) if !held.is_empty() => {
                    let index = which % held.len();
                    let claims = crate::harness::Jwt::read(&held[index].token).claims;
                    let jti = claims["jti"].as_str().unwrap();
                    server.engine.revoke_issuance(jti).await.unwrap();
                    dead.insert(index);
                }
                _ => {}
            }
            for (index, own) in held.iter().enumerate() {
                let client = crate::harness::Jwt::read(&own.token).claims["client_id"].clone();
                let holder = apps
                    .iter()
                    .find(|app| client == app.client_id.as_str())
                    .unwrap();
                let active = holder.is_active(&server, &own.token).await;
                assert_eq!(
                    active,
                    !dead.contains(&index),
                    "token {index} after {step:?} in {steps:?}"
                );
            }
        }
        assert!(
            held.iter().any(|own| own.parent.is_some()),
            "something was exchanged"
        );
        // The next round begins with a clean slate.
        server.engine.force_logout(USER).await.unwrap();
        for consent in consents(&server).await {
            server
                .engine
                .revoke_consent(consent.id.as_str())
                .await
                .unwrap();
        }
        browser = Browser::signed_in(&server).await;
    }
    let machine = machine_token(&server, &apps[0], &[("resource", RESOURCE)]).await;
    assert!(
        apps[0].is_active(&server, &machine).await,
        "machines are nobody's"
    );
}

/// Whether the token, or one that it descends from, rests on a consent that `of` names.
fn rests_on(held: &[Held], index: usize, of: &impl Fn(&Held) -> bool) -> bool {
    let own = &held[index];
    of(own) || own.parent.is_some_and(|parent| rests_on(held, parent, of))
}
