//! Addresses of OpenTelemetry collectors.

use std::fmt;

use super::{Value, kind};
use crate::schema::{Allowed, Kind};

/// Where a collector accepts OTLP over gRPC: `otel-collector:4317`, `[::1]:4317`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CollectorAddress(String);

impl fmt::Display for CollectorAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Value for CollectorAddress {
    const KIND: Kind = kind(Allowed::Words(
        "host:port without a scheme, such as otel-collector:4317",
    ));

    fn parse(text: &str) -> Result<Self, String> {
        let Some((host, port)) = text.rsplit_once(':') else {
            return Err("has no port".into());
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._[]:".contains(c);
        let bracketed = host.starts_with('[') && host.ends_with(']');
        if host.is_empty() || !host.chars().all(plain) || (host.contains(':') && !bracketed) {
            return Err("has no host before its port".into());
        }
        match port.parse::<u16>() {
            Ok(1..) => Ok(Self(text.to_owned())),
            _ => Err("has no port from 1 to 65535".into()),
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
    fn a_collector_is_a_host_and_a_port() {
        for good in ["otel-collector.monitoring:4317", "10.0.0.1:1", "[::1]:4317"] {
            assert_eq!(CollectorAddress::parse(good).unwrap().to_string(), good);
        }
        for bad in [
            "otel-collector",
            ":4317",
            "http://otel-collector:4317",
            "a:0",
            "a:65536",
            "::1:4317",
            "a b:1",
        ] {
            CollectorAddress::parse(bad).unwrap_err();
        }
    }
}
