//! Client ids that are URLs of metadata documents (Client ID Metadata Documents draft §3).

use url::Url;

/// The longest such id, in bytes.
pub const MAX_LENGTH: usize = 2048;

/// Why a text is not the URL of a client metadata document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ClientIdUrlError {
    /// Longer than [`MAX_LENGTH`], or not a URL.
    #[error("the client_id is not a URL of at most {MAX_LENGTH} bytes; send the document's URL")]
    NotAUrl,
    /// Neither https nor, for development, http.
    #[error("the client_id is not an https URL; serve the metadata document over https")]
    Scheme,
    /// No path, or only `/`.
    #[error("the client_id has no path; give the metadata document a path of its own")]
    NoPath,
    /// A fragment, user name or password.
    #[error("the client_id has a fragment, user name or password; remove it")]
    Extra,
    /// Not in normal form, dot segments above all.
    #[error(
        "the client_id is not in normal form (dot segments, upper-case host, default port); send the normal form"
    )]
    NotNormal,
}

/// A `client_id` that can be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientIdUrl(Url);

impl ClientIdUrl {
    /// Whether a `client_id` means to be a URL, so that [`ClientIdUrl::parse`] decides on it.
    #[must_use]
    pub fn looks_like(client_id: &str) -> bool {
        client_id.starts_with("https://") || client_id.starts_with("http://")
    }

    /// Reads a `client_id`. `allow_http` admits plain http, for development with a localhost
    /// issuer only.
    ///
    /// # Errors
    /// The first rule of the draft's §3 that it breaks.
    pub fn parse(client_id: &str, allow_http: bool) -> Result<Self, ClientIdUrlError> {
        if client_id.len() > MAX_LENGTH {
            return Err(ClientIdUrlError::NotAUrl);
        }
        let url = Url::parse(client_id).map_err(|_| ClientIdUrlError::NotAUrl)?;
        match url.scheme() {
            "https" => {}
            "http" if allow_http => {}
            _ => return Err(ClientIdUrlError::Scheme),
        }
        if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
            return Err(ClientIdUrlError::Extra);
        }
        if matches!(url.path(), "" | "/") {
            return Err(ClientIdUrlError::NoPath);
        }
        // Ids are compared character for character; a second spelling would be a second client.
        if url.as_str() != client_id {
            return Err(ClientIdUrlError::NotNormal);
        }
        Ok(Self(url))
    }

    /// The id as it was sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The URL to fetch.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// The host, for the consent page.
    #[must_use]
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }
}
