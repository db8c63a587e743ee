//! DPoP proofs that were used, shared by all instances.

use super::dialect::{self, sql};
use super::lane::Asked;
use super::ledger::Tx;
use super::statement;
use crate::sql::Value;
use crate::{ProofUse, Result};
use domain::Digest;
use std::collections::HashSet;

/// Uses the proofs of `group`. Those who bring a used one are answered `replayed`; the others
/// are returned.
pub(crate) async fn use_all<'g, C, T: Copy>(
    tx: &mut Tx,
    group: &'g mut [&mut Asked<C, T>],
    proof: impl Fn(&C) -> Option<ProofUse>,
    replayed: T,
) -> Result<Vec<&'g mut Asked<C, T>>> {
    let uses: Vec<_> = group
        .iter()
        .filter_map(|asked| proof(&asked.request))
        .collect();
    let mut fresh = HashSet::new();
    if !uses.is_empty() {
        // In one order, so that two who use the same proofs do not wait for each other.
        let mut proofs: Vec<_> = uses.iter().map(|used| used.proof).collect();
        proofs.sort_unstable();
        // All are remembered as long as the one that lasts longest.
        let expires_at = uses.iter().map(|used| used.expires_at).max();
        let used: Vec<Digest> = statement::query(sql!(
            "INSERT INTO dpop_proofs (proof, expires_at) SELECT value, $2 FROM ",
            dialect::listed!("$1"),
            " WHERE true ON CONFLICT (proof) DO NOTHING RETURNING proof"
        ))
        .bind(Value::list(&proofs))
        .bind(&expires_at)
        .all(&mut *tx.conn)
        .await?;
        fresh.extend(used);
    }
    let mut those = Vec::with_capacity(group.len());
    for asked in group {
        // Of two that bring the same proof, one has used it.
        if proof(&asked.request).is_none_or(|used| fresh.remove(&used.proof)) {
            those.push(&mut **asked);
        } else {
            asked.answer = Some(replayed);
        }
    }
    Ok(those)
}
