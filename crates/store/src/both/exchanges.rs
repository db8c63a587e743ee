//! Token exchange: a token that rests on another token, on a consent, and on its client.
//!
//! All are looked at in the transaction that records the new token, and held until it ends: a
//! revocation either comes before and is seen here, or waits, and then sees the token added here.
//! Clients come first, as they do where a client is revoked, so that neither waits for the other.

use super::dialect::{self, sql};
use super::lane::Asked;
use super::ledger::Tx;
use super::proofs;
use super::statement;
use crate::sql::{Sql, Value};
use crate::{Exchange, Exchanged, Result};
use domain::ScopeSet;
use std::collections::{HashMap, HashSet};

/// Records the tokens of `group` whose foundations stand.
pub(crate) async fn exchange(
    tx: &mut Tx,
    group: &mut [&mut Asked<Exchange, Exchanged>],
) -> Result<()> {
    let proof = |command: &Exchange| command.proof;
    let group = proofs::use_all(tx, group, proof, Exchanged::ProofReplayed).await?;
    if group.is_empty() {
        return Ok(());
    }
    let commands = || group.iter().map(|asked| &asked.request);
    let callers: HashSet<_> = commands()
        .map(|command| command.issuance.holder().as_str())
        .collect();
    let acting = standing(
        tx,
        sql!(
            "SELECT id FROM clients WHERE ",
            dialect::is_listed!("id"),
            dialect::and_hold!(" AND status = 'active' ORDER BY id")
        ),
        &callers,
    )
    .await?;
    let founding: HashSet<_> = commands()
        .flat_map(|command| &command.founded_on)
        .map(|jti| jti.as_str())
        .collect();
    let alive = standing(
        tx,
        sql!(
            "SELECT jti FROM issuances WHERE ",
            dialect::is_listed!("jti"),
            dialect::and_hold!(" AND revoked_at IS NULL ORDER BY jti")
        ),
        &founding,
    )
    .await?;
    let needed: HashSet<_> = commands()
        .filter_map(|command| command.consent.as_ref())
        .map(|consent| &consent.grant_id)
        .collect();
    let consents = if needed.is_empty() {
        HashMap::new()
    } else {
        let held: Vec<(String, ScopeSet)> = statement::query(sql!(
            "SELECT id, scopes FROM consent_grants WHERE ",
            dialect::is_listed!("id"),
            dialect::and_hold!(" AND revoked_at IS NULL ORDER BY id")
        ))
        .bind(Value::list(needed))
        .all(&mut *tx.conn)
        .await?;
        HashMap::<String, ScopeSet>::from_iter(held)
    };
    for asked in group {
        let command = &asked.request;
        let acts = acting.contains(command.issuance.holder().as_str());
        let founded = (command.founded_on.iter()).all(|jti| alive.contains(jti.as_str()));
        let agreed = command.consent.as_ref().is_none_or(|basis| {
            let agreed = consents.get(basis.grant_id.as_str());
            agreed.is_some_and(|agreed| basis.scopes.is_subset_of(agreed))
        });
        asked.answer = Some(match (acts, founded, agreed) {
            (false, ..) => Exchanged::ClientEnded,
            (true, false, _) => Exchanged::TokenRevoked,
            (true, true, false) => Exchanged::ConsentRevoked,
            (true, true, true) => {
                tx.issuance(command.issuance.clone());
                tx.audit(command.audit.clone());
                Exchanged::Yes
            }
        });
    }
    Ok(())
}

/// Those of `keys` that the `statement` finds, held until the transaction ends.
async fn standing(tx: &mut Tx, statement: Sql, keys: &HashSet<&str>) -> Result<HashSet<String>> {
    let found: Vec<String> = statement::query(statement)
        .bind(Value::texts(keys.iter().copied()))
        .all(&mut *tx.conn)
        .await?;
    Ok(HashSet::from_iter(found))
}
