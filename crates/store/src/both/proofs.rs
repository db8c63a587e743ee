//! DPoP proofs that were used, shared by all instances.

use super::lane::Asked;
use super::ledger::Tx;
use super::statement;
use super::{Db, dialect};
use crate::{ProofUse, Result};
use domain::Digest;
use sqlx::QueryBuilder;
use std::collections::HashSet;

/// Writes the `INSERT` of `uses`. All are remembered as long as the one that lasts longest.
pub(crate) fn insert(insert: &mut QueryBuilder<Db>, uses: &[ProofUse]) {
    let expires_at = uses.iter().map(|used| used.expires_at.0).max();
    // In one order, so that two who use the same proofs do not wait for each other.
    let mut proofs: Vec<_> = uses.iter().map(|used| used.proof.to_hex()).collect();
    proofs.sort_unstable();
    let (list, listed) = dialect::LISTED;
    insert
        .push("INSERT INTO dpop_proofs (proof, expires_at) SELECT value, ")
        .push_bind(expires_at)
        .push(" FROM ")
        .push(list)
        .push_bind(dialect::list(proofs.into_iter()))
        .push(listed)
        .push(" WHERE true");
}

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
        let mut query = QueryBuilder::new("");
        insert(&mut query, &uses);
        query.push(" ON CONFLICT (proof) DO NOTHING RETURNING proof");
        let used: Vec<String> = statement::built(&mut query)
            .build_query_scalar()
            .fetch_all(&mut *tx.conn)
            .await?;
        fresh.extend(used.iter().filter_map(|proof| Digest::from_hex(proof)));
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
