-- Clients that authenticate with keys of their own (RFC 7523 §2.2), and that may choose among
-- several methods.

ALTER TABLE clients ADD COLUMN further_auth_methods TEXT NOT NULL DEFAULT '[]';
ALTER TABLE clients ADD COLUMN token_endpoint_auth_signing_alg TEXT;
ALTER TABLE clients ADD COLUMN jwks TEXT;
ALTER TABLE clients ADD COLUMN jwks_uri TEXT;

-- Assertions that have been used (RFC 7523 §3), until they would be too old anyway.

CREATE TABLE client_assertions (
    assertion BYTEA NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX client_assertions_by_end ON client_assertions (expires_at);
