-- Every page of a list costs what it shows, however much is registered.
--
-- Models, manifests, images and services get a key: the account's number in the upper half, and in
-- the lower a count that only grows. Rows of an account lie together in the order in which they
-- were registered, so that the default order, its pages, counts and skips need one slim index, and a
-- row of the index of words is a row of the list. Keys are given by triggers, never reused, and,
-- unlike SQLite's own rowids, survive a `VACUUM`.

ALTER TABLE accounts ADD COLUMN number BIGINT;
UPDATE accounts SET number = rowid;
CREATE UNIQUE INDEX accounts_by_number ON accounts (number);
CREATE TRIGGER accounts_numbered AFTER INSERT ON accounts BEGIN
    UPDATE accounts SET number = (SELECT coalesce(max(number), 0) + 1 FROM accounts)
        WHERE id = new.id;
END;

CREATE TABLE last_keys (
    account_id TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    kind       TEXT NOT NULL,
    last       BIGINT NOT NULL,
    PRIMARY KEY (account_id, kind)
);

-- The index of words (trigrams of `search`, found by any part of three letters or more) is told of
-- every row by triggers. Two line ends behind each text let its last letters begin a trigram, so
-- that shorter parts are found by the trigrams that they begin.

ALTER TABLE models ADD COLUMN key BIGINT;
UPDATE models SET key = keyed.key FROM (
    SELECT r.id, (a.number << 32)
        + row_number() OVER (PARTITION BY r.account_id ORDER BY r.created_at, r.id) AS key
    FROM models r JOIN accounts a ON a.id = r.account_id) AS keyed
    WHERE keyed.id = models.id;
INSERT INTO last_keys (account_id, kind, last)
    SELECT account_id, 'models', max(key) FROM models GROUP BY account_id;
CREATE UNIQUE INDEX models_by_key ON models (key);
CREATE VIRTUAL TABLE models_words USING fts5 (
    text, content = '', columnsize = 0, detail = none, tokenize = 'trigram case_sensitive 1');
CREATE VIRTUAL TABLE models_grams USING fts5vocab (models_words, row);
INSERT INTO models_words (rowid, text)
    SELECT key, search || char(10, 10) FROM models ORDER BY key;
CREATE TRIGGER models_listed AFTER INSERT ON models BEGIN
    INSERT INTO last_keys (account_id, kind, last)
        SELECT id, 'models', (number << 32) + 1 FROM accounts WHERE id = new.account_id
        ON CONFLICT (account_id, kind) DO UPDATE SET last = last + 1;
    UPDATE models SET key = (
        SELECT last FROM last_keys WHERE account_id = new.account_id AND kind = 'models')
        WHERE id = new.id;
    INSERT INTO models_words (rowid, text)
        SELECT key, search || char(10, 10) FROM models WHERE id = new.id;
END;
CREATE TRIGGER models_reworded AFTER UPDATE OF search ON models WHEN old.search <> new.search BEGIN
    INSERT INTO models_words (models_words, rowid, text)
        VALUES ('delete', old.key, old.search || char(10, 10));
    INSERT INTO models_words (rowid, text) VALUES (new.key, new.search || char(10, 10));
END;
CREATE TRIGGER models_unlisted AFTER DELETE ON models BEGIN
    INSERT INTO models_words (models_words, rowid, text)
        VALUES ('delete', old.key, old.search || char(10, 10));
END;

ALTER TABLE manifests ADD COLUMN key BIGINT;
UPDATE manifests SET key = keyed.key FROM (
    SELECT r.id, (a.number << 32)
        + row_number() OVER (PARTITION BY r.account_id ORDER BY r.created_at, r.id) AS key
    FROM manifests r JOIN accounts a ON a.id = r.account_id) AS keyed
    WHERE keyed.id = manifests.id;
INSERT INTO last_keys (account_id, kind, last)
    SELECT account_id, 'manifests', max(key) FROM manifests GROUP BY account_id;
CREATE UNIQUE INDEX manifests_by_key ON manifests (key);
CREATE VIRTUAL TABLE manifests_words USING fts5 (
    text, content = '', columnsize = 0, detail = none, tokenize = 'trigram case_sensitive 1');
CREATE VIRTUAL TABLE manifests_grams USING fts5vocab (manifests_words, row);
INSERT INTO manifests_words (rowid, text)
    SELECT key, search || char(10, 10) FROM manifests ORDER BY key;
CREATE TRIGGER manifests_listed AFTER INSERT ON manifests BEGIN
    INSERT INTO last_keys (account_id, kind, last)
        SELECT id, 'manifests', (number << 32) + 1 FROM accounts WHERE id = new.account_id
        ON CONFLICT (account_id, kind) DO UPDATE SET last = last + 1;
    UPDATE manifests SET key = (
        SELECT last FROM last_keys WHERE account_id = new.account_id AND kind = 'manifests')
        WHERE id = new.id;
    INSERT INTO manifests_words (rowid, text)
        SELECT key, search || char(10, 10) FROM manifests WHERE id = new.id;
END;
CREATE TRIGGER manifests_unlisted AFTER DELETE ON manifests BEGIN
    INSERT INTO manifests_words (manifests_words, rowid, text)
        VALUES ('delete', old.key, old.search || char(10, 10));
END;

ALTER TABLE images ADD COLUMN key BIGINT;
UPDATE images SET key = keyed.key FROM (
    SELECT r.id, (a.number << 32)
        + row_number() OVER (PARTITION BY r.account_id ORDER BY r.created_at, r.id) AS key
    FROM images r JOIN accounts a ON a.id = r.account_id) AS keyed
    WHERE keyed.id = images.id;
INSERT INTO last_keys (account_id, kind, last)
    SELECT account_id, 'images', max(key) FROM images GROUP BY account_id;
CREATE UNIQUE INDEX images_by_key ON images (key);
CREATE VIRTUAL TABLE images_words USING fts5 (
    text, content = '', columnsize = 0, detail = none, tokenize = 'trigram case_sensitive 1');
CREATE VIRTUAL TABLE images_grams USING fts5vocab (images_words, row);
INSERT INTO images_words (rowid, text)
    SELECT key, search || char(10, 10) FROM images ORDER BY key;
CREATE TRIGGER images_listed AFTER INSERT ON images BEGIN
    INSERT INTO last_keys (account_id, kind, last)
        SELECT id, 'images', (number << 32) + 1 FROM accounts WHERE id = new.account_id
        ON CONFLICT (account_id, kind) DO UPDATE SET last = last + 1;
    UPDATE images SET key = (
        SELECT last FROM last_keys WHERE account_id = new.account_id AND kind = 'images')
        WHERE id = new.id;
    INSERT INTO images_words (rowid, text)
        SELECT key, search || char(10, 10) FROM images WHERE id = new.id;
END;
CREATE TRIGGER images_unlisted AFTER DELETE ON images BEGIN
    INSERT INTO images_words (images_words, rowid, text)
        VALUES ('delete', old.key, old.search || char(10, 10));
END;

ALTER TABLE services ADD COLUMN key BIGINT;
UPDATE services SET key = keyed.key FROM (
    SELECT r.id, (a.number << 32)
        + row_number() OVER (PARTITION BY r.account_id ORDER BY r.created_at, r.id) AS key
    FROM services r JOIN accounts a ON a.id = r.account_id) AS keyed
    WHERE keyed.id = services.id;
INSERT INTO last_keys (account_id, kind, last)
    SELECT account_id, 'services', max(key) FROM services GROUP BY account_id;
CREATE UNIQUE INDEX services_by_key ON services (key);
CREATE VIRTUAL TABLE services_words USING fts5 (
    text, content = '', columnsize = 0, detail = none, tokenize = 'trigram case_sensitive 1');
CREATE VIRTUAL TABLE services_grams USING fts5vocab (services_words, row);
INSERT INTO services_words (rowid, text)
    SELECT key, search || char(10, 10) FROM services ORDER BY key;
CREATE TRIGGER services_listed AFTER INSERT ON services BEGIN
    INSERT INTO last_keys (account_id, kind, last)
        SELECT id, 'services', (number << 32) + 1 FROM accounts WHERE id = new.account_id
        ON CONFLICT (account_id, kind) DO UPDATE SET last = last + 1;
    UPDATE services SET key = (
        SELECT last FROM last_keys WHERE account_id = new.account_id AND kind = 'services')
        WHERE id = new.id;
    INSERT INTO services_words (rowid, text)
        SELECT key, search || char(10, 10) FROM services WHERE id = new.id;
END;
CREATE TRIGGER services_unlisted AFTER DELETE ON services BEGIN
    INSERT INTO services_words (services_words, rowid, text)
        VALUES ('delete', old.key, old.search || char(10, 10));
END;

-- Tags with all that a list of models is ordered by, so that each order is read from an index.
CREATE TABLE tagged (
    account  BIGINT NOT NULL,
    tag      TEXT NOT NULL,
    key      BIGINT NOT NULL,
    name     TEXT NOT NULL,
    version  BIGINT NOT NULL,
    model_id TEXT NOT NULL REFERENCES models (id) ON DELETE CASCADE,
    PRIMARY KEY (account, tag, key)
) WITHOUT ROWID;
INSERT INTO tagged (account, tag, key, name, version, model_id)
    SELECT m.key >> 32, t.tag, m.key, m.name, m.version, m.id
    FROM model_tags t JOIN models m ON m.id = t.model_id;
CREATE INDEX tagged_in_order ON tagged (account, tag, name, model_id);
CREATE INDEX tagged_by_version ON tagged (account, tag, version, model_id);
CREATE INDEX tagged_by_model ON tagged (model_id);
DROP TABLE model_tags;

-- Filters, each in the order of keys.
DROP INDEX models_newest;
DROP INDEX models_searched;
DROP INDEX models_by_name;
CREATE INDEX models_by_name ON models (account_id, name, key);
DROP INDEX manifests_newest;
DROP INDEX manifests_by_name;
CREATE INDEX manifests_by_name ON manifests (account_id, name, key);
DROP INDEX images_newest;
DROP INDEX images_by_manifest;
CREATE INDEX images_by_manifest ON images (manifest_id, key);
DROP INDEX images_by_manifest_name;
CREATE INDEX images_by_manifest_name ON images (account_id, manifest_name, key);
DROP INDEX services_newest;
DROP INDEX services_by_image;
CREATE INDEX services_by_image ON services (image_id, key);
DROP INDEX services_by_compute;
CREATE INDEX services_by_compute ON services (account_id, compute_resource_id, key);

-- Operations grow without bound: each filter in each order.
CREATE INDEX operations_of_kind ON operations (account_id, operation_type, state, created_at, id);
CREATE INDEX operations_of_kind_in_state ON operations (account_id, operation_type, state, id);

-- The audit log, by what it is asked for; `seq` ends every index by itself.
CREATE INDEX audit_by_outcome ON audit (outcome);
CREATE INDEX audit_by_method ON audit (method);
CREATE INDEX audit_by_address ON audit (address);
CREATE INDEX audit_by_caller ON audit (client_request_id);
CREATE INDEX audit_by_path ON audit (path_key);
CREATE INDEX audit_by_made ON audit (path_key || '/' || lower(resource_id));
CREATE VIRTUAL TABLE audit_words USING fts5 (
    text, content = '', columnsize = 0, detail = none, tokenize = 'trigram case_sensitive 1');
CREATE VIRTUAL TABLE audit_grams USING fts5vocab (audit_words, row);
ALTER TABLE audit ADD COLUMN search TEXT NOT NULL DEFAULT '';
UPDATE audit SET search = path_key || char(10) || lower(coalesce(principal_name, ''));
INSERT INTO audit_words (rowid, text) SELECT seq, search || char(10, 10) FROM audit ORDER BY seq;
CREATE TRIGGER audit_listed AFTER INSERT ON audit BEGIN
    INSERT INTO audit_words (rowid, text) VALUES (new.seq, new.search || char(10, 10));
END;
CREATE TRIGGER audit_unlisted AFTER DELETE ON audit BEGIN
    INSERT INTO audit_words (audit_words, rowid, text)
        VALUES ('delete', old.seq, old.search || char(10, 10));
END;
