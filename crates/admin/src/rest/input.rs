//! What handlers take: path, query and body, whose faults are told like all others.

use super::refusal::Refused;
use axum::Json;
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use http::request::Parts;
use serde::de::DeserializeOwned;

/// A JSON body, whatever media type it claims to have.
pub(crate) struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|fault| Refused::unreadable(fault.body_text()))?;
        let Json(value) =
            Json::from_bytes(&bytes).map_err(|fault| Refused::unreadable(fault.body_text()))?;
        Ok(Self(value))
    }
}

/// The named parts of the path.
pub(crate) struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        let path = path.map_err(|fault| Refused::unreadable(fault.body_text()))?;
        Ok(Self(path.0))
    }
}

/// The query.
pub(crate) struct Query<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        let query = axum::extract::Query::try_from_uri(&parts.uri);
        let query = query.map_err(|fault| Refused::unreadable(fault.body_text()))?;
        Ok(Self(query.0))
    }
}
