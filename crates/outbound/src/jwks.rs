//! The keys that clients publish at their `jwks_uri` (RFC 7591 §2).

use std::sync::Arc;
use std::time::Duration;

use domain::Clock;
use oauth::jwks::KeySet;
use url::Url;

use crate::documents::{
    Asker, DocumentCache, DocumentError, DocumentObserver, DocumentOptions, Published,
};
use crate::{Document, GuardedClient};

/// How old a kept key set has to be before it is fetched again for a key that it does not have:
/// anybody can make up the name of a key.
pub const MIN_AGE_TO_RENEW: Duration = Duration::from_secs(10);

impl Published for KeySet {
    const NAME: &'static str = "client keys";
    const ACCEPT: &'static str = "application/jwk-set+json, application/json";
    /// Keys are kept ready for use, RSA keys for two algorithms.
    const EXPANSION: usize = 16;

    /// Any media type will do: many hosts serve the file as text, and what it holds decides.
    fn read(document: &Document, _: &str) -> Result<Self, String> {
        Self::parse(&document.body).map_err(|error| error.to_string())
    }
}

/// Finds the keys of clients by their `jwks_uri`. Cheap to clone; clones share one cache.
#[derive(Debug, Clone)]
pub struct JwksResolver(Arc<DocumentCache<KeySet>>);

impl JwksResolver {
    /// A resolver that fetches through `client`.
    #[must_use]
    pub fn new(
        client: GuardedClient,
        options: DocumentOptions,
        clock: Arc<dyn Clock>,
        observer: Arc<dyn DocumentObserver>,
    ) -> Self {
        Self(Arc::new(DocumentCache::new(
            client, options, clock, observer,
        )))
    }

    /// Bytes of memory that kept documents take, and may take.
    #[must_use]
    pub fn cached(&self) -> (u64, u64) {
        self.0.cached()
    }

    /// The key set at `uri`, from the cache or from where it is published.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub async fn resolve(&self, uri: &str, asker: Asker<'_>) -> Result<Arc<KeySet>, DocumentError> {
        self.0.get(&parse(uri)?, None, asker).await
    }

    /// The same for a key that the kept set does not have: fetched again, unless that was done
    /// less than [`MIN_AGE_TO_RENEW`] ago.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub async fn renew(&self, uri: &str, asker: Asker<'_>) -> Result<Arc<KeySet>, DocumentError> {
        self.0
            .get(&parse(uri)?, Some(MIN_AGE_TO_RENEW), asker)
            .await
    }
}

fn parse(uri: &str) -> Result<Url, DocumentError> {
    Url::parse(uri).map_err(|_| DocumentError::UrlInvalid("it cannot be read"))
}
