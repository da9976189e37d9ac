-- The management domain's tables. Times are microseconds since 1970, ids are text, JSON is text.
-- Names of Azure resources compare without regard to case: `*_key` columns hold them in lower case.
-- Every list is read through an index that ends in (created_at, id), so that a page costs what it shows.

CREATE TABLE meta (
    name  TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
);

CREATE TABLE tenants (
    id           TEXT PRIMARY KEY NOT NULL,
    domain_names TEXT NOT NULL,
    created_at   BIGINT NOT NULL
);

CREATE TABLE subscriptions (
    id           TEXT PRIMARY KEY NOT NULL,
    tenant_id    TEXT NOT NULL REFERENCES tenants (id),
    display_name TEXT NOT NULL,
    created_at   BIGINT NOT NULL
);

CREATE TABLE resource_groups (
    subscription_id TEXT NOT NULL REFERENCES subscriptions (id),
    name_key        TEXT NOT NULL,
    name            TEXT NOT NULL,
    location        TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    PRIMARY KEY (subscription_id, name_key)
);

CREATE TABLE workspaces (
    id              TEXT PRIMARY KEY NOT NULL,
    subscription_id TEXT NOT NULL,
    group_key       TEXT NOT NULL,
    name_key        TEXT NOT NULL,
    name            TEXT NOT NULL,
    location        TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    UNIQUE (subscription_id, group_key, name_key),
    FOREIGN KEY (subscription_id, group_key) REFERENCES resource_groups (subscription_id, name_key)
);

CREATE TABLE accounts (
    id              TEXT PRIMARY KEY NOT NULL,
    subscription_id TEXT NOT NULL,
    group_key       TEXT NOT NULL,
    name_key        TEXT NOT NULL,
    name            TEXT NOT NULL,
    location        TEXT NOT NULL,
    sku_name        TEXT NOT NULL,
    sku_capacity    BIGINT,
    description     TEXT,
    tags            TEXT NOT NULL,
    created_at      BIGINT NOT NULL,
    modified_at     BIGINT NOT NULL,
    UNIQUE (subscription_id, group_key, name_key),
    FOREIGN KEY (subscription_id, group_key) REFERENCES resource_groups (subscription_id, name_key)
);

-- Identity.

CREATE TABLE principals (
    id            TEXT PRIMARY KEY NOT NULL,
    tenant_id     TEXT NOT NULL REFERENCES tenants (id),
    client_id     TEXT NOT NULL UNIQUE,
    display_name  TEXT NOT NULL,
    administrator BIGINT NOT NULL DEFAULT 0,
    created_at    BIGINT NOT NULL
);

CREATE TABLE secrets (
    id           TEXT PRIMARY KEY NOT NULL,
    principal_id TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    hash         TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX secrets_by_principal ON secrets (principal_id);

CREATE TABLE role_assignments (
    principal_id TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    scope_key    TEXT NOT NULL,
    role         TEXT NOT NULL,
    scope        TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    PRIMARY KEY (principal_id, scope_key, role)
);

CREATE TABLE signing_keys (
    id          TEXT PRIMARY KEY NOT NULL,
    private_key TEXT NOT NULL,
    modulus     TEXT NOT NULL,
    exponent    TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    retired_at  BIGINT
);

CREATE TABLE sessions (
    token_hash   TEXT PRIMARY KEY NOT NULL,
    principal_id TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL
);
CREATE INDEX sessions_by_principal ON sessions (principal_id);

CREATE TABLE sign_in_links (
    token_hash   TEXT PRIMARY KEY NOT NULL,
    principal_id TEXT NOT NULL REFERENCES principals (id) ON DELETE CASCADE,
    created_at   BIGINT NOT NULL,
    expires_at   BIGINT NOT NULL,
    used_at      BIGINT
);

-- Bytes.

CREATE TABLE artifacts (
    account_id TEXT NOT NULL REFERENCES accounts (id),
    path       TEXT NOT NULL,
    sha256     TEXT NOT NULL,
    size       BIGINT NOT NULL,
    stored_at  BIGINT NOT NULL,
    PRIMARY KEY (account_id, path, sha256)
);
CREATE INDEX artifacts_by_bytes ON artifacts (sha256);

CREATE TABLE uploads (
    id         TEXT PRIMARY KEY NOT NULL,
    account_id TEXT NOT NULL REFERENCES accounts (id),
    path       TEXT NOT NULL,
    size       BIGINT NOT NULL,
    sha256     TEXT,
    received   BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX uploads_by_age ON uploads (updated_at);

-- What was found in bytes, once per bytes and compiler.
CREATE TABLE readings (
    sha256   TEXT NOT NULL,
    unpack   BIGINT NOT NULL,
    compiler TEXT NOT NULL,
    reading  TEXT NOT NULL,
    read_at  BIGINT NOT NULL,
    PRIMARY KEY (sha256, unpack, compiler)
);

-- Models, manifests, images. Versions count from 1 per name and are never reused.

CREATE TABLE name_versions (
    account_id   TEXT NOT NULL REFERENCES accounts (id),
    kind         TEXT NOT NULL,
    name         TEXT NOT NULL,
    last_version BIGINT NOT NULL,
    PRIMARY KEY (account_id, kind, name)
);

CREATE TABLE models (
    id              TEXT PRIMARY KEY NOT NULL,
    account_id      TEXT NOT NULL REFERENCES accounts (id),
    name            TEXT NOT NULL,
    version         BIGINT NOT NULL,
    url             TEXT NOT NULL,
    mime_type       TEXT NOT NULL,
    description     TEXT,
    tags            TEXT,
    unpack          BIGINT,
    created_at      BIGINT NOT NULL,
    sha256          TEXT,
    size            BIGINT,
    search          TEXT NOT NULL,
    UNIQUE (account_id, name, version)
);
CREATE INDEX models_newest ON models (account_id, created_at DESC, id DESC);
CREATE INDEX models_by_name ON models (account_id, name, created_at DESC, id DESC);
CREATE INDEX models_in_order ON models (account_id, name, id);
CREATE INDEX models_by_version ON models (account_id, version, id);
CREATE INDEX models_by_bytes ON models (sha256);
CREATE INDEX models_searched ON models (account_id, created_at DESC, id DESC, search);

CREATE TABLE model_tags (
    account_id TEXT NOT NULL,
    tag        TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    model_id   TEXT NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    PRIMARY KEY (account_id, tag, created_at, model_id)
);
CREATE INDEX model_tags_by_model ON model_tags (model_id);

CREATE TABLE manifests (
    id          TEXT PRIMARY KEY NOT NULL,
    account_id  TEXT NOT NULL REFERENCES accounts (id),
    name        TEXT NOT NULL,
    version     BIGINT NOT NULL,
    body        TEXT NOT NULL,
    created_at  BIGINT NOT NULL,
    search      TEXT NOT NULL,
    UNIQUE (account_id, name, version)
);
CREATE INDEX manifests_newest ON manifests (account_id, created_at DESC, id DESC);
CREATE INDEX manifests_by_name ON manifests (account_id, name, created_at DESC, id DESC);

CREATE TABLE manifest_models (
    manifest_id TEXT NOT NULL REFERENCES manifests (id) ON DELETE CASCADE,
    model_id    TEXT NOT NULL REFERENCES models (id),
    position    BIGINT NOT NULL,
    PRIMARY KEY (manifest_id, model_id)
);
CREATE INDEX manifest_models_by_model ON manifest_models (model_id, manifest_id);

CREATE TABLE images (
    id                  TEXT PRIMARY KEY NOT NULL,
    account_id          TEXT NOT NULL REFERENCES accounts (id),
    name                TEXT NOT NULL,
    version             BIGINT NOT NULL,
    description         TEXT,
    compute_resource_id TEXT NOT NULL,
    image_type          TEXT NOT NULL,
    manifest_id         TEXT NOT NULL REFERENCES manifests (id),
    manifest_name       TEXT NOT NULL,
    created_at          BIGINT NOT NULL,
    state               TEXT NOT NULL,
    error               TEXT,
    module_sha256       TEXT,
    module_size         BIGINT,
    -- 1 only when this server's own child compiled the module in this image's operation.
    compiled_here       BIGINT NOT NULL DEFAULT 0,
    signature           TEXT,
    source_sha256       TEXT,
    manifest_digest     TEXT,
    referrer_digest     TEXT,
    search              TEXT NOT NULL,
    UNIQUE (account_id, name, version)
);
CREATE INDEX images_newest ON images (account_id, created_at DESC, id DESC);
CREATE INDEX images_by_manifest ON images (manifest_id, created_at DESC, id DESC);
CREATE INDEX images_by_manifest_name ON images (account_id, manifest_name, created_at DESC, id DESC);
CREATE INDEX images_by_module ON images (module_sha256);
CREATE INDEX images_by_source ON images (source_sha256);

-- The files of an image's OCI layout: blobs that may not go while the image is there.
CREATE TABLE image_blobs (
    image_id   TEXT NOT NULL REFERENCES images (id) ON DELETE CASCADE,
    sha256     TEXT NOT NULL,
    size       BIGINT NOT NULL,
    PRIMARY KEY (image_id, sha256)
);
CREATE INDEX image_blobs_by_bytes ON image_blobs (sha256);

-- Services.

CREATE TABLE services (
    id                  TEXT PRIMARY KEY NOT NULL,
    account_id          TEXT NOT NULL REFERENCES accounts (id),
    name                TEXT NOT NULL,
    public_name         TEXT NOT NULL UNIQUE,
    created_at          BIGINT NOT NULL,
    updated_at          BIGINT NOT NULL,
    state               TEXT NOT NULL,
    error               TEXT,
    compute_resource_id TEXT NOT NULL,
    compute_type        TEXT NOT NULL,
    -- In effect; `wanted_*` is what the newest accepted request asks for.
    image_id            TEXT NOT NULL REFERENCES images (id),
    settings            TEXT NOT NULL,
    wanted_image_id     TEXT NOT NULL REFERENCES images (id),
    wanted_settings     TEXT NOT NULL,
    deployment_id       TEXT,
    primary_key         TEXT NOT NULL,
    secondary_key       TEXT NOT NULL,
    search              TEXT NOT NULL,
    UNIQUE (account_id, name)
);
CREATE INDEX services_newest ON services (account_id, created_at DESC, id DESC);
CREATE INDEX services_by_image ON services (image_id, created_at DESC, id DESC);
CREATE INDEX services_by_wanted_image ON services (wanted_image_id);
CREATE INDEX services_by_compute ON services (account_id, compute_resource_id, created_at DESC, id DESC);

CREATE TABLE deployments (
    id           TEXT PRIMARY KEY NOT NULL,
    account_id   TEXT NOT NULL REFERENCES accounts (id),
    service_id   TEXT NOT NULL REFERENCES services (id) ON DELETE CASCADE,
    service_name TEXT NOT NULL,
    -- May outlive its image: the history stays when an image that nobody serves is deleted.
    image_id     TEXT NOT NULL,
    state        TEXT NOT NULL,
    created_at   BIGINT NOT NULL,
    expired_at   BIGINT
);
CREATE INDEX deployments_newest ON deployments (account_id, created_at DESC, id DESC);
CREATE INDEX deployments_by_service ON deployments (service_id, created_at DESC, id DESC);
CREATE INDEX deployments_by_image ON deployments (image_id);

-- Operations.

CREATE TABLE operations (
    id               TEXT PRIMARY KEY NOT NULL,
    account_id       TEXT NOT NULL REFERENCES accounts (id),
    operation_type   TEXT NOT NULL,
    state            TEXT NOT NULL,
    created_at       BIGINT NOT NULL,
    ended_at         BIGINT,
    resource_id      TEXT NOT NULL,
    resource_path    TEXT NOT NULL,
    deployment_id    TEXT,
    input            TEXT NOT NULL,
    error            TEXT,
    percent_complete BIGINT NOT NULL DEFAULT 0,
    phase            TEXT,
    warnings         TEXT NOT NULL DEFAULT '[]',
    cancel_requested BIGINT NOT NULL DEFAULT 0
);
CREATE INDEX operations_newest ON operations (account_id, created_at DESC, id DESC);
CREATE INDEX operations_by_state ON operations (account_id, state, created_at DESC, id DESC);
CREATE INDEX operations_by_resource ON operations (resource_id, created_at DESC, id DESC);
CREATE INDEX operations_unfinished ON operations (created_at) WHERE ended_at IS NULL;
