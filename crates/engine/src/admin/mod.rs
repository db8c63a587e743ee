//! What operators do: the same functions for the command line and the admin API.

mod clients;
mod fronting;
mod issuances;
mod resources;
mod users;

pub use clients::{ClientChange, ClientWithSecret, NewClient};
pub use fronting::{Fronting, ScopeMap};
pub use issuances::{IssuanceList, IssuanceQuery};
pub use resources::{NewResource, ResourceChange};
pub use users::{NewUser, UserChange};

/// The actor of everything done here.
const ACTOR: &str = "admin";

impl crate::Engine {
    /// Counts and records that somebody came to the admin surface without its key.
    pub async fn admin_key_refused(&self, error: &crate::Error) {
        tracing::warn!(reason = error.reason.as_str(), "admin key refused");
        let event = crate::observe::event(domain::AuditAction::AdminAuthFailed, "anonymous");
        self.deny(error, event).await;
    }
}
