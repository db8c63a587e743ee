//! The documents that clients discover the server by (RFC 8414, RFC 9728). They are rendered
//! when what they say changes, not when they are asked for.

use crate::{Engine, Result};
use arc_swap::ArcSwapOption;
use config::DcrMode;
use domain::{GrantType, OFFLINE_ACCESS, Resource, Word as _};
use oauth::dpop::ALGORITHMS;
use oauth::jwt::Algorithm;
use oauth::metadata::{AuthorizationServerMetadata, MetadataInput, ProtectedResourceMetadata};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::ResourceCatalog;

/// The two forms of the server's metadata, as JSON.
#[derive(Debug)]
pub struct Documents {
    /// `/.well-known/oauth-authorization-server`
    pub oauth: Arc<[u8]>,
    /// `/.well-known/openid-configuration`
    pub openid: Arc<[u8]>,
}

/// The rendered documents, and what they were rendered from.
#[derive(Default)]
pub(crate) struct MetadataCache(ArcSwapOption<Rendered>);

struct Rendered {
    catalog: Arc<ResourceCatalog>,
    mode: DcrMode,
    documents: Arc<Documents>,
}

impl Engine {
    /// The server's metadata (RFC 8414 §2). While the database is unavailable, as it was last:
    /// clients cache it for longer than most outages last, and learn of the outage where it
    /// matters.
    ///
    /// # Errors
    /// When the database is unavailable and was so from the start.
    pub async fn metadata(&self) -> Result<Arc<Documents>> {
        let current = self.current_metadata().await;
        if let Err(error) = &current
            && error.is_server_fault()
            && let Some(last) = &*self.inner().metadata.0.load()
        {
            return Ok(Arc::clone(&last.documents));
        }
        current
    }

    async fn current_metadata(&self) -> Result<Arc<Documents>> {
        let catalog = self.store().resources().await?;
        let mode = self.dcr_mode().await?;
        let cache = &self.inner().metadata.0;
        if let Some(rendered) = &*cache.load()
            && rendered.mode == mode
            && Arc::ptr_eq(&rendered.catalog, &catalog)
        {
            return Ok(Arc::clone(&rendered.documents));
        }
        let documents = Arc::new(self.render_metadata(&catalog, mode));
        cache.store(Some(Arc::new(Rendered {
            catalog,
            mode,
            documents: Arc::clone(&documents),
        })));
        Ok(documents)
    }

    /// The grants that can be asked for (RFC 8414 §2, `grant_types_supported`).
    pub fn offered_grant_types(&self) -> impl Iterator<Item = GrantType> {
        let config = self.config();
        GrantType::ALL
            .iter()
            .copied()
            .filter(move |grant| match grant {
                GrantType::AuthorizationCode | GrantType::RefreshToken => true,
                GrantType::ClientCredentials => config.client_credentials.enabled,
                GrantType::TokenExchange => config.token_exchange.enabled,
            })
    }

    fn render_metadata(&self, catalog: &ResourceCatalog, mode: DcrMode) -> Documents {
        let scopes: BTreeSet<String> = catalog
            .iter()
            .flat_map(|resource| resource.scopes.iter().map(|scope| scope.name.clone()))
            .chain([OFFLINE_ACCESS.to_owned()])
            .collect();
        let dpop_algorithms = match self.config().dpop.enabled {
            true => ALGORITHMS.iter().map(ToString::to_string).collect(),
            false => Vec::new(),
        };
        let metadata = AuthorizationServerMetadata::build(MetadataInput {
            issuer: self.issuer().to_owned(),
            registration_open: mode != DcrMode::AdminOnly,
            grant_types: self.offered_grant_types().collect(),
            scopes: scopes.into_iter().collect(),
            cimd: self.inner().parts.cimd.is_some(),
            dpop_algorithms,
            grant_profiles: Vec::new(),
            agent_identity: self.config().agents.agent_identity_enabled,
            service_documentation: None,
        });
        Documents {
            oauth: metadata.to_json().into(),
            openid: metadata
                .openid_configuration(&[Algorithm::Es256, Algorithm::Rs256])
                .to_json()
                .into(),
        }
    }

    /// The metadata of the resource that `reference` (the path of its URI, or its slug) names;
    /// without a reference, of the resource at the root of its host, or the only one.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn protected_resource(&self, reference: Option<&str>) -> Result<Option<Vec<u8>>> {
        let catalog = self.store().resources().await?;
        let found = match reference
            .map(|reference| reference.trim_matches('/'))
            .filter(|r| !r.is_empty())
        {
            Some(reference) => catalog
                .iter()
                .find(|resource| path_of(resource).is_some_and(|path| path == reference))
                .or_else(|| {
                    catalog
                        .named(reference)
                        .filter(|resource| resource.slug == reference)
                }),
            None => catalog
                .iter()
                .find(|resource| path_of(resource).is_some_and(|path| path.is_empty()))
                .or_else(|| only(catalog.iter().filter(|resource| resource.uri.is_some()))),
        };
        let document = found.and_then(|resource| {
            let uri = resource.uri.clone()?;
            Some(self.describe(resource, uri).to_json())
        });
        Ok(document)
    }

    fn describe(&self, resource: &Resource, uri: String) -> ProtectedResourceMetadata {
        let scopes = resource
            .scopes
            .iter()
            .map(|scope| scope.name.clone())
            .collect();
        ProtectedResourceMetadata::new(
            uri,
            self.issuer().to_owned(),
            scopes,
            Some(resource.display_name.clone()),
        )
    }
}

/// The path of a resource's URI, decoded as the reference to it is, without the slashes at its
/// ends.
fn path_of(resource: &Resource) -> Option<String> {
    let url = url::Url::parse(resource.uri.as_deref()?).ok()?;
    let path = percent_encoding::percent_decode_str(url.path().trim_matches('/'));
    Some(path.decode_utf8().ok()?.into_owned())
}

fn only<T>(mut found: impl Iterator<Item = T>) -> Option<T> {
    let first = found.next()?;
    found.next().is_none().then_some(first)
}
