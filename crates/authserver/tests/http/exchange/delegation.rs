//! What an exchanged token says, and what is recorded of it.

use super::{ARCHIVE, Stage, access, claims, exchange, machine, machine_token, refused, resource};
use crate::harness::{Database, Jwt, RESOURCE, SECOND, USER, on_both};
use domain::AuditAction;
use serde_json::json;
use std::time::Duration;

on_both!(
    a_delegated_token_says_who_acts_for_whom,
    an_exchange_is_recorded_counted_and_audited,
    a_client_that_exchanges_its_own_token_is_no_actor,
    self_exchange_needs_no_consent_when_allowed,
    a_machine_needs_no_consent,
    hops_nest_with_the_latest_outermost,
    an_actor_token_brings_its_own_actors,
    members_of_inner_actors_pass_unchanged,
    a_chain_one_too_deep_is_refused,
    agents_are_not_named_when_that_is_off,
    a_token_never_outlives_the_one_it_was_exchanged_from,
);

async fn ready(database: &Database) -> Stage {
    let mut stage = Stage::set(database).await;
    stage.archive(&[&stage.agent, &stage.app], &[]).await;
    stage.agree("notes/read").await;
    stage
}

async fn a_delegated_token_says_who_acts_for_whom(database: Database) {
    let stage = ready(&database).await;
    let subject = Jwt::read(&stage.tokens.access).claims;
    let token = claims(&stage.delegate().await);
    let agent = stage.agent.client_id.as_str();
    assert_eq!(token["sub"], subject["sub"]);
    assert_eq!(token["auth_time"], subject["auth_time"]);
    assert_eq!(token["client_id"], agent);
    assert_eq!(token["aud"], json!([ARCHIVE]));
    assert_eq!(token["scope"], "notes/read");
    assert_eq!(token["act"], json!({"sub": agent, "actor_type": "agent"}));
    assert_eq!(token["agent_id"], agent);
    assert_eq!(token["agent_chain"], json!([agent]));
    assert_ne!(token["jti"], subject["jti"]);
}

async fn an_exchange_is_recorded_counted_and_audited(database: Database) {
    let stage = ready(&database).await;
    let server = &stage.server;
    let series = r#"authplane_token_exchange_total{kind="delegation",source="mint",target="mint"}"#;
    assert_eq!(server.metric(series).await, 0.0);
    let token = access(&stage.delegate().await);
    assert_eq!(server.metric(series).await, 1.0);
    let issued = r#"authserver_tokens_issued_total{grant_type="urn:ietf:params:oauth:grant-type:token-exchange"}"#;
    assert_eq!(server.metric(issued).await, 1.0);
    let jti = Jwt::read(&token).claims["jti"].as_str().unwrap().to_owned();
    let issuance = server.engine.issuance(&jti).await.unwrap();
    assert_eq!(issuance.parent_jti.unwrap().as_str(), stage.tokens.jti());
    assert_eq!(issuance.client_id.as_str(), stage.agent.client_id);
    let consent_client = issuance.consent_client_id.unwrap();
    assert_eq!(consent_client.as_str(), stage.app.client_id);
    assert_eq!(issuance.agent_chain, [stage.agent.client_id.as_str()]);
    let recorded = &server.audit(AuditAction::TokenExchanged).await[0].event;
    assert_eq!(recorded.actor_id, stage.agent.client_id);
    assert_eq!(recorded.resource.as_deref(), Some(ARCHIVE));
    assert_eq!(
        recorded.user_id.as_deref(),
        issuance.subject_user_id.as_ref().map(|id| id.as_str())
    );
    assert!(
        recorded
            .detail
            .contains(&format!("parent_jti={}", stage.tokens.jti()))
    );
    let answer = stage.agent.introspect(server, &token).await.json();
    assert_eq!(answer["active"], true);
    assert_eq!(answer["username"], USER);
    for claim in ["act", "agent_id", "agent_chain"] {
        assert_eq!(answer[claim], Jwt::read(&token).claims[claim], "{claim}");
    }
}

async fn a_client_that_exchanges_its_own_token_is_no_actor(database: Database) {
    let stage = ready(&database).await;
    let subject = &stage.tokens.access;
    let reply = exchange(&stage.server, &stage.app, subject, &[("resource", ARCHIVE)]).await;
    let token = claims(&reply);
    assert_eq!(token["client_id"], stage.app.client_id.as_str());
    for absent in ["act", "agent_id", "agent_chain"] {
        assert_eq!(token.get(absent), None, "{absent}");
    }
    let series = r#"authplane_token_exchange_total{kind="self",source="mint",target="mint"}"#;
    assert_eq!(stage.server.metric(series).await, 1.0);
}

async fn self_exchange_needs_no_consent_when_allowed(database: Database) {
    let allowed = [("AUTHPLANE_TOKEN_EXCHANGE_ALLOW_SELF_EXCHANGE", "true")];
    let stage = Stage::with(&database, &allowed).await;
    stage.archive(&[&stage.agent, &stage.app], &[]).await;
    let subject = &stage.tokens.access;
    let reply = exchange(&stage.server, &stage.app, subject, &[("resource", ARCHIVE)]).await;
    assert_eq!(claims(&reply)["aud"], json!([ARCHIVE]));
    let reply = exchange(&stage.server, &stage.app, subject, &[]).await;
    assert_eq!(claims(&reply)["aud"], json!(["http://localhost:9000"]));
    assert_eq!(claims(&reply)["scope"], "notes/read");
    // Another client's token is still another matter.
    stage.delegate().await.refused(400, "consent_required");
    let reply = exchange(&stage.server, &stage.agent, subject, &[]).await;
    reply.refused(400, "invalid_request");
}

async fn a_machine_needs_no_consent(database: Database) {
    let stage = Stage::set(&database).await;
    stage.archive(&[&stage.agent], &[]).await;
    let own = [("resource", RESOURCE), ("scope", "notes/read")];
    let machine = machine_token(&stage.server, &stage.app, &own).await;
    let reply = exchange(
        &stage.server,
        &stage.agent,
        &machine,
        &[("resource", ARCHIVE)],
    )
    .await;
    let token = claims(&reply);
    assert_eq!(token["sub"], stage.app.client_id.as_str());
    assert_eq!(token["act"]["sub"], stage.agent.client_id.as_str());
    assert_eq!(token.get("auth_time"), None);
}

/// Three more resources in a row, each open to the machine of the same place.
async fn hops_nest_with_the_latest_outermost(database: Database) {
    let mut stage = ready(&database).await;
    let tool = machine(&stage.server, "Tool", false).await;
    let uri = "https://tool.example/mcp";
    resource(&stage.server, ("tool", uri), &["notes/read"], &[&tool], &[]).await;
    let first = access(&stage.delegate().await);
    let asked = exchange(&stage.server, &tool, &first, &[("resource", uri)]).await;
    let asked = asked.refused(400, "consent_required").json();
    // The consent that counts now is the one for whoever holds the token: the agent.
    let url = asked["consent_url"].as_str().unwrap().to_owned();
    super::consent::allow(&mut stage.browser, &url).await;
    let second = claims(&exchange(&stage.server, &tool, &first, &[("resource", uri)]).await);
    let agent = stage.agent.client_id.as_str();
    let inner = json!({"sub": agent, "actor_type": "agent"});
    let outer = json!({"sub": tool.client_id, "actor_type": "service", "act": inner});
    assert_eq!(second["act"], outer);
    assert_eq!(second["client_id"], tool.client_id.as_str());
    // The one that acts is no agent; one stands behind it.
    assert_eq!(second.get("agent_id"), None);
    assert_eq!(second["agent_chain"], json!([agent]));
}

async fn an_actor_token_brings_its_own_actors(database: Database) {
    let stage = ready(&database).await;
    let server = &stage.server;
    let other_app = machine(server, "Other", true).await;
    // An agent's own token, and one that it got from another agent.
    let plain = machine_token(server, &other_app, &[("resource", RESOURCE)]).await;
    resource(
        server,
        ("desk", "https://desk.example/"),
        &["notes/read"],
        &[&other_app],
        &[],
    )
    .await;
    let scoped = [("resource", RESOURCE), ("scope", "notes/read")];
    let lent = machine_token(server, &stage.agent, &scoped).await;
    let lent = exchange(server, &other_app, &lent, &[("resource", "desk")]).await;
    let lent = access(&lent);
    let (agent, other) = (stage.agent.client_id.as_str(), other_app.client_id.as_str());
    // Whoever shows another's token acts itself, behind that other: what a server was handed
    // must not make it seem that the agent had done this.
    let inner = json!({"sub": other, "actor_type": "agent"});
    let act = json!({"sub": agent, "actor_type": "agent", "act": inner});
    for actor in [&plain, &lent] {
        let parameters = [
            ("resource", ARCHIVE),
            ("actor_token", actor.as_str()),
            ("actor_token_type", super::ACCESS_TOKEN),
        ];
        let reply = exchange(server, &stage.agent, &stage.tokens.access, &parameters).await;
        let token = claims(&reply);
        assert_eq!(token["act"], act);
        assert_eq!(token["client_id"], agent);
        assert_eq!(token["agent_id"], agent);
        let chain = token["agent_chain"].as_array().unwrap();
        assert_eq!(chain[chain.len() - 2..], [json!(other), json!(agent)]);
    }
    // One's own says no more than that one acts.
    let own = machine_token(server, &stage.agent, &[("resource", RESOURCE)]).await;
    let parameters = [
        ("resource", ARCHIVE),
        ("actor_token", own.as_str()),
        ("actor_token_type", super::ACCESS_TOKEN),
    ];
    let reply = exchange(server, &stage.agent, &stage.tokens.access, &parameters).await;
    let alone = json!({"sub": agent, "actor_type": "agent"});
    assert_eq!(claims(&reply)["act"], alone);
    // With actors on both sides, the subject's come last.
    let machine = machine_token(server, &stage.app, &scoped).await;
    let behind = exchange(server, &other_app, &machine, &[("resource", "desk")]).await;
    let own = machine_token(server, &stage.agent, &scoped).await;
    let parameters = [
        ("resource", ARCHIVE),
        ("actor_token", own.as_str()),
        ("actor_token_type", super::ACCESS_TOKEN),
    ];
    let reply = exchange(server, &stage.agent, &access(&behind), &parameters).await;
    let inner = json!({"sub": other, "actor_type": "agent"});
    let both = json!({"sub": agent, "actor_type": "agent", "act": inner});
    assert_eq!(claims(&reply)["act"], both);
}

async fn members_of_inner_actors_pass_unchanged(database: Database) {
    let allowed = [("AUTHPLANE_TOKEN_EXCHANGE_ALLOW_SELF_EXCHANGE", "true")];
    let stage = Stage::with(&database, &allowed).await;
    stage.archive(&[&stage.agent, &stage.app], &[]).await;
    let act = json!({"sub": "elsewhere", "iss": "https://other.example", "weight": 1.5,
        "act": {"sub": "first", "list": [1, {"y": null}]}});
    let keys = stage.server.engine.keys();
    let jwt = Jwt::read(&stage.tokens.access).claim("act", act.clone());
    let signature = keys
        .sign(&keys.active(), jwt.signing_input().as_bytes())
        .await;
    let subject = jwt
        .signed(|_| signature.unwrap().as_ref().to_vec())
        .assemble();
    let reply = exchange(
        &stage.server,
        &stage.app,
        &subject,
        &[("resource", ARCHIVE)],
    )
    .await;
    assert_eq!(claims(&reply)["act"], act);
}

async fn a_chain_one_too_deep_is_refused(database: Database) {
    let one = [("AUTHPLANE_TOKEN_EXCHANGE_MAX_CHAIN_DEPTH", "1")];
    let stage = Stage::with(&database, &one).await;
    let server = &stage.server;
    let second = machine(server, "Second", true).await;
    let allowed = [&stage.agent, &second];
    stage.archive(&allowed, &[]).await;
    let own = [("resource", RESOURCE), ("scope", "notes/read")];
    let machine = machine_token(server, &stage.app, &own).await;
    let deep = exchange(server, &stage.agent, &machine, &[("resource", ARCHIVE)]).await;
    let deep = access(&deep);
    let reply = exchange(server, &second, &deep, &[("resource", ARCHIVE)]).await;
    refused(server, reply, 400, "access_denied", "chain_too_deep").await;
    // The same hop again adds nothing.
    let again = exchange(server, &stage.agent, &deep, &[("resource", ARCHIVE)]).await;
    assert_eq!(claims(&again)["act"], Jwt::read(&deep).claims["act"]);
}

async fn agents_are_not_named_when_that_is_off(database: Database) {
    let off = [("AUTHPLANE_AGENTS_AGENT_IDENTITY_ENABLED", "false")];
    let mut stage = Stage::with(&database, &off).await;
    stage.archive(&[&stage.agent], &[]).await;
    stage.agree("notes/read").await;
    let token = claims(&stage.delegate().await);
    assert_eq!(token.get("agent_id"), None);
    assert_eq!(token.get("agent_chain"), None);
    assert_eq!(token["act"]["sub"], stage.agent.client_id.as_str());
}

async fn a_token_never_outlives_the_one_it_was_exchanged_from(database: Database) {
    let stage = ready(&database).await;
    stage.server.wait(Duration::from_millis(600_500));
    let reply = stage.delegate().await;
    let subject = Jwt::read(&stage.tokens.access).claims;
    assert_eq!(claims(&reply)["exp"], subject["exp"]);
    assert_eq!(reply.json()["expires_in"], 299);
    let second = machine_token(&stage.server, &stage.app, &[("resource", SECOND)]).await;
    let hour = Jwt::read(&second).claims;
    assert_eq!(
        hour["exp"].as_i64().unwrap() - hour["iat"].as_i64().unwrap(),
        3600
    );
}
