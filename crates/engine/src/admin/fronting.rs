//! Fronting links, as operators see them: which resource may obtain tokens for which.

use super::ACTOR;
use crate::observe::event;
use crate::{Engine, Error, Result};
use domain::{AuditAction, AuditEvent, FrontingLink, Resource};
use std::collections::BTreeMap;
use std::sync::Arc;
use store::FrontingLinkState;

/// Scopes of the gateway, and the scopes of the target that each stands for.
pub type ScopeMap = BTreeMap<String, Vec<String>>;

/// A fronting link with the two resources it joins.
#[derive(Debug, Clone)]
pub struct Fronting {
    /// The gateway.
    pub source: Arc<Resource>,
    /// What stands behind it.
    pub target: Arc<Resource>,
    /// The link.
    pub link: FrontingLink,
}

/// Both sides must know the scopes that the map names.
fn check(source: &Resource, target: &Resource, scope_map: &ScopeMap) -> Result<()> {
    let unknown = |scope: &str, resource: &Resource| {
        Error::invalid_request(format!(
            "scope_map: '{scope}' is not a scope of {}",
            resource.slug
        ))
    };
    if scope_map.is_empty() {
        return Err(Error::invalid_request(
            "scope_map: give at least one scope of the source and what it stands for",
        ));
    }
    for (from, to) in scope_map {
        if !source.has_scope(from) {
            return Err(unknown(from, source));
        }
        if to.is_empty() {
            return Err(Error::invalid_request(format!(
                "scope_map: '{from}' stands for nothing; name scopes of {}, or leave it out",
                target.slug
            )));
        }
        if let Some(scope) = to.iter().find(|scope| !target.has_scope(scope)) {
            return Err(unknown(scope, target));
        }
    }
    Ok(())
}

fn fronting_event(action: AuditAction, source: &Resource, target: &Resource) -> AuditEvent {
    event(action, ACTOR)
        .resource(&target.slug)
        .with("source", &source.slug)
        .with("target", &target.slug)
}

fn shown(scope_map: &ScopeMap) -> String {
    let pairs = scope_map
        .iter()
        .map(|(from, to)| format!("{from}:{}", to.join("+")));
    pairs.collect::<Vec<_>>().join(",")
}

impl Engine {
    /// Lets `source` obtain tokens for `target`; with `dry_run` only says whether it could.
    ///
    /// # Errors
    /// `not_found` for an unknown resource; `invalid_request`, naming the field, also when the
    /// link exists or would close a cycle.
    pub async fn create_fronting(
        &self,
        source: &str,
        target: &str,
        scope_map: ScopeMap,
        dry_run: bool,
    ) -> Result<Fronting> {
        let (source, target) = (self.resource(source).await?, self.resource(target).await?);
        check(&source, &target, &scope_map)?;
        let now = self.now();
        let link = FrontingLink {
            source_id: source.id.clone(),
            target_id: target.id.clone(),
            scope_map,
            created_at: now,
            created_by: ACTOR.to_owned(),
            updated_at: now,
        };
        let event = fronting_event(AuditAction::FrontingLinkCreated, &source, &target)
            .with("scope_map", shown(&link.scope_map));
        let state = self
            .store()
            .create_fronting_link(link.clone(), !dry_run, vec![event])
            .await?;
        let (from, to) = (&source.slug, &target.slug);
        match state {
            FrontingLinkState::Free => {
                if !dry_run {
                    tracing::info!(source = %from, target = %to, "fronting link created");
                }
                Ok(Fronting {
                    source,
                    target,
                    link,
                })
            }
            FrontingLinkState::Exists => Err(Error::conflict(format!(
                "{from} fronts {to} already; change the scope map of that link"
            ))),
            FrontingLinkState::Cycle => Err(Error::conflict(format!(
                "{to} leads back to {from}: a link would close a cycle"
            ))),
            FrontingLinkState::NoResource => Err(Error::not_found(format!(
                "{from} or {to} was deleted meanwhile"
            ))),
        }
    }

    /// All fronting links, by source and target.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn frontings(&self) -> Result<Vec<Fronting>> {
        let catalog = self.store().resources().await?;
        let mut links: Vec<_> = catalog
            .links()
            .filter_map(|link| {
                Some(Fronting {
                    source: Arc::clone(catalog.by_id(link.source_id.as_str())?),
                    target: Arc::clone(catalog.by_id(link.target_id.as_str())?),
                    link: link.clone(),
                })
            })
            .collect();
        links.sort_by(|a, b| {
            let key = |own: &Fronting| (own.source.slug.clone(), own.target.slug.clone());
            key(a).cmp(&key(b))
        });
        Ok(links)
    }

    /// The link from `source` to `target`.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn fronting(&self, source: &str, target: &str) -> Result<Fronting> {
        let (source, target) = (self.resource(source).await?, self.resource(target).await?);
        let catalog = self.store().resources().await?;
        match catalog.link(&source, &target) {
            Some(link) => Ok(Fronting {
                link: link.clone(),
                source,
                target,
            }),
            None => Err(no_link(&source, &target)),
        }
    }

    /// Gives a link another scope map.
    ///
    /// # Errors
    /// As [`Engine::create_fronting`]; `not_found` when there is no such link.
    pub async fn update_fronting(
        &self,
        source: &str,
        target: &str,
        scope_map: ScopeMap,
    ) -> Result<Fronting> {
        let fronting = self.fronting(source, target).await?;
        check(&fronting.source, &fronting.target, &scope_map)?;
        let link = FrontingLink {
            scope_map,
            updated_at: self.now(),
            ..fronting.link
        };
        let (source, target) = (&fronting.source, &fronting.target);
        let event = fronting_event(AuditAction::FrontingLinkPatched, source, target)
            .with("scope_map", shown(&link.scope_map));
        match self
            .store()
            .update_fronting_link(link.clone(), vec![event])
            .await?
        {
            true => {
                tracing::info!(source = %source.slug, target = %target.slug, "fronting link changed");
                Ok(Fronting { link, ..fronting })
            }
            false => Err(no_link(source, target)),
        }
    }

    /// Ends what `source` may obtain for `target`. Tokens already obtained live on.
    ///
    /// # Errors
    /// `not_found`.
    pub async fn delete_fronting(&self, source: &str, target: &str) -> Result<()> {
        let Fronting {
            source,
            target,
            link,
        } = self.fronting(source, target).await?;
        let event = fronting_event(AuditAction::FrontingLinkDeleted, &source, &target);
        let ends = (link.source_id.to_string(), link.target_id.to_string());
        match self
            .store()
            .delete_fronting_link(ends.0, ends.1, vec![event])
            .await?
        {
            true => {
                tracing::info!(source = %source.slug, target = %target.slug, "fronting link deleted");
                Ok(())
            }
            false => Err(no_link(&source, &target)),
        }
    }

    /// The resources that `resource` is linked to, in either direction, by slug.
    ///
    /// # Errors
    /// When the database is unavailable.
    pub async fn fronting_neighbours(&self, resource: &Resource) -> Result<Vec<String>> {
        let links = self.frontings().await?;
        let mut slugs: Vec<_> = links
            .iter()
            .filter_map(|own| {
                if own.source.id == resource.id {
                    Some(own.target.slug.clone())
                } else if own.target.id == resource.id {
                    Some(own.source.slug.clone())
                } else {
                    None
                }
            })
            .collect();
        slugs.sort();
        slugs.dedup();
        Ok(slugs)
    }
}

fn no_link(source: &Resource, target: &Resource) -> Error {
    Error::not_found(format!(
        "there is no fronting link from {} to {}",
        source.slug, target.slug
    ))
}
