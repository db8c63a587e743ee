//! The token endpoint: one file per grant, and what they share.

mod authorization_code;
mod mint;
mod refresh_token;

use crate::observe::event;
use crate::{Engine, Error, Result};
use domain::{AuditAction, Client, GrantType};
use mint::Issued;
use oauth::Params;
use oauth::client_auth::PresentedClient;
use oauth::token::{TokenRequest, TokenResponse, named_grant_type};
use telemetry::Stopwatch;

impl Engine {
    /// Answers a token request (RFC 6749 §3.2). `authorization` are the values of all
    /// `Authorization` headers. Logs `token issued` or `token denied`.
    ///
    /// # Errors
    /// What RFC 6749 §5.2 and RFC 8707 §2 prescribe.
    pub async fn token<'h>(
        &self,
        authorization: impl IntoIterator<Item = &'h [u8]>,
        body: &[u8],
    ) -> Result<TokenResponse> {
        let stopwatch = Stopwatch::start();
        let mut claimed = String::from("-");
        let mut grant_type = None;
        let outcome = async {
            let params = Params::parse(body)?;
            grant_type = named_grant_type(&params);
            let presented = PresentedClient::parse(authorization, &params)?;
            presented.client_id.as_str().clone_into(&mut claimed);
            self.grant(&presented, &params).await
        };
        let outcome: Result<Issued> = outcome.await;
        match outcome {
            Ok(issued) => {
                self.metrics().tokens_issued.add(issued.grant_type);
                self.metrics()
                    .token_issuance_duration
                    .record(issued.grant_type, stopwatch.seconds());
                issued.log();
                Ok(issued.response)
            }
            Err(error) => {
                self.token_denied(&claimed, grant_type, &error).await;
                Err(error)
            }
        }
    }

    async fn grant(&self, presented: &PresentedClient, params: &Params) -> Result<Issued> {
        let client = self.authenticate(presented).await?;
        match TokenRequest::parse(params)? {
            TokenRequest::AuthorizationCode(request) => {
                self.authorization_code(&client, request).await
            }
            TokenRequest::RefreshToken(request) => self.refresh_token(&client, request).await,
            _ => Err(Error::new(
                oauth::ErrorCode::UnsupportedGrantType,
                telemetry::metrics::DenyReason::UnsupportedGrantType,
                "this grant type is not enabled",
            )),
        }
    }

    async fn token_denied(&self, client_id: &str, grant_type: Option<GrantType>, error: &Error) {
        let grant_type = grant_type.map_or("-", GrantType::as_str);
        let (code, reason) = (error.code.as_str(), error.reason.as_str());
        if error.is_server_fault() {
            tracing::error!(grant_type, client_id, error = code, reason, cause = ?error.cause, "token denied");
        } else {
            tracing::info!(grant_type, client_id, error = code, reason, "token denied");
        }
        let event = event(AuditAction::TokenDenied, client_id)
            .client(client_id)
            .with("grant_type", grant_type);
        self.deny(error, event).await;
    }
}

/// The client must have registered the grant it uses (RFC 6749 §5.2, `unauthorized_client`).
fn check_grant_registered(client: &Client, grant: GrantType) -> Result<()> {
    if client.may_use(grant) {
        return Ok(());
    }
    Err(Error::new(
        oauth::ErrorCode::UnauthorizedClient,
        telemetry::metrics::DenyReason::UnauthorizedClient,
        format!("the client is not registered for the {grant} grant"),
    ))
}
