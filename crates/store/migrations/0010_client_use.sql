-- When a client that registered itself last held a grant, as far as purges have seen; null: never yet.
ALTER TABLE clients ADD COLUMN used_at BIGINT;
-- What a purge of clients goes through, oldest first: those that no operator has changed.
CREATE INDEX clients_unused ON clients (source, issued_at, id)
    WHERE used_at IS NULL AND updated_at = issued_at;
CREATE INDEX clients_by_use ON clients (source, used_at, id)
    WHERE used_at IS NOT NULL AND updated_at = issued_at;
