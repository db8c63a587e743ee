//! Client metadata: registration requests and responses (RFC 7591), and the metadata
//! documents of clients whose id is a URL.
//!
//! Both have the same members and the same rules. Grant types, response types and authentication
//! methods that this server does not offer are left out as long as something remains; the answer
//! to a registration says what was kept (RFC 7591 §2, §3.2.1).

mod authentication;
mod jwks;

pub use jwks::{check_jwks, check_jwks_uri, check_signing_alg};

use crate::error::{ErrorCode, Reason, Rejection, quote};
use crate::json::Object;
use crate::redirect_uri::{RedirectUri, infer_application_type};
use authentication::Authentication;
use domain::{
    ApplicationType, AuthMethod, ClientKeys, ClientSigningAlgorithm, GrantType, Word as _,
};
use serde::Serialize;
use serde_json::{Map, Value};
use url::Url;

/// The largest registration request, in bytes: it is kept for as long as the client.
pub const MAX_REQUEST: usize = 16 * 1024;
/// The largest metadata document, in bytes.
pub const MAX_DOCUMENT: usize = 64 * 1024;
/// The most redirect URIs.
pub const MAX_REDIRECT_URIS: usize = 32;
/// The longest `client_name`, in characters.
pub const MAX_NAME: usize = 256;
/// The longest `agent_description`, in characters.
pub const MAX_AGENT_DESCRIPTION: usize = 500;
/// The longest `client_uri`, `logo_uri` or `jwks_uri`, in bytes.
const MAX_LINK: usize = 2048;

/// Client metadata that may be registered, with its defaults filled in (RFC 7591 §2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientRegistration {
    /// What it calls itself; shown escaped and never trusted.
    pub client_name: Option<String>,
    /// Where authorization responses may go; at least one.
    pub redirect_uris: Vec<String>,
    /// Default `authorization_code` and `refresh_token`.
    pub grant_types: Vec<GrantType>,
    /// Always `["code"]`.
    pub response_types: Vec<String>,
    /// Default `none`.
    pub token_endpoint_auth_method: AuthMethod,
    /// How it may authenticate instead (OpenID Connect RP Metadata Choices 1.0 §2).
    pub further_auth_methods: Vec<AuthMethod>,
    /// The one algorithm that its assertions may be signed with.
    pub token_endpoint_auth_signing_alg: Option<ClientSigningAlgorithm>,
    /// Its keys, when it may authenticate by them.
    pub keys: Option<ClientKeys>,
    /// Declared or inferred; see [`crate::redirect_uri`].
    pub application_type: ApplicationType,
    /// Its home page.
    pub client_uri: Option<String>,
    /// Its logo.
    pub logo_uri: Option<String>,
    /// Whether it is an agent.
    pub agent: bool,
    /// What the agent does.
    pub agent_description: Option<String>,
}

/// Where metadata comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Origin {
    Registration,
    Document,
}

impl ClientRegistration {
    /// Reads the body of a registration request (RFC 7591 §3.1). Unknown members are ignored,
    /// and so is `scope`; a `null` member counts as absent.
    ///
    /// # Errors
    /// `invalid_redirect_uri` or `invalid_client_metadata` (RFC 7591 §3.2.2).
    pub fn parse(body: &[u8]) -> Result<Self, Rejection> {
        Self::from_members(&members(body, MAX_REQUEST)?, Origin::Registration)
    }

    /// Reads the metadata document found at `client_id` (Client ID Metadata Documents draft
    /// §4): its `client_id` must be that URL, it has to have a name, and it may hold and use no
    /// secret.
    ///
    /// # Errors
    /// As [`ClientRegistration::parse`].
    pub fn parse_document(body: &[u8], client_id: &str) -> Result<Self, Rejection> {
        let members = members(body, MAX_DOCUMENT)?;
        if text(&members, "client_id")? != Some(client_id) {
            return Err(refuse(
                "client_id in the document differs from the document's URL; make them equal",
            ));
        }
        if ["client_secret", "client_secret_expires_at"]
            .iter()
            .any(|name| members.contains_key(*name))
        {
            return Err(refuse(
                "the document holds a client secret, which is public there; remove it",
            ));
        }
        let registration = Self::from_members(&members, Origin::Document)?;
        if registration.client_name.is_none() {
            return Err(refuse(
                "client_name is missing or empty; give the name that users know the client by",
            ));
        }
        Ok(registration)
    }

    /// Whether the client may authenticate with a secret, and so needs one.
    #[must_use]
    pub fn uses_secret(&self) -> bool {
        let further = self.further_auth_methods.iter();
        further
            .chain([&self.token_endpoint_auth_method])
            .any(|method| method.uses_secret())
    }

    fn from_members(members: &Map<String, Value>, origin: Origin) -> Result<Self, Rejection> {
        let uris = texts(members, "redirect_uris", MAX_REDIRECT_URIS)?.unwrap_or_default();
        if uris.is_empty() {
            return Err(Rejection::new(
                ErrorCode::InvalidRedirectUri,
                Reason::RedirectUri,
                "redirect_uris is empty; register at least one redirect URI",
            ));
        }
        let declared = word::<ApplicationType>(members, "application_type")?;
        let application_type = infer_application_type(declared, &uris);
        let redirect_uris = redirect_uris(&uris, application_type)?;
        let grant_types = grant_types(members)?;
        let response_types = response_types(members)?;
        let authentication = Authentication::read(members, origin)?;
        Ok(Self {
            client_name: name(members)?,
            redirect_uris,
            grant_types,
            response_types,
            token_endpoint_auth_method: authentication.method,
            further_auth_methods: authentication.further,
            token_endpoint_auth_signing_alg: authentication.signing_alg,
            keys: authentication.keys,
            application_type,
            client_uri: link(members, "client_uri")?,
            logo_uri: link(members, "logo_uri")?,
            agent: flag(members, "agent")?,
            agent_description: prose(members, "agent_description", MAX_AGENT_DESCRIPTION)?,
        })
    }
}

fn refuse(description: impl Into<std::borrow::Cow<'static, str>>) -> Rejection {
    Rejection::new(
        ErrorCode::InvalidClientMetadata,
        Reason::ClientMetadata,
        description,
    )
}

fn members(body: &[u8], most: usize) -> Result<Map<String, Value>, Rejection> {
    if body.len() > most {
        return Err(refuse(format!(
            "the client metadata is larger than {} KiB; shorten it",
            most / 1024
        )));
    }
    let not_json = |error: serde_json::Error| {
        refuse(format!(
            "the client metadata cannot be read: {error}; send one JSON object"
        ))
    };
    Object::check(body).map_err(not_json)?;
    match serde_json::from_slice(body).map_err(not_json)? {
        Value::Object(mut members) => {
            members.retain(|_, value| !value.is_null());
            Ok(members)
        }
        _ => Err(refuse("the client metadata is not a JSON object; send one")),
    }
}

fn text<'a>(members: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Rejection> {
    match members.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(refuse(format!("{name} is not a string; send a string"))),
    }
}

fn flag(members: &Map<String, Value>, name: &str) -> Result<bool, Rejection> {
    match members.get(name) {
        None => Ok(false),
        Some(Value::Bool(flag)) => Ok(*flag),
        Some(_) => Err(refuse(format!(
            "{name} is not true or false; send a boolean"
        ))),
    }
}

fn texts<'a>(
    members: &'a Map<String, Value>,
    name: &str,
    most: usize,
) -> Result<Option<Vec<&'a str>>, Rejection> {
    let wrong = || refuse(format!("{name} is not an array of strings; send one"));
    let Some(value) = members.get(name) else {
        return Ok(None);
    };
    let items = value.as_array().ok_or_else(wrong)?;
    if items.len() > most {
        return Err(refuse(format!(
            "{name} has more than {most} entries; send fewer"
        )));
    }
    let items = items.iter().map(|item| item.as_str().ok_or_else(wrong));
    items.collect::<Result<_, _>>().map(Some)
}

/// A member whose value is one of a closed list.
fn word<W: domain::Word>(members: &Map<String, Value>, name: &str) -> Result<Option<W>, Rejection> {
    let Some(text) = text(members, name)? else {
        return Ok(None);
    };
    W::from_word(text).map(Some).ok_or_else(|| {
        let known: Vec<_> = W::ALL.iter().map(|word| word.as_str()).collect();
        refuse(format!(
            "{name} {} is not supported; use one of {}",
            quote(text),
            known.join(", ")
        ))
    })
}

fn redirect_uris(uris: &[&str], kind: ApplicationType) -> Result<Vec<String>, Rejection> {
    let mut parsed: Vec<String> = Vec::with_capacity(uris.len());
    for uri in uris {
        let uri = RedirectUri::parse_for_registration(uri, kind).map_err(|error| {
            Rejection::new(
                ErrorCode::InvalidRedirectUri,
                Reason::RedirectUri,
                format!("redirect URI {} is not acceptable: {error}", quote(uri)),
            )
        })?;
        if !parsed.iter().any(|own| own == uri.as_str()) {
            parsed.push(uri.into_string());
        }
    }
    Ok(parsed)
}

/// The grants of a client that has no operator behind it: with a user in front of it only.
/// Others are left out (RFC 7591 §3.2.1).
fn grant_types(members: &Map<String, Value>) -> Result<Vec<GrantType>, Rejection> {
    const OPEN: [GrantType; 2] = [GrantType::AuthorizationCode, GrantType::RefreshToken];
    let Some(names) = texts(members, "grant_types", 32)? else {
        return Ok(OPEN.to_vec());
    };
    let mut grants: Vec<GrantType> = Vec::new();
    for grant in names.into_iter().filter_map(GrantType::from_word) {
        if OPEN.contains(&grant) && !grants.contains(&grant) {
            grants.push(grant);
        }
    }
    // RFC 7591 §2.1: response type `code` goes with grant type `authorization_code`, and a
    // refresh token needs something to descend from.
    if !grants.contains(&GrantType::AuthorizationCode) {
        return Err(refuse(
            "grant_types lacks authorization_code, the only way to a first token for a client \
             that registers itself; add it",
        ));
    }
    Ok(grants)
}

fn response_types(members: &Map<String, Value>) -> Result<Vec<String>, Rejection> {
    let names = texts(members, "response_types", 32)?;
    if names.is_some_and(|names| !names.contains(&"code")) {
        return Err(refuse(
            "response_types lacks code, the only one that is supported; add it",
        ));
    }
    Ok(vec![String::from("code")])
}

/// `client_name`: no character that could make it look like other text than it is.
fn name(members: &Map<String, Value>) -> Result<Option<String>, Rejection> {
    let name = prose(members, "client_name", MAX_NAME)?;
    Ok(name.filter(|name| !name.trim().is_empty()))
}

fn prose(
    members: &Map<String, Value>,
    name: &str,
    most: usize,
) -> Result<Option<String>, Rejection> {
    let Some(text) = text(members, name)? else {
        return Ok(None);
    };
    if text.chars().count() > most {
        return Err(refuse(format!(
            "{name} is longer than {most} characters; shorten it"
        )));
    }
    if text.chars().any(|c| c.is_control() || is_deceptive(c)) {
        return Err(refuse(format!(
            "{name} has a control or text-direction character; remove it"
        )));
    }
    Ok(Some(text.to_owned()))
}

/// Characters that cannot be seen and change how those around them are seen: direction marks,
/// overrides and isolates, invisible separators, line separators, tag characters.
fn is_deceptive(c: char) -> bool {
    matches!(c,
        '\u{061c}' | '\u{180e}' | '\u{200b}' | '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}

/// An http or https URL without user name and password, of bounded length.
fn web_url(text: &str) -> Option<Url> {
    let plain = !text
        .chars()
        .any(|c| c.is_control() || c.is_whitespace() || is_deceptive(c));
    Url::parse(text).ok().filter(|url| {
        plain
            && text.len() <= MAX_LINK
            && matches!(url.scheme(), "http" | "https")
            && url.username().is_empty()
            && url.password().is_none()
    })
}

/// `client_uri` and `logo_uri`: web pages (RFC 7591 §2).
fn link(members: &Map<String, Value>, name: &str) -> Result<Option<String>, Rejection> {
    let Some(text) = text(members, name)?.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    match web_url(text) {
        Some(_) => Ok(Some(text.to_owned())),
        None => Err(refuse(format!(
            "{name} is not an http or https URL of at most {MAX_LINK} bytes; correct it or \
             leave it out"
        ))),
    }
}

/// A successful registration (RFC 7591 §3.2.1): the credentials and all that was registered.
#[derive(Clone, Serialize)]
pub struct RegistrationResponse {
    /// The new id.
    pub client_id: String,
    /// When it was issued, in seconds.
    pub client_id_issued_at: i64,
    /// The secret, shown this once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<String>,
    /// With a secret: `0`, it does not expire.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_secret_expires_at: Option<i64>,
    /// As registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_name: Option<String>,
    /// As registered.
    pub redirect_uris: Vec<String>,
    /// As registered.
    pub grant_types: Vec<GrantType>,
    /// As registered.
    pub response_types: Vec<String>,
    /// As registered.
    pub token_endpoint_auth_method: AuthMethod,
    /// As registered, when there is more than one (OpenID Connect RP Metadata Choices 1.0 §2).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub token_endpoint_auth_methods_supported: Vec<AuthMethod>,
    /// As registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_endpoint_auth_signing_alg: Option<ClientSigningAlgorithm>,
    /// As registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks: Option<Value>,
    /// As registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jwks_uri: Option<String>,
    /// As registered.
    pub application_type: ApplicationType,
    /// The scope ceiling that the server assigned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// As registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_uri: Option<String>,
    /// As registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logo_uri: Option<String>,
    /// Only of agents.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub agent: bool,
    /// As registered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent_description: Option<String>,
}

impl RegistrationResponse {
    /// The answer to `registration`, which became the client `client_id` at `issued_at`
    /// (seconds), with `scope` (unless empty) as its ceiling.
    #[must_use]
    pub fn new(
        registration: ClientRegistration,
        client_id: String,
        issued_at: i64,
        client_secret: Option<String>,
        scope: String,
    ) -> Self {
        let keys = registration.keys.as_ref();
        let method = registration.token_endpoint_auth_method;
        let further = registration.further_auth_methods;
        Self {
            jwks: keys
                .and_then(ClientKeys::jwks)
                .and_then(|jwks| serde_json::from_str(jwks).ok()),
            jwks_uri: keys.and_then(ClientKeys::jwks_uri).map(str::to_owned),
            token_endpoint_auth_methods_supported: match further.is_empty() {
                true => Vec::new(),
                false => std::iter::once(method).chain(further).collect(),
            },
            token_endpoint_auth_signing_alg: registration.token_endpoint_auth_signing_alg,
            client_id,
            client_id_issued_at: issued_at,
            client_secret_expires_at: client_secret.as_ref().map(|_| 0),
            client_secret,
            client_name: registration.client_name,
            redirect_uris: registration.redirect_uris,
            grant_types: registration.grant_types,
            response_types: registration.response_types,
            token_endpoint_auth_method: method,
            application_type: registration.application_type,
            scope: (!scope.is_empty()).then_some(scope),
            client_uri: registration.client_uri,
            logo_uri: registration.logo_uri,
            agent: registration.agent,
            agent_description: registration.agent_description,
        }
    }

    /// The JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl std::fmt::Debug for RegistrationResponse {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistrationResponse")
            .field("client_id", &self.client_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
