//! Asking a user for a consent outside of an authorization: what a `consent_url` leads to.
//!
//! A token exchange that lacks a consent is answered with a link for the user (spec: tokens,
//! gate 6). The link is signed, names its user, and ends after a day: only who holds a token of
//! a user can have that user asked, and for no more than was to be exchanged.

use crate::authorize::{ConsentDecision, ConsentResource, ConsentScope};
use crate::login::SignedIn;
use crate::observe::event;
use crate::{Engine, Error, Result};
use domain::{
    AuditAction, Client, ClientId, ClientStatus, ConsentGrantId, Resource, ResourceId, ScopeSet,
    UnixMillis, UserId,
};
use oauth::{ErrorCode, Params};
use std::sync::Arc;
use std::time::Duration;
use store::NewConsent;
use telemetry::metrics::DenyReason;
use telemetry::metrics::labels::ConsentDecision as DecisionLabel;

/// How long a link can be followed: whoever works for a user may do so at night.
const LINK_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// The path of the page, below the issuer.
pub const CONSENT_REQUEST_PATH: &str = "/consent/request";

/// What a user is to be asked.
#[derive(Debug, Clone)]
pub(crate) struct ConsentRequest {
    pub user_id: UserId,
    pub client_id: ClientId,
    pub resource_id: ResourceId,
    pub scope: ScopeSet,
}

/// What the page shows.
#[derive(Debug, Clone)]
pub struct ConsentRequestView {
    /// Who asks.
    pub client: Arc<Client>,
    /// For what.
    pub resource: ConsentResource,
}

/// A question that was found to be in order.
struct Question {
    request: ConsentRequest,
    client: Arc<Client>,
    resource: Arc<Resource>,
    agreed: ScopeSet,
}

impl Engine {
    /// The link that leads the user of `request` to the question.
    pub(crate) fn consent_url(&self, request: &ConsentRequest) -> String {
        let ends = self.now().plus(LINK_LIFETIME).0.to_string();
        let scope = request.scope.to_string();
        let signature = self.form_tokens().sign_link(&[
            request.user_id.as_str(),
            request.client_id.as_str(),
            request.resource_id.as_str(),
            &scope,
            &ends,
        ]);
        let query = form_urlencoded::Serializer::new(String::new())
            .append_pair("user", request.user_id.as_str())
            .append_pair("client_id", request.client_id.as_str())
            .append_pair("resource", request.resource_id.as_str())
            .append_pair("scope", &scope)
            .append_pair("ends", &ends)
            .append_pair("signature", &signature)
            .finish();
        format!("{}{CONSENT_REQUEST_PATH}?{query}", self.issuer())
    }

    /// What the page behind a link asks the user who has signed in.
    ///
    /// # Errors
    /// `access_denied` for a link that is not ours, has ended, or is another user's;
    /// `invalid_request` when there is nothing left to agree to.
    pub async fn consent_request(
        &self,
        link: &Params,
        user: &SignedIn,
    ) -> Result<ConsentRequestView> {
        let question = self.question_of(link, user).await?;
        let scopes = question.resource.scopes.iter();
        let asked = scopes.filter(|scope| question.request.scope.contains(&scope.name));
        Ok(ConsentRequestView {
            resource: ConsentResource {
                display_name: question.resource.display_name.clone(),
                identifier: question.resource.audience().to_owned(),
                scopes: asked
                    .map(|scope| ConsentScope {
                        name: scope.name.clone(),
                        description: scope.description.clone(),
                        already_granted: question.agreed.contains(&scope.name),
                    })
                    .collect(),
            },
            client: question.client,
        })
    }

    /// Records what the user answered. The same link can be answered again: the last word holds
    /// until an operator or the user takes it back.
    ///
    /// # Errors
    /// As [`Engine::consent_request`].
    pub async fn answer_consent_request(
        &self,
        link: &Params,
        user: &SignedIn,
        decision: ConsentDecision,
    ) -> Result<()> {
        let Question {
            request, resource, ..
        } = self.question_of(link, user).await?;
        let (action, label) = match decision {
            ConsentDecision::Allow => (AuditAction::ConsentGranted, DecisionLabel::Granted),
            ConsentDecision::Deny => (AuditAction::ConsentDenied, DecisionLabel::Denied),
        };
        let event = event(action, request.user_id.as_str())
            .user(request.user_id.as_str())
            .client(request.client_id.as_str())
            .resource(resource.audience())
            .with("scope", request.scope.to_string());
        match decision {
            ConsentDecision::Allow => {
                let consent = NewConsent {
                    id: ConsentGrantId::generate(self.clock(), self.rng()),
                    resource_id: request.resource_id,
                    scopes: request.scope,
                };
                self.store()
                    .grant_consent(request.user_id, request.client_id, consent, vec![event])
                    .await?;
            }
            ConsentDecision::Deny => self.record(vec![event]).await,
        }
        self.metrics().consent_decisions.add(label);
        Ok(())
    }

    async fn question_of(&self, link: &Params, user: &SignedIn) -> Result<Question> {
        let refused = match self.read_link(link, user) {
            Ok(request) => match self.open_question(request).await {
                Err(error) if !error.is_server_fault() => error,
                outcome => return outcome,
            },
            Err(error) => error,
        };
        self.refuse_authorization(&refused).await;
        Err(refused)
    }

    fn read_link(&self, link: &Params, user: &SignedIn) -> Result<ConsentRequest> {
        let part = |name| link.required(name);
        let (user_id, client_id, resource_id, scope, ends) = (
            part("user")?,
            part("client_id")?,
            part("resource")?,
            link.get("scope").unwrap_or_default(),
            part("ends")?,
        );
        let signed = [user_id, client_id, resource_id, scope, ends];
        let lives = ends.parse().is_ok_and(|ends| self.now() < UnixMillis(ends));
        if !lives
            || !self
                .form_tokens()
                .is_signed_link(&signed, part("signature")?)
        {
            return Err(Error::new(
                ErrorCode::AccessDenied,
                DenyReason::RequestExpired,
                "the link has ended or is not one of this server; start again in the app",
            ));
        }
        if user_id != user.user.id.as_str() {
            return Err(Error::new(
                ErrorCode::AccessDenied,
                DenyReason::AccessDenied,
                "the link is for another person; sign out, and sign in as whom the app works for",
            ));
        }
        Ok(ConsentRequest {
            user_id: user.user.id.clone(),
            client_id: ClientId::from(client_id),
            resource_id: ResourceId::from(resource_id),
            scope: ScopeSet::from_stored(scope),
        })
    }

    /// The world may have changed since the link was made.
    async fn open_question(&self, request: ConsentRequest) -> Result<Question> {
        let client = self.store().client(request.client_id.as_str()).await?;
        let client = client.filter(|client| client.status == ClientStatus::Active);
        let catalog = self.store().resources().await?;
        let resource = catalog.by_id(request.resource_id.as_str()).cloned();
        let (Some(client), Some(resource)) = (client, resource) else {
            return Err(Error::invalid_request(
                "the app or the resource is no longer registered here; start again in the app",
            ));
        };
        if request
            .scope
            .first_outside(|scope| resource.has_scope(scope))
            .is_some()
        {
            return Err(Error::invalid_request(
                "the resource no longer knows what was asked for; start again in the app",
            ));
        }
        let grant = self
            .store()
            .consent(
                request.user_id.as_str(),
                request.client_id.as_str(),
                request.resource_id.as_str(),
            )
            .await?;
        let agreed = grant
            .filter(|grant| grant.revoked_at.is_none())
            .map(|grant| grant.scopes)
            .unwrap_or_default();
        Ok(Question {
            request,
            client,
            resource,
            agreed,
        })
    }
}
