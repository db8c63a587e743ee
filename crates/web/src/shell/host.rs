//! Refuses requests that do not say, once and well-formed, which host they are for.

use std::convert::Infallible;
use std::net::Ipv6Addr;
use std::task::{Context, Poll};

use axum::body::Body;
use http::header::HOST;
use http::{Request, Response, Version};
use tower::Service;

use super::exchange::Exchange;
use super::refusal::{Refusal, RefusedOr};

/// Answers 400 to a request without `Host`, with several, or with one that is not a host
/// (RFC 9112 §3.2). HTTP/1.0 may leave it out; HTTP/2 has `:authority` in its place, which a `Host`
/// beside it must not contradict (RFC 9113 §8.3.1).
#[derive(Debug, Clone)]
pub struct OneHost<S> {
    inner: S,
}

impl<S> OneHost<S> {
    /// Around `inner`.
    pub fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S, B> Service<Request<B>> for OneHost<S>
where
    S: Service<Request<B>, Response = Response<Body>, Error = Infallible>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = RefusedOr<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        match Exchange::of(&request) {
            Some(exchange) if !names_one_host(&request) => {
                RefusedOr::refused(Refusal::BadHost.answer(exchange))
            }
            _ => RefusedOr::passed(self.inner.call(request)),
        }
    }
}

fn names_one_host<B>(request: &Request<B>) -> bool {
    let mut fields = request.headers().get_all(HOST).iter();
    let field = fields.next().map(http::HeaderValue::as_bytes);
    if fields.next().is_some() || field.is_some_and(|host| !is_host(host)) {
        return false;
    }
    let target = request.uri().authority();
    if target.is_some_and(|authority| !is_host(authority.as_str().as_bytes())) {
        return false;
    }
    match request.version() {
        Version::HTTP_09 | Version::HTTP_10 => true,
        // A proxy's request line may name the host as well, and then the field is ignored
        // (RFC 9112 §3.2.2); it has to be there all the same.
        Version::HTTP_11 => field.is_some(),
        _ => match (target, field) {
            (Some(target), Some(field)) => target.as_str().as_bytes().eq_ignore_ascii_case(field),
            (target, field) => target.is_some() || field.is_some(),
        },
    }
}

/// `uri-host [ ":" port ]` with a host that is not empty (RFC 9110 §4.2.1, §7.2; RFC 3986 §3.2.2).
fn is_host(text: &[u8]) -> bool {
    let (host, port) = match text {
        [b'[', rest @ ..] => {
            let Some(end) = rest.iter().position(|byte| *byte == b']') else {
                return false;
            };
            let literal = str::from_utf8(&rest[..end]).ok();
            if literal.is_none_or(|literal| literal.parse::<Ipv6Addr>().is_err()) {
                return false;
            }
            match &rest[end + 1..] {
                [] => return true,
                [b':', port @ ..] => return is_port(port),
                _ => return false,
            }
        }
        _ => match text.iter().position(|byte| *byte == b':') {
            Some(colon) => (&text[..colon], &text[colon + 1..]),
            None => (text, &[][..]),
        },
    };
    !host.is_empty() && is_name(host) && is_port(port)
}

fn is_port(digits: &[u8]) -> bool {
    digits.is_empty()
        || str::from_utf8(digits)
            .is_ok_and(|text| digits.iter().all(u8::is_ascii_digit) && text.parse::<u16>().is_ok())
}

/// `reg-name`, of which an IPv4 address is one.
fn is_name(host: &[u8]) -> bool {
    let mut rest = host;
    while let [first, tail @ ..] = rest {
        rest = match (first, tail) {
            (b'%', [high, low, after @ ..])
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                after
            }
            (b'-' | b'.' | b'_' | b'~', _) => tail,
            (b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=', _) => {
                tail
            }
            (byte, _) if byte.is_ascii_alphanumeric() => tail,
            _ => return false,
        };
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_and_addresses_with_or_without_a_port() {
        for good in [
            "localhost",
            "auth.example.com:9000",
            "AUTH_1.internal",
            "127.0.0.1:1",
            "[::1]",
            "[2001:db8::1]:65535",
            "xn--bcher-kva.example",
            "a%20b",
            "example.com:",
        ] {
            assert!(is_host(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ":80",
            "a b",
            "a/b",
            "a\\b",
            "user@example.com",
            "example.com:port",
            "example.com:65536",
            "example.com:-1",
            "example.com:80:80",
            "::1",
            "[::1",
            "[::1]80",
            "[evil]",
            "[]",
            "a%2",
            "a%zz",
            "a,b c",
            "http://example.com",
            "<script>",
            "ex\u{e4}mple.com",
            "a?b",
            "a#b",
        ] {
            assert!(!is_host(bad.as_bytes()), "{bad}");
        }
    }

    fn asks(version: Version, target: &str, hosts: &[&str]) -> bool {
        let mut request = Request::get(target).version(version);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        names_one_host(&request.body(()).unwrap())
    }

    #[test]
    fn the_version_decides_whether_a_host_has_to_be_named_and_where() {
        let (http1, http2) = (Version::HTTP_11, Version::HTTP_2);
        assert!(asks(http1, "/", &["a"]));
        assert!(!asks(http1, "/", &[]));
        assert!(!asks(http1, "/", &["a", "a"]));
        assert!(!asks(http1, "http://a/", &[]));
        assert!(asks(http1, "http://a/", &["b"]));
        assert!(asks(Version::HTTP_10, "/", &[]));
        assert!(!asks(Version::HTTP_10, "/", &["a", "b"]));
        assert!(!asks(Version::HTTP_10, "/", &["a b"]));
        assert!(asks(http2, "https://a/", &[]));
        assert!(asks(http2, "https://a/", &["A"]));
        assert!(!asks(http2, "https://a/", &["b"]));
        assert!(asks(http2, "/", &["a"]));
        assert!(!asks(http2, "/", &[]));
        assert!(!asks(http2, "https://u@a/", &[]));
    }
}
