-- A server holds the texts, names and tags of whole lists in memory, where a hundred thousand rows are
-- looked through in less than a millisecond; so the indexes of words and tags go. What changed since
-- a server last looked, it finds by the number of the last change of each row of `<list>_text`:
-- numbers only grow, and what was removed keeps its last one.

DROP TABLE tagged;

CREATE TABLE text_changes (
    list   TEXT NOT NULL,
    chunk  BIGINT NOT NULL,
    change BIGINT NOT NULL,
    PRIMARY KEY (list, chunk)
) WITHOUT ROWID;
CREATE UNIQUE INDEX text_changes_in_order ON text_changes (list, change);

DROP TRIGGER models_reworded;
DROP TRIGGER models_unlisted;
DROP TRIGGER models_listed;
DROP TABLE models_grams;
DROP TABLE models_words;
CREATE TRIGGER models_listed AFTER INSERT ON models BEGIN
    INSERT INTO last_keys (account_id, kind, last)
        SELECT id, 'models', (number << 32) + 1 FROM accounts WHERE id = new.account_id
        ON CONFLICT (account_id, kind) DO UPDATE SET last = last + 1;
    UPDATE models SET key = (
        SELECT last FROM last_keys WHERE account_id = new.account_id AND kind = 'models')
        WHERE id = new.id;
    INSERT INTO models_text (chunk, text)
        SELECT key >> 7, char(30) || r.search || char(31) || r.key || char(31) || r.id || char(31)
            || r.name || char(31) || r.version || char(31) || coalesce(r.tags, '[]')
        FROM models r WHERE r.id = new.id
        ON CONFLICT (chunk) DO UPDATE SET text = text || excluded.text;
END;
INSERT INTO text_changes (list, chunk, change)
    SELECT 'models', chunk, row_number() OVER (ORDER BY chunk) FROM models_text;
CREATE TRIGGER models_text_added AFTER INSERT ON models_text BEGIN
    INSERT INTO text_changes (list, chunk, change)
        SELECT 'models', new.chunk, coalesce(max(change), 0) + 1
        FROM text_changes WHERE list = 'models'
        ON CONFLICT (list, chunk) DO UPDATE SET change = excluded.change;
END;
CREATE TRIGGER models_text_changed AFTER UPDATE ON models_text BEGIN
    INSERT INTO text_changes (list, chunk, change)
        SELECT 'models', new.chunk, coalesce(max(change), 0) + 1
        FROM text_changes WHERE list = 'models'
        ON CONFLICT (list, chunk) DO UPDATE SET change = excluded.change;
END;
CREATE TRIGGER models_text_removed AFTER DELETE ON models_text BEGIN
    INSERT INTO text_changes (list, chunk, change)
        SELECT 'models', old.chunk, coalesce(max(change), 0) + 1
        FROM text_changes WHERE list = 'models'
        ON CONFLICT (list, chunk) DO UPDATE SET change = excluded.change;
END;

DROP TRIGGER manifests_unlisted;
DROP TRIGGER manifests_listed;
DROP TABLE manifests_grams;
DROP TABLE manifests_words;
CREATE TRIGGER manifests_listed AFTER INSERT ON manifests BEGIN
    INSERT INTO last_keys (account_id, kind, last)
        SELECT id, 'manifests', (number << 32) + 1 FROM accounts WHERE id = new.account_id
        ON CONFLICT (account_id, kind) DO UPDATE SET last = last + 1;
    UPDATE manifests SET key = (
        SELECT last FROM last_keys WHERE account_id = new.account_id AND kind = 'manifests')
        WHERE id = new.id;
    INSERT INTO manifests_text (chunk, text)
        SELECT key >> 7, char(30) || r.search || char(31) || r.key || char(31) || r.id || char(31)
            || r.name || char(31) || r.version
        FROM manifests r WHERE r.id = new.id
        ON CONFLICT (chunk) DO UPDATE SET text = text || excluded.text;
END;
INSERT INTO text_changes (list, chunk, change)
    SELECT 'manifests', chunk, row_number() OVER (ORDER BY chunk) FROM manifests_text;
CREATE TRIGGER manifests_text_added AFTER INSERT ON manifests_text BEGIN
    INSERT INTO text_changes (list, chunk, change)
        SELECT 'manifests', new.chunk, coalesce(max(change), 0) + 1
        FROM text_changes WHERE list = 'manifests'
        ON CONFLICT (list, chunk) DO UPDATE SET change = excluded.change;
END;
CREATE TRIGGER manifests_text_changed AFTER UPDATE ON manifests_text BEGIN
    INSERT INTO text_changes (list, chunk, change)
        SELECT 'manifests', new.chunk, coalesce(max(change), 0) + 1
        FROM text_changes WHERE list = 'manifests'
        ON CONFLICT (list, chunk) DO UPDATE SET change = excluded.change;
END;
CREATE TRIGGER manifests_text_removed AFTER DELETE ON manifests_text BEGIN
    INSERT INTO text_changes (list, chunk, change)
        SELECT 'manifests', old.chunk, coalesce(max(change), 0) + 1
        FROM text_changes WHERE list = 'manifests'
        ON CONFLICT (list, chunk) DO UPDATE SET change = excluded.change;
END;

DROP TRIGGER images_unlisted;
DROP TRIGGER images_listed;
DROP TABLE images_grams;
DROP TABLE images_words;
CREATE TRIGGER images_listed AFTER INSERT ON images BEGIN
    INSERT INTO last_keys (account_id, kind, last)
        SELECT id, 'images', (number << 32) + 1 FROM accounts WHERE id = new.account_id
        ON CONFLICT (account_id, kind) DO UPDATE SET last = last + 1;
    UPDATE images SET key = (
        SELECT last FROM last_keys WHERE account_id = new.account_id AND kind = 'images')
        WHERE id = new.id;
    INSERT INTO images_text (chunk, text)
        SELECT key >> 7, char(30) || r.search || char(31) || r.key || char(31) || r.id || char(31)
            || r.name || char(31) || r.version || char(31) || r.state
        FROM images r WHERE r.id = new.id
        ON CONFLICT (chunk) DO UPDATE SET text = text || excluded.text;
END;
INSERT INTO text_changes (list, chunk, change)
    SELECT 'images', chunk, row_number() OVER (ORDER BY chunk) FROM images_text;
CREATE TRIGGER images_text_added AFTER INSERT ON images_text BEGIN
    INSERT INTO text_changes (list, chunk, change)
        SELECT 'images', new.chunk, coalesce(max(change), 0) + 1
        FROM text_changes WHERE list = 'images'
        ON CONFLICT (list, chunk) DO UPDATE SET change = excluded.change;
END;
CREATE TRIGGER images_text_changed AFTER UPDATE ON images_text BEGIN
    INSERT INTO text_changes (list, chunk, change)
        SELECT 'images', new.chunk, coalesce(max(change), 0) + 1
        FROM text_changes WHERE list = 'images'
        ON CONFLICT (list, chunk) DO UPDATE SET change = excluded.change;
END;
CREATE TRIGGER images_text_removed AFTER DELETE ON images_text BEGIN
    INSERT INTO text_changes (list, chunk, change)
        SELECT 'images', old.chunk, coalesce(max(change), 0) + 1
        FROM text_changes WHERE list = 'images'
        ON CONFLICT (list, chunk) DO UPDATE SET change = excluded.change;
END;

DROP TRIGGER services_unlisted;
DROP TRIGGER services_listed;
DROP TABLE services_grams;
DROP TABLE services_words;
CREATE TRIGGER services_listed AFTER INSERT ON services BEGIN
    INSERT INTO last_keys (account_id, kind, last)
        SELECT id, 'services', (number << 32) + 1 FROM accounts WHERE id = new.account_id
        ON CONFLICT (account_id, kind) DO UPDATE SET last = last + 1;
    UPDATE services SET key = (
        SELECT last FROM last_keys WHERE account_id = new.account_id AND kind = 'services')
        WHERE id = new.id;
    INSERT INTO services_text (chunk, text)
        SELECT key >> 7, char(30) || r.search || char(31) || r.key || char(31) || r.id || char(31)
            || r.name || char(31) || r.updated_at || char(31) || r.state
        FROM services r WHERE r.id = new.id
        ON CONFLICT (chunk) DO UPDATE SET text = text || excluded.text;
END;
INSERT INTO text_changes (list, chunk, change)
    SELECT 'services', chunk, row_number() OVER (ORDER BY chunk) FROM services_text;
CREATE TRIGGER services_text_added AFTER INSERT ON services_text BEGIN
    INSERT INTO text_changes (list, chunk, change)
        SELECT 'services', new.chunk, coalesce(max(change), 0) + 1
        FROM text_changes WHERE list = 'services'
        ON CONFLICT (list, chunk) DO UPDATE SET change = excluded.change;
END;
CREATE TRIGGER services_text_changed AFTER UPDATE ON services_text BEGIN
    INSERT INTO text_changes (list, chunk, change)
        SELECT 'services', new.chunk, coalesce(max(change), 0) + 1
        FROM text_changes WHERE list = 'services'
        ON CONFLICT (list, chunk) DO UPDATE SET change = excluded.change;
END;
CREATE TRIGGER services_text_removed AFTER DELETE ON services_text BEGIN
    INSERT INTO text_changes (list, chunk, change)
        SELECT 'services', old.chunk, coalesce(max(change), 0) + 1
        FROM text_changes WHERE list = 'services'
        ON CONFLICT (list, chunk) DO UPDATE SET change = excluded.change;
END;

-- The keys of the services that a filter names are read from its index alone.
DROP INDEX services_by_image;
CREATE INDEX services_by_image ON services (image_id, account_id, key);
