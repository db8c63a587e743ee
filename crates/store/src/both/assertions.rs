//! Client assertions that were used, shared by all instances.

use super::ledger::Tx;
use super::statement;
use crate::{AssertionUse, Result};

/// Uses an assertion. `false` when it was used before.
pub(crate) async fn spend(tx: &mut Tx, used: AssertionUse) -> Result<bool> {
    let written = statement::query(
        "INSERT INTO client_assertions (assertion, expires_at) VALUES ($1, $2) \
         ON CONFLICT (assertion) DO NOTHING",
    )
    .bind(used.assertion.to_hex())
    .bind(used.expires_at.0)
    .execute(&mut *tx.conn)
    .await?;
    Ok(written.rows_affected() == 1)
}
