//! Finding the metadata of a client by its id.

use std::sync::Arc;

use domain::Clock;
use oauth::registration::ClientRegistration;

use super::ClientIdUrl;
use crate::documents::{
    Asker, DocumentCache, DocumentError, DocumentObserver, DocumentOptions, Published,
};
use crate::{Document, GuardedClient};

impl Published for ClientRegistration {
    const NAME: &'static str = "client metadata";
    const ACCEPT: &'static str = "application/json";
    /// Text takes about as much again once it is parsed.
    const EXPANSION: usize = 2;

    fn read(document: &Document, url: &str) -> Result<Self, String> {
        if !document.is_json() {
            return Err(String::from(
                "its media type is not JSON; publish it as application/json",
            ));
        }
        Self::parse_document(&document.body, url)
            .map_err(|refusal| refusal.description.into_owned())
    }
}

/// Finds the metadata of clients that are named by a URL. Cheap to clone; clones share one cache.
#[derive(Debug, Clone)]
pub struct CimdResolver(Arc<DocumentCache<ClientRegistration>>);

impl CimdResolver {
    /// A resolver that fetches through `client`, whose policy says whether `http:` will do.
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

    /// The metadata of the client named `client_id`, from the cache or from where it is published.
    ///
    /// # Errors
    /// See [`DocumentError`].
    pub async fn resolve(
        &self,
        client_id: &str,
        asker: Asker<'_>,
    ) -> Result<Arc<ClientRegistration>, DocumentError> {
        let url = ClientIdUrl::parse(client_id, !self.0.client().policy().require_https)?;
        self.0.get(url.as_url(), None, asker).await
    }
}
