//! Proof key for code exchange (RFC 7636), with `S256` as the only method.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::Digest;
use std::fmt;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Why a text is not a challenge or a verifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PkceError {
    /// Not the base64url form of a SHA-256 digest.
    #[error(
        "code_challenge is not the base64url form of a SHA-256 digest; send 43 characters \
         without padding"
    )]
    Challenge,
    /// Not 43 to 128 unreserved characters.
    #[error("code_verifier is malformed; send 43 to 128 of A-Z a-z 0-9 - . _ ~")]
    Verifier,
}

/// `code_challenge = BASE64URL(SHA256(code_verifier))` (RFC 7636 §4.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeChallenge([u8; 32]);

impl CodeChallenge {
    /// Reads the 43 characters of an `S256` challenge.
    ///
    /// # Errors
    /// When they are not the base64url form of 32 bytes.
    pub fn parse(text: &str) -> Result<Self, PkceError> {
        if text.len() != 43 {
            return Err(PkceError::Challenge);
        }
        let bytes = URL_SAFE_NO_PAD
            .decode(text)
            .map_err(|_| PkceError::Challenge)?;
        let digest = bytes.try_into().map_err(|_| PkceError::Challenge)?;
        Ok(Self(digest))
    }

    /// Whether `verifier` is what the challenge was made from (RFC 7636 §4.6), in a time that
    /// does not depend on where they differ.
    #[must_use]
    pub fn verifies(&self, verifier: &CodeVerifier) -> bool {
        let digest = Digest::of(verifier.0.as_bytes());
        digest.as_bytes().ct_eq(&self.0).into()
    }
}

impl fmt::Display for CodeChallenge {
    /// The 43 characters.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// `code_verifier`: 43 to 128 unreserved characters (RFC 7636 §4.1). A secret.
#[derive(Clone)]
pub struct CodeVerifier(Zeroizing<String>);

impl CodeVerifier {
    /// Reads a verifier.
    ///
    /// # Errors
    /// When the length or a character is not allowed.
    pub fn parse(text: &str) -> Result<Self, PkceError> {
        let unreserved =
            |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~');
        if (43..=128).contains(&text.len()) && text.bytes().all(unreserved) {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(PkceError::Verifier)
        }
    }

    /// The `S256` challenge of this verifier (RFC 7636 §4.2).
    #[must_use]
    pub fn challenge(&self) -> CodeChallenge {
        CodeChallenge(*Digest::of(self.0.as_bytes()).as_bytes())
    }
}

impl fmt::Debug for CodeVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CodeVerifier(****)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_rfc_7636_appendix_b_verifies() {
        let verifier = CodeVerifier::parse("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk").unwrap();
        let challenge =
            CodeChallenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap();
        assert!(challenge.verifies(&verifier));
        assert_eq!(challenge, verifier.challenge());
        let other = CodeVerifier::parse(&"a".repeat(43)).unwrap();
        assert!(!challenge.verifies(&other));
        assert!(!format!("{verifier:?}").contains("dBj"));
    }

    #[test]
    fn challenges_of_another_form_are_refused() {
        let good = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
        for bad in [
            String::new(),
            good[..42].to_owned(),
            format!("{good}="),
            format!("{good}A"),
            good.replace('-', "+"),
            // the last character carries bits that no digest has
            format!("{}N", &good[..42]),
            "\u{e4}".repeat(22)[..43.min(44)]
                .chars()
                .take(21)
                .collect::<String>()
                + "x",
        ] {
            assert!(CodeChallenge::parse(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn verifiers_have_43_to_128_unreserved_characters() {
        for (length, fits) in [(42, false), (43, true), (128, true), (129, false)] {
            assert_eq!(CodeVerifier::parse(&"~".repeat(length)).is_ok(), fits);
        }
        for bad in ["+", "/", "=", " ", "%", "\n"] {
            assert!(CodeVerifier::parse(&format!("{}{bad}", "a".repeat(43))).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,140}") {
            let _ = CodeVerifier::parse(&text);
            if let Ok(challenge) = CodeChallenge::parse(&text) {
                prop_assert_eq!(challenge.to_string(), text);
            }
        }

        #[test]
        fn every_verifier_proves_its_own_challenge(text in "[A-Za-z0-9._~-]{43,128}") {
            let verifier = CodeVerifier::parse(&text).unwrap();
            let challenge = CodeChallenge::parse(&verifier.challenge().to_string()).unwrap();
            prop_assert!(challenge.verifies(&verifier));
        }
    }
}
