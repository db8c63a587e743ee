//! Notes which route matched, for those outside of the router.

use std::collections::HashMap;
use std::sync::Arc;
use std::task::{Context, Poll};

use arc_swap::ArcSwap;
use axum::extract::MatchedPath;
use http::Request;
use telemetry::Metrics;
use telemetry::metrics::RouteLabel;
use tower::{Layer, Service};

use super::exchange::Exchange;

/// Wraps every route of a router, where the matched template is known.
#[derive(Clone)]
pub struct RouteLayer {
    labels: Arc<Labels>,
}

impl RouteLayer {
    /// Registers templates with `metrics` as they are first used.
    #[must_use]
    pub fn new(metrics: Metrics) -> Self {
        Self {
            labels: Arc::new(Labels {
                metrics,
                known: ArcSwap::default(),
            }),
        }
    }
}

impl<S> Layer<S> for RouteLayer {
    type Service = NoteRoute<S>;

    fn layer(&self, inner: S) -> NoteRoute<S> {
        NoteRoute {
            inner,
            labels: Arc::clone(&self.labels),
        }
    }
}

/// The labels of the templates seen so far. There are as many as the router has routes.
struct Labels {
    metrics: Metrics,
    known: ArcSwap<HashMap<Box<str>, RouteLabel>>,
}

impl Labels {
    fn get(&self, template: &str) -> RouteLabel {
        if let Some(label) = self.known.load().get(template) {
            return *label;
        }
        let label = self.metrics.route(template);
        self.known.rcu(|known| {
            let mut known = HashMap::clone(known);
            known.insert(template.into(), label);
            known
        });
        label
    }
}

/// See [`RouteLayer`].
#[derive(Clone)]
pub struct NoteRoute<S> {
    inner: S,
    labels: Arc<Labels>,
}

impl<S, B> Service<Request<B>> for NoteRoute<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> S::Future {
        if let Some(matched) = request.extensions().get::<MatchedPath>()
            && let Some(exchange) = Exchange::of(&request)
        {
            let label = self.labels.get(matched.as_str());
            // Set once: a nested router's own layer would say the same.
            let _ = exchange.route.set((label, matched.clone()));
        }
        self.inner.call(request)
    }
}
