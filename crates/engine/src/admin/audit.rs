//! The audit trail, as operators read it.

use super::Since;
use crate::{Engine, Result};
use domain::{AuditAction, AuditRecord, Word as _, first_uuid_at, unix_millis_of};
use std::time::Duration;
use store::{AuditFilter, AuditOrder, Page};

/// How long a row is left alone before a tail shows it. Rows get their ids before they are
/// written, and writers do not wait for each other; after so long, all of a moment are there.
pub const SETTLING: Duration = Duration::from_secs(2);

/// Which audit events; what is empty does not restrict.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// Any of these.
    pub actions: Vec<AuditAction>,
    /// By the id of the user concerned.
    pub user_id: Option<String>,
    /// By who did it.
    pub actor_id: Option<String>,
    /// By client.
    pub client_id: Option<String>,
    /// By address of the caller.
    pub ip: Option<String>,
    /// By trace.
    pub trace_id: Option<String>,
    /// Recorded then or later.
    pub since: Option<Since>,
    /// Recorded before.
    pub until: Option<Since>,
    /// Part of the detail, resource, client or actor.
    pub text: Option<String>,
}

/// A part of the audit trail.
#[derive(Debug, Clone)]
pub struct AuditPage {
    /// In the order of the filter.
    pub events: Vec<AuditRecord>,
    /// Where the next part begins, unless this is the last: the filter's `behind`.
    pub next: Option<String>,
}

/// Reads a list of actions, split by commas: `token.issued` or `token_issued`.
///
/// # Errors
/// Names the word that is no action.
pub fn parse_audit_actions(list: &str) -> Result<Vec<AuditAction>, String> {
    let parse = |word: &str| {
        let named = |action: &&AuditAction| {
            action.as_str() == word || action.as_str().replace('.', "_") == word
        };
        let found = AuditAction::ALL.iter().find(named).copied();
        found.ok_or_else(|| format!("{word:?} is not an action that is recorded"))
    };
    list.split(',').map(|word| parse(word.trim())).collect()
}

impl Engine {
    /// What the store is asked for a query.
    #[must_use]
    pub fn audit_filter(&self, query: AuditQuery) -> AuditFilter {
        let time = |since: Since| since.before(self.now());
        AuditFilter {
            actions: query.actions,
            user_id: query.user_id,
            actor_id: query.actor_id,
            client_id: query.client_id,
            ip: query.ip,
            trace_id: query.trace_id,
            since: query.since.map(time),
            until: query.until.map(time),
            text: query.text,
            behind: None,
            order: AuditOrder::NewestFirst,
        }
    }

    /// A part of the audit trail.
    ///
    /// Going from part to part by `behind` shows each event that was there at the beginning
    /// once, whatever is written meanwhile.
    ///
    /// # Errors
    /// When the database cannot be asked.
    pub async fn audit_page(&self, filter: &AuditFilter, page: &Page) -> Result<AuditPage> {
        let found = self.store().audit_part(filter, page).await?;
        Ok(AuditPage {
            next: found.next.map(|place| place.id),
            events: found.rows,
        })
    }

    /// Makes a filter follow the trail: from `after` (the id of an event), or else from its
    /// `since`, or else from now.
    #[must_use]
    pub fn audit_tail(&self, filter: AuditFilter, after: Option<String>) -> AuditFilter {
        let start = filter.since.unwrap_or_else(|| self.now());
        AuditFilter {
            order: AuditOrder::OldestFirst,
            behind: Some(after.unwrap_or_else(|| first_uuid_at(start))),
            ..filter
        }
    }

    /// The next events of a filter made by [`Engine::audit_tail`], which it moves behind them.
    /// There is a next part only when more can be had at once.
    ///
    /// # Errors
    /// When the database cannot be asked; the filter stays where it was.
    pub async fn audit_follow(&self, filter: &mut AuditFilter, limit: u32) -> Result<AuditPage> {
        let page = Page { limit, offset: 0 };
        let settled = self.now().minus(SETTLING);
        let mut found = self.audit_page(filter, &page).await?;
        let ready = |event: &AuditRecord| unix_millis_of(&event.id).is_none_or(|own| own < settled);
        if let Some(unsettled) = found.events.iter().position(|event| !ready(event)) {
            found.events.truncate(unsettled);
            found.next = None;
        }
        if let Some(last) = found.events.last() {
            filter.behind = Some(last.id.clone());
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_named_with_dots_or_without() {
        let both = parse_audit_actions("token_issued, resource.policy.runtime.client.added");
        let expected = [AuditAction::TokenIssued, AuditAction::RuntimeClientAdded];
        assert_eq!(both.unwrap(), expected);
        for action in AuditAction::ALL {
            let flat = action.as_str().replace('.', "_");
            assert_eq!(parse_audit_actions(&flat).unwrap(), [*action]);
        }
        for wrong in ["", "token", "token.issued,", "TOKEN.ISSUED"] {
            assert!(parse_audit_actions(wrong).is_err(), "{wrong:?}");
        }
    }
}
