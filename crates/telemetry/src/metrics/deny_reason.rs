//! Why a request was refused.

use super::label::label;
use super::labels::ChallengeReason;

impl DenyReason {
    /// The challenge that this is, when clients bring the refusal about on purpose and go on from
    /// there: such a one is counted apart, so that a rise of the denials means something.
    #[must_use]
    pub fn challenge(self) -> Option<ChallengeReason> {
        match self {
            Self::ClientAuthProbe => Some(ChallengeReason::ClientAuthProbe),
            Self::UseDpopNonce => Some(ChallengeReason::UseDpopNonce),
            _ => None,
        }
    }
}

label! {
    /// Why a request was refused: the same word in `authserver_auth_denied_total`, in the log
    /// line and in the audit row. Finer than the OAuth error code, which many of these share.
    DenyReason {
        // The request as such.
        /// A parameter is missing, malformed or repeated.
        InvalidRequest = "invalid_request",
        /// Too many requests from one address.
        RateLimited = "rate_limited",
        /// The server cannot answer at the moment.
        TemporarilyUnavailable = "temporarily_unavailable",
        /// The server failed.
        ServerError = "server_error",

        // The client.
        /// There is no client with this id.
        UnknownClient = "unknown_client",
        /// Client authentication failed.
        InvalidClient = "invalid_client",
        /// The client used another authentication method than the one it registered.
        ClientAuthMethodMismatch = "client_auth_method_mismatch",
        /// A client that has to authenticate did not try: no credentials, or an empty secret.
        /// Libraries do so to find out which method works; it is no denial.
        ClientAuthProbe = "client_auth_probe",
        /// The client's assertion is malformed, expired, not for this server, or not signed by it.
        InvalidClientAssertion = "invalid_client_assertion",
        /// The client's assertion was used before.
        ClientAssertionReplayed = "client_assertion_replayed",
        /// The keys that the client publishes could not be fetched or used.
        ClientKeysUnavailable = "client_keys_unavailable",
        /// The client is suspended.
        ClientSuspended = "client_suspended",
        /// The client is revoked.
        ClientRevoked = "client_revoked",
        /// The client may not use this grant or endpoint.
        UnauthorizedClient = "unauthorized_client",
        /// The client's metadata document could not be fetched.
        CimdUnavailable = "cimd_unavailable",
        /// The client's metadata document is not valid.
        CimdInvalid = "cimd_invalid",
        /// The address of the client's metadata document is not one the server may talk to.
        CimdBlocked = "cimd_blocked",

        // Authorization requests.
        /// The redirect URI is missing or not registered.
        InvalidRedirectUri = "invalid_redirect_uri",
        /// The request comes as a request object, by value or by reference.
        UnsupportedRequestObject = "unsupported_request_object",
        /// The response type is not `code`.
        UnsupportedResponseType = "unsupported_response_type",
        /// The response mode is not `query`.
        UnsupportedResponseMode = "unsupported_response_mode",
        /// No PKCE challenge.
        MissingPkce = "missing_pkce",
        /// A PKCE method other than S256.
        UnsupportedPkceMethod = "unsupported_pkce_method",
        /// A PKCE challenge that cannot be a SHA-256.
        InvalidPkceChallenge = "invalid_pkce_challenge",
        /// No scope, and the server asks for one.
        MissingScope = "missing_scope",
        /// A scope outside the catalog or beyond what the client may ask for.
        InvalidScope = "invalid_scope",
        /// A resource that is not registered, or not what was authorized.
        InvalidTarget = "invalid_target",
        /// A link that was made for somebody else.
        AccessDenied = "access_denied",

        // Sign-in and forms.
        /// Unknown user or wrong password.
        LoginFailed = "login_failed",
        /// Too many failed attempts before this one.
        LockedOut = "locked_out",
        /// The user is disabled.
        UserDisabled = "user_disabled",
        /// A form without its token, or with one of another browser.
        Csrf = "csrf",
        /// The pending authorization request is gone.
        RequestExpired = "request_expired",

        // Token requests.
        /// The grant type is unknown or not enabled.
        UnsupportedGrantType = "unsupported_grant_type",
        /// The code, refresh token or assertion is unknown.
        InvalidGrant = "invalid_grant",
        /// The code was used before.
        CodeReplayed = "code_replayed",
        /// The code is too old.
        CodeExpired = "code_expired",
        /// The code or refresh token belongs to another client.
        ClientMismatch = "client_mismatch",
        /// The redirect URI differs from the one of the authorization request.
        RedirectUriMismatch = "redirect_uri_mismatch",
        /// The PKCE verifier is missing or wrong.
        PkceMismatch = "pkce_mismatch",
        /// The refresh token was used before; its family is revoked.
        RefreshReuse = "refresh_reuse",
        /// The refresh token is too old.
        RefreshExpired = "refresh_expired",
        /// The refresh token or its family was revoked.
        RefreshRevoked = "refresh_revoked",

        // Machine tokens, proofs and exchange.
        /// The client registered itself; the grant is for clients that an operator made.
        SelfRegistered = "self_registered",
        /// The DPoP proof is not valid.
        InvalidDpopProof = "invalid_dpop_proof",
        /// The DPoP proof needs a fresh nonce of this server.
        UseDpopNonce = "use_dpop_nonce",
        /// The subject token is not a live token of this server.
        SubjectTokenInvalid = "subject_token_invalid",
        /// The actor token is not a live token of this server.
        ActorTokenInvalid = "actor_token_invalid",
        /// The client is not among those that may exchange for the target.
        ExchangeClientNotAllowed = "exchange_client_not_allowed",
        /// The token is another client's, and the caller is not listed for the target.
        ExchangeForeignToken = "exchange_foreign_token",
        /// The exchange names no target and is no self-exchange that is allowed.
        ExchangeTargetMissing = "exchange_target_missing",
        /// The user has not agreed to the target.
        ConsentMissing = "consent_missing",
        /// The user has agreed to less.
        ScopeInsufficient = "scope_insufficient",
        /// More actors than may stand one behind the other.
        ChainTooDeep = "chain_too_deep",
        /// A revocation landed while the token was being made.
        RevokedMeanwhile = "revoked_meanwhile",

        // Introspection, revocation, registration, administration.
        /// The caller may not introspect this token.
        IntrospectionRefused = "introspection_refused",
        /// The caller may not revoke this token.
        RevocationRefused = "revocation_refused",
        /// Registration is closed, or not open to this redirect URI.
        RegistrationRefused = "registration_refused",
        /// As many clients have registered themselves as may.
        TooManyClients = "too_many_clients",
        /// Client metadata that cannot be registered.
        InvalidClientMetadata = "invalid_client_metadata",
        /// The admin key is missing or wrong.
        AdminAuthFailed = "admin_auth_failed",
    }
}
