//! The only place that builds an HTTP client.
//!
//! Some addresses the server fetches are chosen by strangers: a client ID metadata document lives
//! wherever the client says. [`GuardedClient`] therefore looks at where a connection would *go*,
//! not at what a name promises: names are resolved by a resolver that passes on only addresses
//! that may be connected to, so there is no moment between the check and the connection in which
//! DNS could change its answer. It follows no redirect, uses no proxy, keeps no connection and no
//! cookie, decompresses nothing, and bounds time and size of every answer.
//!
//! Names are looked up by the operating system. That honours `/etc/hosts`, `nsswitch.conf` and
//! whatever a container runtime set up, exactly as every other program on the machine does; since
//! the guard judges addresses after resolution, a resolver of our own would add code and no safety.
//!
//! [`documents`] fetches and caches through it what clients publish: [`cimd`] their metadata, [`jwks`]
//! their keys. [`OperatorClient`] is for
//! the operator's own server, whose address nobody else chooses.

mod address;
pub mod cimd;
mod client;
pub mod documents;
mod error;
mod freshness;
pub mod jwks;
mod operator;
mod resolve;

pub use address::{AddressClass, classify};
pub use client::{Document, GetOptions, GuardPolicy, GuardedClient};
pub use error::{ClientBuildError, FetchError};
pub use operator::{OperatorClient, OperatorError};
pub use resolve::{LookupAddresses, SystemLookup};
