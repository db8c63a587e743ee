//! Resources, as operators see them.

use super::ACTOR;
use super::change::{TRIES, changed_fields, is_version, overtaken, replace};
use super::resource_warnings::{Catalogs, nameless, respelled};
use crate::observe::event;
use crate::{Engine, Error, Result};
use domain::resource_rules::{self, FieldRule};
use domain::{
    AuditAction, BackendKind, CatalogScope, Policy, Resource, ResourceId, ResourceUri, TokenTyp,
    UnixMillis,
};
use std::collections::HashSet;
use std::sync::Arc;
use store::{Deleted, Deletion, Page, Rows, Updated};
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
    /// What the header of its tokens says they are.
    pub token_typ: TokenTyp,
    /// Its policy.
    pub policy: Policy,
}

/// A resource as it is kept now.
#[derive(Debug, Clone)]
pub struct KeptResource {
    /// The resource.
    pub resource: Resource,
    /// What the operator should know about it, in sentences.
    pub warnings: Vec<String>,
}

/// What to change of a resource; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct ResourceChange {
    /// Its identifier; empty for none. Tokens already issued keep the old one.
    pub uri: Option<String>,
    /// Name shown on pages; empty for the slug.
    pub display_name: Option<String>,
    /// Its catalog.
    pub scopes: Option<Vec<CatalogScope>>,
    /// What the header of its tokens says they are.
    pub token_typ: Option<TokenTyp>,
    /// The parts of its policy.
    pub policy: PolicyChange,
    /// Change this version alone, by its `updated_at`.
    pub version: Option<UnixMillis>,
}

/// What to change of a policy; `None` stays as it is.
#[derive(Debug, Clone, Default)]
pub struct PolicyChange {
    /// Clients that may exchange tokens for the resource; empty for all.
    pub allowed_client_ids: Option<Vec<String>>,
    /// Clients as which the resource's server runs.
    pub client_ids: Option<Vec<String>>,
    /// Where a user may be sent after connecting a provider.
    pub allowed_return_urls: Option<Vec<String>>,
}

/// Which resources to list; `None` does not restrict.
#[derive(Debug, Clone, Default)]
pub struct ResourceFilter {
    /// By what stands behind them.
    pub backend_kind: Option<BackendKind>,
    /// Id, slug, URI or name contains this text, in any case.
    pub text: Option<String>,
    /// Slugs behind this one.
    pub behind: Option<String>,
}

/// A part of the list of resources.
#[derive(Debug, Clone)]
pub struct ResourcePart {
    /// By slug.
    pub resources: Vec<Arc<Resource>>,
    /// Where the next part begins, unless this is the last: the filter's `behind`.
    pub next: Option<String>,
}

impl ResourceFilter {
    fn admits(&self, resource: &Resource) -> bool {
        let kind = self
            .backend_kind
            .is_none_or(|own| own == resource.backend_kind);
        let behind = self
            .behind
            .as_ref()
            .is_none_or(|slug| resource.slug > *slug);
        kind && behind && self.text.as_ref().is_none_or(|text| finds(resource, text))
    }
}

/// Whether a search for `text` finds the resource.
fn finds(resource: &Resource, text: &str) -> bool {
    let text = text.to_lowercase();
    let uri = resource.uri.as_deref().unwrap_or_default();
    [
        resource.id.as_str(),
        &resource.slug,
        uri,
        &resource.display_name,
    ]
    .iter()
    .any(|own| own.to_lowercase().contains(&text))
}

/// The identifier as it is kept.
fn normalised(uri: String) -> Result<String> {
    ResourceUri::parse(&uri)
        .map(ResourceUri::into_string)
        .map_err(|error| Error::invalid_request(format!("uri: it {error}")))
}

fn check(resource: &Resource) -> Result<()> {
    let held = |name: &str, rule: FieldRule<str>, value: &str| match (rule.holds)(value) {
        true => Ok(()),
        false => Err(refused(name, rule.allowed)),
    };
    held("slug", resource_rules::SLUG, &resource.slug)?;
    let name = &resource.display_name;
    held("display_name", resource_rules::DISPLAY_NAME, name)?;
    let policy = &resource.policy;
    for (name, rule, list) in [
        (
            "policy.exchange.allowed_client_ids",
            resource_rules::CLIENT_IDS,
            &policy.exchange.allowed_client_ids,
        ),
        (
            "policy.runtime.client_ids",
            resource_rules::CLIENT_IDS,
            &policy.runtime.client_ids,
        ),
        (
            "policy.connect.allowed_return_urls",
            resource_rules::RETURN_URLS,
            &policy.connect.allowed_return_urls,
        ),
    ] {
        if !(rule.holds)(list) {
            return Err(refused(name, rule.allowed));
        }
    }
    let mut seen = HashSet::new();
    for scope in &resource.scopes {
        held("scopes", resource_rules::CATALOG_SCOPE, &scope.name)?;
        if !seen.insert(&scope.name) {
            return Err(Error::invalid_request(format!(
                "scopes: {} is named twice",
                scope.name
            )));
        }
    }
    Ok(())
}

fn refused(field: &str, allowed: &str) -> Error {
    Error::invalid_request(format!("{field}: give {allowed}"))
}

/// Which fields differ.
fn changed(before: &Resource, after: &Resource) -> String {
    changed_fields(&[
        ("uri", before.uri != after.uri),
        ("display_name", before.display_name != after.display_name),
        ("scopes", before.scopes != after.scopes),
        ("token_typ", before.token_typ != after.token_typ),
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
    /// `invalid_request`, naming the field; `conflict`, naming the resource that is in the way.
    pub async fn create_resource(&self, new: NewResource) -> Result<KeptResource> {
        self.register_resource(new, ACTOR).await
    }

    /// The same, by anyone.
    pub(crate) async fn register_resource(
        &self,
        new: NewResource,
        actor: &str,
    ) -> Result<KeptResource> {
        let now = self.now();
        let uri = new.uri.clone().map(normalised).transpose()?;
        let resource = Resource {
            id: ResourceId::generate(self.clock(), self.rng()),
            display_name: new.display_name.unwrap_or_else(|| new.slug.clone()),
            slug: new.slug,
            uri,
            backend_kind: new.backend_kind,
            scopes: new.scopes,
            token_typ: new.token_typ,
            policy: new.policy,
            created_at: now,
            updated_at: now,
        };
        check(&resource)?;
        self.check_free(&resource).await?;
        // A token that a gateway obtains has its slug as `client_id`.
        if self.store().client(&resource.slug).await?.is_some() {
            return Err(Error::invalid_request("slug: that is the id of a client"));
        }
        let before = self.store().resources().await?.iter().cloned().collect();
        let event = event(AuditAction::ResourceCreated, actor).resource(&resource.slug);
        self.store()
            .create_resource(resource.clone(), vec![event])
            .await?;
        self.metrics().resource_server_ops.add(ResourceOp::Create);
        tracing::info!(resource = %resource.slug, "resource registered");
        let catalogs = Catalogs::with(before, &resource);
        self.kept(resource, new.uri.as_deref(), Some(catalogs))
            .await
    }

    /// A resource that was written, with what there is to say about that.
    async fn kept(
        &self,
        resource: Resource,
        given: Option<&str>,
        catalogs: Option<Catalogs>,
    ) -> Result<KeptResource> {
        let kept = resource.uri.as_deref();
        let mut warnings: Vec<_> = given
            .zip(kept)
            .and_then(|(given, kept)| respelled(given, kept))
            .into_iter()
            .chain(nameless(&resource))
            .collect();
        if let Some(catalogs) = catalogs {
            warnings.extend(self.moved_requests(&catalogs).await?);
        }
        for warning in &warnings {
            tracing::warn!(resource = %resource.slug, warning, "resource kept, with a warning");
        }
        Ok(KeptResource { resource, warnings })
    }

    /// No other resource may have the slug, nor a URI that is equivalent.
    async fn check_free(&self, resource: &Resource) -> Result<()> {
        let catalog = self.store().resources().await?;
        let others = |name: &str| catalog.named(name).filter(|own| own.id != resource.id);
        if others(&resource.slug).is_some() {
            return Err(Error::conflict(format!(
                "slug: there is a resource {} already; choose another slug, or change that resource",
                resource.slug
            )));
        }
        match resource
            .uri
            .as_deref()
            .and_then(|uri| Some((uri, others(uri)?)))
        {
            Some((uri, other)) => Err(Error::conflict(format!(
                "uri: {uri} is that of the resource {} already; change that one, or give another URI",
                other.slug
            ))),
            None => Ok(()),
        }
    }

    /// All resources, by slug.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn resources(&self) -> Result<Vec<Arc<Resource>>> {
        Ok(self.store().resources().await?.iter().cloned().collect())
    }

    /// Resources, by slug.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn resource_list(
        &self,
        filter: &ResourceFilter,
        page: &Page,
    ) -> Result<ResourcePart> {
        let catalog = self.store().resources().await?;
        let found = catalog
            .iter()
            .filter(|resource| filter.admits(resource))
            .skip(page.offset as usize);
        let Rows { rows, more } = Rows::of(found.cloned(), page.limit);
        Ok(ResourcePart {
            next: rows.last().filter(|_| more).map(|last| last.slug.clone()),
            resources: rows,
        })
    }

    /// The resource with this id, slug or URI.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn resource(&self, reference: &str) -> Result<Arc<Resource>> {
        let by_uri = match reference.contains("://") {
            true => self.store().resources().await?.named(reference).cloned(),
            false => None,
        };
        let reference = by_uri.as_ref().map_or(reference, |own| own.id.as_str());
        let found = self.store().resource_now(reference).await?;
        found.map(Arc::new).ok_or_else(|| not_found(reference))
    }

    /// Changes a resource.
    ///
    /// # Errors
    /// `not_found`; `precondition_failed` for another version; as [`Engine::create_resource`].
    pub async fn update_resource(
        &self,
        reference: &str,
        change: ResourceChange,
    ) -> Result<KeptResource> {
        let given = change.uri.as_ref().filter(|uri| !uri.is_empty());
        let kept = given.cloned().map(normalised).transpose()?;
        let uri = change.uri.is_some().then_some(kept);
        let apply = |resource: &mut Resource| {
            replace(&mut resource.uri, uri.as_ref());
            replace(&mut resource.scopes, change.scopes.as_ref());
            replace(&mut resource.token_typ, change.token_typ.as_ref());
            match change.display_name.as_deref() {
                Some("") => resource.display_name.clone_from(&resource.slug),
                Some(name) => name.clone_into(&mut resource.display_name),
                None => {}
            }
            let (own, new) = (&mut resource.policy, &change.policy);
            replace(
                &mut own.exchange.allowed_client_ids,
                new.allowed_client_ids.as_ref(),
            );
            replace(&mut own.runtime.client_ids, new.client_ids.as_ref());
            replace(
                &mut own.connect.allowed_return_urls,
                new.allowed_return_urls.as_ref(),
            );
        };
        let before: Vec<_> = self.store().resources().await?.iter().cloned().collect();
        let action = (AuditAction::ResourcePatched, None);
        let (resource, changed) = self
            .change_resource(reference, change.version, action, apply)
            .await?;
        if changed {
            self.metrics().resource_server_ops.add(ResourceOp::Update);
        }
        let catalogs = change.scopes.map(|_| Catalogs::with(before, &resource));
        self.kept(resource, given.map(String::as_str), catalogs)
            .await
    }

    /// Reads a resource, changes it and writes it back; again, when others changed it
    /// meanwhile. Says whether `apply` left anything to write.
    pub(super) async fn change_resource(
        &self,
        reference: &str,
        version: Option<UnixMillis>,
        (action, client_id): (AuditAction, Option<&str>),
        apply: impl Fn(&mut Resource),
    ) -> Result<(Resource, bool)> {
        for _ in 0..TRIES {
            let before = self.resource(reference).await?;
            is_version(before.updated_at, version)?;
            let mut after = Resource::clone(&before);
            apply(&mut after);
            let changed = changed(&before, &after);
            if changed.is_empty() {
                return Ok((after, false));
            }
            check(&after)?;
            if before.uri != after.uri {
                self.check_free(&after).await?;
            }
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
    /// `force`, its fronting links; clients that have it for their default have none then.
    ///
    /// # Errors
    /// `not_found`; `precondition_failed` for another version; `conflict`, naming the resources
    /// at the other end and the clients, when there are such and `force` is not set.
    pub async fn delete_resource(&self, reference: &str, how: Deletion) -> Result<()> {
        let resource = self.resource(reference).await?;
        let event = event(AuditAction::ResourceDeleted, ACTOR).resource(&resource.slug);
        let ended = match self
            .store()
            .delete_resource(resource.id.to_string(), how, vec![event])
            .await?
        {
            Deleted::Yes(ended) => ended,
            Deleted::InUse(_) => {
                return Err(self.resource_in_use(&resource).await?);
            }
            Deleted::Stale => return Err(Error::precondition_failed()),
            Deleted::Gone => return Err(not_found(reference)),
        };
        self.metrics().resource_server_ops.add(ResourceOp::Delete);
        self.count_ended(ended);
        tracing::info!(resource = %resource.slug, families = ended.families, tokens = ended.tokens, "resource deleted");
        Ok(())
    }

    /// The clients that have the resource for their default, by id.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn default_clients(&self, resource: &Resource) -> Result<Vec<String>> {
        Ok(self.store().clients_defaulting_to(&resource.slug).await?)
    }

    /// The refusal to delete a resource to which others refer.
    async fn resource_in_use(&self, resource: &Resource) -> Result<Error> {
        let neighbours = self.fronting_neighbours(resource).await?;
        let clients = self.default_clients(resource).await?;
        let mut reasons = Vec::new();
        if !neighbours.is_empty() {
            reasons.push(format!(
                "fronting links join it with {}",
                neighbours.join(", ")
            ));
        }
        if !clients.is_empty() {
            reasons.push(format!(
                "it is the default_resource of {}",
                clients.join(", ")
            ));
        }
        Ok(Error::conflict(format!(
            "the resource {} is referred to: {}; end that first, or with it (cascade)",
            resource.slug,
            reasons.join("; ")
        ))
        .with_dependents([neighbours, clients].concat()))
    }
}
