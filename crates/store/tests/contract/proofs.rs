//! A DPoP proof is good for one use, wherever it is presented (RFC 9449 §11.1).

use crate::database::Database;
use crate::on_both;
use crate::samples::{
    authorize, code, digest, event, family, founded, id, issuance, redeem, rotate,
};
use domain::{AuditAction, UnixMillis};
use store::{AssertionUse, Issue, Issued, ProofUse, PurgeTarget, Redeemed, Rotated};
use tokio::task::JoinSet;

on_both!(
    a_proof_presented_to_two_instances_at_once_is_used_once,
    one_replayed_proof_does_not_keep_others_from_their_tokens,
    a_replayed_proof_spends_neither_code_nor_refresh_token,
    proofs_are_forgotten_when_they_would_be_too_old,
    an_assertion_is_used_once_at_all_instances_and_then_forgotten,
);

fn proof(expires_at: UnixMillis) -> ProofUse {
    ProofUse {
        proof: digest(),
        expires_at,
    }
}

fn issue(proof: ProofUse) -> Issue {
    let family = family(&code(&id(), &id()));
    Issue {
        issuance: issuance(&family),
        audit: event(AuditAction::ClientCredentialsIssued),
        proof: Some(proof),
    }
}

async fn a_proof_presented_to_two_instances_at_once_is_used_once(db: Database) {
    let (one, other) = (db.open().await, db.open().await);
    for _ in 0..50 {
        let proof = proof(UnixMillis(i64::MAX));
        let (mine, theirs) = (issue(proof), issue(proof));
        let (mine, theirs) = tokio::join!(one.issue(mine), other.issue(theirs));
        let mut outcomes = [mine.unwrap(), theirs.unwrap()];
        outcomes.sort_by_key(|outcome| *outcome == Issued::Yes);
        assert_eq!(outcomes, [Issued::ProofReplayed, Issued::Yes]);
    }
    assert_eq!(db.count("issuances").await, 50);
    assert_eq!(db.count("audit_events").await, 50);
}

async fn one_replayed_proof_does_not_keep_others_from_their_tokens(db: Database) {
    let store = db.open().await;
    let used = proof(UnixMillis(i64::MAX));
    let mut running = JoinSet::new();
    for index in 0..100 {
        let fresh = proof(UnixMillis(i64::MAX));
        let command = issue(if index < 3 { used } else { fresh });
        let store = store.clone();
        running.spawn(async move { store.issue(command).await.unwrap() });
    }
    let outcomes = running.join_all().await;
    let replayed = outcomes
        .iter()
        .filter(|outcome| **outcome == Issued::ProofReplayed);
    assert_eq!(replayed.count(), 2);
    assert_eq!(db.count("issuances").await, 98);
    assert_eq!(db.count("dpop_proofs").await, 98);
    assert_eq!(store.verify_audit_chain().await.unwrap().broken, None);
}

async fn a_replayed_proof_spends_neither_code_nor_refresh_token(db: Database) {
    let store = db.open().await;
    let used = proof(UnixMillis(i64::MAX));
    assert_eq!(store.issue(issue(used)).await.unwrap(), Issued::Yes);

    let code = code(&id(), &id());
    store.authorize(authorize(&code)).await.unwrap();
    let mut command = redeem(&code);
    command.proof = Some(used);
    let replayed = store.redeem_code(command.clone()).await.unwrap();
    assert_eq!(replayed, Redeemed::ProofReplayed);
    command.proof = Some(proof(UnixMillis(i64::MAX)));
    assert_eq!(store.redeem_code(command).await.unwrap(), Redeemed::Yes);

    let founded = founded(&store, &id(), &id()).await;
    let mut command = rotate(founded.refresh.as_ref().unwrap(), &founded.family);
    command.proof = Some(used);
    let replayed = store.rotate_refresh(command.clone()).await.unwrap();
    assert_eq!(replayed, Rotated::ProofReplayed);
    command.proof = None;
    assert_eq!(store.rotate_refresh(command).await.unwrap(), Rotated::Yes);
}

async fn proofs_are_forgotten_when_they_would_be_too_old(db: Database) {
    let store = db.open().await;
    for expires_at in [UnixMillis(1), UnixMillis(i64::MAX)] {
        store.issue(issue(proof(expires_at))).await.unwrap();
    }
    assert_eq!(store.purge(PurgeTarget::DpopProofs).await.unwrap(), 1);
    assert_eq!(db.count("dpop_proofs").await, 1);
}

async fn an_assertion_is_used_once_at_all_instances_and_then_forgotten(db: Database) {
    let (one, other) = (db.open().await, db.open().await);
    for _ in 0..50 {
        let used = AssertionUse {
            assertion: digest(),
            expires_at: UnixMillis(i64::MAX),
        };
        let (mine, theirs) = tokio::join!(one.spend_assertion(used), other.spend_assertion(used));
        assert_ne!(mine.unwrap(), theirs.unwrap());
        assert!(!one.spend_assertion(used).await.unwrap());
    }
    let old = AssertionUse {
        assertion: digest(),
        expires_at: UnixMillis(1),
    };
    assert!(one.spend_assertion(old).await.unwrap());
    assert_eq!(one.purge(PurgeTarget::Assertions).await.unwrap(), 1);
    assert_eq!(db.count("client_assertions").await, 50);
}
