//! The clients that a resource lets do more than others: those that may exchange tokens for it,
//! and those as which its own server runs.

use crate::{Engine, Error, Result};
use domain::{AuditAction, Policy, Resource};
use telemetry::metrics::labels::AllowlistOp;

/// A list of clients in the policy of a resource.
#[derive(Clone, Copy)]
enum Allowlist {
    Exchange,
    Runtime,
}

impl Allowlist {
    fn of(self, policy: &mut Policy) -> &mut Vec<String> {
        match self {
            Self::Exchange => &mut policy.exchange.allowed_client_ids,
            Self::Runtime => &mut policy.runtime.client_ids,
        }
    }

    fn action(self, op: AllowlistOp) -> AuditAction {
        match (self, op) {
            (Self::Exchange, AllowlistOp::Add) => AuditAction::ExchangeClientAdded,
            (Self::Exchange, AllowlistOp::Remove) => AuditAction::ExchangeClientRemoved,
            (Self::Runtime, AllowlistOp::Add) => AuditAction::RuntimeClientAdded,
            (Self::Runtime, AllowlistOp::Remove) => AuditAction::RuntimeClientRemoved,
        }
    }
}

impl Engine {
    /// Lets a client exchange tokens for the resource. The first one on the list shuts out all
    /// that are not on it.
    ///
    /// # Errors
    /// `not_found` for an unknown resource or client.
    pub async fn add_exchange_client(&self, reference: &str, client_id: &str) -> Result<Resource> {
        self.allow(Allowlist::Exchange, reference, client_id).await
    }

    /// No longer lets a client exchange tokens for the resource. Without any client on the list,
    /// all may again.
    ///
    /// # Errors
    /// `not_found` for an unknown resource, and for a client that is not on the list.
    pub async fn remove_exchange_client(
        &self,
        reference: &str,
        client_id: &str,
    ) -> Result<Resource> {
        let list = Allowlist::Exchange;
        self.disallow(list, reference, client_id).await
    }

    /// Lets a client introspect tokens of the resource, and exchange tokens in its place.
    ///
    /// # Errors
    /// `not_found` for an unknown resource or client.
    pub async fn add_runtime_client(&self, reference: &str, client_id: &str) -> Result<Resource> {
        self.allow(Allowlist::Runtime, reference, client_id).await
    }

    /// No longer lets a client introspect tokens of the resource.
    ///
    /// # Errors
    /// `not_found` for an unknown resource, and for a client that is not on the list.
    pub async fn remove_runtime_client(
        &self,
        reference: &str,
        client_id: &str,
    ) -> Result<Resource> {
        let list = Allowlist::Runtime;
        self.disallow(list, reference, client_id).await
    }

    async fn allow(&self, list: Allowlist, reference: &str, client_id: &str) -> Result<Resource> {
        self.client(client_id).await?;
        let add = |clients: &mut Vec<String>| {
            if !clients.iter().any(|own| own == client_id) {
                clients.push(client_id.to_owned());
            }
        };
        self.change_allowlist(list, reference, (AllowlistOp::Add, client_id), add)
            .await
    }

    async fn disallow(
        &self,
        list: Allowlist,
        reference: &str,
        client_id: &str,
    ) -> Result<Resource> {
        let mut policy = self.resource(reference).await?.policy.clone();
        if !list.of(&mut policy).iter().any(|own| own == client_id) {
            return Err(Error::not_found(format!(
                "{client_id} is not on the list of {reference}"
            )));
        }
        let remove = |clients: &mut Vec<String>| clients.retain(|own| own != client_id);
        self.change_allowlist(list, reference, (AllowlistOp::Remove, client_id), remove)
            .await
    }

    async fn change_allowlist(
        &self,
        list: Allowlist,
        reference: &str,
        (op, client_id): (AllowlistOp, &str),
        change: impl Fn(&mut Vec<String>),
    ) -> Result<Resource> {
        let apply = |resource: &mut Resource| change(list.of(&mut resource.policy));
        let (resource, changed) = self
            .change_resource(reference, None, (list.action(op), Some(client_id)), apply)
            .await?;
        if changed {
            self.metrics().allowlist_ops.add(op);
        }
        Ok(resource)
    }
}
