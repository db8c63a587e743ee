//! Answers requests that no handler is for.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use http::{Response, StatusCode};

use super::exchange::Exchange;
use super::refusal::Refusal;

/// `router` with answers to unknown paths (404) and to methods that a path does not take (405,
/// with `Allow`; RFC 9110 §15.5.6).
pub fn answer_unmatched(router: Router) -> Router {
    router
        .method_not_allowed_fallback(|request: Request| async move {
            refuse(
                Refusal::WrongMethod,
                &request,
                StatusCode::METHOD_NOT_ALLOWED,
            )
        })
        .fallback(|request: Request| async move {
            refuse(Refusal::UnknownPath, &request, StatusCode::NOT_FOUND)
        })
}

fn refuse(refusal: Refusal, request: &Request, bare: StatusCode) -> Response<Body> {
    match request.extensions().get::<Arc<Exchange>>() {
        Some(exchange) => refusal.answer(exchange),
        None => {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = bare;
            response
        }
    }
}
