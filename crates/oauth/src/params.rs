//! Parameters of queries and form bodies (`application/x-www-form-urlencoded`).

use crate::error::{ErrorCode, Reason, Rejection, quote};
use std::fmt;
use zeroize::{Zeroize as _, Zeroizing};

/// The longest parameter name, in bytes after decoding.
pub const MAX_NAME: usize = 128;
/// The longest parameter value, in bytes after decoding.
pub const MAX_VALUE: usize = crate::jwt::MAX_LENGTH;
/// The most parameters of one request.
pub const MAX_PARAMS: usize = 64;

/// Parameters that may be sent more than once: RFC 8707 §2, RFC 8693 §2.1.
const REPEATABLE: [&str; 2] = ["resource", "audience"];

/// Why a query or body is not a list of parameters, or lacks one. Always `invalid_request`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    /// `%` without two hexadecimal digits after it.
    #[error("a '%' is not followed by two hexadecimal digits; percent-encode it as %25")]
    PercentEncoding,
    /// The decoded bytes are not UTF-8.
    #[error("a parameter is not UTF-8 after percent-decoding; encode text as UTF-8")]
    NotUtf8,
    /// A NUL character.
    #[error("a parameter contains a NUL character; remove it")]
    Nul,
    /// The same name twice.
    #[error("parameter {} is sent more than once; send it once", quote(.0))]
    Repeated(String),
    /// Longer than [`MAX_NAME`].
    #[error("a parameter name is longer than {MAX_NAME} bytes; shorten it")]
    NameTooLong,
    /// Longer than [`MAX_VALUE`].
    #[error("parameter {} is longer than {MAX_VALUE} bytes; shorten it", quote(.0))]
    ValueTooLong(String),
    /// More than [`MAX_PARAMS`].
    #[error("more than {MAX_PARAMS} parameters are sent; send fewer")]
    TooMany,
    /// A required one is absent or empty.
    #[error("parameter '{0}' is missing; add it to the request")]
    Missing(&'static str),
}

impl From<ParamError> for Rejection {
    fn from(error: ParamError) -> Self {
        let reason = match error {
            ParamError::Missing(_) => Reason::MissingParam,
            _ => Reason::MalformedParams,
        };
        Self::new(ErrorCode::InvalidRequest, reason, error.to_string())
    }
}

/// Where a name and its value lie in the decoded text.
#[derive(Clone, Copy)]
struct Entry {
    start: usize,
    middle: usize,
    end: usize,
}

/// Decoded parameters: one buffer, erased when dropped since it may hold secrets.
#[derive(Clone, Default)]
pub struct Params {
    text: String,
    entries: Vec<Entry>,
}

impl Params {
    /// Reads a query or a form body (RFC 6749 §3.1, §3.2 and appendix B).
    ///
    /// A parameter without a value counts as not sent; a repeated one is an error, except
    /// `resource` (RFC 8707 §2) and `audience` (RFC 8693 §2.1). Parameters that nobody asks
    /// for are thereby ignored.
    ///
    /// # Errors
    /// When the encoding is broken or a limit is passed.
    pub fn parse(input: &[u8]) -> Result<Self, ParamError> {
        let mut params = Self::default();
        let mut bytes = Zeroizing::new(Vec::with_capacity(input.len()));
        params.read(input, &mut bytes)?;
        if bytes.contains(&0) {
            return Err(ParamError::Nul);
        }
        params.text = String::from_utf8(std::mem::take(&mut *bytes)).map_err(|error| {
            error.into_bytes().zeroize();
            ParamError::NotUtf8
        })?;
        // The whole may be UTF-8 while a part ends in the middle of a character.
        let whole = |entry: &Entry| {
            [entry.start, entry.middle, entry.end]
                .iter()
                .all(|at| params.text.is_char_boundary(*at))
        };
        if !params.entries.iter().all(whole) {
            return Err(ParamError::NotUtf8);
        }
        params.refuse_repeats()?;
        Ok(params)
    }

    fn read(&mut self, input: &[u8], bytes: &mut Vec<u8>) -> Result<(), ParamError> {
        for pair in input.split(|b| *b == b'&').filter(|pair| !pair.is_empty()) {
            let (name, value) = match pair.iter().position(|b| *b == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &[][..]),
            };
            let start = bytes.len();
            decode_into(name, bytes)?;
            let middle = bytes.len();
            if middle - start > MAX_NAME {
                return Err(ParamError::NameTooLong);
            }
            decode_into(value, bytes)?;
            let end = bytes.len();
            if end - middle > MAX_VALUE {
                let name = String::from_utf8_lossy(&bytes[start..middle]).into_owned();
                return Err(ParamError::ValueTooLong(name));
            }
            if self.entries.len() == MAX_PARAMS {
                return Err(ParamError::TooMany);
            }
            self.entries.push(Entry { start, middle, end });
        }
        Ok(())
    }

    /// Drops empty values and refuses repeated names.
    fn refuse_repeats(&mut self) -> Result<(), ParamError> {
        self.entries.retain(|entry| entry.end > entry.middle);
        for (index, entry) in self.entries.iter().enumerate() {
            let name = &self.text[entry.start..entry.middle];
            let earlier = &self.entries[..index];
            if earlier
                .iter()
                .any(|e| &self.text[e.start..e.middle] == name)
                && !REPEATABLE.contains(&name)
            {
                return Err(ParamError::Repeated(name.to_owned()));
            }
        }
        Ok(())
    }

    /// The value of `name`; the first one where it may repeat.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The value of `name`.
    ///
    /// # Errors
    /// [`ParamError::Missing`] when it was not sent or is empty.
    pub fn required(&self, name: &'static str) -> Result<&str, ParamError> {
        self.get(name).ok_or(ParamError::Missing(name))
    }

    /// All values of `name`, in order.
    pub fn all<'a, 'n>(&'a self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        self.iter()
            .filter(move |(own, _)| *own == name)
            .map(|(_, value)| value)
    }

    /// All names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|entry| {
            (
                &self.text[entry.start..entry.middle],
                &self.text[entry.middle..entry.end],
            )
        })
    }

    /// Whether nothing was sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Drop for Params {
    fn drop(&mut self) {
        self.text.zeroize();
    }
}

impl fmt::Debug for Params {
    /// Names only: values may be secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.iter().map(|(name, _)| name);
        f.debug_list().entries(names).finish()
    }
}

/// Decodes one form-encoded part: `+` is a blank, `%xx` a byte.
pub(crate) fn decode_into(part: &[u8], bytes: &mut Vec<u8>) -> Result<(), ParamError> {
    let mut rest = part;
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => match tail {
                [high, low, after @ ..] => {
                    let byte = hex(*high)
                        .zip(hex(*low))
                        .map(|(high, low)| high << 4 | low)
                        .ok_or(ParamError::PercentEncoding)?;
                    bytes.push(byte);
                    rest = after;
                }
                _ => return Err(ParamError::PercentEncoding),
            },
            plain => bytes.push(plain),
        }
    }
    Ok(())
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_are_decoded_and_empty_ones_count_as_absent() {
        let params = Params::parse(b"a=1+2%2B3&&b=&c&d=%C3%A4=x&%61b=y").unwrap();
        assert_eq!(params.get("a"), Some("1 2+3"));
        assert_eq!(params.get("b"), None);
        assert_eq!(params.get("c"), None);
        assert_eq!(params.get("d"), Some("\u{e4}=x"));
        assert_eq!(params.get("ab"), Some("y"));
        assert_eq!(params.required("b"), Err(ParamError::Missing("b")));
        assert!(Params::parse(b"").unwrap().is_empty());
    }

    #[test]
    fn only_resource_and_audience_may_repeat() {
        assert_eq!(
            Params::parse(b"x=1&y=2&x=1").unwrap_err(),
            ParamError::Repeated("x".into())
        );
        assert!(Params::parse(b"x=1&%78=2").is_err());
        assert!(Params::parse(b"x=&x=2").is_ok());
        let params = Params::parse(b"resource=a&audience=c&resource=b&audience=d").unwrap();
        assert_eq!(params.all("resource").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(params.all("audience").collect::<Vec<_>>(), ["c", "d"]);
    }

    #[test]
    fn broken_encodings_are_refused() {
        for bad in ["a=%", "a=%4", "a=%zz", "a=%+1", "%=1"] {
            assert_eq!(
                Params::parse(bad.as_bytes()).unwrap_err(),
                ParamError::PercentEncoding
            );
        }
        assert_eq!(Params::parse(b"a=%00").unwrap_err(), ParamError::Nul);
        assert_eq!(Params::parse(b"a=\0").unwrap_err(), ParamError::Nul);
        assert_eq!(Params::parse(b"a=%FF").unwrap_err(), ParamError::NotUtf8);
        assert_eq!(Params::parse(b"a=\xff").unwrap_err(), ParamError::NotUtf8);
        // A sequence that is only whole across the border of two parts.
        assert_eq!(
            Params::parse(b"a=%C3&%A4=1").unwrap_err(),
            ParamError::NotUtf8
        );
        assert_eq!(Params::parse(b"%C3=%A4").unwrap_err(), ParamError::NotUtf8);
    }

    #[test]
    fn limits_hold() {
        let long =
            |name: usize, value: usize| format!("{}={}", "n".repeat(name), "v".repeat(value));
        assert!(Params::parse(long(MAX_NAME, MAX_VALUE).as_bytes()).is_ok());
        assert_eq!(
            Params::parse(long(MAX_NAME + 1, 1).as_bytes()).unwrap_err(),
            ParamError::NameTooLong
        );
        assert!(matches!(
            Params::parse(long(1, MAX_VALUE + 1).as_bytes()).unwrap_err(),
            ParamError::ValueTooLong(_)
        ));
        let many = |count: usize| {
            (0..count)
                .map(|i| format!("p{i}=1"))
                .collect::<Vec<_>>()
                .join("&")
        };
        assert!(Params::parse(many(MAX_PARAMS).as_bytes()).is_ok());
        assert_eq!(
            Params::parse(many(MAX_PARAMS + 1).as_bytes()).unwrap_err(),
            ParamError::TooMany
        );
    }

    #[test]
    fn debug_shows_no_values() {
        let params = Params::parse(b"client_secret=hunter2").unwrap();
        assert_eq!(format!("{params:?}"), r#"["client_secret"]"#);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(input in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(params) = Params::parse(&input) {
                for (name, value) in params.iter() {
                    prop_assert!(!value.is_empty() && !name.contains('\0') && !value.contains('\0'));
                }
            }
        }

        #[test]
        fn encoded_pairs_come_back(pairs in proptest::collection::vec(("[^\0]{0,20}", "[^\0]{1,40}"), 0..8)) {
            let mut seen = std::collections::HashSet::new();
            let pairs: Vec<_> = pairs.into_iter().filter(|(name, _)| seen.insert(name.clone())).collect();
            let encoded = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
            let params = Params::parse(encoded.as_bytes()).unwrap();
            let back: Vec<_> = params.iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            prop_assert_eq!(back, pairs);
        }
    }
}
