//! The form that all JWTs of clients have (RFC 7515 §7.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::UnixMillis;

/// A JWS in compact form, taken apart. Nothing is verified yet.
pub(crate) struct Compact<'a> {
    /// The header, as JSON.
    pub(crate) header: Vec<u8>,
    /// The payload.
    pub(crate) claims: Vec<u8>,
    /// What the signature covers.
    pub(crate) input: &'a [u8],
    /// The signature.
    pub(crate) signature: Vec<u8>,
}

impl<'a> Compact<'a> {
    /// Three parts in base64url, joined by dots.
    pub(crate) fn read(text: &'a [u8]) -> Option<Self> {
        let decode = |part: &[u8]| URL_SAFE_NO_PAD.decode(part).ok();
        let mut parts = text.split(|byte| *byte == b'.');
        let (header, claims, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        Some(Self {
            header: decode(header)?,
            claims: decode(claims)?,
            input: &text[..header.len() + 1 + claims.len()],
            signature: decode(signature)?,
        })
    }
}

/// Seconds since 1970, perhaps with a fraction (RFC 7519 §2 `NumericDate`).
#[expect(
    clippy::cast_possible_truncation,
    reason = "a time out of range becomes the end of time, which no check accepts"
)]
pub(crate) fn numeric_date(seconds: f64) -> UnixMillis {
    UnixMillis((seconds * 1000.0) as i64)
}
