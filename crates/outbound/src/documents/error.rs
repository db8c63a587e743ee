//! Why a document that a client publishes cannot be used.

use std::sync::Arc;

use crate::FetchError;

/// Why a document that a client publishes cannot be used. As with [`FetchError`], the text is for
/// operators, but for what [`Document`](Self::Document) says: that is for the client's developer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DocumentError {
    /// The address is not a URL that can be used.
    #[error("the address of the document is not a usable URL: {0}")]
    UrlInvalid(&'static str),
    /// The address's scheme is not https.
    #[error("the address of the document is not an https URL")]
    Scheme,
    /// The document could not be fetched.
    #[error("the document cannot be fetched: {0}")]
    Fetch(FetchError),
    /// The document is not what was looked for, or not acceptable.
    #[error("the document is not acceptable: {0}")]
    Document(String),
    /// Too many fetches are under way.
    #[error("too many documents of clients are being fetched at the moment")]
    Capacity,
    /// The last attempt failed a moment ago; nothing was fetched.
    #[error("failed a moment ago: {0}")]
    NegativeCache(Arc<DocumentError>),
}

impl DocumentError {
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

    /// Whether nothing is known of the document but that it cannot be had at the moment: its host
    /// did not answer, or says that it cannot, or there was no turn for a fetch. An address that
    /// may not be connected to counts as well, or strangers could tell which names lead into the
    /// network that the server stands in.
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self.cause() {
            Self::Capacity => true,
            Self::Fetch(error) => match error {
                FetchError::Timeout
                | FetchError::Connect(_)
                | FetchError::Dns { .. }
                | FetchError::BlockedAddress { .. } => true,
                FetchError::Status(status) => matches!(status, 408 | 429 | 500..),
                _ => false,
            },
            _ => false,
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

impl From<FetchError> for DocumentError {
    fn from(error: FetchError) -> Self {
        match error {
            FetchError::UrlInvalid(problem) => Self::UrlInvalid(problem),
            FetchError::Scheme(_) => Self::Scheme,
            other => Self::Fetch(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_has_to_be_mended() {
        let name = || String::from("a.example");
        for error in [
            FetchError::Timeout,
            FetchError::Connect(name()),
            FetchError::Dns {
                host: name(),
                detail: name(),
            },
            FetchError::BlockedAddress {
                host: name(),
                address: [10, 0, 0, 1].into(),
            },
            FetchError::Status(429),
            FetchError::Status(503),
        ] {
            let error = DocumentError::from(error);
            assert!(error.is_passing(), "{error}");
            assert!(DocumentError::NegativeCache(Arc::new(error)).is_passing());
        }
        assert!(DocumentError::Capacity.is_passing());
        for error in [
            FetchError::Status(404).into(),
            FetchError::Redirect(302).into(),
            FetchError::TooLarge { limit: 1 }.into(),
            FetchError::Scheme(name()).into(),
            FetchError::UrlInvalid("x").into(),
            DocumentError::Document(name()),
        ] {
            assert!(!error.is_passing(), "{error}");
            assert!(!DocumentError::NegativeCache(Arc::new(error)).is_passing());
        }
    }
}
