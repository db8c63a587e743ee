-- What the request that exchanged a refresh token had asked for, kept with the successor: who
-- retries it gets no more. Null: it asked for no less than everything.

ALTER TABLE refresh_tokens ADD COLUMN narrowed_to TEXT;
