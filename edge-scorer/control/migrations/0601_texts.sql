-- A word that most rows of a list hold, or that is too short for the index of trigrams, is looked for
-- in the texts of all rows. They lie together for that, 128 keys a row, each with what the list is
-- ordered by: `<30>search<31>key<31>id<31>…` in the order of keys. Triggers keep them so.

UPDATE models SET search = replace(replace(search, char(30), ' '), char(31), ' ')
    WHERE instr(search, char(30)) > 0 OR instr(search, char(31)) > 0;
CREATE TABLE models_text (
    chunk BIGINT PRIMARY KEY NOT NULL,
    text  TEXT NOT NULL
);
INSERT INTO models_text (chunk, text) SELECT key >> 7, group_concat(entry, '') FROM (
        SELECT r.key, char(30) || r.search || char(31) || r.key || char(31) || r.id || char(31)
            || r.name || char(31) || r.version || char(31) || coalesce(r.tags, '[]') AS entry
        FROM models r ORDER BY r.key)
    GROUP BY key >> 7;
DROP TRIGGER models_listed;
CREATE TRIGGER models_listed AFTER INSERT ON models BEGIN
    INSERT INTO last_keys (account_id, kind, last)
        SELECT id, 'models', (number << 32) + 1 FROM accounts WHERE id = new.account_id
        ON CONFLICT (account_id, kind) DO UPDATE SET last = last + 1;
    UPDATE models SET key = (
        SELECT last FROM last_keys WHERE account_id = new.account_id AND kind = 'models')
        WHERE id = new.id;
    INSERT INTO models_words (rowid, text)
        SELECT key, search || char(10, 10) FROM models WHERE id = new.id;
    INSERT INTO models_text (chunk, text)
        SELECT key >> 7, char(30) || r.search || char(31) || r.key || char(31) || r.id || char(31)
            || r.name || char(31) || r.version || char(31) || coalesce(r.tags, '[]')
        FROM models r WHERE r.id = new.id
        ON CONFLICT (chunk) DO UPDATE SET text = text || excluded.text;
END;
CREATE TRIGGER models_retold AFTER UPDATE OF search, tags ON models BEGIN
    UPDATE models_text SET text = replace(text,
            char(30) || old.search || char(31) || old.key || char(31) || old.id || char(31)
            || old.name || char(31) || old.version || char(31) || coalesce(old.tags, '[]'),
            char(30) || new.search || char(31) || new.key || char(31) || new.id || char(31)
            || new.name || char(31) || new.version || char(31) || coalesce(new.tags, '[]'))
        WHERE chunk = new.key >> 7;
END;
CREATE TRIGGER models_untold AFTER DELETE ON models BEGIN
    UPDATE models_text SET text = replace(text,
            char(30) || old.search || char(31) || old.key || char(31) || old.id || char(31)
            || old.name || char(31) || old.version || char(31) || coalesce(old.tags, '[]'), '')
        WHERE chunk = old.key >> 7;
    DELETE FROM models_text WHERE chunk = old.key >> 7 AND text = '';
END;

UPDATE manifests SET search = replace(replace(search, char(30), ' '), char(31), ' ')
    WHERE instr(search, char(30)) > 0 OR instr(search, char(31)) > 0;
CREATE TABLE manifests_text (
    chunk BIGINT PRIMARY KEY NOT NULL,
    text  TEXT NOT NULL
);
INSERT INTO manifests_text (chunk, text) SELECT key >> 7, group_concat(entry, '') FROM (
        SELECT r.key, char(30) || r.search || char(31) || r.key || char(31) || r.id || char(31)
            || r.name || char(31) || r.version AS entry
        FROM manifests r ORDER BY r.key)
    GROUP BY key >> 7;
DROP TRIGGER manifests_listed;
CREATE TRIGGER manifests_listed AFTER INSERT ON manifests BEGIN
    INSERT INTO last_keys (account_id, kind, last)
        SELECT id, 'manifests', (number << 32) + 1 FROM accounts WHERE id = new.account_id
        ON CONFLICT (account_id, kind) DO UPDATE SET last = last + 1;
    UPDATE manifests SET key = (
        SELECT last FROM last_keys WHERE account_id = new.account_id AND kind = 'manifests')
        WHERE id = new.id;
    INSERT INTO manifests_words (rowid, text)
        SELECT key, search || char(10, 10) FROM manifests WHERE id = new.id;
    INSERT INTO manifests_text (chunk, text)
        SELECT key >> 7, char(30) || r.search || char(31) || r.key || char(31) || r.id || char(31)
            || r.name || char(31) || r.version
        FROM manifests r WHERE r.id = new.id
        ON CONFLICT (chunk) DO UPDATE SET text = text || excluded.text;
END;
CREATE TRIGGER manifests_untold AFTER DELETE ON manifests BEGIN
    UPDATE manifests_text SET text = replace(text,
            char(30) || old.search || char(31) || old.key || char(31) || old.id || char(31)
            || old.name || char(31) || old.version, '')
        WHERE chunk = old.key >> 7;
    DELETE FROM manifests_text WHERE chunk = old.key >> 7 AND text = '';
END;

UPDATE images SET search = replace(replace(search, char(30), ' '), char(31), ' ')
    WHERE instr(search, char(30)) > 0 OR instr(search, char(31)) > 0;
CREATE TABLE images_text (
    chunk BIGINT PRIMARY KEY NOT NULL,
    text  TEXT NOT NULL
);
INSERT INTO images_text (chunk, text) SELECT key >> 7, group_concat(entry, '') FROM (
        SELECT r.key, char(30) || r.search || char(31) || r.key || char(31) || r.id || char(31)
            || r.name || char(31) || r.version || char(31) || r.state AS entry
        FROM images r ORDER BY r.key)
    GROUP BY key >> 7;
DROP TRIGGER images_listed;
CREATE TRIGGER images_listed AFTER INSERT ON images BEGIN
    INSERT INTO last_keys (account_id, kind, last)
        SELECT id, 'images', (number << 32) + 1 FROM accounts WHERE id = new.account_id
        ON CONFLICT (account_id, kind) DO UPDATE SET last = last + 1;
    UPDATE images SET key = (
        SELECT last FROM last_keys WHERE account_id = new.account_id AND kind = 'images')
        WHERE id = new.id;
    INSERT INTO images_words (rowid, text)
        SELECT key, search || char(10, 10) FROM images WHERE id = new.id;
    INSERT INTO images_text (chunk, text)
        SELECT key >> 7, char(30) || r.search || char(31) || r.key || char(31) || r.id || char(31)
            || r.name || char(31) || r.version || char(31) || r.state
        FROM images r WHERE r.id = new.id
        ON CONFLICT (chunk) DO UPDATE SET text = text || excluded.text;
END;
CREATE TRIGGER images_retold AFTER UPDATE OF state ON images BEGIN
    UPDATE images_text SET text = replace(text,
            char(30) || old.search || char(31) || old.key || char(31) || old.id || char(31)
            || old.name || char(31) || old.version || char(31) || old.state,
            char(30) || new.search || char(31) || new.key || char(31) || new.id || char(31)
            || new.name || char(31) || new.version || char(31) || new.state)
        WHERE chunk = new.key >> 7;
END;
CREATE TRIGGER images_untold AFTER DELETE ON images BEGIN
    UPDATE images_text SET text = replace(text,
            char(30) || old.search || char(31) || old.key || char(31) || old.id || char(31)
            || old.name || char(31) || old.version || char(31) || old.state, '')
        WHERE chunk = old.key >> 7;
    DELETE FROM images_text WHERE chunk = old.key >> 7 AND text = '';
END;

UPDATE services SET search = replace(replace(search, char(30), ' '), char(31), ' ')
    WHERE instr(search, char(30)) > 0 OR instr(search, char(31)) > 0;
CREATE TABLE services_text (
    chunk BIGINT PRIMARY KEY NOT NULL,
    text  TEXT NOT NULL
);
INSERT INTO services_text (chunk, text) SELECT key >> 7, group_concat(entry, '') FROM (
        SELECT r.key, char(30) || r.search || char(31) || r.key || char(31) || r.id || char(31)
            || r.name || char(31) || r.updated_at || char(31) || r.state AS entry
        FROM services r ORDER BY r.key)
    GROUP BY key >> 7;
DROP TRIGGER services_listed;
CREATE TRIGGER services_listed AFTER INSERT ON services BEGIN
    INSERT INTO last_keys (account_id, kind, last)
        SELECT id, 'services', (number << 32) + 1 FROM accounts WHERE id = new.account_id
        ON CONFLICT (account_id, kind) DO UPDATE SET last = last + 1;
    UPDATE services SET key = (
        SELECT last FROM last_keys WHERE account_id = new.account_id AND kind = 'services')
        WHERE id = new.id;
    INSERT INTO services_words (rowid, text)
        SELECT key, search || char(10, 10) FROM services WHERE id = new.id;
    INSERT INTO services_text (chunk, text)
        SELECT key >> 7, char(30) || r.search || char(31) || r.key || char(31) || r.id || char(31)
            || r.name || char(31) || r.updated_at || char(31) || r.state
        FROM services r WHERE r.id = new.id
        ON CONFLICT (chunk) DO UPDATE SET text = text || excluded.text;
END;
CREATE TRIGGER services_retold AFTER UPDATE OF updated_at, state ON services BEGIN
    UPDATE services_text SET text = replace(text,
            char(30) || old.search || char(31) || old.key || char(31) || old.id || char(31)
            || old.name || char(31) || old.updated_at || char(31) || old.state,
            char(30) || new.search || char(31) || new.key || char(31) || new.id || char(31)
            || new.name || char(31) || new.updated_at || char(31) || new.state)
        WHERE chunk = new.key >> 7;
END;
CREATE TRIGGER services_untold AFTER DELETE ON services BEGIN
    UPDATE services_text SET text = replace(text,
            char(30) || old.search || char(31) || old.key || char(31) || old.id || char(31)
            || old.name || char(31) || old.updated_at || char(31) || old.state, '')
        WHERE chunk = old.key >> 7;
    DELETE FROM services_text WHERE chunk = old.key >> 7 AND text = '';
END;
