//! What operators do: the same functions for the command line and the admin API.

mod allowlists;
mod audit;
mod change;
mod clients;
mod fronting;
mod inspect;
mod issuances;
mod resource_warnings;
mod resources;
mod stats;
mod tokens;
mod users;

pub use audit::{AuditPage, AuditQuery, SETTLING, parse_audit_actions};
pub use clients::{ClientChange, ClientWithSecret, NewClient, NewKeys};
pub use fronting::{Fronting, ScopeMap};
pub use inspect::{Inspection, TokenState};
pub use issuances::{IssuanceList, IssuanceQuery, MOST_ISSUANCES, Since};
pub use resources::{
    KeptResource, NewResource, PolicyChange, ResourceChange, ResourceFilter, ResourcePart,
};
pub(crate) use stats::LastCounts;
pub use tokens::{FamilyQuery, IssuedToken};
pub use users::{NewUser, UserChange};

use store::RevokeCount;
use telemetry::metrics::labels::RevokeReason;

/// The actor of what operators do.
pub(crate) const ACTOR: &str = "admin";

impl crate::Engine {
    /// Counts what an act of the operator has ended: access tokens, and families, of which each
    /// has one refresh token that was good.
    fn count_ended(&self, ended: RevokeCount) {
        self.metrics()
            .tokens_revoked
            .add_many(RevokeReason::Admin, ended.tokens + ended.families);
    }

    /// Counts and records that somebody came to the admin surface without its key.
    pub async fn admin_key_refused(&self, error: &crate::Error) {
        tracing::warn!(reason = error.reason.as_str(), "admin key refused");
        let event = crate::observe::event(domain::AuditAction::AdminAuthFailed, "anonymous");
        self.deny(error, event).await;
    }
}
