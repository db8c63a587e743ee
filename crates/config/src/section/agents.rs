//! `agents`: clients that act on their own initiative.

use crate::schema::section;

section! {
    /// Clients registered as agents.
    pub struct Agents at "agents." {
        /// Name the agent in its tokens: `agent_id`.
        agent_identity_enabled: bool = "true", "AUTHPLANE_AGENTS_AGENT_IDENTITY_ENABLED";
    }
}
