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

    /// Whether scripts of other origins may be let in. Pages are never among these.
    #[must_use]
    pub fn is_for_scripts(self) -> bool {
        matches!(self, Self::Discovery | Self::Endpoint(_))
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
    fn pages_are_not_for_scripts_of_others() {
        for page in [
            "/login",
            "/logout",
            "/consent",
            "/oauth/authorize",
            "/",
            "/connections",
        ] {
            assert!(!Area::of(page).is_for_scripts(), "{page}");
        }
        for open in [
            "/oauth/token",
            "/oauth/register",
            "/oauth/revoke",
            "/oauth/introspect",
            "/.well-known/jwks.json",
            "/.well-known/oauth-authorization-server/tenant",
            "/tenant/.well-known/openid-configuration",
        ] {
            assert!(Area::of(open).is_for_scripts(), "{open}");
        }
        assert!(!Area::of("/oauth/token/").is_for_scripts());
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
