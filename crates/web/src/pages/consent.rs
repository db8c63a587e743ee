//! The consent page.

use askama::Template;

use super::text::{self, NAME_LENGTH};

/// `GET /consent`: who asks, where the answer goes, and what for.
///
/// The form posts `decision` (`allow` or `deny`, buttons with these ids and of equal weight),
/// `request` and `csrf_token` to `{base_path}{action}`. A second form posts `next` and
/// `csrf_token` to `{base_path}/logout` for someone who is signed in as the wrong person.
///
/// The client's `client_uri` and `logo_uri` are left out on purpose: the browser must not load
/// anything that an unknown client points to.
#[derive(Debug, Clone, Template)]
#[template(path = "consent.html")]
pub struct ConsentPage {
    /// Nonce of the response's Content-Security-Policy, for the style sheet.
    pub nonce: String,
    /// Host (and port) of the issuer, shown at the top so that people see where they are.
    pub issuer_host: String,
    /// Path prefix of the public endpoints, without a slash at its end; usually empty.
    pub base_path: String,
    /// Path below `base_path` to which the answer is posted.
    pub action: &'static str,
    /// Token against cross-site request forgery, bound to `request` and to the
    /// signed-in person, for whom alone the answer holds.
    pub csrf_token: String,
    /// The same for the form that signs out.
    pub sign_out_token: String,
    /// Local path to continue to for someone who signs out, and in again.
    pub after_sign_in: String,
    /// Opaque handle by which the server finds the pending authorization request.
    pub request: String,
    /// Name of the client, as the client wrote it.
    pub client_name: String,
    /// What the server knows about the client besides its name.
    pub identity: ClientIdentity,
    /// Where the browser takes the answer.
    pub destination: Destination,
    /// The resources asked for, each with its scopes; empty if the request names none.
    pub resources: Vec<ConsentResource>,
    /// Whether the client asks for access that lasts while the person is away.
    pub offline_access: bool,
    /// Email of the signed-in person.
    pub user_email: String,
}

/// How the server came to know a client, which decides how far its name can be trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientIdentity {
    /// Registered by an administrator.
    Registered,
    /// Identified by a Client ID Metadata Document, which the server fetched from `host`.
    Document {
        /// Host of the client id.
        host: String,
    },
    /// Registered by itself (RFC 7591); nothing about it is verified.
    SelfRegistered,
}

/// Where a redirect URI leads, by what a person needs to know about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A website.
    Web {
        /// Host of the redirect URI, with its port unless that is the default one.
        host: String,
    },
    /// Nowhere: the answer stays with this server, and the app learns of it when it tries again.
    Here,
    /// A program on the person's own computer (RFC 8252 §7.3).
    Loopback {
        /// Host and port of the redirect URI.
        host: String,
    },
    /// An app that claimed a URI scheme of its own (RFC 8252 §7.1).
    App {
        /// Scheme of the redirect URI, without the colon.
        scheme: String,
    },
}

/// A resource that the client wants to use, with what it wants to do there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentResource {
    /// Name that the operator gave the resource.
    pub display_name: String,
    /// URI (or slug) of the resource.
    pub uri: String,
    /// The scopes asked for.
    pub scopes: Vec<ConsentScope>,
}

impl ConsentResource {
    /// Whether the person allowed a part of this before: then only the rest is a question.
    fn has_news(&self) -> bool {
        self.scopes.iter().any(|scope| !scope.already_granted)
    }

    /// What there is to decide: what is new, or all when nothing is.
    fn asked(&self) -> impl Iterator<Item = &ConsentScope> {
        let has_news = self.has_news();
        let scopes = self.scopes.iter();
        scopes.filter(move |scope| !(has_news && scope.already_granted))
    }

    /// What the person allowed before and need not decide again.
    fn known(&self) -> Vec<&ConsentScope> {
        let scopes = self.scopes.iter();
        scopes
            .filter(|scope| scope.already_granted && self.has_news())
            .collect()
    }
}

/// One scope of a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsentScope {
    /// The scope as it stands in tokens.
    pub name: String,
    /// What it allows, in the operator's words; empty if the catalog has none.
    pub description: String,
    /// Whether the person allowed this before.
    pub already_granted: bool,
}

impl ConsentPage {
    /// The client's name as the page shows it.
    fn client(&self) -> String {
        text::name_of_client(&self.client_name, NAME_LENGTH)
    }

    /// Name of the resource if there is exactly one.
    fn only_resource(&self) -> Option<&str> {
        match self.resources.as_slice() {
            [resource] => Some(&resource.display_name),
            _ => None,
        }
    }
}
