//! What a token is for: resources and scopes of a request, settled against the catalogs.

use crate::{Engine, Error, Result};
use config::UnknownScopes;
use domain::{BackendKind, Client, OFFLINE_ACCESS, Resource, ScopeSet};
use oauth::ErrorCode;
use std::sync::Arc;
use store::ResourceCatalog;
use telemetry::metrics::DenyReason;

/// The resources a grant covers and the scopes it holds.
#[derive(Debug, Clone)]
pub(crate) struct Audience {
    /// Empty when the request named no resource and none could be derived: then the token is
    /// for the issuer itself.
    pub resources: Vec<Arc<Resource>>,
    /// What is asked for.
    pub scope: ScopeSet,
}

impl Audience {
    /// The `aud` values that the code remembers; empty for the issuer.
    pub fn identifiers(&self) -> Vec<String> {
        self.resources
            .iter()
            .map(|resource| resource.audience().to_owned())
            .collect()
    }

    /// The scopes that belong to `resource`.
    pub fn scope_of(&self, resource: &Resource) -> ScopeSet {
        self.scope
            .iter()
            .filter(|scope| resource.has_scope(scope.as_str()))
            .cloned()
            .collect()
    }
}

/// The resource that a `resource` parameter names (RFC 8707 §2): its slug, or its URI in any of
/// its equivalent spellings.
pub(crate) fn named<'a>(
    catalog: &'a ResourceCatalog,
    identifier: &str,
) -> Option<&'a Arc<Resource>> {
    catalog.named(identifier).filter(is_minted_for)
}

fn is_minted_for(resource: &&Arc<Resource>) -> bool {
    resource.backend_kind == BackendKind::Mint
}

pub(crate) fn invalid_target(identifier: &str) -> Error {
    let shown: String = identifier.chars().take(200).collect();
    Error::new(
        ErrorCode::InvalidTarget,
        DenyReason::InvalidTarget,
        format!("the resource '{shown}' is not registered here; use its exact URI or slug"),
    )
}

fn invalid_scope(reason: DenyReason, description: String) -> Error {
    Error::new(ErrorCode::InvalidScope, reason, description)
}

impl Engine {
    /// Settles what an authorization request asks for (spec: http, Authorization request).
    ///
    /// # Errors
    /// `invalid_target` or `invalid_scope`.
    pub(crate) async fn audience_of_request(
        &self,
        client: &Client,
        identifiers: &[String],
        scope: Option<&ScopeSet>,
    ) -> Result<Audience> {
        let catalog = self.store().resources().await?;
        let mut resources: Vec<Arc<Resource>> = Vec::new();
        for identifier in identifiers {
            let resource = named(&catalog, identifier).ok_or_else(|| invalid_target(identifier))?;
            if !resources.iter().any(|known| known.id == resource.id) {
                resources.push(Arc::clone(resource));
            }
        }
        let asked = match scope {
            Some(scope) => Some(self.admitted(client, &candidates(&catalog, &resources), scope)?),
            None => None,
        };
        if resources.is_empty() {
            resources.extend(implied_resource(catalog.iter(), client, asked.as_ref()));
        }
        let scope = match asked {
            Some(asked) => asked,
            None => self.scope_of_silence(client, &candidates(&catalog, &resources))?,
        };
        Ok(Audience { resources, scope })
    }

    /// The part of what is asked for that a catalog of `candidates` has and the client's ceiling
    /// admits (RFC 6749 §3.3). Clients ask for every scope of the server's metadata, or add
    /// those of OpenID Connect, while they mean one resource.
    fn admitted(
        &self,
        client: &Client,
        candidates: &[&Resource],
        asked: &ScopeSet,
    ) -> Result<ScopeSet> {
        let known = |scope: &str| {
            scope == OFFLINE_ACCESS || candidates.iter().any(|own| own.has_scope(scope))
        };
        let within = |scope: &str| scope == OFFLINE_ACCESS || client.ceiling_admits(scope);
        let (kept, left_out): (Vec<_>, Vec<_>) = asked
            .iter()
            .cloned()
            .partition(|scope| known(scope.as_str()) && within(scope.as_str()));
        let (kept, left_out) = (ScopeSet::from_iter(kept), ScopeSet::from_iter(left_out));
        let Some(first) = left_out.iter().next() else {
            return Ok(kept);
        };
        // Of a resource that has no scopes, there is nothing more to be had.
        let nothing_left = kept.without(OFFLINE_ACCESS).is_empty() && have_scopes(candidates);
        if nothing_left || self.config().oauth.unknown_scopes == UnknownScopes::Refuse {
            return Err(invalid_scope(
                DenyReason::InvalidScope,
                match known(first.as_str()) {
                    true => format!("the client was not registered for the scope '{first}'"),
                    false => format!(
                        "the scope '{first}' is not in the catalog of the resource; see its scopes_supported"
                    ),
                },
            ));
        }
        tracing::info!(client_id = %client.id, left_out = %left_out, scope = %kept, "scopes left out that the resource does not know or the client may not have");
        Ok(kept)
    }

    /// The scope of a request that names none: all that the client may have.
    fn scope_of_silence(&self, client: &Client, candidates: &[&Resource]) -> Result<ScopeSet> {
        if !have_scopes(candidates) {
            return Ok(ScopeSet::default());
        }
        if self.config().oauth.require_scope {
            return Err(invalid_scope(
                DenyReason::MissingScope,
                "the request names no scope; ask for scopes of the resource, see its scopes_supported".into(),
            ));
        }
        let all: ScopeSet = candidates
            .iter()
            .flat_map(|resource| resource.catalog().iter().cloned().collect::<Vec<_>>())
            .filter(|scope| client.ceiling_admits(scope.as_str()))
            .collect();
        if all.is_empty() {
            return Err(invalid_scope(
                DenyReason::InvalidScope,
                "the client was not registered for any scope of the resource".into(),
            ));
        }
        tracing::debug!(client_id = %client.id, scope = %all, "the request names no scope and is for all that the client may have");
        Ok(all)
    }

    /// The resources of a machine's request; without one, what its scopes imply.
    ///
    /// # Errors
    /// `invalid_target`.
    pub(crate) async fn machine_audience(
        &self,
        client: &Client,
        identifiers: &[String],
        scope: Option<&ScopeSet>,
    ) -> Result<Vec<Arc<Resource>>> {
        if identifiers.is_empty() {
            let catalog = self.store().resources().await?;
            return Ok(implied_resource(catalog.iter(), client, scope)
                .into_iter()
                .collect());
        }
        let mut resources = self.resources_of_grant(identifiers).await?;
        let mut seen = std::collections::HashSet::new();
        resources.retain(|resource| seen.insert(resource.id.clone()));
        Ok(resources)
    }

    /// The resources behind the `aud` values that a code or family remembers.
    ///
    /// # Errors
    /// `invalid_target` when one is no longer registered.
    pub(crate) async fn resources_of_grant(
        &self,
        identifiers: &[String],
    ) -> Result<Vec<Arc<Resource>>> {
        let catalog = self.store().resources().await?;
        let find = |identifier: &String| {
            named(&catalog, identifier)
                .cloned()
                .ok_or_else(|| invalid_target(identifier))
        };
        identifiers.iter().map(find).collect()
    }

    /// Narrows a grant to the resources that a token request names (RFC 8707 §2.2).
    ///
    /// # Errors
    /// `invalid_target` when the grant does not cover one of them.
    pub(crate) async fn narrow(
        &self,
        granted: &[Arc<Resource>],
        identifiers: &[String],
    ) -> Result<Vec<Arc<Resource>>> {
        if identifiers.is_empty() {
            return Ok(granted.to_vec());
        }
        let catalog = self.store().resources().await?;
        let mut narrowed: Vec<Arc<Resource>> = Vec::new();
        for identifier in identifiers {
            let covered = named(&catalog, identifier)
                .and_then(|resource| granted.iter().find(|covered| covered.id == resource.id));
            let covered = covered.ok_or_else(|| {
                let shown: String = identifier.chars().take(200).collect();
                Error::new(
                    ErrorCode::InvalidTarget,
                    DenyReason::InvalidTarget,
                    format!("the grant does not cover the resource '{shown}'; ask for it in a new authorization"),
                )
            })?;
            if !narrowed.iter().any(|known| known.id == covered.id) {
                narrowed.push(Arc::clone(covered));
            }
        }
        Ok(narrowed)
    }
}

/// Whose catalogs bound a request: those of the resources it is for, or of all when it is for
/// the issuer itself.
fn candidates<'a>(
    catalog: &'a ResourceCatalog,
    resources: &'a [Arc<Resource>],
) -> Vec<&'a Resource> {
    match resources.is_empty() {
        true => catalog
            .iter()
            .filter(is_minted_for)
            .map(|own| &**own)
            .collect(),
        false => resources.iter().map(|own| &**own).collect(),
    }
}

fn have_scopes(resources: &[&Resource]) -> bool {
    resources.iter().any(|resource| !resource.scopes.is_empty())
}

/// What a request is for that names no resource, as those of the 2025-03-26 protocol and of most
/// machines do (spec: tokens): the one mint resource whose catalog holds all its scopes, when
/// there is exactly one; of several, the client's default. A request that names no scope either
/// is for all that the client's ceiling has.
pub(crate) fn implied_resource<'a>(
    mut resources: impl Iterator<Item = &'a Arc<Resource>> + Clone,
    client: &Client,
    asked: Option<&ScopeSet>,
) -> Option<Arc<Resource>> {
    let wanted = asked.unwrap_or(&client.scope).without(OFFLINE_ACCESS);
    let knows_all = |resource: &&Arc<Resource>| {
        let mut wanted = wanted.iter();
        wanted.all(|scope| resource.has_scope(scope.as_str()))
    };
    let minted = resources.clone().filter(is_minted_for);
    let mut fitting = minted.filter(knows_all);
    if let (Some(only), None) = (fitting.next(), fitting.next()) {
        return Some(Arc::clone(only));
    }
    let slug = client.default_resource.as_deref()?;
    let default = resources.find(|resource| resource.slug == slug)?;
    (asked.is_none() || knows_all(&default)).then(|| Arc::clone(default))
}

/// What a code or a refresh token is still good for: of what was agreed to, that which the
/// client's ceiling and the catalogs admit by now (spec: tokens, refresh_token).
///
/// # Errors
/// `invalid_scope` when nothing is left.
pub(crate) fn still_admitted(
    client: &Client,
    resources: &[Arc<Resource>],
    agreed: &ScopeSet,
) -> Result<ScopeSet> {
    let admitted: ScopeSet = agreed
        .iter()
        .filter(|scope| {
            let scope = scope.as_str();
            scope == OFFLINE_ACCESS
                || (client.ceiling_admits(scope)
                    && (resources.is_empty()
                        || resources.iter().any(|resource| resource.has_scope(scope))))
        })
        .cloned()
        .collect();
    if admitted.is_empty() && !agreed.is_empty() {
        return Err(invalid_scope(
            DenyReason::InvalidScope,
            "the client may no longer have any of the scopes that were agreed to".into(),
        ));
    }
    Ok(admitted)
}
