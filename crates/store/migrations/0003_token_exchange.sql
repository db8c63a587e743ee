-- Token exchange: which resource may obtain tokens for which, and whose consent a token rests on.

CREATE TABLE fronting_links (
    source_id TEXT NOT NULL,
    target_id TEXT NOT NULL,
    scope_map TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (source_id, target_id)
);
CREATE INDEX fronting_links_by_target ON fronting_links (target_id);

ALTER TABLE issuances ADD COLUMN consent_resource_id TEXT;
-- A token that a gateway obtains is issued to the gateway: this is the client that runs it.
ALTER TABLE issuances ADD COLUMN obtained_by TEXT;
CREATE INDEX issuances_by_obtainer ON issuances (obtained_by) WHERE obtained_by IS NOT NULL;
