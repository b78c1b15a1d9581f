-- External stores of a project, and secrets that live in one (docs/decisions/0026-external-stores.md).
-- `settings` is JSON without credentials; `sealed` holds those, bound to this row and to its `revision`, which every change makes anew.
CREATE TABLE secret_store (
    project_id TEXT NOT NULL,
    name TEXT NOT NULL,
    revision TEXT NOT NULL,
    settings TEXT NOT NULL,
    key_id TEXT NOT NULL,
    sealed BYTEA NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (project_id, name)
);
-- Where a secret lives: the store's name, and JSON with the path in it; both NULL for a value of our own.
ALTER TABLE secret ADD COLUMN store TEXT;
ALTER TABLE secret ADD COLUMN source TEXT;
CREATE INDEX secret_of_store ON secret (project_id, store);
