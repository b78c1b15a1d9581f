-- Which master key wrapped a row: its id, which tells nothing of the key. NULL: from before there were ids.
CREATE TABLE master_key (
    master_id TEXT PRIMARY KEY,
    wrapped TEXT,
    created_at BIGINT NOT NULL,
    retired_at BIGINT
);
-- One row, `now`: the master key that new things are sealed under.
CREATE TABLE master_key_active (
    slot TEXT PRIMARY KEY,
    master_id TEXT NOT NULL
);
-- Keys for one purpose each (audit, credential): wrapped, so that they outlive the master key.
CREATE TABLE derived_key (
    purpose TEXT PRIMARY KEY,
    sealed BYTEA NOT NULL,
    master_id TEXT,
    created_at BIGINT NOT NULL
);
ALTER TABLE data_key ADD COLUMN master_id TEXT;
ALTER TABLE signing_key ADD COLUMN master_id TEXT;
-- Over what a credential's row says of whom it proves: a digest moved to another row does not pass.
ALTER TABLE credential ADD COLUMN mac TEXT;
