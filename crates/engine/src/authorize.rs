//! The authorization endpoint: from a request to a code, a question, or a refusal
//! (RFC 6749 §4.1.1, §4.1.2; spec: http, Authorization request).

use crate::audience::Audience;
use crate::login::SignedIn;
use crate::observe::event;
use crate::refusal::claimed;
use crate::{Engine, Error, Result};
use domain::{
    AuditAction, AuthorizationCode, Client, ClientSource, ConsentGrant, ConsentGrantId, FamilyId,
    GrantType, OFFLINE_ACCESS, OpaqueToken, Resource, ResourceId, ScopeSet, UnixMillis,
};
use oauth::authorize::{
    AuthorizationRequest, AuthorizationTarget, error_redirect, login_hint, refuse_request_object,
    success_redirect,
};
use oauth::{ErrorCode, Params, redirect_uri};
use std::sync::Arc;
use std::time::Duration;
use store::{Authorize, NewConsent};
use telemetry::metrics::DenyReason;
use telemetry::metrics::labels::ConsentDecision as DecisionLabel;
use telemetry::trace::Span;

/// How long a code can be redeemed.
const CODE_LIFETIME: Duration = Duration::from_secs(600);
/// Consents for tokens of the issuer itself are kept under this name.
const ISSUER_RESOURCE: &str = "issuer";
/// A flow that took longer than this was not one.
const LONGEST_FLOW: Duration = Duration::from_secs(3600);

/// What the browser is to be shown or sent.
#[derive(Debug, Clone)]
pub enum Authorization {
    /// An error page: the redirect URI is not known to be good.
    Refused(Error),
    /// Away, to the client: with a code or with an error.
    Redirect(String),
    /// An error page from which the user may go on to the client, which is to be told. Anybody can
    /// register an address; nobody is sent there who has not signed in, or said so themselves
    /// (RFC 9700 §4.11.2).
    Stopped(Box<Stopped>),
    /// The login page.
    Login,
    /// The consent page.
    Consent(Box<ConsentView>),
}

/// An authorization that ended with an error before anybody signed in.
#[derive(Debug, Clone)]
pub struct Stopped {
    /// Who asked.
    pub client: Arc<Client>,
    /// Where the error would be sent.
    pub redirect_uri: String,
    /// The same with the error, `state` and `iss`.
    pub to: String,
    /// What the client is told.
    pub error: Error,
}

/// What the login page says about the request behind it.
#[derive(Debug, Clone, Default)]
pub struct LoginView {
    /// Name of the client that the user signs in for.
    pub client_name: Option<String>,
    /// Who will probably sign in.
    pub login_hint: Option<String>,
}

/// What the consent page asks.
#[derive(Debug, Clone)]
pub struct ConsentView {
    /// Who asks.
    pub client: Arc<Client>,
    /// Where the answer will go.
    pub redirect_uri: String,
    /// For what.
    pub resources: Vec<ConsentResource>,
    /// Whether the client can act while the user is away: it will get refresh tokens.
    pub offline_access: bool,
}

/// A resource on the consent page.
#[derive(Debug, Clone)]
pub struct ConsentResource {
    /// Its name.
    pub display_name: String,
    /// Its URI, or the slug of one without.
    pub identifier: String,
    /// What is asked of it.
    pub scopes: Vec<ConsentScope>,
}

/// A scope on the consent page.
#[derive(Debug, Clone)]
pub struct ConsentScope {
    /// The scope token.
    pub name: String,
    /// What it allows, in words.
    pub description: String,
    /// Whether the user agreed to it before.
    pub already_granted: bool,
}

/// What the user answered on the consent page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsentDecision {
    /// Yes.
    Allow,
    /// No.
    Deny,
}

/// A request whose redirect URI is known to be good, so that errors can be sent there.
struct Proven {
    client: Arc<Client>,
    redirect_uri: String,
    state: Option<String>,
}

impl Engine {
    /// Answers an authorization request of a browser that may be signed in.
    pub async fn authorize(&self, params: &Params, user: Option<&SignedIn>) -> Authorization {
        let span = Span::start("AuthorizeService.StartAuthorization");
        span.scope(self.answer(params, user, None)).await
    }

    /// Answers the consent form that [`Engine::authorize`] asked for, sent back with the same
    /// parameters. Everything is checked again: the world may have changed meanwhile.
    pub async fn consent(
        &self,
        params: &Params,
        user: &SignedIn,
        decision: ConsentDecision,
    ) -> Authorization {
        let span = Span::start("AuthorizeService.Consent");
        span.scope(self.answer(params, Some(user), Some(decision)))
            .await
    }

    /// What the login page can say about the request it interrupts.
    pub async fn login_view(&self, params: &Params) -> LoginView {
        let Ok(proven) = self.prove(params).await else {
            return LoginView::default();
        };
        LoginView {
            client_name: Some(proven.client.name.clone()),
            login_hint: login_hint(params).map(str::to_owned),
        }
    }

    async fn answer(
        &self,
        params: &Params,
        user: Option<&SignedIn>,
        decision: Option<ConsentDecision>,
    ) -> Authorization {
        let proven = match self.prove(params).await {
            Ok(proven) => proven,
            Err(error) => {
                self.refuse(params.get("client_id").map(claimed), user, &error)
                    .await;
                return Authorization::Refused(error);
            }
        };
        match self.decide(params, &proven, user, decision).await {
            Ok(authorization) => authorization,
            Err(error) => {
                self.refuse(Some(proven.client.id.as_str()), user, &error)
                    .await;
                self.tell_client(&proven, user, error)
            }
        }
    }

    /// Records an authorization request that was refused before it could be read.
    pub async fn refuse_authorization(&self, error: &Error) {
        self.refuse(None, None, error).await;
    }

    async fn refuse(&self, client_id: Option<&str>, user: Option<&SignedIn>, error: &Error) {
        let client_id = client_id.unwrap_or("-");
        if error.is_server_fault() {
            tracing::error!(
                client_id,
                reason = error.reason.as_str(),
                cause = error.cause.as_deref(),
                "authorization failed"
            );
        } else {
            tracing::info!(
                client_id,
                error = error.code.as_str(),
                reason = error.reason.as_str(),
                cause = error.cause.as_deref(),
                "authorization denied"
            );
        }
        let actor = user.map_or("anonymous", |user| user.user.id.as_str());
        let mut event = event(AuditAction::AuthDenied, actor).client(client_id);
        if let Some(user) = user {
            event = event.user(user.user.id.as_str());
        }
        self.deny(error, event).await;
    }

    /// Finds the client and the redirect URI. While either is in doubt, nothing is redirected.
    async fn prove(&self, params: &Params) -> Result<Proven> {
        let target = AuthorizationTarget::parse(params)?;
        let client = self
            .client_for_authorization(&target.client_id)
            .await
            .map_err(|error| Error {
                // On a page, 401 would make the browser ask for a password.
                code: if error.code == ErrorCode::InvalidClient {
                    ErrorCode::InvalidRequest
                } else {
                    error.code
                },
                ..error
            })?;
        let registered = &client.redirect_uris;
        let redirect_uri = match (&target.redirect_uri, registered.as_slice()) {
            // Whatever was registered before the list of schemes became what it is.
            (Some(uri), _) | (None, [uri]) if redirect_uri::has_refused_scheme(uri) => {
                return Err(Error::new(
                    ErrorCode::InvalidRequest,
                    DenyReason::InvalidRedirectUri,
                    "the redirect_uri has a scheme that never leads back to a client",
                ));
            }
            (Some(uri), _) if registered.iter().any(|own| redirect_uri::matches(own, uri)) => {
                uri.clone()
            }
            (None, [only]) => only.clone(),
            (given, _) => {
                if given.is_none() {
                    refuse_request_object(params)?;
                }
                let description = if given.is_some() {
                    "the redirect_uri is not registered for this client; it must be the same character for character"
                } else {
                    "the request names no redirect_uri and the client has not registered exactly one"
                };
                return Err(Error::new(
                    ErrorCode::InvalidRequest,
                    DenyReason::InvalidRedirectUri,
                    description,
                ));
            }
        };
        Ok(Proven {
            client,
            redirect_uri,
            state: target.state,
        })
    }

    /// The answer to a request that nothing is wrong with: the user said no, or would have to
    /// be asked. It is no refusal, for it says nothing of attacks and wrong configurations.
    fn declined(
        &self,
        proven: &Proven,
        user: Option<&SignedIn>,
        code: ErrorCode,
        description: &'static str,
    ) -> Authorization {
        tracing::info!(client_id = %proven.client.id, error = code.as_str(), "authorization declined");
        let error = Error::new(code, DenyReason::AccessDenied, description);
        self.tell_client(proven, user, error)
    }

    /// Tells the client why there is no code: by a redirect, but for strangers on their way to a
    /// client that registered itself.
    fn tell_client(&self, proven: &Proven, user: Option<&SignedIn>, error: Error) -> Authorization {
        let to = error_redirect(
            &proven.redirect_uri,
            error.code,
            &error.description,
            proven.state.as_deref(),
            self.issuer(),
        );
        if user.is_some() || proven.client.source == ClientSource::Admin {
            return Authorization::Redirect(to);
        }
        Authorization::Stopped(Box::new(Stopped {
            client: Arc::clone(&proven.client),
            redirect_uri: proven.redirect_uri.clone(),
            to,
            error,
        }))
    }

    async fn decide(
        &self,
        params: &Params,
        proven: &Proven,
        user: Option<&SignedIn>,
        decision: Option<ConsentDecision>,
    ) -> Result<Authorization> {
        let mut request = AuthorizationRequest::parse(params)?;
        if !self.config().dpop.enabled {
            request.dpop_jkt = None;
        }
        let client = &proven.client;
        if !client.may_use(GrantType::AuthorizationCode) {
            return Err(Error::new(
                ErrorCode::UnauthorizedClient,
                DenyReason::UnauthorizedClient,
                "the client is not registered for the authorization_code grant",
            ));
        }
        let audience = self
            .audience_of_request(client, &request.resources, request.scope.as_ref())
            .await?;

        let wants_login = request.prompt.login || request.prompt.select_account;
        let Some(user) = user.filter(|_| decision.is_some() || !wants_login) else {
            if request.prompt.none {
                return Ok(self.declined(
                    proven,
                    user,
                    ErrorCode::LoginRequired,
                    "nobody is signed in and prompt=none forbids to ask",
                ));
            }
            return Ok(Authorization::Login);
        };

        let questions = self.questions(client, &audience, user).await?;
        let settled = questions.iter().all(Question::is_settled);
        match decision {
            Some(ConsentDecision::Deny) => {
                self.metrics().consent_decisions.add(DecisionLabel::Denied);
                self.record(vec![
                    event(AuditAction::ConsentDenied, user.user.id.as_str())
                        .user(user.user.id.as_str())
                        .client(client.id.as_str())
                        .resource(audience.identifiers().join(" "))
                        .with("scope", audience.scope.to_string()),
                ])
                .await;
                let (code, why) = (ErrorCode::AccessDenied, "the user did not agree");
                Ok(self.declined(proven, Some(user), code, why))
            }
            None if !settled || request.prompt.consent => {
                if request.prompt.none {
                    return Ok(self.declined(
                        proven,
                        Some(user),
                        ErrorCode::ConsentRequired,
                        "the user has not agreed to this yet and prompt=none forbids to ask",
                    ));
                }
                // Who asks for more is asked about no more than that (MCP, step-up).
                let open = questions
                    .into_iter()
                    .filter(|question| request.prompt.consent || !question.is_settled());
                Ok(Authorization::Consent(Box::new(consent_view(
                    proven,
                    open.collect(),
                ))))
            }
            Some(ConsentDecision::Allow) => {
                let answer = self
                    .hand_out_code(proven, &request, &audience, user, questions, params)
                    .await?;
                self.metrics().consent_decisions.add(DecisionLabel::Granted);
                Ok(answer)
            }
            None => {
                self.hand_out_code(proven, &request, &audience, user, Vec::new(), params)
                    .await
            }
        }
    }

    /// What would have to be agreed to, resource by resource, and what has been.
    async fn questions(
        &self,
        client: &Client,
        audience: &Audience,
        user: &SignedIn,
    ) -> Result<Vec<Question>> {
        let mut questions = Vec::new();
        let issuer = audience
            .resources
            .is_empty()
            .then_some((None, audience.scope.without(OFFLINE_ACCESS)));
        let named = audience
            .resources
            .iter()
            .map(|resource| (Some(resource), audience.scope_of(resource)));
        for (resource, asked) in named.chain(issuer) {
            let resource_id = resource.map_or_else(
                || ResourceId::from(ISSUER_RESOURCE),
                |resource| resource.id.clone(),
            );
            let grant = self
                .store()
                .consent(
                    user.user.id.as_str(),
                    client.id.as_str(),
                    resource_id.as_str(),
                )
                .await?
                .filter(|grant| grant.revoked_at.is_none() && is_still_of(client, grant));
            questions.push(Question {
                resource: resource.cloned(),
                resource_id,
                asked,
                agreed: grant.map(|grant| grant.scopes),
            });
        }
        Ok(questions)
    }

    async fn hand_out_code(
        &self,
        proven: &Proven,
        request: &AuthorizationRequest,
        audience: &Audience,
        user: &SignedIn,
        consented: Vec<Question>,
        params: &Params,
    ) -> Result<Authorization> {
        let client = &proven.client;
        self.remember_cimd_client(client).await?;
        // What is agreed to now is agreed to of the client as it has just been remembered.
        let now = self.now();
        let code = OpaqueToken::generate(self.rng());
        let user_id = user.user.id.clone();
        let audit = if consented.is_empty() {
            Vec::new()
        } else {
            vec![
                event(AuditAction::ConsentGranted, user_id.as_str())
                    .user(user_id.as_str())
                    .client(client.id.as_str())
                    .resource(audience.identifiers().join(" "))
                    .with("scope", audience.scope.to_string()),
            ]
        };
        let consents = consented
            .into_iter()
            .map(|question| NewConsent {
                id: ConsentGrantId::generate(self.clock(), self.rng()),
                resource_id: question.resource_id,
                scopes: question.asked,
            })
            .collect();
        let command = Authorize {
            code: AuthorizationCode {
                digest: code.digest(),
                client_id: client.id.clone(),
                user_id,
                redirect_uri: proven.redirect_uri.clone(),
                code_challenge: request.code_challenge.to_string(),
                dpop_jkt: request.dpop_jkt.clone(),
                scope: audience.scope.clone(),
                resources: audience.identifiers(),
                auth_time: user.session.authenticated_at,
                family_id: FamilyId::generate(self.clock(), self.rng()),
                created_at: now,
                expires_at: now.plus(CODE_LIFETIME),
            },
            consents,
            audit,
        };
        self.store().authorize(command).await?;
        if let Some(started) =
            flow_started(params).filter(|started| now.since(*started) < LONGEST_FLOW)
        {
            self.metrics()
                .auth_flow_duration
                .observe(now.since(started).as_secs_f64());
        }
        tracing::info!(client_id = %client.id, sub = %user.user.id, scope = %audience.scope, "authorization code issued");
        let state = proven.state.as_deref();
        Ok(Authorization::Redirect(success_redirect(
            &proven.redirect_uri,
            code.expose(),
            state,
            self.issuer(),
        )))
    }
}

/// A client that is known by its document is who the document says at the time: when that
/// changes, its redirect URIs above all, what the user agreed to was another.
fn is_still_of(client: &Client, grant: &ConsentGrant) -> bool {
    client.source != ClientSource::Cimd || grant.updated_at >= client.updated_at
}

/// When the flow began, as our own pages carry it along in `flow_started` (milliseconds).
fn flow_started(params: &Params) -> Option<UnixMillis> {
    params.get("flow_started")?.parse().ok().map(UnixMillis)
}

/// What one resource adds to the consent page.
struct Question {
    resource: Option<Arc<Resource>>,
    resource_id: ResourceId,
    asked: ScopeSet,
    agreed: Option<ScopeSet>,
}

impl Question {
    fn is_settled(&self) -> bool {
        self.agreed
            .as_ref()
            .is_some_and(|agreed| self.asked.is_subset_of(agreed))
    }
}

fn consent_view(proven: &Proven, questions: Vec<Question>) -> ConsentView {
    let resources = questions
        .into_iter()
        .map(|question| {
            let describe = |name: &str| {
                let scopes = question
                    .resource
                    .iter()
                    .flat_map(|resource| &resource.scopes);
                scopes
                    .clone()
                    .find(|scope| scope.name == name)
                    .map(|scope| scope.description.clone())
            };
            let scopes = question
                .asked
                .iter()
                .map(|scope| ConsentScope {
                    name: scope.to_string(),
                    description: describe(scope.as_str()).unwrap_or_default(),
                    already_granted: question
                        .agreed
                        .as_ref()
                        .is_some_and(|agreed| agreed.contains(scope.as_str())),
                })
                .collect();
            let (display_name, identifier) = match &question.resource {
                Some(resource) => (
                    resource.display_name.clone(),
                    resource.audience().to_owned(),
                ),
                None => (String::from("This authorization server"), String::new()),
            };
            ConsentResource {
                display_name,
                identifier,
                scopes,
            }
        })
        .collect();
    ConsentView {
        client: Arc::clone(&proven.client),
        redirect_uri: proven.redirect_uri.clone(),
        resources,
        offline_access: proven.client.may_use(GrantType::RefreshToken),
    }
}
