//! Which part of the server a request is for. What the shell does differently for different
//! requests, it decides by these alone.

use oauth::Endpoint;

/// A listener.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// OAuth endpoints, discovery, pages, health.
    Public,
    /// Admin API, console, metrics.
    Admin,
}

/// The use of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Area {
    /// Asked for by orchestrators and scrapers: `/livez`, `/health`, `/ready`, the metrics.
    Probe,
    /// Public documents: `/.well-known/…`, keys included.
    Discovery,
    /// OAuth endpoints that software calls, never a browser by navigation.
    Endpoint(Endpoint),
    /// Everything else: pages, the admin API.
    Other,
}

impl Area {
    /// The area that `path` lies in.
    #[must_use]
    pub fn of(path: &str) -> Self {
        if let Some(endpoint) = Endpoint::at(path) {
            return Self::Endpoint(endpoint);
        }
        match path {
            "/livez" | "/health" | "/ready" => Self::Probe,
            // An issuer with a path may have its documents below that path.
            _ if path.contains("/.well-known/") => Self::Discovery,
            _ => Self::Other,
        }
    }

    /// The same on a server whose issuer has the path `base`: its routes are there below that path
    /// as well as at the root.
    #[must_use]
    pub fn below(base: &str, path: &str) -> Self {
        match path.strip_prefix(base) {
            Some(rest) if rest.starts_with('/') => Self::of(rest),
            _ => Self::of(path),
        }
    }

    /// Whether its requests are so frequent and uniform that they are only logged for debugging.
    #[must_use]
    pub fn is_quiet(self) -> bool {
        matches!(self, Self::Probe | Self::Discovery)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_neither_a_document_nor_an_endpoint() {
        for page in [
            "/login",
            "/logout",
            "/consent",
            "/oauth/authorize",
            "/",
            "/connections",
            "/oauth/token/",
        ] {
            assert_eq!(Area::of(page), Area::Other, "{page}");
        }
    }

    #[test]
    fn the_path_of_the_issuer_changes_no_area() {
        for (path, area) in [
            ("/tenant/oauth/token", Area::Endpoint(Endpoint::Token)),
            ("/oauth/token", Area::Endpoint(Endpoint::Token)),
            ("/tenant/livez", Area::Probe),
            ("/tenant/.well-known/jwks.json", Area::Discovery),
            (
                "/.well-known/oauth-authorization-server/tenant",
                Area::Discovery,
            ),
            (
                "/tenant//.well-known/openid-configuration/",
                Area::Discovery,
            ),
            ("/tenant/login", Area::Other),
            ("/tenantoauth/token", Area::Other),
            ("/other/oauth/token", Area::Other),
        ] {
            assert_eq!(Area::below("/tenant", path), area, "{path}");
        }
        let revoke = Area::Endpoint(Endpoint::Revocation);
        assert_eq!(Area::below("", "/oauth/revoke"), revoke);
    }
}
