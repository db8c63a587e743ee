//! Whether a target may be had for a token (spec: tokens, the gates for a mint target). The
//! order is part of the specification: the first gate that stays shut answers.

use super::{Foundation, held};
use crate::consent_request::ConsentRequest;
use crate::{Engine, Error, MissingConsent, Result};
use domain::{Client, ClientId, FrontingLink, Resource, ResourceId, ScopeSet};
use oauth::ErrorCode;
use std::sync::Arc;
use store::ConsentBasis;
use telemetry::metrics::DenyReason;

/// Who wants what for which token.
pub(super) struct Wish<'a> {
    pub caller: &'a Client,
    pub subject: &'a Foundation,
    /// Whether an actor token came along.
    pub with_actor: bool,
    /// The scope that is asked for.
    pub scope: Option<ScopeSet>,
}

/// What the gates let through.
pub(super) struct Passage {
    /// What the new token may hold.
    pub scope: ScopeSet,
    /// The gateway, when a fronting link led to the target.
    pub gateway: Option<Gateway>,
    /// The consent the new token rests on.
    pub consent: Option<ConsentBasis>,
    /// Whose consent that is, unless it is the caller's own.
    pub consent_client: Option<ClientId>,
}

/// The resource in front of a target.
pub(super) struct Gateway {
    /// It obtains the token.
    pub resource: Arc<Resource>,
    /// The resource to which the user has agreed: the first gateway on the way.
    pub agreed: ResourceId,
}

impl Engine {
    pub(super) async fn pass_gates(
        &self,
        wish: Wish<'_>,
        target: Option<&Arc<Resource>>,
    ) -> Result<Passage> {
        let Some(target) = target else {
            return self.pass_without_target(wish);
        };
        check_catalog(target, wish.scope.as_ref())?;
        if let Some((gateway, link)) = self.fronting_link(&wish, target).await? {
            return self.pass_fronted(wish, target, gateway, &link).await;
        }
        let Wish {
            caller, subject, ..
        } = wish;
        check_allowed(caller, target)?;
        check_foreign(caller, subject, target)?;
        let scope = within_subject(subject, Some(target), wish.scope)?;
        let consent_client = consent_client(subject);
        let waived = subject.is_of(caller) && self.config().token_exchange.allow_self_exchange;
        let consent = match waived {
            true => None,
            false => {
                self.agreed(subject, &consent_client, &target.id, &scope)
                    .await?
            }
        };
        Ok(Passage {
            scope,
            gateway: None,
            consent,
            consent_client: Some(consent_client).filter(|client| *client != caller.id),
        })
    }

    /// A request that names no target stays with the issuer. Nobody can agree to that, so it
    /// needs the operator's word, or no user.
    fn pass_without_target(&self, wish: Wish<'_>) -> Result<Passage> {
        let waived = self.config().token_exchange.allow_self_exchange;
        if !wish.subject.is_of(wish.caller) || !(waived || wish.subject.is_machine()) {
            return Err(Error::new(
                ErrorCode::InvalidRequest,
                DenyReason::ExchangeTargetMissing,
                "the request names no target; name one in resource or audience",
            ));
        }
        Ok(Passage {
            scope: within_subject(wish.subject, None, wish.scope)?,
            gateway: None,
            consent: None,
            consent_client: None,
        })
    }

    /// The link from a resource of the subject token to the target; of several, one whose
    /// gateway the caller runs, and by which what is asked for can be reached.
    async fn fronting_link(
        &self,
        wish: &Wish<'_>,
        target: &Resource,
    ) -> Result<Option<(Arc<Resource>, FrontingLink)>> {
        let catalog = self.store().resources().await?;
        let mut links: Vec<_> = wish
            .subject
            .issuance
            .audience
            .iter()
            .filter_map(|audience| catalog.named(audience))
            .filter_map(|source| Some((source, catalog.link(source, target)?)))
            .collect();
        let held = held(wish.subject);
        links.sort_by_key(|(source, link)| {
            let asked = wish.scope.as_ref();
            let reached = asked.is_none_or(|asked| asked.is_subset_of(&link.reachable(&held)));
            let runs = source.is_runtime_client(wish.caller.id.as_str());
            (!runs, !reached)
        });
        Ok(links
            .first()
            .map(|(source, link)| (Arc::clone(source), FrontingLink::clone(link))))
    }

    /// Gate 2.
    async fn pass_fronted(
        &self,
        wish: Wish<'_>,
        target: &Resource,
        gateway: Arc<Resource>,
        link: &FrontingLink,
    ) -> Result<Passage> {
        let Wish {
            caller, subject, ..
        } = wish;
        if wish.with_actor {
            return Err(Error::invalid_request(
                "actor_token: behind a fronting link it is the gateway that acts; leave it out",
            ));
        }
        if !gateway.is_runtime_client(caller.id.as_str()) && !is_listed(caller, target) {
            return Err(access_denied(
                DenyReason::ExchangeClientNotAllowed,
                "the client neither runs the gateway nor is allowed to exchange for the target",
            ));
        }
        let held = held(subject);
        let reachable = link.reachable(&held).intersection(&target.catalog());
        let scope = match wish.scope {
            Some(asked) => match asked.first_outside(|scope| reachable.contains(scope)) {
                Some(beyond) => {
                    return Err(invalid_scope(format!(
                        "the scope '{beyond}' of the target cannot be reached with the scopes of the subject token"
                    )));
                }
                None => asked,
            },
            None => nothing_is_no_scope(reachable, Some(target))?,
        };
        // Behind a first gateway the user has agreed to that one, and to nothing beyond.
        let first = subject.issuance.consent_resource_id.as_ref();
        let agreed = first.unwrap_or(&gateway.id).clone();
        let agreed_to = match first {
            None => held
                .iter()
                .filter(|source| leads_to(link, source.as_str(), &scope))
                .cloned()
                .collect(),
            Some(_) => ScopeSet::default(),
        };
        let consent_client = consent_client(subject);
        let consent = self
            .agreed(subject, &consent_client, &agreed, &agreed_to)
            .await?;
        Ok(Passage {
            scope,
            gateway: Some(Gateway {
                resource: gateway,
                agreed,
            }),
            consent,
            consent_client: Some(consent_client),
        })
    }

    /// The consent of the subject token's user that covers `scope`; none for machines.
    async fn agreed(
        &self,
        subject: &Foundation,
        client: &ClientId,
        resource: &ResourceId,
        scope: &ScopeSet,
    ) -> Result<Option<ConsentBasis>> {
        let Some(user) = &subject.issuance.subject_user_id else {
            return Ok(None);
        };
        let grant = self
            .store()
            .consent(user.as_str(), client.as_str(), resource.as_str())
            .await?
            .filter(|grant| grant.revoked_at.is_none());
        let reason = match grant {
            Some(grant) if scope.is_subset_of(&grant.scopes) => {
                return Ok(Some(ConsentBasis {
                    grant_id: grant.id,
                    scopes: scope.clone(),
                }));
            }
            Some(_) => DenyReason::ScopeInsufficient,
            None => DenyReason::ConsentMissing,
        };
        let catalog = self.store().resources().await?;
        let slug = catalog.by_id(resource.as_str());
        let slug = slug.map_or_else(String::new, |own| own.slug.clone());
        let request = ConsentRequest {
            user_id: user.clone(),
            client_id: client.clone(),
            resource_id: resource.clone(),
            scope: scope.clone(),
        };
        Err(Error::new(
            ErrorCode::ConsentRequired,
            reason,
            "the user has to agree first that the client may use the resource; send the user to consent_url",
        )
        .with_missing_consent(MissingConsent {
            url: self.consent_url(&request),
            resource: slug,
        }))
    }
}

/// Gate 1.
fn check_catalog(target: &Resource, asked: Option<&ScopeSet>) -> Result<()> {
    match asked.and_then(|asked| asked.first_outside(|scope| target.has_scope(scope))) {
        Some(outside) => Err(invalid_scope(format!(
            "the scope '{outside}' is not in the catalog of the target; see its scopes_supported"
        ))),
        None => Ok(()),
    }
}

/// Gate 3.
fn check_allowed(caller: &Client, target: &Resource) -> Result<()> {
    if target.policy.exchange.allowed_client_ids.is_empty() || is_listed(caller, target) {
        return Ok(());
    }
    Err(access_denied(
        DenyReason::ExchangeClientNotAllowed,
        "the client is not among those that may exchange tokens for the target",
    ))
}

/// Gate 4.
fn check_foreign(caller: &Client, subject: &Foundation, target: &Resource) -> Result<()> {
    if subject.is_of(caller)
        || is_listed(caller, target)
        || target.is_runtime_client(caller.id.as_str())
    {
        return Ok(());
    }
    Err(access_denied(
        DenyReason::ExchangeForeignToken,
        "the subject token was issued to another client, and the client is not listed for the target",
    ))
}

/// Gate 5. A request without scope gets what the subject token holds and the target knows.
fn within_subject(
    subject: &Foundation,
    target: Option<&Resource>,
    asked: Option<ScopeSet>,
) -> Result<ScopeSet> {
    let held = held(subject);
    match asked {
        Some(asked) => match asked.first_outside(|scope| held.contains(scope)) {
            Some(beyond) => Err(invalid_scope(format!(
                "the subject token does not hold the scope '{beyond}'"
            ))),
            None => Ok(asked),
        },
        None => {
            let scope = match target {
                Some(target) => held.intersection(&target.catalog()),
                None => held,
            };
            nothing_is_no_scope(scope, target)
        }
    }
}

/// An empty scope is an answer only for a target that knows no scopes.
fn nothing_is_no_scope(scope: ScopeSet, target: Option<&Resource>) -> Result<ScopeSet> {
    if scope.is_empty() && target.is_some_and(|target| !target.scopes.is_empty()) {
        return Err(invalid_scope(
            "the subject token holds no scope that means anything to the target".into(),
        ));
    }
    Ok(scope)
}

fn is_listed(caller: &Client, target: &Resource) -> bool {
    let listed = &target.policy.exchange.allowed_client_ids;
    listed.iter().any(|id| id == caller.id.as_str())
}

fn leads_to(link: &FrontingLink, source: &str, scope: &ScopeSet) -> bool {
    let targets = link.scope_map.get(source);
    targets.is_some_and(|targets| targets.iter().any(|target| scope.contains(target)))
}

/// Whose consent a token rests on: its client's, unless a gateway stands in that place.
fn consent_client(subject: &Foundation) -> ClientId {
    let issuance = &subject.issuance;
    match (&issuance.consent_resource_id, &issuance.consent_client_id) {
        (Some(_), Some(client)) => client.clone(),
        _ => issuance.client_id.clone(),
    }
}

fn access_denied(reason: DenyReason, description: &'static str) -> Error {
    Error::new(ErrorCode::AccessDenied, reason, description)
}

fn invalid_scope(description: String) -> Error {
    Error::new(
        ErrorCode::InvalidScope,
        DenyReason::InvalidScope,
        description,
    )
}
