//! How much memory values take, for caches and lists that are bounded in bytes.

use crate::{
    AuditEvent, AuditRecord, CatalogScope, Client, ClientKeys, ConnectPolicy, ConsentGrant,
    ExchangePolicy, Issuance, Policy, Resource, RuntimePolicy, TokenFamily, UnixMillis, User,
};
use std::sync::Arc;

/// What an allocator adds to each piece of memory, about.
const ALLOCATION: usize = 16;

/// A value whose memory is known. The numbers are right to within a factor of two.
pub trait Weigh {
    /// Bytes that the value owns elsewhere.
    fn heap_bytes(&self) -> usize;

    /// Bytes of the value with all that it owns.
    fn weight(&self) -> usize
    where
        Self: Sized,
    {
        size_of::<Self>() + self.heap_bytes()
    }
}

/// What an allocation of `bytes` takes; nothing is allocated for none.
fn allocated(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        bytes => bytes + ALLOCATION,
    }
}

impl Weigh for String {
    fn heap_bytes(&self) -> usize {
        allocated(self.capacity())
    }
}

impl<T: Weigh> Weigh for Vec<T> {
    fn heap_bytes(&self) -> usize {
        let own = allocated(self.capacity() * size_of::<T>());
        own + self.iter().map(T::heap_bytes).sum::<usize>()
    }
}

impl<T: Weigh> Weigh for Option<T> {
    fn heap_bytes(&self) -> usize {
        self.as_ref().map_or(0, T::heap_bytes)
    }
}

/// As if nobody else held it.
impl<T: Weigh> Weigh for Arc<T> {
    fn heap_bytes(&self) -> usize {
        allocated(2 * size_of::<usize>() + size_of::<T>()) + T::heap_bytes(self)
    }
}

impl Weigh for bool {
    fn heap_bytes(&self) -> usize {
        0
    }
}

impl Weigh for UnixMillis {
    fn heap_bytes(&self) -> usize {
        0
    }
}

impl Weigh for ClientKeys {
    fn heap_bytes(&self) -> usize {
        let (Self::Jwks(text) | Self::JwksUri(text)) = self;
        text.heap_bytes()
    }
}

/// Weighs structs by their fields. All have to be named: none is forgotten when it is added.
macro_rules! by_fields {
    ($($entity:ident { $($field:ident),+ $(,)? })+) => {$(
        impl Weigh for $entity {
            fn heap_bytes(&self) -> usize {
                let Self { $($field),+ } = self;
                0 $(+ $field.heap_bytes())+
            }
        }
    )+};
}

by_fields! {
    Client {
        id, name, secret_hash, redirect_uris, grant_types, response_types, token_endpoint_auth_method,
        further_auth_methods, token_endpoint_auth_signing_alg, keys, application_type, status, source,
        scope, default_resource, client_uri, logo_uri, agent, agent_description, issued_at, updated_at,
    }
    User { id, email, name, password_hash, role, status, created_at, updated_at }
    Resource {
        id, slug, uri, backend_kind, display_name, scopes, policy, token_typ, created_at, updated_at,
    }
    CatalogScope { name, description, upstream }
    Policy { exchange, runtime, connect }
    ExchangePolicy { allowed_client_ids }
    RuntimePolicy { client_ids }
    ConnectPolicy { allowed_return_urls }
    Issuance {
        jti, subject_user_id, client_id, obtained_by, resource_id, audience, scopes, family_id, parent_jti,
        consent_client_id, consent_resource_id, dpop_jkt, agent_id, agent_chain, issued_at, expires_at,
        revoked_at,
    }
    TokenFamily { id, user_id, client_id, scope, resources, auth_time, created_at, revoked_at }
    ConsentGrant { id, user_id, client_id, resource_id, scopes, created_at, updated_at, revoked_at }
    AuditRecord { id, event, created_at }
    AuditEvent {
        action, actor_id, user_id, client_id, resource, ip, detail, trace_id, request_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nested_texts_are_counted_with_their_places() {
        assert_eq!(String::new().heap_bytes(), 0);
        let texts = vec!["a".repeat(1000), "b".repeat(500)];
        let places = 2 * size_of::<String>();
        assert_eq!(texts.heap_bytes(), places + 1500 + 3 * ALLOCATION);
        assert_eq!(Some(texts.clone()).heap_bytes(), texts.heap_bytes());
        let shared = Arc::new(texts.clone()).heap_bytes();
        assert!(shared > texts.weight() && shared < texts.weight() + 64);
    }

    /// Resident memory of this process.
    #[cfg(target_os = "linux")]
    fn resident_bytes() -> usize {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
        kibibytes.parse::<usize>().unwrap() << 10
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_weight_is_what_the_memory_shows_within_a_factor_of_two() {
        // One large text, or many that are short.
        for (uris, length) in [(1, 16_000), (32, 500), (500, 20)] {
            let client = || Client {
                id: "c".repeat(36).into(),
                name: "n".repeat(20),
                secret_hash: None,
                redirect_uris: (0..uris).map(|_| "u".repeat(length)).collect(),
                grant_types: vec![crate::GrantType::AuthorizationCode],
                response_types: vec!["code".into()],
                token_endpoint_auth_method: crate::AuthMethod::None,
                further_auth_methods: Vec::new(),
                token_endpoint_auth_signing_alg: None,
                keys: None,
                application_type: crate::ApplicationType::Web,
                status: crate::ClientStatus::Active,
                source: crate::ClientSource::Dcr,
                scope: crate::ScopeSet::parse("a b c").unwrap(),
                default_resource: None,
                client_uri: None,
                logo_uri: None,
                agent: false,
                agent_description: None,
                issued_at: UnixMillis(0),
                updated_at: UnixMillis(0),
            };
            let before = resident_bytes();
            let clients: Vec<_> = (0..4000).map(|_| Arc::new(client())).collect();
            let taken = resident_bytes() - before;
            let told: usize = clients.iter().map(Weigh::weight).sum();
            assert!(
                told <= 2 * taken && taken <= 2 * told,
                "{uris} of {length}: {told} told, {taken} taken"
            );
            // What is freed may be taken again without being seen.
            std::mem::forget(clients);
        }
    }
}
