//! Web origins.

use std::fmt;

use url::Url;

use super::{Value, kind};
use crate::schema::{Allowed, Kind};

/// A web origin (RFC 6454 §6.2) as browsers send it in `Origin`, or `*` for any.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    /// The origin as it stands in an `Origin` header; `*` for any.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this stands for any origin.
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for Origin {
    const KIND: Kind = kind(Allowed::Words(
        "origins such as https://app.example.com, without path, or *",
    ));

    fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Origin(text.into()));
        }
        if text.contains('*') {
            return Err("has a * in it, which stands for any origin only alone".into());
        }
        let url = Url::parse(text).map_err(|_| "is not an origin")?;
        let origin = url.origin().ascii_serialization();
        if origin == text {
            return Ok(Origin(origin));
        }
        match url.origin().is_tuple() && matches!(url.scheme(), "http" | "https") {
            true => Err(format!("is not an origin; its origin is {origin}")),
            false => Err("is not an http or https origin".into()),
        }
    }

    fn render(&self) -> serde_json::Value {
        self.0.clone().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_as_browsers_send_them() {
        for text in [
            "https://app.example.com",
            "http://localhost:6274",
            "http://[::1]:1",
            "*",
        ] {
            assert_eq!(Origin::parse(text).expect(text).as_str(), text);
        }
        for text in [
            "",
            "app.example.com",
            "https://app.example.com/",
            "https://app.example.com:443",
            "https://*.example.com",
            "https://u@app.example.com",
            "null",
            "file:///x",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }
}
