//! `admin`: the admin listener.

use crate::schema::section;
use crate::value::{ListenAddress, Secret};

section! {
    /// The admin listener: REST API, console and metrics. Never expose it to the internet.
    pub struct Admin at "admin." {
        /// Open the admin listener.
        enabled: bool = "true", "AUTHPLANE_ADMIN_ENABLED";
        /// Where the admin listener accepts connections. `:9001` means all interfaces.
        address: ListenAddress = ":9001", "AUTHPLANE_ADMIN_ADDRESS";
        /// The key that admin requests carry, at least 16 characters, nothing obvious. Required off
        /// localhost while the listener is on; on localhost one is generated and printed at start.
        api_key: Option<Secret>, "AUTHPLANE_ADMIN_API_KEY";
    }
}
