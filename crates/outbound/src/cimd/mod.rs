//! Client ID Metadata Documents (draft-ietf-oauth-client-id-metadata-document): a client whose
//! `client_id` is an https URL, under which it publishes what other clients would register.
//!
//! What is kept, and for how long:
//! - A document stays as long as its cache headers say, but no longer than `cimd.cache_ttl`; one
//!   without such headers for [`DEFAULT_LIFETIME`]; one that asks not to be kept for
//!   [`MIN_LIFETIME`], since one authorization needs it at several requests and the server must
//!   not be a means of hammering somebody else's. The draft leaves the bounds to the server.
//! - A failure stays for [`FAILURE_LIFETIME`] ([`TIMEOUT_LIFETIME`] for a timeout).
//! - A stale document is never served.
//!
//! What a document must say is decided by [`oauth::registration`], with the rules that hold for
//! clients that register themselves.

mod client_id;
mod error;
mod resolver;

pub use client_id::{ClientIdUrl, is_client_id_url};
pub use error::CimdError;
pub use resolver::{
    CimdObserver, CimdOptions, CimdResolver, DEFAULT_LIFETIME, FAILURE_LIFETIME, FetchOutcome,
    MIN_LIFETIME, Suppression, TIMEOUT_LIFETIME, Unobserved,
};
