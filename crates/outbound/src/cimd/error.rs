//! Why a client ID metadata document cannot be used.

use std::sync::Arc;

use crate::FetchError;

/// Why a client ID metadata document cannot be used. As with [`FetchError`], the text is for
/// operators.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CimdError {
    /// The client id is not a URL that can name a client.
    #[error("the client id is not a usable URL: {0}")]
    UrlInvalid(&'static str),
    /// The client id's scheme is not https.
    #[error("the client id is not an https URL")]
    Scheme,
    /// The document could not be fetched.
    #[error("the client's metadata cannot be fetched: {0}")]
    Fetch(FetchError),
    /// The document is not a JSON object.
    #[error("the client's metadata is not a JSON object")]
    NotJson,
    /// A member of the document has the wrong type or a value that is not supported.
    #[error("the client's metadata is invalid: {0}")]
    MetadataInvalid(String),
    /// The document's `client_id` is not the URL it was fetched from, character for character.
    #[error("the client's metadata names another client_id")]
    ClientIdMismatch,
    /// The document has no redirect URI.
    #[error("the client's metadata has no redirect_uris")]
    NoRedirectUris,
    /// The document contains a secret, or a method that needs one; a public document cannot.
    #[error("the client's metadata uses a client secret, which a public document cannot keep")]
    SymmetricAuth,
    /// Too many fetches are under way.
    #[error("too many client metadata documents are being fetched at the moment")]
    Capacity,
    /// The last attempt failed a moment ago; nothing was fetched.
    #[error("failed a moment ago: {0}")]
    NegativeCache(Arc<CimdError>),
}

impl CimdError {
    /// A word of a closed list, for logs, metrics and audit.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UrlInvalid(_) => "url_invalid",
            Self::Scheme => "scheme",
            Self::Fetch(error) => error.reason(),
            Self::NotJson => "not_json",
            Self::MetadataInvalid(_) => "metadata_invalid",
            Self::ClientIdMismatch => "client_id_mismatch",
            Self::NoRedirectUris => "no_redirect_uris",
            Self::SymmetricAuth => "symmetric_auth",
            Self::Capacity => "capacity",
            Self::NegativeCache(_) => "negative_cache",
        }
    }

    /// The failure itself, whether it happened now or a moment ago.
    #[must_use]
    pub fn cause(&self) -> &Self {
        match self {
            Self::NegativeCache(cause) => cause.cause(),
            other => other,
        }
    }
}

impl From<FetchError> for CimdError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::UrlInvalid(problem) => Self::UrlInvalid(problem),
            FetchError::Scheme(_) => Self::Scheme,
            other => Self::Fetch(other),
        }
    }
}
