//! The client of an operator who works on a server from afar.

use crate::client::{build, describe};
use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, StatusCode};
use std::path::Path;
use std::time::Duration;
use url::{Host, Url};

/// A server answers within this, or is thought to be away.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Sends requests to one admin API, with its key. It follows no redirect, so that the key goes
/// nowhere else, and uses no proxy.
pub struct OperatorClient {
    http: reqwest::Client,
    base: Url,
    key: HeaderValue,
}

/// Why it could not be made, or had no answer.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The address is none of a server.
    #[error("{0}: give the address of an admin API, such as https://auth.example.com:9001")]
    Address(String),
    /// The address carries what does not belong there.
    #[error("the address of a server has neither user nor password, query nor fragment in it")]
    Adorned,
    /// The key would go over a network in the clear.
    #[error(
        "{0} is plain HTTP to another machine, which would show the key on the way; go through a \
         tunnel or a proxy with TLS, or say --allow-http"
    )]
    Clear(String),
    /// The key cannot be sent in a header.
    #[error("the admin key has characters that no key has")]
    Key,
    /// The file of certificates cannot be used.
    #[error("{0}")]
    Certificates(String),
    /// There was no answer.
    #[error(
        "{0} does not answer: {1}; start a server with authserver serve, or name one that runs with --server URL"
    )]
    Unreachable(String, String),
}

impl OperatorClient {
    /// For the admin API at `base`. `authorities` names a file of certificate authorities (PEM)
    /// that are trusted besides the machine's own.
    ///
    /// # Errors
    /// When the address, the key or the file cannot be used.
    pub fn new(
        base: &str,
        key: &str,
        authorities: Option<&Path>,
        allow_http: bool,
    ) -> Result<Self, OperatorError> {
        let url = Url::parse(base).map_err(|_| OperatorError::Address(base.to_owned()))?;
        let is_plain = url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none();
        if !is_plain {
            return Err(OperatorError::Adorned);
        }
        let is_own = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(OperatorError::Address(base.to_owned())),
        };
        match url.scheme() {
            "https" => {}
            "http" if is_own || allow_http => {}
            "http" => return Err(OperatorError::Clear(base.to_owned())),
            _ => return Err(OperatorError::Address(base.to_owned())),
        }
        let mut key =
            HeaderValue::try_from(format!("Bearer {key}")).map_err(|_| OperatorError::Key)?;
        key.set_sensitive(true);
        #[expect(
            clippy::disallowed_methods,
            reason = "the address is the operator's own, wherever it leads"
        )]
        let builder = || {
            reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .no_proxy()
                .timeout(TIMEOUT)
        };
        let roots = authorities.map(read_authorities).transpose()?;
        let http = build(builder, &roots.unwrap_or_default())
            .map_err(|error| OperatorError::Certificates(error.to_string()))?;
        Ok(Self {
            http,
            base: folder(url),
            key,
        })
    }

    /// Sends a request, with a body of JSON if there is one, and reads the whole answer.
    ///
    /// # Errors
    /// When there is none.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Vec<u8>>,
    ) -> Result<(StatusCode, Bytes), OperatorError> {
        let address = || self.base.origin().ascii_serialization();
        let away = |error: reqwest::Error| {
            OperatorError::Unreachable(address(), describe(&error.without_url()))
        };
        let url = self
            .base
            .join(path.trim_start_matches('/'))
            .map_err(|_| OperatorError::Address(address()))?;
        let mut request = self
            .http
            .request(method, url)
            .header(AUTHORIZATION, self.key.clone());
        if let Some(body) = body {
            request = request.header(CONTENT_TYPE, "application/json").body(body);
        }
        let answer = request.send().await.map_err(away)?;
        let status = answer.status();
        let body = answer.bytes().await.map_err(away)?;
        Ok((status, body))
    }
}

/// An address that paths can be added to: a proxy may have the API below a path.
fn folder(mut url: Url) -> Url {
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    url
}

fn read_authorities(file: &Path) -> Result<Vec<reqwest::Certificate>, OperatorError> {
    let wrong = |fault: &dyn std::fmt::Display| {
        OperatorError::Certificates(format!("{}: {fault}", file.display()))
    };
    let pem = std::fs::read(file).map_err(|error| wrong(&error))?;
    match reqwest::Certificate::from_pem_bundle(&pem) {
        Ok(all) if all.is_empty() => Err(wrong(&"it holds no certificate")),
        Ok(all) => Ok(all),
        Err(error) => Err(wrong(&describe(&error))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_goes_in_the_clear_to_this_machine_alone() {
        let made = |base: &str, allow| OperatorClient::new(base, "k", None, allow);
        for own in [
            "http://localhost:9001",
            "http://127.0.0.1:9001/",
            "http://[::1]:9001",
            "https://auth.example:9001",
        ] {
            assert!(made(own, false).is_ok(), "{own}");
        }
        let other = "http://10.0.0.5:9001";
        assert!(matches!(made(other, false), Err(OperatorError::Clear(_))));
        assert!(made(other, true).is_ok());
        for none in ["", "localhost:9001", "ftp://localhost/", "http://"] {
            assert!(
                matches!(made(none, true), Err(OperatorError::Address(_))),
                "{none}"
            );
        }
        for adorned in [
            "http://u:secret@localhost:9001",
            "https://u@a.example",
            "https://a.example/?x",
            "https://a.example/#x",
        ] {
            let refused = made(adorned, true).err().expect("refused");
            assert!(matches!(refused, OperatorError::Adorned), "{adorned}");
            assert!(!refused.to_string().contains("secret"));
        }
        for (base, path) in [
            ("https://a.example", "/"),
            ("https://a.example/x/y", "/x/y/"),
        ] {
            let own = made(base, false).expect("a client").base;
            let asked = own.join("admin/stats").expect("a path");
            assert_eq!(asked.path(), format!("{path}admin/stats"));
        }
        let key = OperatorClient::new("https://a.example", "a\nb", None, false);
        assert!(matches!(key, Err(OperatorError::Key)));
    }
}
