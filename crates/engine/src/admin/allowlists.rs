//! What the policy of a resource lists: the clients that may exchange tokens for it, those as
//! which its own server runs, and the addresses that users may be sent back to.

use crate::{Engine, Error, Result};
use domain::{AuditAction, Policy, Resource};
use telemetry::metrics::labels::AllowlistOp;

/// A list in the policy of a resource.
#[derive(Clone, Copy)]
enum Allowlist {
    Exchange,
    Runtime,
    Connect,
}

impl Allowlist {
    fn of(self, policy: &mut Policy) -> &mut Vec<String> {
        match self {
            Self::Exchange => &mut policy.exchange.allowed_client_ids,
            Self::Runtime => &mut policy.runtime.client_ids,
            Self::Connect => &mut policy.connect.allowed_return_urls,
        }
    }

    /// Whether its members are clients, which have to be known.
    fn is_of_clients(self) -> bool {
        !matches!(self, Self::Connect)
    }

    fn action(self, op: AllowlistOp) -> AuditAction {
        match (self, op) {
            (Self::Exchange, AllowlistOp::Add) => AuditAction::ExchangeClientAdded,
            (Self::Exchange, AllowlistOp::Remove) => AuditAction::ExchangeClientRemoved,
            (Self::Runtime, AllowlistOp::Add) => AuditAction::RuntimeClientAdded,
            (Self::Runtime, AllowlistOp::Remove) => AuditAction::RuntimeClientRemoved,
            (Self::Connect, AllowlistOp::Add) => AuditAction::ReturnUrlAdded,
            (Self::Connect, AllowlistOp::Remove) => AuditAction::ReturnUrlRemoved,
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

    /// Lets users be sent back to an address after connecting an account for the resource.
    ///
    /// # Errors
    /// `not_found` for an unknown resource; `invalid_request` for what is no absolute URL.
    pub async fn add_return_url(&self, reference: &str, url: &str) -> Result<Resource> {
        self.allow(Allowlist::Connect, reference, url).await
    }

    /// No longer lets users be sent back to an address.
    ///
    /// # Errors
    /// `not_found` for an unknown resource, and for an address that is not on the list.
    pub async fn remove_return_url(&self, reference: &str, url: &str) -> Result<Resource> {
        self.disallow(Allowlist::Connect, reference, url).await
    }

    async fn allow(&self, list: Allowlist, reference: &str, member: &str) -> Result<Resource> {
        if list.is_of_clients() {
            self.client(member).await?;
        }
        let add = |members: &mut Vec<String>| {
            if !members.iter().any(|own| own == member) {
                members.push(member.to_owned());
            }
        };
        self.change_allowlist(list, reference, (AllowlistOp::Add, member), add)
            .await
    }

    async fn disallow(&self, list: Allowlist, reference: &str, member: &str) -> Result<Resource> {
        let mut policy = self.resource(reference).await?.policy.clone();
        if !list.of(&mut policy).iter().any(|own| own == member) {
            return Err(Error::not_found(format!(
                "{member} is not on the list of {reference}"
            )));
        }
        let remove = |members: &mut Vec<String>| members.retain(|own| own != member);
        self.change_allowlist(list, reference, (AllowlistOp::Remove, member), remove)
            .await
    }

    async fn change_allowlist(
        &self,
        list: Allowlist,
        reference: &str,
        (op, member): (AllowlistOp, &str),
        change: impl Fn(&mut Vec<String>),
    ) -> Result<Resource> {
        let apply = |resource: &mut Resource| change(list.of(&mut resource.policy));
        let client_id = Some(member).filter(|_| list.is_of_clients());
        let (resource, changed) = self
            .change_resource(reference, None, (list.action(op), client_id), apply)
            .await?;
        if changed {
            self.metrics().allowlist_ops.add(op);
        }
        Ok(resource)
    }
}
