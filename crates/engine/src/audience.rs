//! What a token is for: resources and scopes of a request, settled against the catalogs.

use crate::{Engine, Error, Result};
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

/// The resource that a `resource` parameter names (RFC 8707 §2): its URI or slug, compared
/// exactly. An http(s) URI without a path may be written with or without its final slash,
/// which RFC 3986 §6.2.3 calls the same and which URL libraries add.
pub(crate) fn named<'a>(
    catalog: &'a ResourceCatalog,
    identifier: &str,
) -> Option<&'a Arc<Resource>> {
    let found = catalog.named(identifier).or_else(|| {
        let (scheme, rest) = identifier.split_once("://")?;
        if scheme != "https" && scheme != "http" {
            return None;
        }
        match rest.find('/') {
            Some(slash) if slash + 1 == rest.len() => catalog.named(identifier.strip_suffix('/')?),
            None if !rest.contains(['?', '#']) => catalog.named(&format!("{identifier}/")),
            _ => None,
        }
    })?;
    (found.backend_kind == BackendKind::Mint).then_some(found)
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
        if resources.is_empty() {
            resources.extend(implied_resource(&catalog, scope));
        }
        let scope = match scope {
            Some(scope) => scope.clone(),
            None => self.scope_of_silence(client, &resources)?,
        };
        check_scope(client, &catalog, &resources, &scope)?;
        Ok(Audience { resources, scope })
    }

    /// The scope of a request that names none.
    fn scope_of_silence(&self, client: &Client, resources: &[Arc<Resource>]) -> Result<ScopeSet> {
        let nothing_to_ask =
            !resources.is_empty() && resources.iter().all(|resource| resource.scopes.is_empty());
        if self.config().oauth.require_scope && !nothing_to_ask {
            return Err(invalid_scope(
                DenyReason::MissingScope,
                "the request names no scope; ask for scopes of the resource, see its scopes_supported".into(),
            ));
        }
        let all: ScopeSet = resources
            .iter()
            .flat_map(|resource| resource.catalog().iter().cloned().collect::<Vec<_>>())
            .filter(|scope| client.ceiling_admits(scope.as_str()))
            .collect();
        tracing::warn!(client_id = %client.id, scope = %all, "the request names no scope; all scopes of its resources are assumed");
        Ok(all)
    }

    /// The resources of a machine's request; without one, what its scopes imply.
    ///
    /// # Errors
    /// `invalid_target`.
    pub(crate) async fn machine_audience(
        &self,
        identifiers: &[String],
        scope: &ScopeSet,
    ) -> Result<Vec<Arc<Resource>>> {
        if identifiers.is_empty() {
            let catalog = self.store().resources().await?;
            return Ok(implied_resource(&catalog, Some(scope))
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

/// A request of the 2025-03-26 protocol names no resource: it is for the one mint resource
/// whose catalog holds all its scopes, when there is exactly one.
fn implied_resource(catalog: &ResourceCatalog, scope: Option<&ScopeSet>) -> Option<Arc<Resource>> {
    let wanted = scope
        .map(|scope| scope.without(OFFLINE_ACCESS))
        .unwrap_or_default();
    let mut fitting = catalog.iter().filter(|resource| {
        resource.backend_kind == BackendKind::Mint
            && wanted
                .iter()
                .all(|scope| resource.has_scope(scope.as_str()))
    });
    let only = fitting.next()?;
    fitting.next().is_none().then(|| Arc::clone(only))
}

/// Every scope must be in a catalog of the resources (of any resource, for a token of the
/// issuer) and within the client's ceiling.
fn check_scope(
    client: &Client,
    catalog: &ResourceCatalog,
    resources: &[Arc<Resource>],
    scope: &ScopeSet,
) -> Result<()> {
    let in_catalog = |scope: &str| {
        if resources.is_empty() {
            catalog.iter().any(|resource| resource.has_scope(scope))
        } else {
            resources.iter().any(|resource| resource.has_scope(scope))
        }
    };
    if let Some(outside) = scope.first_outside(|scope| scope == OFFLINE_ACCESS || in_catalog(scope))
    {
        return Err(invalid_scope(
            DenyReason::InvalidScope,
            format!(
                "the scope '{outside}' is not in the catalog of the resource; see its scopes_supported"
            ),
        ));
    }
    if let Some(beyond) =
        scope.first_outside(|scope| scope == OFFLINE_ACCESS || client.ceiling_admits(scope))
    {
        return Err(invalid_scope(
            DenyReason::InvalidScope,
            format!("the client was not registered for the scope '{beyond}'"),
        ));
    }
    Ok(())
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
