//! Resources from the configuration: registered where no row with their slug exists.

use crate::admin::NewResource;
use crate::observe::SYSTEM;
use crate::{Engine, Error, Result};
use config::ResourceSeed;
use domain::{
    BackendKind, CatalogScope, ConnectPolicy, ExchangePolicy, Policy, Resource, RuntimePolicy,
    TokenTyp,
};
use std::sync::Arc;

impl Engine {
    /// Registers the configured resources that are not there yet. A row that an operator has
    /// changed or made stays as it is.
    ///
    /// # Errors
    /// When the database is unavailable, or a seed contradicts what exists: it is named.
    pub async fn plant_seeds(&self) -> Result<()> {
        for seed in &self.config().resources {
            if self.has_slug(&seed.slug).await? {
                continue;
            }
            match self.register_resource(of_seed(seed), SYSTEM).await {
                Ok(kept) => {
                    tracing::info!(slug = %kept.resource.slug, "resource registered from the configuration")
                }
                // Another instance was faster.
                Err(_) if self.has_slug(&seed.slug).await? => {}
                Err(error) => {
                    let why = format!("resources: {}: {}", seed.slug, error.description);
                    return Err(Error {
                        description: why.into(),
                        ..error
                    });
                }
            }
        }
        Ok(())
    }

    /// The resource that keeps `seed` from being registered: it has the seed's URI under another
    /// slug.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn in_the_way_of(&self, seed: &ResourceSeed) -> Result<Option<Arc<Resource>>> {
        if self.has_slug(&seed.slug).await? {
            return Ok(None);
        }
        Ok(self.store().resources().await?.named(&seed.uri).cloned())
    }

    async fn has_slug(&self, slug: &str) -> Result<bool> {
        let catalog = self.store().resources().await?;
        Ok(catalog.iter().any(|resource| resource.slug == slug))
    }
}

fn of_seed(seed: &ResourceSeed) -> NewResource {
    NewResource {
        slug: seed.slug.clone(),
        uri: Some(seed.uri.clone()),
        backend_kind: BackendKind::Mint,
        display_name: seed.display_name.clone(),
        scopes: seed
            .scopes
            .iter()
            .map(|scope| CatalogScope {
                name: scope.name.clone(),
                description: scope.description.clone().unwrap_or_default(),
                upstream: scope.upstream.clone().unwrap_or_default(),
            })
            .collect(),
        token_typ: match seed.token_typ {
            config::TokenTyp::AtJwt => TokenTyp::AtJwt,
            config::TokenTyp::Jwt => TokenTyp::Jwt,
        },
        policy: Policy {
            exchange: ExchangePolicy {
                allowed_client_ids: seed.policy.exchange.allowed_client_ids.clone(),
            },
            runtime: RuntimePolicy {
                client_ids: seed.policy.runtime.client_ids.clone(),
            },
            connect: ConnectPolicy {
                allowed_return_urls: seed.policy.connect.allowed_return_urls.clone(),
            },
        },
    }
}
