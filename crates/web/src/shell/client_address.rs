//! The address of the client behind trusted proxies.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName};
use ipnet::IpNet;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Proxies in a row that are looked through at most.
const MAX_HOPS: usize = 32;

/// The client's address: that of `peer`, unless `peer` is one of the `trusted` proxies. Then it
/// is the last address in `X-Forwarded-For` that is not a trusted proxy, because each proxy
/// appends whom it talked to, and everything left of what a trusted proxy wrote may be made up.
/// Where the list stops making sense, the last proxy that did is taken for the client.
#[must_use]
pub fn client_address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: &IpAddr| trusted.iter().any(|network| network.contains(address));
    let mut client = peer.to_canonical();
    if trusted.is_empty() || !is_trusted(&client) {
        return client;
    }
    // Several header lines are one list (RFC 9110 §5.3).
    let lines = headers.get_all(FORWARDED_FOR).iter().collect::<Vec<_>>();
    let entries = lines
        .iter()
        .rev()
        .flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    for entry in entries.take(MAX_HOPS) {
        match parse(entry) {
            Some(address) => client = address,
            None => break,
        }
        if !is_trusted(&client) {
            break;
        }
    }
    client
}

/// An address as proxies write it: `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`,
/// `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn parse(entry: &[u8]) -> Option<IpAddr> {
    let text = str::from_utf8(entry).ok()?.trim_matches([' ', '\t']);
    let bare = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .unwrap_or(text);
    let address = match bare.parse::<IpAddr>() {
        Ok(address) => address,
        Err(_) => text.parse::<SocketAddr>().ok()?.ip(),
    };
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, lines: &[&[u8]]) -> String {
        let trusted = ["10.0.0.0/8", "fd00::/8"].map(|net| net.parse().unwrap());
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(FORWARDED_FOR, http::HeaderValue::from_bytes(line).unwrap());
        }
        client_address(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        assert_eq!(client("203.0.113.7", &[b"198.51.100.1"]), "203.0.113.7");
        assert_eq!(client("10.0.0.1", &[b"198.51.100.1"]), "198.51.100.1");
        assert_eq!(
            client("::ffff:10.0.0.1", &[b"198.51.100.1"]),
            "198.51.100.1"
        );
        assert_eq!(client("fd00::1", &[b"2001:db8::5"]), "2001:db8::5");
        assert_eq!(client("10.0.0.1", &[]), "10.0.0.1");
    }

    #[test]
    fn the_last_address_that_is_no_proxy_is_the_client() {
        assert_eq!(
            client("10.0.0.1", &[b"1.1.1.1, 198.51.100.1, 10.9.9.9 ,10.2.2.2"]),
            "198.51.100.1"
        );
        assert_eq!(
            client("10.0.0.1", &[b"1.1.1.1", b"198.51.100.1", b"10.2.2.2"]),
            "198.51.100.1"
        );
        assert_eq!(client("10.0.0.1", &[b"10.3.3.3, 10.2.2.2"]), "10.3.3.3");
    }

    #[test]
    fn ports_and_brackets_are_understood() {
        for (entry, address) in [
            (&b"198.51.100.1:4711"[..], "198.51.100.1"),
            (b"[2001:db8::1]:4711", "2001:db8::1"),
            (b"[2001:db8::1]", "2001:db8::1"),
            (b"::ffff:198.51.100.1", "198.51.100.1"),
        ] {
            assert_eq!(client("10.0.0.1", &[entry]), address);
        }
    }

    #[test]
    fn garbage_ends_the_search_at_the_last_proxy_that_made_sense() {
        for garbage in [
            &b""[..],
            b",",
            b"unknown",
            b"\"",
            b"198.51.100.1 198.51.100.2",
            b"\xff\xfe",
            b"999.1.1.1",
            b"_hidden",
        ] {
            assert_eq!(client("10.0.0.1", &[garbage]), "10.0.0.1", "{garbage:?}");
            let spoofed = [b"1.1.1.1,", garbage, b", 10.2.2.2"].concat();
            assert_eq!(client("10.0.0.1", &[&spoofed]), "10.2.2.2", "{garbage:?}");
        }
    }

    #[test]
    fn an_endless_chain_is_not_followed() {
        let chain = vec!["10.0.0.9"; 5000].join(",");
        assert_eq!(client("10.0.0.1", &[chain.as_bytes()]), "10.0.0.9");
    }
}
