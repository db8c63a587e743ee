//! Why the engine refused, and how that reads to the caller and to the operator.

use keys::Error as KeysError;
use oauth::{ErrorCode, ParamError, Reason, Rejection};
use std::borrow::Cow;
use std::time::Duration;
use store::StoreError;
use telemetry::metrics::DenyReason;

/// A refusal.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{code}: {description}")]
pub struct Error {
    /// What the caller is told in one word.
    pub code: ErrorCode,
    /// What happened, to what, and what to do; for the caller's developer.
    pub description: Cow<'static, str>,
    /// What the operator is told: the same word in log, metric and audit.
    pub reason: DenyReason,
    /// When trying again may help.
    pub retry_after: Option<Duration>,
    /// Where a user can give the consent that is missing.
    pub missing_consent: Option<Box<MissingConsent>>,
    /// What refers to the thing that was to be deleted.
    pub dependents: Vec<String>,
    /// What is behind it, for the log alone.
    pub cause: Option<String>,
}

/// A consent that a token exchange lacks.
#[derive(Debug, Clone)]
pub struct MissingConsent {
    /// The page that asks the user for it.
    pub url: String,
    /// Slug of the resource that the consent is for.
    pub resource: String,
}

/// The result of a use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A refusal with `code`, described by `description`.
    pub fn new(
        code: ErrorCode,
        reason: DenyReason,
        description: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            code,
            description: description.into(),
            reason,
            retry_after: None,
            missing_consent: None,
            dependents: Vec::new(),
            cause: None,
        }
    }

    /// The grant is unusable (RFC 6749 §5.2). Callers are told no more than that; `reason`
    /// tells the operator.
    pub(crate) fn invalid_grant(reason: DenyReason) -> Self {
        Self::new(
            ErrorCode::InvalidGrant,
            reason,
            "the code or token is invalid, expired, spent or revoked, or was issued to another client; \
             start a new authorization",
        )
    }

    /// Client authentication failed (RFC 6749 §5.2): one text for all causes.
    pub(crate) fn invalid_client(reason: DenyReason) -> Self {
        Self::new(
            ErrorCode::InvalidClient,
            reason,
            "the client is unknown, may not act, or did not authenticate in the way it registered",
        )
    }

    /// There is nothing of that name.
    pub fn not_found(what: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::NotFound, DenyReason::InvalidRequest, what)
    }

    /// The request is at odds with what is there.
    pub fn conflict(what: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorCode::Conflict, DenyReason::InvalidRequest, what)
    }

    /// What is to be changed is no longer what the caller has read (RFC 9110 §13.1.1).
    pub fn precondition_failed() -> Self {
        Self::new(
            ErrorCode::PreconditionFailed,
            DenyReason::InvalidRequest,
            "it has changed since it was read; read it again, and decide again",
        )
    }

    /// The request cannot be carried out as it is.
    pub fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(
            ErrorCode::InvalidRequest,
            DenyReason::InvalidRequest,
            description,
        )
    }

    /// Whether the server, not the caller, is at fault.
    #[must_use]
    pub fn is_server_fault(&self) -> bool {
        matches!(
            self.code,
            ErrorCode::ServerError | ErrorCode::TemporarilyUnavailable
        ) && !matches!(
            self.reason,
            DenyReason::TooManyClients | DenyReason::ClientKeysUnavailable
        )
    }

    pub(crate) fn with_cause(mut self, cause: impl std::fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    pub(crate) fn with_missing_consent(mut self, consent: MissingConsent) -> Self {
        self.missing_consent = Some(Box::new(consent));
        self
    }

    pub(crate) fn with_dependents(mut self, dependents: Vec<String>) -> Self {
        self.dependents = dependents;
        self
    }

    pub(crate) fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(what) => Self::conflict(format!("{what} already exists")),
            StoreError::Unavailable(_)
            | StoreError::StaleSession(_)
            | StoreError::Contention(_) => Self::new(
                ErrorCode::TemporarilyUnavailable,
                DenyReason::TemporarilyUnavailable,
                "the server's database does not answer at the moment; try again shortly",
            )
            .retry_after(Duration::from_secs(2))
            .with_cause(error),
            StoreError::Corrupt(_)
            | StoreError::Migration(_)
            | StoreError::Missing(_)
            | StoreError::Open(_) => Self::new(
                ErrorCode::ServerError,
                DenyReason::ServerError,
                "the server met an unexpected condition; its log has more under this request id",
            )
            .with_cause(error),
        }
    }
}

impl From<KeysError> for Error {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::RotationPending { .. } => return Self::conflict(error.to_string()),
            KeysError::UnknownKey { .. } => return Self::not_found(error.to_string()),
            _ => {}
        }
        Self::new(
            ErrorCode::TemporarilyUnavailable,
            DenyReason::TemporarilyUnavailable,
            "the server's signing keys are not available at the moment; try again shortly",
        )
        .retry_after(Duration::from_secs(2))
        .with_cause(error)
    }
}

impl From<Rejection> for Error {
    fn from(rejection: Rejection) -> Self {
        Self::new(
            rejection.code,
            deny_reason(rejection.reason),
            rejection.description,
        )
    }
}

impl From<ParamError> for Error {
    fn from(error: ParamError) -> Self {
        Rejection::from(error).into()
    }
}

/// The operator's word for a message that was refused for its form.
fn deny_reason(reason: Reason) -> DenyReason {
    match reason {
        Reason::MalformedParams
        | Reason::MissingParam
        | Reason::InvalidParam
        | Reason::MediaType
        | Reason::PkceMalformed => DenyReason::InvalidRequest,
        Reason::RequestObject => DenyReason::UnsupportedRequestObject,
        Reason::ResponseType => DenyReason::UnsupportedResponseType,
        Reason::PkceMissing => DenyReason::MissingPkce,
        Reason::PkceMethod => DenyReason::UnsupportedPkceMethod,
        Reason::ScopeMalformed => DenyReason::InvalidScope,
        Reason::ResourceMalformed => DenyReason::InvalidTarget,
        Reason::GrantType => DenyReason::UnsupportedGrantType,
        Reason::ClientMissing | Reason::ClientAuthMultiple | Reason::ClientAuthMalformed => {
            DenyReason::InvalidClient
        }
        Reason::ClientAssertion => DenyReason::InvalidClientAssertion,
        Reason::ClientAuthUnsupported => DenyReason::ClientAuthMethodMismatch,
        Reason::RedirectUri => DenyReason::InvalidRedirectUri,
        Reason::ClientMetadata => DenyReason::InvalidClientMetadata,
    }
}
