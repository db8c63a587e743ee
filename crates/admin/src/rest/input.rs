//! What handlers take: path, query and body, whose faults are told like all others.

use super::query;
use super::refusal::Refused;
use axum::Json;
use axum::body::Bytes;
use axum::body::HttpBody as _;
use axum::extract::rejection::{JsonDataError, JsonRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use domain::{Object, objects};
use http::request::Parts;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use std::error::Error as _;

const NUL: &str = "a NUL character cannot be part of any value";

/// What is encoded in a path or query has to be text, without NUL (spec: security, Input rules).
fn check_encoding(encoded: &str) -> Result<(), Refused> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).filter(|_| *first == b'%');
        let byte = pair
            .and_then(|pair| str::from_utf8(pair).ok())
            .and_then(|pair| u8::from_str_radix(pair, 16).ok());
        decoded.push(byte.unwrap_or(*first));
        rest = match byte {
            Some(_) => &after[2..],
            None => after,
        };
    }
    match str::from_utf8(&decoded) {
        Err(_) => Err(Refused::unreadable("the address is not UTF-8")),
        Ok(text) if text.contains('\0') => Err(Refused::unreadable(NUL)),
        Ok(_) => Ok(()),
    }
}

/// A member that may be absent, and is not null when it is there.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

/// A list of objects that may be absent, and is not null when it is there.
pub(crate) fn present_objects<'de, D, T>(deserializer: D) -> Result<Option<Vec<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    objects(deserializer).map(Some)
}

/// A member that may be absent, or null for nothing.
pub(crate) fn nullable<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Some)
}

/// A JSON object as the body, whatever media type it claims to have.
pub(crate) struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        let bytes = Bytes::from_request(request, state)
            .await
            .map_err(|fault| Refused::unreadable(fault.body_text()))?;
        // However a string spells it: databases do not agree on NUL.
        if bytes.windows(6).any(|own| own == b"\\u0000") {
            return Err(Refused::unreadable(NUL));
        }
        match Json::from_bytes(&bytes) {
            Ok(Json(Object(value))) => Ok(Self(value)),
            // It is JSON, but not of this shape.
            Err(JsonRejection::JsonDataError(fault)) => Err(Refused::misshapen(misfit(&fault))),
            Err(fault) => Err(Refused::unreadable(fault.body_text())),
        }
    }
}

/// A JSON body that may be left out.
pub(crate) struct OptionalBody<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for OptionalBody<T> {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refused> {
        if request.body().is_end_stream() {
            return Ok(Self(T::default()));
        }
        let Body(value) = Body::from_request(request, state).await?;
        Ok(Self(value))
    }
}

/// Which member does not fit, and why; not where in the text, which nobody counts.
fn misfit(fault: &JsonDataError) -> String {
    let text = fault
        .source()
        .map_or_else(|| fault.body_text(), ToString::to_string);
    match text.rfind(" at line ") {
        Some(at) => text[..at].to_owned(),
        None => text,
    }
}

/// The named parts of the path.
pub(crate) struct Path<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Path<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        check_encoding(parts.uri.path())?;
        let path = axum::extract::Path::from_request_parts(parts, state).await;
        let path = path.map_err(|fault| Refused::unreadable(fault.body_text()))?;
        Ok(Self(path.0))
    }
}

/// The query.
pub(crate) struct Query<T>(pub T);

/// The query of a list that is given as a whole: nothing can be asked of it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Whole {}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refused> {
        check_encoding(parts.uri.query().unwrap_or_default())?;
        let query = query::read(parts.uri.query().unwrap_or_default());
        Ok(Self(
            query.map_err(|fault| Refused::unreadable(fault.to_string()))?,
        ))
    }
}
