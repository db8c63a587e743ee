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
    /// When the scope map last changed.
    pub updated_at: UnixMillis,
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

    /// Whether a link from `source` to `target` beside `links` would let a token come back to
    /// the resource it started from.
    #[must_use]
    pub fn closes_a_cycle(links: &[Self], source: &ResourceId, target: &ResourceId) -> bool {
        let mut reached = vec![target];
        let mut next = 0;
        while let Some(at) = reached.get(next).copied() {
            if at == source {
                return true;
            }
            for link in links.iter().filter(|link| link.source_id == *at) {
                if !reached.contains(&&link.target_id) {
                    reached.push(&link.target_id);
                }
            }
            next += 1;
        }
        false
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
            updated_at: UnixMillis(0),
        };
        let held = |text| ScopeSet::parse(text).unwrap();
        assert_eq!(link.reachable(&held("read other")).to_string(), "repo org");
        assert!(link.reachable(&held("repo")).is_empty());
    }

    #[test]
    fn cycles_of_any_length_are_seen() {
        let link = |source: &str, target: &str| FrontingLink {
            source_id: source.into(),
            target_id: target.into(),
            scope_map: BTreeMap::new(),
            created_at: UnixMillis(0),
            created_by: "admin".into(),
            updated_at: UnixMillis(0),
        };
        let links = [link("a", "b"), link("b", "c"), link("b", "d")];
        let closes = |source: &str, target: &str| {
            FrontingLink::closes_a_cycle(&links, &source.into(), &target.into())
        };
        assert!(closes("a", "a"));
        assert!(closes("b", "a"));
        assert!(closes("d", "a"));
        assert!(!closes("a", "d"));
        assert!(!closes("c", "d"));
        assert!(!closes("d", "e"));
    }
}
