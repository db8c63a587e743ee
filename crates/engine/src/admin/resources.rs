//! Resources, as operators see them.

use super::ACTOR;
use super::change::{TRIES, changed_fields, overtaken, replace};
use crate::observe::event;
use crate::{Engine, Error, Result};
use domain::{
    AuditAction, BackendKind, CatalogScope, OFFLINE_ACCESS, Policy, Resource, ResourceId, Scope,
    is_valid_slug,
};
use std::collections::HashSet;
use std::sync::Arc;
use store::{StoreError, Updated};
use telemetry::metrics::labels::ResourceOp;

/// A resource to register.
#[derive(Debug, Clone)]
pub struct NewResource {
    /// Short name.
    pub slug: String,
    /// Its identifier: the `aud` of its tokens.
    pub uri: Option<String>,
    /// What stands behind it.
    pub backend_kind: BackendKind,
    /// Name shown on pages; the slug when absent.
    pub display_name: Option<String>,
    /// Its catalog.
    pub scopes: Vec<CatalogScope>,
    /// Its policy.
    pub policy: Policy,
}

/// What to change of a resource; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct ResourceChange {
    /// Its identifier. Tokens already issued keep the old one.
    pub uri: Option<String>,
    /// Name shown on pages.
    pub display_name: Option<String>,
    /// Its catalog.
    pub scopes: Option<Vec<CatalogScope>>,
}

fn check(resource: &Resource) -> Result<()> {
    if !is_valid_slug(&resource.slug) {
        return Err(Error::invalid_request(
            "slug: give 1 to 64 of a-z, 0-9 and -, with no - at either end",
        ));
    }
    if let Some(uri) = &resource.uri {
        let url = url::Url::parse(uri).map_err(|_| {
            Error::invalid_request("uri: give an absolute URI, such as https://mcp.example.com/mcp")
        })?;
        let printable = uri.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        let scripted = matches!(url.scheme(), "javascript" | "data" | "file" | "vbscript");
        if !printable
            || scripted
            || url.fragment().is_some()
            || url.password().is_some()
            || !url.username().is_empty()
            || url.cannot_be_a_base()
            || uri.len() > 2048
        {
            return Err(Error::invalid_request(
                "uri: give an absolute URI of at most 2048 printable ASCII characters, without fragment, user name and password",
            ));
        }
    }
    let mut seen = HashSet::new();
    for scope in &resource.scopes {
        Scope::parse(&scope.name)
            .map_err(|error| Error::invalid_request(format!("scopes: {error}")))?;
        if scope.name == OFFLINE_ACCESS {
            return Err(Error::invalid_request(
                "scopes: offline_access is never part of a catalog",
            ));
        }
        if !seen.insert(&scope.name) {
            return Err(Error::invalid_request(format!(
                "scopes: {} is named twice",
                scope.name
            )));
        }
    }
    Ok(())
}

/// Which fields differ.
fn changed(before: &Resource, after: &Resource) -> String {
    changed_fields(&[
        ("uri", before.uri != after.uri),
        ("display_name", before.display_name != after.display_name),
        ("scopes", before.scopes != after.scopes),
        ("policy", before.policy != after.policy),
    ])
}

fn not_found(reference: &str) -> Error {
    Error::not_found(format!("there is no resource {reference}"))
}

impl Engine {
    /// Registers a resource.
    ///
    /// # Errors
    /// `invalid_request`, naming the field.
    pub async fn create_resource(&self, new: NewResource) -> Result<Resource> {
        self.register_resource(new, ACTOR).await
    }

    /// The same, by anyone.
    pub(crate) async fn register_resource(
        &self,
        new: NewResource,
        actor: &str,
    ) -> Result<Resource> {
        let now = self.now();
        let resource = Resource {
            id: ResourceId::generate(self.clock(), self.rng()),
            display_name: new.display_name.unwrap_or_else(|| new.slug.clone()),
            slug: new.slug,
            uri: new.uri,
            backend_kind: new.backend_kind,
            scopes: new.scopes,
            policy: new.policy,
            created_at: now,
            updated_at: now,
        };
        check(&resource)?;
        // A token that a gateway obtains has its slug as `client_id`.
        if self.store().client(&resource.slug).await?.is_some() {
            return Err(Error::invalid_request("slug: that is the id of a client"));
        }
        let event = event(AuditAction::ResourceCreated, actor).resource(&resource.slug);
        self.store()
            .create_resource(resource.clone(), vec![event])
            .await?;
        self.metrics().resource_server_ops.add(ResourceOp::Create);
        tracing::info!(resource = %resource.slug, "resource registered");
        Ok(resource)
    }

    /// All resources, by slug.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn resources(&self) -> Result<Vec<Arc<Resource>>> {
        Ok(self.store().resources().await?.iter().cloned().collect())
    }

    /// The resource with this id or slug.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn resource(&self, reference: &str) -> Result<Arc<Resource>> {
        let catalog = self.store().resources().await?;
        let found = catalog
            .iter()
            .find(|resource| resource.slug == reference || resource.id.as_str() == reference);
        found.cloned().ok_or_else(|| not_found(reference))
    }

    /// Changes a resource.
    ///
    /// # Errors
    /// `not_found`; as [`Engine::create_resource`].
    pub async fn update_resource(
        &self,
        reference: &str,
        change: ResourceChange,
    ) -> Result<Resource> {
        let uri = change.uri.map(Some);
        let apply = |resource: &mut Resource| {
            replace(&mut resource.uri, uri.as_ref());
            replace(&mut resource.display_name, change.display_name.as_ref());
            replace(&mut resource.scopes, change.scopes.as_ref());
        };
        let (resource, changed) = self
            .change_resource(reference, AuditAction::ResourcePatched, None, apply)
            .await?;
        if changed {
            self.metrics().resource_server_ops.add(ResourceOp::Update);
        }
        Ok(resource)
    }

    /// Reads a resource, changes it and writes it back; again, when others changed it
    /// meanwhile. Says whether `apply` left anything to write.
    pub(super) async fn change_resource(
        &self,
        reference: &str,
        action: AuditAction,
        client_id: Option<&str>,
        apply: impl Fn(&mut Resource),
    ) -> Result<(Resource, bool)> {
        for _ in 0..TRIES {
            let before = self.resource(reference).await?;
            let mut after = Resource::clone(&before);
            apply(&mut after);
            let changed = changed(&before, &after);
            if changed.is_empty() {
                return Ok((after, false));
            }
            check(&after)?;
            let mut event = event(action, ACTOR)
                .resource(&after.slug)
                .with("changed", &changed);
            if let Some(client_id) = client_id {
                event = event.client(client_id);
            }
            match self
                .store()
                .update_resource(after.clone(), vec![event])
                .await?
            {
                Updated::Yes { updated_at, .. } => {
                    tracing::info!(resource = %after.slug, action = action.as_str(), changed, "resource changed");
                    let after = Resource {
                        updated_at,
                        ..after
                    };
                    return Ok((after, true));
                }
                Updated::Stale => {}
                Updated::Gone => return Err(not_found(reference)),
            }
        }
        Err(overtaken("resource", reference))
    }

    /// Deletes a resource with the consents for it, the tokens that rest on these and, with
    /// `cascade`, its fronting links.
    ///
    /// # Errors
    /// `not_found`; `conflict`, naming the resources at the other end, when there are links and
    /// `cascade` is not set.
    pub async fn delete_resource(&self, reference: &str, cascade: bool) -> Result<()> {
        let resource = self.resource(reference).await?;
        let event = event(AuditAction::ResourceDeleted, ACTOR).resource(&resource.slug);
        let deleted = self
            .store()
            .delete_resource(resource.id.to_string(), cascade, vec![event])
            .await;
        if matches!(deleted, Err(StoreError::InUse(_))) {
            let dependents = self.fronting_neighbours(&resource).await?;
            return Err(Error::conflict(format!(
                "fronting links join {reference} with {}; delete them first, or with it (cascade)",
                dependents.join(", ")
            ))
            .with_dependents(dependents));
        }
        let ended = deleted?.ok_or_else(|| not_found(reference))?;
        self.metrics().resource_server_ops.add(ResourceOp::Delete);
        self.count_ended(ended);
        tracing::info!(resource = %resource.slug, families = ended.families, tokens = ended.tokens, "resource deleted");
        Ok(())
    }
}
