-- Whom the requests of a client are for that name no resource, by slug; what the header of a
-- resource's tokens says they are.

ALTER TABLE clients ADD COLUMN default_resource TEXT;
ALTER TABLE resources ADD COLUMN token_typ TEXT NOT NULL DEFAULT 'at+jwt';

CREATE INDEX clients_by_default_resource ON clients (default_resource) WHERE default_resource IS NOT NULL;
