//! Values of the standard library's types, and of networks.

use std::net::IpAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde_json::json;

use super::{Raw, Refusal, Value, kind};
use crate::schema::{Allowed, Kind};

impl Value for bool {
    const KIND: Kind = kind(Allowed::OneOf(&["true", "false"]));

    fn parse(text: &str) -> Result<Self, String> {
        match text.to_ascii_lowercase().as_str() {
            "true" => Ok(true),
            "false" => Ok(false),
            _ => Err("is neither true nor false".into()),
        }
    }

    fn render(&self) -> serde_json::Value {
        (*self).into()
    }
}

impl Value for u32 {
    const KIND: Kind = kind(Allowed::Words("a whole number from 0 to 4294967295"));

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| "is not a whole number in range".into())
    }

    fn render(&self) -> serde_json::Value {
        (*self).into()
    }
}

impl Value for usize {
    const KIND: Kind = kind(Allowed::Words("a whole number"));

    fn parse(text: &str) -> Result<Self, String> {
        text.parse()
            .map_err(|_| "is not a whole number in range".into())
    }

    fn render(&self) -> serde_json::Value {
        (*self).into()
    }
}

impl Value for f64 {
    const KIND: Kind = kind(Allowed::Words("a number"));

    fn parse(text: &str) -> Result<Self, String> {
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(number),
            _ => Err("is not a number".into()),
        }
    }

    fn render(&self) -> serde_json::Value {
        (*self).into()
    }
}

impl Value for String {
    const KIND: Kind = kind(Allowed::Words("text"));

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("is empty".into()),
            text => Ok(text.into()),
        }
    }

    fn render(&self) -> serde_json::Value {
        self.clone().into()
    }
}

impl Value for PathBuf {
    const KIND: Kind = kind(Allowed::Words("a path"));

    fn parse(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("is empty".into()),
            text if text.contains('\0') => Err("has a NUL in it".into()),
            text => Ok(text.into()),
        }
    }

    fn render(&self) -> serde_json::Value {
        self.to_string_lossy().into()
    }
}

impl Value for IpNet {
    const KIND: Kind = kind(Allowed::Words(
        "networks such as 10.0.0.0/8 or fd00::/8, or single addresses",
    ));

    fn parse(text: &str) -> Result<Self, String> {
        text.parse::<IpNet>()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| "is neither a network nor an address".into())
    }

    fn render(&self) -> serde_json::Value {
        self.to_string().into()
    }
}

impl<T: Value> Value for Option<T> {
    const KIND: Kind = Kind {
        optional: true,
        ..T::KIND
    };

    fn parse(text: &str) -> Result<Self, String> {
        T::parse(text).map(Some)
    }

    fn render(&self) -> serde_json::Value {
        self.as_ref().map_or(serde_json::Value::Null, T::render)
    }

    /// An empty text means none.
    fn read(raw: &Raw) -> Result<Self, Refusal> {
        match raw {
            Raw::Text(text) if text.is_empty() => Ok(None),
            raw => T::read(raw).map(Some),
        }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn mask(text: &str) -> String {
        T::mask(text)
    }
}

impl<T: Value> Value for Vec<T> {
    const KIND: Kind = Kind {
        optional: true,
        list: true,
        ..T::KIND
    };

    fn parse(text: &str) -> Result<Self, String> {
        T::parse(text).map(|item| vec![item])
    }

    fn render(&self) -> serde_json::Value {
        json!(self.iter().map(T::render).collect::<Vec<_>>())
    }

    fn read(raw: &Raw) -> Result<Self, Refusal> {
        match raw {
            Raw::Text(text) => Err(Refusal {
                value: text.clone(),
                why: "is one value, where a list belongs".into(),
            }),
            Raw::List(items) => items
                .iter()
                .map(|item| {
                    T::parse(item).map_err(|why| Refusal {
                        value: item.clone(),
                        why,
                    })
                })
                .collect(),
        }
    }

    fn absent() -> Option<Self> {
        Some(Vec::new())
    }

    fn mask(text: &str) -> String {
        T::mask(text)
    }
}
