//! The store: everything that has to survive the process, on SQLite or PostgreSQL.
//!
//! Statements are written once, in the dialect both databases accept, and compiled for each
//! (see `both/`). Reads go to a pool of connections, the hottest of them through caches that
//! are told at once of what changes. Writes go through *lanes* (see `both/lane.rs`): a lane
//! is one connection that commits jobs in groups and answers each only when its group is
//! durable. What must be atomic is one method here and one transaction below, the audit rows
//! and the issuance included.

mod cache;
mod chain;
mod change;
mod commands;
mod dispatch;
mod error;
mod file;
mod open;
mod operation;
mod page;
mod postgres;
mod sql;
mod sqlite;
mod store;
mod verify;
mod writes;

pub use cache::{CacheSize, ResourceCatalog};
pub use change::Change;
pub use commands::{
    AssertionUse, AuditFilter, AuditOrder, Authorize, ClientExpiry, ClientFilter, ConsentBasis,
    Counts, Deleted, Deletion, Exchange, Exchanged, FamilyFilter, FrontingLinkState, Heartbeat,
    IssuanceFilter, Issue, Issued, NewConsent, ProofUse, PurgeTarget, RedeemCode, Redeemed, Revoke,
    RevokeCount, RotateRefresh, Rotated, Updated, UserFilter,
};
pub use error::{Result, StoreError};
pub use open::{Location, Missing, Notify, Pooler, PostgresOptions};
pub use page::{Cursor, PART_BYTES, Page, Part, Rows};
pub use store::{PoolState, Store};
pub use verify::{BrokenLink, ChainReport};
