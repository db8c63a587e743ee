//! Ending tokens: at their holder's request (RFC 7009), and after a theft.

use crate::observe::event;
use crate::refusal::Caller;
use crate::{Engine, Result};
use domain::{AuditAction, AuditEvent, Client, Digest, FamilyId, Jti};
use oauth::client_auth::PresentedClient;
use oauth::jwt::AccessTokenClaims;
use oauth::presented_token::{PresentedToken, TokenTypeHint};
use oauth::{Endpoint, Params};
use secrecy::ExposeSecret as _;
use store::Revoke;
use telemetry::metrics::DenyReason;
use telemetry::metrics::labels::{RevocationHalf, RevocationPath, RevokeReason};
use telemetry::trace::Span;

impl Engine {
    /// Answers a revocation request (RFC 7009 §2). Whatever the token was, success: a client
    /// learns nothing about tokens that are not its own, and those it cannot end.
    ///
    /// # Errors
    /// `invalid_client` or `invalid_request`; a database that does not answer.
    pub async fn revoke<'h>(
        &self,
        authorization: impl IntoIterator<Item = &'h [u8]>,
        body: &[u8],
    ) -> Result<()> {
        let mut caller = Caller::unknown();
        let outcome = async {
            let params = &Params::parse(body)?;
            let presented = PresentedClient::parse(authorization, params)?;
            caller.claims(presented.client_id.as_str());
            let authenticated = self.authenticate(&presented, Endpoint::Revocation).await?;
            let client = &authenticated.client;
            caller.is(client);
            let token = PresentedToken::parse(params)?;
            self.revoke_presented(client, &token).await
        };
        let outcome = Span::start("RevocationService.Revoke").run(outcome).await;
        if let Err(error) = &outcome {
            self.refused(Endpoint::Revocation, None, &caller, error)
                .await;
        }
        outcome
    }

    async fn revoke_presented(&self, client: &Client, token: &PresentedToken) -> Result<()> {
        let text = token.token.expose_secret();
        // The hint says where to look first (RFC 7009 §2.1); a JWT is never a refresh token.
        let access_first = token.hint == Some(TokenTypeHint::AccessToken) || text.contains('.');
        if access_first && let Some(claims) = self.own_token(text) {
            return self.revoke_access_token(client, &claims).await;
        }
        if let Some(state) = self
            .store()
            .refresh_token(&Digest::of(text.as_bytes()))
            .await?
        {
            if state.family.client_id != client.id {
                return self.not_the_holder(client).await;
            }
            let event = event(AuditAction::TokenRevoked, client.id.as_str())
                .user(state.family.user_id.as_str())
                .client(client.id.as_str())
                .with("family", state.family.id.as_str());
            let ended = self
                .store()
                .revoke(Revoke::Family(state.family.id), vec![event])
                .await?;
            self.count_revoked(RevokeReason::Explicit, ended.any());
            tracing::info!(client_id = %client.id, families = ended.families, tokens = ended.tokens, "token revoked");
        }
        Ok(())
    }

    async fn revoke_access_token(&self, client: &Client, claims: &AccessTokenClaims) -> Result<()> {
        if !self.is_holder(client, claims).await? {
            return self.not_the_holder(client).await;
        }
        let machine = claims.sub == claims.client_id;
        let mut event = event(AuditAction::TokenRevoked, client.id.as_str())
            .client(client.id.as_str())
            .with("jti", &claims.jti);
        if !machine {
            event = event.user(&claims.sub);
        }
        let jti = Jti::new(claims.jti.clone());
        let ended = self.store().revoke(Revoke::Token(jti), vec![event]).await?;
        let reason = if machine {
            RevokeReason::ExplicitMachine
        } else {
            RevokeReason::Explicit
        };
        self.count_revoked(reason, ended.any());
        tracing::info!(client_id = %client.id, jti = %claims.jti, tokens = ended.tokens, "token revoked");
        Ok(())
    }

    /// The answer is the same 200; the operator is told.
    async fn not_the_holder(&self, client: &Client) -> Result<()> {
        let reason = DenyReason::RevocationRefused;
        tracing::info!(client_id = %client.id, reason = reason.as_str(), "revocation denied");
        self.metrics().auth_denied.add(reason);
        let event = event(AuditAction::TokenDenied, client.id.as_str())
            .client(client.id.as_str())
            .with("endpoint", "revoke")
            .with("reason", reason.as_str());
        self.record(vec![event]).await;
        Ok(())
    }

    fn count_revoked(&self, reason: RevokeReason, any: bool) {
        if any {
            self.metrics().tokens_revoked.add(reason);
        }
    }

    /// Ends a family one of whose secrets was used by the wrong hands. The thief's request
    /// fails whether or not this succeeds; a failure is counted and recorded.
    pub(crate) async fn revoke_stolen_family(
        &self,
        family: &FamilyId,
        event: AuditEvent,
        path: RevocationPath,
        reason: RevokeReason,
    ) {
        let failed = AuditEvent {
            action: AuditAction::FamilyRevocationFailed,
            ..event.clone()
        };
        match self
            .store()
            .revoke(Revoke::Family(family.clone()), vec![event])
            .await
        {
            Ok(ended) => self.count_revoked(reason, ended.any()),
            Err(error) => {
                tracing::error!(%family, %error, "a family that should be revoked could not be");
                // One transaction holds both halves: neither has happened.
                self.metrics()
                    .revocation_failures
                    .add((path, RevocationHalf::Family));
                self.metrics()
                    .revocation_failures
                    .add((path, RevocationHalf::Jti));
                self.record(vec![failed]).await;
            }
        }
    }
}
