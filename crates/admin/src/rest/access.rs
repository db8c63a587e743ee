//! The key to the admin surface.

use super::App;
use super::penalty::Penalties;
use super::refusal::refuse;
use crate::views::VerifiedView;
use arc_swap::ArcSwap;
use aws_lc_rs::constant_time::verify_slices_are_equal;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{Json, Response};
use domain::Digest;
use engine::Error;
use http::HeaderMap;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use oauth::ErrorCode;
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use telemetry::metrics::DenyReason;
use tokio::time::Instant;
use web::shell::Exchange;

/// The keys that open the admin surface, ready to compare with; they can be replaced while it is
/// in use. Cheap to clone.
#[derive(Clone)]
pub struct AdminKeys(Arc<Held>);

struct Held {
    keys: ArcSwap<Pair>,
    /// Whether it has been said that the previous key is still in use.
    told: AtomicBool,
    penalties: Penalties,
}

#[derive(PartialEq, Eq)]
struct Pair {
    current: Digest,
    previous: Option<Digest>,
}

impl Pair {
    fn of(current: &SecretString, previous: Option<&SecretString>) -> Self {
        let digest = |key: &SecretString| Digest::of(key.expose_secret().as_bytes());
        Self {
            current: digest(current),
            previous: previous.map(digest),
        }
    }
}

impl AdminKeys {
    /// The key, and another that is accepted as well while the key is being replaced.
    #[must_use]
    pub fn new(current: &SecretString, previous: Option<&SecretString>) -> Self {
        Self(Arc::new(Held {
            keys: ArcSwap::from_pointee(Pair::of(current, previous)),
            told: AtomicBool::new(false),
            penalties: Penalties::default(),
        }))
    }

    /// Puts others in their place. Says whether they are others.
    pub fn replace(&self, current: &SecretString, previous: Option<&SecretString>) -> bool {
        let pair = Pair::of(current, previous);
        let differ = **self.0.keys.load() != pair;
        if differ {
            self.0.keys.store(Arc::new(pair));
            self.0.told.store(false, Ordering::Relaxed);
        }
        differ
    }

    /// What stands for the key in things that are to end with it: for the key, and for the
    /// previous one. Neither tells the key.
    pub(crate) fn marks(&self) -> (String, Option<String>) {
        let keys = self.0.keys.load();
        let mark = |key: &Digest| {
            let labelled = [b"admin key:".as_slice(), key.as_bytes()].concat();
            Digest::of(&labelled).to_hex()
        };
        (mark(&keys.current), keys.previous.as_ref().map(mark))
    }

    /// Slows an address down that keeps sending wrong keys. The right key is never slowed.
    pub(crate) async fn discourage(&self, exchange: Option<&Exchange>) {
        if let Some(exchange) = exchange {
            let wait = self.0.penalties.next(exchange.client, Instant::now());
            tokio::time::sleep(wait).await;
        }
    }

    /// Compares digests, so that neither content nor length shows in the time it takes; and both
    /// keys, so that it does not show which of them it was.
    pub(crate) fn is(&self, presented: &[u8]) -> bool {
        let keys = self.0.keys.load();
        let presented = Digest::of(presented);
        let equals =
            |own: &Digest| verify_slices_are_equal(presented.as_bytes(), own.as_bytes()).is_ok();
        let current = equals(&keys.current);
        let previous = keys.previous.as_ref().is_some_and(equals);
        if previous && !current && !self.0.told.swap(true, Ordering::Relaxed) {
            tracing::warn!("the previous admin key is still in use; said once until keys change");
        }
        current | previous
    }

    /// `Authorization: Bearer <key>`.
    fn opens_bearer(&self, headers: &HeaderMap) -> bool {
        credentials(headers, "bearer").is_some_and(|key| self.is(key.as_bytes()))
    }

    /// `Authorization: Basic <any user>:<key>`, as scrapers send it.
    fn opens_basic(&self, headers: &HeaderMap) -> bool {
        use base64::Engine as _;
        let decode = |text: &str| base64::engine::general_purpose::STANDARD.decode(text).ok();
        let Some(pair) = credentials(headers, "basic").and_then(decode) else {
            return false;
        };
        let Some(colon) = pair.iter().position(|byte| *byte == b':') else {
            return false;
        };
        self.is(&pair[colon + 1..])
    }

    /// Either way of presenting it.
    pub fn opens(&self, headers: &HeaderMap) -> bool {
        self.opens_bearer(headers) || self.opens_basic(headers)
    }
}

/// What follows `scheme` in the one `Authorization` header.
fn credentials<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h str> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next()?.to_str().ok()?;
    let (own, rest) = value.split_once(' ')?;
    (values.next().is_none() && own.eq_ignore_ascii_case(scheme)).then_some(rest.trim())
}

/// Lets nobody in without the key.
pub(crate) async fn require_key(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.key.opens_bearer(request.headers()) {
        return next.run(request).await;
    }
    let exchange = request.extensions().get::<Arc<Exchange>>().cloned();
    refuse_key(&app, exchange.as_deref()).await
}

/// 401, counted, logged and recorded.
pub(crate) async fn refuse_key(app: &App, exchange: Option<&Exchange>) -> Response {
    let error = wrong_key(app, exchange).await;
    let mut response = refuse(&error, error.code.status(), exchange);
    let challenge = http::HeaderValue::from_static("Bearer realm=\"authserver-admin\"");
    response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
    response
}

/// Counts, logs and records a wrong key, and slows down who sends them.
pub(crate) async fn wrong_key(app: &App, exchange: Option<&Exchange>) -> Error {
    let error = Error::new(
        ErrorCode::InvalidAdminKey,
        DenyReason::AdminAuthFailed,
        "send the admin API key as Authorization: Bearer <key>",
    );
    app.engine.admin_key_refused(&error).await;
    app.key.discourage(exchange).await;
    error
}

/// Says whether the key is right.
#[utoipa::path(
    post,
    path = "/admin/auth/verify",
    tag = "System",
    operation_id = "access_verify",
    responses(
        (status = 200, description = "It is", body = VerifiedView),
    ),
)]
pub(crate) async fn verify() -> Json<VerifiedView> {
    Json(VerifiedView {
        valid: true,
        version: env!("CARGO_PKG_VERSION"),
    })
}
