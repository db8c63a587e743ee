//! Reading JSON objects as objects: derived readers would take an array of the members' values in
//! their order as well.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use std::fmt;
use std::marker::PhantomData;

/// What is read from an object, and from nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer).map(Self)
    }
}

/// Reads one object.
///
/// # Errors
/// When it is something else, or not one of these.
pub fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<T, D::Error> {
    struct Members<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a JSON object")
        }

        fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(members))
        }
    }

    deserializer.deserialize_map(Members(PhantomData))
}

/// Reads an array of objects.
///
/// # Errors
/// When it is something else, or one of its elements is.
pub fn objects<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let all = Vec::<Object<T>>::deserialize(deserializer)?;
    Ok(all.into_iter().map(|Object(one)| one).collect())
}

#[cfg(test)]
mod tests {
    use crate::{CatalogScope, Object, Policy};

    fn read<'de, T: serde::Deserialize<'de>>(json: &'de str) -> Result<T, String> {
        let read = serde_json::from_str(json).map(|Object(own)| own);
        read.map_err(|error| error.to_string())
    }

    #[test]
    fn an_object_is_read_and_no_array_of_its_values() {
        let scope: CatalogScope = read(r#"{"name":"a"}"#).unwrap();
        assert_eq!(scope.name, "a");
        let policy: Policy = read(r#"{"runtime":{"client_ids":["a"]}}"#).unwrap();
        assert_eq!(policy.runtime.client_ids, ["a"]);
        let refused = read::<CatalogScope>(r#"["a","b","c"]"#).unwrap_err();
        assert!(refused.contains("expected a JSON object"), "{refused}");
        for policy in [
            "[]",
            r#"{"exchange":[["a"]]}"#,
            r#"{"runtime":[["a"]]}"#,
            r#"{"connect":[]}"#,
        ] {
            let refused = read::<Policy>(policy).unwrap_err();
            assert!(refused.contains("expected a JSON object"), "{refused}");
        }
    }
}
