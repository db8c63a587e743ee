-- The last sign of life of any server on this database: one row. It is compared with the note that
-- each server keeps beside its keys, which finds a database that was lost or is older than the keys
-- remember; and it is written to find out whether there is room for more.

CREATE TABLE heartbeat (
    id INTEGER PRIMARY KEY,
    database_id TEXT NOT NULL,
    beaten_at BIGINT NOT NULL,
    padding TEXT NOT NULL
);
