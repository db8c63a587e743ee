//! Tokens that found on nothing but the request for them: all there is to do is to add rows.

use super::lane::{Asked, Job};
use super::ledger::{self, Tx};
use super::message::Message;
use super::proofs;
use crate::chain::Chain;
use crate::{Issue, Issued, Result};
use domain::{Clock, Rng};

/// The jobs of `group`, if it consists of these alone.
pub(crate) fn nothing_else(group: &mut [Job]) -> Option<Vec<&mut Asked<Issue, Issued>>> {
    let jobs = group.iter_mut().map(|job| match job {
        Job::Issue(asked) => Some(asked),
        _ => None,
    });
    jobs.collect()
}

/// All rows of `group`. The message fails if a proof was used before.
pub(crate) fn message(
    group: &[&mut Asked<Issue, Issued>],
    chain: &mut Chain,
    clock: &dyn Clock,
    rng: &dyn Rng,
) -> Message {
    let commands = || group.iter().map(|asked| &asked.request);
    let links: Vec<_> = commands()
        .map(|command| chain.append(&command.audit, clock, rng))
        .collect();
    let mut message = Message::new();
    let uses: Vec<_> = commands().filter_map(|command| command.proof).collect();
    if !uses.is_empty() {
        message.insert(|insert| proofs::insert(insert, &uses));
    }
    message.insert(|insert| {
        ledger::insert_issuances(insert, commands().map(|command| &command.issuance));
    });
    message.insert(|insert| ledger::insert_audit(insert, &links));
    message
}

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
