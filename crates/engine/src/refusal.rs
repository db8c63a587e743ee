//! How the endpoints that software calls say no: one log line, one metric, one audit row.

use crate::observe::event;
use crate::{Engine, Error};
use domain::{AuditAction, Client, GrantType};
use oauth::Endpoint;

/// Bytes that are kept of a client id that anyone may have made up.
const LONGEST_CLAIM: usize = 256;

/// The beginning of a client id that has not been proven.
pub(crate) fn claimed(id: &str) -> &str {
    &id[..id.floor_char_boundary(LONGEST_CLAIM)]
}

/// Who sent a request, as far as that is known.
pub(crate) struct Caller {
    client_id: String,
    actor: String,
}

impl Caller {
    /// Nobody yet.
    pub fn unknown() -> Self {
        Self {
            client_id: String::from("-"),
            actor: String::from("anonymous"),
        }
    }

    /// The request names this client. Until it has authenticated, that is a claim that anyone
    /// can make.
    pub fn claims(&mut self, id: &str) {
        claimed(id).clone_into(&mut self.client_id);
    }

    /// The client has authenticated.
    pub fn is(&mut self, client: &Client) {
        client.id.as_str().clone_into(&mut self.client_id);
        client.id.as_str().clone_into(&mut self.actor);
    }
}

impl Engine {
    /// Records a request that was refused before anything could be read of it.
    pub async fn refuse_unread(&self, endpoint: Endpoint, error: &Error) {
        self.refused(endpoint, None, &Caller::unknown(), error)
            .await;
    }

    /// Logs, counts and records a refusal.
    pub(crate) async fn refused(
        &self,
        endpoint: Endpoint,
        grant_type: Option<GrantType>,
        caller: &Caller,
        error: &Error,
    ) {
        let is_denial = error.reason.challenge().is_none();
        let action = match (endpoint, grant_type) {
            (Endpoint::Token, Some(GrantType::ClientCredentials)) => {
                if is_denial {
                    self.metrics().client_credentials_denied.add(error.reason);
                }
                AuditAction::ClientCredentialsDenied
            }
            (Endpoint::Token, Some(GrantType::TokenExchange)) => {
                if is_denial {
                    self.metrics().token_exchange_denied.add(error.reason);
                }
                AuditAction::TokenExchangeDenied
            }
            (Endpoint::Token | Endpoint::Revocation, _) => AuditAction::TokenDenied,
            (Endpoint::Introspection, _) => AuditAction::TokenIntrospectDenied,
            (Endpoint::Registration, _) => AuditAction::AuthDenied,
        };
        let grant_type =
            (endpoint == Endpoint::Token).then(|| grant_type.map_or("-", GrantType::as_str));
        log(endpoint, grant_type, caller, error);
        let event = event(action, caller.actor.as_str()).client(caller.client_id.as_str());
        let event = match (endpoint, grant_type) {
            (Endpoint::Token, Some(grant_type)) => event.with("grant_type", grant_type),
            (Endpoint::Revocation, _) => event.with("endpoint", "revoke"),
            (Endpoint::Registration, _) => event.with("endpoint", "register"),
            _ => event,
        };
        self.deny(error, event).await;
    }
}

/// The line that tells of a refusal: an error when the server is at fault.
fn log(endpoint: Endpoint, grant_type: Option<&str>, caller: &Caller, error: &Error) {
    let what = match endpoint {
        Endpoint::Token => "token denied",
        Endpoint::Revocation => "revocation denied",
        Endpoint::Introspection => "introspection denied",
        Endpoint::Registration => "registration denied",
    };
    // What is wrong with client metadata is nothing that a reason could say.
    let description =
        (endpoint == Endpoint::Registration).then(|| tracing::field::display(&error.description));
    macro_rules! line {
        ($level:ident) => {
            tracing::$level!(
                grant_type,
                client_id = caller.client_id.as_str(),
                error = error.code.as_str(),
                reason = error.reason.as_str(),
                cause = error.cause.as_deref(),
                description,
                "{what}"
            )
        };
    }
    if error.is_server_fault() {
        line!(error);
    } else {
        line!(info);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_id_is_cut_between_characters() {
        assert_eq!(claimed("client"), "client");
        assert_eq!(claimed(&"x".repeat(300)).len(), 256);
        assert_eq!(claimed(&"é€".repeat(300)), &"é€".repeat(300)[..255]);
    }
}
