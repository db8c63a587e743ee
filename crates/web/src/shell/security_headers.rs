//! Tells browsers what they must not do with our answers.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use http::header::{
    CONTENT_SECURITY_POLICY, Entry, HeaderName, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use tower::Service;

use super::surface::Surface;

type Header = (HeaderName, HeaderValue);

static EVERYWHERE: [Header; 6] = [
    (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static(
            "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), \
             magnetometer=(), microphone=(), midi=(), payment=(), usb=()",
        ),
    ),
    (
        HeaderName::from_static("x-permitted-cross-domain-policies"),
        HeaderValue::from_static("none"),
    ),
];

/// Not on the public listener: an MCP client may open the sign-in in a pop-up and wait for its
/// own callback page to report through `window.opener`, which a same-origin opener policy on
/// any page or redirect in between would cut for good. Framing, scripts and forged forms are
/// prevented by other means. A public document may also be embedded by other origins.
static ADMIN: [Header; 2] = [
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

/// Two years. Subdomains and preload lists are for the owner of the domain to decide.
static HSTS: Header = (
    STRICT_TRANSPORT_SECURITY,
    HeaderValue::from_static("max-age=63072000"),
);

/// Sets the security headers that the handler has not set itself.
#[derive(Clone)]
pub struct SecurityHeaders<S> {
    inner: S,
    surface: Surface,
    https: bool,
}

impl<S> SecurityHeaders<S> {
    /// Around `inner`; `https` says whether clients reach the listener that way.
    pub fn new(inner: S, surface: Surface, https: bool) -> Self {
        Self {
            inner,
            surface,
            https,
        }
    }
}

impl<S, B> Service<Request<B>> for SecurityHeaders<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Securing<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        Securing {
            future: self.inner.call(request),
            surface: self.surface,
            https: self.https,
        }
    }
}

pin_project! {
    /// An answer that is yet to get its security headers.
    pub struct Securing<F> {
        #[pin]
        future: F,
        surface: Surface,
        https: bool,
    }
}

impl<F> Future for Securing<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Ok(mut response) = ready!(this.future.poll(cx));
        let headers = response.headers_mut();
        // Room for ours and those of the services around us, in one go.
        headers.reserve(EVERYWHERE.len() + ADMIN.len() + 4);
        let admin: &[Header] = match this.surface {
            Surface::Public => &[],
            Surface::Admin => &ADMIN,
        };
        let hsts = this.https.then_some(&HSTS);
        for (name, value) in EVERYWHERE.iter().chain(admin).chain(hsts) {
            if let Entry::Vacant(free) = headers.entry(name) {
                free.insert(value.clone());
            }
        }
        Poll::Ready(Ok(response))
    }
}
