//! Client ID Metadata Documents (draft-ietf-oauth-client-id-metadata-document): a client whose
//! `client_id` is an https URL, under which it publishes what other clients would register.
//!
//! What a document must say is decided by [`oauth::registration`], with the rules that hold for
//! clients that register themselves.

mod client_id;
mod resolver;

pub use client_id::{ClientIdUrl, is_client_id_url};
pub use resolver::CimdResolver;
