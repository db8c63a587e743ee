//! Why a proof is refused: what the caller is told, and the one word that is counted.

use crate::error::ErrorCode;
use domain::Word;

/// Declares the closed list of rejection reasons.
macro_rules! rejections {
    ($($(#[$meta:meta])* $variant:ident = $word:literal,)+) => {
        /// Why a proof was refused, in one word: a metric label (spec: tokens, DPoP).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum DpopRejection { $($(#[$meta])* $variant),+ }

        impl Word for DpopRejection {
            const ALL: &'static [Self] = &[$(Self::$variant),+];
            fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }
        }
    };
}

rejections! {
    /// Not a compact JWS with the claims of a proof.
    Malformed = "malformed",
    /// `typ` is not `dpop+jwt`.
    Typ = "typ",
    /// `alg` is not one of the supported.
    Alg = "alg",
    /// `jwk` is absent, private, weak or of another type than `alg`.
    Jwk = "jwk",
    /// The signature is not by `jwk`.
    Signature = "signature",
    /// `htm` is another method.
    Htm = "htm",
    /// `htu` is another URL, or none.
    Htu = "htu",
    /// `iat` is too old or in the future.
    Iat = "iat",
    /// The proof has been used.
    Replay = "replay",
    /// The nonce is missing or stale.
    Nonce = "nonce",
    /// More than one proof.
    Multiple = "multiple",
    /// The proof is by another key, or for another token, than what it goes with.
    Binding = "binding",
}

impl DpopRejection {
    /// Every reason, in declaration order.
    pub const ALL: &'static [Self] = <Self as Word>::ALL;

    /// The fixed word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Word::as_str(self)
    }
}

impl std::fmt::Display for DpopRejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a proof is refused (RFC 9449 §4.3, §5, §8). The text is fit for `error_description`.
///
/// [`Replay`](Self::Replay), [`Nonce`](Self::Nonce) and [`Binding`](Self::Binding) are also for
/// callers of this module: they know the replay store and what a token is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DpopError {
    /// Not a compact JWS with the claims of a proof (§4.3 items 2 and 3).
    #[error("the DPoP proof is malformed: {0}")]
    Malformed(&'static str),
    /// §4.3 item 4
    #[error("the DPoP proof's typ is not dpop+jwt; set it in the JWS header")]
    Typ,
    /// §4.3 item 5
    #[error("the DPoP proof's alg is not supported; see dpop_signing_alg_values_supported")]
    Alg,
    /// §4.3 items 5 and 7
    #[error("the DPoP proof's jwk is refused: {0}")]
    Jwk(&'static str),
    /// §4.3 item 6
    #[error("the DPoP proof's signature is not by the key in its jwk; sign it with that key")]
    Signature,
    /// §4.3 item 8
    #[error("the DPoP proof's htm is not the method of this request; make a proof for it")]
    Htm,
    /// §4.3 item 9
    #[error("the DPoP proof's htu is refused: {0}")]
    Htu(&'static str),
    /// §4.3 item 11
    #[error("the DPoP proof's iat is refused: {0}")]
    Iat(&'static str),
    /// §11.1
    #[error("the DPoP proof was used before; make a new one, with its own jti, per request")]
    Replay,
    /// §4.3 item 10, §8
    #[error(
        "the DPoP proof lacks a fresh nonce; repeat the request with a proof that has the nonce \
         of the DPoP-Nonce header"
    )]
    Nonce,
    /// §4.3 item 1
    #[error("more than one DPoP proof is sent; send one DPoP header with one proof")]
    Multiple,
    /// §4.3 item 12, §5
    #[error(
        "the code or token is bound to a key, and no DPoP proof by that key comes with it; use the \
         key with which it was asked for"
    )]
    Binding,
}

impl DpopError {
    /// The reason in one word.
    #[must_use]
    pub fn rejection(&self) -> DpopRejection {
        match self {
            Self::Malformed(_) => DpopRejection::Malformed,
            Self::Typ => DpopRejection::Typ,
            Self::Alg => DpopRejection::Alg,
            Self::Jwk(_) => DpopRejection::Jwk,
            Self::Signature => DpopRejection::Signature,
            Self::Htm => DpopRejection::Htm,
            Self::Htu(_) => DpopRejection::Htu,
            Self::Iat(_) => DpopRejection::Iat,
            Self::Replay => DpopRejection::Replay,
            Self::Nonce => DpopRejection::Nonce,
            Self::Multiple => DpopRejection::Multiple,
            Self::Binding => DpopRejection::Binding,
        }
    }

    /// The reason as the fixed word of a label.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.rejection().as_str()
    }

    /// What the caller is told: `use_dpop_nonce` when a fresh nonce would do (RFC 9449 §8),
    /// else `invalid_dpop_proof` (§5).
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Nonce => ErrorCode::UseDpopNonce,
            _ => ErrorCode::InvalidDpopProof,
        }
    }
}
