//! The token endpoint: one file per grant, and what they share.

mod authorization_code;
mod client_credentials;
mod mint;
mod possession;
mod refresh_token;
mod successor;
mod token_exchange;

use crate::refusal::Caller;
use crate::{Engine, Error, Result};
use domain::{Client, GrantType, UnixMillis};
use mint::Issued;
use oauth::client_auth::PresentedClient;
use oauth::token::{TokenRequest, TokenResponse, named_grant_type};
use oauth::{Endpoint, ErrorCode, Params};
use possession::Possession;
use store::ProofUse;
pub use successor::RefreshSuccessors;
use telemetry::Stopwatch;
use telemetry::metrics::DenyReason;
use telemetry::trace::Span;

/// The answer to a token request.
#[derive(Debug)]
pub struct TokenAnswer {
    /// The tokens, or why there are none.
    pub outcome: Result<TokenResponse>,
    /// For the `DPoP-Nonce` header (RFC 9449 §8); only a request with a proof gets one.
    pub dpop_nonce: Option<String>,
}

/// What every grant knows of the request.
struct Requester<'a> {
    client: &'a Client,
    /// Whether the client has proven who it is, with a secret or a key.
    is_proven: bool,
    possession: Option<Possession>,
    now: UnixMillis,
}

impl Requester<'_> {
    /// Thumbprint of the key that the request has proven to hold.
    fn jkt(&self) -> Option<&str> {
        let possession = self.possession.as_ref()?;
        Some(&possession.jkt)
    }

    /// What to remember of the proof that it holds it.
    fn proof(&self) -> Option<ProofUse> {
        let possession = self.possession.as_ref()?;
        Some(possession.proof)
    }
}

impl Engine {
    /// Answers a token request (RFC 6749 §3.2). `authorization` and `dpop` are the values of all
    /// headers of that name. Logs `token issued` or `token denied`.
    ///
    /// Refusals are what RFC 6749 §5.2, RFC 8707 §2 and RFC 9449 §5 and §8 prescribe.
    pub async fn token<'h>(
        &self,
        authorization: impl IntoIterator<Item = &'h [u8]>,
        dpop: impl IntoIterator<Item = &'h [u8]>,
        body: &[u8],
    ) -> TokenAnswer {
        let stopwatch = Stopwatch::start();
        let mut caller = Caller::unknown();
        let mut grant_type = None;
        let mut dpop = dpop.into_iter().peekable();
        let dpop_nonce = dpop.peek().and_then(|_| self.dpop_nonce());
        let outcome = async {
            let params = Params::parse(body)?;
            grant_type = named_grant_type(&params);
            let presented = PresentedClient::parse(authorization, &params)?;
            caller.claims(presented.client_id.as_str());
            let authenticated = self.identify(&presented, Endpoint::Token).await?;
            caller.is(&authenticated.client);
            let now = self.now();
            let possession = self.proven_possession(dpop, now)?;
            self.spend_assertion(&authenticated).await?;
            let requester = Requester {
                client: &authenticated.client,
                is_proven: authenticated.is_proven(),
                possession,
                now,
            };
            let request = TokenRequest::parse(&params)?;
            // On the heap: what all grants need together is too large to be moved about.
            Box::pin(self.grant(requester, request)).await
        };
        let outcome: Result<Issued> = outcome.await;
        let outcome = match outcome {
            Ok(issued) => {
                self.metrics().tokens_issued.add(issued.grant_type);
                self.metrics()
                    .token_issuance_duration
                    .record(issued.grant_type, stopwatch.seconds());
                if issued.names_agent {
                    self.metrics().agent_tokens_issued.inc();
                }
                issued.log();
                Ok(issued.response)
            }
            Err(error) => {
                self.refused(Endpoint::Token, grant_type, &caller, &error)
                    .await;
                Err(error)
            }
        };
        TokenAnswer {
            outcome,
            dpop_nonce,
        }
    }

    async fn grant(&self, requester: Requester<'_>, request: TokenRequest) -> Result<Issued> {
        let span = |name| Span::start(name).with_display("oauth.client_id", &requester.client.id);
        match request {
            TokenRequest::AuthorizationCode(request) => {
                let work = span("TokenService.ExchangeCode");
                work.run(self.authorization_code(requester, request)).await
            }
            TokenRequest::RefreshToken(request) => {
                let work = span("TokenService.Refresh");
                let refresh = self.refresh_token(requester, request);
                work.run_noting(refresh, |span, issued| {
                    if issued.is_retry {
                        span.set("oauth.retry", true);
                    }
                })
                .await
            }
            TokenRequest::ClientCredentials(request) => {
                let work = span("TokenService.ClientCredentials");
                work.run(self.client_credentials(requester, request)).await
            }
            TokenRequest::TokenExchange(request) => {
                let work = span("TokenService.ExchangeToken");
                work.run(self.token_exchange(requester, request)).await
            }
            _ => Err(unsupported("this grant type is not offered")),
        }
    }
}

fn unsupported(description: &'static str) -> Error {
    Error::new(
        ErrorCode::UnsupportedGrantType,
        DenyReason::UnsupportedGrantType,
        description,
    )
}

/// The client must have registered the grant it uses (RFC 6749 §5.2, `unauthorized_client`).
fn check_grant_registered(client: &Client, grant: GrantType) -> Result<()> {
    if client.may_use(grant) {
        return Ok(());
    }
    Err(Error::new(
        ErrorCode::UnauthorizedClient,
        DenyReason::UnauthorizedClient,
        format!("the client is not registered for the {grant} grant"),
    ))
}
