//! The admin API as commands use it: on the database and the keys at hand, or on a server.

use super::{CliError, Part, Result};
use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Method, Request, StatusCode};
use outbound::OperatorClient;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value};
use tower::ServiceExt as _;

/// Rows that are asked for at once.
const PART: usize = 1000;
/// What stays as it is in a part of a path (RFC 3986 §2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Where commands are carried out.
pub enum Api {
    /// Here: [`crate::rest::at_hand`].
    AtHand(Box<Router>),
    /// At a server.
    Remote(OperatorClient),
}

/// A path of the API, with its parts encoded.
pub(super) fn path(parts: &[&str]) -> String {
    let parts = parts
        .iter()
        .map(|part| utf8_percent_encode(part, SEGMENT).to_string());
    format!("/admin/{}", parts.collect::<Vec<_>>().join("/"))
}

/// `path?name=value…`, without what is not given.
pub(super) fn query(path: &str, pairs: &[(&str, Option<String>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    match query.finish() {
        query if query.is_empty() => path.to_owned(),
        query => format!("{path}?{query}"),
    }
}

/// An object of what is given.
pub(super) fn given(members: &[(&str, Option<Value>)]) -> Value {
    let given = members.iter().filter_map(|(name, value)| {
        let value = value.clone()?;
        Some(((*name).to_owned(), value))
    });
    Value::Object(given.collect::<Map<_, _>>())
}

impl Api {
    /// Reads.
    pub(super) async fn get(&self, path: &str) -> Result<Value> {
        self.call(Method::GET, path, None).await
    }

    /// Makes, or does.
    pub(super) async fn post(&self, path: &str, body: Option<Value>) -> Result<Value> {
        self.call(Method::POST, path, body).await
    }

    /// Changes.
    pub(super) async fn patch(&self, path: &str, body: Option<Value>) -> Result<Value> {
        self.call(Method::PATCH, path, body).await
    }

    /// Ends.
    pub(super) async fn delete(&self, path: &str) -> Result<Value> {
        self.call(Method::DELETE, path, None).await
    }

    /// Ends what is there; what is not is an error on a command line, where it was mistyped.
    pub(super) async fn delete_known(&self, path: &str, query: &str) -> Result<()> {
        self.get(path).await?;
        self.delete(&format!("{path}{query}")).await.map(drop)
    }

    /// As much of a list as is wanted, over as many parts as it takes.
    pub(super) async fn list(
        &self,
        list: (&str, &str),
        filter: &[(&str, Option<String>)],
        part: &Part,
    ) -> Result<Vec<Value>> {
        let (rows, _) = self.list_within(list, filter, part).await?;
        Ok(rows)
    }

    /// The same, with the first answer that it came in.
    pub(super) async fn list_within(
        &self,
        list: (&str, &str),
        filter: &[(&str, Option<String>)],
        part: &Part,
    ) -> Result<(Vec<Value>, Value)> {
        let (path, member) = list;
        let (mut rows, mut cursor) = (Vec::new(), None);
        let mut first = None;
        let (mut over, wanted) = (part.offset as usize, part.limit as usize);
        while rows.len() < wanted {
            let next = (over + wanted - rows.len()).min(PART);
            let mut pairs = filter.to_vec();
            pairs.push(("limit", Some(next.to_string())));
            pairs.push(("cursor", cursor.take()));
            let mut found = self.get(&query(path, &pairs)).await?;
            if let Value::Array(mut found) = found[member].take() {
                let passed = found.len().min(over);
                over -= passed;
                rows.extend(found.drain(passed..));
            }
            let next = found["next_cursor"].take();
            first.get_or_insert(found);
            match next {
                Value::String(next) => cursor = Some(next),
                _ => break,
            }
        }
        Ok((rows, first.unwrap_or_default()))
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let body = body.map(|body| body.to_string().into_bytes());
        let (status, answer) = match self {
            Self::AtHand(router) => {
                let request = Request::builder()
                    .method(method)
                    .uri(path)
                    .body(Body::from(body.unwrap_or_default()))
                    .map_err(|error| CliError::Refused(error.to_string()))?;
                let answer = Router::clone(router).oneshot(request).await;
                let answer = answer.unwrap_or_else(|never| match never {});
                let status = answer.status();
                let bytes = to_bytes(answer.into_body(), usize::MAX).await;
                (
                    status,
                    bytes.map_err(|error| CliError::Refused(error.to_string()))?,
                )
            }
            Self::Remote(client) => client
                .send(method, path, body)
                .await
                .map_err(|error| CliError::Refused(error.to_string()))?,
        };
        if status == StatusCode::NO_CONTENT {
            return Ok(Value::Null);
        }
        // Whatever answers in another language is not what was asked, good as it may be.
        let value = serde_json::from_slice(&answer).map_err(|_| stranger(status))?;
        match status.is_success() {
            true => Ok(value),
            false => Err(refused(status, &value)),
        }
    }
}

/// Something answered that is not the admin API.
fn stranger(status: StatusCode) -> CliError {
    CliError::Refused(format!("this is no admin API: it answers {status}"))
}

/// What a problem says, in one line.
fn refused(status: StatusCode, problem: &Value) -> CliError {
    let Some(detail) = problem["detail"].as_str() else {
        return stranger(status);
    };
    let mut said = match status {
        StatusCode::UNAUTHORIZED => "the server does not accept this admin key".to_owned(),
        _ => detail.to_owned(),
    };
    let dependents = problem["dependents"].as_array();
    let names: Vec<_> = dependents
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if !names.is_empty() && !names.iter().all(|name| said.contains(name)) {
        said = format!("{said} ({})", names.join(", "));
    }
    CliError::Refused(said)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_others_stay_within_their_part_of_a_path() {
        let id = "https://a.example/x?y#z";
        let own = "/admin/clients/https%3A%2F%2Fa.example%2Fx%3Fy%23z/revoke";
        assert_eq!(path(&["clients", id, "revoke"]), own);
        let pairs = [("q", Some("a b&c".into())), ("status", None)];
        assert_eq!(query("/admin/users", &pairs), "/admin/users?q=a+b%26c");
        assert_eq!(query("/admin/users", &[]), "/admin/users");
    }
}
