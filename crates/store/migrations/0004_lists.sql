-- Lists, newest first, of what has a certain status or source.

DROP INDEX clients_by_status;
CREATE INDEX clients_by_status ON clients (status, issued_at, id);
CREATE INDEX clients_by_source ON clients (source, issued_at, id);
CREATE INDEX users_by_age ON users (created_at, id);
CREATE INDEX users_by_status ON users (status, created_at, id);

-- Families, newest first: their ids begin with their time.

DROP INDEX token_families_by_user;
DROP INDEX token_families_by_client;
CREATE INDEX token_families_by_user ON token_families (user_id, id);
CREATE INDEX token_families_by_client ON token_families (client_id, id);

-- What a client holds, when it is to be deleted.

CREATE INDEX consent_grants_by_client ON consent_grants (client_id);

-- How many tokens have been revoked.

CREATE INDEX issuances_revoked ON issuances (jti) WHERE revoked_at IS NOT NULL;
