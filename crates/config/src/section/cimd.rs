//! `cimd`: client ID metadata documents.

use std::time::Duration;

use super::rule::ABOVE_ZERO;
use crate::schema::section;

section! {
    /// Client ID metadata documents: clients whose id is the URL of a document about them.
    pub struct Cimd at "cimd." {
        /// Accept such clients.
        enabled: bool = "true", "AUTHPLANE_CIMD_ENABLED";
        /// Fetch documents over https alone. Off only with an issuer on localhost.
        require_https: bool = "true", "AUTHPLANE_CIMD_REQUIRE_HTTPS";
        /// Fetch documents from private addresses too. On only with an issuer on localhost.
        allow_private_addresses: bool = "false", "AUTHPLANE_CIMD_ALLOW_PRIVATE_ADDRESSES";
        /// Longest time a document is kept before it is fetched again, whatever its HTTP cache
        /// headers say; 0 means fetch it each time.
        cache_ttl: Duration = "1h", "AUTHPLANE_CIMD_CACHE_TTL";
        /// Time for one fetch, connection included.
        fetch_timeout: Duration = "10s", "AUTHPLANE_CIMD_FETCH_TIMEOUT", ABOVE_ZERO;
    }
}
