//! Audit events: the durable record of everything that matters to security.

use crate::UnixMillis;

crate::words! {
    /// What happened. The list grows with the features that emit it.
    AuditAction {
        /// An access token was issued for an authorization code.
        TokenIssued = "token.issued",
        /// An access token was issued for a refresh token.
        TokenRefreshed = "token.refreshed",
        /// A token was revoked at its holder's request.
        TokenRevoked = "token.revoked",
        /// A token request was refused.
        TokenDenied = "token.denied",
        /// An introspection request was refused or answered for nobody.
        TokenIntrospectDenied = "token.introspect_denied",
        /// A client got a token for itself.
        ClientCredentialsIssued = "client_credentials.issued",
        /// A client was refused a token for itself.
        ClientCredentialsDenied = "client_credentials.denied",
        /// A token was exchanged for another.
        TokenExchanged = "token.exchanged",
        /// A token exchange was refused.
        TokenExchangeDenied = "token.exchange_denied",
        /// A token family was revoked because one of its spent tokens or its code came back.
        FamilyRevoked = "family.revoked",
        /// A token family should have been revoked and could not be.
        FamilyRevocationFailed = "family.revocation_failed",
        /// A user agreed.
        ConsentGranted = "consent.granted",
        /// A user refused.
        ConsentDenied = "consent.denied",
        /// An operator took a consent back.
        ConsentGrantRevokedAdmin = "consent_grant.revoked_admin",
        /// An authorization request was refused.
        AuthDenied = "auth.denied",
        /// An identity was locked out after repeated failures.
        AuthLockedOut = "auth.locked_out",
        /// A client registered itself.
        ClientRegistered = "client.registered",
        /// An operator created a client.
        ClientCreatedAdmin = "client.created_admin",
        /// An operator changed a client.
        ClientUpdated = "client.updated",
        /// An operator suspended a client.
        ClientSuspended = "client.suspended",
        /// An operator let a client act again.
        ClientReactivated = "client.reactivated",
        /// An operator revoked a client.
        ClientRevoked = "client.revoked",
        /// An operator deleted a client.
        ClientDeleted = "client.deleted",
        /// An operator gave a client a new secret.
        ClientSecretRotated = "client.secret_rotated",
        /// An operator created a user.
        UserCreated = "user.created",
        /// An operator changed a user.
        UserUpdated = "user.updated",
        /// An operator disabled a user.
        UserDisabled = "user.disabled",
        /// An operator enabled a user.
        UserEnabled = "user.enabled",
        /// An operator deleted a user.
        UserDeleted = "user.deleted",
        /// An operator ended all of a user's sessions and tokens.
        UserForceLogout = "user.force_logout",
        /// A user signed in.
        UserLogin = "user.login",
        /// A sign-in failed.
        UserLoginFailed = "user.login_failed",
        /// A user signed out.
        UserLogout = "user.logout",
        /// An operator or a seed registered a resource.
        ResourceCreated = "resource.created",
        /// An operator changed a resource.
        ResourcePatched = "resource.patched",
        /// An operator deleted a resource.
        ResourceDeleted = "resource.deleted",
        /// A client may now introspect for a resource.
        RuntimeClientAdded = "resource.policy.runtime.client.added",
        /// A client may no longer introspect for a resource.
        RuntimeClientRemoved = "resource.policy.runtime.client.removed",
        /// A client may now exchange tokens for a resource.
        ExchangeClientAdded = "resource.policy.exchange.allowed_client.added",
        /// A client may no longer exchange tokens for a resource.
        ExchangeClientRemoved = "resource.policy.exchange.allowed_client.removed",
        /// Users may now be sent back to an address after connecting an account.
        ReturnUrlAdded = "resource.policy.connect.allowed_return_url.added",
        /// Users may no longer be sent back to an address.
        ReturnUrlRemoved = "resource.policy.connect.allowed_return_url.removed",
        /// A resource may now obtain tokens for another.
        FrontingLinkCreated = "fronting_link.created",
        /// What a resource may obtain of another changed.
        FrontingLinkPatched = "fronting_link.patched",
        /// A resource may no longer obtain tokens for another.
        FrontingLinkDeleted = "fronting_link.deleted",
        /// An operator revoked one token.
        IssuanceRevokedAdmin = "issuance.revoked_admin",
        /// A new signing key was published.
        KeyRotated = "key.rotated",
        /// A signing key was let go of, with all that it signed.
        KeyRetired = "key.retired",
        /// The key store was read again.
        KeyReloaded = "key.reloaded",
        /// The registration mode changed at run time.
        DcrModeUpdated = "dcr.mode_updated",
        /// A call to the admin surface carried no valid key.
        AdminAuthFailed = "admin.auth_failed",
    }
}

impl AuditAction {
    /// Whether strangers can cause it at will: a request was refused.
    #[must_use]
    pub fn is_refusal(self) -> bool {
        matches!(
            self,
            Self::TokenDenied
                | Self::TokenIntrospectDenied
                | Self::ClientCredentialsDenied
                | Self::TokenExchangeDenied
                | Self::AuthDenied
                | Self::AuthLockedOut
                | Self::UserLoginFailed
                | Self::AdminAuthFailed
        )
    }
}

/// An event as the code that meets it describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// What happened.
    pub action: AuditAction,
    /// Who did it: a user id, a client id, `admin`, or `anonymous`.
    pub actor_id: String,
    /// Whom it concerns.
    pub user_id: Option<String>,
    /// The client in play.
    pub client_id: Option<String>,
    /// The resource in play.
    pub resource: Option<String>,
    /// Address of the caller.
    pub ip: Option<String>,
    /// `key=value …`.
    pub detail: String,
    /// Trace of the request.
    pub trace_id: Option<String>,
    /// Id of the request.
    pub request_id: Option<String>,
}

impl AuditEvent {
    /// An event by `actor_id` about nothing in particular yet.
    pub fn new(action: AuditAction, actor_id: impl Into<String>) -> Self {
        Self {
            action,
            actor_id: storable(actor_id),
            user_id: None,
            client_id: None,
            resource: None,
            ip: None,
            detail: String::new(),
            trace_id: None,
            request_id: None,
        }
    }

    /// Names the user it concerns.
    #[must_use]
    pub fn user(mut self, id: impl Into<String>) -> Self {
        self.user_id = Some(storable(id));
        self
    }

    /// Names the client in play.
    #[must_use]
    pub fn client(mut self, id: impl Into<String>) -> Self {
        self.client_id = Some(storable(id));
        self
    }

    /// Names the resource in play.
    #[must_use]
    pub fn resource(mut self, name: impl Into<String>) -> Self {
        self.resource = Some(storable(name));
        self
    }

    /// Adds `key=value` to the detail; a value with blanks or quotes is quoted.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl AsRef<str>) -> Self {
        let value = value.as_ref();
        if !self.detail.is_empty() {
            self.detail.push(' ');
        }
        self.detail.push_str(key);
        self.detail.push('=');
        let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != '"' && c != '=';
        if !value.is_empty() && value.chars().all(plain) {
            self.detail.push_str(value);
        } else {
            self.detail.push_str(&format!("{value:?}"));
        }
        self
    }
}

/// What both databases keep alike: whatever strangers may call themselves, NUL is told of as
/// U+FFFD, since PostgreSQL has no such character.
fn storable(text: impl Into<String>) -> String {
    let text = text.into();
    match text.contains('\0') {
        true => text.replace('\0', "\u{fffd}"),
        false => text,
    }
}

/// An event as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// UUIDv7.
    pub id: String,
    /// What was recorded.
    pub event: AuditEvent,
    /// When.
    pub created_at: UnixMillis,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_are_pairs_that_nothing_can_forge() {
        let event = AuditEvent::new(AuditAction::TokenDenied, "c1")
            .with("reason", "invalid_grant")
            .with("note", "a b=\"c\"\nd");
        assert_eq!(event.detail, r#"reason=invalid_grant note="a b=\"c\"\nd""#);
    }

    #[test]
    fn no_nul_reaches_a_record() {
        let event = AuditEvent::new(AuditAction::TokenDenied, "a\0")
            .user("b\0")
            .client("c\0")
            .resource("d\0")
            .with("e", "f\0");
        assert_eq!(event.actor_id, "a\u{fffd}");
        assert_eq!(event.user_id.as_deref(), Some("b\u{fffd}"));
        assert_eq!(event.client_id.as_deref(), Some("c\u{fffd}"));
        assert_eq!(event.resource.as_deref(), Some("d\u{fffd}"));
        assert!(!event.detail.contains('\0'));
    }
}
