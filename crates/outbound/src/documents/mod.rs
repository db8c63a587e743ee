//! Documents that clients publish: their metadata, and their keys.
//!
//! What is kept, and for how long:
//! - A document stays as long as its cache headers say, but no longer than `cimd.cache_ttl`; one
//!   without such headers for [`DEFAULT_LIFETIME`]; one that asks not to be kept for
//!   [`MIN_LIFETIME`], since one authorization needs it at several requests and the server must
//!   not be a means of hammering somebody else's. The bounds are left to the server.
//! - A failure stays for [`FAILURE_LIFETIME`] ([`TIMEOUT_LIFETIME`] for a timeout).
//! - A stale document is never served.
//!
//! One host, and one network of callers, has a part of the fetches at once and its own queue for
//! them, so that the slow documents of one do not keep those of others waiting.

mod cache;
mod error;
mod shares;

pub use cache::{
    Asker, DEFAULT_LIFETIME, DocumentObserver, DocumentOptions, FAILURE_LIFETIME, FetchOutcome,
    MIN_LIFETIME, Suppression, TIMEOUT_LIFETIME, Unobserved,
};
pub(crate) use cache::{DocumentCache, Published};
pub use error::DocumentError;
