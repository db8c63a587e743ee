//! Addresses to listen on.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr, ToSocketAddrs};

use super::{Value, kind};
use crate::schema::{Allowed, Kind};

/// Where a listener accepts connections: `:9000`, `127.0.0.1:0`, `[::1]:9000`, `localhost:9000`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenAddress {
    /// Host name or address; `None` for all interfaces.
    pub host: Option<String>,
    /// TCP port; 0 lets the system pick a free one.
    pub port: u16,
}

impl ListenAddress {
    /// The addresses to bind, in order of preference. All interfaces is `[::]`, whose socket has to
    /// accept IPv4 too (`IPV6_V6ONLY` off), with `0.0.0.0` to fall back to where the machine has no
    /// IPv6.
    ///
    /// # Errors
    /// When a host name does not resolve.
    pub fn candidates(&self) -> io::Result<Vec<SocketAddr>> {
        match &self.host {
            None => Ok(vec![
                SocketAddr::from((Ipv6Addr::UNSPECIFIED, self.port)),
                SocketAddr::from(([0, 0, 0, 0], self.port)),
            ]),
            Some(host) => (host.as_str(), self.port)
                .to_socket_addrs()
                .map(Iterator::collect),
        }
    }

    /// The first of [`candidates`](Self::candidates).
    ///
    /// # Errors
    /// When a host name does not resolve.
    pub fn socket_addr(&self) -> io::Result<SocketAddr> {
        self.candidates()?
            .into_iter()
            .next()
            .ok_or_else(|| io::Error::other(format!("{self} has no address")))
    }

    /// Whether a listener on this address keeps one on `other` from binding, as far as the text
    /// tells: same port, and the same host or one of them all interfaces.
    pub(crate) fn collides_with(&self, other: &ListenAddress) -> bool {
        let all = |address: &ListenAddress| match &address.host {
            None => true,
            Some(host) => host.parse::<IpAddr>().is_ok_and(|ip| ip.is_unspecified()),
        };
        self.port != 0
            && self.port == other.port
            && (all(self) || all(other) || self.host == other.host)
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Some(host) if host.contains(':') => write!(f, "[{host}]:{}", self.port),
            Some(host) => write!(f, "{host}:{}", self.port),
            None => write!(f, ":{}", self.port),
        }
    }
}

impl Value for ListenAddress {
    const KIND: Kind = kind(Allowed::Words(
        "host:port, such as 127.0.0.1:9000, [::1]:9000, localhost:9000, or :9000 for all interfaces",
    ));

    fn parse(text: &str) -> Result<Self, String> {
        let (host, port) = text.rsplit_once(':').ok_or("has no port")?;
        let digits = !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
        let port = match port.parse() {
            Ok(port) if digits => port,
            _ => return Err("has no valid port".into()),
        };
        let bracketed = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host = match (host, bracketed) {
            ("", _) => None,
            (_, Some(inner)) => Some(
                inner
                    .parse::<Ipv6Addr>()
                    .map_err(|_| "has no valid IPv6 address in its brackets")?
                    .to_string(),
            ),
            (host, None) if host.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4()) => {
                Some(host.into())
            }
            (host, None) if is_host_name(host) => Some(host.to_ascii_lowercase()),
            _ => return Err("has no valid host".into()),
        };
        Ok(ListenAddress { host, port })
    }

    fn render(&self) -> serde_json::Value {
        self.to_string().into()
    }
}

fn is_host_name(host: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let labels = host.strip_suffix('.').unwrap_or(host);
    let numeric = labels.chars().all(|c| c.is_ascii_digit() || c == '.');
    host.len() <= 253
        && !numeric
        && labels
            .split('.')
            .all(|label| (1..=63).contains(&label.len()) && label.chars().all(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ListenAddress {
        ListenAddress::parse(text).expect(text)
    }

    #[test]
    fn every_form_of_an_address_gives_its_socket_address() {
        for (text, socket) in [
            (":9000", "[::]:9000"),
            ("127.0.0.1:0", "127.0.0.1:0"),
            ("[::1]:9000", "[::1]:9000"),
            ("0.0.0.0:80", "0.0.0.0:80"),
        ] {
            let address = parse(text);
            assert_eq!(address.to_string(), text);
            assert_eq!(
                address.socket_addr().expect(text),
                socket.parse().expect(socket)
            );
        }
        let named = parse("LocalHost:9000");
        assert_eq!(named.to_string(), "localhost:9000");
        assert!(named.socket_addr().expect("resolves").ip().is_loopback());
        assert_eq!(parse(":1").candidates().expect("no lookup").len(), 2);
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for text in [
            "",
            "9000",
            "localhost",
            "localhost:",
            "localhost:http",
            ":65536",
            ":+1",
            "::1:9000",
            "[::1]",
            "[::1:9000",
            "[127.0.0.1]:80",
            "999.1.1.1:80",
            "http://localhost:9000",
            "a b:80",
            "a..b:80",
        ] {
            assert!(ListenAddress::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_collide_on_one_port_and_overlapping_hosts() {
        for (one, other, expected) in [
            (":9000", ":9000", true),
            (":9000", "127.0.0.1:9000", true),
            ("0.0.0.0:9000", "10.0.0.1:9000", true),
            ("[::]:9000", "10.0.0.1:9000", true),
            ("127.0.0.1:9000", "127.0.0.1:9000", true),
            ("127.0.0.1:9000", "127.0.0.2:9000", false),
            (":9000", ":9001", false),
            (":0", ":0", false),
        ] {
            assert_eq!(
                parse(one).collides_with(&parse(other)),
                expected,
                "{one} {other}"
            );
        }
    }
}
