//! Authorization requests and the redirects that answer them (RFC 6749 §4.1.1, §4.1.2).

use crate::error::{ErrorCode, Reason, Rejection, quote, sanitize_description};
use crate::params::Params;
use crate::pkce::{CodeChallenge, PkceError};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{ClientId, ScopeSet};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The longest `state`, in bytes. RFC 6749 sets no limit; this one leaves room for the
/// signed JSON that some clients put there and keeps redirects within what proxies accept.
pub const MAX_STATE: usize = 2048;
/// The most resources one request may name.
pub const MAX_RESOURCES: usize = 16;
/// A longer `login_hint` is not a hint and is ignored.
const MAX_LOGIN_HINT: usize = 320;

/// The part of an authorization request that decides where answers go.
///
/// Read before anything else: while it is not known to be good, an error is a page and never
/// a redirect (RFC 6749 §4.1.2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationTarget {
    /// Who asks.
    pub client_id: ClientId,
    /// Where the answer should go; may be left out by a client with one registered URI.
    pub redirect_uri: Option<String>,
    /// To be returned unchanged with every answer.
    pub state: Option<String>,
}

impl AuthorizationTarget {
    /// Reads `client_id`, `redirect_uri` and `state`. A `state` longer than [`MAX_STATE`]
    /// fails here, since it could not be returned.
    ///
    /// # Errors
    /// `invalid_request`, to be shown as a page.
    pub fn parse(params: &Params) -> Result<Self, Rejection> {
        if params.get("client_id").is_none() {
            refuse_request_object(params)?;
        }
        let client_id = ClientId::from(params.required("client_id")?);
        let redirect_uri = params.get("redirect_uri");
        if redirect_uri.is_some_and(|uri| uri.len() > crate::redirect_uri::MAX_LENGTH) {
            return Err(invalid(
                "redirect_uri is longer than any that can be registered; send the registered one",
            ));
        }
        let state = params.get("state");
        if state.is_some_and(|state| state.len() > MAX_STATE) {
            return Err(invalid("state is longer than 2048 bytes; shorten it"));
        }
        Ok(Self {
            client_id,
            redirect_uri: redirect_uri.map(str::to_owned),
            state: state.map(str::to_owned),
        })
    }
}

/// What the user is to be asked (OpenID Connect Core §3.1.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Prompt {
    /// Show nothing: answer `login_required` or `consent_required` instead.
    pub none: bool,
    /// Sign in again, even with a session.
    pub login: bool,
    /// Ask for consent again, even when it was given.
    pub consent: bool,
    /// Let the user choose an account.
    pub select_account: bool,
}

impl Prompt {
    fn parse(text: &str) -> Result<Self, Rejection> {
        let mut prompt = Self::default();
        for word in text.split(' ').filter(|word| !word.is_empty()) {
            match word {
                "none" => prompt.none = true,
                "login" => prompt.login = true,
                "consent" => prompt.consent = true,
                "select_account" => prompt.select_account = true,
                other => {
                    return Err(invalid(format!(
                        "prompt {} is not known; use none, login, consent or select_account",
                        quote(other)
                    )));
                }
            }
        }
        if prompt.none && (prompt.login || prompt.consent || prompt.select_account) {
            return Err(invalid(
                "prompt 'none' excludes all others; send it alone or leave it out",
            ));
        }
        Ok(prompt)
    }
}

/// A well-formed authorization request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthorizationRequest {
    /// Who asks.
    pub client_id: ClientId,
    /// Where the answer should go, if the request says so.
    pub redirect_uri: Option<String>,
    /// What is asked for; `None` when `scope` was left out.
    pub scope: Option<ScopeSet>,
    /// To be returned unchanged.
    pub state: Option<String>,
    /// `S256` challenge, the only method.
    pub code_challenge: CodeChallenge,
    /// Thumbprint of the key that the code is to be bound to (RFC 9449 §10).
    pub dpop_jkt: Option<String>,
    /// What the tokens are for (RFC 8707 §2.1), without repeats, in order.
    pub resources: Vec<String>,
    /// What the user is to be asked.
    pub prompt: Prompt,
}

impl AuthorizationRequest {
    /// Reads the whole request (RFC 6749 §4.1.1, RFC 7636 §4.3, RFC 8707 §2.1).
    ///
    /// # Errors
    /// What RFC 6749 §4.1.2.1 and RFC 8707 §2 prescribe, to be redirected once the target is
    /// known to be good.
    pub fn parse(params: &Params) -> Result<Self, Rejection> {
        let target = AuthorizationTarget::parse(params)?;
        refuse_request_object(params)?;
        let response_type = params.required("response_type")?;
        if response_type != "code" {
            return Err(Rejection::new(
                ErrorCode::UnsupportedResponseType,
                Reason::ResponseType,
                format!(
                    "response_type {} is not supported; use code",
                    quote(response_type)
                ),
            ));
        }
        if params
            .get("response_mode")
            .is_some_and(|mode| mode != "query")
        {
            return Err(invalid(
                "response_mode is not supported; use query or leave it out",
            ));
        }
        let prompt = params.get("prompt").map(Prompt::parse).transpose()?;
        Ok(Self {
            client_id: target.client_id,
            redirect_uri: target.redirect_uri,
            state: target.state,
            code_challenge: code_challenge(params)?,
            dpop_jkt: dpop_jkt(params)?,
            scope: scope(params)?,
            resources: resources(params)?,
            prompt: prompt.unwrap_or_default(),
        })
    }
}

/// Who will probably sign in (OpenID Connect Core §3.1.2.1).
#[must_use]
pub fn login_hint(params: &Params) -> Option<&str> {
    params
        .get("login_hint")
        .filter(|hint| hint.len() <= MAX_LOGIN_HINT)
}

fn invalid(description: impl Into<std::borrow::Cow<'static, str>>) -> Rejection {
    Rejection::new(ErrorCode::InvalidRequest, Reason::InvalidParam, description)
}

/// Request objects (RFC 9101) are not read. Whoever sends one may have left everything else out, so
/// that this has to be said before anything about what is missing.
///
/// # Errors
/// `request_not_supported` or `request_uri_not_supported` (RFC 9101 §6.1).
pub fn refuse_request_object(params: &Params) -> Result<(), Rejection> {
    let refuse = |code, description: &'static str| {
        Err(Rejection::new(code, Reason::RequestObject, description))
    };
    if params.get("request").is_some() {
        return refuse(
            ErrorCode::RequestNotSupported,
            "request objects are not supported; send the parameters themselves instead of request",
        );
    }
    if params.get("request_uri").is_some() {
        return refuse(
            ErrorCode::RequestUriNotSupported,
            "request objects are not supported; send the parameters themselves instead of request_uri",
        );
    }
    Ok(())
}

/// PKCE is required, with `S256` (RFC 7636 §4.3, RFC 9700 §2.1.1). A request without a method
/// means `plain` and is refused.
fn code_challenge(params: &Params) -> Result<CodeChallenge, Rejection> {
    let refuse = |reason, description: &'static str| {
        Rejection::new(ErrorCode::InvalidRequest, reason, description)
    };
    let challenge = params.get("code_challenge").ok_or_else(|| {
        refuse(
            Reason::PkceMissing,
            "code_challenge is missing; use PKCE with code_challenge_method S256",
        )
    })?;
    if params.get("code_challenge_method") != Some("S256") {
        return Err(refuse(
            Reason::PkceMethod,
            "code_challenge_method is not S256; plain is not accepted",
        ));
    }
    CodeChallenge::parse(challenge).map_err(|error: PkceError| {
        Rejection::new(
            ErrorCode::InvalidRequest,
            Reason::PkceMalformed,
            error.to_string(),
        )
    })
}

/// `dpop_jkt` (RFC 9449 §10): a SHA-256 thumbprint (RFC 7638 §3).
fn dpop_jkt(params: &Params) -> Result<Option<String>, Rejection> {
    let is_thumbprint = |text: &str| {
        URL_SAFE_NO_PAD
            .decode(text)
            .is_ok_and(|bytes| bytes.len() == 32)
    };
    match params.get("dpop_jkt") {
        Some(text) if !is_thumbprint(text) => Err(invalid(
            "dpop_jkt is not the base64url of a SHA-256 thumbprint; send that of the DPoP key (RFC 7638)",
        )),
        given => Ok(given.map(str::to_owned)),
    }
}

/// `scope` (RFC 6749 §3.3); only blanks count as absent.
pub(crate) fn scope(params: &Params) -> Result<Option<ScopeSet>, Rejection> {
    let Some(text) = params.get("scope") else {
        return Ok(None);
    };
    let scope = ScopeSet::parse(text).map_err(|error| {
        Rejection::new(
            ErrorCode::InvalidScope,
            Reason::ScopeMalformed,
            error.to_string(),
        )
    })?;
    Ok((!scope.is_empty()).then_some(scope))
}

/// All `resource` values (RFC 8707 §2): no fragment, no repeats, at most [`MAX_RESOURCES`].
/// Whether they are URIs or slugs of registered resources is not a question of form.
pub(crate) fn resources(params: &Params) -> Result<Vec<String>, Rejection> {
    let refuse = |description: String| {
        Rejection::new(
            ErrorCode::InvalidTarget,
            Reason::ResourceMalformed,
            description,
        )
    };
    let mut resources: Vec<String> = Vec::new();
    for resource in params.all("resource") {
        if resource.contains('#') {
            return Err(refuse(format!(
                "resource {} has a fragment; remove everything from '#' on",
                quote(resource)
            )));
        }
        if !resources.iter().any(|own| own == resource) {
            resources.push(resource.to_owned());
        }
        if resources.len() > MAX_RESOURCES {
            return Err(refuse(format!(
                "more than {MAX_RESOURCES} resources are named; name fewer"
            )));
        }
    }
    Ok(resources)
}

/// Everything but RFC 3986 unreserved characters. A blank becomes `%20`, which form decoders
/// and plain URI decoders read alike.
const QUERY_PART: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// `redirect_uri` with `params` appended to its query, everything else left as it is (RFC 6749
/// §3.1.2, §4.1.2). Works on the text, so that custom schemes survive unchanged.
#[must_use]
pub fn redirect_with(redirect_uri: &str, params: &[(&str, &str)]) -> String {
    let (base, fragment) = match redirect_uri.find('#') {
        Some(at) => redirect_uri.split_at(at),
        None => (redirect_uri, ""),
    };
    let length: usize = params.iter().map(|(n, v)| n.len() + v.len() + 2).sum();
    let mut uri = String::with_capacity(redirect_uri.len() + length + 16);
    uri.push_str(base);
    let mut separator = match base.find('?') {
        None => "?",
        Some(_) if base.ends_with(['?', '&']) => "",
        Some(_) => "&",
    };
    for (name, value) in params {
        uri.push_str(separator);
        uri.extend(utf8_percent_encode(name, QUERY_PART));
        uri.push('=');
        uri.extend(utf8_percent_encode(value, QUERY_PART));
        separator = "&";
    }
    uri.push_str(fragment);
    uri
}

/// The redirect that hands out a code (RFC 6749 §4.1.2, RFC 9207 §2).
#[must_use]
pub fn success_redirect(redirect_uri: &str, code: &str, state: Option<&str>, iss: &str) -> String {
    let mut params = vec![("code", code)];
    params.extend(state.map(|state| ("state", state)));
    params.push(("iss", iss));
    redirect_with(redirect_uri, &params)
}

/// The redirect that reports an error (RFC 6749 §4.1.2.1, RFC 9207 §2).
#[must_use]
pub fn error_redirect(
    redirect_uri: &str,
    code: ErrorCode,
    description: &str,
    state: Option<&str>,
    iss: &str,
) -> String {
    let description = sanitize_description(description);
    let mut params = vec![
        ("error", code.as_str()),
        ("error_description", description.as_ref()),
    ];
    params.extend(state.map(|state| ("state", state)));
    params.push(("iss", iss));
    redirect_with(redirect_uri, &params)
}

#[cfg(test)]
mod tests;
