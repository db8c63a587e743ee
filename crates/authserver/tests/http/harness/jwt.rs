//! JWTs taken apart, changed and put together again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// A JWT in its three parts.
#[derive(Clone)]
pub struct Jwt {
    pub header: Value,
    pub claims: Value,
    pub signature: Vec<u8>,
}

impl Jwt {
    #[track_caller]
    pub fn read(token: &str) -> Self {
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).expect("base64url");
        let json = |part: &str| serde_json::from_slice(&decode(part)).expect("JSON");
        let parts: Vec<_> = token.split('.').collect();
        let [header, claims, signature] = parts[..] else {
            panic!("three parts: {token}")
        };
        Self {
            header: json(header),
            claims: json(claims),
            signature: decode(signature),
        }
    }

    /// What is signed.
    pub fn signing_input(&self) -> String {
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        format!("{}.{}", encode(&self.header), encode(&self.claims))
    }

    pub fn assemble(&self) -> String {
        let signature = URL_SAFE_NO_PAD.encode(&self.signature);
        format!("{}.{signature}", self.signing_input())
    }

    /// With a header member replaced.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header[name] = value.into();
        self
    }

    /// With a claim replaced.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims[name] = value.into();
        self
    }

    /// With a signature by `sign`.
    pub fn signed(mut self, sign: impl FnOnce(&[u8]) -> Vec<u8>) -> Self {
        self.signature = sign(self.signing_input().as_bytes());
        self
    }
}
