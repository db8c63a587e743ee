-- The key that a code is bound to (RFC 9449 §10).

ALTER TABLE authorization_codes ADD COLUMN dpop_jkt TEXT;

-- Sessions of the console that were ended by signing out, until they would have ended by themselves.

CREATE TABLE console_sign_outs (
    session_digest BYTEA NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX console_sign_outs_by_end ON console_sign_outs (expires_at);
