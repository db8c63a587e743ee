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
    /// The endpoint at `path`, which is below the issuer's.
    #[must_use]
    pub fn at(path: &str) -> Option<Self> {
        match path {
            "/oauth/token" => Some(Self::Token),
            "/oauth/revoke" => Some(Self::Revocation),
            "/oauth/introspect" => Some(Self::Introspection),
            "/oauth/register" => Some(Self::Registration),
            _ => None,
        }
    }
}
