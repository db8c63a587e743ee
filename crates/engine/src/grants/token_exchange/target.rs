//! What the new token is to be for.

use crate::audience::{invalid_target, named};
use crate::{Engine, Error, Result};
use domain::Resource;
use oauth::ErrorCode;
use std::sync::Arc;
use telemetry::metrics::DenyReason;

impl Engine {
    /// The one resource that `resource` and `audience` parameters name, by URI or slug (RFC
    /// 8693 §2.1). The gates are about one target, so there can be no second.
    ///
    /// # Errors
    /// `invalid_target`.
    pub(super) async fn exchange_target(
        &self,
        resources: &[String],
        audiences: &[String],
    ) -> Result<Option<Arc<Resource>>> {
        let catalog = self.store().resources().await?;
        let mut target: Option<Arc<Resource>> = None;
        for identifier in resources.iter().chain(audiences) {
            let resource = named(&catalog, identifier).ok_or_else(|| invalid_target(identifier))?;
            match &target {
                Some(other) if other.id != resource.id => {
                    return Err(Error::new(
                        ErrorCode::InvalidTarget,
                        DenyReason::InvalidTarget,
                        "a token can be exchanged for one target at a time",
                    ));
                }
                _ => target = Some(Arc::clone(resource)),
            }
        }
        Ok(target)
    }
}
