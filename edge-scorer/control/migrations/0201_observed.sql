-- Where an image was pushed to, answers that repeated requests get again, and what services collected.

ALTER TABLE images ADD COLUMN location TEXT;

-- First answers by `Idempotency-Key`, for 24 hours.
CREATE TABLE first_answers (
    account_id   TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    principal_id TEXT NOT NULL,
    key          TEXT NOT NULL,
    -- Of the kind of request and its body.
    fingerprint  TEXT NOT NULL,
    answer       TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (account_id, principal_id, key)
);
CREATE INDEX first_answers_by_age ON first_answers (created_at);

-- Files of collected inputs and outputs: JSON Lines in the blob store.
CREATE TABLE collected (
    id         TEXT PRIMARY KEY NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    service_id TEXT NOT NULL REFERENCES services (id) ON DELETE CASCADE,
    sha256     TEXT NOT NULL,
    size       BIGINT NOT NULL,
    records    BIGINT NOT NULL,
    first_at   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX collected_by_service ON collected (service_id, created_at DESC, id DESC);
CREATE INDEX collected_by_bytes ON collected (sha256);
CREATE INDEX collected_by_end ON collected (expires_at);

-- Every order that a list offers is read from an index.
CREATE INDEX manifests_in_order ON manifests (account_id, name, id);
CREATE INDEX manifests_by_version ON manifests (account_id, version, id);
CREATE INDEX images_in_order ON images (account_id, name, id);
CREATE INDEX images_by_version ON images (account_id, version, id);
CREATE INDEX images_by_state ON images (account_id, state, id);
CREATE INDEX services_in_order ON services (account_id, name, id);
CREATE INDEX services_by_update ON services (account_id, updated_at, id);
CREATE INDEX services_by_state ON services (account_id, state, id);
CREATE INDEX deployments_in_order ON deployments (account_id, service_name, id);
CREATE INDEX deployments_by_state ON deployments (account_id, state, id);
CREATE INDEX operations_by_type ON operations (account_id, operation_type, created_at DESC, id DESC);
CREATE INDEX operations_in_state ON operations (account_id, state, id);
