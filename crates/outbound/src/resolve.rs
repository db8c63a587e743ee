//! Name resolution that yields only addresses one may connect to.

use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::address::{AddressClass, classify};

/// A name with more addresses than this is tried at the first ones only.
const MAX_ADDRESSES: usize = 8;

/// Looks up the addresses of a name. What it yields is judged afterwards.
pub trait LookupAddresses: Send + Sync + 'static {
    /// The addresses of `host`, in the order in which to try them.
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;
}

/// The operating system's resolver.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemLookup;

impl LookupAddresses for SystemLookup {
    fn lookup(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        async move {
            let found = tokio::net::lookup_host((host.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        }
        .boxed()
    }
}

/// Whether `address` may be connected to.
pub(crate) fn is_allowed(address: IpAddr, allow_private: bool) -> bool {
    match classify(address) {
        AddressClass::Public => true,
        AddressClass::Private => allow_private,
        AddressClass::Forbidden => false,
    }
}

/// The resolver the connector asks, at every connection.
pub(crate) struct GuardedResolver {
    pub lookup: Arc<dyn LookupAddresses>,
    pub allow_private: bool,
}

/// Why a name gave no address to connect to.
#[derive(Debug, Clone)]
pub(crate) enum Unresolved {
    Blocked { host: String, address: IpAddr },
    Failed { host: String, detail: String },
}

impl fmt::Display for Unresolved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blocked { host, address } => write!(f, "{host} leads only to {address}"),
            Self::Failed { host, detail } => write!(f, "cannot resolve {host}: {detail}"),
        }
    }
}

impl std::error::Error for Unresolved {}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let host = name.as_str().to_owned();
        let lookup = self.lookup.lookup(host.clone());
        let allow_private = self.allow_private;
        async move {
            let addresses = match lookup.await {
                Ok(addresses) => vet(host, addresses, allow_private)?,
                Err(error) => {
                    let detail = error.to_string();
                    return Err(Unresolved::Failed { host, detail }.into());
                }
            };
            // The connector puts the URL's port in place of 0.
            let sockets = addresses.into_iter().map(|ip| SocketAddr::new(ip, 0));
            Ok(Box::new(sockets) as Addrs)
        }
        .boxed()
    }
}

fn vet(
    host: String,
    addresses: Vec<IpAddr>,
    allow_private: bool,
) -> Result<Vec<IpAddr>, Unresolved> {
    let Some(&first) = addresses.first() else {
        let detail = String::from("no addresses");
        return Err(Unresolved::Failed { host, detail });
    };
    let allowed: Vec<_> = addresses
        .into_iter()
        .filter(|address| is_allowed(*address, allow_private))
        .take(MAX_ADDRESSES)
        .collect();
    if allowed.is_empty() {
        return Err(Unresolved::Blocked {
            host,
            address: first,
        });
    }
    Ok(allowed)
}
