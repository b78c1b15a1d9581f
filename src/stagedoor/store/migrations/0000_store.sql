-- The store's own tables. This file alone is run at every start, so it must be safe to repeat.

-- Which migrations this database has had.
CREATE TABLE IF NOT EXISTS schema_version (
    version INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    applied_at BIGINT NOT NULL
);

-- One number a project, raised by every change to identity, credentials, permissions or policy. No row means 0.
CREATE TABLE IF NOT EXISTS epoch (
    project_id TEXT PRIMARY KEY,
    number BIGINT NOT NULL
);
