//! The wire formats of OAuth: bytes in, typed values out, and back.
//!
//! Every rule that an RFC makes about the *form* of a message lives here; what a well-formed
//! message is worth is decided in `engine`. A value of one of these types is valid from its
//! construction on, so that nothing behind this crate checks a character again. Nothing here
//! does IO, waits, or looks at a clock: where time matters, it is an argument.
//!
//! | direction | modules |
//! |---|---|
//! | requests | [`media_type`], [`params`], [`client_auth`], [`authorize`], [`token`], [`presented_token`], [`registration`] |
//! | responses | [`error`], [`token`], [`introspection`], [`metadata`], [`registration`] |
//! | tokens | [`jwt`] |
//! | proofs | [`dpop`], [`client_assertion`], [`jwks`] |
//! | values | [`pkce`], [`redirect_uri`], [`approved_redirect`], [`local_path`], [`endpoint`] |

pub mod approved_redirect;
pub mod authorize;
pub mod client_assertion;
pub mod client_auth;
pub mod dpop;
pub mod endpoint;
pub mod error;
pub mod introspection;
mod json;
mod jwk;
pub mod jwks;
mod jws;
pub mod jwt;
pub mod local_path;
pub mod media_type;
pub mod metadata;
pub mod params;
pub mod pkce;
pub mod presented_token;
pub mod redirect_uri;
pub mod registration;
#[cfg(test)]
mod signer;
pub mod token;

pub use endpoint::Endpoint;
pub use error::{ErrorBody, ErrorCode, Reason, Rejection};
pub use params::{ParamError, Params};
