//! The words of the product as types: entities, ids, scopes, and the rules that need no
//! database, no network and no clock of their own.
//!
//! Everything else in the workspace builds on this crate; it builds on nothing of ours.
//! Nothing here is async and nothing does IO, except the two implementations of the
//! [`Clock`] and [`Rng`] traits that read the machine's time and randomness.

mod audit;
mod client;
mod client_network;
mod clock;
mod consent;
mod fronting;
mod grant;
mod id;
mod issuance;
mod object;
mod redirect_scheme;
mod resource;
pub mod resource_rules;
mod resource_uri;
mod rng;
mod scope;
mod secret;
mod session;
mod signing;
mod token;
mod user;
mod weight;

pub use audit::{AuditAction, AuditEvent, AuditRecord};
pub use client::{ApplicationType, AuthMethod, Client, ClientKeys, ClientSource, ClientStatus};
pub use client_network::ClientNetwork;
pub use clock::{Clock, ManualClock, SystemClock, UnixMillis};
pub use consent::ConsentGrant;
pub use fronting::FrontingLink;
pub use grant::GrantType;
pub use id::{
    ClientId, ConsentGrantId, FamilyId, Jti, ResourceId, SessionId, UserId, first_uuid_at,
    is_valid_client_id, looks_like_markup, looks_like_path, new_uuid, unix_millis_of,
};
pub use issuance::Issuance;
pub use object::{Object, object, objects};
pub use redirect_scheme::is_refused_scheme;
pub use resource::{
    BackendKind, CatalogScope, ConnectPolicy, ExchangePolicy, Policy, Resource, RuntimePolicy,
    TokenTyp, is_valid_slug,
};
pub use resource_uri::{ResourceUri, ResourceUriError};
pub use rng::{Rng, SystemRng};
pub use scope::{OFFLINE_ACCESS, Scope, ScopeError, ScopeSet};
pub use secret::{Digest, OpaqueToken};
pub use session::Session;
pub use signing::{ClientSigningAlgorithm, SigningAlgorithm};
pub use token::{AuthorizationCode, RefreshToken, RefreshTokenState, TokenFamily};
pub use user::{User, UserRole, UserStatus, normalize_email};
pub use weight::Weigh;

/// A value that is written as one fixed word in the database, in JSON and on the command line.
///
/// Implemented by `words!` for enums whose variants are a closed list.
pub trait Word: Sized + Copy + 'static {
    /// Every value, in declaration order.
    const ALL: &'static [Self];
    /// The fixed word.
    fn as_str(self) -> &'static str;
    /// The value a word stands for.
    fn from_word(word: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|value| value.as_str() == word)
    }
}

/// Declares an enum of fixed words together with its [`Word`] implementation, serde and
/// the schema that API descriptions give.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$vmeta:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
        pub enum $name { $($(#[$vmeta])* #[serde(rename = $word)] $variant),+ }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let word = <std::borrow::Cow<'de, str> as serde::Deserialize>::deserialize(deserializer)?;
                word.parse().map_err(serde::de::Error::custom)
            }
        }

        impl $crate::Word for $name {
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::Type::String)
                    .enum_values(Some([$($word),+]))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}

        impl $crate::Weigh for $name {
            fn heap_bytes(&self) -> usize { 0 }
        }

        impl $name {
            /// The fixed word for this value.
            #[must_use]
            pub fn as_str(self) -> &'static str { $crate::Word::as_str(self) }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = String;
            fn from_str(word: &str) -> Result<Self, String> {
                <Self as $crate::Word>::from_word(word).ok_or_else(|| {
                    let known: Vec<_> = <Self as $crate::Word>::ALL.iter().map(|v| v.as_str()).collect();
                    format!("{word:?} is not one of {}", known.join(", "))
                })
            }
        }
    };
}
pub(crate) use words;
