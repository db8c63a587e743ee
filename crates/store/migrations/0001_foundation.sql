-- Everything an interactive sign-in needs. One text for both databases: times are
-- milliseconds since 1970 in BIGINT, flags are 0 or 1, lists and policies are JSON in TEXT,
-- digests are 32 bytes.

CREATE TABLE clients (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    secret_hash TEXT,
    redirect_uris TEXT NOT NULL,
    grant_types TEXT NOT NULL,
    response_types TEXT NOT NULL,
    token_endpoint_auth_method TEXT NOT NULL,
    application_type TEXT NOT NULL,
    status TEXT NOT NULL,
    source TEXT NOT NULL,
    scope TEXT NOT NULL,
    client_uri TEXT,
    logo_uri TEXT,
    agent BIGINT NOT NULL,
    agent_description TEXT,
    issued_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX clients_by_age ON clients (issued_at, id);
CREATE INDEX clients_by_status ON clients (status);

CREATE TABLE users (
    id TEXT NOT NULL PRIMARY KEY,
    email TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    password_hash TEXT,
    role TEXT NOT NULL,
    status TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE resources (
    id TEXT NOT NULL PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    uri TEXT UNIQUE,
    backend_kind TEXT NOT NULL,
    display_name TEXT NOT NULL,
    scopes TEXT NOT NULL,
    policy TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    token_digest BYTEA NOT NULL PRIMARY KEY,
    id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    authenticated_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_end ON sessions (expires_at);

CREATE TABLE consent_grants (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    revoked_at BIGINT,
    UNIQUE (user_id, client_id, resource_id)
);

CREATE TABLE authorization_codes (
    digest BYTEA NOT NULL PRIMARY KEY,
    client_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    redirect_uri TEXT NOT NULL,
    code_challenge TEXT NOT NULL,
    scope TEXT NOT NULL,
    resources TEXT NOT NULL,
    auth_time BIGINT NOT NULL,
    family_id TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    spent_at BIGINT
);
CREATE INDEX authorization_codes_by_user ON authorization_codes (user_id);
CREATE INDEX authorization_codes_by_end ON authorization_codes (expires_at);

CREATE TABLE token_families (
    id TEXT NOT NULL PRIMARY KEY,
    user_id TEXT NOT NULL,
    client_id TEXT NOT NULL,
    scope TEXT NOT NULL,
    resources TEXT NOT NULL,
    auth_time BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX token_families_by_user ON token_families (user_id);
CREATE INDEX token_families_by_client ON token_families (client_id);
CREATE INDEX token_families_by_end ON token_families (expires_at);

CREATE TABLE refresh_tokens (
    digest BYTEA NOT NULL PRIMARY KEY,
    family_id TEXT NOT NULL,
    dpop_jkt TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    spent_at BIGINT
);
CREATE INDEX refresh_tokens_by_family ON refresh_tokens (family_id);

CREATE TABLE issuances (
    jti TEXT NOT NULL PRIMARY KEY,
    subject_user_id TEXT,
    client_id TEXT NOT NULL,
    resource_id TEXT,
    audience TEXT NOT NULL,
    scopes TEXT NOT NULL,
    family_id TEXT,
    parent_jti TEXT,
    consent_client_id TEXT,
    dpop_jkt TEXT,
    agent_id TEXT,
    agent_chain TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX issuances_by_client ON issuances (client_id, jti);
CREATE INDEX issuances_by_user ON issuances (subject_user_id, jti) WHERE subject_user_id IS NOT NULL;
CREATE INDEX issuances_by_family ON issuances (family_id) WHERE family_id IS NOT NULL;
CREATE INDEX issuances_by_parent ON issuances (parent_jti) WHERE parent_jti IS NOT NULL;

CREATE TABLE audit_events (
    id TEXT NOT NULL PRIMARY KEY,
    action TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    user_id TEXT,
    client_id TEXT,
    resource TEXT,
    ip TEXT,
    detail TEXT NOT NULL,
    trace_id TEXT,
    request_id TEXT,
    created_at BIGINT NOT NULL,
    writer TEXT NOT NULL,
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);
CREATE INDEX audit_events_by_user ON audit_events (user_id, id) WHERE user_id IS NOT NULL;
CREATE INDEX audit_events_by_client ON audit_events (client_id, id) WHERE client_id IS NOT NULL;
CREATE INDEX audit_events_by_action ON audit_events (action, id);

CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);
