//! The columns of each entity, in the order in which statements name them.

use super::row::{Columns, FromRow};
use super::value::{Column, Value};
use crate::Result;
use crate::chain::Link;
use const_format::concatcp;
use domain::{
    AuditEvent, AuditRecord, AuthorizationCode, Client, ClientKeys, ConsentGrant, FrontingLink,
    Issuance, RefreshToken, RefreshTokenState, Resource, Session, TokenFamily, User,
};

/// What takes one column, or several that follow each other.
pub(crate) trait ToColumns {
    /// Adds its values.
    fn put_all<'v>(&'v self, values: &mut Vec<Value<'v>>);
}

/// What has columns with names.
pub(crate) trait Table: ToColumns {
    /// Their names, as a statement lists them.
    const LIST: &'static str;
}

impl<T: Column> ToColumns for T {
    fn put_all<'v>(&'v self, values: &mut Vec<Value<'v>>) {
        values.push(self.put());
    }
}

/// The name of a field's column, or the names of its columns.
macro_rules! names {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident, $names:expr) => {
        $names
    };
}

macro_rules! tables {
    ($($entity:ident { $first:ident $(= $first_names:expr)? $(, $field:ident $(= $names:expr)?)* $(,)? })+) => {$(
        impl FromRow for $entity {
            fn from_row(columns: &mut Columns<'_>) -> Result<Self> {
                // Fields are evaluated in the order in which they are written here.
                Ok(Self {
                    $first: FromRow::from_row(columns)?
                    $(, $field: FromRow::from_row(columns)?)*
                })
            }
        }
        impl ToColumns for $entity {
            fn put_all<'v>(&'v self, values: &mut Vec<Value<'v>>) {
                self.$first.put_all(values);
                $(self.$field.put_all(values);)*
            }
        }
        impl Table for $entity {
            const LIST: &'static str =
                concatcp!(names!($first $(, $first_names)?) $(, ", ", names!($field $(, $names)?))*);
        }
    )+};
}

tables! {
    Client {
        id, name, secret_hash, redirect_uris, grant_types, response_types, token_endpoint_auth_method,
        further_auth_methods, token_endpoint_auth_signing_alg, keys = "jwks, jwks_uri", application_type,
        status, source, scope, default_resource, client_uri, logo_uri, agent, agent_description, issued_at,
        updated_at,
    }
    User { id, email, name, password_hash, role, status, created_at, updated_at }
    Session { token = "token_digest", id, user_id, authenticated_at, expires_at }
    Resource {
        id, slug, uri, backend_kind, display_name, scopes, policy, token_typ, created_at, updated_at,
    }
    FrontingLink { source_id, target_id, scope_map, created_at, created_by, updated_at }
    ConsentGrant { id, user_id, client_id, resource_id, scopes, created_at, updated_at, revoked_at }
    AuthorizationCode {
        digest, client_id, user_id, redirect_uri, code_challenge, dpop_jkt, scope, resources, auth_time,
        family_id, created_at, expires_at,
    }
    TokenFamily { id, user_id, client_id, scope, resources, auth_time, created_at, revoked_at }
    RefreshToken { digest, family_id, dpop_jkt, created_at, expires_at, spent_at, narrowed_to }
    Issuance {
        jti, subject_user_id, client_id, resource_id, audience, scopes, family_id, parent_jti,
        consent_client_id, consent_resource_id, obtained_by, dpop_jkt, agent_id, agent_chain, issued_at,
        expires_at, revoked_at,
    }
    AuditEvent {
        action, actor_id, user_id, client_id, resource, ip, detail, trace_id, request_id,
    }
    AuditRecord { id, event = AuditEvent::LIST, created_at }
    AuditRow {
        id, action, actor_id, user_id, client_id, resource, ip, detail, trace_id, request_id, created_at,
    }
    LinkRow { row = AuditRow::LIST, writer, seq, hash }
}

impl FromRow for Option<ClientKeys> {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self> {
        let (jwks, jwks_uri) = FromRow::from_row(columns)?;
        Ok(ClientKeys::from_parts(jwks, jwks_uri))
    }
}

impl ToColumns for Option<ClientKeys> {
    fn put_all<'v>(&'v self, values: &mut Vec<Value<'v>>) {
        let text = |text: Option<&'v str>| text.map_or(String::NULL, Value::from);
        values.push(text(self.as_ref().and_then(ClientKeys::jwks)));
        values.push(text(self.as_ref().and_then(ClientKeys::jwks_uri)));
    }
}

impl FromRow for RefreshTokenState {
    fn from_row(columns: &mut Columns<'_>) -> Result<Self> {
        Ok(Self {
            token: FromRow::from_row(columns)?,
            family: FromRow::from_row(columns)?,
        })
    }
}

/// An audit row as it stands in the table, whatever its words are.
pub(crate) struct AuditRow {
    pub(crate) id: String,
    pub(crate) action: String,
    pub(crate) actor_id: String,
    pub(crate) user_id: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) ip: Option<String>,
    pub(crate) detail: String,
    pub(crate) trace_id: Option<String>,
    pub(crate) request_id: Option<String>,
    pub(crate) created_at: i64,
}

/// An audit row with its place in its writer's chain.
pub(crate) struct LinkRow {
    pub(crate) row: AuditRow,
    pub(crate) writer: String,
    pub(crate) seq: i64,
    pub(crate) hash: String,
}

impl ToColumns for Link<'_> {
    fn put_all<'v>(&'v self, values: &mut Vec<Value<'v>>) {
        self.id.put_all(values);
        self.event.put_all(values);
        self.created_at.put_all(values);
        values.push(Value::from(&*self.writer));
        self.seq.put_all(values);
        self.hash.put_all(values);
    }
}

impl Table for Link<'_> {
    const LIST: &'static str = LinkRow::LIST;
}
