-- Counts transactions that changed what instances keep in memory, where these ask instead of listening.

CREATE TABLE changes (
    id INTEGER PRIMARY KEY,
    number BIGINT NOT NULL
);
INSERT INTO changes (id, number) VALUES (1, 0);
