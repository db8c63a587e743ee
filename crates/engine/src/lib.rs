//! What the server decides. One module per use case; the only place where store, keys and
//! outbound requests come together.
//!
//! The web handlers, the admin API and the command line are thin: they read their input, call
//! one function here, and render what it returns. Every refusal is an [`Error`], whose
//! `reason` is the same word in the log line, the metric and the audit row.

pub mod admin;
mod audience;
mod authorize;
mod client_authentication;
mod client_secret;
mod clients;
mod consent_request;
mod csrf;
mod denials;
mod engine;
mod error;
mod grants;
mod health;
mod heartbeat;
mod introspect;
mod keyring;
mod lockout;
mod login;
mod maintenance;
mod metadata;
mod observe;
mod password;
mod refusal;
mod register;
mod revoke;
mod seeds;
mod settings;

pub use authorize::{
    Authorization, ConsentDecision, ConsentResource, ConsentScope, ConsentView, LoginView, Stopped,
};
pub use client_secret::ClientSecrets;
pub use consent_request::{CONSENT_REQUEST_PATH, ConsentRequestView};
pub use csrf::{FormToken, FormTokens};
pub use engine::{Engine, EngineParts};
pub use error::{Error, MissingConsent, Result};
pub use grants::{RefreshSuccessors, TokenAnswer};
pub use health::Health;
pub use login::{Cookie, SignIn, SignedIn};
pub use maintenance::{PurgeReport, Purgeable};
pub use metadata::Documents;
