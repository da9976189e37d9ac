-- What a row is about where its path names only a collection, and for how many attempts it stands.

-- The id of what was made; of a failed sign-in, of the principal whose secret was guessed.
ALTER TABLE audit ADD COLUMN resource_id TEXT;
-- More than 1 only for failed sign-ins, which share a row.
ALTER TABLE audit ADD COLUMN attempts BIGINT NOT NULL DEFAULT 1;
