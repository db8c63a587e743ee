//! Fronting links.

use domain::{Resource, UnixMillis};
use engine::admin::{Fronting, ScopeMap};
use serde::Serialize;
use utoipa::ToSchema;

/// A fronting link.
#[derive(Debug, Serialize, ToSchema)]
pub struct FrontingLinkView {
    /// The gateway.
    pub source_slug: String,
    /// What stands behind it.
    pub target_slug: String,
    /// Scopes of the source, and the scopes of the target that each stands for.
    #[schema(value_type = HashMap<String, Vec<String>>)]
    pub scope_map: ScopeMap,
    /// When it was declared.
    pub created_at: UnixMillis,
    /// By whom.
    pub created_by: String,
}

impl From<&Fronting> for FrontingLinkView {
    fn from(fronting: &Fronting) -> Self {
        Self {
            source_slug: fronting.source.slug.clone(),
            target_slug: fronting.target.slug.clone(),
            scope_map: fronting.link.scope_map.clone(),
            created_at: fronting.link.created_at,
            created_by: fronting.link.created_by.clone(),
        }
    }
}

/// A fronting link that was only tried: it could be declared, and was not.
#[derive(Debug, Serialize, ToSchema)]
pub struct TriedFrontingLinkView {
    /// Always true.
    pub dry_run: bool,
    /// What it would be.
    #[serde(flatten)]
    pub link: FrontingLinkView,
}

impl From<&Fronting> for TriedFrontingLinkView {
    fn from(fronting: &Fronting) -> Self {
        Self {
            dry_run: true,
            link: fronting.into(),
        }
    }
}

/// The links of one resource.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResourceFrontingView {
    /// The resource.
    pub slug: String,
    /// What it fronts.
    pub fronts: Vec<FrontingLinkView>,
    /// The gateways in front of it.
    pub fronted_by: Vec<FrontingLinkView>,
}

impl ResourceFrontingView {
    /// Picks the links of `resource` out of all `links`.
    #[must_use]
    pub fn new(resource: &Resource, links: &[Fronting]) -> Self {
        let where_it_is = |end: fn(&Fronting) -> &Resource| {
            let own = links.iter().filter(|link| end(link).id == resource.id);
            own.map(FrontingLinkView::from).collect()
        };
        Self {
            slug: resource.slug.clone(),
            fronts: where_it_is(|link| &link.source),
            fronted_by: where_it_is(|link| &link.target),
        }
    }
}
