//! What a refused request is told: error codes, the reason behind them, and the body that
//! carries both the OAuth and the problem-details vocabulary.

use serde::Serialize;
use std::borrow::Cow;
use std::fmt;

/// Declares the closed list of error codes with HTTP status and title.
macro_rules! codes {
    ($($(#[$meta:meta])* $variant:ident = $code:literal, $status:literal, $title:literal;)+) => {
        /// Every error code that leaves this server.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum ErrorCode { $($(#[$meta])* $variant),+ }

        impl ErrorCode {
            /// Every code, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The value of the `error` member or parameter.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The HTTP status of a direct (not redirected) answer with this code.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            /// The HTTP status of a refusal at the token endpoint (RFC 6749 §5.2): 401 for a client
            /// that did not authenticate, 400 for whatever else the caller has to mend.
            #[must_use]
            pub fn token_status(self) -> u16 {
                match (self, self.status()) {
                    (Self::InvalidClient, status) | (_, status @ 500..) => status,
                    _ => 400,
                }
            }

            /// One phrase for people, the same for every occurrence (RFC 9457 §3.1.3).
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }

            /// The `type` of the problem (RFC 9457 §3.1.1): a name that never changes and is
            /// not meant to be fetched.
            #[must_use]
            pub fn type_uri(self) -> &'static str {
                match self { $(Self::$variant => concat!("urn:authplane:error:", $code)),+ }
            }
        }
    };
}

codes! {
    /// RFC 6749 §4.1.2.1, §5.2
    InvalidRequest = "invalid_request", 400, "The request is malformed";
    /// RFC 6749 §5.2
    InvalidClient = "invalid_client", 401, "The client could not be authenticated";
    /// RFC 6749 §5.2
    InvalidGrant = "invalid_grant", 400, "The grant is invalid, expired, spent or revoked";
    /// RFC 6749 §4.1.2.1, §5.2
    UnauthorizedClient = "unauthorized_client", 400, "The client may not do this";
    /// RFC 6749 §5.2
    UnsupportedGrantType = "unsupported_grant_type", 400, "The grant type is not supported";
    /// RFC 6749 §4.1.2.1
    UnsupportedResponseType = "unsupported_response_type", 400, "The response type is not supported";
    /// OpenID Connect Core §3.1.2.6, RFC 9101 §6.1
    RequestNotSupported = "request_not_supported", 400, "Request objects are not supported";
    /// OpenID Connect Core §3.1.2.6, RFC 9101 §6.1
    RequestUriNotSupported = "request_uri_not_supported", 400, "Request objects by reference are not supported";
    /// RFC 6749 §4.1.2.1, §5.2
    InvalidScope = "invalid_scope", 400, "The scope is unknown, malformed or too wide";
    /// RFC 6749 §4.1.2.1
    AccessDenied = "access_denied", 403, "Access was denied";
    /// RFC 6749 §4.1.2.1
    ServerError = "server_error", 500, "The server met an unexpected condition";
    /// RFC 6749 §4.1.2.1
    TemporarilyUnavailable = "temporarily_unavailable", 503, "The server cannot answer at the moment";
    /// RFC 6750 §3.1
    InvalidToken = "invalid_token", 401, "The access token is invalid, expired or revoked";
    /// RFC 6750 §3.1
    InsufficientScope = "insufficient_scope", 403, "The access token lacks a scope";
    /// RFC 7009 §2.2.1
    UnsupportedTokenType = "unsupported_token_type", 400, "Tokens of this type cannot be revoked";
    /// RFC 7591 §3.2.2
    InvalidRedirectUri = "invalid_redirect_uri", 400, "A redirect URI is not acceptable";
    /// RFC 7591 §3.2.2
    InvalidClientMetadata = "invalid_client_metadata", 400, "The client metadata is not acceptable";
    /// RFC 7591 §3.2.2
    InvalidSoftwareStatement = "invalid_software_statement", 400, "The software statement is invalid";
    /// RFC 7591 §3.2.2
    UnapprovedSoftwareStatement = "unapproved_software_statement", 400, "The software statement is not approved";
    /// RFC 8693 §2.2.2, RFC 8707 §2
    InvalidTarget = "invalid_target", 400, "The resource is unknown or may not be asked for";
    /// RFC 9449 §5
    InvalidDpopProof = "invalid_dpop_proof", 400, "The DPoP proof is invalid";
    /// RFC 9449 §8
    UseDpopNonce = "use_dpop_nonce", 400, "A DPoP proof with a fresh nonce is needed";
    /// OpenID Connect Core §3.1.2.6
    ConsentRequired = "consent_required", 400, "The user has to consent first";
    /// OpenID Connect Core §3.1.2.6
    LoginRequired = "login_required", 400, "The user has to sign in first";
    /// The admin surface: no key, or a wrong one.
    InvalidAdminKey = "invalid_admin_key", 401, "The admin key is missing or wrong";
    /// There is nothing under this name.
    NotFound = "not_found", 404, "Not found";
    /// What is asked for is at odds with what is there.
    Conflict = "conflict", 409, "There is something in the way";
    /// RFC 9110 §13.1.1
    PreconditionFailed = "precondition_failed", 412, "It has changed meanwhile";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Declares the closed list of internal reasons.
macro_rules! reasons {
    ($($(#[$meta:meta])* $variant:ident = $word:literal,)+) => {
        /// Why a message was refused, for logs, metrics and audit: finer than the code, a
        /// closed list, and never shown to the caller.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Reason { $($(#[$meta])* $variant),+ }

        impl Reason {
            /// Every reason, in declaration order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The fixed word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

reasons! {
    /// The query or body is not a form, or repeats or overfills a parameter.
    MalformedParams = "malformed_params",
    /// A required parameter is absent.
    MissingParam = "missing_param",
    /// A parameter's value has the wrong form.
    InvalidParam = "invalid_param",
    /// The body is not of the media type that the endpoint reads.
    MediaType = "media_type",
    /// The request comes as a request object.
    RequestObject = "request_object",
    /// `response_type` is not `code`.
    ResponseType = "response_type",
    /// `code_challenge` is absent, so the client does not use PKCE.
    PkceMissing = "pkce_missing",
    /// `code_challenge_method` is not `S256`.
    PkceMethod = "pkce_method",
    /// `code_challenge` or `code_verifier` has the wrong form.
    PkceMalformed = "pkce_malformed",
    /// `scope` has the wrong form.
    ScopeMalformed = "scope_malformed",
    /// `resource` has the wrong form.
    ResourceMalformed = "resource_malformed",
    /// `grant_type` is none that this server knows.
    GrantType = "grant_type",
    /// The request names no client.
    ClientMissing = "client_missing",
    /// The client authenticates in more than one way.
    ClientAuthMultiple = "client_auth_multiple",
    /// The client's credentials cannot be read.
    ClientAuthMalformed = "client_auth_malformed",
    /// The client authenticates in a way that this server does not offer.
    ClientAuthUnsupported = "client_auth_unsupported",
    /// The client's assertion is not acceptable in itself.
    ClientAssertion = "client_assertion",
    /// A redirect URI may not be registered.
    RedirectUri = "redirect_uri",
    /// Client metadata has the wrong form or contradicts itself.
    ClientMetadata = "client_metadata",
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A message that was refused for its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {description}")]
pub struct Rejection {
    /// What the caller is told in one word.
    pub code: ErrorCode,
    /// What happened, to what, and what to do; for the caller's developer.
    pub description: Cow<'static, str>,
    /// What the operator is told.
    pub reason: Reason,
}

impl Rejection {
    /// A refusal with `code`, described by `description`.
    pub fn new(code: ErrorCode, reason: Reason, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            description: description.into(),
            reason,
        }
    }
}

/// The body of an error answer (spec: RFC 6749 §5.2 and RFC 9457 §3 in one object).
///
/// `error` and `error_description` are for OAuth clients; `type`, `title`, `detail` and
/// `status` say the same to readers of problem details. `type` is
/// `urn:authplane:error:<error>`, a stable name that cannot be fetched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct ErrorBody {
    /// RFC 6749 §5.2
    #[schema(value_type = String)]
    pub error: ErrorCode,
    /// RFC 6749 §5.2, restricted to its characters.
    pub error_description: String,
    /// RFC 9457 §3.1.1
    #[serde(rename = "type")]
    pub type_uri: &'static str,
    /// RFC 9457 §3.1.3
    pub title: &'static str,
    /// RFC 9457 §3.1.4; the same text as `error_description`.
    pub detail: String,
    /// RFC 9457 §3.1.2; the HTTP status.
    pub status: u16,
    /// The request's `X-Request-Id`.
    pub request_id: String,
    /// On `consent_required`: where the user can agree.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent_url: Option<String>,
    /// On `consent_required`: why consent is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// The resource that it is for, by slug.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// On `conflict`: what refers to the thing that was to be deleted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub dependents: Vec<String>,
    /// The member or parameter that is at fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

impl ErrorBody {
    /// The body for `code` on the request `request_id`.
    pub fn new(code: ErrorCode, description: &str, request_id: impl Into<String>) -> Self {
        let description = sanitize_description(description).into_owned();
        Self {
            error: code,
            error_description: description.clone(),
            type_uri: code.type_uri(),
            title: code.title(),
            detail: description,
            status: code.status(),
            request_id: request_id.into(),
            consent_url: None,
            cause: None,
            resource: None,
            dependents: Vec::new(),
            field: None,
        }
    }

    /// The same with another HTTP status, such as 413 or 429 where no code fits better.
    #[must_use]
    pub fn with_status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// The same with the members of `consent_required`.
    #[must_use]
    pub fn with_consent(mut self, consent_url: String, cause: String, resource: String) -> Self {
        self.consent_url = Some(consent_url);
        self.cause = Some(cause);
        self.resource = Some(resource);
        self
    }

    /// The same with the things that stand in the way of a deletion.
    #[must_use]
    pub fn with_dependents(mut self, dependents: Vec<String>) -> Self {
        self.dependents = dependents;
        self
    }

    /// The same with the member or parameter that is at fault.
    #[must_use]
    pub fn with_field(mut self, field: Option<&str>) -> Self {
        self.field = field.map(str::to_owned);
        self
    }

    /// The JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// `text` with every character replaced that RFC 6749 §5.2 does not allow in
/// `error_description` (allowed: `%x20-21 / %x23-5B / %x5D-7E`): a double quote becomes a
/// single one, a backslash a slash, anything else a question mark.
#[must_use]
pub fn sanitize_description(text: &str) -> Cow<'_, str> {
    let allowed = |c: char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
    if text.chars().all(allowed) {
        return Cow::Borrowed(text);
    }
    let replaced = text.chars().map(|c| match c {
        c if allowed(c) => c,
        '"' => '\'',
        '\\' => '/',
        _ => '?',
    });
    Cow::Owned(replaced.collect())
}

/// The beginning of a caller's text, short and printable enough to be quoted in a description.
pub(crate) fn quote(text: &str) -> String {
    let mut head: String = text.chars().take(64).collect();
    if head.len() < text.len() {
        head.push_str("...");
    }
    format!("'{}'", sanitize_description(&head))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_body_speaks_both_vocabularies_and_has_no_empty_members() {
        let body = ErrorBody::new(ErrorCode::InvalidGrant, "the code is spent", "r-1");
        let json: serde_json::Value = serde_json::from_slice(&body.to_json()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "error": "invalid_grant",
                "error_description": "the code is spent",
                "type": "urn:authplane:error:invalid_grant",
                "title": "The grant is invalid, expired, spent or revoked",
                "detail": "the code is spent",
                "status": 400,
                "request_id": "r-1",
            })
        );
        let body = ErrorBody::new(ErrorCode::ConsentRequired, "ask", "r-1").with_consent(
            "https://as/c".into(),
            "consent_missing".into(),
            "notes".into(),
        );
        let json: serde_json::Value = serde_json::from_slice(&body.to_json()).unwrap();
        assert_eq!(json["consent_url"], "https://as/c");
        assert_eq!(json["cause"], "consent_missing");
        assert_eq!(json["resource"], "notes");
    }

    #[test]
    fn codes_are_unique_and_have_error_statuses() {
        for (index, code) in ErrorCode::ALL.iter().enumerate() {
            assert!((400..=599).contains(&code.status()), "{code}");
            assert!(
                !ErrorCode::ALL[..index]
                    .iter()
                    .any(|c| c.as_str() == code.as_str())
            );
        }
    }

    #[test]
    fn the_token_endpoint_refuses_with_400_but_for_clients_and_faults_of_ours() {
        for code in ErrorCode::ALL {
            let status = match code {
                ErrorCode::InvalidClient => 401,
                ErrorCode::ServerError => 500,
                ErrorCode::TemporarilyUnavailable => 503,
                _ => 400,
            };
            assert_eq!(code.token_status(), status, "{code}");
        }
        assert_eq!(ErrorCode::AccessDenied.status(), 403, "elsewhere");
    }

    proptest! {
        #[test]
        fn descriptions_keep_to_the_characters_of_rfc_6749(text in any::<String>()) {
            let clean = sanitize_description(&text);
            prop_assert!(clean.bytes().all(|b| matches!(b, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e)));
            prop_assert_eq!(clean.chars().count(), text.chars().count());
        }
    }
}
