//! DPoP proofs that were used, shared by all instances, and tokens that found on nothing else.

use super::lane::Asked;
use super::ledger::Tx;
use crate::{Issue, Issued, ProofUse, Result};

/// Remembers the use of a proof. Says whether this was the first; no proof is no use.
pub(crate) async fn use_once(tx: &mut Tx, proof: Option<&ProofUse>) -> Result<bool> {
    let Some(proof) = proof else { return Ok(true) };
    let first = sqlx::query(
        "INSERT INTO dpop_proofs (proof, expires_at) VALUES ($1, $2) ON CONFLICT (proof) DO NOTHING",
    )
    .bind(proof.proof.to_hex())
    .bind(proof.expires_at.0)
    .execute(&mut *tx.conn)
    .await?
    .rows_affected()
        == 1;
    Ok(first)
}

/// Uses the proofs of `group`. Those who bring a used one are answered `replayed`; the others
/// are returned.
pub(crate) async fn use_all<'g, C, T: Copy>(
    tx: &mut Tx,
    group: &'g mut [&mut Asked<C, T>],
    proof: impl Fn(&C) -> Option<ProofUse>,
    replayed: T,
) -> Result<Vec<&'g mut Asked<C, T>>> {
    let mut fresh = Vec::with_capacity(group.len());
    for asked in group {
        if use_once(tx, proof(&asked.request).as_ref()).await? {
            fresh.push(&mut **asked);
        } else {
            asked.answer = Some(replayed);
        }
    }
    Ok(fresh)
}

pub(crate) async fn issue(tx: &mut Tx, command: &Issue) -> Result<Issued> {
    if !use_once(tx, command.proof.as_ref()).await? {
        return Ok(Issued::ProofReplayed);
    }
    tx.issuance(command.issuance.clone());
    tx.audit(command.audit.clone());
    Ok(Issued::Yes)
}
