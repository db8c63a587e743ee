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
    /// The document is not the metadata of this client, or not acceptable.
    #[error("the client's metadata document is not acceptable: {0}")]
    Document(String),
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
            Self::Document(_) => "document_invalid",
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
