//! Web origins.

use std::fmt;
use std::str::FromStr;

use url::Url;

use super::{Value, kind};
use crate::schema::{Allowed, Kind};

/// How the origins of all ports of a host end.
const ANY_PORT: &str = ":*";

/// A web origin (RFC 6454 §6.2) as browsers send it in `Origin`; with `*` in place of the port,
/// those of all ports; `*` alone for any.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin(String);

impl Origin {
    /// The origins of pages that the user's own machine serves.
    pub fn loopback() -> Vec<Self> {
        ["http://localhost", "http://127.0.0.1", "http://[::1]"]
            .map(|host| Self(format!("{host}{ANY_PORT}")))
            .to_vec()
    }

    /// The origin as it stands in an `Origin` header; `*` for any.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this stands for any origin.
    pub fn is_any(&self) -> bool {
        self.0 == "*"
    }

    /// Whether `origin`, as a browser sends it, is this one or one of these.
    pub fn admits(&self, origin: &str) -> bool {
        let Some(host) = self.0.strip_suffix(ANY_PORT) else {
            return self.is_any() || self.0 == origin;
        };
        let is_port = |port: &str| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        match origin.strip_prefix(host) {
            Some("") => true,
            Some(rest) => rest.strip_prefix(':').is_some_and(is_port),
            None => false,
        }
    }
}

impl FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        <Self as Value>::parse(text)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for Origin {
    const KIND: Kind = kind(Allowed::Words(
        "origins such as https://app.example.com, without path, http://localhost:* for all ports, or *",
    ));

    fn parse(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Origin(text.into()));
        }
        if let Some(host) = text.strip_suffix(ANY_PORT) {
            let host = <Self as Value>::parse(host)?.0;
            let has_port = Url::parse(&host).is_ok_and(|url| url.port().is_some());
            return match has_port || host == "*" {
                true => Err("names two ports".into()),
                false => Ok(Origin(format!("{host}{ANY_PORT}"))),
            };
        }
        if text.contains('*') {
            return Err("has a * in it, which stands for any origin alone or for any port".into());
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
            "http://localhost:*",
            "http://[::1]:*",
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
            "http://localhost:80:*",
            "http://localhost:8080:*",
            "*:*",
            ":*",
            "https://u@app.example.com",
            "null",
            "file:///x",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_star_for_the_port_admits_every_port_of_that_host_alone() {
        let all = Origin::parse("http://localhost:*").unwrap();
        for origin in [
            "http://localhost",
            "http://localhost:1",
            "http://localhost:65535",
        ] {
            assert!(all.admits(origin), "{origin}");
        }
        for origin in [
            "https://localhost:1",
            "http://localhost:",
            "http://localhost:1.evil.example",
            "http://localhost.evil.example",
            "http://localhost:*",
            "null",
            "",
        ] {
            assert!(!all.admits(origin), "{origin}");
        }
        let one = Origin::parse("http://localhost:1").unwrap();
        assert!(one.admits("http://localhost:1") && !one.admits("http://localhost:2"));
        assert!(Origin::parse("*").unwrap().admits("null"));
    }
}
