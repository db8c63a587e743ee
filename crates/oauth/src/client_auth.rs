//! How a client presents itself at the token, revocation and introspection endpoints.

use crate::client_assertion::{ClientAssertion, TYPE};
use crate::error::{ErrorCode, Reason, Rejection};
use crate::params::{Params, decode_into};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use domain::{AuthMethod, ClientId};
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

/// The longest `Authorization` header that is read, in bytes.
const MAX_HEADER: usize = 16 * 1024;

/// The client that a request claims to come from, and its proof. Nothing is verified yet.
#[derive(Debug, Clone)]
pub struct PresentedClient {
    /// Who it claims to be.
    pub client_id: ClientId,
    /// How it wants to prove that.
    pub credentials: Credentials,
}

/// How a client wants to prove who it is.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// It does not: a public client. So does one whose secret is empty, which is what some
    /// libraries send for a client that has none (RFC 6749 §2.3.1: a client secret may be left
    /// out when it is empty).
    Nothing,
    /// By a secret, sent in this way.
    Secret(AuthMethod, SecretString),
    /// By an assertion.
    Assertion(Box<ClientAssertion>),
}

impl Credentials {
    /// The method that this is (RFC 7591 §2).
    #[must_use]
    pub fn method(&self) -> AuthMethod {
        match self {
            Self::Nothing => AuthMethod::None,
            Self::Secret(method, _) => *method,
            Self::Assertion(_) => AuthMethod::PrivateKeyJwt,
        }
    }

    fn secret(method: AuthMethod, secret: SecretString) -> Self {
        match secret.expose_secret() {
            "" => Self::Nothing,
            _ => Self::Secret(method, secret),
        }
    }
}

impl PresentedClient {
    /// Reads the client from the values of all `Authorization` headers and the form body
    /// (RFC 6749 §2.3.1; §3.2.1 for public clients; RFC 7523 §2.2).
    ///
    /// # Errors
    /// - `invalid_request`: several headers, two methods at once (RFC 6749 §2.3), or a body
    ///   that names another client than the header, or half an assertion;
    /// - `invalid_client`: unreadable credentials, a method that is not offered, no client
    ///   at all, or another one than the assertion's (RFC 6749 §5.2, RFC 7521 §4.2.1).
    pub fn parse<'h>(
        authorization: impl IntoIterator<Item = &'h [u8]>,
        params: &Params,
    ) -> Result<Self, Rejection> {
        let mut headers = authorization.into_iter();
        let header = headers.next();
        if headers.next().is_some() {
            return Err(Rejection::new(
                ErrorCode::InvalidRequest,
                Reason::ClientAuthMultiple,
                "several Authorization headers are sent; send one",
            ));
        }
        let in_body = params.get("client_secret");
        let assertion = params.get("client_assertion").is_some()
            || params.get("client_assertion_type").is_some();
        if [header.is_some(), in_body.is_some(), assertion]
            .iter()
            .filter(|used| **used)
            .count()
            > 1
        {
            return Err(Rejection::new(
                ErrorCode::InvalidRequest,
                Reason::ClientAuthMultiple,
                "the client authenticates in more than one way; use either the Authorization \
                 header, client_secret in the body, or client_assertion",
            ));
        }
        if assertion {
            return Self::from_assertion(params);
        }
        if let Some(header) = header {
            return Self::from_basic(header, params.get("client_id"));
        }
        let client_id = params.get("client_id").ok_or_else(|| {
            Rejection::new(
                ErrorCode::InvalidClient,
                Reason::ClientMissing,
                "the request names no client; send client_id in the body or HTTP Basic \
                 credentials",
            )
        })?;
        Ok(Self {
            client_id: ClientId::from(client_id),
            credentials: in_body.map_or(Credentials::Nothing, |secret| {
                Credentials::secret(AuthMethod::ClientSecretPost, SecretString::from(secret))
            }),
        })
    }

    /// RFC 7523 §2.2; `client_id` may be left out, since the assertion says who it is from
    /// (RFC 7521 §4.2).
    fn from_assertion(params: &Params) -> Result<Self, Rejection> {
        let assertion = params.required("client_assertion")?;
        if params.required("client_assertion_type")? != TYPE {
            return Err(Rejection::new(
                ErrorCode::InvalidClient,
                Reason::ClientAuthUnsupported,
                "client_assertion_type is not supported; use \
                 urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            ));
        }
        let refuse = |description: String| {
            Rejection::new(
                ErrorCode::InvalidClient,
                Reason::ClientAssertion,
                description,
            )
        };
        let assertion =
            ClientAssertion::parse(assertion).map_err(|error| refuse(error.to_string()))?;
        if params
            .get("client_id")
            .is_some_and(|own| own != assertion.client_id().as_str())
        {
            return Err(refuse(String::from(
                "client_id differs from iss and sub of the client_assertion; send the same, or \
                 leave it out",
            )));
        }
        Ok(Self {
            client_id: assertion.client_id().clone(),
            credentials: Credentials::Assertion(Box::new(assertion)),
        })
    }

    /// `Basic base64(form-encode(client_id) ":" form-encode(secret))`.
    fn from_basic(header: &[u8], in_body: Option<&str>) -> Result<Self, Rejection> {
        let (client_id, secret) = read_basic(header)?;
        if in_body.is_some_and(|other| other != client_id) {
            return Err(Rejection::new(
                ErrorCode::InvalidRequest,
                Reason::ClientAuthMultiple,
                "client_id in the body differs from the one in the Authorization header; send \
                 the same or only one",
            ));
        }
        Ok(Self {
            client_id: ClientId::new(client_id),
            credentials: Credentials::secret(AuthMethod::ClientSecretBasic, secret),
        })
    }
}

fn read_basic(header: &[u8]) -> Result<(String, SecretString), Rejection> {
    let malformed = || {
        Rejection::new(
            ErrorCode::InvalidClient,
            Reason::ClientAuthMalformed,
            "the Authorization header holds no readable Basic credentials; send \
             base64(form-encoded client_id ':' form-encoded secret)",
        )
    };
    if header.len() > MAX_HEADER {
        return Err(malformed());
    }
    let split = header
        .iter()
        .position(|b| *b == b' ')
        .unwrap_or(header.len());
    let (scheme, rest) = header.split_at(split);
    if !scheme.eq_ignore_ascii_case(b"Basic") {
        return Err(Rejection::new(
            ErrorCode::InvalidClient,
            Reason::ClientAuthUnsupported,
            "the Authorization header uses a scheme that this endpoint does not accept; use Basic",
        ));
    }
    let decoded = Zeroizing::new(
        STANDARD
            .decode(rest.trim_ascii())
            .map_err(|_| malformed())?,
    );
    let colon = decoded
        .iter()
        .position(|b| *b == b':')
        .ok_or_else(malformed)?;
    let client_id = form_text(&decoded[..colon]).ok_or_else(malformed)?;
    let secret = form_text(&decoded[colon + 1..]).ok_or_else(malformed)?;
    if client_id.is_empty() {
        return Err(malformed());
    }
    Ok((client_id.to_string(), SecretString::from(secret.as_str())))
}

/// One form-decoded part as text without NUL.
fn form_text(part: &[u8]) -> Option<Zeroizing<String>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(part.len()));
    decode_into(part, &mut bytes).ok()?;
    let text = std::str::from_utf8(&bytes).ok()?;
    (!text.contains('\0')).then(|| Zeroizing::new(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signer::Signer;
    use domain::ClientSigningAlgorithm;
    use proptest::prelude::*;
    use serde_json::json;

    fn secret(client: &PresentedClient) -> &str {
        match &client.credentials {
            Credentials::Secret(_, secret) => secret.expose_secret(),
            other => panic!("no secret: {other:?}"),
        }
    }

    fn present(headers: &[&str], body: &str) -> Result<PresentedClient, Rejection> {
        let params = Params::parse(body.as_bytes()).unwrap();
        PresentedClient::parse(headers.iter().map(|h| h.as_bytes()), &params)
    }

    fn basic(id: &str, secret: &str) -> String {
        format!("Basic {}", STANDARD.encode(format!("{id}:{secret}")))
    }

    #[test]
    fn each_method_is_read() {
        let public = present(&[], "client_id=c").unwrap();
        assert_eq!(public.credentials.method(), AuthMethod::None);

        let post = present(&[], "client_id=c&client_secret=s").unwrap();
        assert_eq!(post.credentials.method(), AuthMethod::ClientSecretPost);
        assert_eq!(secret(&post), "s");

        let header = basic("a%3Ab+c", "p%25%3A:+q").replace("Basic", "bAsIc");
        let client = present(&[&header], "").unwrap();
        assert_eq!(client.credentials.method(), AuthMethod::ClientSecretBasic);
        assert_eq!(client.client_id.as_str(), "a:b c");
        assert_eq!(secret(&client), "p%:: q");
    }

    #[test]
    fn an_empty_secret_is_none() {
        let header = basic("c", "");
        for (headers, body) in [
            (vec![header.as_str()], ""),
            (vec![header.as_str()], "client_id=c&client_secret="),
            (vec![], "client_id=c&client_secret="),
        ] {
            let client = present(&headers, body).unwrap();
            assert_eq!(client.client_id.as_str(), "c");
            assert_eq!(client.credentials.method(), AuthMethod::None, "{body}");
        }
    }

    #[test]
    fn an_assertion_names_its_client() {
        let signer = Signer::new(ClientSigningAlgorithm::Es256);
        let claims = json!({"iss": "c", "sub": "c", "aud": "a", "exp": 1, "jti": "j"});
        let assertion = signer.sign(&json!({"alg": "ES256"}), &claims);
        let both = format!("client_assertion={assertion}&client_assertion_type={TYPE}");
        for body in [both.clone(), format!("client_id=c&{both}")] {
            let client = present(&[], &body).unwrap();
            assert_eq!(client.client_id.as_str(), "c");
            assert_eq!(client.credentials.method(), AuthMethod::PrivateKeyJwt);
            assert!(!format!("{client:?}").contains(&assertion[assertion.len() - 20..]));
        }
        let basic = basic("c", "s");
        for (headers, body, code) in [
            (
                vec![],
                format!("client_id=d&{both}"),
                ErrorCode::InvalidClient,
            ),
            (
                vec![],
                format!("client_secret=s&{both}"),
                ErrorCode::InvalidRequest,
            ),
            (
                vec![basic.as_str()],
                both.clone(),
                ErrorCode::InvalidRequest,
            ),
            (
                vec![],
                format!("client_assertion={assertion}"),
                ErrorCode::InvalidRequest,
            ),
            (
                vec![],
                format!("client_assertion_type={TYPE}"),
                ErrorCode::InvalidRequest,
            ),
            (
                vec![],
                format!(
                    "client_assertion={assertion}&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:saml2-bearer"
                ),
                ErrorCode::InvalidClient,
            ),
            (
                vec![],
                format!("client_assertion=x&client_assertion_type={TYPE}"),
                ErrorCode::InvalidClient,
            ),
        ] {
            assert_eq!(present(&headers, &body).unwrap_err().code, code, "{body}");
        }
    }

    #[test]
    fn two_methods_or_two_clients_at_once_are_invalid_requests() {
        let header = basic("c", "s");
        for (headers, body) in [
            (vec![header.as_str()], "client_id=c&client_secret=s"),
            (vec![header.as_str()], "client_id=other"),
            (vec![header.as_str(), header.as_str()], ""),
            (vec![header.as_str()], "client_assertion=x"),
            (vec![], "client_id=c&client_secret=s&client_assertion=x"),
        ] {
            let error = present(&headers, body).unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidRequest, "{body}");
        }
        assert!(present(&[&header], "client_id=c").is_ok());
    }

    #[test]
    fn unreadable_credentials_are_invalid_clients() {
        let no_colon = format!("Basic {}", STANDARD.encode("c"));
        let no_id = basic("", "s");
        let bad_percent = basic("c", "%zz");
        let nul = basic("c", "%00");
        let not_utf8 = basic("c", "%ff");
        for header in [
            "",
            "Basic",
            "Basic !!",
            "Bearer x",
            &no_colon,
            &no_id,
            &bad_percent,
            &nul,
            &not_utf8,
        ] {
            let error = present(&[header], "").unwrap_err();
            assert_eq!(error.code, ErrorCode::InvalidClient, "{header}");
        }
        assert_eq!(present(&[], "").unwrap_err().reason, Reason::ClientMissing);
    }

    #[test]
    fn debug_hides_the_secret() {
        let client = present(&[&basic("c", "hunter2")], "").unwrap();
        assert!(!format!("{client:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn any_header_is_read_or_refused(header in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = PresentedClient::parse([header.as_slice()], &Params::default());
        }

        #[test]
        fn form_encoded_credentials_come_back(id in "[^\0]{1,30}", secret in "[^\0]{1,30}") {
            let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
            let client = present(&[&basic(&encode(&id), &encode(&secret))], "").unwrap();
            prop_assert_eq!(client.client_id.as_str(), id);
            prop_assert_eq!(tests::secret(&client), secret);
        }
    }
}
