//! The guarded HTTP client.

use std::error::Error as _;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use telemetry::trace::Span;
use url::{Host, Url};

use crate::error::{ClientBuildError, FetchError};
use crate::resolve::{GuardedResolver, LookupAddresses, SystemLookup, Unresolved, is_allowed};

/// What a client may do and for how long.
#[derive(Debug, Clone)]
pub struct GuardPolicy {
    /// Refuse `http:` URLs (`cimd.require_https`).
    pub require_https: bool,
    /// Connect to addresses on this machine and in private networks
    /// (`cimd.allow_private_addresses`). Metadata services stay out of reach even then.
    pub allow_private_addresses: bool,
    /// The time for everything: resolving, connecting, waiting, reading.
    pub timeout: Duration,
    /// The time for one connection attempt, TLS included.
    pub connect_timeout: Duration,
    /// The largest body that is read.
    pub max_bytes: usize,
    /// The `User-Agent` header.
    pub user_agent: String,
    /// Certificate authorities (DER) trusted besides the machine's own.
    pub extra_roots: Vec<Vec<u8>>,
}

impl Default for GuardPolicy {
    /// The strict values: https to public addresses, 10 s, 64 KiB.
    fn default() -> Self {
        Self {
            require_https: true,
            allow_private_addresses: false,
            timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(5),
            max_bytes: 64 * 1024,
            user_agent: String::from(concat!("authserver/", env!("CARGO_PKG_VERSION"))),
            extra_roots: Vec::new(),
        }
    }
}

/// What one request adds.
#[derive(Debug, Clone, Copy, Default)]
pub struct GetOptions<'a> {
    /// The `Accept` header; `*/*` when absent.
    pub accept: Option<&'static str>,
    /// The W3C trace context to pass on (Trace Context §3.2).
    pub traceparent: Option<&'a str>,
}

/// What a 200 answer held.
#[derive(Debug, Clone)]
pub struct Document {
    /// The answer's headers.
    pub headers: HeaderMap,
    /// The answer's body, at most [`GuardPolicy::max_bytes`].
    pub body: Bytes,
}

impl Document {
    /// Whether the answer says that it is JSON: `application/json`, or a type with the suffix
    /// `+json` (RFC 6839 §3.1).
    #[must_use]
    pub fn is_json(&self) -> bool {
        let Some(value) = self.headers.get(CONTENT_TYPE) else {
            return false;
        };
        let essence = value.as_bytes().split(|byte| *byte == b';').next();
        let essence = essence
            .unwrap_or_default()
            .trim_ascii()
            .to_ascii_lowercase();
        essence == b"application/json"
            || (essence.starts_with(b"application/") && essence.ends_with(b"+json"))
    }
}

/// An HTTP client that can be given a stranger's URL. Cheap to clone.
#[derive(Clone)]
pub struct GuardedClient {
    http: reqwest::Client,
    policy: Arc<GuardPolicy>,
}

impl fmt::Debug for GuardedClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardedClient")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl GuardedClient {
    /// A client that resolves names as the machine does.
    ///
    /// # Errors
    /// When an extra root is not a certificate or TLS cannot be set up.
    pub fn new(policy: GuardPolicy) -> Result<Self, ClientBuildError> {
        Self::with_lookup(policy, Arc::new(SystemLookup))
    }

    /// A client that resolves names through `lookup`; what that yields is judged all the same.
    ///
    /// # Errors
    /// As [`GuardedClient::new`].
    pub fn with_lookup(
        policy: GuardPolicy,
        lookup: Arc<dyn LookupAddresses>,
    ) -> Result<Self, ClientBuildError> {
        let roots = certificates(policy.extra_roots.iter().map(Vec::as_slice))?;
        let http = build(|| builder(&policy, Arc::clone(&lookup)), &roots)?;
        Ok(Self {
            http,
            policy: Arc::new(policy),
        })
    }

    /// The policy this client was made with.
    #[must_use]
    pub fn policy(&self) -> &GuardPolicy {
        &self.policy
    }

    /// Fetches `url`. Only a 200 answer is a document.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn get(&self, url: &Url, options: GetOptions<'_>) -> Result<Document, FetchError> {
        self.check(url)?;
        let port = i64::from(url.port_or_known_default().unwrap_or_default());
        let mut span = Span::client("HTTP GET")
            .with("http.request.method", "GET")
            .with_display("server.address", url.host_str().unwrap_or_default())
            .with("server.port", port);
        let own = span.traceparent().map(|own| own.to_string());
        let options = GetOptions {
            traceparent: own.as_deref().or(options.traceparent),
            ..options
        };
        let fetch = self.fetch(url, options);
        let answer = tokio::time::timeout(self.policy.timeout, fetch)
            .await
            .unwrap_or(Err(FetchError::Timeout));
        match &answer {
            Ok(_) => span.set("http.response.status_code", 200),
            Err(error) => {
                if let FetchError::Status(status) | FetchError::Redirect(status) = error {
                    span.set("http.response.status_code", i64::from(*status));
                }
                span.set("error.type", error.reason());
                span.fail(error);
            }
        }
        answer
    }

    /// What can be said about a URL before a name is resolved. Addresses written as literals do
    /// not pass the resolver, so they are judged here; `url` has brought odd spellings of IPv4
    /// (octal, hexadecimal, one number) into the usual form.
    fn check(&self, url: &Url) -> Result<(), FetchError> {
        match url.scheme() {
            "https" => {}
            "http" if !self.policy.require_https => {}
            other => return Err(FetchError::Scheme(other.to_owned())),
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::UrlInvalid(
                "it contains a user name or password",
            ));
        }
        if url.port() == Some(0) {
            return Err(FetchError::UrlInvalid("port 0 cannot be connected to"));
        }
        let address = match url.host() {
            Some(Host::Ipv4(address)) => IpAddr::V4(address),
            Some(Host::Ipv6(address)) => IpAddr::V6(address),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(FetchError::UrlInvalid("it has no host")),
        };
        if is_allowed(address, self.policy.allow_private_addresses) {
            return Ok(());
        }
        Err(FetchError::BlockedAddress {
            host: address.to_string(),
            address,
        })
    }

    async fn fetch(&self, url: &Url, options: GetOptions<'_>) -> Result<Document, FetchError> {
        let mut request = self.http.get(url.clone());
        if let Some(accept) = options.accept {
            request = request.header(ACCEPT, accept);
        }
        // A value that cannot be a header is not worth failing a fetch for.
        if let Some(value) = options
            .traceparent
            .and_then(|value| HeaderValue::from_str(value).ok())
        {
            request = request.header("traceparent", value);
        }
        let mut response = request.send().await.map_err(|error| failure(&error))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(FetchError::Redirect(status.as_u16()));
        }
        if status != http::StatusCode::OK {
            return Err(FetchError::Status(status.as_u16()));
        }
        let limit = self.policy.max_bytes;
        let declared = response.content_length().unwrap_or(0);
        if usize::try_from(declared).is_ok_and(|declared| declared > limit) {
            return Err(FetchError::TooLarge { limit });
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
            if body.len() + chunk.len() > limit {
                return Err(FetchError::TooLarge { limit });
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Document {
            headers: std::mem::take(response.headers_mut()),
            body: body.freeze(),
        })
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that builds an HTTP client"
)]
fn builder(policy: &GuardPolicy, lookup: Arc<dyn LookupAddresses>) -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .dns_resolver(GuardedResolver {
            lookup,
            allow_private: policy.allow_private_addresses,
        })
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .referer(false)
        .https_only(policy.require_https)
        .connect_timeout(policy.connect_timeout)
        // A connection is used once: the next fetch is vetted anew.
        .pool_max_idle_per_host(0)
        .user_agent(policy.user_agent.as_str())
}

/// A client that trusts the machine's certificate authorities, and `roots`.
pub(crate) fn build(
    builder: impl Fn() -> reqwest::ClientBuilder,
    roots: &[reqwest::Certificate],
) -> Result<reqwest::Client, ClientBuildError> {
    builder()
        .tls_certs_merge(roots.to_vec())
        .build()
        .or_else(|error| {
            // A bare container has no certificate authorities; the bundled ones (Mozilla's) do.
            tracing::warn!(
                error = describe(&error),
                "no certificate authorities on this machine, using the bundled ones; install ca-certificates to use your own"
            );
            let bundled = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
            let mut all = certificates(bundled.iter().map(AsRef::as_ref))?;
            all.extend_from_slice(roots);
            builder()
                .tls_certs_only(all)
                .build()
                .map_err(|error| ClientBuildError {
                    detail: describe(&error),
                })
        })
}

fn certificates<'a>(
    der: impl Iterator<Item = &'a [u8]>,
) -> Result<Vec<reqwest::Certificate>, ClientBuildError> {
    der.map(reqwest::Certificate::from_der)
        .collect::<Result<_, _>>()
        .map_err(|error| ClientBuildError {
            detail: describe(&error),
        })
}

fn failure(error: &reqwest::Error) -> FetchError {
    let mut source = error.source();
    while let Some(cause) = source {
        match cause.downcast_ref::<Unresolved>() {
            Some(Unresolved::Blocked { host, address }) => {
                return FetchError::BlockedAddress {
                    host: host.clone(),
                    address: *address,
                };
            }
            Some(Unresolved::Failed { host, detail }) => {
                return FetchError::Dns {
                    host: host.clone(),
                    detail: detail.clone(),
                };
            }
            None => source = cause.source(),
        }
    }
    if error.is_timeout() {
        FetchError::Timeout
    } else {
        FetchError::Connect(describe(error))
    }
}

/// The innermost cause, which is the one that says something.
pub(crate) fn describe(error: &reqwest::Error) -> String {
    let mut innermost: &dyn std::error::Error = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}
