//! Which addresses the server may connect to on a stranger's word.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an address is, as far as fetching from it is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressClass {
    /// On the public internet.
    Public,
    /// On this machine or in somebody's network; reachable only with
    /// `cimd.allow_private_addresses`, which is for development.
    Private,
    /// Never a place to fetch from: cloud metadata services, link-local and multicast addresses,
    /// addresses that stand for others (mapped, translated, tunnelled), reserved blocks.
    Forbidden,
}

/// A block of IPv4 addresses.
struct V4(Ipv4Addr, u32);

const fn v4(a: u8, b: u8, c: u8, d: u8, prefix: u32) -> V4 {
    V4(Ipv4Addr::new(a, b, c, d), prefix)
}

impl V4 {
    fn contains(&self, address: Ipv4Addr) -> bool {
        let mask = u32::MAX.checked_shl(32 - self.1).unwrap_or(0);
        (address.to_bits() ^ self.0.to_bits()) & mask == 0
    }
}

/// A block of IPv6 addresses, by its first 64 bits: no block here is longer than /64.
struct V6(u64, u32);

impl V6 {
    fn contains(&self, address: Ipv6Addr) -> bool {
        let first = (address.to_bits() >> 64) as u64;
        let mask = u64::MAX.checked_shl(64 - self.1).unwrap_or(0);
        (first ^ self.0) & mask == 0
    }
}

/// Looked at first: these lie inside blocks that are otherwise private.
const FORBIDDEN_V4: &[V4] = &[
    v4(0, 0, 0, 0, 8), // "this network", RFC 791 §3.2; 0.0.0.0 reaches this host
    v4(100, 100, 100, 200, 32), // a cloud's metadata service inside 100.64.0.0/10
    v4(169, 254, 0, 0, 16), // link-local, RFC 3927; metadata services
    v4(192, 0, 0, 0, 24), // protocol assignments, RFC 6890 §2.1
    v4(192, 0, 2, 0, 24), // documentation, RFC 5737
    v4(192, 88, 99, 0, 24), // 6to4 relays, RFC 7526
    v4(198, 18, 0, 0, 15), // benchmarks, RFC 2544
    v4(198, 51, 100, 0, 24), // documentation, RFC 5737
    v4(203, 0, 113, 0, 24), // documentation, RFC 5737
    v4(224, 0, 0, 0, 4), // multicast, RFC 5771
    v4(240, 0, 0, 0, 4), // reserved and broadcast, RFC 1112 §4, RFC 919
];

const PRIVATE_V4: &[V4] = &[
    v4(10, 0, 0, 0, 8),     // RFC 1918
    v4(100, 64, 0, 0, 10),  // carrier-grade NAT, RFC 6598
    v4(127, 0, 0, 0, 8),    // loopback, RFC 1122 §3.2.1.3
    v4(172, 16, 0, 0, 12),  // RFC 1918
    v4(192, 168, 0, 0, 16), // RFC 1918
];

/// Unicast addresses that can be public at all (RFC 4291 §2.4, as allocated by IANA). What is
/// outside — unspecified, IPv4-mapped and -compatible, NAT64 (RFC 6052, RFC 8215), discard-only,
/// link-local, site-local, multicast — needs no list.
const GLOBAL_V6: V6 = V6(0x2000_0000_0000_0000, 3);

/// The exceptions inside it.
const FORBIDDEN_V6: &[V6] = &[
    V6(0x2001_0000_0000_0000, 23), // protocol assignments, RFC 2928: Teredo, ORCHID, benchmarks
    V6(0x2001_0db8_0000_0000, 32), // documentation, RFC 3849
    V6(0x2002_0000_0000_0000, 16), // 6to4, RFC 3056: an IPv4 address inside
    V6(0x3fff_0000_0000_0000, 20), // documentation, RFC 9637
];

const UNIQUE_LOCAL_V6: V6 = V6(0xfc00_0000_0000_0000, 7); // RFC 4193
const METADATA_V6: V6 = V6(0xfd00_0ec2_0000_0000, 32); // a cloud's metadata service

/// What `address` is.
#[must_use]
pub fn classify(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(address) => classify_v4(address),
        IpAddr::V6(address) => classify_v6(address),
    }
}

fn classify_v4(address: Ipv4Addr) -> AddressClass {
    if FORBIDDEN_V4.iter().any(|block| block.contains(address)) {
        AddressClass::Forbidden
    } else if PRIVATE_V4.iter().any(|block| block.contains(address)) {
        AddressClass::Private
    } else {
        AddressClass::Public
    }
}

fn classify_v6(address: Ipv6Addr) -> AddressClass {
    let local = UNIQUE_LOCAL_V6.contains(address) && !METADATA_V6.contains(address);
    if address.is_loopback() || local {
        AddressClass::Private
    } else if GLOBAL_V6.contains(address)
        && !FORBIDDEN_V6.iter().any(|block| block.contains(address))
    {
        AddressClass::Public
    } else {
        AddressClass::Forbidden
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_block_is_recognised_at_both_ends() {
        use AddressClass::{Forbidden, Private, Public};
        let table = [
            ("0.0.0.0", Forbidden),
            ("0.255.255.255", Forbidden),
            ("1.0.0.0", Public),
            ("9.255.255.255", Public),
            ("10.0.0.0", Private),
            ("10.255.255.255", Private),
            ("11.0.0.0", Public),
            ("100.63.255.255", Public),
            ("100.64.0.0", Private),
            ("100.100.100.200", Forbidden),
            ("100.127.255.255", Private),
            ("100.128.0.0", Public),
            ("127.0.0.0", Private),
            ("127.0.0.1", Private),
            ("127.255.255.255", Private),
            ("128.0.0.0", Public),
            ("169.253.255.255", Public),
            ("169.254.0.0", Forbidden),
            ("169.254.169.254", Forbidden),
            ("169.254.255.255", Forbidden),
            ("172.15.255.255", Public),
            ("172.16.0.0", Private),
            ("172.31.255.255", Private),
            ("172.32.0.0", Public),
            ("192.0.0.0", Forbidden),
            ("192.0.0.192", Forbidden),
            ("192.0.0.255", Forbidden),
            ("192.0.1.0", Public),
            ("192.0.2.1", Forbidden),
            ("192.88.99.1", Forbidden),
            ("192.167.255.255", Public),
            ("192.168.0.0", Private),
            ("192.168.255.255", Private),
            ("192.169.0.0", Public),
            ("198.17.255.255", Public),
            ("198.18.0.0", Forbidden),
            ("198.19.255.255", Forbidden),
            ("198.20.0.0", Public),
            ("198.51.100.7", Forbidden),
            ("203.0.113.7", Forbidden),
            ("223.255.255.255", Public),
            ("224.0.0.0", Forbidden),
            ("239.255.255.255", Forbidden),
            ("240.0.0.0", Forbidden),
            ("255.255.255.255", Forbidden),
            ("8.8.8.8", Public),
            ("::", Forbidden),
            ("::1", Private),
            ("::2", Forbidden),
            ("::127.0.0.1", Forbidden),
            ("::8.8.8.8", Forbidden),
            ("::ffff:127.0.0.1", Forbidden),
            ("::ffff:10.0.0.1", Forbidden),
            ("::ffff:8.8.8.8", Forbidden),
            ("::ffff:0:127.0.0.1", Forbidden),
            ("64:ff9b::127.0.0.1", Forbidden),
            ("64:ff9b::808:808", Forbidden),
            ("64:ff9b:1::1", Forbidden),
            ("100::1", Forbidden),
            ("1fff::1", Forbidden),
            ("2000::1", Public),
            ("2001::1", Forbidden),
            ("2001:0:4136:e378::1", Forbidden),
            ("2001:10::1", Forbidden),
            ("2001:1ff:ffff::1", Forbidden),
            ("2001:200::1", Public),
            ("2001:db7::1", Public),
            ("2001:db8::1", Forbidden),
            ("2001:db9::1", Public),
            ("2001:4860:4860::8888", Public),
            ("2002:7f00:1::1", Forbidden),
            ("2002:808:808::1", Forbidden),
            ("2606:4700::1111", Public),
            ("3fff:fff::1", Forbidden),
            ("3fff:1000::1", Public),
            ("4000::1", Forbidden),
            ("5f00::1", Forbidden),
            ("fc00::1", Private),
            ("fd12:3456::1", Private),
            ("fd00:ec2::254", Forbidden),
            ("fe80::1", Forbidden),
            ("fec0::1", Forbidden),
            ("ff02::1", Forbidden),
        ];
        for (text, expected) in table {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(classify(address), expected, "{text}");
        }
    }
}
