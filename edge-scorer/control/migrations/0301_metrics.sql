-- What services did, by stretch of time. `series` is a service's or an account's id, `at` the
-- beginning of the stretch and `resolution` its length, both in seconds.

CREATE TABLE metrics (
    series     TEXT NOT NULL,
    resolution BIGINT NOT NULL,
    at         BIGINT NOT NULL,
    sample     BLOB NOT NULL,
    PRIMARY KEY (series, resolution, at)
);
CREATE INDEX metrics_by_time ON metrics (resolution, at);

-- Up to which moment finer rows have become rows of this resolution.
CREATE TABLE metrics_progress (
    resolution BIGINT PRIMARY KEY NOT NULL,
    until      BIGINT NOT NULL
);

CREATE INDEX operations_by_kind ON operations (operation_type, state);
