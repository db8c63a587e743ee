-- Proofs of possession that have been used (RFC 9449 §11.1), until they would be too old anyway.

CREATE TABLE dpop_proofs (
    proof BYTEA NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
);
CREATE INDEX dpop_proofs_by_end ON dpop_proofs (expires_at);
