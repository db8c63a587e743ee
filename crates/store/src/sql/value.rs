//! Values that statements are given and rows have, and the types that stand for them.

use domain::{
    ApplicationType, AuditAction, AuthMethod, BackendKind, CatalogScope, ClientId,
    ClientSigningAlgorithm, ClientSource, ClientStatus, ConsentGrantId, Digest, FamilyId,
    GrantType, Jti, Policy, ResourceId, ScopeSet, SessionId, TokenTyp, UnixMillis, UserId,
    UserRole, UserStatus, Word,
};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A value for a statement. The kind is known even of one that is null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value<'v> {
    Int(Option<i64>),
    Text(Option<Cow<'v, str>>),
    Bytes(Option<Cow<'v, [u8]>>),
    /// A list of values of one kind: a text of JSON to SQLite, an array to PostgreSQL.
    List(Kind, Vec<Value<'v>>),
}

/// What values can be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Int,
    Text,
    Bytes,
}

/// A value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ValueRef<'r> {
    Null,
    Int(i64),
    Text(&'r str),
    Bytes(&'r [u8]),
}

/// A type that stands for one value.
pub(crate) trait Column: Sized {
    /// No value, of the same kind.
    const NULL: Value<'static>;
    /// Reads it; `None` when the value means nothing to the type.
    fn get(value: ValueRef<'_>) -> Option<Self>;
    /// The value for a statement.
    fn put(&self) -> Value<'_>;
}

impl<'v, T: Column> From<&'v T> for Value<'v> {
    fn from(value: &'v T) -> Self {
        value.put()
    }
}

impl<'v> From<&'v str> for Value<'v> {
    fn from(text: &'v str) -> Self {
        Self::Text(Some(Cow::Borrowed(text)))
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Self::Text(Some(Cow::Owned(text)))
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Int(Some(number))
    }
}

impl From<UnixMillis> for Value<'_> {
    fn from(at: UnixMillis) -> Self {
        Self::Int(Some(at.0))
    }
}

impl<'v> Value<'v> {
    /// Several values as one.
    pub fn list<T: Column + 'v>(values: impl IntoIterator<Item = &'v T>) -> Self {
        let values = values.into_iter().map(T::put).collect();
        Self::List(T::NULL.kind(), values)
    }

    /// Several texts as one value.
    pub fn texts(values: impl IntoIterator<Item = &'v str>) -> Self {
        let values = values.into_iter().map(Self::from).collect();
        Self::List(Kind::Text, values)
    }

    /// What it is of; of a list, what its values are of.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Int(_) => Kind::Int,
            Self::Text(_) => Kind::Text,
            Self::Bytes(_) => Kind::Bytes,
            Self::List(kind, _) => *kind,
        }
    }

    /// The word for a value of a closed list.
    pub fn word(word: impl Word) -> Self {
        Self::Text(Some(Cow::Borrowed(word.as_str())))
    }
}

/// A value as JSON text, the form of list columns.
pub(crate) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| String::from("null"))
}

const NO_TEXT: Value<'static> = Value::Text(None);
const NO_INT: Value<'static> = Value::Int(None);

impl<T: Column> Column for Option<T> {
    const NULL: Value<'static> = T::NULL;
    fn get(value: ValueRef<'_>) -> Option<Self> {
        match value {
            ValueRef::Null => Some(None),
            value => T::get(value).map(Some),
        }
    }
    fn put(&self) -> Value<'_> {
        self.as_ref().map_or(T::NULL, T::put)
    }
}

impl Column for i64 {
    const NULL: Value<'static> = NO_INT;
    fn get(value: ValueRef<'_>) -> Option<Self> {
        match value {
            ValueRef::Int(number) => Some(number),
            _ => None,
        }
    }
    fn put(&self) -> Value<'_> {
        Value::Int(Some(*self))
    }
}

/// Types that are numbers in the tables.
macro_rules! numbers {
    ($($type:ty: $read:expr, $write:expr;)+) => {$(
        impl Column for $type {
            const NULL: Value<'static> = NO_INT;
            fn get(value: ValueRef<'_>) -> Option<Self> { i64::get(value).map($read) }
            fn put(&self) -> Value<'_> {
                let write: fn(&$type) -> i64 = $write;
                Value::Int(Some(write(self)))
            }
        }
    )+};
}

numbers! {
    bool: |number| number != 0, |flag| i64::from(*flag);
    UnixMillis: UnixMillis, |at| at.0;
}

impl Column for String {
    const NULL: Value<'static> = NO_TEXT;
    fn get(value: ValueRef<'_>) -> Option<Self> {
        match value {
            ValueRef::Text(text) => Some(text.to_owned()),
            _ => None,
        }
    }
    fn put(&self) -> Value<'_> {
        Value::from(self.as_str())
    }
}

impl Column for Digest {
    const NULL: Value<'static> = Value::Bytes(None);
    fn get(value: ValueRef<'_>) -> Option<Self> {
        match value {
            ValueRef::Bytes(bytes) => Self::from_bytes(bytes),
            _ => None,
        }
    }
    fn put(&self) -> Value<'_> {
        Value::Bytes(Some(Cow::Borrowed(self.as_bytes())))
    }
}

impl Column for ScopeSet {
    const NULL: Value<'static> = NO_TEXT;
    fn get(value: ValueRef<'_>) -> Option<Self> {
        match value {
            ValueRef::Text(text) => Some(Self::from_stored(text)),
            _ => None,
        }
    }
    fn put(&self) -> Value<'_> {
        Value::from(self.to_string())
    }
}

macro_rules! ids {
    ($($id:ty),+) => {$(
        impl Column for $id {
            const NULL: Value<'static> = NO_TEXT;
            fn get(value: ValueRef<'_>) -> Option<Self> { String::get(value).map(Self::from) }
            fn put(&self) -> Value<'_> { Value::from(self.as_str()) }
        }
    )+};
}
ids!(
    ClientId,
    UserId,
    ResourceId,
    FamilyId,
    Jti,
    ConsentGrantId,
    SessionId
);

macro_rules! words {
    ($($word:ty),+) => {$(
        impl Column for $word {
            const NULL: Value<'static> = NO_TEXT;
            fn get(value: ValueRef<'_>) -> Option<Self> {
                match value {
                    ValueRef::Text(text) => Self::from_word(text),
                    _ => None,
                }
            }
            fn put(&self) -> Value<'_> { Value::word(*self) }
        }
    )+};
}
words!(
    ApplicationType,
    AuditAction,
    AuthMethod,
    BackendKind,
    ClientSigningAlgorithm,
    ClientSource,
    ClientStatus,
    TokenTyp,
    UserRole,
    UserStatus
);

/// Types that are JSON in the tables.
macro_rules! json {
    ($($type:ty),+) => {$(
        impl Column for $type {
            const NULL: Value<'static> = NO_TEXT;
            fn get(value: ValueRef<'_>) -> Option<Self> {
                match value {
                    ValueRef::Text(text) => serde_json::from_str(text).ok(),
                    _ => None,
                }
            }
            fn put(&self) -> Value<'_> { Value::from(to_json(self)) }
        }
    )+};
}
json!(
    Vec<String>,
    Vec<GrantType>,
    Vec<AuthMethod>,
    Vec<CatalogScope>,
    Policy,
    BTreeMap<String, Vec<String>>
);
