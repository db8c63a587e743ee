//! Why something could not be fetched.

use std::net::IpAddr;

/// Why a fetch failed. The text is for logs and operators; what a stranger is told must not
/// depend on it, or the server becomes a way to look into the network it stands in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The URL cannot be fetched from at all.
    #[error("not a URL to fetch from: {0}")]
    UrlInvalid(&'static str),
    /// The URL's scheme is not allowed.
    #[error("the scheme {0:?} is not allowed here")]
    Scheme(String),
    /// The name or literal leads to an address that may not be connected to.
    #[error("{host} leads to {address}, which this server does not connect to")]
    BlockedAddress {
        /// The host of the URL.
        host: String,
        /// Where it leads.
        address: IpAddr,
    },
    /// The name could not be resolved.
    #[error("cannot resolve {host}: {detail}")]
    Dns {
        /// The host of the URL.
        host: String,
        /// What the resolver said.
        detail: String,
    },
    /// No connection, no TLS session, or the connection broke before the answer was complete.
    #[error("connection failed: {0}")]
    Connect(String),
    /// The answer was not complete in time.
    #[error("no complete answer in time")]
    Timeout,
    /// The answer's status was not 200.
    #[error("answered with status {0}")]
    Status(u16),
    /// The answer was a redirect, which is never followed.
    #[error("answered with a redirect (status {0}), which is not followed")]
    Redirect(u16),
    /// The answer was larger than allowed.
    #[error("the answer is larger than {limit} bytes")]
    TooLarge {
        /// How large it may be.
        limit: usize,
    },
}

impl FetchError {
    /// A word of a closed list, for logs, metrics and audit.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::UrlInvalid(_) => "url_invalid",
            Self::Scheme(_) => "scheme",
            Self::BlockedAddress { .. } => "blocked_address",
            Self::Dns { .. } => "dns",
            Self::Connect(_) => "connect",
            Self::Timeout => "timeout",
            Self::Status(_) => "status",
            Self::Redirect(_) => "redirect",
            Self::TooLarge { .. } => "too_large",
        }
    }
}

/// Why the HTTP client could not be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up outbound HTTP: {detail}")]
pub struct ClientBuildError {
    pub(crate) detail: String,
}
