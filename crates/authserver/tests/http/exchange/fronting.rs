//! Gateways: tokens for what stands behind, by fronting links.

use super::{ARCHIVE, Stage, access, claims, exchange, machine, refused, resource};
use crate::harness::{App, Database, Jwt, RESOURCE, Tokens, on_both};
use engine::admin::ScopeMap;
use serde_json::json;

on_both!(
    a_gateway_obtains_what_its_scopes_stand_for,
    a_link_leads_past_the_other_gates,
    only_who_runs_the_gateway_or_is_listed_may_use_a_link,
    a_scope_beyond_the_map_is_refused,
    the_consent_to_the_gateway_is_what_counts,
    a_second_gateway_rests_on_the_consent_to_the_first,
    an_actor_token_has_no_place_behind_a_gateway,
    without_the_link_the_other_gates_stand,
    who_runs_the_gateway_answers_for_what_it_obtained,
);

const SITE: &str = "https://site.example/mcp";
const DEEP: &str = "https://deep.example/mcp";

fn map(pairs: &[(&str, &[&str])]) -> ScopeMap {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let pairs = pairs.iter();
    pairs
        .map(|(from, to)| ((*from).to_owned(), owned(to)))
        .collect()
}

/// The resource `notes` fronts `site`; `gateway` runs `notes`.
async fn ready(database: &Database) -> (Stage, App) {
    let stage = Stage::set(database).await;
    let gateway = machine(&stage.server, "Gateway", false).await;
    let scopes = ["page/read", "page/list", "page/edit"];
    resource(&stage.server, ("site", SITE), &scopes, &[], &[]).await;
    let engine = &stage.server.engine;
    engine
        .add_runtime_client("notes", &gateway.client_id)
        .await
        .unwrap();
    let scope_map = map(&[
        ("notes/read", &["page/read", "page/list"]),
        ("notes/write", &["page/edit"]),
    ]);
    engine
        .create_fronting("notes", "site", scope_map, false)
        .await
        .unwrap();
    (stage, gateway)
}

async fn a_gateway_obtains_what_its_scopes_stand_for(database: Database) {
    let (stage, gateway) = ready(&database).await;
    let (server, subject) = (&stage.server, &stage.tokens.access);
    let reply = exchange(server, &gateway, subject, &[("resource", SITE)]).await;
    let token = claims(&reply);
    assert_eq!(token["aud"], json!([SITE]));
    assert_eq!(token["scope"], "page/read page/list");
    assert_eq!(token["sub"], Jwt::read(subject).claims["sub"]);
    assert_eq!(token["client_id"], "notes");
    let app = json!({"sub": stage.app.client_id, "actor_type": "service"});
    let act = json!({"sub": "notes", "actor_type": "service", "act": app});
    assert_eq!(token["act"], act);
    let one = [("resource", SITE), ("scope", "page/read")];
    let reply = exchange(server, &gateway, subject, &one).await;
    assert_eq!(claims(&reply)["scope"], "page/read");
    let series = r#"authplane_token_exchange_total{kind="fronted",source="mint",target="mint"}"#;
    assert_eq!(server.metric(series).await, 2.0);
    let jti = claims(&reply)["jti"].as_str().unwrap().to_owned();
    let issuance = server.engine.issuance(&jti).await.unwrap();
    assert_eq!(issuance.client_id.as_str(), "notes");
    let consent_client = issuance.consent_client_id.unwrap();
    assert_eq!(consent_client.as_str(), stage.app.client_id);
}

async fn a_link_leads_past_the_other_gates(database: Database) {
    let (stage, gateway) = ready(&database).await;
    let engine = &stage.server.engine;
    // Closed to everyone else, and nobody has agreed to it.
    let scopes = ["page/read"];
    let shut = ("shut", "https://shut.example/");
    resource(&stage.server, shut, &scopes, &[&stage.agent], &[]).await;
    let scope_map = map(&[("notes/read", &["page/read"])]);
    engine
        .create_fronting("notes", "shut", scope_map, false)
        .await
        .unwrap();
    let subject = &stage.tokens.access;
    let reply = exchange(&stage.server, &gateway, subject, &[("resource", "shut")]).await;
    reply.expect(200);
    let listed = exchange(
        &stage.server,
        &stage.agent,
        subject,
        &[("resource", "shut")],
    )
    .await;
    listed.expect(200);
}

async fn only_who_runs_the_gateway_or_is_listed_may_use_a_link(database: Database) {
    let (stage, _) = ready(&database).await;
    let subject = &stage.tokens.access;
    let reply = exchange(&stage.server, &stage.agent, subject, &[("resource", SITE)]).await;
    let reason = "exchange_client_not_allowed";
    refused(&stage.server, reply, 400, "access_denied", reason).await;
    // Not even the holder of the token, who is no gateway.
    let reply = exchange(&stage.server, &stage.app, subject, &[("resource", SITE)]).await;
    reply.refused(400, "access_denied");
}

async fn a_scope_beyond_the_map_is_refused(database: Database) {
    let (mut stage, gateway) = ready(&database).await;
    let edit = [("resource", SITE), ("scope", "page/edit")];
    let reply = exchange(&stage.server, &gateway, &stage.tokens.access, &edit).await;
    refused(&stage.server, reply, 400, "invalid_scope", "invalid_scope").await;
    let unknown = [("resource", SITE), ("scope", "notes/read")];
    let reply = exchange(&stage.server, &gateway, &stage.tokens.access, &unknown).await;
    reply.refused(400, "invalid_scope");
    let wide = |request: crate::harness::Authorize| request.with("scope", "notes/write");
    let tokens = stage.app.tokens_for(&mut stage.browser, wide).await;
    let reply = exchange(&stage.server, &gateway, &tokens.access, &edit).await;
    assert_eq!(claims(&reply)["scope"], "page/edit");
}

async fn the_consent_to_the_gateway_is_what_counts(database: Database) {
    let allowed = [("AUTHPLANE_TOKEN_EXCHANGE_ALLOW_SELF_EXCHANGE", "true")];
    let mut stage = Stage::with(&database, &allowed).await;
    let server = &stage.server;
    let gateway = machine(server, "Gateway", false).await;
    stage.archive(&[&stage.app], &[&gateway]).await;
    resource(server, ("site", SITE), &["page/read"], &[], &[]).await;
    let scope_map = map(&[("notes/read", &["page/read"])]);
    let engine = &server.engine;
    engine
        .create_fronting("archive", "site", scope_map, false)
        .await
        .unwrap();
    // A token for the gateway that no consent stands behind.
    let subject = exchange(
        server,
        &stage.app,
        &stage.tokens.access,
        &[("resource", ARCHIVE)],
    );
    let subject = access(&subject.await);
    let reply = exchange(server, &gateway, &subject, &[("resource", SITE)]).await;
    let (code, reason) = ("consent_required", "consent_missing");
    let body = refused(server, reply, 400, code, reason).await.json();
    let url = body["consent_url"].as_str().unwrap();
    super::consent::allow(&mut stage.browser, url).await;
    exchange(&stage.server, &gateway, &subject, &[("resource", SITE)])
        .await
        .expect(200);
}

async fn a_second_gateway_rests_on_the_consent_to_the_first(database: Database) {
    let (stage, gateway) = ready(&database).await;
    let server = &stage.server;
    let second = machine(server, "Second gateway", false).await;
    resource(server, ("deep", DEEP), &["deep/read"], &[], &[]).await;
    let engine = &server.engine;
    engine
        .add_runtime_client("site", &second.client_id)
        .await
        .unwrap();
    let scope_map = map(&[("page/read", &["deep/read"])]);
    engine
        .create_fronting("site", "deep", scope_map, false)
        .await
        .unwrap();
    let first = exchange(
        server,
        &gateway,
        &stage.tokens.access,
        &[("resource", SITE)],
    )
    .await;
    let first = access(&first);
    let reply = exchange(server, &second, &first, &[("resource", DEEP)]).await;
    let token = claims(&reply);
    assert_eq!(token["client_id"], "site");
    assert_eq!(token["act"]["sub"], "site");
    assert_eq!(token["act"]["act"], Jwt::read(&first).claims["act"]);
    let deep = access(&reply);
    // A cycle cannot be declared; the consent to the first gateway ends all of it.
    let back = map(&[("deep/read", &["notes/read"])]);
    let refused = engine.create_fronting("deep", "notes", back, false).await;
    assert_eq!(refused.unwrap_err().code, oauth::ErrorCode::Conflict);
    let consents = engine
        .consents(crate::harness::USER, None, &store::Page::default())
        .await
        .unwrap()
        .rows;
    let [consent] = &consents[..] else {
        panic!("one consent: {consents:?}")
    };
    engine
        .add_runtime_client("deep", &second.client_id)
        .await
        .unwrap();
    assert!(second.is_active(server, &deep).await);
    engine.revoke_consent(consent.id.as_str()).await.unwrap();
    assert!(!second.is_active(server, &deep).await);
    assert!(!second.is_active(server, &first).await);
}

async fn an_actor_token_has_no_place_behind_a_gateway(database: Database) {
    let (stage, gateway) = ready(&database).await;
    let own = [("grant_type", "client_credentials"), ("resource", RESOURCE)];
    let own = stage.server.send(&gateway.call("/oauth/token", &own)).await;
    let own = Tokens::of(&own).access;
    let parameters = [
        ("resource", SITE),
        ("actor_token", own.as_str()),
        ("actor_token_type", super::ACCESS_TOKEN),
    ];
    let subject = &stage.tokens.access;
    let reply = exchange(&stage.server, &gateway, subject, &parameters).await;
    reply.refused(400, "invalid_request");
}

async fn without_the_link_the_other_gates_stand(database: Database) {
    let (stage, gateway) = ready(&database).await;
    let engine = &stage.server.engine;
    engine.delete_fronting("notes", "site").await.unwrap();
    let subject = &stage.tokens.access;
    let reply = exchange(&stage.server, &gateway, subject, &[("resource", SITE)]).await;
    let reason = "exchange_foreign_token";
    refused(&stage.server, reply, 400, "access_denied", reason).await;
}

async fn who_runs_the_gateway_answers_for_what_it_obtained(database: Database) {
    let (stage, gateway) = ready(&database).await;
    let other = stage.server.beside(&database).await;
    let obtain = async || {
        let subject = &stage.tokens.access;
        let reply = exchange(&stage.server, &gateway, subject, &[("resource", SITE)]).await;
        access(&reply)
    };
    let (first, second) = (obtain().await, obtain().await);
    assert!(gateway.is_active(&stage.server, &first).await);
    assert!(
        !stage.app.is_active(&stage.server, &first).await,
        "not its business"
    );
    stage.app.revoke(&stage.server, &first).await.expect(200);
    assert!(
        gateway.is_active(&stage.server, &first).await,
        "nor its to end"
    );
    gateway.revoke(&stage.server, &first).await.expect(200);
    assert!(!gateway.is_active(&stage.server, &first).await);
    // The resource server behind, which knows nothing of gateways, hears of its end.
    let site = machine(&stage.server, "Site", false).await;
    let engine = &stage.server.engine;
    engine
        .add_runtime_client("site", &site.client_id)
        .await
        .unwrap();
    assert!(site.is_active(&stage.server, &second).await);
    let status = domain::ClientStatus::Revoked;
    engine
        .set_client_status(&gateway.client_id, status)
        .await
        .unwrap();
    assert!(!site.is_active(&stage.server, &second).await);
    crate::harness::within(crate::harness::A_SECOND, "everywhere", async || {
        !site.is_active(&other, &second).await
    })
    .await;
}
