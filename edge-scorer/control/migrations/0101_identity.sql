-- People, outside principals, sessions that can be listed, role assignments with names, the audit log.

-- What a principal is: ServicePrincipal, Person, OutsidePerson, OutsideGroup.
ALTER TABLE principals ADD COLUMN kind TEXT NOT NULL DEFAULT 'ServicePrincipal';
-- What a person types; the issuer's subject or group for the outside kinds.
ALTER TABLE principals ADD COLUMN sign_in_name TEXT;
ALTER TABLE principals ADD COLUMN password_hash TEXT;
-- The administrator is a client that a person may be as well.
UPDATE principals SET sign_in_name = 'administrator' WHERE administrator = 1;
CREATE UNIQUE INDEX principals_by_sign_in_name ON principals (kind, sign_in_name)
    WHERE sign_in_name IS NOT NULL;

ALTER TABLE secrets ADD COLUMN hint TEXT;
ALTER TABLE secrets ADD COLUMN description TEXT;

ALTER TABLE role_assignments ADD COLUMN id TEXT;
ALTER TABLE role_assignments ADD COLUMN description TEXT;
ALTER TABLE role_assignments ADD COLUMN created_by TEXT;
-- A version 4 UUID for each that is there.
UPDATE role_assignments SET id = lower(
    substr(hex(randomblob(4)), 1, 8) || '-' || substr(hex(randomblob(2)), 1, 4) || '-4'
    || substr(hex(randomblob(2)), 2, 3) || '-a' || substr(hex(randomblob(2)), 2, 3) || '-'
    || substr(hex(randomblob(6)), 1, 12));
CREATE UNIQUE INDEX role_assignments_by_id ON role_assignments (id);
CREATE INDEX role_assignments_by_scope ON role_assignments (scope_key);

ALTER TABLE resource_groups ADD COLUMN tags TEXT NOT NULL DEFAULT '{}';

-- Sessions of older versions cannot be named; whoever had one signs in again.
DELETE FROM sessions;
ALTER TABLE sessions ADD COLUMN id TEXT;
ALTER TABLE sessions ADD COLUMN opened_by TEXT NOT NULL DEFAULT 'Client';
ALTER TABLE sessions ADD COLUMN address TEXT;
-- The groups that the outside issuer vouched for when the session was opened: a JSON list.
ALTER TABLE sessions ADD COLUMN groups TEXT NOT NULL DEFAULT '[]';
CREATE UNIQUE INDEX sessions_by_id ON sessions (id);

CREATE TABLE audit (
    seq               INTEGER PRIMARY KEY AUTOINCREMENT,
    at                BIGINT NOT NULL,
    request_id        TEXT NOT NULL UNIQUE,
    client_request_id TEXT NOT NULL,
    principal_id      TEXT,
    principal_name    TEXT,
    principal_kind    TEXT,
    proof             TEXT,
    address           TEXT,
    operation         TEXT NOT NULL,
    method            TEXT NOT NULL,
    path              TEXT NOT NULL,
    path_key          TEXT NOT NULL,
    scope             TEXT,
    scope_key         TEXT,
    outcome           TEXT NOT NULL,
    status            BIGINT,
    code              TEXT,
    -- 1 when the row was written in the same transaction as the change.
    with_change       BIGINT NOT NULL
);
CREATE INDEX audit_by_time ON audit (at);
CREATE INDEX audit_by_principal ON audit (principal_id, seq);
CREATE INDEX audit_by_scope ON audit (scope_key, seq);
