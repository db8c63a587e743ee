//! Fronting links: what one resource may obtain of another.

use crate::{ResourceId, ScopeSet, UnixMillis};
use std::collections::BTreeMap;

/// An operator's declaration that a source resource (a gateway) may obtain tokens for a target
/// resource, and which scopes of the source stand for which of the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrontingLink {
    /// The gateway.
    pub source_id: ResourceId,
    /// What stands behind it.
    pub target_id: ResourceId,
    /// Source scope → target scopes.
    pub scope_map: BTreeMap<String, Vec<String>>,
    /// When it was declared.
    pub created_at: UnixMillis,
    /// By whom.
    pub created_by: String,
}

impl FrontingLink {
    /// The target scopes that a token with `held` source scopes reaches.
    #[must_use]
    pub fn reachable(&self, held: &ScopeSet) -> ScopeSet {
        self.scope_map
            .iter()
            .filter(|(source, _)| held.contains(source))
            .flat_map(|(_, targets)| targets)
            .filter_map(|target| crate::Scope::parse(target).ok())
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scopes_reached_from_held_ones_can_be_had() {
        let link = FrontingLink {
            source_id: "s".into(),
            target_id: "t".into(),
            scope_map: BTreeMap::from([
                ("read".into(), vec!["repo".into(), "org".into()]),
                ("write".into(), vec!["repo:write".into()]),
            ]),
            created_at: UnixMillis(0),
            created_by: "admin".into(),
        };
        let held = |text| ScopeSet::parse(text).unwrap();
        assert_eq!(link.reachable(&held("read other")).to_string(), "repo org");
        assert!(link.reachable(&held("repo")).is_empty());
    }
}
