//! The endpoints that software calls, and never a browser by navigation.

/// An endpoint whose refusals are JSON (RFC 6749 §5.2, RFC 7009 §2.2.1, RFC 7591 §3.2.2,
/// RFC 7662 §2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// RFC 6749 §3.2
    Token,
    /// RFC 7009 §2
    Revocation,
    /// RFC 7662 §2
    Introspection,
    /// RFC 7591 §3
    Registration,
}

impl Endpoint {
    const ALL: [Self; 4] = [
        Self::Token,
        Self::Revocation,
        Self::Introspection,
        Self::Registration,
    ];

    /// The endpoint at `path`, which is below the issuer's.
    #[must_use]
    pub fn at(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|own| own.path() == path)
    }

    /// Its path below the issuer's.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Token => "/oauth/token",
            Self::Revocation => "/oauth/revoke",
            Self::Introspection => "/oauth/introspect",
            Self::Registration => "/oauth/register",
        }
    }
}
