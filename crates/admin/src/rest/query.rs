//! Reads a query, and says of what does not fit which parameter it is and what it takes.

use serde::de::value::{CowStrDeserializer, MapAccessDeserializer};
use serde::de::{
    Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, Error, IntoDeserializer,
    MapAccess, Visitor,
};
use serde::forward_to_deserialize_any;
use std::borrow::Cow;
use std::fmt::{self, Display};

/// What a query says, as the parameters of a handler.
pub(super) fn read<T: DeserializeOwned>(query: &str) -> Result<T, Misfit> {
    T::deserialize(MapAccessDeserializer::new(Parameters {
        rest: form_urlencoded::parse(query.as_bytes()),
        value: None,
    }))
}

/// How long a part of a list is asked to be. What is no number is in no range.
pub(crate) fn limit<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let text = String::deserialize(from)?;
    Ok(Some(text.parse().unwrap_or(0)))
}

/// Where a part of a list is asked to begin. What is no number is in no range.
pub(crate) fn offset<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    let text = String::deserialize(from)?;
    Ok(Some(text.parse().unwrap_or(u32::MAX)))
}

/// Why a query does not fit.
#[derive(Debug)]
pub(super) struct Misfit(String);

impl Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Misfit {}

impl Error for Misfit {
    fn custom<T: Display>(words: T) -> Self {
        Self(words.to_string())
    }

    fn unknown_variant(_: &str, known: &'static [&'static str]) -> Self {
        Self(format!("give {}", known.join(" or ")))
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        let known = known.join(", ");
        Self(format!("{name}: there is no such parameter, but {known}"))
    }

    fn missing_field(name: &'static str) -> Self {
        Self(format!("{name}: missing"))
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self(format!("{name}: given more than once"))
    }
}

/// The parameters of a query.
struct Parameters<'a> {
    rest: form_urlencoded::Parse<'a>,
    /// Name and value of the one whose name was read last.
    value: Option<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'de> MapAccess<'de> for Parameters<'_> {
    type Error = Misfit;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Misfit> {
        let Some((name, value)) = self.rest.next() else {
            return Ok(None);
        };
        let key: CowStrDeserializer<'_, Misfit> = name.clone().into_deserializer();
        self.value = Some((name, value));
        seed.deserialize(key).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Misfit> {
        let (name, value) = self.value.take().unwrap_or_default();
        seed.deserialize(Parameter(&value))
            .map_err(|Misfit(words)| Misfit(format!("{name}: {words}")))
    }
}

/// The value of a parameter.
struct Parameter<'a>(&'a str);

impl<'de> Deserializer<'de> for Parameter<'_> {
    type Error = Misfit;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_str(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Misfit> {
        visitor.visit_enum(self.0.into_deserializer())
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let value = self.0.parse();
        visitor.visit_bool(value.map_err(|_| Misfit("give true or false".into()))?)
    }

    fn deserialize_u32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Misfit> {
        let value = self.0.parse();
        visitor.visit_u32(value.map_err(|_| Misfit(format!("give 0 to {}", u32::MAX)))?)
    }

    forward_to_deserialize_any! {
        i8 i16 i32 i64 u8 u16 u64 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::{limit, offset, read};
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "lowercase")]
    enum Status {
        Active,
        Suspended,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default, deny_unknown_fields)]
    struct Filter {
        status: Option<Status>,
        q: Option<String>,
        #[serde(deserialize_with = "limit")]
        limit: Option<u32>,
        #[serde(deserialize_with = "offset")]
        offset: Option<u32>,
        count: Option<u32>,
        force: bool,
    }

    #[test]
    fn a_query_reads_as_it_was_meant() {
        let filter: Filter = read("status=active&q=a%20b+c&limit=7&count=3&force=true").unwrap();
        let meant = Filter {
            status: Some(Status::Active),
            q: Some("a b c".into()),
            limit: Some(7),
            offset: None,
            count: Some(3),
            force: true,
        };
        assert_eq!(filter, meant);
        assert_eq!(read::<Filter>("").unwrap(), Filter::default());
        for wrong in ["-1", "abc", "", "4294967296", "1.5"] {
            let filter: Filter = read(&format!("limit={wrong}&offset={wrong}")).unwrap();
            assert_eq!((filter.limit, filter.offset), (Some(0), Some(u32::MAX)));
        }
    }

    #[test]
    fn what_does_not_fit_is_told_by_name() {
        for (query, words) in [
            ("status=lost", "status: give active or suspended"),
            ("count=-1", "count: give 0 to 4294967295"),
            ("force=", "force: give true or false"),
            ("q=a&q=b", "q: given more than once"),
            (
                "colour=red",
                "colour: there is no such parameter, but status, q, limit, offset, count, force",
            ),
        ] {
            assert_eq!(read::<Filter>(query).unwrap_err().to_string(), words);
        }
    }
}
