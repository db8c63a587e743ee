//! Tokens that found on nothing but the request for them: all there is to do is to add rows.

use super::lane::Asked;
use super::ledger::Tx;
use super::proofs;
use crate::{Issue, Issued, Result};

/// Issues to those of `group` whose proofs are fresh.
pub(crate) async fn issue(tx: &mut Tx, group: &mut [&mut Asked<Issue, Issued>]) -> Result<()> {
    let proof = |command: &Issue| command.proof;
    for asked in proofs::use_all(tx, group, proof, Issued::ProofReplayed).await? {
        tx.issuance(asked.request.issuance.clone());
        tx.audit(asked.request.audit.clone());
        asked.answer = Some(Issued::Yes);
    }
    Ok(())
}
