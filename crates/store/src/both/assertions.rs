//! Client assertions that were used, shared by all instances.

use super::dialect::sql;
use super::ledger::Tx;
use super::statement;
use crate::{AssertionUse, Result};

/// Uses an assertion. `false` when it was used before.
pub(crate) async fn spend(tx: &mut Tx, used: AssertionUse) -> Result<bool> {
    let written = statement::query(sql!(
        "INSERT INTO client_assertions (assertion, expires_at) VALUES ($1, $2) \
         ON CONFLICT (assertion) DO NOTHING"
    ))
    .bind(&used.assertion)
    .bind(used.expires_at)
    .execute(&mut *tx.conn)
    .await?;
    Ok(written == 1)
}
