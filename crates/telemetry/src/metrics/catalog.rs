//! The catalog itself: the one place where a metric is named, explained and given its labels.
//!
//! docs/reference/metrics.md is generated from it; after a change run the tests with
//! `UPDATE_REFERENCE=1` to write the page again.

use domain::{AuditAction, BackendKind, GrantType};

use super::definition::{Definition, catalog};
use super::deny_reason::DenyReason;
use super::http::{RequestCounter, RequestHistogram};
use super::instrument::{
    BuildInfo, Builder, Counter, Gauge, Histogram, Instrument, ObservedCounter, ObservedGauge,
    SparseHistogram,
};
use super::labels::{
    AllowlistOp, Cached, ChallengeReason, ConnectionState, ConsentDecision, DbOp, DpopRejection,
    ExchangeKind, FetchOutcome, Listener, LoginOutcome, RegistrationSource, ResourceOp,
    RevocationHalf, RevocationPath, RevokeReason, Signal, StoreKind, SuppressReason, TokenActive,
    VerifierCheck,
};

catalog! {
    tokens_issued: Counter<GrantType> {
        name: "authserver_tokens_issued_total",
        labels: ["grant_type"],
        unit: "{token}",
        help: "Access tokens issued.",
        worry: "It falls to zero while clients are active.",
    }
    tokens_refreshed: Counter<()> {
        name: "authserver_tokens_refreshed_total",
        labels: [],
        unit: "{token}",
        help: "Refresh tokens exchanged for new ones.",
        worry: "It grows much faster than tokens are issued: a client refreshes on every call.",
    }
    tokens_revoked: Counter<RevokeReason> {
        name: "authserver_tokens_revoked_total",
        labels: ["reason"],
        unit: "{token}",
        help: "Tokens and token families revoked.",
        worry: "family_revocation or code_reuse grow: something stolen was used.",
    }
    auth_denied: Counter<DenyReason> {
        name: "authserver_auth_denied_total",
        labels: ["reason"],
        unit: "{request}",
        help: "Authorization, sign-in, token, introspection, revocation and registration requests refused, without those of authserver_auth_challenges_total.",
        worry: "More than 10 a second for five minutes: an attack, or a client with a wrong configuration. The reason says which.",
    }
    auth_challenges: Counter<ChallengeReason> {
        name: "authserver_auth_challenges_total",
        labels: ["reason"],
        unit: "{request}",
        help: "Requests refused that clients send on purpose, to learn which way of authenticating works or to get a nonce.",
        worry: "It grows as fast as tokens are issued: a client finds out anew before every request; configure its method.",
    }
    clients_registered: Counter<RegistrationSource> {
        name: "authserver_clients_registered_total",
        labels: ["source"],
        unit: "{client}",
        help: "Clients registered.",
        worry: "dcr grows without new users: registration is being abused, or a client registers on every start.",
    }
    clients_expired: Counter<()> {
        name: "authserver_clients_expired_total",
        labels: [],
        unit: "{client}",
        help: "Clients that registered themselves and were removed because nobody used them.",
        worry: "It grows as fast as clients register: a client registers on every start, or registration is being abused.",
    }
    consent_decisions: Counter<ConsentDecision> {
        name: "authserver_consent_decisions_total",
        labels: ["decision"],
        unit: "{decision}",
        help: "Answers given on the consent page.",
        worry: "The share of denied rises: users are asked for something they did not expect.",
    }
    login_attempts: Counter<LoginOutcome> {
        name: "authserver_login_attempts_total",
        labels: ["outcome"],
        unit: "{attempt}",
        help: "Sign-in attempts.",
        worry: "failure, locked_out or throttled rise: somebody is guessing passwords.",
    }
    refresh_token_reuse: Counter<()> {
        name: "authserver_refresh_token_reuse_total",
        labels: [],
        unit: "{event}",
        help: "Spent refresh tokens presented again, but for retries; each revokes its token family.",
        worry: "Any increase: a refresh token was stolen, or a client does not store the new one.",
    }
    refresh_token_retries: Counter<()> {
        name: "authserver_refresh_token_retries_total",
        labels: [],
        unit: "{event}",
        help: "Spent refresh tokens presented again within the retry window and answered with the same successor.",
        worry: "It keeps pace with authserver_tokens_refreshed_total: answers get lost on the way, or processes of one client refresh without agreeing.",
    }
    auth_code_reuse: Counter<VerifierCheck> {
        name: "authserver_auth_code_reuse_total",
        labels: ["verifier"],
        unit: "{event}",
        help: "Spent authorization codes presented again.",
        worry: "Any increase: a code was intercepted. valid means the replayer knew the PKCE verifier too.",
    }
    revocation_failures: Counter<(RevocationPath, RevocationHalf)> {
        name: "authserver_revocation_failures_total",
        labels: ["path", "half"],
        unit: "{event}",
        help: "Revocations after a reuse that did not succeed.",
        worry: "Any increase: tokens that should be dead may still work. Look at the database first.",
    }
    introspection: Counter<TokenActive> {
        name: "authserver_introspection_total",
        labels: ["active"],
        unit: "{request}",
        help: "Introspection requests answered.",
        worry: "The share of false rises: resource servers are shown stale or foreign tokens.",
    }
    key_rotation: Counter<()> {
        name: "authserver_key_rotation_total",
        labels: [],
        unit: "{rotation}",
        help: "Rotations of the signing key: new keys that were published.",
        worry: "No increase within the time your policy allows, 90 days in the shipped alert.",
    }
    cimd_fetch_suppressed: Counter<SuppressReason> {
        name: "authserver_cimd_fetch_suppressed_total",
        labels: ["reason"],
        unit: "{fetch}",
        help: "Client ID metadata documents that were needed and not fetched.",
        worry: "capacity grows: somebody makes the server fetch documents.",
    }
    client_jwks_fetch_suppressed: Counter<SuppressReason> {
        name: "authserver_client_jwks_fetch_suppressed_total",
        labels: ["reason"],
        unit: "{fetch}",
        help: "Key sets of clients (jwks_uri) that were needed and not fetched.",
        worry: "capacity grows: somebody makes the server fetch key sets.",
    }
    client_credentials_issued: Counter<()> {
        name: "authplane_client_credentials_issued_total",
        labels: [],
        unit: "{token}",
        help: "Tokens that clients got for themselves.",
        worry: "It falls to zero while machines are at work, or multiplies: a client asks for a token on every call.",
    }
    client_credentials_denied: Counter<DenyReason> {
        name: "authplane_client_credentials_denied_total",
        labels: ["reason"],
        unit: "{request}",
        help: "Requests for such tokens that were refused.",
        worry: "invalid_client grows: somebody guesses secrets, or a rotated secret was not rolled out.",
    }
    dpop_proofs_validated: Counter<()> {
        name: "authplane_dpop_proofs_validated_total",
        labels: [],
        unit: "{proof}",
        help: "DPoP proofs accepted.",
        worry: "It falls while tokens are issued: clients fell back to bearer tokens.",
    }
    dpop_proofs_rejected: Counter<DpopRejection> {
        name: "authplane_dpop_proofs_rejected_total",
        labels: ["reason"],
        unit: "{proof}",
        help: "DPoP proofs refused.",
        worry: "More than 5 a second: htu means a proxy that changes the URL, iat a clock, replay an attack.",
    }
    token_exchange: Counter<(ExchangeKind, BackendKind, BackendKind)> {
        name: "authplane_token_exchange_total",
        labels: ["kind", "source", "target"],
        unit: "{token}",
        help: "Tokens exchanged.",
        worry: "delegation grows without new agents: a token wanders further than it should.",
    }
    token_exchange_denied: Counter<DenyReason> {
        name: "authplane_token_exchange_denied_total",
        labels: ["reason"],
        unit: "{request}",
        help: "Token exchanges refused.",
        worry: "exchange_foreign_token or exchange_client_not_allowed grow: a client tries what it may not.",
    }
    agent_tokens_issued: Counter<()> {
        name: "authplane_agent_tokens_issued_total",
        labels: [],
        unit: "{token}",
        help: "Tokens that name an agent.",
        worry: "It grows much faster than the work of your agents.",
    }
    resource_server_ops: Counter<ResourceOp> {
        name: "authplane_resource_server_ops_total",
        labels: ["op"],
        unit: "{operation}",
        help: "Changes to registered resources.",
        worry: "Any increase that no operator made.",
    }
    allowlist_ops: Counter<AllowlistOp> {
        name: "authplane_allowlist_ops_total",
        labels: ["op"],
        unit: "{operation}",
        help: "Changes to the lists of clients that may exchange for, or run, a resource.",
        worry: "Any increase that no operator made.",
    }
    audit_events_dropped: Counter<AuditAction> {
        name: "authserver_audit_events_dropped_total",
        labels: ["action"],
        unit: "{event}",
        help: "Audit events that could not be written.",
        worry: "Any increase: the audit log has a gap.",
    }
    telemetry_dropped: Counter<Signal> {
        name: "authserver_telemetry_dropped_total",
        labels: ["signal"],
        unit: "{item}",
        help: "Log lines, spans and metric exports dropped because their receiver is slow or gone.",
        worry: "Any lasting increase: what you see is incomplete.",
    }
    http_requests: RequestCounter {
        name: "authserver_http_requests_total",
        labels: ["method", "path", "status"],
        unit: "{request}",
        help: "HTTP requests answered.",
        worry: "The share of 5xx rises.",
    }
    token_issuance_duration: Histogram<GrantType> {
        name: "authserver_token_issuance_duration_seconds",
        labels: ["grant_type"],
        unit: "s",
        help: "Time to answer a token request that succeeded.",
        worry: "The 99th percentile exceeds 0.5 s for ten minutes: the database or the key store is slow.",
    }
    auth_flow_duration: Histogram<()> {
        name: "authserver_auth_flow_duration_seconds",
        labels: [],
        unit: "s",
        help: "Time from an authorization request to its code, the user's thinking included.",
        worry: "The median rises: users have trouble signing in.",
    }
    cimd_fetch_duration: Histogram<FetchOutcome> {
        name: "authserver_cimd_fetch_duration_seconds",
        labels: ["outcome"],
        unit: "s",
        help: "Time to fetch a client ID metadata document.",
        worry: "timeout or unavailable grow: outbound connections are blocked, or one client's host is down.",
    }
    client_jwks_fetch_duration: Histogram<FetchOutcome> {
        name: "authserver_client_jwks_fetch_duration_seconds",
        labels: ["outcome"],
        unit: "s",
        help: "Time to fetch a client's key set from its jwks_uri.",
        worry: "timeout or unavailable grow: outbound connections are blocked, or one client's host is down.",
    }
    db_operation_duration: SparseHistogram<(DbOp, StoreKind)> {
        name: "authserver_db_operation_duration_seconds",
        labels: ["op", "store"],
        unit: "s",
        help: "Time of a database operation, waiting for a connection included.",
        worry: "It rises for all operations: the database is overloaded. For one: look for a lock or a missing index.",
    }
    introspection_duration: Histogram<()> {
        name: "authserver_introspection_duration_seconds",
        labels: [],
        unit: "s",
        help: "Time to answer an introspection request.",
        worry: "It rises: every call to a protected resource that introspects gets slower by as much.",
    }
    key_reload_duration: Histogram<()> {
        name: "authserver_key_reload_duration_seconds",
        labels: [],
        unit: "s",
        help: "Time to read the signing keys again.",
        worry: "It approaches a second: the key store is slow.",
    }
    http_request_duration: RequestHistogram {
        name: "authserver_http_request_duration_seconds",
        labels: ["method", "path", "status"],
        unit: "s",
        help: "Time to answer an HTTP request.",
        worry: "The 99th percentile of a route exceeds what its callers wait for.",
    }
    active_clients: Gauge {
        name: "authserver_active_clients",
        labels: [],
        unit: "{client}",
        help: "Clients that may act, counted in the database.",
        worry: "It grows without new users.",
    }
    active_token_families: Gauge {
        name: "authserver_active_token_families",
        labels: [],
        unit: "{family}",
        help: "Token families that can still be refreshed, counted in the database.",
        worry: "A sudden fall: many users were signed out.",
    }
    key_last_rotation_timestamp: Gauge {
        name: "authserver_key_last_rotation_timestamp_seconds",
        labels: [],
        unit: "s",
        help: "When the newest signing key was made, pending or active, in seconds since 1970.",
        worry: "It lies further back than your rotation policy allows.",
    }
    connections: ObservedGauge<Listener> {
        name: "authserver_connections",
        labels: ["listener"],
        unit: "{connection}",
        help: "Open connections of callers.",
        worry: "public approaches server.max_connections, or what the file limit allows: idle connections are dropped for new ones.",
    }
    cache_bytes: ObservedGauge<Cached> {
        name: "authserver_cache_bytes",
        labels: ["cache"],
        unit: "By",
        help: "Memory that what is cached takes, about. Each cache has a fixed limit, which docs/concepts/storage.md names.",
        worry: "A cache stays at its limit: its values are large, or there are more of them in use than it has room for, and the rest is read from the database every time.",
    }
    build_info: BuildInfo {
        name: "authserver_build_info",
        labels: ["version", "revision"],
        unit: "1",
        help: "Always 1; the labels say which program this is.",
        worry: "Instances differ outside of a rollout.",
    }
    db_pool_connections: ObservedGauge<ConnectionState> {
        name: "authserver_db_pool_connections",
        labels: ["state"],
        unit: "{connection}",
        help: "Database connections of this instance.",
        worry: "idle stays at 0: the pool is too small or queries are slow.",
    }
    db_pool_waiting: ObservedGauge<()> {
        name: "authserver_db_pool_waiting",
        labels: [],
        unit: "{request}",
        help: "Operations that wait for a database connection.",
        worry: "It stays above 0.",
    }
    process_cpu_seconds: ObservedCounter<()> {
        name: "process_cpu_seconds_total",
        labels: [],
        unit: "s",
        help: "Processor time used by the process, user and system.",
        worry: "Its rate approaches the number of processors.",
    }
    process_resident_memory: ObservedGauge<()> {
        name: "process_resident_memory_bytes",
        labels: [],
        unit: "By",
        help: "Memory of the process that is in RAM.",
        worry: "It grows for days without levelling off.",
    }
    process_virtual_memory: ObservedGauge<()> {
        name: "process_virtual_memory_bytes",
        labels: [],
        unit: "By",
        help: "Address space of the process.",
        worry: "Rarely of interest; look at resident memory.",
    }
    process_open_fds: ObservedGauge<()> {
        name: "process_open_fds",
        labels: [],
        unit: "{file}",
        help: "Open file descriptors, connections included.",
        worry: "It approaches process_max_fds.",
    }
    process_max_fds: ObservedGauge<()> {
        name: "process_max_fds",
        labels: [],
        unit: "{file}",
        help: "Limit of open file descriptors.",
        worry: "It is close to the number of connections you expect.",
    }
    process_threads: ObservedGauge<()> {
        name: "process_threads",
        labels: [],
        unit: "{thread}",
        help: "Threads of the process.",
        worry: "It grows without end.",
    }
    process_start_time: ObservedGauge<()> {
        name: "process_start_time_seconds",
        labels: [],
        unit: "s",
        help: "When the process started, in seconds since 1970.",
        worry: "It changes often: the process is restarting.",
    }
}
