//! Takes the many addresses of a discovery document to the one that has a route.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use http::uri::PathAndQuery;
use http::{Request, Response, Uri};
use tower::Service;

use super::exchange::Exchange;
use super::surface::{Area, Surface};

/// Documents whose name the path of an issuer may stand behind (RFC 8414 §3.1).
const OF_THE_ISSUER: [&str; 3] = [
    "oauth-authorization-server",
    "openid-configuration",
    "jwks.json",
];

/// The document of a resource, whose path stands behind (RFC 9728 §3.1).
const OF_A_RESOURCE: &str = "oauth-protected-resource";

/// Lets clients look for documents wherever a specification lets them: with the path of the issuer
/// before `/.well-known/` (OpenID Connect Discovery §4), behind the document's name (RFC 8414
/// §3.1), or without it, as behind a proxy that takes it away; and in each place with a final
/// slash, or two slashes where the issuer's name was thought to end in one. The router below has
/// one route for each document, by which requests are counted.
#[derive(Debug, Clone)]
pub struct WellKnown<S> {
    inner: S,
    base: Arc<str>,
}

impl<S> WellKnown<S> {
    /// Around `inner`, for an issuer with the path `base`.
    pub fn new(inner: S, base: Arc<str>) -> Self {
        Self { inner, base }
    }
}

impl<S, B> Service<Request<B>> for WellKnown<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        let is_document = Exchange::of(&request).is_some_and(|exchange| {
            exchange.surface == Surface::Public && exchange.area == Area::Discovery
        });
        if is_document
            && let Some(path) = route_of(request.uri().path(), &self.base)
            && let Some(target) = with_path(request.uri(), &path)
        {
            *request.uri_mut() = target;
        }
        self.inner.call(request)
    }
}

/// The path of the route for `path`, unless it is that path itself or there is none.
fn route_of(path: &str, base: &str) -> Option<String> {
    let below = match path.strip_prefix(base) {
        Some(below) if below.starts_with('/') => below,
        _ => path,
    };
    let document = below.trim_start_matches('/').strip_prefix(".well-known/")?;
    let document = document.trim_end_matches('/');
    let is_of_issuer = |name: &&str| {
        document
            .strip_prefix(*name)
            .is_some_and(|behind| behind.is_empty() || behind == base)
    };
    let name = match OF_THE_ISSUER.into_iter().find(is_of_issuer) {
        Some(name) => name,
        None => document.strip_prefix(OF_A_RESOURCE).and_then(|behind| {
            (behind.is_empty() || behind.starts_with('/')).then_some(document)
        })?,
    };
    let route = format!("/.well-known/{name}");
    (route != path).then_some(route)
}

/// `uri` with another path.
fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let target = match uri.query() {
        Some(query) => format!("{path}?{query}").parse::<PathAndQuery>(),
        None => path.parse(),
    };
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_leads_to_the_route_of_its_document() {
        for (base, path, document) in [
            ("", "/.well-known/jwks.json/", "jwks.json"),
            (
                "",
                "//.well-known/openid-configuration",
                "openid-configuration",
            ),
            ("/t", "/t/.well-known/jwks.json", "jwks.json"),
            ("/t", "/t//.well-known/jwks.json//", "jwks.json"),
            ("/t", "/.well-known/jwks.json/t", "jwks.json"),
            (
                "/t/u",
                "/.well-known/oauth-authorization-server/t/u/",
                "oauth-authorization-server",
            ),
            (
                "/t",
                "/t/.well-known/oauth-protected-resource/mcp/",
                "oauth-protected-resource/mcp",
            ),
            (
                "",
                "/.well-known/oauth-protected-resource/",
                "oauth-protected-resource",
            ),
        ] {
            let route = format!("/.well-known/{document}");
            assert_eq!(route_of(path, base), Some(route), "{base} {path}");
        }
    }

    #[test]
    fn a_route_and_what_is_no_document_stay_as_they_are() {
        for (base, path) in [
            ("", "/.well-known/jwks.json"),
            ("/t", "/.well-known/oauth-protected-resource/t/mcp"),
            ("/t", "/.well-known/openid-configuration/u"),
            ("/t", "/.well-known/openid-configurationt"),
            ("/t", "/u/.well-known/jwks.json"),
            ("", "/.well-known/oauth-protected-resourcex"),
            ("", "/.well-known/change-password"),
        ] {
            assert_eq!(route_of(path, base), None, "{base} {path}");
        }
    }

    #[test]
    fn the_query_stays() {
        let uri = Uri::from_static("/.well-known/jwks.json/?a=b");
        let target = with_path(&uri, "/.well-known/jwks.json").unwrap();
        assert_eq!(target, "/.well-known/jwks.json?a=b");
    }
}
