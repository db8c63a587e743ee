//! JSON that cannot be read in two ways: objects whose member names are unique at every depth
//! (RFC 7515 §4, RFC 7519 §4, RFC 8259 §4).

use crate::error::quote;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// The most members of one object. Client metadata needs the most, about thirty; the limit keeps
/// the search for repeated names cheap.
const MAX_MEMBERS: usize = 64;

/// A value.
#[derive(Debug)]
pub(crate) enum Json<'a> {
    Text(Cow<'a, str>),
    Number(f64),
    Object(Object<'a>),
    Array(Vec<Json<'a>>),
    /// `true`, `false` or `null`.
    Other,
}

/// An object without repeated names.
#[derive(Debug)]
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Json<'a>)>);

impl<'a> Object<'a> {
    /// Reads an object and nothing after it.
    pub(crate) fn read(json: &'a [u8]) -> Option<Self> {
        match serde_json::from_slice(json) {
            Ok(Json::Object(object)) => Some(object),
            _ => None,
        }
    }

    /// Whether all member names in `json` are unique; which is not, if not.
    pub(crate) fn check(json: &'a [u8]) -> Result<(), serde_json::Error> {
        serde_json::from_slice::<Json<'a>>(json).map(|_| ())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Json<'a>> {
        self.0
            .iter()
            .find(|(own, _)| own == name)
            .map(|(_, value)| value)
    }

    /// The member `name`, if it is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        match self.get(name) {
            Some(Json::Text(text)) => Some(text),
            _ => None,
        }
    }
}

impl<'de> Deserialize<'de> for Json<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(JsonVisitor)
    }
}

struct JsonVisitor;

impl<'de> Visitor<'de> for JsonVisitor {
    type Value = Json<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without repeated members")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Json::Text(Cow::Owned(text.to_owned())))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "times are exact far beyond any clock"
    )]
    fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Json::Number(number as f64))
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "times are exact far beyond any clock"
    )]
    fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Json::Number(number as f64))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Json::Number(number))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(Json::Other)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Json::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Self::Value, A::Error> {
        let mut all = Vec::new();
        while let Some(element) = elements.next_element()? {
            all.push(element);
        }
        Ok(Json::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members: Vec<(Cow<'de, str>, Json<'de>)> = Vec::with_capacity(8);
        while let Some(key) = map.next_key::<Json<'de>>()? {
            let Json::Text(name) = key else {
                return Err(A::Error::custom("a name is not a text"));
            };
            if members.len() == MAX_MEMBERS {
                return Err(A::Error::custom("too many members"));
            }
            if members.iter().any(|(own, _)| *own == name) {
                let name = quote(&name);
                return Err(A::Error::custom(format!("the member {name} appears twice")));
            }
            members.push((name, map.next_value()?));
        }
        Ok(Json::Object(Object(members)))
    }
}
