//! Tokens that rest on tokens and consents: what is looked at when they are recorded, and how
//! far revocation reaches among them, with two instances of the same database at work.

use crate::database::{Database, NOW};
use crate::on_both;
use crate::samples::{
    authorize, client, code, event, family, founded, id, issuance, resource, scopes,
};
use domain::{AuditAction, Client, ClientStatus, ConsentGrant, Issuance, Jti};
use std::time::Duration;
use store::{
    Authorize, ConsentBasis, Exchange, Exchanged, IssuanceFilter, NewConsent, Page, Revoke, Store,
};
use tokio::task::JoinSet;

on_both!(
    a_token_is_recorded_while_what_it_rests_on_stands,
    a_revoked_token_founds_nothing,
    a_client_that_may_not_act_exchanges_nothing,
    no_exchange_slips_past_the_revocation_of_the_client_that_asks,
    a_consent_that_is_gone_or_narrower_founds_nothing,
    a_consent_ends_what_descends_from_a_token_that_was_revoked_before,
    a_consent_ends_families_codes_and_tokens_of_its_resource_alone,
    no_exchange_slips_past_the_revocation_of_its_family,
    no_exchange_slips_past_the_revocation_of_its_client,
    issuances_are_listed_newest_first_within_their_filter,
);

const ROUNDS: usize = 60;

/// A token like `parent`, exchanged from it.
fn derived(parent: &Issuance, client: &str) -> Issuance {
    Issuance {
        jti: id().into(),
        client_id: client.into(),
        parent_jti: Some(parent.jti.clone()),
        consent_client_id: Some(parent.client_id.clone()),
        ..parent.clone()
    }
}

fn exchange(issuance: Issuance, consent: Option<ConsentBasis>) -> Exchange {
    Exchange {
        founded_on: issuance.parent_jti.iter().cloned().collect(),
        issuance,
        consent,
        audit: event(AuditAction::TokenExchanged),
        proof: None,
    }
}

/// A client of this id that may act.
async fn register(store: &Store, id: &str) {
    let client = Client {
        id: id.into(),
        ..client()
    };
    store.create_client(client, vec![]).await.unwrap();
}

async fn revoked(store: &Store, jti: &Jti) -> bool {
    let issuance = store.issuance(jti.as_str()).await.unwrap();
    issuance.expect("an issuance").revoked_at.is_some()
}

/// A resource that the user has agreed to with a code.
async fn agreed(store: &Store, scope: &str) -> (ConsentGrant, Authorize, domain::Resource) {
    let resource = resource();
    store
        .create_resource(resource.clone(), vec![])
        .await
        .unwrap();
    let mut code = code("u", "c");
    code.resources = vec![resource.audience().to_owned()];
    let mut command = authorize(&code);
    command.consents = vec![NewConsent {
        id: id().into(),
        resource_id: resource.id.clone(),
        scopes: scopes(scope),
    }];
    store.authorize(command.clone()).await.unwrap();
    let grant = store.consent("u", "c", resource.id.as_str()).await.unwrap();
    (grant.unwrap(), command, resource)
}

async fn a_token_is_recorded_while_what_it_rests_on_stands(db: Database) {
    let store = db.open().await;
    register(&store, "d").await;
    let parent = founded(&store, "u", "c").await.issuance;
    let (grant, ..) = agreed(&store, "a b").await;
    let basis = ConsentBasis {
        grant_id: grant.id.clone(),
        scopes: scopes("b"),
    };
    let mut child = derived(&parent, "d");
    child.consent_resource_id = Some(grant.resource_id.clone());
    let command = exchange(child.clone(), Some(basis));
    assert_eq!(store.exchange(command).await.unwrap(), Exchanged::Yes);
    let found = store.issuance(child.jti.as_str()).await.unwrap();
    assert_eq!(found, Some(child));
    let recorded = "audit_events WHERE action = 'token.exchanged'";
    assert_eq!(db.count(recorded).await, 1);
}

async fn a_revoked_token_founds_nothing(db: Database) {
    let store = db.open().await;
    register(&store, "d").await;
    let parent = founded(&store, "u", "c").await.issuance;
    let actor = founded(&store, "v", "d").await.issuance;
    store
        .revoke(Revoke::Token(actor.jti.clone()), vec![])
        .await
        .unwrap();
    let mut command = exchange(derived(&parent, "d"), None);
    command.founded_on.push(actor.jti.clone());
    assert_eq!(
        store.exchange(command).await.unwrap(),
        Exchanged::TokenRevoked
    );
    let unknown = Issuance {
        jti: id().into(),
        ..parent.clone()
    };
    let command = exchange(derived(&unknown, "d"), None);
    assert_eq!(
        store.exchange(command).await.unwrap(),
        Exchanged::TokenRevoked
    );
    assert_eq!(db.count("issuances").await, 2);
    assert_eq!(
        db.count("audit_events WHERE action = 'token.exchanged'")
            .await,
        0
    );
}

async fn a_client_that_may_not_act_exchanges_nothing(db: Database) {
    let store = db.open().await;
    let parent = founded(&store, "u", "c").await.issuance;
    let attempt = async || {
        let command = exchange(derived(&parent, "d"), None);
        store.exchange(command).await.unwrap()
    };
    assert_eq!(attempt().await, Exchanged::ClientEnded);
    register(&store, "d").await;
    assert_eq!(attempt().await, Exchanged::Yes);
    for (status, outcome) in [
        (ClientStatus::Suspended, Exchanged::ClientEnded),
        (ClientStatus::Active, Exchanged::Yes),
        (ClientStatus::Revoked, Exchanged::ClientEnded),
    ] {
        store
            .set_client_status("d".into(), status, vec![])
            .await
            .unwrap();
        assert_eq!(attempt().await, outcome, "{status:?}");
    }
    assert_eq!(db.count("issuances WHERE client_id = 'd'").await, 2);
}

async fn a_consent_that_is_gone_or_narrower_founds_nothing(db: Database) {
    let store = db.open().await;
    register(&store, "d").await;
    let parent = founded(&store, "u", "c").await.issuance;
    let (grant, ..) = agreed(&store, "a").await;
    let attempt = async |scope: &str| {
        let basis = ConsentBasis {
            grant_id: grant.id.clone(),
            scopes: scopes(scope),
        };
        let command = exchange(derived(&parent, "d"), Some(basis));
        store.exchange(command).await.unwrap()
    };
    assert_eq!(attempt("a b").await, Exchanged::ConsentRevoked);
    assert_eq!(attempt("a").await, Exchanged::Yes);
    store
        .revoke(Revoke::Consent(grant.id.clone()), vec![])
        .await
        .unwrap();
    assert_eq!(attempt("a").await, Exchanged::ConsentRevoked);
}

async fn a_consent_ends_what_descends_from_a_token_that_was_revoked_before(db: Database) {
    let store = db.open().await;
    let (grant, ..) = agreed(&store, "a").await;
    let mut parent = founded(&store, "u", "c").await.issuance;
    parent = Issuance {
        jti: id().into(),
        resource_id: Some(grant.resource_id.clone()),
        ..parent
    };
    let root = store::Issue {
        issuance: parent.clone(),
        audit: event(AuditAction::TokenIssued),
        proof: None,
    };
    store.issue(root).await.unwrap();
    let mut tokens = vec![parent];
    for client in ["d", "e", "f"] {
        register(&store, client).await;
        let mut child = derived(tokens.last().unwrap(), client);
        child.resource_id = Some(id().into());
        let outcome = store.exchange(exchange(child.clone(), None)).await.unwrap();
        assert_eq!(outcome, Exchanged::Yes);
        tokens.push(child);
    }
    for middle in [0, 2] {
        let jti = tokens[middle].jti.clone();
        store.revoke(Revoke::Token(jti), vec![]).await.unwrap();
    }
    let audit = vec![event(AuditAction::ConsentGrantRevokedAdmin)];
    let revoke = || store.revoke(Revoke::Consent(grant.id.clone()), audit.clone());
    let ended = revoke().await.unwrap();
    assert_eq!((ended.consents, ended.tokens), (1, 2));
    for token in &tokens {
        assert!(revoked(&store, &token.jti).await);
    }
    assert!(!revoke().await.unwrap().any(), "once");
    let recorded = "audit_events WHERE action = 'consent_grant.revoked_admin'";
    assert_eq!(db.count(recorded).await, 1);
}

async fn a_consent_ends_families_codes_and_tokens_of_its_resource_alone(db: Database) {
    let store = db.open().await;
    let mut holdings = Vec::new();
    for _ in 0..2 {
        let (grant, command, resource) = agreed(&store, "a").await;
        let mut spent = code("u", "c");
        spent.resources = command.code.resources.clone();
        store.authorize(authorize(&spent)).await.unwrap();
        let mut redeem = crate::samples::redeem(&spent);
        redeem.issuance.resource_id = Some(resource.id.clone());
        redeem.issuance.audience = spent.resources.clone();
        store.redeem_code(redeem.clone()).await.unwrap();
        holdings.push((grant, command.code, redeem));
    }
    // A token for both.
    let mut both = issuance(&family(&code("u", "c")));
    both.audience = holdings
        .iter()
        .flat_map(|own| own.1.resources.clone())
        .collect();
    let issue = store::Issue {
        issuance: both.clone(),
        audit: event(AuditAction::TokenIssued),
        proof: None,
    };
    store.issue(issue).await.unwrap();
    let (gone, stays) = (&holdings[0], &holdings[1]);
    let ended = store
        .revoke(Revoke::Consent(gone.0.id.clone()), vec![])
        .await
        .unwrap();
    assert_eq!((ended.families, ended.tokens), (1, 2));
    assert!(revoked(&store, &both.jti).await);
    for (holding, ended) in [(gone, true), (stays, false)] {
        assert_eq!(revoked(&store, &holding.2.issuance.jti).await, ended);
        let unspent = store.code(&holding.1.digest).await.unwrap();
        assert_eq!(unspent.is_none(), ended);
        let refresh = holding.2.refresh.as_ref().unwrap();
        let state = store.refresh_token(&refresh.digest).await.unwrap().unwrap();
        assert_eq!(state.family.revoked_at.is_some(), ended);
    }
    let kept = store
        .consent_by_id(gone.0.id.as_str())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(kept.revoked_at, Some(NOW));
}

/// Many exchange the same token, on two instances, while one revokes it; those that were told
/// yes are dead afterwards.
async fn revocation_wins(db: &Database, what: impl Fn(&Issuance) -> Revoke) {
    let stores = [db.open().await, db.open().await];
    register(&stores[0], "d").await;
    for round in 0..ROUNDS {
        let parent = founded(&stores[0], "u", &id()).await.issuance;
        let mut running = JoinSet::new();
        for caller in 0..12 {
            let store = stores[caller % 2].clone();
            let child = derived(&parent, "d");
            running.spawn(async move {
                let outcome = store.exchange(exchange(child.clone(), None)).await.unwrap();
                (outcome == Exchanged::Yes).then_some(child)
            });
        }
        if round % 3 > 0 {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        let ended = stores[1].revoke(what(&parent), vec![]).await.unwrap();
        assert!(ended.tokens > 0);
        for child in running.join_all().await.into_iter().flatten() {
            assert!(revoked(&stores[0], &child.jti).await, "round {round}");
        }
    }
}

async fn no_exchange_slips_past_the_revocation_of_its_family(db: Database) {
    revocation_wins(&db, |parent| {
        Revoke::Family(parent.family_id.clone().expect("a family"))
    })
    .await;
}

async fn no_exchange_slips_past_the_revocation_of_its_client(db: Database) {
    revocation_wins(&db, |parent| Revoke::Client(parent.client_id.to_string())).await;
}

/// The tokens that a client got by exchange, and those that others got from these, end with it,
/// however close its last exchange came.
async fn no_exchange_slips_past_the_revocation_of_the_client_that_asks(db: Database) {
    let stores = [db.open().await, db.open().await];
    register(&stores[0], "e").await;
    let parent = founded(&stores[0], "u", "c").await.issuance;
    for round in 0..ROUNDS {
        let caller = id();
        register(&stores[0], &caller).await;
        let mut running = JoinSet::new();
        for number in 0..8 {
            let store = stores[number % 2].clone();
            let child = derived(&parent, &caller);
            let grandchild = derived(&child, "e");
            running.spawn(async move {
                let mut made = Vec::new();
                for token in [child, grandchild] {
                    let outcome = store.exchange(exchange(token.clone(), None)).await.unwrap();
                    if outcome == Exchanged::Yes {
                        made.push(token);
                    }
                }
                made
            });
        }
        if round % 3 > 0 {
            tokio::time::sleep(Duration::from_micros(500)).await;
        }
        stores[1]
            .set_client_status(caller, ClientStatus::Revoked, vec![])
            .await
            .unwrap();
        for token in running.join_all().await.into_iter().flatten() {
            assert!(revoked(&stores[0], &token.jti).await, "round {round}");
        }
    }
}

async fn issuances_are_listed_newest_first_within_their_filter(db: Database) {
    let store = db.open().await;
    let mut made = Vec::new();
    for client in ["c", "d", "c"] {
        db.clock.advance(Duration::from_millis(2));
        let mut issuance = issuance(&family(&code("u", client)));
        issuance.jti = domain::new_uuid(&*db.clock, &domain::SystemRng).into();
        let issue = store::Issue {
            issuance: issuance.clone(),
            audit: event(AuditAction::TokenIssued),
            proof: None,
        };
        store.issue(issue).await.unwrap();
        made.push((issuance.jti, domain::Clock::now(&*db.clock)));
    }
    let whole = async |resource: Option<&str>, limit, behind| {
        let filter = IssuanceFilter {
            user_id: Some("u".into()),
            client_id: None,
            resource_id: resource.map(str::to_owned),
            since: NOW,
            behind,
        };
        let page = Page { limit, offset: 0 };
        store.issuances(&filter, &page).await.unwrap()
    };
    let list = async |client: Option<&str>, since, limit, offset| {
        let filter = IssuanceFilter {
            user_id: Some("u".into()),
            client_id: client.map(str::to_owned),
            resource_id: None,
            since,
            behind: None,
        };
        let found = store
            .issuances(&filter, &Page { limit, offset })
            .await
            .unwrap();
        found
            .rows
            .into_iter()
            .map(|own| own.jti)
            .collect::<Vec<_>>()
    };
    let jti = |index: usize| made[index].0.clone();
    assert_eq!(list(None, NOW, 9, 0).await, [jti(2), jti(1), jti(0)]);
    assert_eq!(list(Some("c"), NOW, 9, 0).await, [jti(2), jti(0)]);
    assert_eq!(list(None, made[1].1, 9, 0).await, [jti(2), jti(1)]);
    assert_eq!(list(None, NOW, 1, 1).await, [jti(1)]);
    let (mut seen, mut behind) = (Vec::new(), None);
    loop {
        let part = whole(None, 1, behind).await;
        seen.extend(part.rows.into_iter().map(|own| own.jti));
        behind = part.next;
        if behind.is_none() {
            break;
        }
    }
    assert_eq!(seen, [jti(2), jti(1), jti(0)]);
    assert!(whole(Some("nothing"), 9, None).await.rows.is_empty());
}
